//! Replaces `$(name)` as Tekton's controller does (`docs/variables.md` of Tekton Pipelines).
//!
//! Plain text, no escaping. A pass looks at each place once, but passes follow each other, so a
//! param's value may hold a reference that a later pass replaces: what a program is given must
//! be checked by the program.

use std::collections::{BTreeMap, BTreeSet};

/// The variables of one scope, in the order of Tekton's passes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables {
    passes: Vec<BTreeMap<String, String>>,
    arrays: BTreeMap<String, Vec<String>>,
}

impl Variables {
    /// Adds a pass that runs after those already there.
    pub(crate) fn pass(&mut self, pairs: impl IntoIterator<Item = (String, String)>) {
        self.passes.push(pairs.into_iter().collect());
    }

    /// Adds a list, named without `[*]`, such as `params.images`.
    pub(crate) fn array(&mut self, name: String, items: Vec<String>) {
        self.arrays.insert(name, items);
    }

    /// The text with every known reference replaced.
    pub(crate) fn replace(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for pass in &self.passes {
            text = replace_once(&text, pass);
        }
        text
    }

    /// Replaces every reference in the texts; an element that is a list alone becomes its items.
    pub(crate) fn replace_all(&self, texts: &[String]) -> Vec<String> {
        let mut replaced = Vec::new();
        for text in texts {
            match self.list(text) {
                // Items are not looked at again by the pass that put them there.
                Some(items) => replaced.extend(items.iter().map(|item| self.replace_later(item))),
                None => replaced.push(self.replace(text)),
            }
        }
        replaced
    }

    fn list(&self, text: &str) -> Option<&Vec<String>> {
        let name = text.strip_prefix("$(")?.strip_suffix("[*])")?;
        self.arrays.get(name)
    }

    fn replace_later(&self, text: &str) -> String {
        let later = self.passes.iter().skip(1);
        later.fold(text.to_owned(), |text, pass| replace_once(&text, pass))
    }
}

fn replace_once(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("$(") {
        replaced.push_str(before);
        let known = after.split_once(')').and_then(|(name, behind)| {
            let value = values.get(name)?;
            Some((value, behind))
        });
        match known {
            Some((value, behind)) => {
                replaced.push_str(value);
                rest = behind;
            }
            None => {
                replaced.push_str("$(");
                rest = after;
            }
        }
    }
    replaced.push_str(rest);
    replaced
}

/// The names in `$(…)` that are Tekton's: those with a dot. `$(HOME)` is the kubelet's.
pub(crate) fn references(text: &str) -> BTreeSet<&str> {
    let starts = text.match_indices("$(").map(|(at, found)| at + found.len());
    let names = starts.filter_map(|at| text.get(at..)?.split_once(')'));
    names
        .map(|(name, _)| name)
        .filter(|name| name.contains('.') && !name.contains("$("))
        .collect()
}

/// A reference to the result of a Task: its name and the result's.
pub(crate) fn result_reference(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("tasks.")?.split_once(".results.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn variables() -> Variables {
        let mut variables = Variables::default();
        variables.pass(pairs(&[
            ("params.ref", "v1"),
            ("params.early", "$(params.ref)"),
            ("params.late", "$(workspaces.data.path)"),
        ]));
        variables.pass(pairs(&[("workspaces.data.path", "/workspace/data")]));
        variables.array("params.images".to_owned(), vec!["a".into(), "b".into()]);
        variables
    }

    #[test]
    fn a_pass_looks_once_but_passes_follow_each_other() {
        let replace = |text| variables().replace(text);
        assert_eq!(replace("--ref=$(params.ref)!"), "--ref=v1!");
        assert_eq!(replace("$(params.early)"), "$(params.ref)");
        assert_eq!(replace("$(params.late)"), "/workspace/data");
        assert_eq!(
            replace("$(params.nope) $(PW) $$(params.ref) $("),
            "$(params.nope) $(PW) $v1 $("
        );
    }

    #[test]
    fn a_list_is_only_a_whole_value() {
        let replace = |text: &str| variables().replace_all(&[text.to_owned()]);
        assert_eq!(replace("$(params.images[*])"), ["a", "b"]);
        assert_eq!(replace("x$(params.images[*])"), ["x$(params.images[*])"]);
    }

    #[test]
    fn finds_references_but_not_the_kubelets() {
        let found = references("$(params.a)$(HOME) $(tasks.x.results.Y) $($(params.b))");
        assert_eq!(found, ["params.a", "params.b", "tasks.x.results.Y"].into());
        assert_eq!(result_reference("tasks.x.results.Y"), Some(("x", "Y")));
        assert_eq!(result_reference("tasks.x.status"), None);
    }
}
