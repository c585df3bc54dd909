//! Events of Azure DevOps: `git.push`.

use serde_json::Value;

use super::{Error, Event, EventKind, is_zero, optional, required, tag_of_ref};

/// Parses `resource.refUpdates`; of several updates the only tag is used.
pub(super) fn parse(payload: &Value) -> Result<Event, Error> {
    let kind = optional(payload, "/eventType").unwrap_or_default();
    if kind != "git.push" {
        return Err(Error::NotATag {
            what: format!("a {kind} event of Azure DevOps"),
        });
    }
    let updates = payload["resource"]["refUpdates"].as_array();
    let updates = updates.map(Vec::as_slice).unwrap_or_default();
    let is_tag = |update: &&Value| {
        let name = update["name"].as_str();
        name.is_some_and(|name| name.starts_with("refs/tags/"))
    };
    let tags: Vec<_> = updates.iter().filter(is_tag).collect();
    let [update] = tags.as_slice() else {
        let what = format!("a push of {} refs with {} tags", updates.len(), tags.len());
        return Err(Error::NotATag { what });
    };
    let tag = tag_of_ref(required(update, "/name")?)?;
    if optional(update, "/newObjectId").is_some_and(|id| is_zero(&id)) {
        return Err(Error::Deleted {
            tag: tag.to_owned(),
        });
    }
    Ok(Event {
        // `newObjectId` is the tag object of an annotated tag.
        commit: None,
        repository: optional(payload, "/resource/repository/remoteUrl"),
        ..Event::new(EventKind::TagPush, tag)
    })
}
