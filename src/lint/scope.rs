//! Declarations that references resolve against: params, results, workspaces and their types.

use std::collections::BTreeMap;

use super::{
    finding::{Code, Findings},
    shape::nearest,
    tree::{TextPosition, Type, YamlNode},
    variables::{ElementIndex, VariableReference},
};

/// The type of a param or result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueType {
    String,
    Array,
    Object,
}

impl ValueType {
    /// The name as Tekton writes it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    /// Returns the type that the field `type` names, else that of the default, else string.
    fn declared(node: &YamlNode) -> Self {
        match node.text_of("type") {
            Some("array") => Self::Array,
            Some("object") => Self::Object,
            Some(_) => Self::String,
            None => match node.get("default").map(YamlNode::ty) {
                Some(Type::Array) => Self::Array,
                Some(Type::Object) => Self::Object,
                _ if node.get("properties").is_some() => Self::Object,
                _ => Self::String,
            },
        }
    }
}

/// A declared param, result or workspace.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub(super) ty: ValueType,
    /// Set when a value is required: a param without default, a workspace that is not optional.
    pub(super) required: bool,
    /// The keys of an object, where they are declared.
    pub(super) keys: Vec<String>,
}

/// The declarations of a list, by name.
pub(super) type Declarations = BTreeMap<String, Declared>;

/// Reads a list of declarations and refuses a duplicate name.
pub(super) fn declarations(
    list: &[YamlNode],
    path: &str,
    findings: &mut Findings<'_>,
) -> Declarations {
    let mut declared = Declarations::new();
    for (at, node) in list.iter().enumerate() {
        let Some(name) = node.text_of("name") else {
            continue;
        };
        let properties = node
            .get("properties")
            .map(YamlNode::entries)
            .unwrap_or_default();
        let keys = properties.iter().filter_map(|(key, _)| key.text());
        let spec = Declared {
            ty: ValueType::declared(node),
            required: node.get("default").is_none() && node.text_of("optional") != Some("true"),
            keys: keys.map(str::to_owned).collect(),
        };
        if declared.insert(name.to_owned(), spec).is_some() {
            let path = format!("{path}[{at}]");
            let text = format!("name {name} is declared twice");
            findings.error(Code::DuplicateName, node.at, &path, text);
        }
        default_fits(node, &format!("{path}[{at}]"), findings);
    }
    declared
}

/// Refuses a default of another type than the declared one.
fn default_fits(node: &YamlNode, path: &str, findings: &mut Findings<'_>) {
    let (Some(ty), Some(default)) = (node.text_of("type"), node.get("default")) else {
        return;
    };
    let is = match default.ty() {
        Type::Array => "array",
        Type::Object => "object",
        _ => "string",
    };
    if ["string", "array", "object"].contains(&ty) && is != ty {
        let text = format!("the default is a {is}, expected type {ty}");
        findings.error(
            Code::WrongType,
            default.at,
            &format!("{path}.default"),
            text,
        );
    }
}

/// The place of a reference.
pub(super) struct Site<'a> {
    pub(super) at: TextPosition,
    pub(super) path: &'a str,
    pub(super) place: ReferencePlace,
}

/// The place of a reference, which decides whether an array may fill it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReferencePlace {
    Text,
    Item,
    /// The value of a param or a result.
    Value,
}

/// Checks how a reference uses its target, by the rest of its segments.
pub(super) fn check_use(
    reference: &VariableReference,
    declared: &Declared,
    keys: &[&str],
    site: &Site<'_>,
    findings: &mut Findings<'_>,
) {
    let mut wrong = |text: String| {
        let text = format!("$({}) {text}", reference.text);
        findings.error(Code::WrongType, site.at, site.path, text);
    };
    match (declared.ty, keys, reference.index) {
        (ValueType::String, [], ElementIndex::None) | (ValueType::Array, [], ElementIndex::At) => {}
        (ValueType::String, [], _) => wrong("indexes a string".to_owned()),
        (ValueType::Array | ValueType::Object, [], ElementIndex::All) => {
            if !reference.whole || site.place == ReferencePlace::Text {
                wrong("must be an element of a list by itself".to_owned());
            }
        }
        // Tekton takes the array here as if it were written with [*].
        (ValueType::Array, [], ElementIndex::None)
            if reference.whole && site.place == ReferencePlace::Item => {}
        (ValueType::Array, [], ElementIndex::None) => {
            wrong("is an array, expected an index such as [*]".to_owned());
        }
        (ValueType::Object, [], _) => wrong("is an object, expected a key".to_owned()),
        (ValueType::Object, [key], ElementIndex::None) => {
            if !declared.keys.is_empty() && declared.keys.iter().all(|known| known != key) {
                wrong(format!("names a key that is not declared: {key}"));
            }
        }
        (ty, _, _) => wrong(format!("has too many parts for a {}", ty.name())),
    }
}

/// Reports a name that is not declared, with the one that is most like it.
pub(super) fn unknown(
    what: &str,
    name: &str,
    known: &Declarations,
    reference: &VariableReference,
    site: &Site<'_>,
    findings: &mut Findings<'_>,
) {
    let similar = nearest(name, known.keys().map(String::as_str));
    let similar = similar.map(|near| format!(", did you mean {near}?"));
    let text = format!(
        "$({}): {what} {name} is not declared{}",
        reference.text,
        similar.unwrap_or_default()
    );
    findings.error(Code::UnresolvedVariable, site.at, site.path, text);
}

/// Warns of a name that is not declared where the run may give it all the same. A name like a declared one is an
/// error.
pub(super) fn undeclared(
    what: &str,
    name: &str,
    known: &Declarations,
    reference: &VariableReference,
    site: &Site<'_>,
    findings: &mut Findings<'_>,
) {
    if nearest(name, known.keys().map(String::as_str)).is_some() {
        return unknown(what, name, known, reference, site, findings);
    }
    let text = format!(
        "$({}): {what} {name} is not declared, expected a run that sets it",
        reference.text
    );
    findings.warn(Code::UnresolvedVariable, site.at, site.path, text);
}
