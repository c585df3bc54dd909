//! A YAML document as a tree of nodes with positions (YAML 1.2, scalars typed as Kubernetes reads them).
//!
//! Aliases and merge keys are expanded. Templates of Pipelines-as-Code (`{{ revision }}`) are replaced by
//! text of the same length first, because they are filled in before the YAML is read.

use std::{borrow::Cow, collections::BTreeMap};

use granit_parser::{Event, Parser, ScalarStyle, Span};

const MAX_DEPTH: usize = 100;
const MAX_NODES: usize = 200_000;

/// A line and a column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize)]
pub(crate) struct TextPosition {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A node with its position.
#[derive(Debug, Clone)]
pub(super) struct YamlNode {
    pub(super) at: TextPosition,
    pub(super) kind: NodeKind,
}

#[derive(Debug, Clone)]
pub(super) enum NodeKind {
    /// A scalar; `plain` without quotes, so that it may be a number, a boolean or null.
    Scalar {
        text: String,
        plain: bool,
    },
    Sequence(Vec<YamlNode>),
    Mapping(Vec<(YamlNode, YamlNode)>),
}

/// The JSON type that a YAML reader makes of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Type {
    /// Returns the name with its article, for messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

impl YamlNode {
    /// Returns the JSON type of the node.
    pub(super) fn ty(&self) -> Type {
        match &self.kind {
            NodeKind::Sequence(_) => Type::Array,
            NodeKind::Mapping(_) => Type::Object,
            NodeKind::Scalar { plain: false, .. } => Type::String,
            NodeKind::Scalar { text, .. } => plain_type(text),
        }
    }

    /// Returns the text of a scalar that is not null.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, .. } if self.ty() != Type::Null => Some(text),
            _ => None,
        }
    }

    /// Returns the entries of a mapping; empty for other nodes.
    pub(super) fn entries(&self) -> &[(Self, Self)] {
        match &self.kind {
            NodeKind::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the items of a sequence; empty for other nodes.
    pub(super) fn items(&self) -> &[Self] {
        match &self.kind {
            NodeKind::Sequence(items) => items,
            _ => &[],
        }
    }

    /// Returns the value of a key, unless it is null.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let mut entries = self.entries().iter();
        let found = entries.find(|(name, _)| name.text() == Some(key));
        found
            .map(|(_, value)| value)
            .filter(|value| value.ty() != Type::Null)
    }

    /// Returns the text of the value of a key.
    pub(super) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::text)
    }

    /// Returns the items of the value of a key.
    pub(super) fn list(&self, key: &str) -> &[Self] {
        self.get(key).map(Self::items).unwrap_or_default()
    }

    /// Returns every scalar below the node and the node itself, and whether it is an item of a list.
    pub(super) fn scalars(&self) -> Vec<(&Self, bool)> {
        let mut found = Vec::new();
        self.collect_scalars(false, &mut found);
        found
    }

    fn collect_scalars<'a>(&'a self, item: bool, found: &mut Vec<(&'a Self, bool)>) {
        match &self.kind {
            NodeKind::Scalar { .. } => found.push((self, item)),
            NodeKind::Sequence(items) => {
                items
                    .iter()
                    .for_each(|item| item.collect_scalars(true, found));
            }
            NodeKind::Mapping(entries) => {
                entries
                    .iter()
                    .for_each(|(_, value)| value.collect_scalars(false, found));
            }
        }
    }
}

fn plain_type(text: &str) -> Type {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Type::Null,
        // Kubernetes reads YAML 1.1 here.
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" | "yes" | "Yes" | "YES" | "no"
        | "No" | "NO" | "on" | "On" | "ON" | "off" | "Off" | "OFF" => Type::Boolean,
        _ if digits(unsigned) => Type::Integer,
        _ if unsigned
            .strip_prefix("0x")
            .is_some_and(|hex| !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit())) =>
        {
            Type::Integer
        }
        _ if is_number(unsigned) => Type::Number,
        _ => Type::String,
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && text.bytes().any(|b| b.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+'))
        && text.parse::<f64>().is_ok()
}

/// The reason why a document cannot be read, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnreadableYaml {
    pub(super) at: TextPosition,
    pub(super) reason: String,
}

/// A finding that a comment silences: `# lint: ignore CODE: reason`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ignore {
    pub(super) line: usize,
    pub(super) code: String,
}

/// Parses the documents of a file and the comments that silence findings.
pub(super) fn parse(text: &str) -> Result<(Vec<YamlNode>, Vec<Ignore>), UnreadableYaml> {
    let text = without_templates(text);
    let mut builder = TreeBuilder::default();
    for event in Parser::new_from_str(&text) {
        let (event, span) = event.map_err(|error| UnreadableYaml {
            at: position(*error.marker()),
            reason: error.info().to_owned(),
        })?;
        let at = position(span.start);
        let taken = builder.on_event(event, &span);
        taken.map_err(|reason| UnreadableYaml {
            at,
            reason: reason.to_owned(),
        })?;
    }
    Ok((builder.documents, ignores(&text)))
}

