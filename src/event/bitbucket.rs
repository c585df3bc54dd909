//! Events of Bitbucket Cloud (`repo:push`) and Bitbucket Data Center (`repo:refs_changed`).
//!
//! `git push --follow-tags` sends branches and tags in one event: the only tag is used.

use serde_json::Value;

use super::{Error, Event, EventKind, optional, required};

/// Parses `push.changes` of Bitbucket Cloud; the only tag is used.
pub(super) fn parse(payload: &Value) -> Result<Event, Error> {
    let changes = payload["push"]["changes"].as_array();
    let changes = changes.map(Vec::as_slice).unwrap_or_default();
    let is_tag = |change: &&Value| {
        ["/new/type", "/old/type"]
            .iter()
            .any(|member| change.pointer(member).and_then(Value::as_str) == Some("tag"))
    };
    let tags: Vec<_> = changes.iter().filter(is_tag).collect();
    let change = match (tags.as_slice(), changes) {
        ([one], _) => *one,
        ([], [one]) => {
            let what = optional(one, "/new/type").unwrap_or_else(|| "deleted branch".to_owned());
            return Err(Error::NotATag {
                what: format!("a push of a {what}"),
            });
        }
        (tags, changes) => {
            let what = format!("a push of {} refs with {} tags", changes.len(), tags.len());
            return Err(Error::NotATag { what });
        }
    };
    if change["new"].is_null() {
        let tag = optional(change, "/old/name").unwrap_or_default();
        return Err(Error::Deleted { tag });
    }
    Ok(Event {
        commit: optional(change, "/new/target/hash"),
        repository: optional(payload, "/repository/links/html/href"),
        ..Event::new(EventKind::TagPush, required(change, "/new/name")?)
    })
}

/// Parses `changes` of Bitbucket Data Center.
pub(super) fn data_center(payload: &Value) -> Result<Event, Error> {
    let changes = payload["changes"].as_array();
    let changes = changes.map(Vec::as_slice).unwrap_or_default();
    let is_tag = |change: &&Value| change["ref"]["type"] == "TAG";
    let tags: Vec<_> = changes.iter().filter(is_tag).collect();
    let [change] = tags.as_slice() else {
        let what = format!("a push of {} refs with {} tags", changes.len(), tags.len());
        return Err(Error::NotATag { what });
    };
    let tag = super::tag_of_ref(required(change, "/ref/id")?)?;
    if change["type"] == "DELETE" {
        return Err(Error::Deleted {
            tag: tag.to_owned(),
        });
    }
    let links = payload.pointer("/repository/links/self/0/href");
    Ok(Event {
        // `toHash` is the tag object of an annotated tag: the commit has to be read from the host.
        commit: None,
        repository: links.and_then(Value::as_str).map(str::to_owned),
        ..Event::new(EventKind::TagPush, tag)
    })
}
