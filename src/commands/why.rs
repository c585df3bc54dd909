//! `why`: tells how an image came to production, from its registry and the GitOps repository alone.
//!
//! 1. find the evidence bundles of the image; each file in them must be the one that the next names
//! 2. find the commits of the GitOps repository whose trailers name the image
//!
//! Nothing is verified: a bundle is not signed. The promotion statement is (`update-deployment --require-attestation`).

mod commits;
mod story;

use commits::Commit;
use serde_json::{Value, json};
use story::Story;

use super::{
    Context, Outcome,
    inspect::{DocumentFormat, resolve},
    record_failures::record_failure,
};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    image::DigestReference,
    record::FoundImage,
    text,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image, as REPO:TAG or REPO@DIGEST
    #[arg(value_name = "IMAGE")]
    image: String,
    /// The GitOps repository to search for the commit that deployed the image
    #[arg(long, value_name = "URL")]
    gitops_repo_url: Option<String>,
    /// The branch to search [default: the repository's default branch]
    #[arg(long, value_name = "BRANCH", requires = "gitops_repo_url")]
    branch: Option<String>,
    /// How many commits to search
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    depth: u32,
    /// The output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: DocumentFormat,
}

/// Runs the command.
///
/// # Errors
/// [`Kind::NotFound`] without the image, or when neither registry nor Git has a promotion of it.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let (image, _, _) = resolve(&args.image, &context.registry).await?;
    let found = FoundImage::referrers_of(&context.registry, &image).await;
    let found = found.map_err(record_failure)?;
    let evidence = found.evidence(&context.registry).await;
    let evidence = evidence.map_err(record_failure)?;
    let mut stories = Vec::new();
    for (digest, bundle) in &evidence {
        match Story::of(&image, *digest, bundle) {
            Ok(story) => stories.push(story),
            Err(reason) => tracing::warn!("ignored the evidence bundle {digest}: {reason}"),
        }
    }
    stories.sort_by(|a, b| b.when.cmp(&a.when));
    let commits = match &args.gitops_repo_url {
        Some(url) => {
            let branch = args.branch.clone();
            commits::naming(image.digest, url, branch, args.depth, context).await?
        }
        None => Vec::new(),
    };
    if stories.is_empty() && commits.is_empty() {
        let text = format!("{image} has no evidence bundle of a promotion");
        let failure = Failure::message(Kind::NotFound, text);
        return Err(match args.gitops_repo_url {
            Some(_) => failure.hint("no searched commit names it; --depth searches more"),
            None => failure.hint("--gitops-repo-url searches the commits that deployed it"),
        });
    }
    let stdout = match args.output {
        DocumentFormat::Text => as_text(&image, &stories, &commits).into_bytes(),
        DocumentFormat::Json => {
            let document = as_json(&image, &stories, &commits);
            let mut bytes = serde_json::to_vec_pretty(&document).or_fail(Kind::Bug)?;
            bytes.push(b'\n');
            bytes
        }
    };
    Ok(Outcome {
        stdout,
        ..Outcome::default()
    })
}

fn as_text(image: &DigestReference, stories: &[Story], commits: &[Commit]) -> String {
    let mut out = format!("{image}\n");
    let mut section = |title: String, rows: &[(&'static str, String)]| {
        out.push_str(&format!("\n{title}\n"));
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in rows {
            out.push_str(&format!("  {name:width$}  {}\n", text::line(value)));
        }
    };
    for story in stories {
        let environment = story
            .environment
            .as_deref()
            .unwrap_or("a place without a name");
        section(
            format!("promoted to {}", text::line(environment)),
            &story.rows,
        );
    }
    for commit in commits {
        section(format!("deployed by commit {}", commit.id), &commit.rows);
    }
    if stories.is_empty() {
        out.push_str("\nThe registry has no evidence bundle: only the commits are shown.\n");
    }
    out
}

fn as_json(image: &DigestReference, stories: &[Story], commits: &[Commit]) -> Value {
    let rows = |rows: &[(&'static str, String)]| -> Value {
        let rows = rows.iter();
        rows.map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())))
            .collect()
    };
    let promotions = stories
        .iter()
        .map(|story| json!({"environment": story.environment, "facts": rows(&story.rows)}));
    let commits = commits.iter();
    let commits = commits.map(|commit| json!({"commit": commit.id, "facts": rows(&commit.rows)}));
    json!({
        "image": image.to_string(),
        "promotions": promotions.collect::<Vec<_>>(),
        "commits": commits.collect::<Vec<_>>(),
    })
}
