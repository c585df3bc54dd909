//! Numbers, collections, objects, comparisons and types.

use super::types::{
    A, ARRAY, ARRAY_SET, B, COUNTED, GRAPH, KEYS, LIST, N, NULL, NUMBER_LIST, NUMBER_OR_SET,
    NUMBERS, OBJECT, OBJECTS, PATCHES, PATH_LIST, PRINT, S, SCALAR, SET, SET_LIST, SETS, WALKED,
};
use super::{Entry, elsewhere};
use crate::builtins::{collections, graph, json_patch, numbers, objects, sprintf};
use crate::signature::Declaration;
use crate::value::Value;

pub(super) const ENTRIES: &[Entry] = &[
    (Declaration::new("abs", &[N], N), |_, operands| {
        numbers::abs(operands)
    }),
    (
        Declaration::new("all", &[LIST], B).deprecated(),
        |_, operands| collections::all(operands),
    ),
    (Declaration::new("and", &[SET, SET], SET), |_, operands| {
        collections::and(operands)
    }),
    (
        Declaration::new("any", &[LIST], B).deprecated(),
        |_, operands| collections::any(operands),
    ),
    (
        Declaration::new("array.concat", &[ARRAY, ARRAY], ARRAY),
        |_, operands| collections::concat(operands),
    ),
    (
        Declaration::new("array.flatten", &[ARRAY], ARRAY),
        |_, operands| collections::flatten(operands),
    ),
    (
        Declaration::new("array.reverse", &[ARRAY], ARRAY),
        |_, operands| collections::reverse(operands),
    ),
    (
        Declaration::new("array.slice", &[ARRAY, N, N], ARRAY),
        |_, operands| collections::slice(operands),
    ),
    (Declaration::new("assign", &[A, A], B), elsewhere),
    (Declaration::new("bits.and", &[N, N], N), |_, operands| {
        numbers::bits_and(operands)
    }),
    (Declaration::new("bits.lsh", &[N, N], N), |_, operands| {
        numbers::bits_lsh(operands)
    }),
    (Declaration::new("bits.negate", &[N], N), |_, operands| {
        numbers::bits_negate(operands)
    }),
    (Declaration::new("bits.or", &[N, N], N), |_, operands| {
        numbers::bits_or(operands)
    }),
    (Declaration::new("bits.rsh", &[N, N], N), |_, operands| {
        numbers::bits_rsh(operands)
    }),
    (Declaration::new("bits.xor", &[N, N], N), |_, operands| {
        numbers::bits_xor(operands)
    }),
    (
        Declaration::new("cast_array", &[A], ARRAY).deprecated(),
        |_, operands| numbers::cast_array(operands),
    ),
    (
        Declaration::new("cast_boolean", &[A], B).deprecated(),
        |_, operands| numbers::cast(operands, "boolean"),
    ),
    (
        Declaration::new("cast_null", &[A], NULL).deprecated(),
        |_, operands| numbers::cast(operands, "null"),
    ),
    (
        Declaration::new("cast_object", &[A], OBJECT).deprecated(),
        |_, operands| numbers::cast(operands, "object"),
    ),
    (
        Declaration::new("cast_set", &[A], SET).deprecated(),
        |_, operands| numbers::cast_set(operands),
    ),
    (
        Declaration::new("cast_string", &[A], S).deprecated(),
        |_, operands| numbers::cast(operands, "string"),
    ),
    (Declaration::new("ceil", &[N], N), |_, operands| {
        numbers::ceil(operands)
    }),
    (Declaration::new("count", &[COUNTED], N), |_, operands| {
        collections::count(operands)
    }),
    (Declaration::new("div", &[N, N], N), |_, operands| {
        numbers::divide(operands)
    }),
    (Declaration::new("eq", &[A, A], B), |_, operands| {
        numbers::equal(operands)
    }),
    (Declaration::new("equal", &[A, A], B), |_, operands| {
        numbers::equal(operands)
    }),
    (Declaration::new("floor", &[N], N), |_, operands| {
        numbers::floor(operands)
    }),
    (
        Declaration::new("graph.reachable", &[GRAPH, LIST], SET),
        |_, operands| graph::reachable(operands),
    ),
    (
        Declaration::new("graph.reachable_paths", &[GRAPH, LIST], ARRAY_SET),
        |_, operands| graph::reachable_paths(operands),
    ),
    (Declaration::new("gt", &[A, A], B), |_, operands| {
        numbers::more(operands)
    }),
    (Declaration::new("gte", &[A, A], B), |_, operands| {
        numbers::at_least(operands)
    }),
    (
        Declaration::new("internal.member_2", &[A, A], B),
        |_, operands| collections::member(operands),
    ),
    (
        Declaration::new("internal.member_3", &[A, A, A], B),
        |_, operands| collections::member_at(operands),
    ),
    (
        Declaration {
            result: None,
            ..Declaration::new("internal.print", &[SET_LIST], NULL)
        },
        elsewhere,
    ),
    (
        Declaration::new("internal.template_string", &[ARRAY], S),
        |_, operands| sprintf::template_string(operands),
    ),
    (
        Declaration {
            result: None,
            ..Declaration::new("internal.test_case", &[ARRAY], NULL)
        },
        elsewhere,
    ),
    (
        Declaration::new("intersection", &[SETS], SET),
        |_, operands| collections::intersection(operands),
    ),
    (Declaration::new("is_array", &[A], B), |_, operands| {
        numbers::is(operands, "array")
    }),
    (Declaration::new("is_boolean", &[A], B), |_, operands| {
        numbers::is(operands, "boolean")
    }),
    (Declaration::new("is_null", &[A], B), |_, operands| {
        numbers::is(operands, "null")
    }),
    (Declaration::new("is_number", &[A], B), |_, operands| {
        numbers::is(operands, "number")
    }),
    (Declaration::new("is_object", &[A], B), |_, operands| {
        numbers::is(operands, "object")
    }),
    (Declaration::new("is_set", &[A], B), |_, operands| {
        numbers::is(operands, "set")
    }),
    (Declaration::new("is_string", &[A], B), |_, operands| {
        numbers::is(operands, "string")
    }),
    (
        Declaration::new("json.filter", &[OBJECT, PATH_LIST], OBJECT),
        |_, operands| objects::json_filter(operands),
    ),
    (
        Declaration::new("json.patch", &[A, PATCHES], A),
        |_, operands| json_patch::patch(operands),
    ),
    (
        Declaration::new("json.remove", &[OBJECT, PATH_LIST], OBJECT),
        |_, operands| objects::json_remove(operands),
    ),
    (Declaration::new("lt", &[A, A], B), |_, operands| {
        numbers::less(operands)
    }),
    (Declaration::new("lte", &[A, A], B), |_, operands| {
        numbers::at_most(operands)
    }),
    (Declaration::new("max", &[LIST], A), |_, operands| {
        collections::max(operands)
    }),
    (Declaration::new("min", &[LIST], A), |_, operands| {
        collections::min(operands)
    }),
    (
        Declaration::new("minus", &[NUMBER_OR_SET, NUMBER_OR_SET], NUMBER_OR_SET),
        |_, operands| numbers::minus(operands),
    ),
    (Declaration::new("mul", &[N, N], N), |_, operands| {
        numbers::times(operands)
    }),
    (Declaration::new("neq", &[A, A], B), |_, operands| {
        numbers::unequal(operands)
    }),
    (
        Declaration::new("numbers.range", &[N, N], NUMBERS),
        |_, operands| numbers::numbers_range(operands),
    ),
    (
        Declaration::new("numbers.range_step", &[N, N, N], NUMBERS),
        |_, operands| numbers::numbers_range_step(operands),
    ),
    (
        Declaration::new("object.filter", &[OBJECT, KEYS], OBJECT),
        |_, operands| objects::filter(operands),
    ),
    (
        Declaration::new("object.get", &[OBJECT, A, A], A),
        |_, operands| objects::get(operands),
    ),
    (
        Declaration::new("object.keys", &[OBJECT], SET),
        |_, operands| objects::keys(operands),
    ),
    (
        Declaration::new("object.remove", &[OBJECT, KEYS], OBJECT),
        |_, operands| objects::remove(operands),
    ),
    (
        Declaration::new("object.subset", &[KEYS, KEYS], B),
        |_, operands| objects::subset(operands),
    ),
    (
        Declaration::new("object.union", &[OBJECT, OBJECT], OBJECT),
        |_, operands| objects::union(operands),
    ),
    (
        Declaration::new("object.union_n", &[OBJECTS], OBJECT),
        |_, operands| objects::union_n(operands),
    ),
    (Declaration::new("or", &[SET, SET], SET), |_, operands| {
        collections::or(operands)
    }),
    (Declaration::new("plus", &[N, N], N), |_, operands| {
        numbers::plus(operands)
    }),
    (PRINT, elsewhere),
    (
        Declaration::new("product", &[NUMBER_LIST], N),
        |_, operands| collections::product(operands),
    ),
    (
        Declaration::new("rand.intn", &[S, N], N).nondeterministic(),
        |context, operands| numbers::rand_intn(operands, context),
    ),
    (
        Declaration::new("rego.metadata.chain", &[], ARRAY),
        elsewhere,
    ),
    (Declaration::new("rego.metadata.rule", &[], A), elsewhere),
    (Declaration::new("rem", &[N, N], N), |_, operands| {
        numbers::remainder(operands)
    }),
    (Declaration::new("round", &[N], N), |_, operands| {
        numbers::round(operands)
    }),
    (
        Declaration::new("set_diff", &[SET, SET], SET).deprecated(),
        |_, operands| collections::difference(operands),
    ),
    (Declaration::new("sort", &[LIST], ARRAY), |_, operands| {
        collections::sort(operands)
    }),
    (Declaration::new("sum", &[NUMBER_LIST], N), |_, operands| {
        collections::sum(operands)
    }),
    (
        Declaration::new("to_number", &[SCALAR], N),
        |_, operands| numbers::to_number(operands),
    ),
    (Declaration::new("trace", &[S], B), |_, _| {
        Ok(Value::Bool(true))
    }),
    (Declaration::new("type_name", &[A], S), |_, operands| {
        numbers::type_name(operands)
    }),
    (Declaration::new("union", &[SETS], SET), |_, operands| {
        collections::union(operands)
    }),
    (Declaration::new("walk", &[A], WALKED).relation(), elsewhere),
];
