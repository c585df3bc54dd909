//! The results of a release: each tag with the image it names now, in full and within a budget.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    failure::{Failure, Kind},
    handover::{ReleaseFile, ReleasedComponent},
    image::Digest,
};

/// The most bytes of an object's status: etcd takes 1.5 MB of an object, and the release service writes into it too.
pub(super) const STATUS_BUDGET: usize = 256 << 10;

/// The state of a tag at its registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TagState {
    /// The digest that it names.
    Digest(Digest),
    Nothing,
    /// The reason why it could not be read.
    Unknown(String),
}

/// A tag of a component, with its state.
#[derive(Debug)]
struct ReleasedTag {
    url: String,
    found: TagState,
}

/// A release with the images that its tags name now.
#[derive(Debug)]
pub(super) struct Outlook<'a> {
    release: &'a ReleaseFile,
    components: Vec<(&'a ReleasedComponent, Vec<ReleasedTag>)>,
}

impl<'a> Outlook<'a> {
    /// Takes the state of every tag, in the order of the release.
    pub(super) fn new(release: &'a ReleaseFile, found: Vec<TagState>) -> Self {
        let mut found = found.into_iter();
        let mut components = Vec::new();
        for component in &release.components {
            let places = component.destinations.iter();
            let urls = places.flat_map(|place| {
                let tags = place.tags.iter();
                tags.map(|tag| format!("{}:{tag}", place.repository))
            });
            let tags = urls.map(|url| ReleasedTag {
                url,
                found: found
                    .next()
                    .unwrap_or_else(|| TagState::Unknown("it was not looked up".to_owned())),
            });
            components.push((component, tags.collect()));
        }
        Self {
            release,
            components,
        }
    }

    /// Tells whether every tag names its image.
    pub(super) fn is_complete(&self) -> bool {
        self.states().all(|state| state == "released")
    }

    /// Returns the failure of a tag that could not be read.
    pub(super) fn unread(&self) -> Option<Failure> {
        let mut tags = self.components.iter().flat_map(|(_, tags)| tags);
        tags.find_map(|tag| match &tag.found {
            TagState::Unknown(reason) => Some(Failure::message(
                Kind::Remote,
                format!("{} cannot be read: {reason}", tag.url),
            )),
            _ => None,
        })
    }

    /// Returns one line for each tag.
    pub(super) fn lines(&self) -> String {
        let mut lines = String::new();
        for (component, tags) in &self.components {
            for tag in tags {
                let line = format!("{} {} {}\n", state(component, tag), component.name, tag.url);
                lines.push_str(&line);
            }
        }
        lines
    }

    fn states(&self) -> impl Iterator<Item = &'static str> {
        let components = self.components.iter();
        components.flat_map(|(component, tags)| tags.iter().map(|tag| state(component, tag)))
    }

    fn counts(&self) -> Value {
        let of = |wanted: &str| self.states().filter(|state| *state == wanted).count();
        json!({"released": of("released"), "pending": of("pending"), "unknown": of("unknown")})
    }

    /// Returns the whole document, with `images` as the release service's own Tasks write it.
    pub(super) fn document(&self) -> Value {
        let images = self.components.iter().map(|(component, tags)| {
            let part = |index| {
                let parts = component
                    .platforms
                    .iter()
                    .filter_map(|p: &String| p.split('/').nth(index));
                parts.collect::<BTreeSet<_>>()
            };
            let tags: Vec<_> = tags.iter().map(|tag| of_tag(component, tag)).collect();
            let released = tags.iter().filter(|tag| tag["state"] == "released");
            let urls: Vec<_> = released.map(|tag| tag["url"].clone()).collect();
            let mut image = json!({
                "name": component.name,
                "shasum": component.container_image.digest.to_string(),
                "oses": part(0),
                "arches": part(1),
                "urls": urls,
                "tags": tags,
            });
            if let Some(version) = &component.version {
                image["version"] = version.clone().into();
            }
            image
        });
        json!({
            "release": self.release.release,
            "snapshot": self.release.snapshot,
            "dataDigest": self.release.data_digest.to_string(),
            "complete": self.is_complete(),
            "tags": self.counts(),
            "leftOut": self.release.left_out,
            "images": images.collect::<Vec<_>>(),
        })
    }

    /// Returns names, digests and the first URL of each component; counts alone where that is more than `budget` bytes.
    ///
    /// Every member is always there, so that a merge patch leaves nothing of an earlier run.
    pub(super) fn summary(&self, results: Digest, budget: usize) -> Value {
        let images = self.components.iter().map(|(component, tags)| {
            let released = tags.iter().find(|tag| state(component, tag) == "released");
            let mut image = json!({
                "name": component.name,
                "shasum": component.container_image.digest.to_string(),
                "url": released.map(|tag| tag.url.clone()),
            });
            if let Some(version) = &component.version {
                image["version"] = version.clone().into();
            }
            image
        });
        let mut summary = json!({
            "complete": self.is_complete(),
            "components": self.components.len(),
            "tags": self.counts(),
            "results": results.to_string(),
            "images": images.collect::<Vec<_>>(),
        });
        if summary.to_string().len() > budget {
            summary["images"] = Value::Null;
        }
        summary
    }
}

