//! Splits the facts that could not be read into those that a selected rule uses and the others.

use super::{
    criteria::{CodedResult, RuleSelection},
    evidence::Unread,
    policies::{CodedRule, EvaluationTarget, Ready, Settings},
    seen::UnseenFact,
};

impl Ready {
    /// Splits facts; one that any group needs remains needed.
    pub(super) fn sort_unread(
        &self,
        facts: impl Iterator<Item = UnseenFact>,
        subject: EvaluationTarget<'_>,
        settings: &Settings,
        unread: &mut Unread,
    ) {
        let mut facts = facts.peekable();
        if facts.peek().is_none() {
            return;
        }
        let selection = self.selection(subject, settings);
        let roots = self.selected(&selection, settings);
        let roots: Vec<_> = roots
            .iter()
            .map(|(file, line)| (file.as_str(), *line))
            .collect();
        for fact in facts {
            let needed = self.references.refers(&roots, &fact.fact);
            unread.spared.retain(|known| !needed || *known != fact);
            let list = match needed {
                true => &mut unread.needed,
                false if unread.needed.contains(&fact) => continue,
                false => &mut unread.spared,
            };
            if !list.contains(&fact) {
                list.push(fact);
            }
        }
    }

    /// Returns the clauses whose results can be selected for the image, by file and line.
    fn selected(&self, selection: &RuleSelection, settings: &Settings) -> Vec<(String, u32)> {
        let opened = self.opened(selection, settings);
        let rules = opened.iter().filter_map(|package| {
            let rules = self.packages.get(package)?;
            Some(rules.iter().map(move |rule| (package, rule)))
        });
        let selected = rules
            .flatten()
            .filter(|(package, rule)| self.is_selected(package, rule, selection, settings))
            .map(|(_, rule)| (rule.file.clone(), rule.line));
        // Exceptions influence the results too.
        let exceptions = self
            .policy
            .rules()
            .filter(|rule| rule.name == "exception" && opened.contains(&rule.package));
        let exceptions = exceptions.map(|rule| (rule.place.file.clone(), rule.place.line));
        selected.chain(exceptions).collect()
    }

    fn is_selected(
        &self,
        package: &str,
        rule: &CodedRule,
        selection: &RuleSelection,
        settings: &Settings,
    ) -> bool {
        if !self.opens(package, rule, selection, settings) {
            // The results in the rule's text may have another code than its annotation.
            let mut codes = self.references.codes(&rule.file, rule.line);
            return codes.any(|code| code != rule.code && selection.opens(code, &[]));
        }
        let excepted = selection.excepts(CodedResult {
            code: &rule.code,
            terms: &[],
            collections: &rule.collections,
        });
        let mut codes = self.references.codes(&rule.file, rule.line);
        !(rule.is_annotated && excepted && codes.all(|code| code == rule.code))
    }
}
