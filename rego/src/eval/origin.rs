//! Origins: the rules that the elements of a set come from.

use std::sync::Arc;

use super::error::{EvalError, Place};
use super::machine::Machine;
use super::plan::{SetId, SetKind};
use super::session::Session;
use crate::value::Value;

/// The rule that an element of a set comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub file: Arc<str>,
    pub line: u32,
}

impl Session {
    /// Evaluates the rules of a set one by one and returns each element with the rule that it comes from; nothing for a
    /// path that is not a set. An element of several rules is returned for each of them.
    ///
    /// # Errors
    /// The evaluation ends with an error or exceeds a limit.
    pub fn origins(&mut self, path: &[&str]) -> Result<Vec<(Value, Origin)>, EvalError> {
        let program = self.program().clone();
        let set = program.set(path).filter(|set| {
            let rules = program.0.plan.sets.get(*set);
            rules.is_some_and(|rules| rules.kind == SetKind::Set)
        });
        let Some(set) = set else {
            return Ok(Vec::new());
        };
        let mut found: Vec<(Value, Place)> = Vec::new();
        self.evaluate(&program, |machine| {
            machine.elements_with_rules(set, &mut found)
        })?;
        let files = &program.0.plan.layout.files;
        let origins = found.into_iter().filter_map(|(value, place)| {
            let file = Arc::clone(files.get(place.file as usize)?);
            let line = place.line;
            Some((value, Origin { file, line }))
        });
        Ok(origins.collect())
    }
}

impl<'p> Machine<'p> {
    fn elements_with_rules(
        &mut self,
        set: SetId,
        found: &mut Vec<(Value, Place)>,
    ) -> super::error::Run<()> {
        let rules = self.rule_set(set);
        self.in_rule(set, |machine| {
            for definition in &rules.rules {
                machine.solutions(definition, 0, &[], &mut |machine, branch| {
                    if let Some(value) = machine.eval(&branch.value)? {
                        machine.charge(24)?;
                        found.push((value, definition.place));
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Options, Program, Session, Value, builtins};

    #[test]
    fn each_element_has_its_rule() {
        let text = "package p\n\ndeny contains \"a\" if input.x > 0\n\ndeny contains \"b\"\n\ndeny contains \"a\" if input.x > 9\n\none := 1\n";
        let registry = builtins::offered();
        let module = crate::parse("p.rego", text).unwrap();
        let compiled = crate::compile(vec![module], &Options::new(&registry)).unwrap();
        let program = Program::new(&compiled, &registry, &[]).unwrap();
        let input = Value::from(&serde_json::json!({"x": 1}));
        let mut session = Session::new(&program, Some(input));
        let found = session.origins(&["p", "deny"]).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|(value, origin)| (value.as_str().unwrap(), &*origin.file, origin.line))
            .collect();
        assert_eq!(found, [("a", "p.rego", 3), ("b", "p.rego", 5)]);
        assert!(session.origins(&["p", "one"]).unwrap().is_empty());
        assert!(session.origins(&["p", "none"]).unwrap().is_empty());
    }
}