fn of_tag(component: &ReleasedComponent, tag: &ReleasedTag) -> Value {
    let mut written = json!({"url": tag.url, "state": state(component, tag)});
    match &tag.found {
        TagState::Digest(digest) if *digest != component.container_image.digest => {
            written["found"] = digest.to_string().into();
        }
        TagState::Unknown(reason) => written["reason"] = reason.clone().into(),
        _ => {}
    }
    written
}

fn state(component: &ReleasedComponent, tag: &ReleasedTag) -> &'static str {
    match &tag.found {
        TagState::Digest(digest) if *digest == component.container_image.digest => "released",
        TagState::Digest(_) | TagState::Nothing => "pending",
        TagState::Unknown(_) => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(count: usize) -> ReleaseFile {
        let digest = |n: usize| format!("sha256:{n:064x}");
        let components: Vec<_> = (0..count)
            .map(|n| {
                json!({"name": format!("component-{n}"),
                    "containerImage": format!("quay.io/acme/c{n}@{}", digest(n)), "source": null, "built": null,
                    "destinations": [{"repository": format!("quay.io/acme/released{n}"), "tags": ["released", "v1"]}]})
            })
            .collect();
        let document = json!({"version": 1, "imagesDigest": digest(1), "release": "ns/r", "snapshot": "ns/s",
            "dataDigest": digest(2), "components": components, "leftOut": [], "ignored": []});
        ReleaseFile::parse(document.to_string().as_bytes(), "release.json", None).unwrap()
    }

    #[test]
    fn an_unread_tag_is_neither_released_nor_missing() {
        let release = release(1);
        let digest = release.components[0].container_image.digest;
        let outlook = Outlook::new(
            &release,
            vec![
                TagState::Digest(digest),
                TagState::Unknown("500".to_owned()),
            ],
        );
        assert!(!outlook.is_complete());
        assert_eq!(
            outlook.counts(),
            json!({"released": 1, "pending": 0, "unknown": 1})
        );
        assert!(outlook.unread().is_some());
        let outlook = Outlook::new(&release, vec![TagState::Digest(digest), TagState::Nothing]);
        assert!(!outlook.is_complete() && outlook.unread().is_none());
        assert_eq!(
            outlook.document()["images"][0]["urls"],
            json!(["quay.io/acme/released0:released"])
        );
        let outlook = Outlook::new(&release, vec![TagState::Digest(digest); 2]);
        assert!(outlook.is_complete());
    }

    #[test]
    fn the_status_of_many_components_stays_small() {
        let release = release(752);
        let outlook = Outlook::new(&release, vec![TagState::Nothing; 1504]);
        let digest = Digest::of(b"");
        let all = outlook.summary(digest, STATUS_BUDGET);
        assert!(all.to_string().len() <= STATUS_BUDGET && all["images"].is_array());
        let counts = outlook.summary(digest, 4000);
        assert!(counts["images"].is_null() && counts.to_string().len() < 4000);
        assert_eq!(counts["components"], 752);
    }
}
