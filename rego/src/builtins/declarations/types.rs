//! Types of arguments and results that the declarations share.

use crate::signature::{Declaration, Type};

pub(super) const A: Type = Type::Any;
pub(super) const B: Type = Type::Boolean;
pub(super) const N: Type = Type::Number;
pub(super) const S: Type = Type::String;
pub(super) const NULL: Type = Type::Null;
pub(super) const ARRAY: Type = Type::Array(&A);
pub(super) const SET: Type = Type::Set(&A);
pub(super) const LIST: Type = Type::OneOf(&[ARRAY, SET]);
pub(super) const OBJECT: Type = Type::Object(&A, &A);
pub(super) const STRINGS: Type = Type::Array(&S);
pub(super) const STRING_SET: Type = Type::Set(&S);
pub(super) const STRING_LIST: Type = Type::OneOf(&[STRINGS, STRING_SET]);
pub(super) const COUNTED: Type = Type::OneOf(&[S, ARRAY, OBJECT, SET]);
pub(super) const NAMED: Type = Type::Object(&S, &A);
pub(super) const NAMED_LIST: Type = Type::Array(&NAMED);
pub(super) const VERIFIED: Type = Type::Tuple(&[B, NAMED_LIST]);
pub(super) const DELIMITERS: Type = Type::OneOf(&[NULL, STRINGS]);
pub(super) const GRAPH: Type = Type::Object(&A, &LIST);
pub(super) const ARRAY_SET: Type = Type::Set(&ARRAY);
pub(super) const STRING_OR_OBJECT: Type = Type::OneOf(&[S, OBJECT]);
pub(super) const GRAPHQL_PARSED: Type = Type::Tuple(&[OBJECT, OBJECT]);
pub(super) const TOKEN_VERIFIED: Type = Type::Tuple(&[B, OBJECT, OBJECT]);
pub(super) const NUMBERS: Type = Type::Array(&N);
pub(super) const SET_LIST: Type = Type::Array(&SET);
pub(super) const SETS: Type = Type::Set(&SET);
pub(super) const TOKEN: Type = Type::Tuple(&[OBJECT, OBJECT, S]);
pub(super) const PATH: Type = Type::OneOf(&[S, ARRAY]);
pub(super) const PATHS: Type = Type::Array(&PATH);
pub(super) const PATH_SET: Type = Type::Set(&PATH);
pub(super) const PATH_LIST: Type = Type::OneOf(&[PATHS, PATH_SET]);
pub(super) const MARSHAL_OPTIONS: Type = Type::Record(
    &[("indent", S), ("prefix", S), ("pretty", B)],
    Some((&S, &A)),
);
pub(super) const SCHEMA_ERROR: Type = Type::Record(
    &[("desc", S), ("error", S), ("field", S), ("type", S)],
    None,
);
pub(super) const SCHEMA_ERRORS: Type = Type::Array(&SCHEMA_ERROR);
pub(super) const SCHEMA_MATCHED: Type = Type::Tuple(&[B, SCHEMA_ERRORS]);
pub(super) const PATCH: Type = Type::Record(&[("op", S), ("path", A)], Some((&A, &A)));
pub(super) const PATCHES: Type = Type::Array(&PATCH);
pub(super) const REASON: Type = Type::OneOf(&[NULL, S]);
pub(super) const SCHEMA_VERIFIED: Type = Type::Tuple(&[B, REASON]);
pub(super) const NUMBER_OR_SET: Type = Type::OneOf(&[N, SET]);
pub(super) const PATHS_BY_NAME: Type = Type::Object(&S, &PATH);
pub(super) const CIDRS: Type = Type::OneOf(&[S, PATHS, PATHS_BY_NAME, PATH_SET]);
pub(super) const PAIR: Type = Type::Tuple(&[A, A]);
pub(super) const PAIRS: Type = Type::Set(&PAIR);
pub(super) const ONLY_STRING: Type = Type::OneOf(&[S]);
pub(super) const ONLY_STRINGS: Type = Type::Array(&ONLY_STRING);
pub(super) const MERGED: Type = Type::OneOf(&[ONLY_STRINGS, STRING_SET]);
pub(super) const KEYS: Type = Type::OneOf(&[ARRAY, OBJECT, SET]);
pub(super) const OBJECTS: Type = Type::Array(&OBJECT);
pub(super) const NUMBER_SET: Type = Type::Set(&N);
pub(super) const NUMBER_LIST: Type = Type::OneOf(&[NUMBERS, NUMBER_SET]);
pub(super) const STRING_LISTS: Type = Type::Array(&STRINGS);
pub(super) const STRING_OR_STRINGS: Type = Type::OneOf(&[S, STRINGS, STRING_SET]);
pub(super) const STRING_MAP: Type = Type::Object(&S, &S);
pub(super) const ZONED: Type = Type::Tuple(&[N, S]);
pub(super) const MOMENT: Type = Type::OneOf(&[N, ZONED]);
pub(super) const THREE: Type = Type::Tuple(&[N, N, N]);
pub(super) const SIX: Type = Type::Tuple(&[N, N, N, N, N, N]);
pub(super) const LAYOUT: Type = Type::Tuple(&[N, S, S]);
pub(super) const FORMATTED: Type = Type::OneOf(&[N, ZONED, LAYOUT]);
pub(super) const SCALAR: Type = Type::OneOf(&[NULL, B, N, S]);
pub(super) const LISTS_BY_NAME: Type = Type::Object(&S, &STRINGS);
pub(super) const QUERY: Type = Type::Object(&S, &STRING_OR_STRINGS);
pub(super) const WALKED: Type = Type::Tuple(&[ARRAY, A]);

/// `print`, which takes any number of arguments and returns nothing.
pub(super) const PRINT: Declaration = Declaration {
    variadic: Some(A),
    result: None,
    ..Declaration::new("print", &[], NULL)
};
