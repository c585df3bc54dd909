//! Flux's setter markers: `# {"$imagepolicy": "namespace:policy[:name|tag|digest]"}` behind a scalar.
//!
//! The policy's name is the component's; the namespace may be any.

use granit_parser::{Event, Parser};
use serde_json::Value;

use super::{
    Error, Wanted,
    find::Found,
    yaml::{Kind, Node},
};
use crate::image::Reference;

const KEY: &str = "$imagepolicy";

/// Which part of the image stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Name,
    Tag,
    Digest,
}

/// The scalars whose marker names the component.
pub(super) fn wanted<'a>(
    documents: &'a [Node],
    text: &str,
    file: &str,
    name: &str,
    image: &Reference,
) -> Result<Vec<Wanted<'a>>, Error> {
    let mut scalars = Vec::new();
    for document in documents {
        collect(document, &mut scalars);
    }
    let mut wanted = Vec::new();
    for (start, comment) in comments(file, text)? {
        let Some(part) = marker(&comment, name) else {
            continue;
        };
        let path = format!("the scalar marked by #{}", comment.trim_end());
        let marked = scalars.iter().filter(|scalar| {
            let between = text.get(scalar.range.end..start);
            between.is_some_and(|between| !between.contains('\n'))
        });
        let Some(scalar) = marked.max_by_key(|scalar| scalar.range.end).copied() else {
            return Err(Error::NothingThere {
                file: file.to_owned(),
                path,
                missing: "a scalar before it".to_owned(),
            });
        };
        let value = value(part, image).ok_or_else(|| Error::NotEditable {
            file: file.to_owned(),
            path: path.clone(),
            reason: "--pin leaves that part out",
        })?;
        let found = Found { scalar, path };
        wanted.push(Wanted { found, value });
    }
    if wanted.is_empty() {
        return Err(Error::NoMarker {
            file: file.to_owned(),
            name: name.to_owned(),
        });
    }
    Ok(wanted)
}

fn value(part: Part, image: &Reference) -> Option<String> {
    match part {
        Part::Whole => Some(image.to_string()),
        Part::Name => Some(image.repository.to_string()),
        Part::Tag => image.tag.as_ref().map(ToString::to_string),
        Part::Digest => image.digest.map(|digest| digest.to_string()),
    }
}

/// The part that a comment asks for, if it is a marker for the component.
fn marker(comment: &str, name: &str) -> Option<Part> {
    let marker: Value = serde_json::from_str(comment.trim()).ok()?;
    let mut parts = marker.get(KEY)?.as_str()?.split(':');
    let (_namespace, policy) = (parts.next()?, parts.next()?);
    let part = match parts.next() {
        None => Part::Whole,
        Some("name") => Part::Name,
        Some("tag") => Part::Tag,
        Some("digest") => Part::Digest,
        Some(_) => return None,
    };
    (policy == name).then_some(part)
}

/// Every comment with the byte at which it starts.
fn comments(file: &str, text: &str) -> Result<Vec<(usize, String)>, Error> {
    let mut comments = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Error::Parse {
            file: file.to_owned(),
            reason: error.to_string(),
        })?;
        if let (Event::Comment(comment, _), Some(range)) = (event, span.byte_range()) {
            comments.push((range.start, comment.into_owned()));
        }
    }
    Ok(comments)
}

fn collect<'a>(node: &'a Node, scalars: &mut Vec<&'a Node>) {
    match &node.kind {
        Kind::Scalar { .. } => scalars.push(node),
        Kind::Sequence(items) => items.iter().for_each(|item| collect(item, scalars)),
        // A key is no place for an image.
        Kind::Mapping(entries) => entries
            .iter()
            .for_each(|(_, value)| collect(value, scalars)),
        Kind::Alias => {}
    }
}
