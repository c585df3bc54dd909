//! Events of GitHub, and of Gitea and Forgejo, which follow it: `push`, `create` and `release`.

use serde_json::Value;

use super::{Error, Event, EventKind, is_zero, optional, required, tag_of_ref};

pub(super) fn parse(payload: &Value) -> Result<Event, Error> {
    if payload["release"].is_object() {
        release(payload)
    } else if payload["ref_type"].is_string() {
        create(payload)
    } else {
        push(payload)
    }
}

fn push(payload: &Value) -> Result<Event, Error> {
    let tag = tag_of_ref(required(payload, "/ref")?)?;
    // The payload of an alert or a workflow has a ref too, but nothing was pushed.
    if !payload["before"].is_string() || !payload["after"].is_string() {
        return Err(Error::NotATag {
            what: format!("about {tag:?}, which was not pushed"),
        });
    }
    let after = optional(payload, "/after");
    if payload["deleted"] == true || after.as_deref().is_some_and(is_zero) {
        return Err(Error::Deleted {
            tag: tag.to_owned(),
        });
    }
    Ok(Event {
        // `after` is the tag object of an annotated tag, so only the head commit is used.
        commit: optional(payload, "/head_commit/id"),
        repository: repository(payload),
        ..Event::new(EventKind::TagPush, tag)
    })
}

fn create(payload: &Value) -> Result<Event, Error> {
    match required(payload, "/ref_type")? {
        "tag" => {}
        other => {
            return Err(Error::NotATag {
                what: format!("about a {other}"),
            });
        }
    }
    // A deletion has the same members but only a pusher.
    let name = required(payload, "/ref")?;
    let tag = name.strip_prefix("refs/tags/").unwrap_or(name);
    if !payload["master_branch"].is_string() && !payload["sha"].is_string() {
        return Err(Error::Deleted {
            tag: tag.to_owned(),
        });
    }
    Ok(Event {
        repository: repository(payload),
        ..Event::new(EventKind::TagPush, tag)
    })
}

fn release(payload: &Value) -> Result<Event, Error> {
    let tag = required(payload, "/release/tag_name")?;
    match required(payload, "/action")? {
        // `released` is sent beside `published`, and alone when a prerelease becomes a release. A
        // second promotion of the same tag changes nothing.
        "published" | "released" => {}
        "deleted" => {
            return Err(Error::Deleted {
                tag: tag.to_owned(),
            });
        }
        action => {
            return Err(Error::Action {
                tag: tag.to_owned(),
                action: action.to_owned(),
            });
        }
    }
    Ok(Event {
        repository: repository(payload),
        draft: payload["release"]["draft"] == true,
        prerelease: payload["release"]["prerelease"] == true,
        ..Event::new(EventKind::Release, tag)
    })
}

fn repository(payload: &Value) -> Option<String> {
    optional(payload, "/repository/html_url")
}
