//! The components of a Snapshot that changed since another list of images: the Snapshot of an earlier release, or the
//! candidates of a ComponentGroup.
//!
//! Every Snapshot lists all components. One that was not rebuilt keeps the image of before, and the label of a Snapshot
//! names a component without its version, so that the label alone does not tell what changed.

use serde_json::Value;

use super::{Error, kind, objects::Object, plan::ComponentIdentity};
use crate::image::{Digest, DigestReference};

/// The images of before.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    /// The resource that lists them.
    pub(crate) shown: String,
    images: Vec<(ComponentIdentity, Option<Digest>)>,
}

/// The members of an entry of a list.
struct Members {
    list: &'static [&'static str],
    image: &'static str,
    /// Set when an entry may have no image yet.
    optional: bool,
}

/// The components of a Snapshot.
const SNAPSHOT: Members = Members {
    list: &["spec", "components"],
    image: "containerImage",
    optional: false,
};
/// The candidates of a ComponentGroup, from which the next Snapshot is filled.
const GROUP: Members = Members {
    list: &["status", "globalCandidateList"],
    image: "lastPromotedImage",
    optional: true,
};

impl Base {
    /// Takes the images of an earlier Snapshot of the same application or group.
    ///
    /// # Errors
    /// [`Error::Object`] for a Snapshot of something else, without components or with an image that is not pinned;
    /// [`Error::Shape`].
    pub(crate) fn of_snapshot(earlier: &Object, current: &Object) -> Result<Self, Error> {
        let (of_earlier, of_current) = (earlier.owner()?, current.owner()?);
        if of_earlier.is_none() || of_earlier != of_current {
            let problem = format!("it is not of the application or group of {}", current.shown);
            return Err(earlier.refuse(problem));
        }
        Self::of(earlier, &SNAPSHOT)
    }

    /// Takes the candidates of the ComponentGroup that the Snapshot is of.
    ///
    /// # Errors
    /// As [`Base::of_snapshot`].
    pub(crate) fn of_group(group: &Object, current: &Object) -> Result<Self, Error> {
        let name = group.member("metadata", "name")?;
        let namespaces = [
            group.member("metadata", "namespace")?,
            current.member("metadata", "namespace")?,
        ];
        let apart = matches!(&namespaces, [Some(one), Some(other)] if one != other);
        let of_current = match current.owner()? {
            Some(("componentGroup", name)) => Some(name),
            _ => None,
        };
        if apart || of_current.is_none() || of_current != name {
            let problem = format!("{} is not of this group", current.shown);
            return Err(group.refuse(problem));
        }
        Self::of(group, &GROUP)
    }

    fn of(object: &Object, members: &Members) -> Result<Self, Error> {
        let place = members.list.join(".");
        let list = object.at(members.list);
        let list = match list {
            Some(Value::Array(list)) if !list.is_empty() => list,
            None | Some(Value::Null | Value::Array(_)) => {
                let problem = format!("it has no {place}, so that what changed is not known");
                return Err(object.refuse(problem));
            }
            Some(other) => return Err(object.shape(&place, other, "a list")),
        };
        let entries = list.iter().map(|entry| {
            let text = |member: &str| match entry.get(member) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
                Some(other) => Err(object.shape(&format!("{place}[].{member}"), other, "a text")),
            };
            let name = text("name")?.ok_or_else(|| {
                let found = kind(entry.get("name").unwrap_or(&Value::Null));
                object.refuse(format!("the name of an entry of {place} is {found}"))
            })?;
            let digest = match text(members.image)? {
                None if members.optional => None,
                image => Some(pinned(object, &name, image.as_deref().unwrap_or_default())?),
            };
            let version = text("version")?;
            Ok((ComponentIdentity { name, version }, digest))
        });
        Ok(Self {
            shown: object.shown.clone(),
            images: entries.collect::<Result<_, Error>>()?,
        })
    }

    /// Tells whether a component is new or has another image.
    pub(crate) fn is_changed(&self, identity: &ComponentIdentity, digest: Digest) -> bool {
        let mut known = self.images.iter();
        !known.any(|(of, image)| of == identity && *image == Some(digest))
    }
}

