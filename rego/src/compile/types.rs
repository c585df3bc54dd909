//! Type checker: operands of builtins and functions, equalities and references.
//!
//! Types are inferred as OPA infers them, except for two cases in which a value has any type: members of rules with
//! a dynamic part in their path, and rules under `with`.

mod check;
mod env;
mod unify;

pub(super) use check::rules;

use crate::{signature, value::Number};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum InferredType {
    /// Not inferred, or not inferred yet.
    Unknown,
    Any,
    Null,
    Boolean,
    Number,
    String,
    /// Types of the first elements, and of all further ones.
    Array(Vec<InferredType>, Option<Box<InferredType>>),
    Set(Box<InferredType>),
    /// Types of members with constant keys (as printed), and of keys and values of others.
    Object(
        Vec<(Box<str>, InferredType)>,
        Option<Box<(InferredType, InferredType)>>,
    ),
    Union(Vec<InferredType>),
}

/// Tells if two constant keys are one number that is written in two ways.
fn same_number(a: &str, b: &str) -> bool {
    let digit = |text: &str| text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    digit(a) && digit(b) && Number::parse(a).is_some_and(|a| Number::parse(b) == Some(a))
}

impl From<&signature::Type> for InferredType {
    fn from(declared: &signature::Type) -> Self {
        match declared {
            signature::Type::Any => Self::Any,
            signature::Type::Null => Self::Null,
            signature::Type::Boolean => Self::Boolean,
            signature::Type::Number => Self::Number,
            signature::Type::String => Self::String,
            signature::Type::OneOf(types) => {
                types.iter().map(Self::from).fold(Self::Unknown, Self::or)
            }
            signature::Type::Array(of) => Self::Array(Vec::new(), Some(Box::new((*of).into()))),
            signature::Type::Tuple(types) => {
                Self::Array(types.iter().map(Self::from).collect(), None)
            }
            signature::Type::Set(of) => Self::Set(Box::new((*of).into())),
            signature::Type::Object(key, value) => {
                Self::Object(Vec::new(), Some(Box::new(((*key).into(), (*value).into()))))
            }
            signature::Type::Record(members, rest) => Self::Object(
                members
                    .iter()
                    .map(|(name, of)| (format!("{name:?}").into(), of.into()))
                    .collect(),
                rest.map(|(key, value)| Box::new((key.into(), value.into()))),
            ),
        }
    }
}

