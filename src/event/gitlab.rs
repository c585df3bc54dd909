//! Events of GitLab: `Tag Push Hook` and `Release Hook`.

use serde_json::Value;

use super::{Error, Event, EventKind, is_zero, optional, required, tag_of_ref};

pub(super) fn parse(payload: &Value) -> Result<Event, Error> {
    match required(payload, "/object_kind")? {
        "tag_push" => tag_push(payload),
        "release" => release(payload),
        "push" => Err(tag_of_ref(required(payload, "/ref")?).map_or_else(
            |error| error,
            |_| Error::NotATag {
                what: "a push".to_owned(),
            },
        )),
        other => Err(Error::NotATag {
            what: format!("a {other} event of GitLab"),
        }),
    }
}

fn tag_push(payload: &Value) -> Result<Event, Error> {
    let tag = tag_of_ref(required(payload, "/ref")?)?;
    if optional(payload, "/after").is_some_and(|after| is_zero(&after)) {
        return Err(Error::Deleted {
            tag: tag.to_owned(),
        });
    }
    Ok(Event {
        // `after` is the tag object of an annotated tag; `checkout_sha` is its commit.
        commit: optional(payload, "/checkout_sha"),
        repository: repository(payload),
        ..Event::new(EventKind::TagPush, tag)
    })
}

fn release(payload: &Value) -> Result<Event, Error> {
    let tag = required(payload, "/tag")?;
    match required(payload, "/action")? {
        "create" => {}
        "delete" => {
            return Err(Error::Deleted {
                tag: tag.to_owned(),
            });
        }
        action => {
            return Err(Error::Action {
                tag: tag.to_owned(),
                action: format!("{action}d"),
            });
        }
    }
    if let Some(date) = optional(payload, "/released_at") {
        super::check_due(tag, &date)?;
    }
    Ok(Event {
        commit: optional(payload, "/commit/id"),
        repository: repository(payload),
        ..Event::new(EventKind::Release, tag)
    })
}

fn repository(payload: &Value) -> Option<String> {
    optional(payload, "/project/web_url")
}
