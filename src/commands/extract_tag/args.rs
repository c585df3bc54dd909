//! The flags of `extract-tag` and the typed request that they become.

use std::path::PathBuf;

use clap::{ValueEnum, builder::NonEmptyStringValueParser};

use super::{TagRequest, TagSource};
use crate::failure::{Failure, Kind};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    input: TagInput,
    /// The image tag to derive; {tag} is replaced by the Git tag, {semver.major}, {semver.minor} and {semver.patch} by its parts
    #[arg(long, value_name = "TEMPLATE", default_value = "{tag}")]
    template: String,
    /// Remove this prefix from the Git tag first, such as svc-a/ in a monorepo
    #[arg(long, value_name = "PREFIX")]
    strip_prefix: Option<String>,
    /// Refuse a Git tag that does not match this regular expression as a whole
    #[arg(long, value_name = "REGEX")]
    pattern: Option<String>,
    /// Refuse a Git tag that is not a semantic version; a leading v is allowed
    #[arg(long)]
    semver: bool,
    /// How to treat an image tag that the OCI specification does not allow
    #[arg(long, value_name = "HOW", default_value = "refuse")]
    on_invalid: OnInvalid,
    /// Accept a prerelease
    #[arg(long)]
    allow_prerelease: bool,
    /// Accept a draft release
    #[arg(long)]
    allow_draft: bool,
    /// The source repository, in which the tag is resolved to its commit; refuse the tag if the event named another commit
    #[arg(long, value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    git_url: Option<String>,
    /// The commit that the event named; refuse the tag if it resolves to another commit
    #[arg(long, value_name = "COMMIT", requires = "git_url")]
    commit: Option<String>,
    /// The publication time of the release in the event; refuse a release in the future
    #[arg(long, value_name = "TIME")]
    released_at: Option<String>,
    /// The output format
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
    /// The webhook payload of GitLab, GitHub, Gitea, Forgejo or Bitbucket Cloud; - reads standard input
    #[arg(long, value_name = "FILE")]
    event_file: Option<PathBuf>,
    /// A local repository; its HEAD must have exactly one tag
    #[arg(long, value_name = "DIR")]
    repo: Option<PathBuf>,
}

/// The treatment of a destination tag that OCI does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OnInvalid {
    /// Fail and name the wrong character
    Refuse,
    /// Replace what is not allowed, and add a hash of the original so that tags stay distinct
    Sanitize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TagFormat {
    /// The image tag and a newline
    Text,
    /// An object with tag, destinationTag, commit, event and repository
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
