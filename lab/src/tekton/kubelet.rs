//! Expands a container's arguments and variables as the kubelet does, after Tekton.
//!
//! It expands `$(NAME)` with the container's own variables (Kubernetes,
//! `third_party/forked/golang/expansion`): a second expansion that authors of Tasks do not
//! expect. A secret in a variable would end up in the arguments of a hostile tag name.

/// Expands `$(NAME)` and `$$`; an unknown name stays as it is.
pub(crate) fn expand(text: &str, variables: &[(String, String)]) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        rest = match after.chars().next() {
            Some('$') => {
                expanded.push('$');
                after.get(1..).unwrap_or_default()
            }
            Some('(') => match after.get(1..).and_then(|inner| inner.split_once(')')) {
                Some((name, behind)) => {
                    let value = lookup(name, variables);
                    expanded.push_str(&value.map_or_else(|| format!("$({name})"), str::to_owned));
                    behind
                }
                None => {
                    expanded.push('$');
                    after
                }
            },
            _ => {
                expanded.push('$');
                after
            }
        };
    }
    expanded.push_str(rest);
    expanded
}

/// The value of a variable; the last one of a name counts.
fn lookup<'a>(name: &str, variables: &'a [(String, String)]) -> Option<&'a str> {
    let found = variables.iter().rev().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_as_measured_on_a_cluster() {
        let variables = [("PW".to_owned(), "hunter2".to_owned())];
        for (text, expected) in [
            ("v1$(PW)", "v1hunter2"),
            ("$$(PW)", "$(PW)"),
            ("$(NOPE)", "$(NOPE)"),
            ("$PW $", "$PW $"),
            ("$(PW", "$(PW"),
            ("$(params.x)", "$(params.x)"),
            ("$$$(PW)", "$hunter2"),
        ] {
            assert_eq!(expand(text, &variables), expected, "{text}");
        }
    }
}