fn pinned(object: &Object, name: &str, image: &str) -> Result<Digest, Error> {
    let image: DigestReference = image.parse().map_err(|error| {
        object.refuse(format!(
            "the image {image:?} of {name} cannot be compared: {error}"
        ))
    })?;
    Ok(image.digest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::release::objects::ObjectKind;

    fn image(seed: &str) -> String {
        format!("q.io/o/web@{}", Digest::of(seed.as_bytes()))
    }

    fn group(candidates: Value) -> Object {
        let value = json!({"apiVersion": "appstudio.redhat.com/v1beta2", "kind": "ComponentGroup",
            "metadata": {"namespace": "ns", "name": "shop"},
            "status": {"globalCandidateList": candidates}});
        Object::new(value, ObjectKind::Group, "group").unwrap()
    }

    fn snapshot(name: &str, owner: &Value, components: Value) -> Object {
        let mut value = json!({"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Snapshot",
            "metadata": {"namespace": "ns", "name": name}, "spec": owner});
        value["spec"]["components"] = components;
        Object::new(value, ObjectKind::Snapshot, "snapshot").unwrap()
    }

    fn of(name: &str, version: Option<&str>) -> ComponentIdentity {
        ComponentIdentity {
            name: name.to_owned(),
            version: version.map(str::to_owned),
        }
    }

    #[test]
    fn a_component_changed_when_its_own_version_has_another_image() {
        let current = snapshot("new", &json!({"componentGroup": "shop"}), json!([]));
        let base = group(json!([
            {"name": "web", "version": "v1", "lastPromotedImage": image("1")},
            {"name": "web", "version": "v2", "lastPromotedImage": image("2")},
            {"name": "new", "version": "v1"},
            {"name": "plain", "lastPromotedImage": image("1")},
        ]));
        let base = Base::of_group(&base, &current).unwrap();
        let changed = |name, version, seed: &str| {
            base.is_changed(&of(name, version), Digest::of(seed.as_bytes()))
        };
        assert!(!changed("web", Some("v1"), "1"));
        assert!(
            changed("web", Some("v2"), "1"),
            "the image of another version"
        );
        assert!(changed("web", None, "1"));
        assert!(changed("new", Some("v1"), "1"), "never promoted");
        assert!(changed("gone", Some("v1"), "1"));
        assert!(!changed("plain", None, "1"));
    }

    #[test]
    fn a_base_of_something_else_or_without_images_is_refused() {
        let owner = json!({"componentGroup": "shop"});
        let current = snapshot("new", &owner, json!([]));
        let listed = json!([{"name": "web", "containerImage": image("1")}]);
        assert!(Base::of_snapshot(&snapshot("old", &owner, listed.clone()), &current).is_ok());
        for (owner, components) in [
            (json!({"application": "shop"}), listed.clone()),
            (json!({"componentGroup": "other"}), listed.clone()),
            (json!({}), listed),
            (owner.clone(), json!([])),
            (owner.clone(), json!([{"name": "web"}])),
            (
                owner.clone(),
                json!([{"name": "web", "containerImage": "q.io/o/web:v1"}]),
            ),
            (owner.clone(), json!([{"containerImage": image("1")}])),
            (owner.clone(), json!({"web": image("1")})),
        ] {
            let earlier = snapshot("old", &owner, components.clone());
            let base = Base::of_snapshot(&earlier, &current);
            assert!(base.is_err(), "{owner} {components}");
        }
        for candidates in [
            Value::Null,
            json!([]),
            json!([{"name": "web", "lastPromotedImage": "q.io/o/web:v1"}]),
            json!([{"name": "web", "lastPromotedImage": 1}]),
        ] {
            let base = Base::of_group(&group(candidates.clone()), &current);
            assert!(base.is_err(), "{candidates}");
        }
        let apart = snapshot("new", &json!({"application": "shop"}), json!([]));
        let candidates = json!([{"name": "web", "lastPromotedImage": image("1")}]);
        assert!(Base::of_group(&group(candidates), &apart).is_err());
    }
}
