//! The EventListener of releases: what of an event reaches the run, and what the run is called.

use std::fs;

use serde_json::{Value, json};

use crate::docs::root;

fn yaml(name: &str) -> Value {
    let path = root().join("triggers/release").join(name);
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn recorded(name: &str) -> Value {
    let path = root().join(format!("tests/fixtures/events/{name}-release.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The trigger with this name: its filter, its overlays and its bindings.
struct Trigger {
    filter: String,
    overlays: Vec<(String, String)>,
    bindings: Vec<(String, String)>,
}

fn pairs(list: &Value, key: &str, value: &str) -> Vec<(String, String)> {
    let text = |one: &Value, member: &str| one[member].as_str().unwrap().to_owned();
    let list = list.as_array().unwrap().iter();
    list.map(|one| (text(one, key), text(one, value))).collect()
}

fn trigger(name: &str) -> Trigger {
    let listener = yaml("event-listener.yaml");
    let all = listener["spec"]["triggers"].as_array().unwrap();
    let one = all.iter().find(|one| one["name"] == name).unwrap();
    let params = one["interceptors"][1]["params"].as_array().unwrap();
    let param = |name: &str| &params.iter().find(|one| one["name"] == name).unwrap()["value"];
    Trigger {
        filter: param("filter").as_str().unwrap().to_owned(),
        overlays: pairs(param("overlays"), "key", "expression"),
        bindings: pairs(&one["bindings"], "name", "value"),
    }
}

/// The member of the event that an expression names.
fn member<'a>(event: &'a Value, path: &str) -> &'a Value {
    let path = path.strip_prefix("body.").unwrap();
    path.split('.').fold(event, |value, name| &value[name])
}

/// The value of an overlay: literals, members and numbers as texts, joined by `+`.
fn evaluate(expression: &str, event: &Value, gitea: bool) -> String {
    const BY_HOST: &str = "(header.canonical('X-Gitea-Event') == '' ? ";
    let mut text = String::new();
    let expression = match expression.strip_prefix(BY_HOST) {
        Some(rest) => {
            let (beginnings, rest) = rest.split_once(") + ").unwrap();
            let (github, other) = beginnings.split_once(" : ").unwrap();
            text.push_str(if gitea { other } else { github }.trim_matches('\''));
            rest
        }
        None => expression,
    };
    for term in expression.split(" + ") {
        let term = term.trim();
        let number = term
            .strip_prefix("string(int(")
            .and_then(|term| term.strip_suffix("))"));
        match (number, term.strip_prefix('\'')) {
            (Some(path), _) => text.push_str(&member(event, path).as_i64().unwrap().to_string()),
            (_, Some(literal)) => text.push_str(literal.strip_suffix('\'').unwrap()),
            _ => text.push_str(member(event, term).as_str().unwrap()),
        }
    }
    text
}

impl Trigger {
    /// The params of the run that an event starts.
    fn params(&self, event: &Value, gitea: bool) -> Vec<(String, String)> {
        let of = |value: &str| {
            let key = value
                .strip_prefix("$(extensions.")
                .unwrap()
                .strip_suffix(')')
                .unwrap();
            let overlay = self
                .overlays
                .iter()
                .find(|(known, _)| known == key)
                .unwrap();
            evaluate(&overlay.1, event, gitea)
        };
        let bindings = self.bindings.iter();
        bindings
            .map(|(name, value)| (name.clone(), of(value)))
            .collect()
    }

    fn run(&self, event: &Value, gitea: bool) -> String {
        let params = self.params(event, gitea);
        params
            .into_iter()
            .find(|(name, _)| name == "run")
            .unwrap()
            .1
    }

    /// The members of the event that decide anything.
    fn members(&self) -> Vec<String> {
        let overlays = self
            .overlays
            .iter()
            .map(|(_, expression)| expression.as_str());
        let texts = overlays.chain([self.filter.as_str()]);
        let mut members: Vec<_> = texts
            .flat_map(|text| text.split("body.").skip(1))
            .map(|rest| {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"._".contains(c));
                let path = &rest[..end.unwrap_or(rest.len())];
                path.trim_end_matches(".matches").to_owned()
            })
            .collect();
        members.sort();
        members.dedup();
        members
    }
}

/// Every host with its trigger and an event that has ids.
fn hosts() -> [(&'static str, Trigger, Value); 3] {
    let mut gitlab = recorded("gitlab");
    gitlab["id"] = json!(12_345_678);
    gitlab["project"]["id"] = json!(23_456_789);
    let of_release = |name: &str| {
        let mut event = recorded(name);
        event["release"]["id"] = json!(34_567_890);
        event["release"]["published_at"] = json!("2026-08-05T10:00:00Z");
        event["repository"]["id"] = json!(45_678_901);
        event
    };
    let other = || trigger("github-or-gitea-release");
    [
        ("gitlab", trigger("gitlab-release"), gitlab),
        ("github", other(), of_release("github")),
        ("gitea", other(), of_release("gitea")),
    ]
}

/// Writes a text everywhere where people write what they like.
fn noted(mut event: Value, host: &str, notes: &str) -> Value {
    let place = if host == "gitlab" {
        &mut event
    } else {
        &mut event["release"]
    };
    for member in ["name", "description", "body"] {
        place[member] = json!(notes);
    }
    event
}

#[test]
fn the_notes_of_a_release_change_nothing_of_its_run() {
    let gitlab = [
        "action",
        "commit.id",
        "id",
        "project.git_http_url",
        "project.id",
        "released_at",
        "tag",
    ];
    let others = [
        "action",
        "release.draft",
        "release.id",
        "release.prerelease",
        "release.published_at",
        "release.tag_name",
        "repository.clone_url",
        "repository.id",
    ];
    for (host, trigger, event) in hosts() {
        let known = if host == "gitlab" {
            &gitlab[..]
        } else {
            &others
        };
        assert_eq!(trigger.members(), known, "{host}");
        let plain = trigger.params(&event, host == "gitea");
        for notes in [
            "plain",
            "say \"hi\"\nsecond line\\n",
            "$(params.secret) $(tasks.x.results.y)",
            "$(tt.params.url)",
        ] {
            let params = trigger.params(&noted(event.clone(), host, notes), host == "gitea");
            assert_eq!(params, plain, "{host}: {notes}");
        }
        // A text that comes from the event has nothing that a template or YAML reads.
        let patterns: Vec<_> = trigger.filter.split(".matches('").skip(1).collect();
        assert_eq!(
            patterns.len(),
            if host == "gitlab" { 3 } else { 2 },
            "{host}"
        );
        for pattern in patterns {
            let pattern = pattern.split('\'').next().unwrap();
            let inner = pattern
                .strip_prefix('^')
                .unwrap()
                .strip_suffix('$')
                .unwrap();
            let within = inner.replace("([0-9a-f]{24})?", "");
            assert!(
                !within.contains(['"', '\\', '$', '(', ')', '|', '\n']),
                "{pattern}"
            );
            assert!(
                within.contains('[') && !within.contains("[^") && !within.contains("].*"),
                "{pattern}"
            );
        }
    }
}

/// Every text of a document.
fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        _ => {}
    }
}

