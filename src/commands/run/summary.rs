//! The table that a run ends with.

use crate::handover::Promoted;

/// What a run did, for people.
pub(super) fn table(promoted: &Promoted, edit: &[(&str, &str)]) -> String {
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
