//! Durations as Go parses them (`time.ParseDuration`), in which Tekton writes timeouts.

use super::{
    finding::{Code, Findings},
    tree::YamlNode,
};

/// Checks a duration as Go reads it, such as 1h30m.
pub(super) fn duration(node: &YamlNode, path: &str, findings: &mut Findings<'_>) {
    let text = node.text().unwrap_or_default();
    if !text.contains("$(") && !is_duration(text) {
        let text = format!("{text:.40} is not a duration, expected one such as 1h30m");
        findings.error(Code::WrongValue, node.at, path, text);
    }
}

fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let unit = ["ns", "us", "µs", "ms", "s", "m", "h"]
            .into_iter()
            .filter(|unit| after.starts_with(unit))
            .max_by_key(|unit| unit.len());
        let Some(unit) = unit.filter(|_| number.parse::<f64>().is_ok()) else {
            return false;
        };
        rest = &after[unit.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_duration;

    #[test]
    fn reads_durations_as_go_does() {
        for text in ["0", "5m", "1h30m", "1.5h", "10ms", "2h45m30.5s"] {
            assert!(is_duration(text), "{text}");
        }
        for text in ["", "5", "5 m", "1d", "m", "1h30", "h1"] {
            assert!(!is_duration(text), "{text}");
        }
    }
}
