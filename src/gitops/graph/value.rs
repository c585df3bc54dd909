//! YAML values that keep the place of every scalar.

use std::{collections::BTreeMap, ops::Range, rc::Rc};

use crate::gitops::{
    Error,
    error::Position,
    yaml::{self, SpannedKind, SpannedNode},
};

/// The place of a scalar in a file, or in a document inside a scalar of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) file: Rc<str>,
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// The path of the scalar in its document.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The bytes of the scalar in the file; of the outer scalar when `inner` is set.
    pub(crate) range: Range<usize>,
    /// For a document inside a scalar: the scalar's bytes in that document.
    pub(crate) inner: Option<Range<usize>>,
    /// Set when an alias repeats the scalar elsewhere.
    pub(crate) shared: bool,
}

impl Mark {
    pub(crate) fn position(&self) -> Position {
        Position::new(&self.file, self.line, self.column)
    }
}

/// A run of text that was copied from one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    /// The place; `None` for text from a transformer.
    pub(crate) mark: Option<Rc<Mark>>,
    /// The copied bytes of the place's text.
    pub(crate) from: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) null: bool,
    pub(crate) pieces: Vec<Piece>,
    /// The `images:` entry that set it last.
    pub(crate) entry: Option<Rc<super::images::ImagesEntry>>,
}

impl Scalar {
    /// Makes a scalar from text without a place.
    pub(crate) fn unplaced(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            pieces: vec![Piece {
                from: 0..text.len(),
                text: text.clone(),
                mark: None,
            }],
            text,
            null: false,
            entry: None,
        }
    }

    /// Makes a scalar from pieces, without an `images:` entry.
    pub(crate) fn joined(pieces: Vec<Piece>) -> Self {
        let text = pieces.iter().map(|piece| piece.text.as_str()).collect();
        Self {
            text,
            null: false,
            pieces,
            entry: None,
        }
    }

    /// Returns the pieces of a part of the text.
    pub(crate) fn slice(&self, range: Range<usize>) -> Vec<Piece> {
        let mut found = Vec::new();
        let mut at = 0;
        for piece in &self.pieces {
            let (start, end) = (at, at + piece.text.len());
            at = end;
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from >= to {
                continue;
            }
            if let Some(text) = piece.text.get(from - start..to - start) {
                let base = piece.from.start;
                found.push(Piece {
                    text: text.to_owned(),
                    mark: piece.mark.clone(),
                    from: base + from - start..base + to - start,
                });
            }
        }
        found
    }

    /// Returns the place of a scalar that was copied as a whole.
    pub(crate) fn mark(&self) -> Option<&Rc<Mark>> {
        self.pieces.iter().find_map(|piece| piece.mark.as_ref())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

impl Value {
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match self {
            Self::Map(entries) => entries
                .iter_mut()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Sets a key of a mapping; other values are not changed.
    pub(crate) fn set(&mut self, key: &str, value: Self) {
        if let Self::Map(entries) = self {
            match entries.iter_mut().find(|(name, _)| name == key) {
                Some((_, old)) => *old = value,
                None => entries.push((key.to_owned(), value)),
            }
        }
    }

    /// Removes a key of a mapping and returns its value.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Self> {
        match self {
            Self::Map(entries) => {
                let at = entries.iter().position(|(name, _)| name == key)?;
                Some(entries.remove(at).1)
            }
            _ => None,
        }
    }

    pub(crate) fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |value, key| value.get(key))
    }

    /// Returns the text of a scalar that is not null.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar(scalar) if !scalar.null => Some(&scalar.text),
            _ => None,
        }
    }

    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match self {
            Self::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(scalar) if scalar.null)
    }

    /// Returns the items of a list; empty for anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Returns the items of the list at keys; empty for anything else.
    pub(crate) fn items_at(&self, keys: &[&str]) -> &[Self] {
        self.at(keys).map_or(&[], Self::items)
    }

    pub(crate) fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the place of the first scalar inside.
    pub(crate) fn first_mark(&self) -> Option<&Rc<Mark>> {
        match self {
            Self::Scalar(scalar) => scalar.mark(),
            Self::List(items) => items.iter().find_map(Self::first_mark),
            Self::Map(entries) => entries.iter().find_map(|(_, value)| value.first_mark()),
        }
    }

    /// Returns the position of the value, as precisely as it is known.
    pub(crate) fn position(&self, file: &str) -> Position {
        self.first_mark()
            .map_or_else(|| Position::start(file), |mark| mark.position())
    }

    /// Compares two values without their places.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => a.text == b.text && a.null == b.null,
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
            }
            (Self::Map(a), Self::Map(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b)
                        .all(|((ka, a), (kb, b))| ka == kb && a.same(b))
            }
            _ => false,
        }
    }
}

