//! Parses YAML as Conftest does for rules: YAML 1.1 as in Go, where `yes` is true and `010` is eight.

use rego::builtins::yaml;
use serde_json::Value;

const SEPARATOR: &str = "\n---\n";

/// Parses the documents of a YAML file, which lines of `---` separate.
///
/// Conftest stops at the first document after any other separator, which is an error here.
///
/// # Errors
/// The reason as a text.
pub(crate) fn documents(text: &str) -> Result<Vec<Value>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n");
    let directive = text.starts_with('%');
    let mut parts: Vec<String> = text.split(SEPARATOR).map(str::to_owned).collect();
    if directive && parts.len() > 1 {
        let first = [parts.remove(0), parts.remove(0)].join(SEPARATOR);
        parts.insert(0, first);
    }
    let read = parts.iter().map(|part| {
        check_single(part)?;
        check_keys(part)?;
        yaml::document(part).map(|value| Value::from(&value))
    });
    read.collect()
}

/// Refuses a duplicate key, of which Go takes the last.
fn check_keys(part: &str) -> Result<(), String> {
    match crate::json::yaml(part) {
        Err(error) if error.to_string().contains("duplicate") => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// Refuses a second document in a part that is parsed as one.
fn check_single(part: &str) -> Result<(), String> {
    let is_marker = |line: &str, marker: &str| {
        let rest = line.strip_prefix(marker);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    };
    let is_content =
        |line: &str| !matches!(line.trim_start().chars().next(), None | Some('#' | '%'));
    let (mut started, mut ended) = (false, false);
    for line in part.lines() {
        if is_marker(line, "...") {
            ended = true;
        } else if is_marker(line, "---") && (started || ended) || ended && is_content(line) {
            return Err(
                "a second document follows a separator that is not a line of ---".to_owned(),
            );
        } else if is_marker(line, "---") || is_content(line) {
            started = true;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_separated_by_lines_of_three_dashes() {
        assert_eq!(documents("a: yes\n").unwrap(), [json!({"a": true})]);
        assert_eq!(
            documents("---\na: 010\n---\nb: 1\n").unwrap(),
            [json!({"a": 8}), json!({"b": 1})]
        );
        assert_eq!(documents("").unwrap(), [Value::Null]);
        assert_eq!(
            documents("a: |\n  ---\n  ...\n").unwrap(),
            [json!({"a": "---\n...\n"})]
        );
        assert_eq!(
            documents("# c\n--- # x\na: 1\n...\n").unwrap(),
            [json!({"a": 1})]
        );
    }

    #[test]
    fn a_document_that_conftest_does_not_see_is_refused() {
        for text in [
            "a: 1\n...\nb: 2\n",
            "a: 1\n--- # more\nb: 2\n",
            "a: 1\n--- {b: 2}\n",
            "a: [",
            "a: 1\na: 2\n",
        ] {
            assert!(documents(text).is_err(), "{text}");
        }
    }
}
