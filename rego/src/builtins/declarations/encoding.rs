//! Encodings, schemas, addresses, networks and times.

use super::types::{
    A, B, CIDRS, FORMATTED, GRAPHQL_PARSED, LISTS_BY_NAME, MARSHAL_OPTIONS, MERGED, MOMENT, N,
    NAMED, OBJECT, PAIRS, QUERY, S, SCHEMA_MATCHED, SCHEMA_VERIFIED, SIX, STRING_MAP,
    STRING_OR_OBJECT, STRING_SET, THREE, TOKEN_VERIFIED,
};
use super::{Entry, elsewhere};
use crate::builtins::{cidr, encoding, schema, time, urls, uuid, yaml};
use crate::signature::Declaration;

pub(super) const ENTRIES: &[Entry] = &[
    (Declaration::new("base64.decode", &[S], S), |_, operands| {
        encoding::base64_decode(operands)
    }),
    (Declaration::new("base64.encode", &[S], S), |_, operands| {
        encoding::base64_encode(operands)
    }),
    (
        Declaration::new("base64.is_valid", &[S], B),
        |_, operands| encoding::base64_is_valid(operands),
    ),
    (
        Declaration::new("base64url.decode", &[S], S),
        |_, operands| encoding::base64url_decode(operands),
    ),
    (
        Declaration::new("base64url.encode", &[S], S),
        |_, operands| encoding::base64url_encode(operands),
    ),
    (
        Declaration::new("base64url.encode_no_pad", &[S], S),
        |_, operands| encoding::base64url_encode_no_pad(operands),
    ),
    (
        Declaration::new("graphql.is_valid", &[STRING_OR_OBJECT, STRING_OR_OBJECT], B),
        elsewhere,
    ),
    (
        Declaration::new(
            "graphql.parse",
            &[STRING_OR_OBJECT, STRING_OR_OBJECT],
            GRAPHQL_PARSED,
        ),
        elsewhere,
    ),
    (
        Declaration::new(
            "graphql.parse_and_verify",
            &[STRING_OR_OBJECT, STRING_OR_OBJECT],
            TOKEN_VERIFIED,
        ),
        elsewhere,
    ),
    (
        Declaration::new("graphql.parse_query", &[S], OBJECT),
        elsewhere,
    ),
    (
        Declaration::new("graphql.parse_schema", &[S], OBJECT),
        elsewhere,
    ),
    (
        Declaration::new("graphql.schema_is_valid", &[STRING_OR_OBJECT], B),
        elsewhere,
    ),
    (Declaration::new("hex.decode", &[S], S), |_, operands| {
        encoding::hex_decode(operands)
    }),
    (Declaration::new("hex.encode", &[S], S), |_, operands| {
        encoding::hex_encode(operands)
    }),
    (
        Declaration::new("http.send", &[NAMED], OBJECT).nondeterministic(),
        elsewhere,
    ),
    (Declaration::new("json.is_valid", &[S], B), |_, operands| {
        encoding::json_is_valid(operands)
    }),
    (Declaration::new("json.marshal", &[A], S), |_, operands| {
        encoding::json_marshal(operands)
    }),
    (
        Declaration::new("json.marshal_with_options", &[A, MARSHAL_OPTIONS], S),
        |_, operands| encoding::json_marshal_with_options(operands),
    ),
    (
        Declaration::new(
            "json.match_schema",
            &[STRING_OR_OBJECT, STRING_OR_OBJECT],
            SCHEMA_MATCHED,
        ),
        |_, operands| schema::match_schema(operands),
    ),
    (
        Declaration::new("json.unmarshal", &[S], A),
        |_, operands| encoding::json_unmarshal(operands),
    ),
    (
        Declaration::new("json.verify_schema", &[STRING_OR_OBJECT], SCHEMA_VERIFIED),
        |_, operands| schema::verify_schema(operands),
    ),
    (
        Declaration::new("net.cidr_contains", &[S, S], B),
        |_, operands| cidr::contains(operands),
    ),
    (
        Declaration::new("net.cidr_contains_matches", &[CIDRS, CIDRS], PAIRS),
        |_, operands| cidr::contains_matches(operands),
    ),
    (
        Declaration::new("net.cidr_expand", &[S], STRING_SET),
        |context, operands| cidr::expand(operands, context),
    ),
    (
        Declaration::new("net.cidr_intersects", &[S, S], B),
        |_, operands| cidr::intersects(operands),
    ),
    (
        Declaration::new("net.cidr_is_valid", &[S], B),
        |_, operands| cidr::is_valid(operands),
    ),
    (
        Declaration::new("net.cidr_merge", &[MERGED], STRING_SET),
        |_, operands| cidr::merge(operands),
    ),
    (
        Declaration::new("net.cidr_overlap", &[S, S], B).deprecated(),
        |_, operands| cidr::contains(operands),
    ),
    (
        Declaration::new("net.lookup_ip_addr", &[S], STRING_SET).nondeterministic(),
        elsewhere,
    ),
    (
        Declaration::new("opa.runtime", &[], NAMED).nondeterministic(),
        elsewhere,
    ),
    (
        Declaration::new("providers.aws.sign_req", &[NAMED, NAMED, N], OBJECT),
        elsewhere,
    ),
    (
        Declaration::new("rego.parse_module", &[S, S], NAMED),
        elsewhere,
    ),
    (
        Declaration::new("time.add_date", &[N, N, N, N], N),
        |_, operands| time::add_date(operands),
    ),
    (
        Declaration::new("time.clock", &[MOMENT], THREE),
        |_, operands| time::clock(operands),
    ),
    (
        Declaration::new("time.date", &[MOMENT], THREE),
        |_, operands| time::date(operands),
    ),
    (
        Declaration::new("time.diff", &[MOMENT, MOMENT], SIX),
        |_, operands| time::diff(operands),
    ),
    (
        Declaration::new("time.format", &[FORMATTED], S),
        |_, operands| time::format(operands),
    ),
    (
        Declaration::new("time.now_ns", &[], N).nondeterministic(),
        |context, operands| time::now_ns(operands, context),
    ),
    (
        Declaration::new("time.parse_duration_ns", &[S], N),
        |_, operands| time::parse_duration_ns(operands),
    ),
    (
        Declaration::new("time.parse_ns", &[S, S], N),
        |_, operands| time::parse_ns(operands),
    ),
    (
        Declaration::new("time.parse_rfc3339_ns", &[S], N),
        |_, operands| time::parse_rfc3339_ns(operands),
    ),
    (
        Declaration::new("time.weekday", &[MOMENT], S),
        |_, operands| time::weekday(operands),
    ),
    (Declaration::new("uri.is_valid", &[S], B), |_, operands| {
        urls::is_valid(operands)
    }),
    (
        Declaration::new("uri.parse", &[S], STRING_MAP),
        |_, operands| urls::parse(operands),
    ),
    (
        Declaration::new("urlquery.decode", &[S], S),
        |_, operands| urls::query_decode(operands),
    ),
    (
        Declaration::new("urlquery.decode_object", &[S], LISTS_BY_NAME),
        |_, operands| urls::query_decode_object(operands),
    ),
    (
        Declaration::new("urlquery.encode", &[S], S),
        |_, operands| urls::query_encode(operands),
    ),
    (
        Declaration::new("urlquery.encode_object", &[QUERY], S),
        |_, operands| urls::query_encode_object(operands),
    ),
    (
        Declaration::new("uuid.parse", &[S], NAMED),
        |_, operands| uuid::parse(operands),
    ),
    (
        Declaration::new("uuid.rfc4122", &[S], S).nondeterministic(),
        |context, operands| uuid::rfc4122(operands, context),
    ),
    (Declaration::new("yaml.is_valid", &[S], B), |_, operands| {
        yaml::is_valid(operands)
    }),
    (Declaration::new("yaml.marshal", &[A], S), |_, operands| {
        yaml::marshal(operands)
    }),
    (
        Declaration::new("yaml.unmarshal", &[S], A),
        |_, operands| yaml::unmarshal(operands),
    ),
];
