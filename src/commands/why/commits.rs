//! The commits of a GitOps repository whose trailers name an image.

use crate::{
    commands::{Context, failures::git_failure},
    failure::{Failure, Kind},
    git::{self, Git},
    image::Digest,
    lineage,
};

/// The trailers that are shown, with their labels.
const SHOWN: [(&str, &str); 8] = [
    ("Git-Tag", "git tag"),
    ("Source-Commit", "source commit"),
    ("Verified-Policy", "policy digest"),
    ("Verification-Report", "report"),
    ("Evidence", "evidence bundle"),
    ("Pipeline-Run", "run"),
    ("Reviewed-by", "reviewed by"),
    ("Signed-off-by", "signed off by"),
];

/// A commit that names the image.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) id: String,
    /// The known facts, each with its name.
    pub(super) rows: Vec<(&'static str, String)>,
}

/// Finds the commits that name the digest, newest first.
///
/// # Errors
/// Those of the repository; [`Kind::NotFound`] without the branch.
pub(super) async fn naming(
    digest: Digest,
    url: &str,
    branch: Option<String>,
    depth: u32,
    context: &Context,
) -> Result<Vec<Commit>, Failure> {
    context.git.trust_with_credentials(url);
    let url = url.to_owned();
    let search = move |git: &Git| search(git, digest, &url, branch.as_deref(), depth);
    let found = context.git.run(search).await.map_err(git_failure)?;
    found
        .ok_or_else(|| Failure::message(Kind::NotFound, "the GitOps repository has no such branch"))
}

/// Searches the branch; `None` when it does not exist.
fn search(
    git: &Git,
    digest: Digest,
    url: &str,
    branch: Option<&str>,
    depth: u32,
) -> Result<Option<Vec<Commit>>, git::Error> {
    let refs = git.ls_remote(url)?;
    let head = match branch {
        Some(branch) => git::commit_of_branch(&refs, branch).map(str::to_owned),
        None => {
            let mut heads = refs.iter().filter(|found| found.name == "HEAD");
            heads.next().map(|found| found.object.clone())
        }
    };
    let Some(head) = head else {
        return Ok(None);
    };
    let history = git.history(url, &[&head], Some(depth))?;
    let mut commits = Vec::new();
    let most = usize::try_from(depth).unwrap_or(usize::MAX);
    for (id, message) in history.log(&head, most)? {
        let trailers = trailers(&message);
        let images = trailers.iter().filter(|(name, _)| *name == "Image-Digest");
        let images = images.filter_map(|(_, value)| value.split_once(' '));
        let mut named = images.filter(|(_, found)| *found == digest.to_string());
        let Some((component, _)) = named.next() else {
            continue;
        };
        let details = history.details(&id)?;
        let mut rows = vec![
            ("component", component.to_owned()),
            ("subject", details.subject),
            ("author", details.author),
        ];
        rows.extend(details.date.map(|date| ("committed", date.to_string())));
        for (trailer, shown) in SHOWN {
            let values = trailers.iter().filter(|(name, _)| *name == trailer);
            rows.extend(values.map(|(_, value)| (shown, (*value).to_owned())));
        }
        commits.push(Commit { id, rows });
    }
    Ok(Some(commits))
}

/// Returns the trailers of a commit's message, as pairs.
fn trailers(message: &str) -> Vec<(&str, &str)> {
    let lines = lineage::trailers(message).into_iter();
    lines.filter_map(|line| line.split_once(": ")).collect()
}
