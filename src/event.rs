//! Events of Git hosts: a tag was pushed, or a release was published.
//!
//! The host is recognised by the payload's shape: the headers that name it do not reach a Task.
//! Shapes: GitLab "Webhook events", GitHub "Webhook events and payloads", Gitea/Forgejo, Bitbucket
//! Cloud and Data Center, Azure DevOps "Service hooks" likewise. A branch, a pull request, a deletion is refused.

mod azure;
mod bitbucket;
mod github;
mod gitlab;

use serde_json::Value;

use crate::text;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    TagPush,
    /// A release of the tag was published.
    Release,
}

impl EventKind {
    /// Returns the word for results.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TagPush => "tag-push",
            Self::Release => "release",
        }
    }
}

/// The tag of an event, with its repository and commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) kind: EventKind,
    /// The tag without `refs/tags/`.
    pub(crate) tag: String,
    /// The commit, peeled, if the payload has it.
    pub(crate) commit: Option<String>,
    pub(crate) repository: Option<String>,
    /// Set when the release is a draft.
    pub(crate) draft: bool,
    /// Set when the release is marked as a prerelease.
    pub(crate) prerelease: bool,
}

/// An event without a tag to promote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The payload is not a JSON object.
    #[error("it is not the JSON object of an event: {reason}")]
    Json { reason: String },
    /// The payload does not have the shape of a supported host's event.
    #[error(
        "the event has an unknown shape: expected a tag push or release of GitLab, GitHub, Gitea, Forgejo, Bitbucket or Azure DevOps"
    )]
    Unknown,
    /// The event is from a supported host, but about something else.
    #[error("the event is {what}, expected a tag push or a release")]
    NotATag { what: String },
    /// The ref is not that of a tag.
    #[error("ref {name:?} is {what}, expected refs/tags/…")]
    Ref { name: String, what: &'static str },
    /// The tag or release was deleted.
    #[error("the event says that tag {tag:?} was deleted")]
    Deleted { tag: String },
    /// An action on a release other than its publication.
    #[error(
        "the event says that the release of {tag:?} was {action}: only a published release is promoted"
    )]
    Action { tag: String, action: String },
    /// Git or this program does not allow the tag.
    #[error("the event has the tag {tag:?}, which is not the name of a Git tag")]
    Tag { tag: String },
    #[error("the event has the commit {commit:?}: expected 40 or 64 hexadecimal digits")]
    Commit { commit: String },
    #[error("the event has no {member}")]
    Missing { member: &'static str },
}

impl Event {
    /// Parses the payload of a webhook.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, Error> {
        if payload.trim_ascii().is_empty() {
            return Err(Error::Json {
                reason: "it is empty".to_owned(),
            });
        }
        let payload: Value = serde_json::from_slice(payload).map_err(|error| Error::Json {
            reason: error.to_string(),
        })?;
        if !payload.is_object() {
            return Err(Error::Json {
                reason: "it is another JSON value".to_owned(),
            });
        }
        let event = if payload["object_kind"].is_string() {
            gitlab::parse(&payload)?
        } else if payload["push"]["changes"].is_array() {
            bitbucket::parse(&payload)?
        } else if payload["eventKey"].is_string() && payload["changes"].is_array() {
            bitbucket::data_center(&payload)?
        } else if payload["eventType"].is_string() && payload["resource"].is_object() {
            azure::parse(&payload)?
        } else if payload["release"].is_object() || payload["ref"].is_string() {
            github::parse(&payload)?
        } else {
            return Err(Error::Unknown);
        };
        event.checked()
    }

    /// Checks the values for results, requests and commits against their grammars.
    fn checked(mut self) -> Result<Self, Error> {
        if !text::is_git_tag(&self.tag) {
            return Err(Error::Tag { tag: self.tag });
        }
        let Some(commit) = &mut self.commit else {
            return Ok(self);
        };
        commit.make_ascii_lowercase();
        if !text::is_commit(commit) || is_zero(commit) {
            let commit = commit.chars().take(80).collect();
            return Err(Error::Commit { commit });
        }
        self.repository = self.repository.map(|url| text::value(&url));
        Ok(self)
    }

    fn new(kind: EventKind, tag: &str) -> Self {
        Self {
            kind,
            tag: tag.to_owned(),
            commit: None,
            repository: None,
            draft: false,
            prerelease: false,
        }
    }
}

/// Returns the tag of a full ref.
///
/// # Errors
/// [`Error::Ref`] for a branch, a pull request or anything else.
pub(crate) fn tag_of_ref(name: &str) -> Result<&str, Error> {
    let refuse = |what| Error::Ref {
        name: name.to_owned(),
        what,
    };
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if let Some(tag) = name.strip_prefix("refs/tags/") {
        return if tag.is_empty() {
            Err(refuse("without a tag"))
        } else {
            Ok(tag)
        };
    }
    Err(refuse(if starts(&["refs/heads/"]) {
        "a branch"
    } else if starts(&["refs/pull/", "refs/merge-requests/", "refs/pull-requests/"]) {
        "a pull request"
    } else {
        "not the full ref of a tag"
    }))
}

fn required<'a>(value: &'a Value, member: &'static str) -> Result<&'a str, Error> {
    let found = value.pointer(member).and_then(Value::as_str);
    found
        .filter(|text| !text.is_empty())
        .ok_or(Error::Missing { member })
}

fn optional(value: &Value, member: &str) -> Option<String> {
    let found = value.pointer(member).and_then(Value::as_str);
    found.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Tells whether a commit consists of zeros, which is Git's notation for none.
fn is_zero(commit: &str) -> bool {
    !commit.is_empty() && commit.bytes().all(|digit| digit == b'0')
}

/// Checks that a release date has passed: `2026-08-05 10:00:00 UTC`, as GitLab writes it, or RFC 3339.
///
/// # Errors
/// [`Error::Action`] for a time in the future and for text that is not a time.
pub(crate) fn check_due(tag: &str, date: &str) -> Result<(), Error> {
    let refused = |action: String| Error::Action {
        tag: tag.to_owned(),
        action,
    };
    let standard = date.replacen(' ', "T", 1).replace(" UTC", "Z");
    let due: Result<jiff::Timestamp, _> = standard.parse();
    // A host may write the zone that it is set to behind a blank.
    let due = due.or_else(|_| jiff::Timestamp::strptime("%Y-%m-%d %H:%M:%S %z", date));
    let due = due.map_err(|_| refused(format!("dated {date:?}, which is not a time")))?;
    match due > jiff::Timestamp::now() {
        true => Err(refused(format!("announced for {date}"))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
