//! Strict shapes: every field is known and has its type. The fields are listed in `shapes.txt`, and in
//! `shapes_v1beta1.txt` where Tekton's version v1beta1 has others.

use std::{collections::BTreeMap, sync::LazyLock};

use super::{
    finding::{Code, Findings},
    tree::{NodeKind, Type, YamlNode},
};

/// Shapes by name.
type Shapes = BTreeMap<&'static str, ObjectShape>;

const V1: &str = include_str!("shapes.txt");

static SHAPES: LazyLock<Shapes> = LazyLock::new(|| read(&[V1]));

static SHAPES_V1BETA1: LazyLock<Shapes> =
    LazyLock::new(|| read(&[V1, include_str!("shapes_v1beta1.txt")]));

/// A version of Tekton's resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V1Beta1,
}

impl Version {
    fn shapes(self) -> &'static Shapes {
        match self {
            Self::V1 => &SHAPES,
            Self::V1Beta1 => &SHAPES_V1BETA1,
        }
    }
}

/// The fields of an object, by name.
#[derive(Debug, Default)]
struct ObjectShape {
    fields: BTreeMap<&'static str, Field>,
}

#[derive(Debug)]
struct Field {
    ty: FieldType,
    required: bool,
}

#[derive(Debug)]
enum FieldType {
    Any,
    String,
    Bool,
    Int,
    Quantity,
    Value,
    Map,
    Quantities,
    OneOf(Vec<&'static str>),
    Shape(&'static str),
    List(Box<Self>),
    MapOf(Box<Self>),
}

/// Reads shapes; a later text adds fields to a shape, and takes those away that begin with `-`.
fn read(texts: &[&'static str]) -> Shapes {
    let mut shapes = Shapes::new();
    let lines = texts.iter().flat_map(|text| text.lines());
    for line in lines.filter(|line| !line.starts_with('#')) {
        let Some((name, fields)) = line.split_once(' ') else {
            continue;
        };
        let shape = shapes.entry(name).or_default();
        for field in fields.split_whitespace() {
            if let Some(removed) = field.strip_prefix('-') {
                shape.fields.remove(removed);
            } else if let Some((name, ty)) = field.split_once(':') {
                let required = name.ends_with('!');
                let field = Field {
                    ty: field_type(ty),
                    required,
                };
                shape.fields.insert(name.trim_end_matches('!'), field);
            }
        }
    }
    shapes
}

fn field_type(text: &'static str) -> FieldType {
    let inside = |open, close| text.strip_prefix(open).and_then(|t| t.strip_suffix(close));
    if let Some(item) = inside('[', ']') {
        return FieldType::List(Box::new(field_type(item)));
    }
    if let Some(item) = inside('{', '}') {
        return FieldType::MapOf(Box::new(field_type(item)));
    }
    match text {
        "any" => FieldType::Any,
        "string" => FieldType::String,
        "bool" => FieldType::Bool,
        "int" => FieldType::Int,
        "quantity" => FieldType::Quantity,
        "value" => FieldType::Value,
        "map" => FieldType::Map,
        "quantities" => FieldType::Quantities,
        _ if text.contains('|') => FieldType::OneOf(text.split('|').collect()),
        _ => FieldType::Shape(text),
    }
}

/// Checks a resource against the shape of its kind.
pub(super) fn check(version: Version, kind: &str, node: &YamlNode, findings: &mut Findings<'_>) {
    check_shape(version.shapes(), kind, node, "", findings);
}

/// Checks a node against the shape of that name; `path` is the path of the node.
fn check_shape(
    shapes: &Shapes,
    name: &str,
    node: &YamlNode,
    path: &str,
    findings: &mut Findings<'_>,
) {
    let Some(shape) = shapes.get(name) else {
        return;
    };
    if node.ty() != Type::Object {
        return wrong_type(node, path, "an object", findings);
    }
    let mut seen = BTreeMap::new();
    for (key, value) in node.entries() {
        let Some(key_text) = key.text() else {
            findings.error(Code::UnknownField, key.at, path, "a key is not a string");
            continue;
        };
        let at = join(path, key_text);
        if let Some(first) = seen.insert(key_text, key.at) {
            let text = format!("duplicate key, first in line {}", first.line);
            findings.error(Code::DuplicateKey, key.at, &at, text);
        }
        match shape.fields.get(key_text) {
            // A null is equivalent to an absent field.
            Some(_) if value.ty() == Type::Null => {}
            Some(field) => check_type(shapes, &field.ty, value, &at, findings),
            None => unknown_field(shape, key, key_text, path, findings),
        }
    }
    for (field, spec) in &shape.fields {
        if spec.required && node.get(field).is_none() {
            let text = format!("field {field} is missing");
            findings.error(Code::MissingField, node.at, path, text);
        }
    }
}

fn unknown_field(
    shape: &ObjectShape,
    key: &YamlNode,
    name: &str,
    path: &str,
    findings: &mut Findings<'_>,
) {
    let known = shape.fields.keys().copied();
    let similar = nearest(name, known).map(|near| format!(", did you mean {near}?"));
    let text = format!("unknown field {name}{}", similar.unwrap_or_default());
    findings.error(Code::UnknownField, key.at, path, text);
}

fn check_type(
    shapes: &Shapes,
    ty: &FieldType,
    node: &YamlNode,
    path: &str,
    findings: &mut Findings<'_>,
) {
    match ty {
        FieldType::Any => {}
        FieldType::String => expect(node, path, &[Type::String], "a string", findings),
        FieldType::Bool => expect(node, path, &[Type::Boolean], "true or false", findings),
        // A reference is replaced before the number is read.
        FieldType::Int if is_reference(node) => {}
        FieldType::Int => expect(node, path, &[Type::Integer], "an integer", findings),
        FieldType::Quantity => quantity(node, path, findings),
        FieldType::Value => value(node, path, findings),
        FieldType::Map | FieldType::Quantities => map(ty, node, path, findings),
        FieldType::OneOf(words) => {
            let known = node.ty() == Type::String
                && (is_reference(node) || node.text().is_some_and(|t| words.contains(&t)));
            if !known {
                let found = node.text().unwrap_or_default();
                let text = format!("{found:.60}: expected one of {}", words.join(", "));
                findings.error(Code::WrongValue, node.at, path, text);
            }
        }
        FieldType::Shape(name) => check_shape(shapes, name, node, path, findings),
        FieldType::List(item) => {
            if node.ty() != Type::Array {
                return wrong_type(node, path, "a list", findings);
            }
            for (at, node) in node.items().iter().enumerate() {
                check_type(shapes, item, node, &format!("{path}[{at}]"), findings);
            }
        }
        FieldType::MapOf(item) => {
            if node.ty() != Type::Object {
                return wrong_type(node, path, "an object", findings);
            }
            for (key, value) in node.entries() {
                let path = join(path, key.text().unwrap_or("?"));
                check_type(shapes, item, value, &path, findings);
            }
        }
    }
}

fn map(ty: &FieldType, node: &YamlNode, path: &str, findings: &mut Findings<'_>) {
    if node.ty() != Type::Object {
        return wrong_type(node, path, "an object", findings);
    }
    for (key, value) in node.entries() {
        let path = join(path, key.text().unwrap_or("?"));
        match ty {
            FieldType::Quantities => quantity(value, &path, findings),
            _ => expect(value, &path, &[Type::String], "a string", findings),
        }
    }
}

/// Checks the value of a param: a string, a list of strings or an object of strings. Tekton also accepts a
/// number or a boolean without quotes, which other readers do not.
fn value(node: &YamlNode, path: &str, findings: &mut Findings<'_>) {
    let unquoted = |node: &YamlNode, path: &str, findings: &mut Findings<'_>| match node.ty() {
        Type::String => {}
        Type::Boolean | Type::Integer | Type::Number => {
            let text = format!("{} without quotes, expected a string", node.ty().name());
            findings.warn(Code::Unquoted, node.at, path, text);
        }
        _ => wrong_type(node, path, "a string", findings),
    };
    match &node.kind {
        NodeKind::Scalar { .. } => unquoted(node, path, findings),
        NodeKind::Sequence(items) => {
            for (at, item) in items.iter().enumerate() {
                unquoted(item, &format!("{path}[{at}]"), findings);
            }
        }
        NodeKind::Mapping(entries) => {
            for (key, item) in entries {
                unquoted(item, &join(path, key.text().unwrap_or("?")), findings);
            }
        }
    }
}

/// Checks a quantity of Kubernetes, such as 64Mi, 0.5 or 50m.
fn quantity(node: &YamlNode, path: &str, findings: &mut Findings<'_>) {
    let fits = match node.ty() {
        Type::Integer | Type::Number => true,
        Type::String => is_reference(node) || node.text().is_some_and(is_quantity),
        _ => false,
    };
    if !fits {
        let text = "expected a quantity such as 64Mi or 50m";
        findings.error(Code::WrongValue, node.at, path, text);
    }
}

fn is_quantity(text: &str) -> bool {
    const SUFFIXES: [&str; 14] = [
        "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "n", "u", "m", "k", "M", "G", "T", "P",
    ];
    let number = text.strip_prefix(['+', '-']).unwrap_or(text);
    let suffixes = SUFFIXES.iter().chain(&["E"]);
    let number = suffixes
        .filter_map(|suffix| number.strip_suffix(suffix))
        .next()
        .unwrap_or(number);
    number.starts_with(|c: char| c.is_ascii_digit() || c == '.') && number.parse::<f64>().is_ok()
}

fn expect(
    node: &YamlNode,
    path: &str,
    types: &[Type],
    expected: &str,
    findings: &mut Findings<'_>,
) {
    if !types.contains(&node.ty()) {
        wrong_type(node, path, expected, findings);
    }
}

fn wrong_type(node: &YamlNode, path: &str, expected: &str, findings: &mut Findings<'_>) {
    let text = format!("{}, expected {expected}", node.ty().name());
    findings.error(Code::WrongType, node.at, path, text);
}

fn is_reference(node: &YamlNode) -> bool {
    node.text().is_some_and(|text| text.contains("$("))
}

/// Returns the path of a key below a path.
pub(super) fn join(path: &str, key: &str) -> String {
    match path.is_empty() {
        true => key.to_owned(),
        false => format!("{path}.{key}"),
    }
}

/// Returns the name that is most like the given one, if any is.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let ranked = known.map(|known| (distance(&lower, &known.to_lowercase()), known));
    let best = ranked.min_by_key(|(distance, _)| *distance)?;
    (best.0 <= 1 + name.chars().count() / 4).then_some(best.1)
}

/// Returns the Levenshtein distance between two texts.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<_> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = *cell;
            left = replaced.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{FieldType, SHAPES, SHAPES_V1BETA1, distance, is_quantity, nearest};

