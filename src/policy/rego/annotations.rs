//! `# METADATA` blocks: YAML in comments above a package or a rule, as Open Policy Agent defines them
//! (policy language, "Annotations"). The engine itself drops comments.

use serde_json::{Map, Value};

use super::{
    error::{Error, Place},
    module::Parsed,
};

/// The members that a block may have.
const MEMBERS: [&str; 10] = [
    "scope",
    "title",
    "description",
    "organizations",
    "related_resources",
    "authors",
    "schemas",
    "custom",
    "entrypoint",
    "compile",
];

/// One block.
#[derive(Debug, Clone)]
pub(super) struct Annotation {
    pub(super) first_line: u32,
    pub(super) last_line: u32,
    pub(super) content: Map<String, Value>,
}

/// A comment: where it is and what stands after the `#`.
struct Comment<'a> {
    line: u32,
    column: usize,
    text: &'a str,
}

/// Reads every block of a module.
///
/// # Errors
/// [`Error::Annotation`] when a block is no YAML mapping or has an unknown member.
pub(super) fn read(module: &Parsed) -> Result<Vec<Annotation>, Error> {
    let mut comments = comments(&module.source).into_iter().peekable();
    let mut blocks = Vec::new();
    while let Some(start) = comments.next() {
        if start.text.trim() != "METADATA" {
            continue;
        }
        let (mut last, mut yaml) = (start.line, String::new());
        while let Some(next) = comments.next_if(|next| {
            next.line == last + 1 && next.column == start.column && next.text.trim() != "METADATA"
        }) {
            yaml.push_str(&with_timestamp(next.text.trim_end()));
            yaml.push('\n');
            last = next.line;
        }
        let content = parse(&yaml).map_err(|cause| Error::Annotation {
            place: Place {
                file: module.file.clone(),
                line: start.line,
            },
            cause,
        })?;
        blocks.push(Annotation {
            first_line: start.line,
            last_line: last,
            content,
        });
    }
    Ok(blocks)
}

fn parse(yaml: &str) -> Result<Map<String, Value>, String> {
    let value: Value = if yaml.trim().is_empty() {
        Value::Null
    } else {
        // `y` and `on` are texts to the reference implementation here, unlike in data files.
        let options = serde_saphyr::options! {
            strict_booleans: true,
            legacy_octal_numbers: true,
        };
        serde_saphyr::from_str_with_options(yaml, options)
            .map_err(|error| format!("invalid METADATA: {error}"))?
    };
    let mut content = match value {
        Value::Null => Map::new(),
        Value::Object(content) => content,
        _ => return Err("METADATA is not a mapping".to_owned()),
    };
    if let Some(unknown) = content.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
        return Err(format!("unknown METADATA member {unknown}"));
    }
    normalise(&mut content);
    Ok(content)
}

/// Brings the short forms into the long ones and leaves out what says nothing.
fn normalise(content: &mut Map<String, Value>) {
    if let Some(Value::Array(resources)) = content.get_mut("related_resources") {
        for resource in resources {
            if let Value::String(text) = resource {
                *resource = serde_json::json!({"ref": text});
            }
        }
    }
    if let Some(Value::Array(authors)) = content.get_mut("authors") {
        for author in authors {
            if let Value::String(text) = author {
                *author = Value::Object(person(text));
            }
        }
    }
    let empty = |value: &Value| value.as_str().is_some_and(str::is_empty);
    content.retain(|key, value| match key.as_str() {
        "entrypoint" => *value != Value::Bool(false),
        "title" | "description" => !empty(value),
        _ => true,
    });
}

/// `Name <address>`, where either part may be absent.
fn person(text: &str) -> Map<String, Value> {
    let (name, email) = match text.rsplit_once('<') {
        Some((name, email)) => (name.trim(), email.trim().trim_end_matches('>')),
        None => (text.trim(), ""),
    };
    let members = [("name", name), ("email", email)];
    let members = members.into_iter().filter(|(_, text)| !text.is_empty());
    members
        .map(|(key, text)| (key.to_owned(), Value::from(text)))
        .collect()
}

