//! The table that a run ends with.

use crate::{commands::update_deployment, handover::Promoted};

/// What a run did, for people.
pub(super) fn table(promoted: &Promoted, edit: &update_deployment::Done) -> String {
    let head = ["COMPONENT", "DIGEST", "FROM", "TO"].map(str::to_owned);
    let mut rows = vec![head];
    for component in &promoted.components {
        let to: Vec<_> = component
            .destinations
            .iter()
            .map(ToString::to_string)
            .collect();
        rows.push([
            component.name.clone(),
            component.digest.to_string(),
            component.source.repository.to_string(),
            to.join(" "),
        ]);
    }
    let mut text = aligned(&rows);
    let changed = edit.changed.to_string();
    let edit = [
        ("GITOPS_BRANCH", &edit.branch),
        ("GITOPS_COMMIT", &edit.commit),
        ("CHANGED", &changed),
    ];
    for (name, value) in edit.iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text
}

fn aligned(rows: &[[String; 4]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths = [0, 1, 2].map(|column| width(column).unwrap_or_default());
    let line = |[name, digest, from, to]: &[String; 4]| {
        let [first, second, third] = widths;
        format!("{name:first$}  {digest:second$}  {from:third$}  {to}\n")
    };
    rows.iter().map(line).collect()
}
