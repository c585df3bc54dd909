//! `extract-tag`: the Git tag out of an event, and the destination image tag from it.
//!
//! 1. read the tag from the one input that was given
//! 2. check it against `--strip-prefix`, `--pattern` and `--semver`
//! 3. form the destination tag by the template and check the grammar of OCI tags
//! 4. with `--git-url`, peel the tag there and refuse one that moved since the event

mod args;

use std::path::PathBuf;

pub(crate) use args::Args;
use args::TagFormat;
use serde_json::json;

use super::{
    Context, Outcome,
    failures::{git_failure, moved},
};
use crate::{
    event::{self, Event},
    failure::{Failure, Kind, OrFail as _},
    git,
    image::{Digest, Tag},
    text,
};

/// The Tekton results of the command.
pub(crate) const RESULTS: &[&str] = &["TAG", "DESTINATION_IMAGE_TAG", "COMMIT"];

/// The source of the tag, and the conditions that it must meet.
#[derive(Debug, Clone)]
pub(crate) struct TagRequest {
    pub(crate) source: TagSource,
    /// The template of the destination tag.
    pub(crate) template: String,
    /// The prefix that is taken off the tag first.
    pub(crate) strip_prefix: Option<String>,
    /// The expression that the tag must match as a whole.
    pub(crate) pattern: Option<String>,
    pub(crate) semver: bool,
    /// Replaces characters that OCI does not allow in a tag.
    pub(crate) sanitize: bool,
    pub(crate) allow_prerelease: bool,
    pub(crate) allow_draft: bool,
    /// The repository in which the tag is peeled.
    pub(crate) git_url: Option<String>,
    /// The commit that the event named.
    pub(crate) commit: Option<String>,
    /// The publication time of the release, as its event has it.
    pub(crate) released_at: Option<String>,
}

/// The input that the tag is read from.
#[derive(Debug, Clone)]
pub(crate) enum TagSource {
    /// A full ref, such as `refs/tags/v1.0`.
    Ref(String),
    Tag(String),
    /// The payload of a webhook, in a file.
    EventFile(PathBuf),
    /// A local repository whose HEAD has exactly one tag.
    Repository(PathBuf),
}

/// A tag with its destination tag and its commit.
#[derive(Debug, Clone)]
pub(crate) struct ExtractedTag {
    pub(crate) tag: String,
    /// The tag that images get at their destination.
    pub(crate) destination: Tag,
    /// The commit of the Git tag, if it is known.
    pub(crate) commit: Option<String>,
    event: &'static str,
    repository: Option<String>,
}