impl InferredType {
    /// Returns the union of two types; [`InferredType::Unknown`] adds nothing.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, other) | (other, Self::Unknown) => other,
            (Self::Any, _) | (_, Self::Any) => Self::Any,
            (Self::Union(mut types), Self::Union(more)) => {
                for of in more {
                    if !types.contains(&of) {
                        types.push(of);
                    }
                }
                Self::Union(types)
            }
            (Self::Union(mut types), other) | (other, Self::Union(mut types)) => {
                if !types.contains(&other) {
                    types.push(other);
                }
                Self::Union(types)
            }
            (own, other) if own == other => own,
            (own, other) => Self::Union(vec![own, other]),
        }
    }

    /// Tells if a part is not inferred.
    pub(super) fn is_unknown(&self) -> bool {
        match self {
            Self::Unknown => true,
            Self::Array(items, rest) => {
                items.iter().any(Self::is_unknown) || rest.as_deref().is_some_and(Self::is_unknown)
            }
            Self::Set(of) => of.is_unknown(),
            Self::Object(members, rest) => {
                members.iter().any(|(_, of)| of.is_unknown())
                    || rest
                        .as_deref()
                        .is_some_and(|(key, value)| key.is_unknown() || value.is_unknown())
            }
            Self::Union(types) => types.iter().any(Self::is_unknown),
            _ => false,
        }
    }

    /// Returns the type of what a reference may have in brackets; `None` for a scalar.
    pub(super) fn keys(&self) -> Option<Self> {
        match self {
            Self::Any | Self::Unknown => Some(Self::Any),
            Self::Array(..) => Some(Self::Number),
            Self::Set(of) => Some((**of).clone()),
            Self::Object(members, rest) => {
                let fixed = members.iter().map(|(key, _)| key_type(key));
                let rest = rest.iter().map(|rest| rest.0.clone());
                Some(fixed.chain(rest).fold(Self::Unknown, Self::or))
            }
            Self::Union(types) => types.iter().filter_map(Self::keys).reduce(Self::or),
            _ => None,
        }
    }

    /// Returns the type of a collection's elements; `None` for a scalar.
    pub(super) fn values(&self) -> Self {
        match self {
            Self::Array(items, rest) => {
                let rest = rest.iter().map(|rest| (**rest).clone());
                items
                    .iter()
                    .cloned()
                    .chain(rest)
                    .fold(Self::Unknown, Self::or)
            }
            Self::Set(of) => (**of).clone(),
            Self::Object(members, rest) => {
                let fixed = members.iter().map(|(_, value)| value.clone());
                let rest = rest.iter().map(|rest| rest.1.clone());
                fixed.chain(rest).fold(Self::Unknown, Self::or)
            }
            Self::Union(types) => types.iter().map(Self::values).fold(Self::Unknown, Self::or),
            _ => Self::Any,
        }
    }

    /// Returns the type of the element at a constant; `None` if there is none.
    pub(super) fn select(&self, key: &str, of: &Self) -> Option<Self> {
        match self {
            Self::Any | Self::Unknown => Some(Self::Any),
            Self::Array(items, rest) => {
                let at: usize = key.parse().ok()?;
                items.get(at).cloned().or_else(|| rest.as_deref().cloned())
            }
            Self::Set(inner) => inner.unifies(of).then(|| (**inner).clone()),
            Self::Object(members, rest) => members
                .iter()
                .find(|(name, _)| &**name == key || same_number(name, key))
                .map(|(_, value)| value.clone())
                .or_else(|| {
                    let (keys, value) = rest.as_deref()?;
                    keys.unifies(of).then(|| value.clone())
                }),
            Self::Union(types) => types
                .iter()
                .filter_map(|own| own.select(key, of))
                .reduce(Self::or),
            _ => None,
        }
    }

    /// Tells if a value may have both types.
    pub(super) fn unifies(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => false,
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::Union(types), other) | (other, Self::Union(types)) => {
                types.iter().any(|own| own.unifies(other))
            }
            (Self::Array(left, rest), Self::Array(right, other)) => {
                arrays(left, right, other.as_deref())
                    && arrays(right, left, rest.as_deref())
                    && match (rest, other) {
                        (Some(left), Some(right)) => left.unifies(right),
                        _ => true,
                    }
            }
            (Self::Set(left), Self::Set(right)) => left.unifies(right),
            (Self::Object(left, rest), Self::Object(right, other)) => {
                let open = rest.is_some() || other.is_some();
                objects(left, right, other.as_deref(), open)
                    && objects(right, left, rest.as_deref(), open)
                    && match (rest, other) {
                        (Some(left), Some(right)) => left.1.unifies(&right.1),
                        _ => true,
                    }
            }
            (left, right) => left == right,
        }
    }
}

/// Type of a constant as printed.
fn key_type(key: &str) -> InferredType {
    match key.as_bytes().first() {
        Some(b'"') => InferredType::String,
        Some(b't' | b'f') => InferredType::Boolean,
        Some(b'n') => InferredType::Null,
        Some(b'-' | b'.' | b'0'..=b'9') => InferredType::Number,
        _ => InferredType::Any,
    }
}

fn arrays(left: &[InferredType], right: &[InferredType], rest: Option<&InferredType>) -> bool {
    left.iter().enumerate().all(|(at, own)| {
        right
            .get(at)
            .or(rest)
            .is_some_and(|other| own.unifies(other))
    })
}

fn objects(
    left: &[(Box<str>, InferredType)],
    right: &[(Box<str>, InferredType)],
    rest: Option<&(InferredType, InferredType)>,
    open: bool,
) -> bool {
    left.iter().all(|(key, own)| {
        let fixed = right.iter().find(|(name, _)| name == key).map(|(_, of)| of);
        let other = fixed.or_else(|| {
            rest.filter(|(keys, _)| keys.unifies(&key_type(key)))
                .map(|(_, value)| value)
        });
        other.map_or(open, |other| own.unifies(other))
    })
}
