//! References `$(…)` in a text, as Tekton replaces them.

/// A reference without `$(` and `)`, split at its dots: `tasks`, `build`, `results`, `IMAGE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VariableReference {
    /// The reference as written, for messages.
    pub(super) text: String,
    /// The segments; a quoted name in brackets is one segment.
    pub(super) segments: Vec<String>,
    /// The index in brackets at the end.
    pub(super) index: ElementIndex,
    /// Set when the reference is the whole text.
    pub(super) whole: bool,
}

/// The index at the end of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ElementIndex {
    None,
    /// Every element, written as `[*]`.
    All,
    /// One element, such as `[0]`.
    At,
}

impl VariableReference {
    /// Returns the segments as strings, to match on.
    pub(super) fn parts(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }
}

/// Returns the references of a text that can be Tekton's: names with at least one dot or bracket. A shell's commands
/// (`$(date)`, `$(cat FILE)`) have none or hold blanks.
pub(super) fn references(text: &str) -> Vec<VariableReference> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices("$(") {
        let inner = &text[start + 2..];
        let Some(end) = inner.find(')') else {
            continue;
        };
        let inner = &inner[..end];
        if let Some((segments, index)) = split(inner)
            && segments.len() > 1
        {
            found.push(VariableReference {
                text: inner.to_owned(),
                segments,
                index,
                whole: start == 0 && text.len() == inner.len() + 3,
            });
        }
    }
    found
}

fn split(text: &str) -> Option<(Vec<String>, ElementIndex)> {
    let mut segments = Vec::new();
    let mut index = ElementIndex::None;
    let mut rest = text;
    loop {
        if let Some(inside) = rest.strip_prefix('[') {
            let (inner, after) = inside.split_once(']')?;
            let quoted = [('"', '"'), ('\'', '\'')].iter().find_map(|(open, close)| {
                inner
                    .strip_prefix(*open)
                    .and_then(|i| i.strip_suffix(*close))
            });
            match quoted {
                Some(name) => segments.push(name.to_owned()),
                None if inner == "*" => index = ElementIndex::All,
                None if !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_digit()) => {
                    index = ElementIndex::At;
                }
                // `$(results[name].path)` is not a reference, nor is `[params.x]`.
                None => return None,
            }
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
            if name.is_empty() || !name.chars().all(word) {
                return None;
            }
            segments.push(name.to_owned());
            rest = after;
        }
        rest = match rest.strip_prefix('.') {
            Some(after) => after,
            None if rest.is_empty() => return Some((segments, index)),
            None if rest.starts_with('[') => rest,
            None => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{ElementIndex, references};

    fn segments(text: &str) -> Vec<String> {
        let found = references(text);
        found.iter().map(|found| found.segments.join("/")).collect()
    }

    #[test]
    fn finds_references_in_every_notation() {
        assert_eq!(
            segments("--a=$(params.a) $(params[\"b.c\"]) $(params['d']) $(tasks.t.results.r)"),
            ["params/a", "params/b.c", "params/d", "tasks/t/results/r"]
        );
        let found = references("$(params.list[*])");
        assert_eq!((found[0].index, found[0].whole), (ElementIndex::All, true));
        let found = references("$(params.list[0]) ");
        assert_eq!((found[0].index, found[0].whole), (ElementIndex::At, false));
    }

    #[test]
    fn leaves_shell_alone() {
        for text in [
            "$(date)",
            "$(cat a.txt b)",
            "$(jq .a <x)",
            "$(NAME)",
            "$(",
            "$(a.)",
        ] {
            assert!(references(text).is_empty(), "{text}");
        }
    }
}