struct TagEvent {
    tag: String,
    commit: Option<String>,
    event: &'static str,
    repository: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Kind::Usage`] for a tag that may not be used, [`Kind::NotFound`] when it does not exist
/// in the repository, [`Kind::Refused`] when it moved since the event.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let output = args.output;
    let done = perform(&args.try_into()?, context).await?;
    let text = match output {
        TagFormat::Text => format!("{}\n", done.destination),
        TagFormat::Json => format!("{}\n", done.json()),
    };
    let mut outcome = done.outcome();
    outcome.stdout = text.into_bytes();
    Ok(outcome)
}

/// Reads the tag and forms the destination tag.
///
/// # Errors
/// As [`run`].
pub(crate) async fn perform(
    request: &TagRequest,
    context: &Context,
) -> Result<ExtractedTag, Failure> {
    let mut found = request.find(context).await?;
    found.expect(request.commit.as_deref())?;
    if let Some(due) = &request.released_at {
        event::check_due(&found.tag, due).or_fail(Kind::Usage)?;
    }
    if let Some(problem) = text::git_tag_problem(&found.tag) {
        let tag = text::line(&found.tag);
        let message = format!("the Git tag \"{tag}\" cannot be used: {problem}");
        return Err(Failure::message(Kind::Usage, message));
    }
    let destination = request.destination(&found.tag)?;
    if let Some(url) = &request.git_url {
        found.commit = Some(peel(&found, url, context).await?);
    }
    Ok(ExtractedTag {
        destination,
        tag: found.tag,
        commit: found.commit,
        event: found.event,
        repository: found.repository,
    })
}

impl ExtractedTag {
    /// Returns the Tekton results and the printed answer.
    pub(crate) fn outcome(&self) -> Outcome {
        let mut outcome = Outcome::default();
        let commit = self.commit.clone().unwrap_or_default();
        for (name, value) in [
            ("TAG", self.tag.as_str()),
            ("DESTINATION_IMAGE_TAG", self.destination.as_str()),
            ("COMMIT", &commit),
        ] {
            outcome.results.set(name, value);
        }
        outcome
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "tag": self.tag,
            "destinationTag": self.destination,
            "commit": self.commit,
            "event": self.event,
            "repository": self.repository,
        })
    }
}

impl TagEvent {
    /// Takes over the commit that `--commit` names; the event's commit must not contradict it.
    fn expect(&mut self, commit: Option<&str>) -> Result<(), Failure> {
        let Some(commit) = commit else {
            return Ok(());
        };
        if !git::is_commit(commit) {
            let message = format!("--commit is {commit:?}: expected 40 or 64 hex digits");
            return Err(Failure::message(Kind::Usage, message));
        }
        match self.commit.replace(commit.to_owned()) {
            Some(event) if event != commit => Err(Failure::message(
                Kind::Refused,
                format!("the event is about commit {event}, --commit names {commit}"),
            )),
            _ => Ok(()),
        }
    }
}

impl TagRequest {
    async fn find(&self, context: &Context) -> Result<TagEvent, Failure> {
        let plain = |tag: &str, event| TagEvent {
            tag: tag.to_owned(),
            commit: None,
            event,
            repository: None,
        };
        match &self.source {
            TagSource::Ref(name) => {
                let tag = event::tag_of_ref(name).or_fail(Kind::Usage);
                let hint = "--ref takes the full ref of a pushed tag, --tag the name of one";
                Ok(plain(tag.map_err(|failure| failure.hint(hint))?, "ref"))
            }
            TagSource::Tag(tag) => Ok(plain(tag, "tag")),
            TagSource::EventFile(path) => {
                let event = Event::parse(&context.read(path)?).or_fail(Kind::Usage);
                let event = event.map_err(|failure| match path.to_str() {
                    Some("-") => failure.context("the event on standard input"),
                    _ => failure.context(format!("the event in {}", path.display())),
                })?;
                self.check_release(&event)?;
                let kind = event.kind.as_str();
                Ok(TagEvent {
                    tag: event.tag,
                    commit: event.commit,
                    event: kind,
                    repository: event.repository,
                })
            }
            TagSource::Repository(dir) => {
                let at = dir.clone();
                let found = context.git.run(move |_| git::tag_at_head(&at)).await;
                let (tag, commit) = found.map_err(|error| match error {
                    git::Error::NoRevision { .. } => {
                        let text = format!("HEAD of {} has no tag", dir.display());
                        Failure::message(Kind::NotFound, text)
                            .hint("check out the tag, or name one by --tag")
                    }
                    error => git_failure(error),
                })?;
                Ok(TagEvent {
                    commit: Some(commit),
                    ..plain(&tag, "repository")
                })
            }
        }
    }

    fn check_release(&self, event: &Event) -> Result<(), Failure> {
        let refuse = |what: &str, flag: &str| {
            let message = format!("the release of {:?} is a {what}", event.tag);
            Err(Failure::message(Kind::Usage, message).hint(format!("{flag} accepts it")))
        };
        if event.draft && !self.allow_draft {
            return refuse("draft", "--allow-draft");
        }
        if event.prerelease && !self.allow_prerelease {
            return refuse("prerelease", "--allow-prerelease");
        }
        Ok(())
    }

    /// Returns the destination tag of a Git tag.
    fn destination(&self, tag: &str) -> Result<Tag, Failure> {
        let refuse = |reason: String| Failure::message(Kind::Usage, reason);
        let stripped = match &self.strip_prefix {
            Some(prefix) => tag
                .strip_prefix(prefix.as_str())
                .ok_or_else(|| refuse(format!("tag {tag:?} does not begin with {prefix:?}")))?,
            None => tag,
        };
        if let Some(pattern) = &self.pattern {
            // Compiled alone first: `a)|(?:b` is valid only inside of the added parentheses.
            let alone = regex::Regex::new(pattern);
            let whole = alone.and_then(|_| regex::Regex::new(&format!("^(?:{pattern})$")));
            let whole = whole.map_err(|error| {
                refuse(format!("--pattern is not a regular expression: {error}"))
            })?;
            if !whole.is_match(stripped) {
                return Err(refuse(format!(
                    "tag {stripped:?} does not match --pattern {pattern}"
                )));
            }
        }
        let version = version(stripped);
        if self.semver
            && let Err(error) = &version
        {
            return Err(refuse(format!(
                "tag {stripped:?} is not a semantic version (MAJOR.MINOR.PATCH, such as v1.2.3): {error}"
            )));
        }
        let text = fill(
            "--template",
            &self.template,
            stripped,
            version.ok().as_ref(),
        )?;
        match text.parse::<Tag>() {
            // A tag that looks like a sanitized one gets a hash too, so that the two never collide.
            Ok(tag) if self.sanitize && ends_with_hash(tag.as_str()) => {
                sanitized(&text).or_fail(Kind::Usage)
            }
            Ok(tag) => Ok(tag),
            Err(_) if self.sanitize => sanitized(&text).or_fail(Kind::Usage),
            Err(error) => Err(Failure::new(Kind::Usage, error)
                .context(format!("Git tag {tag:?} makes no image tag"))
                .hint("choose another tag, or let --on-invalid=sanitize replace the character")),
        }
    }
}

/// Parses the semantic version that a tag names; a leading v is allowed.
fn version(tag: &str) -> Result<semver::Version, semver::Error> {
    semver::Version::parse(tag.strip_prefix('v').unwrap_or(tag))
}

/// Fills the template of a destination tag, which another command has as --destination-tag.
///
/// # Errors
/// [`Kind::Usage`] for a placeholder that does not exist or that the tag has no value for.
pub(crate) fn filled(template: &str, tag: &str) -> Result<String, Failure> {
    fill(
        "--destination-tag",
        template,
        tag,
        version(tag).ok().as_ref(),
    )
}

/// Fills the template in one pass: a tag's own text is never read as a placeholder.
fn fill(
    flag: &str,
    template: &str,
    tag: &str,
    version: Option<&semver::Version>,
) -> Result<String, Failure> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('{') {
        let wrong = |name: &str| {
            Failure::message(
                Kind::Usage,
                format!(
                    "{flag} has {{{name}}}: expected {{tag}} or {{semver.major}}, {{semver.minor}}, {{semver.patch}}"
                ),
            )
        };
        let (name, after) = behind.split_once('}').ok_or_else(|| {
            let text = format!("{flag} {template:?} has a {{ without its }}");
            Failure::message(Kind::Usage, text)
        })?;
        let number = |part: fn(&semver::Version) -> u64| {
            let version = version.ok_or_else(|| {
                Failure::message(
                    Kind::Usage,
                    format!("{flag} has {{{name}}}, but tag {tag:?} is not a semantic version"),
                )
            });
            version.map(|version| part(version).to_string())
        };
        text.push_str(before);
        text.push_str(&match name {
            "tag" => tag.to_owned(),
            "semver.major" => number(|version| version.major)?,
            "semver.minor" => number(|version| version.minor)?,
            "semver.patch" => number(|version| version.patch)?,
            other => return Err(wrong(other)),
        });
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

/// The number of hexadecimal digits of the hash that are added: 128 bits.
const HASH: usize = 32;

/// Tells whether a tag ends as sanitized ones do.
fn ends_with_hash(tag: &str) -> bool {
    let digits = tag.rsplit_once('-').map(|(_, digits)| digits);
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    digits.is_some_and(|digits| digits.len() == HASH && digits.bytes().all(digit))
}

/// Replaces characters that OCI does not allow (`+` by `_`, as Helm does) and adds a part of the hash.
fn sanitized(text: &str) -> Result<Tag, crate::image::TagError> {
    let replace = |(at, c): (usize, char)| match c {
        '+' => '_',
        c if c.is_ascii_alphanumeric() || c == '_' => c,
        '.' | '-' if at > 0 => c,
        _ if at == 0 => '_',
        _ => '-',
    };
    let kept: String = text
        .chars()
        .take(127 - HASH)
        .enumerate()
        .map(replace)
        .collect();
    let kept = if kept.is_empty() { "_" } else { &kept };
    let hash = Digest::of(text.as_bytes()).hex();
    format!("{kept}-{}", &hash[..HASH]).parse()
}

/// Peels the tag at the host and compares it with the event's commit.
async fn peel(found: &TagEvent, url: &str, context: &Context) -> Result<String, Failure> {
    let address = url.to_owned();
    let refs = context
        .git
        .run(move |git| git.ls_remote(&address))
        .await
        .map_err(git_failure)?;
    let tag = &found.tag;
    let Some(commit) = git::commit_of_tag(&refs, tag) else {
        return Err(Failure::message(
            Kind::NotFound,
            format!("no tag {tag:?} in {url}"),
        ));
    };
    match &found.commit {
        Some(event) if event != commit => Err(moved(tag, event, commit, url)),
        _ => Ok(commit.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_never_read_as_a_template() {
        let version = semver::Version::new(1, 2, 3);
        let filled = fill(
            "--template",
            "p-{tag}-{semver.major}.{semver.minor}",
            "{semver.patch}",
            Some(&version),
        )
        .unwrap();
        assert_eq!(filled, "p-{semver.patch}-1.2");
        assert!(fill("x", "{nope}", "v1", None).is_err());
        assert!(fill("x", "{tag", "v1", None).is_err());
        assert!(fill("x", "{semver.major}", "one", None).is_err());
    }

    #[test]
    fn sanitised_tags_have_128_bits_of_the_hash() {
        let tag = sanitized("v1/a").unwrap();
        let hash = Digest::of(b"v1/a").hex();
        assert_eq!(tag.as_str(), format!("v1-a-{}", &hash[..32]));
        assert!(ends_with_hash(tag.as_str()));
        assert_eq!(sanitized(&"x".repeat(300)).unwrap().as_str().len(), 128);
    }

    #[test]
    fn sanitised_tags_never_meet() {
        let texts = [
            "v1+a",
            "v1_a",
            "v1/a",
            "v1 a",
            "-v1",
            ".v1",
            "",
            "ä",
            &"x".repeat(200),
            &"x".repeat(201),
        ];
        let tags: Vec<_> = texts.iter().map(|text| sanitized(text).unwrap()).collect();
        let distinct: std::collections::BTreeSet<_> = tags.iter().collect();
        assert_eq!(distinct.len(), texts.len(), "{tags:?}");
    }
}