    #[test]
    fn every_shape_that_a_field_names_exists() {
        fn named(ty: &FieldType) -> Option<&'static str> {
            match ty {
                FieldType::Shape(name) => Some(name),
                FieldType::List(item) | FieldType::MapOf(item) => named(item),
                _ => None,
            }
        }
        for shapes in [&SHAPES, &SHAPES_V1BETA1] {
            let fields = shapes.values().flat_map(|shape| shape.fields.values());
            let missing: Vec<_> = fields
                .filter_map(|field| named(&field.ty))
                .filter(|name| !shapes.contains_key(name))
                .collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
        assert!(SHAPES.len() > 50);
    }

    #[test]
    fn measures_how_far_names_are_apart() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        let known = ["image", "imagePullPolicy"];
        assert_eq!(nearest("imagee", known.into_iter()), Some("image"));
        assert_eq!(nearest("volumes", known.into_iter()), None);
    }

    #[test]
    fn reads_quantities() {
        for text in ["1", "0.5", "64Mi", "50m", "1e3", "1E", "2Ei", ".5"] {
            assert!(is_quantity(text), "{text}");
        }
        for text in ["", "64MB", "64mi", "lots", "1 Gi", "Mi", "inf", "nan"] {
            assert!(!is_quantity(text), "{text}");
        }
    }
}
