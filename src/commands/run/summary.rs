//! The summary of a run, for people: lines that fit a terminal of 80 columns.

use crate::{commands::update_deployment, handover::Promoted, text};

/// Returns where each image is now and the commit of the GitOps repository.
pub(super) fn summary(promoted: &Promoted, edit: &update_deployment::EditResult) -> String {
    let mut lines = Vec::new();
    for component in &promoted.components {
        lines.push(component.name.clone());
        lines.push(line("digest", &component.digest.to_string()));
        lines.push(line("from", &component.source.repository.to_string()));
        let destinations = component.destinations.iter();
        lines.extend(destinations.map(|to| line("now", &to.to_string())));
    }
    lines.push("GitOps repository".to_owned());
    lines.push(line(
        if edit.changed { "commit" } else { "state" },
        &edited(edit),
    ));
    if let Some(url) = &edit.change_request {
        lines.push(line("request", url));
    }
    lines.join("\n") + "\n"
}

/// Returns the state of the GitOps repository, in one line.
pub(super) fn edited(edit: &update_deployment::EditResult) -> String {
    match edit.changed {
        true => format!("{} on {}", edit.commit, edit.branch),
        false => format!("{} deploys this already", edit.branch),
    }
}

fn line(name: &str, value: &str) -> String {
    format!("  {name:<8} {}", text::line(value))
}
