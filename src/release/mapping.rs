//! The member `mapping` of a release's data: repositories and tag templates by component.
//!
//! A member without effect is an error, never a release with fewer tags: misspelt members,
//! `tags` beside `repositories`, the former `data.images`. The former `repository` with `tags` is
//! read as one repository. A mapping cannot name the image or its source: the Snapshot does.

use serde_json::{Map, Value, json};

use super::{Error, kind, template::Template};
use crate::image::{Reference, Repository};

/// Names of the members of `mapping` that are read.
const MAPPING: &[&str] = &["components", "defaults"];
const DEFAULTS: &[&str] = &["tags", "timestampFormat", "pushSourceContainer"];
const COMPONENT: &[&str] = &[
    "name",
    "version",
    "repositories",
    "repository",
    "tags",
    "componentTags",
    "timestampFormat",
    "pushSourceContainer",
];
const REPOSITORY: &[&str] = &["url", "tags"];
/// Members of other release pipelines that resemble those above.
const IGNORED: &[&str] = &["public", "staged", "files", "type"];

/// The mapping of a release, as parsed.
#[derive(Debug, Clone)]
pub(crate) struct Mapping {
    /// One entry for each component, in the document's order.
    pub(crate) entries: Vec<MappingEntry>,
    /// Members that this program ignores, by path, without an order.
    pub(crate) ignored: Vec<String>,
    /// Notices about the deprecated forms that it uses.
    pub(crate) notices: Vec<String>,
}

/// The destinations of one component.
#[derive(Debug, Clone)]
pub(crate) struct MappingEntry {
    pub(crate) name: String,
    /// The component's version; `None` matches a Snapshot that has one version of it.
    pub(crate) version: Option<String>,
    /// The repositories that the image is copied to.
    pub(crate) targets: Vec<MappedRepository>,
    /// The format of times in its tags (`strftime`).
    pub(crate) timestamp_format: String,
    /// Set when the image of its sources is demanded, or must not go along; without it, it goes where there is one.
    pub(crate) push_source: Option<bool>,
}

/// A repository with the tags to set in it.
#[derive(Debug, Clone)]
pub(crate) struct MappedRepository {
    pub(crate) repository: Repository,
    /// Templates of the tags, each once.
    pub(crate) templates: Vec<Template>,
}

impl Mapping {
    /// Reads the merged data of a release; `origin` names its objects.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::Merge`] and [`Error::Object`].
    pub(crate) fn of(data: &Value, origin: &str) -> Result<Self, Error> {
        if let Some(images) = data.get("images").filter(|images| !images.is_null()) {
            return Err(former_images(images));
        }
        let mapping = match data.get("mapping") {
            None | Some(Value::Null) => return Err(Error::NoMapping(origin.to_owned())),
            Some(mapping) => object(mapping, "mapping")?,
        };
        let mut reader = MappingReader::default();
        reader.unknown(mapping, MAPPING, "mapping")?;
        let empty = Map::new();
        let defaults = match mapping.get("defaults") {
            None | Some(Value::Null) => &empty,
            Some(defaults) => object(defaults, "mapping.defaults")?,
        };
        reader.unknown(defaults, DEFAULTS, "mapping.defaults")?;
        let components = list(mapping, "components", "mapping")?;
        let mut entries: Vec<MappingEntry> = Vec::new();
        for (number, component) in components.iter().enumerate() {
            let place = format!("mapping.components[{number}]");
            let entry = reader.entry(object(component, &place)?, defaults, &place)?;
            let twice = |known: &MappingEntry| {
                (&known.name, &known.version) == (&entry.name, &entry.version)
            };
            if entries.iter().any(twice) {
                return Err(mistake(
                    &place,
                    format!("maps {:?} a second time", entry.name),
                    "write one entry for each name and version",
                ));
            }
            entries.push(entry);
        }
        if entries.is_empty() {
            return Err(Error::NoMapping(origin.to_owned()));
        }
        Ok(Self {
            entries,
            ignored: reader.ignored,
            notices: reader.notices,
        })
    }
}

#[derive(Debug, Default)]
struct MappingReader {
    ignored: Vec<String>,
    notices: Vec<String>,
}