/// A plain date is a timestamp in the YAML of the reference implementation, so it gains its time.
fn with_timestamp(line: &str) -> String {
    let Some((before, value)) = line.rsplit_once(' ') else {
        return line.to_owned();
    };
    let moment = match value.split_once(['T', 't']) {
        None => date(value).map(|date| format!("{date}T00:00:00Z")),
        Some((day, clock)) => date(day)
            .zip(time(clock))
            .map(|(day, clock)| format!("{day}T{clock}")),
    };
    match moment {
        Some(moment) if before.trim_end().ends_with([':', '-']) => {
            format!("{before} \"{moment}\"")
        }
        _ => line.to_owned(),
    }
}

/// `YYYY-M-D`, with one digit or two for month and day, as `YYYY-MM-DD`.
fn date(text: &str) -> Option<String> {
    let (year, rest) = text.split_once('-')?;
    let [month, day] = padded(rest, '-')?;
    let is_year = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    is_year.then(|| format!("{year}-{month}-{day}"))
}

/// `H:M:S` with a zone, with one digit or two each, as `HH:MM:SS` with that zone.
fn time(text: &str) -> Option<String> {
    let at = text.find(['Z', '+', '-'])?;
    let (clock, zone) = text.split_at(at);
    let [hour, minute, second] = padded(clock, ':')?;
    Some(format!("{hour}:{minute}:{second}{zone}"))
}

/// That many numbers of one digit or two, with two each.
fn padded<const N: usize>(text: &str, between: char) -> Option<[String; N]> {
    let number = |part: &str| {
        let is_number =
            matches!(part.len(), 1 | 2) && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| format!("{part:0>2}"))
    };
    let numbers: Option<Vec<_>> = text.split(between).map(number).collect();
    numbers?.try_into().ok()
}

/// Every comment; a `#` in a string is none.
fn comments(source: &str) -> Vec<Comment<'_>> {
    let mut found = Vec::new();
    let mut raw = false;
    for (number, line) in (1..).zip(source.split('\n')) {
        if let Some(column) = comment_start(line, &mut raw) {
            found.push(Comment {
                line: number,
                column,
                text: line.get(column + 1..).unwrap_or_default(),
            });
        }
    }
    found
}

/// Where the comment of a line starts. `raw` says whether a raw string is open, before and after.
fn comment_start(line: &str, raw: &mut bool) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'`' if !quoted => *raw = !*raw,
            _ if *raw => {}
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'#' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_in_a_string_is_no_comment() {
        let source = "a := \"# no\" # yes\nb := `# no\n# no` # yes\nc := \"\\\"#\" # yes";
        let found: Vec<_> = comments(source).iter().map(|c| (c.line, c.text)).collect();
        assert_eq!(found, [(1, " yes"), (3, " yes"), (4, " yes")]);
    }

    #[test]
    fn a_plain_date_gains_its_time_and_a_quoted_one_does_not() {
        assert_eq!(
            with_timestamp("  effective_on: 2025-07-01"),
            "  effective_on: \"2025-07-01T00:00:00Z\""
        );
        // So are months and days of one digit.
        assert_eq!(
            with_timestamp("  effective_on: 2025-5-01T0:00:00Z"),
            "  effective_on: \"2025-05-01T00:00:00Z\""
        );
        assert_eq!(
            with_timestamp("  effective_on: 2025-5-01T00:00Z"),
            "  effective_on: 2025-5-01T00:00Z"
        );
        assert_eq!(
            with_timestamp("  effective_on: 2025-5-1"),
            "  effective_on: \"2025-05-01T00:00:00Z\""
        );
        for line in [
            "  on: 2025-007-01",
            "  on: \"2025-07-01\"",
            "  text since 2025-07-01",
            "2025-07-01",
        ] {
            assert_eq!(with_timestamp(line), line);
        }
    }

    #[test]
    fn only_true_and_false_are_booleans() {
        let read = parse("custom: {short_name: y, a: on, b: No, c: true, d: 010}").unwrap();
        let expected =
            serde_json::json!({"short_name": "y", "a": "on", "b": "No", "c": true, "d": 8});
        assert_eq!(read["custom"], expected);
    }

    #[test]
    fn refuses_unknown_members() {
        assert!(parse("title: x\ncustom: {a: 1}").is_ok());
        assert_eq!(
            parse("titel: x").unwrap_err(),
            "unknown METADATA member titel"
        );
        assert!(parse("- a").is_err());
        assert!(parse("a: [").is_err());
    }
}
