//! The flags of `extract-tag` and the typed request that they become.

use std::path::PathBuf;

use clap::{ValueEnum, builder::NonEmptyStringValueParser};

use super::{TagRequest, TagSource};
use crate::failure::{Failure, Kind};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    input: TagInput,
    /// Form the destination tag by this template; {tag} is replaced by the Git tag, {semver.major}, {semver.minor} and {semver.patch} by its parts
    #[arg(long, value_name = "TEMPLATE", default_value = "{tag}")]
    template: String,
    /// Take this prefix off the Git tag first, such as svc-a/ in a repository of many parts
    #[arg(long, value_name = "PREFIX")]
    strip_prefix: Option<String>,
    /// Refuse a tag that this expression does not match as a whole
    #[arg(long, value_name = "REGEX")]
    pattern: Option<String>,
    /// Refuse a tag that is not a semantic version; a leading v is allowed
    #[arg(long)]
    semver: bool,
    /// How to treat a destination tag that OCI does not allow
    #[arg(long, value_name = "HOW", default_value = "refuse")]
    on_invalid: OnInvalid,
    /// Accept a release that is marked as a prerelease
    #[arg(long)]
    allow_prerelease: bool,
    /// Accept a release that is a draft
    #[arg(long)]
    allow_draft: bool,
    /// Peel the tag in this repository and refuse it when the event named another commit
    #[arg(long, value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    git_url: Option<String>,
    /// The commit that the event named: refuse the tag when --git-url has another one for it
    #[arg(long, value_name = "COMMIT", requires = "git_url")]
    commit: Option<String>,
    /// The publication time of the release, as its event has it: refuse one in the future
    #[arg(long, value_name = "TIME")]
    released_at: Option<String>,
    /// How to print the destination tag
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: TagFormat,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct TagInput {
    /// The full ref, such as refs/tags/v1.0
    #[arg(long, value_name = "REF")]
    r#ref: Option<String>,
    /// The Git tag, such as v1.0
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// The payload of a webhook of GitLab, GitHub, Gitea, Forgejo or Bitbucket Cloud; - reads standard input
    #[arg(long, value_name = "FILE")]
    event_file: Option<PathBuf>,
    /// A local repository whose HEAD has exactly one tag
    #[arg(long, value_name = "DIR")]
    repo: Option<PathBuf>,
}

/// The treatment of a destination tag that OCI does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OnInvalid {
    /// Fail and say which character is wrong
    Refuse,
    /// Replace what is not allowed and add a part of the original's hash, so that no two tags meet
    Sanitize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TagFormat {
    /// The destination tag and a newline
    Text,
    /// tag, destinationTag, commit, event and repository
    Json,
}

impl TryFrom<Args> for TagRequest {
    type Error = Failure;

    fn try_from(args: Args) -> Result<Self, Failure> {
        let TagInput {
            r#ref,
            tag,
            event_file,
            repo,
        } = args.input;
        let source = match (r#ref, tag, event_file, repo) {
            (Some(name), ..) => TagSource::Ref(name),
            (_, Some(tag), ..) => TagSource::Tag(tag),
            (_, _, Some(file), _) => TagSource::EventFile(file),
            (_, _, _, Some(dir)) => TagSource::Repository(dir),
            _ => {
                let text = "no tag given: expected --ref, --tag, --event-file or --repo";
                return Err(Failure::message(Kind::Usage, text));
            }
        };
        Ok(Self {
            source,
            template: args.template,
            strip_prefix: args.strip_prefix,
            pattern: args.pattern,
            semver: args.semver,
            sanitize: args.on_invalid == OnInvalid::Sanitize,
            allow_prerelease: args.allow_prerelease,
            allow_draft: args.allow_draft,
            git_url: args.git_url,
            commit: args.commit,
            released_at: args.released_at,
        })
    }
}
