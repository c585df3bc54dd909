//! Finds the scalar that names the image.

use super::{
    Error, Fit,
    yaml::{Kind, Node},
};
use crate::image::Repository;

/// A component whose container is looked for.
pub(super) struct Target<'a> {
    pub(super) file: &'a str,
    pub(super) name: &'a str,
    pub(super) repositories: &'a [String],
}

/// The scalar and the path that leads to it.
pub(super) struct Found<'a> {
    pub(super) scalar: &'a Node,
    pub(super) path: String,
}

/// Where the pod's specification stands in Deployments and the like, CronJobs, and Pods.
const POD_SPECS: [&str; 3] = [
    "spec.template.spec",
    "spec.jobTemplate.spec.template.spec",
    "spec",
];

/// Finds the container of a component: by name, else by the repository that stands there now,
/// else the only one there is.
pub(super) fn container<'a>(
    documents: &'a [Node],
    target: &Target<'_>,
) -> Result<Found<'a>, Error> {
    let mut all = Vec::new();
    for document in documents {
        containers(document, target.file, &mut all)?;
    }
    let by_name: Vec<_> = all.iter().filter(|c| c.name == target.name).collect();
    let by_image: Vec<_> = all
        .iter()
        .filter(|container| container.is_of(target))
        .collect();
    let fitting = match (by_name.as_slice(), by_image.as_slice(), all.as_slice()) {
        ([], [], [only]) if !only.init => vec![only],
        ([], ..) => by_image,
        _ => by_name,
    };
    match fitting.as_slice() {
        [one] => one.found(target.file),
        [] => Err(Error::NoContainer {
            file: target.file.to_owned(),
            name: target.name.to_owned(),
            containers: listed(all.iter().map(|container| container.name)),
        }),
        several => Err(Error::Ambiguous {
            file: target.file.to_owned(),
            name: target.name.to_owned(),
            places: listed(several.iter().map(|container| container.path.as_str())),
        }),
    }
}

struct Container<'a> {
    name: &'a str,
    init: bool,
    image: Option<&'a Node>,
    path: String,
}

/// The image of every container that names one.
pub(super) fn images(documents: &[Node], file: &str) -> Result<Vec<String>, Error> {
    let mut all = Vec::new();
    for document in documents {
        containers(document, file, &mut all)?;
    }
    let images = all.iter().filter_map(|container| container.image?.text());
    Ok(images.map(str::to_owned).collect())
}

/// How surely the documents name the component's image.
pub(super) fn fit(documents: &[Node], target: &Target<'_>) -> Result<Option<Fit>, Error> {
    let mut all = Vec::new();
    for document in documents {
        containers(document, target.file, &mut all)?;
    }
    let fits = all.iter().filter_map(|container| {
        if container.is_of(target) {
            Some(Fit::Repository)
        } else {
            (container.name == target.name && container.image.is_some()).then_some(Fit::Name)
        }
    });
    Ok(fits.max())
}

impl Target<'_> {
    /// Tells whether a text, with or without tag, names one of the repositories.
    pub(super) fn knows(&self, image: &str) -> bool {
        let repository = repository_of(image);
        // `nginx` and `docker.io/library/nginx` are one.
        let full = repository
            .parse::<Repository>()
            .map(|repository| repository.to_string());
        let same = |known: &String| known == repository || Ok(known) == full.as_ref();
        self.repositories.iter().any(same)
    }
}

impl<'a> Container<'a> {
    fn is_of(&self, target: &Target<'_>) -> bool {
        let image = self.image.and_then(Node::text);
        image.is_some_and(|image| target.knows(image))
    }

    fn found(&self, file: &str) -> Result<Found<'a>, Error> {
        let path = format!("{}.image", self.path);
        match self.image {
            Some(scalar) => Ok(Found { scalar, path }),
            None => Err(Error::NothingThere {
                file: file.to_owned(),
                path,
                missing: "image".to_owned(),
            }),
        }
    }
}

fn containers<'a>(
    document: &'a Node,
    file: &str,
    all: &mut Vec<Container<'a>>,
) -> Result<(), Error> {
    for spec in POD_SPECS {
        let Some(pod) = walk(document, spec, file)? else {
            continue;
        };
        for (key, init) in [("containers", false), ("initContainers", true)] {
            let Some(list) = once(pod, key, file, &format!(".{spec}"))? else {
                continue;
            };
            for (at, item) in list.items().iter().enumerate() {
                let name = item.get("name").and_then(Node::text).unwrap_or_default();
                let place = if name.is_empty() {
                    at.to_string()
                } else {
                    format!("name={name}")
                };
                let path = format!(".{spec}.{key}[{place}]");
                let image = once(item, "image", file, &path)?;
                all.push(Container {
                    name,
                    init,
                    image,
                    path,
                });
            }
        }
    }
    Ok(())
}

