//! Pipelines-as-Code: fills `{{ git_tag }}` and its like from the recorded event of a tag push.
//!
//! The event of each provider is read as Pipelines-as-Code reads it. It puts the values
//! into the text of the YAML, before any parser sees it. Releases are refused: it has no such event.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{cel, model::Metadata};

const ON_EVENT: &str = "pipelinesascode.tekton.dev/on-event";
const ON_TARGET: &str = "pipelinesascode.tekton.dev/on-target-branch";
const ON_CEL: &str = "pipelinesascode.tekton.dev/on-cel-expression";
const KNOWN: [&str; 5] = [
    ON_EVENT,
    ON_TARGET,
    ON_CEL,
    "pipelinesascode.tekton.dev/max-keep-runs",
    "pipelinesascode.tekton.dev/cancel-in-progress",
];

/// Returns the text at a JSON pointer, unless it is empty.
fn text_at(body: &Value, pointer: &str) -> Option<String> {
    let found = body.pointer(pointer).and_then(Value::as_str);
    found.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The parts of a tag push that all hosts send, each in members of its own.
struct TagPush {
    reference: Option<String>,
    revision: Option<String>,
    url: Option<String>,
    /// Owner and name of the repository, joined by a slash.
    path: Option<String>,
    sender: Option<String>,
}

impl TagPush {
    fn read(body: &Value) -> Result<Self> {
        let text = |pointer: &str| text_at(body, pointer);
        let kind = text("/object_kind");
        if kind.as_deref() == Some("tag_push") {
            // Not `checkout_sha`: the last of the commits, and without any there is no run.
            let commits = body.get("commits").and_then(Value::as_array);
            let last = commits.and_then(|commits| commits.last()?.get("id")?.as_str());
            return Ok(Self {
                reference: text("/ref"),
                revision: last.map(str::to_owned),
                url: text("/project/web_url"),
                path: text("/project/path_with_namespace"),
                sender: text("/user_username"),
            });
        }
        if body.get("release").is_some() || kind.is_some() {
            bail!("Pipelines-as-Code has no such event: only the push of a tag starts a run");
        }
        let Some(new) = body.pointer("/push/changes/0/new") else {
            return Ok(Self {
                reference: text("/ref"),
                revision: text("/head_commit/id"),
                url: text("/repository/html_url"),
                path: text("/repository/full_name"),
                sender: text("/sender/login"),
            });
        };
        if new.get("type").and_then(Value::as_str) != Some("tag") {
            bail!("the event pushes no tag");
        }
        let name = text("/push/changes/0/new/name");
        Ok(Self {
            reference: name.map(|name| format!("refs/tags/{name}")),
            revision: text("/push/changes/0/new/target/hash"),
            url: text("/repository/links/html/href"),
            path: text("/repository/full_name"),
            sender: text("/actor/nickname"),
        })
    }
}

/// The variables of one tag push.
#[derive(Debug, Clone)]
pub(crate) struct Event(BTreeMap<&'static str, String>);

impl Event {
    /// Reads the body of a webhook.
    pub(crate) fn parse(body: &str) -> Result<Self> {
        let body: Value = serde_json::from_str(body).context("the event is not JSON")?;
        let branch = text_at(&body, "/branch");
        if let (Some(branch), Some(_)) = (branch, text_at(&body, "/pipelinerun")) {
            return Self::incoming(&body, &branch);
        }
        let push = TagPush::read(&body)?;
        let reference = push.reference.context("the event has no ref")?;
        let tag = reference
            .strip_prefix("refs/tags/")
            .context("the event pushes no tag")?;
        let path = push.path.unwrap_or_default().to_lowercase();
        let (owner, name) = path.rsplit_once('/').unwrap_or_default();
        let revision = push.revision.context("the event names no commit")?;
        let known = [
            ("git_tag", tag.to_owned()),
            ("revision", revision),
            ("repo_url", push.url.unwrap_or_default()),
            ("repo_owner", owner.to_owned()),
            ("repo_name", name.to_owned()),
            ("target_branch", reference.clone()),
            ("source_branch", reference.clone()),
            ("sender", push.sender.unwrap_or_default()),
            ("event", "push".to_owned()),
            ("event_type", "push".to_owned()),
            ("target_namespace", super::NAMESPACE.to_owned()),
            ("git_auth_secret", "pac-gitauth-local".to_owned()),
        ];
        Ok(Self(known.into()))
    }

    /// A request to the incoming webhook: a push of a branch, with params that are texts.
    fn incoming(body: &Value, branch: &str) -> Result<Self> {
        let mut known = BTreeMap::from([
            ("event", "incoming".to_owned()),
            ("event_type", "incoming".to_owned()),
            ("target_branch", branch.to_owned()),
            ("source_branch", branch.to_owned()),
            ("repo_url", "https://git.invalid/acme/web".to_owned()),
            ("repo_owner", "acme".to_owned()),
            ("repo_name", "web".to_owned()),
            ("target_namespace", super::NAMESPACE.to_owned()),
            ("git_auth_secret", "pac-gitauth-local".to_owned()),
        ]);
        for (name, value) in body["params"].as_object().into_iter().flatten() {
            match (name.as_str(), value.as_str()) {
                ("git_tag", Some(tag)) => known.insert("git_tag", tag.to_owned()),
                (name, _) => bail!("the param {name} is not listed, or is not a text"),
            };
        }
        Ok(Self(known))
    }

    /// The text with every `{{ name }}` replaced; an unknown name is refused.
    pub(crate) fn fill(&self, text: &str) -> Result<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, behind) = after.split_once("}}").context("{{ without }}")?;
            let name = name.trim();
            let value = self.0.get(name);
            let value = value
                .with_context(|| format!("{{{{ {name} }}}} is not implemented by the runner"))?;
            filled.push_str(before);
            filled.push_str(value);
            rest = behind;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Refuses a PipelineRun that this event would not start.
    pub(crate) fn starts(&self, metadata: &Metadata) -> Result<()> {
        let ours = "pipelinesascode.tekton.dev/";
        let names = metadata
            .annotations
            .keys()
            .filter(|name| name.starts_with(ours));
        for name in names {
            if !KNOWN.contains(&name.as_str()) {
                bail!("the annotation {name} is not implemented by the runner");
            }
        }
        if let Some(expression) = metadata.annotations.get(ON_CEL) {
            // It decides alone, as in Pipelines-as-Code.
            let variable = |name: &str| self.0.get(name).map(String::as_str);
            return match cel::evaluate(expression, &variable)? {
                true => Ok(()),
                false => bail!("the event does not start it: {expression} is false"),
            };
        }
        let listed = |name: &str| {
            let list = metadata
                .annotations
                .get(name)
                .map(String::as_str)
                .unwrap_or_default();
            let list = list.trim().trim_start_matches('[').trim_end_matches(']');
            list.split(',')
                .map(|item| item.trim().to_owned())
                .collect::<Vec<_>>()
        };
        let target = self
            .0
            .get("target_branch")
            .map(String::as_str)
            .unwrap_or_default();
        let own = self.0.get("event").map(String::as_str).unwrap_or_default();
        let on_push = listed(ON_EVENT).iter().any(|event| event == own);
        let on_target = listed(ON_TARGET).iter().any(|glob| matches(glob, target));
        if !on_push || !on_target {
            bail!(
                "the event does not start it: on-event and on-target-branch do not match {target}"
            );
        }
        Ok(())
    }
}

/// A glob whose only special character is `*`, which also matches `/`.
fn matches(glob: &str, text: &str) -> bool {
    match glob.split_once('*') {
        None => glob == text,
        Some((start, rest)) => {
            let Some(behind) = text.strip_prefix(start) else {
                return false;
            };
            let ends = behind
                .char_indices()
                .map(|(at, _)| at)
                .chain([behind.len()]);
            ends.filter_map(|at| behind.get(at..))
                .any(|behind| matches(rest, behind))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GITLAB: &str = r#"{"object_kind":"tag_push","ref":"refs/tags/v1.0","checkout_sha":"bbb",
        "commits":[{"id":"aaa"},{"id":"ccc"}],"user_username":"mary",
        "project":{"web_url":"https://gitlab.example.com/Acme/Web","path_with_namespace":"Acme/Web"}}"#;

    #[test]
    fn fills_the_variables_of_a_tag_push() {
        let event = Event::parse(GITLAB).unwrap();
        let filled =
            event.fill("{{ git_tag }} {{revision}} {{ repo_url }} {{repo_owner}}/{{repo_name}}");
        assert_eq!(
            filled.unwrap(),
            "v1.0 ccc https://gitlab.example.com/Acme/Web acme/web"
        );
        let github = r#"{"ref":"refs/tags/v1","head_commit":{"id":"abc"},"after":"tag object","repository":{"full_name":"a/b"}}"#;
        assert_eq!(
            Event::parse(github)
                .unwrap()
                .fill("{{ revision }}")
                .unwrap(),
            "abc"
        );
        let bitbucket =
            r#"{"push":{"changes":[{"new":{"type":"tag","name":"v2","target":{"hash":"def"}}}]}}"#;
        assert_eq!(
            Event::parse(bitbucket)
                .unwrap()
                .fill("{{ target_branch }}")
                .unwrap(),
            "refs/tags/v2"
        );
    }

    #[test]
    fn refuses_what_would_not_start_a_run() {
        for body in [
            r#"{"object_kind":"release","tag":"v1.0"}"#,
            r#"{"action":"published","release":{"tag_name":"v1"}}"#,
            r#"{"ref":"refs/heads/main","head_commit":{"id":"abc"}}"#,
            r#"{"object_kind":"tag_push","ref":"refs/tags/v1.0","commits":[]}"#,
        ] {
            assert!(Event::parse(body).is_err(), "{body}");
        }
        let event = Event::parse(GITLAB).unwrap();
        let unknown = event.fill("{{ body.x }}").unwrap_err();
        assert!(unknown.to_string().contains("body.x"), "{unknown}");
    }

    #[test]
    fn compares_the_annotations_with_the_event() {
        let event = Event::parse(GITLAB).unwrap();
        let with = |pairs: &[(&str, &str)]| Metadata {
            annotations: pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Metadata::default()
        };
        event
            .starts(&with(&[(ON_EVENT, "[push]"), (ON_TARGET, "[refs/tags/*]")]))
            .unwrap();
        event
            .starts(&with(&[(ON_EVENT, "[push]"), (ON_TARGET, "[main]")]))
            .unwrap_err();
        let expression = |text| with(&[(ON_CEL, text), (ON_TARGET, "[main]")]);
        event
            .starts(&expression("event == \"push\" && git_tag == \"v1.0\""))
            .unwrap();
        event
            .starts(&expression("target_branch == \"main\""))
            .unwrap_err();
        event
            .starts(&expression("files.all.exists(x, true)"))
            .unwrap_err();
    }
}
