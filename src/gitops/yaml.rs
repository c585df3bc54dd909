//! A tree of YAML nodes with the byte ranges of their source (YAML 1.2).

use std::{collections::BTreeSet, ops::Range};

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};

use super::{Error, error::Position};

const MAX_DEPTH: usize = 100;
const MAX_NODES: usize = 1_000_000;

/// A YAML node with its position.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SpannedNode {
    pub(super) kind: SpannedKind,
    /// The bytes of a scalar, quotes and all; of other kinds, from the first byte to the start
    /// of the token that ends them.
    pub(super) range: Range<usize>,
    /// The line of the first byte, from 1.
    pub(super) line: usize,
    /// The column of the first byte, from 1.
    pub(super) column: usize,
    /// Set when an alias elsewhere repeats this node.
    pub(super) shared: bool,
    /// Set for a collection in braces or brackets.
    pub(super) flow: bool,
    /// The number of the node's anchor, 0 for none.
    pub(super) anchor: usize,
}

/// The kind of a node, with its content.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SpannedKind {
    Scalar {
        text: String,
        style: ScalarStyle,
    },
    Sequence(Vec<SpannedNode>),
    Mapping(Vec<(SpannedNode, SpannedNode)>),
    /// An alias, with the number of its anchor.
    Alias(usize),
}

impl SpannedNode {
    pub(super) fn position(&self, file: &str) -> Position {
        Position::new(file, self.line, self.column)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            SpannedKind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Returns the values of a key of a mapping: none, one, or several when the key is duplicated.
    pub(super) fn values(&self, key: &str) -> Vec<&Self> {
        let entries = match &self.kind {
            SpannedKind::Mapping(entries) => entries.as_slice(),
            _ => &[],
        };
        let fitting = entries.iter().filter(|(name, _)| name.text() == Some(key));
        fitting.map(|(_, value)| value).collect()
    }

    /// Returns the first value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.values(key).first().copied()
    }

    pub(super) fn items(&self) -> &[Self] {
        match &self.kind {
            SpannedKind::Sequence(items) => items,
            _ => &[],
        }
    }
}

/// Reads every document of a file.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<SpannedNode>, Error> {
    let mut builder = NodeBuilder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| malformed(file, &error))?;
        builder
            .handle(event, &span)
            .map_err(|reason| Error::Parse {
                at: Position::new(file, span.start.line(), span.start.col() + 1),
                reason: reason.to_owned(),
            })?;
    }
    let aliased = builder.aliased;
    for document in &mut builder.documents {
        mark_shared(document, &aliased);
    }
    Ok(builder.documents)
}

/// Converts an error of the parser with its position.
pub(super) fn malformed(file: &str, error: &granit_parser::ScanError) -> Error {
    Error::Parse {
        at: Position::new(file, error.marker().line(), error.marker().col() + 1),
        reason: error.info().to_owned(),
    }
}

/// Lists the scalars of a file in order, and the structure between them as marks: two files with
/// the same list differ in layout and comments only.
pub(super) fn outline(file: &str, text: &str) -> Result<Vec<String>, Error> {
    let mut outline = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| malformed(file, &error))?;
        outline.push(match event {
            Event::Scalar(text, _, anchor, tag) => format!("={anchor} {tag:?} {text}"),
            Event::SequenceStart(_, anchor, tag) => format!("[{anchor} {tag:?}"),
            Event::MappingStart(_, anchor, tag) => format!("{{{anchor} {tag:?}"),
            Event::Alias(anchor) => format!("*{anchor}"),
            Event::Comment(text, _) => format!("#{text}"),
            Event::SequenceEnd => "]".to_owned(),
            Event::MappingEnd => "}".to_owned(),
            Event::DocumentStart(..) => "---".to_owned(),
            _ => ".".to_owned(),
        });
    }
    Ok(outline)
}

/// A collection whose end has not been read.
struct PendingCollection {
    mapping: bool,
    flow: bool,
    anchor: usize,
    start: usize,
    line: usize,
    column: usize,
    nodes: Vec<SpannedNode>,
}

#[derive(Default)]
struct NodeBuilder {
    documents: Vec<SpannedNode>,
    open: Vec<PendingCollection>,
    aliased: BTreeSet<usize>,
    nodes: usize,
}

impl NodeBuilder {
    fn handle(&mut self, event: Event<'_>, span: &Span) -> Result<(), &'static str> {
        let node = |kind, anchor| SpannedNode {
            kind,
            range: span.byte_range().unwrap_or_default(),
            line: span.start.line(),
            column: span.start.col() + 1,
            shared: false,
            flow: false,
            anchor,
        };
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let text = text.into_owned();
                self.add(node(SpannedKind::Scalar { text, style }, anchor))
            }
            Event::Alias(anchor) => {
                self.aliased.insert(anchor);
                self.add(node(SpannedKind::Alias(anchor), 0))
            }
            Event::SequenceStart(style, anchor, _) => self.start(false, style, anchor, span),
            Event::MappingStart(style, anchor, _) => self.start(true, style, anchor, span),
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            _ => Ok(()),
        }
    }

    fn start(
        &mut self,
        mapping: bool,
        style: StructureStyle,
        anchor: usize,
        span: &Span,
    ) -> Result<(), &'static str> {
        self.open.push(PendingCollection {
            mapping,
            flow: style == StructureStyle::Flow,
            anchor,
            start: span.byte_range().unwrap_or_default().start,
            line: span.start.line(),
            column: span.start.col() + 1,
            nodes: Vec::new(),
        });
        if self.open.len() > MAX_DEPTH {
            Err("it is nested too deep")
        } else {
            Ok(())
        }
    }

    fn end(&mut self, span: &Span) -> Result<(), &'static str> {
        let Some(open) = self.open.pop() else {
            return Err("a collection ends that never began");
        };
        let kind = if open.mapping {
            let mut nodes = open.nodes.into_iter();
            let mut entries = Vec::new();
            while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
                entries.push((key, value));
            }
            SpannedKind::Mapping(entries)
        } else {
            SpannedKind::Sequence(open.nodes)
        };
        let end = span.byte_range().unwrap_or_default().start;
        self.add(SpannedNode {
            kind,
            range: open.start..end.max(open.start),
            line: open.line,
            column: open.column,
            shared: false,
            flow: open.flow,
            anchor: open.anchor,
        })
    }

    fn add(&mut self, node: SpannedNode) -> Result<(), &'static str> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err("it has too many nodes");
        }
        match self.open.last_mut() {
            Some(open) => open.nodes.push(node),
            None => self.documents.push(node),
        }
        Ok(())
    }
}

/// Marks the target of an alias, and everything below it, as shared.
fn mark_shared(node: &mut SpannedNode, aliased: &BTreeSet<usize>) {
    let shared = node.shared || node.anchor != 0 && aliased.contains(&node.anchor);
    node.shared = shared;
    let mut down = |child: &mut SpannedNode| {
        child.shared = shared;
        mark_shared(child, aliased);
    };
    match &mut node.kind {
        SpannedKind::Sequence(items) => items.iter_mut().for_each(&mut down),
        SpannedKind::Mapping(entries) => entries.iter_mut().for_each(|(key, value)| {
            down(key);
            down(value);
        }),
        SpannedKind::Scalar { .. } | SpannedKind::Alias(_) => {}
    }
}