#[test]
fn a_template_takes_params_as_whole_texts() {
    let template = yaml("trigger-template.yaml");
    let declared: Vec<_> = template["spec"]["params"]
        .as_array()
        .unwrap()
        .iter()
        .map(|param| format!("$(tt.params.{})", param["name"].as_str().unwrap()))
        .collect();
    let mut found = Vec::new();
    texts(&template["spec"]["resourcetemplates"], &mut found);
    let mut used: Vec<_> = found
        .into_iter()
        .filter(|text| text.contains("$("))
        .collect();
    used.sort_unstable();
    let mut expected: Vec<_> = declared.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(used, expected, "each param once, and nothing around it");
}

#[test]
fn a_second_delivery_has_the_name_of_the_first() {
    let metadata =
        yaml("trigger-template.yaml")["spec"]["resourcetemplates"][0]["metadata"].clone();
    assert_eq!(
        metadata,
        json!({"name": "$(tt.params.run)"}),
        "a generated name starts a second run"
    );
    let mut names = Vec::new();
    for (host, trigger, event) in hosts() {
        let gitea = host == "gitea";
        let first = trigger.run(&event, gitea);
        // What people may edit between two deliveries.
        let mut again = noted(event.clone(), host, "edited");
        let (release, project) = if host == "gitlab" {
            again["released_at"] = json!("2026-09-01 00:00:00 UTC");
            (None, "project")
        } else {
            again["release"]["published_at"] = json!("2026-09-01T00:00:00Z");
            (Some("release"), "repository")
        };
        assert_eq!(trigger.run(&again, gitea), first, "{host}");
        // Another release, and the same number in another project.
        let mut other = event.clone();
        match release {
            Some(member) => other[member]["id"] = json!(7),
            None => other["id"] = json!(7),
        }
        let mut elsewhere = event.clone();
        elsewhere[project]["id"] = json!(7);
        for event in [other, elsewhere] {
            names.push(trigger.run(&event, gitea));
        }
        names.push(first);
    }
    for name in &names {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(name.len() <= 63 && name.chars().all(allowed), "{name}");
        assert!(name.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "{names:?}");
}

#[test]
fn the_listener_checks_a_secret_and_may_start_runs_alone() {
    let listener = yaml("event-listener.yaml");
    for trigger in listener["spec"]["triggers"].as_array().unwrap() {
        let params = trigger["interceptors"][0]["params"].as_array().unwrap();
        let secret = params
            .iter()
            .find(|one| one["name"] == "secretRef")
            .unwrap();
        assert!(secret["value"]["secretName"].is_string(), "{trigger}");
        assert!(secret["value"]["secretKey"].is_string(), "{trigger}");
    }
    let text = fs::read_to_string(root().join("triggers/release/role.yaml")).unwrap();
    let role = text.split("\n---\n").nth(1).unwrap();
    let role: Value = serde_saphyr::from_str(role).unwrap();
    assert_eq!(role["kind"], "Role");
    let created: Vec<_> = role["rules"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|rule| !rule["verbs"].as_array().unwrap().contains(&json!("get")))
        .map(|rule| (rule["resources"].clone(), rule["verbs"].clone()))
        .collect();
    assert_eq!(
        created,
        [
            (json!(["pipelineruns"]), json!(["create"])),
            (json!(["events"]), json!(["create", "patch"])),
        ]
    );
    for word in ["impersonate", "taskruns", "secrets", "*"] {
        assert!(!role.to_string().contains(word), "{word}");
    }
    let limit = &yaml("ingress.yaml")["metadata"]["annotations"];
    assert_eq!(limit["nginx.ingress.kubernetes.io/proxy-body-size"], "1m");
}