fn walk<'a>(node: &'a Node, keys: &str, file: &str) -> Result<Option<&'a Node>, Error> {
    let mut node = node;
    for key in keys.split('.') {
        match once(node, key, file, "")? {
            Some(next) => node = next,
            None => return Ok(None),
        }
    }
    Ok(Some(node))
}

/// The value of a key; a duplicated key is refused, because readers differ in which one counts.
pub(super) fn once<'a>(
    node: &'a Node,
    key: &str,
    file: &str,
    path: &str,
) -> Result<Option<&'a Node>, Error> {
    match node.values(key).as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(Error::NotEditable {
            file: file.to_owned(),
            path: format!("{path}.{key}"),
            reason: "the key stands twice",
        }),
    }
}

/// The image's repository: without tag and digest.
pub(super) fn repository_of(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    match image.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => image,
    }
}

pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// One step of a path.
#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    Key(&'a str),
    At(usize),
    With(&'a str, &'a str),
}

/// Finds the scalar at a path in the one document that has it.
pub(super) fn at_path<'a>(
    documents: &'a [Node],
    file: &str,
    path: &str,
) -> Result<Found<'a>, Error> {
    let steps = steps(path).ok_or_else(|| Error::PathSyntax {
        path: path.to_owned(),
    })?;
    let mut found = Vec::new();
    let mut missing = path.to_owned();
    for document in documents {
        match follow(document, &steps, file, path)? {
            Ok(scalar) => found.push(scalar),
            Err(step) => missing = step,
        }
    }
    match found.as_slice() {
        [scalar] => Ok(Found {
            scalar,
            path: path.to_owned(),
        }),
        [] => Err(Error::NothingThere {
            file: file.to_owned(),
            path: path.to_owned(),
            missing,
        }),
        several => Err(Error::Ambiguous {
            file: file.to_owned(),
            name: path.to_owned(),
            places: format!("{} documents have it", several.len()),
        }),
    }
}

/// The node, or the step at which the document ends.
fn follow<'a>(
    document: &'a Node,
    steps: &[Step<'_>],
    file: &str,
    path: &str,
) -> Result<Result<&'a Node, String>, Error> {
    let mut node = document;
    for step in steps {
        if node.kind == Kind::Alias {
            return Err(Error::NotEditable {
                file: file.to_owned(),
                path: path.to_owned(),
                reason: "the path leads through an alias",
            });
        }
        let next = match step {
            Step::Key(key) => {
                let values = node.values(key);
                if values.len() > 1 {
                    return Err(Error::NotEditable {
                        file: file.to_owned(),
                        path: path.to_owned(),
                        reason: "a key on the path stands twice",
                    });
                }
                values.first().copied()
            }
            Step::At(at) => node.items().get(*at),
            Step::With(key, value) => {
                let mut fitting = node
                    .items()
                    .iter()
                    .filter(|item| item.get(key).and_then(Node::text) == Some(value));
                let first = fitting.next();
                if fitting.next().is_some() {
                    return Err(Error::Ambiguous {
                        file: file.to_owned(),
                        name: path.to_owned(),
                        places: format!("several items with {key} {value}"),
                    });
                }
                first
            }
        };
        match next {
            Some(next) => node = next,
            None => {
                return Ok(Err(match step {
                    Step::Key(key) => format!("key {key}"),
                    Step::At(at) => format!("item {at}"),
                    Step::With(key, value) => format!("an item with {key} {value}"),
                }));
            }
        }
    }
    Ok(Ok(node))
}

/// `.a.b[0][name=web]`, the first dot may be left out.
fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    let mut rest = path.trim().strip_prefix('.').unwrap_or(path.trim());
    if rest.is_empty() {
        return None;
    }
    loop {
        if let Some(inner) = rest.strip_prefix('[') {
            let (inner, after) = inner.split_once(']')?;
            steps.push(match inner.split_once('=') {
                Some((key, value)) if !key.is_empty() => Step::With(key, value),
                Some(_) => return None,
                None => Step::At(inner.parse().ok()?),
            });
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (key, after) = rest.split_at(end);
            if key.is_empty() {
                return None;
            }
            steps.push(Step::Key(key));
            rest = after;
        }
        match rest.strip_prefix('.') {
            _ if rest.is_empty() => return Some(steps),
            Some(after) => rest = after,
            None if rest.starts_with('[') => {}
            None => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_paths() {
        let expected = [
            Step::Key("a"),
            Step::With("name", "web.x"),
            Step::Key("b"),
            Step::At(0),
            Step::At(12),
        ];
        assert_eq!(steps(".a[name=web.x].b[0][12]").unwrap(), expected);
        assert_eq!(steps("a").unwrap(), [Step::Key("a")]);
        for wrong in ["", ".", "a.", "a..b", "a[", "a[]", "a[x]", "a[=x]", "a[0]b"] {
            assert!(steps(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn an_images_repository_has_no_tag() {
        assert_eq!(repository_of("h:5000/a/b:v1@sha256:00"), "h:5000/a/b");
        assert_eq!(repository_of("h:5000/a/b"), "h:5000/a/b");
    }
}
