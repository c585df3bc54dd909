//! Small questions to the engine's syntax tree. Works around its spans: strings exclude their quotes,
//! objects with several members start at the last key, brackets around a part are left out, `set()` ends
//! with what follows it.

use std::{collections::BTreeSet, ops::Range};

use regorus::unstable::{AssignOp, Expr, Literal, LiteralStmt, Rule, RuleHead};

use super::error::Place;

/// The ground segments that a reference starts with: `a.b["c"][x].d` gives `a`, `b`, `c`.
pub(super) fn prefix(expr: &Expr) -> Vec<String> {
    let mut segments = Vec::new();
    collect(expr, &mut segments);
    segments
}

/// The segments of a reference that is ground to its end.
pub(super) fn path(expr: &Expr) -> Option<Vec<String>> {
    let mut segments = Vec::new();
    collect(expr, &mut segments).then_some(segments)
}

fn collect(expr: &Expr, segments: &mut Vec<String>) -> bool {
    let (refr, last) = match expr {
        Expr::Var { span, .. } => {
            segments.push(span.text().to_owned());
            return true;
        }
        Expr::RefDot { refr, field, .. } => (refr, field.1.as_string().ok()),
        Expr::RefBrack { refr, index, .. } => match index.as_ref() {
            Expr::String { value, .. } | Expr::RawString { value, .. } => {
                (refr, value.as_string().ok())
            }
            _ => (refr, None),
        },
        _ => return false,
    };
    if !collect(refr, segments) {
        return false;
    }
    match last {
        Some(text) => {
            segments.push(text.to_string());
            true
        }
        None => false,
    }
}

/// Words that cannot be the name of a rule.
const KEYWORDS: [&str; 17] = [
    "as", "contains", "data", "default", "else", "every", "false", "if", "import", "in", "input",
    "not", "null", "package", "some", "true", "with",
];

/// Whether the text can follow a dot and name a rule.
pub(super) fn is_name(text: &str) -> bool {
    is_word(text) && !KEYWORDS.contains(&text)
}

/// Whether the text consists of what names consist of.
pub(super) fn is_word(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next();
    first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The reference in a rule's head: its name.
pub(super) fn head(rule: &Rule) -> &Expr {
    match rule {
        Rule::Spec { head, .. } => match head {
            RuleHead::Compr { refr, .. }
            | RuleHead::Set { refr, .. }
            | RuleHead::Func { refr, .. } => refr,
        },
        Rule::Default { refr, .. } => refr,
    }
}

/// How many parameters the rule has when it is a function.
pub(super) fn parameters(rule: &Rule) -> Option<usize> {
    match rule {
        Rule::Spec {
            head: RuleHead::Func { args, .. },
            ..
        } => Some(args.len()),
        Rule::Default { args, .. } if !args.is_empty() => Some(args.len()),
        _ => None,
    }
}

/// The names that a pattern binds.
pub(super) fn bound_names(pattern: &Expr, names: &mut BTreeSet<String>) {
    match pattern {
        Expr::Var { span, .. } => {
            names.insert(span.text().to_owned());
        }
        Expr::Array { items, .. } | Expr::Set { items, .. } => {
            for item in items {
                bound_names(item, names);
            }
        }
        Expr::Object { fields, .. } => {
            for (_, _, value) in fields {
                bound_names(value, names);
            }
        }
        _ => {}
    }
}

/// The names that a statement declares for what follows it in its query.
pub(super) fn declared_names(statement: &LiteralStmt) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    match &statement.literal {
        Literal::SomeVars { vars, .. } => {
            names.extend(vars.iter().map(|span| span.text().to_owned()));
        }
        Literal::SomeIn { key, value, .. } => {
            for pattern in key.iter().chain([value]) {
                bound_names(pattern, &mut names);
            }
        }
        Literal::Expr { expr, .. } => {
            if let Expr::AssignExpr {
                op: AssignOp::ColEq,
                lhs,
                ..
            } = expr.as_ref()
            {
                bound_names(lhs, &mut names);
            }
        }
        Literal::NotExpr { .. } | Literal::Every { .. } => {}
    }
    names
}

