//! Flux's setter markers: `# {"$imagepolicy": "namespace:policy[:name|tag|digest]"}` behind a scalar.
//!
//! The policy's name is the component's. A policy belongs to a namespace, so that markers of two
//! namespaces are two policies.

use std::{collections::BTreeSet, rc::Rc};

use granit_parser::{Event, Parser};
use serde_json::Value;

use super::{
    Error,
    error::Position,
    graph::value::Mark,
    parts,
    yaml::{self, SpannedKind, SpannedNode, malformed},
};
use crate::image::Reference;

const KEY: &str = "$imagepolicy";

/// The part of the image that a marked scalar holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkerPart {
    Whole,
    Name,
    Tag,
    Digest,
}

/// A scalar with a setter marker.
#[derive(Debug, Clone)]
pub(super) struct Marked {
    pub(super) namespace: String,
    pub(super) policy: String,
    pub(super) part: MarkerPart,
    pub(super) mark: Rc<Mark>,
}

/// Lists the marked scalars of a file.
///
/// # Errors
/// [`Error::Parse`], [`Error::NothingThere`] for a marker without a scalar.
pub(super) fn marked(file: &str, text: &str) -> Result<Vec<Marked>, Error> {
    // Most files have no marker, and some are templates that do not parse.
    if !text.contains(KEY) {
        return Ok(Vec::new());
    }
    let documents = yaml::parse(file, text)?;
    let mut scalars = Vec::new();
    for document in &documents {
        collect(document, &mut scalars);
    }
    let mut found = Vec::new();
    for (start, at, comment) in comments(file, text)? {
        let Some((namespace, policy, part)) = marker(&comment) else {
            continue;
        };
        let path = format!("# {}", comment.trim());
        let before = scalars.iter().filter(|scalar| {
            let between = text.get(scalar.range.end..start);
            between.is_some_and(|between| !between.contains('\n'))
        });
        let Some(node) = before.max_by_key(|scalar| scalar.range.end) else {
            return Err(Error::NothingThere {
                at,
                path,
                missing: "a scalar before it".to_owned(),
                there: "the line holds none".to_owned(),
            });
        };
        found.push(Marked {
            namespace,
            policy,
            part,
            mark: Rc::new(Mark {
                file: file.into(),
                line: node.line,
                column: node.column,
                path,
                text: node.text().unwrap_or_default().to_owned(),
                range: node.range.clone(),
                inner: None,
                shared: node.shared,
            }),
        });
    }
    Ok(found)
}

impl Marked {
    /// Returns the text for the image; `None` when `--pin` omits the part.
    pub(super) fn text(&self, image: &Reference) -> Option<String> {
        match self.part {
            MarkerPart::Whole => Some(parts::written(image, &self.mark.text)),
            MarkerPart::Name => Some(parts::repository(&image.repository, &self.mark.text)),
            MarkerPart::Tag => image.tag.as_ref().map(ToString::to_string),
            MarkerPart::Digest => image.digest.map(|digest| digest.to_string()),
        }
    }
}

/// Returns the distinct namespaces of the markers.
pub(super) fn namespaces(marked: &[Marked]) -> BTreeSet<&str> {
    marked.iter().map(|one| one.namespace.as_str()).collect()
}

/// Returns namespace, policy and part of a comment that is a marker.
fn marker(comment: &str) -> Option<(String, String, MarkerPart)> {
    let marker: Value = serde_json::from_str(comment.trim()).ok()?;
    let mut parts = marker.get(KEY)?.as_str()?.split(':');
    let (namespace, policy) = (parts.next()?, parts.next()?);
    let part = match parts.next() {
        None => MarkerPart::Whole,
        Some("name") => MarkerPart::Name,
        Some("tag") => MarkerPart::Tag,
        Some("digest") => MarkerPart::Digest,
        Some(_) => return None,
    };
    Some((namespace.to_owned(), policy.to_owned(), part))
}

/// Returns every comment with its first byte.
fn comments(file: &str, text: &str) -> Result<Vec<(usize, Position, String)>, Error> {
    let mut comments = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| malformed(file, &error))?;
        if let (Event::Comment(comment, _), Some(range)) = (event, span.byte_range()) {
            let at = Position::new(file, span.start.line(), span.start.col() + 1);
            comments.push((range.start, at, comment.into_owned()));
        }
    }
    Ok(comments)
}

fn collect<'a>(node: &'a SpannedNode, scalars: &mut Vec<&'a SpannedNode>) {
    match &node.kind {
        SpannedKind::Scalar { .. } => scalars.push(node),
        SpannedKind::Sequence(items) => items.iter().for_each(|item| collect(item, scalars)),
        // A key cannot be an image.
        SpannedKind::Mapping(entries) => entries
            .iter()
            .for_each(|(_, value)| collect(value, scalars)),
        SpannedKind::Alias(_) => {}
    }
}