fn position(marker: granit_parser::Marker) -> TextPosition {
    TextPosition {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

/// Replaces each `{{ … }}` of one line by letters, so that quotes and braces inside have no effect.
fn without_templates(text: &str) -> Cow<'_, str> {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let (before, from) = rest.split_at(start);
        let Some(end) = from.find("}}").filter(|end| !from[..*end].contains('\n')) else {
            replaced.push_str(before);
            replaced.push_str("{{");
            rest = &from[2..];
            continue;
        };
        replaced.push_str(before);
        replaced.extend(from[..end + 2].chars().map(|_| 'x'));
        rest = &from[end + 2..];
    }
    if replaced.is_empty() && rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    replaced.push_str(rest);
    Cow::Owned(replaced)
}

fn ignores(text: &str) -> Vec<Ignore> {
    let lines = text.lines().enumerate();
    let found = lines.filter_map(|(at, line)| {
        let (_, after) = line.split_once("# lint: ignore ")?;
        let (code, reason) = after.split_once(':')?;
        (!reason.trim().is_empty()).then(|| Ignore {
            line: at + 1,
            code: code.trim().to_owned(),
        })
    });
    found.collect()
}

struct OpenCollection {
    at: TextPosition,
    mapping: bool,
    anchor: usize,
    nodes: Vec<YamlNode>,
}

#[derive(Default)]
struct TreeBuilder {
    documents: Vec<YamlNode>,
    open: Vec<OpenCollection>,
    anchors: BTreeMap<usize, YamlNode>,
    nodes: usize,
}

impl TreeBuilder {
    fn on_event(&mut self, event: Event<'_>, span: &Span) -> Result<(), &'static str> {
        let at = position(span.start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let string = tag.is_some_and(|tag| tag.suffix() == "str");
                let kind = NodeKind::Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain && !string,
                };
                self.add(YamlNode { at, kind }, anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node = node.ok_or("an alias names an anchor that is not complete")?;
                self.nodes += size(&node);
                self.add(node, 0)
            }
            Event::SequenceStart(_, anchor, _) => self.start(at, false, anchor),
            Event::MappingStart(_, anchor, _) => self.start(at, true, anchor),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            _ => Ok(()),
        }
    }

    fn start(
        &mut self,
        at: TextPosition,
        mapping: bool,
        anchor: usize,
    ) -> Result<(), &'static str> {
        self.open.push(OpenCollection {
            at,
            mapping,
            anchor,
            nodes: Vec::new(),
        });
        match self.open.len() > MAX_DEPTH {
            true => Err("the document is nested too deep"),
            false => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), &'static str> {
        let open = self.open.pop().ok_or("a collection ends without a start")?;
        let kind = match open.mapping {
            false => NodeKind::Sequence(open.nodes),
            true => {
                let mut nodes = open.nodes.into_iter();
                let mut entries = Vec::new();
                while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
                    entries.push((key, value));
                }
                NodeKind::Mapping(merged(entries))
            }
        };
        let node = YamlNode { at: open.at, kind };
        self.add(node, open.anchor)
    }

    fn add(&mut self, node: YamlNode, anchor: usize) -> Result<(), &'static str> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err("the document has too many nodes");
        }
        if anchor != 0 {
            self.nodes += size(&node);
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            Some(open) => open.nodes.push(node),
            None => self.documents.push(node),
        }
        Ok(())
    }
}

fn size(node: &YamlNode) -> usize {
    1 + match &node.kind {
        NodeKind::Scalar { .. } => 0,
        NodeKind::Sequence(items) => items.iter().map(size).sum(),
        NodeKind::Mapping(entries) => entries.iter().map(|(_, value)| 1 + size(value)).sum(),
    }
}

/// Expands merge keys (`<<`): keys of the mapping itself win.
fn merged(entries: Vec<(YamlNode, YamlNode)>) -> Vec<(YamlNode, YamlNode)> {
    let (merges, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(
        |(key, _)| matches!(&key.kind, NodeKind::Scalar { text, plain: true } if text == "<<"),
    );
    for (_, value) in merges {
        let sources = match value.kind {
            NodeKind::Sequence(items) => items,
            kind => vec![YamlNode { at: value.at, kind }],
        };
        for (key, value) in sources.iter().flat_map(YamlNode::entries) {
            if own.iter().all(|(name, _)| name.text() != key.text()) {
                own.push((key.clone(), value.clone()));
            }
        }
    }
    own
}