/// The bytes of the source that an expression really takes, with the brackets that its parts stand in.
pub(super) fn extent(expr: &Expr, source: &str) -> Range<usize> {
    let span = expr.span();
    let own = span.start as usize..span.end as usize;
    let covered = match expr {
        Expr::String { .. } | Expr::RawString { .. } => {
            return own.start.saturating_sub(1)..own.end + 1;
        }
        Expr::Set { items, .. } if items.is_empty() => {
            return closed(own.start..own.start + 1, ')', source);
        }
        Expr::Object { fields, .. } => match fields.first() {
            Some((_, key, _)) => {
                let before = source.get(..extent(key, source).start).unwrap_or_default();
                before.rfind('{').unwrap_or(own.start)..own.end
            }
            None => own,
        },
        Expr::BinExpr { lhs, rhs, .. }
        | Expr::BoolExpr { lhs, rhs, .. }
        | Expr::ArithExpr { lhs, rhs, .. }
        | Expr::AssignExpr { lhs, rhs, .. } => cover(own, [lhs.as_ref(), rhs.as_ref()], source),
        Expr::Membership {
            key,
            value,
            collection,
            ..
        } => {
            let parts = key.iter().chain([value, collection]).map(AsRef::as_ref);
            cover(own, parts, source)
        }
        Expr::RefDot { refr, .. } => cover(own, [refr.as_ref()], source),
        Expr::RefBrack { refr, index, .. } => closed(
            cover(own, [refr.as_ref(), index.as_ref()], source),
            ']',
            source,
        ),
        Expr::Call { fcn, params, .. } => {
            let parts = params.iter().map(AsRef::as_ref).chain([fcn.as_ref()]);
            closed(cover(own, parts, source), ')', source)
        }
        _ => own,
    };
    balanced(covered, source)
}

/// The range with all the parts in it.
fn cover<'a>(
    own: Range<usize>,
    parts: impl IntoIterator<Item = &'a Expr>,
    source: &str,
) -> Range<usize> {
    parts.into_iter().fold(own, |whole, part| {
        let part = extent(part, source);
        whole.start.min(part.start)..whole.end.max(part.end)
    })
}

/// The range up to its closing bracket, which some spans leave out.
fn closed(range: Range<usize>, bracket: char, source: &str) -> Range<usize> {
    let text = source.get(range.clone()).unwrap_or_default();
    if text.ends_with(bracket) {
        return range;
    }
    let rest = source.get(range.end..).unwrap_or_default();
    let end = rest
        .find(bracket)
        .map_or(range.end, |at| range.end + at + 1);
    range.start..end
}

/// The range up to where the brackets in it open and close: spans leave out those around a part.
pub(super) fn balanced(range: Range<usize>, source: &str) -> Range<usize> {
    let (mut open, mut missing) = (0_usize, 0_usize);
    let (mut start, mut end) = (range.start, range.end);
    for (at, byte) in code(source, range.start) {
        if at >= range.end && open == 0 {
            break;
        }
        match byte {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' if open > 0 => open -= 1,
            b')' | b']' | b'}' => missing += 1,
            _ => {}
        }
        end = end.max(at + 1);
    }
    while missing > 0 {
        let before = source.get(..start).unwrap_or_default().trim_end();
        if !before.ends_with(['(', '[', '{']) {
            break;
        }
        start = before.len() - 1;
        missing -= 1;
    }
    start..end
}

/// The bytes from a place on that are neither in texts nor in comments, with their places; of a text
/// there is the first quote.
pub(super) fn code(source: &str, start: usize) -> impl Iterator<Item = (usize, u8)> {
    let bytes = source.as_bytes();
    let mut at = start;
    std::iter::from_fn(move || {
        loop {
            let (here, byte) = (at, *bytes.get(at)?);
            let rest = bytes.get(at + 1..).unwrap_or_default();
            let skipped = match byte {
                b'#' => rest.iter().position(|byte| *byte == b'\n'),
                b'`' => rest
                    .iter()
                    .position(|byte| *byte == b'`')
                    .map(|end| end + 1),
                b'"' => text_end(rest).map(|end| end + 1),
                _ => Some(0),
            };
            at += 1 + skipped.unwrap_or(rest.len());
            if byte != b'#' {
                return Some((here, byte));
            }
        }
    })
}

/// Where a text ends whose first quote is before the bytes.
fn text_end(bytes: &[u8]) -> Option<usize> {
    let mut escaped = false;
    bytes.iter().position(|byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        byte => *byte == b'"',
    })
}

/// The place and the reason in an error of the engine, which comes as a picture of the source:
///
/// ```text
/// --> policy.rego:3:9
///   |
/// 3 | deny if {
///   |         ^
/// error: expecting expression
/// ```
pub(super) fn located(error: &anyhow::Error, file: &str) -> (Place, String) {
    let text = error.to_string();
    let arrow = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("--> "));
    let place = arrow.and_then(|at| {
        let mut parts = at.rsplitn(3, ':');
        let (_column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Place {
            file: file.to_owned(),
            line: line.parse().ok()?,
        })
    });
    let cause = text
        .lines()
        .rev()
        .find_map(|line| line.trim().strip_prefix("error: "));
    let first = text.lines().next().unwrap_or_default();
    let place = place.unwrap_or_else(|| Place {
        file: file.to_owned(),
        line: 1,
    });
    (place, cause.unwrap_or(first).to_owned())
}
