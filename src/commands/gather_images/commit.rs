//! The source commit with its author and subject, for the commit of the deployment.

use crate::{commands::Context, snapshot::SourceCommit};

/// Reads the commit with its author and subject, as far as the host has them.
pub(super) async fn source_commit(url: String, commit: &str, context: &Context) -> SourceCommit {
    let (address, wanted) = (url.clone(), commit.to_owned());
    let details = context.git.run(move |git| {
        let history = git.history(&address, &[&wanted], Some(1))?;
        history.details(&wanted)
    });
    let mut source = SourceCommit {
        url,
        commit: commit.to_owned(),
        ..SourceCommit::default()
    };
    match details.await {
        Ok(details) => {
            source.author = Some(one_line(&details.author));
            source.subject = Some(one_line(&details.subject));
            source.body = Some(capped(&details.body)).filter(|body| !body.is_empty());
            source.date = details.date.map(|date| date.to_string());
        }
        Err(error) => tracing::warn!("author and subject of {commit} are not known: {error}"),
    }
    source
}

/// Returns a foreign text as one line without control characters, capped.
fn one_line(text: &str) -> String {
    let shown = text.chars().filter(|c| !c.is_control());
    shown.take(200).collect()
}

/// Returns foreign lines without control characters, capped.
fn capped(text: &str) -> String {
    let shown = text.chars().filter(|c| *c == '\n' || !c.is_control());
    shown.take(400).collect()
}
