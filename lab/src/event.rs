//! Recorded events of Git hosts, about a tag of ours.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::checkout;

const TAG: &str = "v1.0";
const COMMIT: &str = "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7";
const REPOSITORY: &str = "/acme/web";

/// Lists the recorded pushes of the tag `v1.0` of `acme/web`, one for each kind of host.
pub fn pushes() -> impl Iterator<Item = &'static str> {
    checkout::EVENTS.iter().map(|(name, _)| *name)
}

/// The recorded push of a tag, with this tag, commit and repository in place of the recorded ones.
pub fn tag_push(recorded: &str, tag: &str, commit: &str, url: &str) -> Result<String> {
    let known = checkout::EVENTS.iter().find(|(name, _)| *name == recorded);
    let (_, text) = known.with_context(|| format!("there is no recorded event {recorded}"))?;
    let mut event: Value = serde_json::from_str(text)?;
    change(&mut event, &|text| {
        let full = format!("refs/tags/{TAG}");
        if *text == full {
            *text = format!("refs/tags/{tag}");
        } else if text == TAG {
            tag.clone_into(text);
        } else if text == COMMIT {
            commit.clone_into(text);
        } else if text.starts_with("https://") && text.ends_with(REPOSITORY) {
            url.clone_into(text);
        }
    });
    Ok(event.to_string())
}

/// Changes every text of a document.
fn change(value: &mut Value, one: &impl Fn(&mut String)) {
    match value {
        Value::String(text) => one(text),
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, one)),
        Value::Object(members) => members.values_mut().for_each(|member| change(member, one)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
