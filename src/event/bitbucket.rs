//! Bitbucket Cloud: `repo:push`.

use serde_json::Value;

use super::{Error, Event, Kind, optional, required};

pub(super) fn parse(payload: &Value) -> Result<Event, Error> {
    let changes = payload["push"]["changes"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let [change] = changes else {
        let what = format!("a push of {} refs", changes.len());
        return Err(Error::NotATag { what });
    };
    if change["new"].is_null() {
        let tag = optional(change, "/old/name").unwrap_or_default();
        return Err(Error::Deleted { tag });
    }
    match required(change, "/new/type")? {
        "tag" => {}
        other => {
            return Err(Error::NotATag {
                what: format!("a push of a {other}"),
            });
        }
    }
    Ok(Event {
        commit: optional(change, "/new/target/hash"),
        repository: optional(payload, "/repository/links/html/href"),
        ..Event::new(Kind::TagPush, required(change, "/new/name")?)
    })
}