impl MappingReader {
    fn entry(
        &mut self,
        component: &Map<String, Value>,
        defaults: &Map<String, Value>,
        place: &str,
    ) -> Result<MappingEntry, Error> {
        for member in ["containerImage", "source"] {
            if component.contains_key(member) {
                let way = "remove it: the Snapshot names the image and its source";
                return Err(mistake(place, format!("has the member {member}"), way));
            }
        }
        self.unknown(component, COMPONENT, place)?;
        let name = text(component, "name", place)?
            .ok_or_else(|| mistake(place, "has no name".to_owned(), "name the component"))?;
        let place = format!("component {name:?} of the mapping");
        let mut common = tags(defaults, "tags", "mapping.defaults")?;
        common.extend(tags(component, "componentTags", &place)?);
        let format = match text(component, "timestampFormat", &place)? {
            Some(format) => Some(format),
            None => text(defaults, "timestampFormat", "mapping.defaults")?,
        };
        let push_source = match flag(component, "pushSourceContainer", &place)? {
            Some(push) => Some(push),
            None => flag(defaults, "pushSourceContainer", "mapping.defaults")?,
        };
        let mut targets: Vec<MappedRepository> = Vec::new();
        for (number, repository) in self.repositories(component, &place)?.iter().enumerate() {
            let at = format!("repositories[{number}] of {place}");
            let target = self.target(object(repository, &at)?, &common, &at)?;
            match targets
                .iter_mut()
                .find(|t| t.repository == target.repository)
            {
                Some(known) => {
                    let new = target.templates.into_iter();
                    let new: Vec<_> = new.filter(|t| !known.templates.contains(t)).collect();
                    known.templates.extend(new);
                }
                None => targets.push(target),
            }
        }
        Ok(MappingEntry {
            version: text(component, "version", &place)?,
            name,
            targets,
            timestamp_format: format.unwrap_or_else(|| "%s".to_owned()),
            push_source,
        })
    }

    /// Reads the repositories, also in the former form of one `repository` with `tags`.
    fn repositories(
        &mut self,
        component: &Map<String, Value>,
        place: &str,
    ) -> Result<Vec<Value>, Error> {
        let given = |member: &str| component.get(member).is_some_and(|value| !value.is_null());
        match (given("repositories"), given("repository")) {
            (true, true) => Err(mistake(
                place,
                "has repository and repositories".to_owned(),
                "write repositories alone",
            )),
            (true, false) if given("tags") => Err(mistake(
                place,
                "has tags beside repositories, which have no effect".to_owned(),
                "write componentTags, or tags below a repository",
            )),
            (true, false) => {
                let repositories = list(component, "repositories", place)?;
                if repositories.is_empty() {
                    let way = "name at least one";
                    return Err(mistake(
                        place,
                        "has an empty list of repositories".to_owned(),
                        way,
                    ));
                }
                Ok(repositories.to_vec())
            }
            (false, true) => {
                self.notices.push(format!(
                    "{place}: repository and tags are deprecated; write repositories: [{{url, tags}}]"
                ));
                let tags = component.get("tags").cloned();
                Ok(vec![json!({"url": component["repository"], "tags": tags})])
            }
            (false, false) => Err(mistake(
                place,
                "names no repository".to_owned(),
                "write repositories: [{url: REPO, tags: [TAG]}]",
            )),
        }
    }

    fn target(
        &mut self,
        repository: &Map<String, Value>,
        common: &[String],
        place: &str,
    ) -> Result<MappedRepository, Error> {
        self.unknown(repository, REPOSITORY, place)?;
        let url = text(repository, "url", place)?
            .ok_or_else(|| mistake(place, "has no url".to_owned(), "name the repository"))?;
        let mut templates: Vec<Template> = Vec::new();
        let own = tags(repository, "tags", place)?;
        for tag in common.iter().chain(&own) {
            let template = Template::parse(tag, &format!("{place} ({url})"))?;
            if !templates.contains(&template) {
                templates.push(template);
            }
        }
        if templates.is_empty() {
            return Err(mistake(
                place,
                format!("has no tag for {url}"),
                "write tags here, componentTags, or defaults.tags",
            ));
        }
        Ok(MappedRepository {
            repository: parse_repository(&url, place)?,
            templates,
        })
    }

    /// Collects members that are ignored; refuses those that resemble a member that is read.
    fn unknown(
        &mut self,
        object: &Map<String, Value>,
        known: &[&str],
        place: &str,
    ) -> Result<(), Error> {
        for member in object.keys().filter(|key| !known.contains(&key.as_str())) {
            let meant = known.iter().find(|known| resembles(member, known));
            if let Some(meant) = meant.filter(|_| !IGNORED.contains(&member.as_str())) {
                let problem = format!("has the unknown member {member}");
                return Err(mistake(place, problem, &format!("write {meant}")));
            }
            if !self.ignored.contains(member) {
                self.ignored.push(member.clone());
            }
        }
        Ok(())
    }
}