/// Reads every document of a file.
pub(crate) fn load(file: &str, text: &str) -> Result<Vec<Value>, Error> {
    let file: Rc<str> = file.into();
    ValueLoader { file, outer: None }.documents(text)
}

/// Reads the documents inside a scalar, such as an inline patch.
pub(crate) fn load_inside(outer: &Rc<Mark>) -> Result<Vec<Value>, Error> {
    let reader = ValueLoader {
        file: Rc::clone(&outer.file),
        outer: Some(Rc::clone(outer)),
    };
    reader.documents(&outer.text)
}

struct ValueLoader {
    file: Rc<str>,
    outer: Option<Rc<Mark>>,
}

impl ValueLoader {
    fn documents(&self, text: &str) -> Result<Vec<Value>, Error> {
        let nodes = yaml::parse(&self.file, text).map_err(|error| self.moved(error))?;
        let mut values = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            let mut anchors = BTreeMap::new();
            let path = if nodes.len() > 1 {
                format!("[{at}]")
            } else {
                String::new()
            };
            values.push(self.value(node, &path, &mut anchors)?);
        }
        Ok(values)
    }

    /// Moves the position of an error inside a scalar to the scalar's own place.
    fn moved(&self, error: Error) -> Error {
        match (&self.outer, error) {
            (Some(outer), Error::Parse { at, reason }) => Error::Parse {
                at: Position::new(
                    &outer.file,
                    outer.line + at.line - 1,
                    outer.column + at.column - 1,
                ),
                reason: format!("{reason} (in {})", outer.path),
            },
            (_, error) => error,
        }
    }

    fn value(
        &self,
        node: &SpannedNode,
        path: &str,
        anchors: &mut BTreeMap<usize, Value>,
    ) -> Result<Value, Error> {
        let value = match &node.kind {
            SpannedKind::Scalar { text, style } => {
                let null = *style == granit_parser::ScalarStyle::Plain
                    && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
                let mark = Rc::new(self.mark(node, text, path));
                Value::Scalar(Scalar {
                    text: text.clone(),
                    null,
                    pieces: vec![Piece {
                        text: text.clone(),
                        mark: Some(mark),
                        from: 0..text.len(),
                    }],
                    entry: None,
                })
            }
            SpannedKind::Sequence(items) => {
                let mut values = Vec::new();
                for (at, item) in items.iter().enumerate() {
                    let names = items
                        .iter()
                        .map(|item| item.get("name").and_then(SpannedNode::text));
                    let place = item_path(
                        path,
                        at,
                        item.get("name").and_then(SpannedNode::text),
                        names,
                    );
                    values.push(self.value(item, &place, anchors)?);
                }
                Value::List(values)
            }
            SpannedKind::Mapping(entries) => self.mapping(node, entries, path, anchors)?,
            SpannedKind::Alias(anchor) => match anchors.get(anchor) {
                Some(value) => value.clone(),
                None => {
                    return Err(Error::NotUnderstood {
                        at: self.position(node),
                        construct: "an alias".to_owned(),
                        reason: "its anchor is not closed yet".to_owned(),
                        hint: String::new(),
                    });
                }
            },
        };
        if node.anchor != 0 {
            anchors.insert(node.anchor, value.clone());
        }
        Ok(value)
    }

    fn mapping(
        &self,
        node: &SpannedNode,
        entries: &[(SpannedNode, SpannedNode)],
        path: &str,
        anchors: &mut BTreeMap<usize, Value>,
    ) -> Result<Value, Error> {
        let mut map: Vec<(String, Value)> = Vec::new();
        let mut merged = Vec::new();
        for (key, value) in entries {
            let name = key.text().ok_or_else(|| Error::NotUnderstood {
                at: self.position(key),
                construct: "a mapping key".to_owned(),
                reason: "it is not a scalar".to_owned(),
                hint: String::new(),
            })?;
            let value = self.value(value, &format!("{path}.{}", quoted(name)), anchors)?;
            if name == "<<" {
                merged.push(value);
            } else if map.iter().any(|(known, _)| known == name) {
                return Err(Error::NotEditable {
                    at: self.position(key),
                    path: format!("{path}.{}", quoted(name)),
                    reason: "the key is set twice".to_owned(),
                    hint: format!("remove one of the two {name} keys"),
                });
            } else {
                map.push((name.to_owned(), value));
            }
        }
        for value in merged {
            let parents = match value {
                Value::List(items) => items,
                one => vec![one],
            };
            for parent in parents {
                let Value::Map(entries) = parent else {
                    return Err(Error::NotUnderstood {
                        at: self.position(node),
                        construct: "a merge key".to_owned(),
                        reason: "it does not name a mapping".to_owned(),
                        hint: String::new(),
                    });
                };
                for (key, value) in entries {
                    if !map.iter().any(|(known, _)| *known == key) {
                        map.push((key, value));
                    }
                }
            }
        }
        Ok(Value::Map(map))
    }

    fn position(&self, node: &SpannedNode) -> Position {
        match &self.outer {
            Some(outer) => Position::new(
                &self.file,
                outer.line + node.line - 1,
                outer.column + node.column - 1,
            ),
            None => node.position(&self.file),
        }
    }

    fn mark(&self, node: &SpannedNode, text: &str, path: &str) -> Mark {
        let at = self.position(node);
        let (path, range, inner, outer_shared) = match &self.outer {
            Some(outer) => (
                format!("{} > {path}", outer.path),
                outer.range.clone(),
                Some(node.range.clone()),
                outer.shared,
            ),
            None => (path.to_owned(), node.range.clone(), None, false),
        };
        Mark {
            file: Rc::clone(&self.file),
            line: at.line,
            column: at.column,
            path,
            text: text.to_owned(),
            range,
            inner,
            shared: node.shared || outer_shared,
        }
    }
}

/// Returns the path of an item of a list: by its unique name, else by its index.
pub(crate) fn item_path<'a>(
    path: &str,
    at: usize,
    name: Option<&str>,
    names: impl Iterator<Item = Option<&'a str>>,
) -> String {
    match name {
        Some(name) if names.filter(|other| *other == Some(name)).count() == 1 => {
            format!("{path}[name={name}]")
        }
        _ => format!("{path}[{at}]"),
    }
}

/// Returns the path of an item of a list of values.
pub(crate) fn path_of(path: &str, at: usize, items: &[Value]) -> String {
    fn name(item: &Value) -> Option<&str> {
        item.get("name").and_then(Value::text)
    }
    item_path(
        path,
        at,
        items.get(at).and_then(name),
        items.iter().map(name),
    )
}

/// Returns a key as a path has it: quoted when it contains a character of the grammar.
pub(crate) fn quoted(key: &str) -> String {
    if key.is_empty() || key.contains(['.', '[', ']', '"', '/', ' ']) {
        format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        key.to_owned()
    }
}
