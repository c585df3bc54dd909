//! A tree of YAML nodes with the byte ranges of their source (YAML 1.2).

use std::{collections::BTreeSet, ops::Range};

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::Error;

const MAX_DEPTH: usize = 100;
const MAX_NODES: usize = 1_000_000;

/// A node and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// The bytes of a scalar, quotes and all; of no use for other kinds.
    pub(super) range: Range<usize>,
    /// Whether an alias elsewhere stands for this node too.
    pub(super) shared: bool,
    anchor: usize,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Scalar { text: String, style: ScalarStyle },
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
    Alias,
}

impl Node {
    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The values of a key of a mapping: none, one, or several when the key is duplicated.
    pub(super) fn values(&self, key: &str) -> Vec<&Self> {
        let entries = match &self.kind {
            Kind::Mapping(entries) => entries.as_slice(),
            _ => &[],
        };
        let fitting = entries.iter().filter(|(name, _)| name.text() == Some(key));
        fitting.map(|(_, value)| value).collect()
    }

    /// The first value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.values(key).first().copied()
    }

    /// The items of a sequence.
    pub(super) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::Sequence(items) => items,
            _ => &[],
        }
    }
}

/// Reads every document of a file.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Node>, Error> {
    let wrong = |reason: String| Error::Parse {
        file: file.to_owned(),
        reason,
    };
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| wrong(error.to_string()))?;
        builder
            .take(event, &span)
            .map_err(|reason| wrong(reason.to_owned()))?;
    }
    let aliased = builder.aliased;
    for document in &mut builder.documents {
        mark_shared(document, &aliased);
    }
    Ok(builder.documents)
}

/// The scalars of a file in their order, the structure between them as marks: two files with
/// the same list differ in layout and comments only.
pub(super) fn outline(file: &str, text: &str) -> Result<Vec<String>, Error> {
    let mut outline = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| Error::Parse {
            file: file.to_owned(),
            reason: error.to_string(),
        })?;
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

/// A collection that is being read.
struct Open {
    mapping: bool,
    anchor: usize,
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
    aliased: BTreeSet<usize>,
    nodes: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), &'static str> {
        let range = span.byte_range().unwrap_or_default();
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let kind = Kind::Scalar {
                    text: text.into_owned(),
                    style,
                };
                self.add(Node {
                    kind,
                    range,
                    shared: false,
                    anchor,
                })
            }
            Event::Alias(anchor) => {
                self.aliased.insert(anchor);
                self.add(Node {
                    kind: Kind::Alias,
                    range,
                    shared: false,
                    anchor: 0,
                })
            }
            Event::SequenceStart(_, anchor, _) => self.start(false, anchor),
            Event::MappingStart(_, anchor, _) => self.start(true, anchor),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            _ => Ok(()),
        }
    }

    fn start(&mut self, mapping: bool, anchor: usize) -> Result<(), &'static str> {
        self.open.push(Open {
            mapping,
            anchor,
            nodes: Vec::new(),
        });
        if self.open.len() > MAX_DEPTH {
            Err("it is nested too deep")
        } else {
            Ok(())
        }
    }

    fn end(&mut self) -> Result<(), &'static str> {
        let Some(Open {
            mapping,
            anchor,
            nodes,
        }) = self.open.pop()
        else {
            return Err("a collection ends that never began");
        };
        let kind = if mapping {
            let mut nodes = nodes.into_iter();
            let mut entries = Vec::new();
            while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
                entries.push((key, value));
            }
            Kind::Mapping(entries)
        } else {
            Kind::Sequence(nodes)
        };
        self.add(Node {
            kind,
            range: 0..0,
            shared: false,
            anchor,
        })
    }

    fn add(&mut self, node: Node) -> Result<(), &'static str> {
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

/// Marks what an alias stands for, with everything below it.
fn mark_shared(node: &mut Node, aliased: &BTreeSet<usize>) {
    let shared = node.shared || node.anchor != 0 && aliased.contains(&node.anchor);
    node.shared = shared;
    let mut down = |child: &mut Node| {
        child.shared = shared;
        mark_shared(child, aliased);
    };
    match &mut node.kind {
        Kind::Sequence(items) => items.iter_mut().for_each(&mut down),
        Kind::Mapping(entries) => entries.iter_mut().for_each(|(key, value)| {
            down(key);
            down(value);
        }),
        Kind::Scalar { .. } | Kind::Alias => {}
    }
}