/// Parses a repository: no scheme, tag or digest.
fn parse_repository(url: &str, place: &str) -> Result<Repository, Error> {
    if url.contains("://") {
        let problem = format!("the url {url:?} has a scheme");
        return Err(mistake(place, problem, "write HOST/PATH alone"));
    }
    let reference: Reference = url.parse().map_err(|source| Error::Repository {
        place: place.to_owned(),
        url: url.to_owned(),
        source,
    })?;
    if reference.tag.is_some() || reference.digest.is_some() {
        let problem = format!("the url {url:?} has a tag or digest");
        return Err(mistake(place, problem, "write HOST/PATH, and tags as tags"));
    }
    if reference.repository.registry() == "registry.redhat.io" {
        let problem = format!("{url:?} cannot be pushed to");
        return Err(mistake(
            place,
            problem,
            "name the repository of quay.io behind it",
        ));
    }
    Ok(reference.repository)
}

/// Refuses the former `data.images`, with the members to write in its place.
fn former_images(images: &Value) -> Error {
    let strings = |value: &Value| match value {
        Value::Array(tags) => tags.iter().map(Value::to_string).collect(),
        _ => Vec::new(),
    };
    let mut tags: Vec<String> = strings(&images["floatingTags"]);
    tags.extend(images["defaultTag"].as_str().map(|tag| format!("{tag:?}")));
    if images["addGitShaTag"] == Value::Bool(true) || tags.is_empty() {
        tags.push("\"{{ git_sha }}\"".to_owned());
        tags.push("\"{{ git_short_sha }}\"".to_owned());
    }
    if images["addTimestampTag"] == Value::Bool(true) {
        tags.push("\"{{ timestamp }}\"".to_owned());
    }
    mistake(
        "data.images",
        "has no effect in release pipelines of today: no image would get its tags".to_owned(),
        &format!("write mapping.defaults.tags: [{}]", tags.join(", ")),
    )
}

fn mistake(place: &str, problem: String, way: &str) -> Error {
    Error::Mapping {
        place: place.to_owned(),
        problem,
        way: way.to_owned(),
    }
}

fn shape(place: &str, member: &str, found: &Value, expected: &'static str) -> Error {
    Error::Shape {
        object: place.to_owned(),
        member: member.to_owned(),
        found: kind(found),
        expected,
    }
}

fn object<'a>(value: &'a Value, place: &str) -> Result<&'a Map<String, Value>, Error> {
    let object = value.as_object();
    object.ok_or_else(|| shape("the merged data", place, value, "an object"))
}

fn list<'a>(
    object: &'a Map<String, Value>,
    member: &str,
    place: &str,
) -> Result<&'a [Value], Error> {
    match object.get(member) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(other) => Err(shape(place, member, other, "a list")),
    }
}

fn text(object: &Map<String, Value>, member: &str, place: &str) -> Result<Option<String>, Error> {
    match object.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(shape(place, member, other, "a text")),
    }
}

fn flag(object: &Map<String, Value>, member: &str, place: &str) -> Result<Option<bool>, Error> {
    match object.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(other) => Err(shape(place, member, other, "a boolean")),
    }
}

fn tags(object: &Map<String, Value>, member: &str, place: &str) -> Result<Vec<String>, Error> {
    let tags = list(object, member, place)?.iter();
    let tags = tags.map(|tag| match tag {
        Value::String(tag) => Ok(tag.clone()),
        other => Err(shape(
            place,
            &format!("an entry of {member}"),
            other,
            "a text (in quotes)",
        )),
    });
    tags.collect()
}

