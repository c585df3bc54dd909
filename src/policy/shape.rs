//! Messages about members of a policy configuration. The file may be one of secrets that was taken for another, so
//! of its text only the names of unknown members are shown, as far as they look like names.

/// The longest name of a member that is shown.
const MAX_NAME: usize = 40;

/// Returns the message of a decoder without the values that it quotes.
pub(super) fn without_values(message: &str) -> String {
    // Expectations are texts of the program, what was found is quoted before them.
    let (found, expected) = match message.rsplit_once(", expected ") {
        Some((found, expected)) => (found, format!(", expected {expected}")),
        None => (message, String::new()),
    };
    let kind = found.split(['`', '"']).next().unwrap_or_default();
    let name = found.strip_prefix("unknown field `");
    let name = name.and_then(|rest| rest.strip_suffix('`'));
    if found.starts_with("missing field") {
        return message.to_owned();
    }
    match name {
        Some(name) if is_name(name) => format!("unknown field `{name}`{expected}"),
        Some(_) => format!("unknown field whose name is not one of a field{expected}"),
        None => format!("{}{expected}", kind.trim_end()),
    }
}

fn is_name(text: &str) -> bool {
    let letters = text.bytes().all(|byte| byte.is_ascii_alphabetic());
    letters && text.len() <= MAX_NAME && text.starts_with(|c: char| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn values_and_odd_names_are_not_shown() {
        for (message, shown) in [
            (
                "unknown field `sorces`, expected one of `name`, `sources`",
                "unknown field `sorces`, expected one of `name`, `sources`",
            ),
            (
                "unknown field `S3CRET`, expected `name`",
                "unknown field whose name is not one of a field, expected `name`",
            ),
            (
                "unknown field `a`, expected b`, expected `name`",
                "unknown field whose name is not one of a field, expected `name`",
            ),
            (
                "invalid type: string \"hunter2\", expected a sequence",
                "invalid type: string, expected a sequence",
            ),
            (
                "invalid type: integer `5`, expected a string",
                "invalid type: integer, expected a string",
            ),
            ("missing field `value`", "missing field `value`"),
            ("something else", "something else"),
        ] {
            assert_eq!(without_values(message), shown, "{message}");
        }
    }
}
