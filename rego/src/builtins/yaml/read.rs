//! Reads the first document of a YAML text into a value.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle, Tag};

use super::scalar::{Scalar, resolve};
use crate::value::{Array, Object, Value};

/// The most values that aliases may make of one document.
const MAX_VALUES: usize = 2_000_000;

const MAX_DEPTH: usize = 1_000;

/// A collection that is being read.
struct Open {
    anchor: usize,
    /// The members of a mapping in their order, with the key that waits for its value.
    mapping: Option<Mapping>,
    items: Vec<Value>,
}

#[derive(Default)]
struct Mapping {
    key: Option<MemberKey>,
    members: Vec<(Value, Value)>,
    /// The mappings that `<<` names, whose members are defaults.
    merged: Vec<Value>,
}

enum MemberKey {
    Name(Value),
    Merge,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Value>,
    root: Option<Value>,
    values: usize,
}

/// The first document of a text; nothing in it is `null`.
pub(super) fn document(text: &str) -> Result<Value, String> {
    // For Go's reader U+0085 ends a line, and an end of a document needs a document.
    let unix = text.replace('\u{85}', "\n");
    let text = unix.as_str();
    let mut written = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    if written.next().is_some_and(|line| line.trim_end() == "...") {
        return Err("did not find expected node content".to_owned());
    }
    let mut builder = Builder::default();
    let open = if text.ends_with('\n') {
        usize::MAX
    } else {
        text.chars().count()
    };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let line = error.marker().line();
            format!("line {line}: did not find what YAML expects: {error}")
        })?;
        match event {
            Event::DocumentEnd => break,
            // A block that the text ends in has only the line breaks that were written.
            Event::Scalar(mut scalar, style, anchor, tag)
                if span.end.index() >= open
                    && matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) =>
            {
                if scalar.ends_with('\n') {
                    scalar.to_mut().pop();
                }
                builder.event(Event::Scalar(scalar, style, anchor, tag))?;
            }
            event => builder.event(event)?,
        }
    }
    Ok(builder.root.unwrap_or(Value::Null))
}

impl Builder {
    fn event(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, anchor, tag.as_deref())
            }
            Event::Alias(anchor) => {
                let found = self.anchors.get(&anchor).cloned();
                let found = found.ok_or("unknown anchor, or one that contains itself")?;
                self.values += size(&found);
                self.add(found, 0, false)
            }
            Event::SequenceStart(_, anchor, _) => self.start(anchor, None),
            Event::MappingStart(_, anchor, _) => self.start(anchor, Some(Mapping::default())),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            _ => Ok(()),
        }
    }

    fn start(&mut self, anchor: usize, mapping: Option<Mapping>) -> Result<(), String> {
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("nested more than {MAX_DEPTH} levels deep"));
        }
        self.open.push(Open {
            anchor,
            mapping,
            items: Vec::new(),
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        let Some(open) = self.open.pop() else {
            return Err("unexpected end of a collection".to_owned());
        };
        let value = match open.mapping {
            None => Value::Array(Array::from(open.items)),
            Some(mapping) => Value::Object(mapping.finish()?),
        };
        self.add(value, open.anchor, false)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), String> {
        let plain = matches!(style, ScalarStyle::Plain);
        let tag = tag.map(|tag| match tag.handle() {
            "tag:yaml.org,2002:" => tag.suffix().to_owned(),
            handle => format!("{handle}{}", tag.suffix()),
        });
        let found = match tag.as_deref() {
            None if plain => resolve(text),
            None => Scalar::Text,
            Some(tag) => tagged(tag, text)?,
        };
        let value = match tag.as_deref() {
            Some("binary") => {
                let bytes = crate::builtins::encoding::standard(text);
                crate::builtins::encoding::text(&bytes.map_err(|error| error.to_string())?)
            }
            _ => found.value(text).ok_or("unsupported value")?,
        };
        self.add(value, anchor, found == Scalar::Merge)
    }

    fn add(&mut self, value: Value, anchor: usize, merge: bool) -> Result<(), String> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err("document contains excessive aliasing".to_owned());
        }
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(value),
            Some(Open {
                mapping: Some(mapping),
                ..
            }) => mapping.add(value, merge)?,
            Some(open) => open.items.push(value),
        }
        Ok(())
    }
}

fn tagged(tag: &str, text: &str) -> Result<Scalar, String> {
    let wrong = || format!("cannot decode !!{tag} `{text}`");
    let found = resolve(text);
    match (tag, found) {
        ("str" | "!" | "binary", _) => Ok(Scalar::Text),
        ("null", _) => Ok(Scalar::Null),
        ("bool", found @ Scalar::Bool(_))
        | ("int", found @ (Scalar::Integer(_) | Scalar::Large(_)))
        | ("float", found @ Scalar::Float(_)) => Ok(found),
        #[expect(clippy::cast_precision_loss, reason = "the tag asks for a float")]
        ("float", Scalar::Integer(number)) => Ok(Scalar::Float(number as f64)),
        ("bool" | "int" | "float", _) => Err(wrong()),
        (_, found) => Ok(found),
    }
}

/// Returns the number of values in a value.
fn size(value: &Value) -> usize {
    let sum = |items: &mut dyn Iterator<Item = &Value>| {
        items.fold(1_usize, |sum, item| sum.saturating_add(size(item)))
    };
    match value {
        Value::Array(items) => sum(&mut items.iter()),
        Value::Object(members) => sum(&mut members.values()),
        _ => 1,
    }
}

impl Mapping {
    fn add(&mut self, value: Value, merge: bool) -> Result<(), String> {
        match self.key.take() {
            None if merge => self.key = Some(MemberKey::Merge),
            None => self.key = Some(MemberKey::Name(name(&value)?)),
            Some(MemberKey::Name(key)) => self.members.push((key, value)),
            Some(MemberKey::Merge) => match value {
                Value::Object(_) => self.merged.push(value),
                Value::Array(items) => self.merged.extend(items.iter().rev().cloned()),
                _ => {
                    let text = "map merge requires map or sequence of maps as the value";
                    return Err(text.to_owned());
                }
            },
        }
        Ok(())
    }

    fn finish(self) -> Result<Object, String> {
        let mut all = Vec::new();
        for merged in self.merged {
            let Value::Object(object) = merged else {
                let text = "map merge requires map or sequence of maps as the value";
                return Err(text.to_owned());
            };
            all.extend(object.into_entries());
        }
        all.extend(self.members);
        Ok(all.into_iter().collect())
    }
}

/// The name of a member: JSON has texts only.
fn name(key: &Value) -> Result<Value, String> {
    Ok(match key {
        Value::String(_) => key.clone(),
        Value::Bool(value) => Value::from(value.to_string()),
        Value::Number(number) => Value::from(number.to_string()),
        other => return Err(format!("invalid map key: {other}")),
    })
}