/// Tells whether a member is probably a misspelling of another: at most one letter differs, or
/// only the case does.
fn resembles(written: &str, known: &str) -> bool {
    let (written, known) = (written.to_ascii_lowercase(), known.to_ascii_lowercase());
    if written == known {
        return true;
    }
    let (shorter, longer) = match written.len() <= known.len() {
        true => (written.as_bytes(), known.as_bytes()),
        false => (known.as_bytes(), written.as_bytes()),
    };
    let same = shorter
        .iter()
        .zip(longer)
        .take_while(|(a, b)| a == b)
        .count();
    let rest = |bytes: &[u8], from: usize| bytes.get(from..).map(<[u8]>::to_vec);
    match longer.len() - shorter.len() {
        0 => rest(shorter, same + 1) == rest(longer, same + 1),
        1 => rest(shorter, same) == rest(longer, same + 1),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(data: &Value) -> Result<Mapping, Error> {
        Mapping::of(data, "ReleasePlan ns/plan")
    }

    fn one(component: Value) -> Value {
        json!({"mapping": {"components": [component]}})
    }

    fn tags_of(mapping: &Mapping) -> Vec<&str> {
        let templates = mapping.entries[0].targets[0].templates.iter();
        templates.map(|template| template.text.as_str()).collect()
    }

    #[test]
    fn unites_tags() {
        let data = json!({"mapping": {
            "defaults": {"tags": ["released"], "timestampFormat": "%s", "pushSourceContainer": false},
            "components": [{"name": "web", "timestampFormat": "%Y", "componentTags": ["a", "released"],
                "repositories": [{"url": "q.io/o/web", "tags": ["b", "a"]}, {"url": "q.io/o/web", "tags": ["c"]}]}]}});
        let mapping = read(&data).unwrap();
        assert_eq!(tags_of(&mapping), ["released", "a", "b", "c"]);
        let entry = &mapping.entries[0];
        assert_eq!(entry.timestamp_format, "%Y");
        assert_eq!(entry.targets.len(), 1);
    }

    #[test]
    fn reads_the_former_repository_with_a_notice() {
        let data = one(json!({"name": "base", "repository": "q.io/o/base", "tags": ["s9", "c9s"]}));
        let mapping = read(&data).unwrap();
        assert_eq!(tags_of(&mapping), ["s9", "c9s"]);
        assert_eq!(mapping.notices.len(), 1);
    }

    #[test]
    fn accepts_hosts_without_a_dot_and_ignores_foreign_members() {
        let data = json!({"mapping": {"registrySecret": "s", "defaults": {"public": true, "contentGateway": {}},
            "components": [{"name": "web", "staged": {}, "repositories": [
                {"url": "registry-service.kind-registry/web", "tags": ["1"]},
                {"url": "localhost:5001/web", "tags": ["1"]},
                {"url": "quay.io/redhat-prod/acme----web", "tags": ["1"]}]}]}});
        let mapping = read(&data).unwrap();
        assert_eq!(mapping.entries[0].targets.len(), 3);
        assert_eq!(
            mapping.ignored,
            ["registrySecret", "public", "contentGateway", "staged"]
        );
    }

    #[test]
    fn refuses_what_would_have_no_effect() {
        let to = |url: &str| json!([{"url": url, "tags": ["t"]}]);
        let images =
            json!({"images": {"floatingTags": ["latest"], "addGitShaTag": true}, "mapping": {}});
        let error = read(&images).unwrap_err().to_string();
        let rewrite = r#"defaults.tags: ["latest", "{{ git_sha }}", "{{ git_short_sha }}"]"#;
        assert!(error.contains(rewrite), "{error}");
        for data in [
            json!({}),
            json!({"mapping": null}),
            json!({"mapping": []}),
            json!({"mapping": {"components": []}}),
            json!({"mapping": {"components": {}}}),
            one(json!({"repositories": to("q.io/o/web")})),
            one(json!({"name": 1, "repositories": to("q.io/o/web")})),
            one(json!({"name": "web"})),
            one(json!({"name": "web", "repositories": []})),
            one(json!({"name": "web", "repositories": [{"url": "q.io/o/web"}]})),
            one(json!({"name": "web", "repositories": [{"tags": ["t"]}]})),
            one(json!({"name": "web", "repositories": [{"url": "q.io/o/web", "tags": [1.0]}]})),
            one(json!({"name": "web", "repositories": [{"url": "q.io/o/web", "tags": "t"}]})),
            one(json!({"name": "web", "repositories": to("q.io/o/web"), "tags": ["t"]})),
            one(
                json!({"name": "web", "repositories": to("q.io/o/web"), "repository": "q.io/o/web"}),
            ),
            one(json!({"name": "web", "repositories": to("q.io/o/web"), "componentTag": ["t"]})),
            one(json!({"name": "web", "repositories": to("q.io/o/web"), "ComponentTags": ["t"]})),
            one(json!({"name": "web", "repositories": to("q.io/o/web"), "containerImage": "x"})),
            one(json!({"name": "web", "repositories": to("q.io/o/web"), "source": {}})),
            one(
                json!({"name": "web", "repositories": to("q.io/o/web"), "pushSourceContainer": "true"}),
            ),
            one(json!({"name": "web", "repositories": to("q.io/o/web:v1")})),
            one(json!({"name": "web", "repositories": to("https://q.io/o/web")})),
            one(json!({"name": "web", "repositories": to("q.io/O/web")})),
            one(json!({"name": "web", "repositories": to("registry.redhat.io/o/web")})),
            json!({"mapping": {"components": [
                {"name": "web", "repositories": to("q.io/o/a")},
                {"name": "web", "repositories": to("q.io/o/b")}]}}),
        ] {
            assert!(read(&data).is_err(), "{data}");
        }
    }
}
