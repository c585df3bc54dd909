//! Rules: values of complete rules, sets and objects, each computed once.

use super::error::{EvalCode, Run};
use super::machine::{CachedResult, Flow, Machine, Then};
use super::object::Growing;
use super::plan::{Branch, Definition, Output, PlanExpr, RuleSet, SetId, SetKind, Step};
use crate::value::{SetBuilder, Value};

/// The number of members of a partial rule after which all of it is evaluated.
const MEMBERS: usize = 8;

impl<'p> Machine<'p> {
    /// Returns the value at known keys below a rule.
    pub(crate) fn rule_at(&mut self, set: SetId, steps: &'p [PlanExpr]) -> Run<Option<Value>> {
        let rules = self.rule_set(set);
        if !self.context.targets.is_empty() && self.replaced(&rules.path) {
            let mut path = rules.path.clone();
            path.extend(steps.iter().map(|step| self.key(step).clone()));
            return self.resolve(&path);
        }
        if matches!(rules.kind, SetKind::Set | SetKind::Object) && !steps.is_empty() {
            let keys: Vec<Value> = steps.iter().map(|step| self.key(step).clone()).collect();
            let (value, used) = self.member(set, &keys)?;
            let rest = keys.get(used..).unwrap_or_default();
            return Ok(value.and_then(|value| {
                rest.iter()
                    .try_fold(&value, |value, key| value.get(key))
                    .cloned()
            }));
        }
        let value = self.rule(set)?;
        if steps.is_empty() {
            return Ok(value);
        }
        Ok(value.and_then(|value| self.follow(&value, steps).cloned()))
    }

    /// Calls `then` for each value of a reference from a rule on.
    pub(crate) fn scan_rule(
        &mut self,
        set: SetId,
        steps: &'p [Step],
        output: &'p Output,
        then: Then<'_, 'p>,
    ) -> Run<Flow> {
        let rules = self.rule_set(set);
        if !self.context.targets.is_empty() && self.replaced(&rules.path) {
            if output.comprehension().is_some() {
                return self.scan_tree(None, rules.path.clone(), steps, output, then);
            }
            return match self.resolve(&rules.path)? {
                Some(value) => self.scan_value(value, steps, output, then),
                None => Ok(Flow::Next),
            };
        }
        let mut keys = Vec::new();
        if matches!(rules.kind, SetKind::Set | SetKind::Object) {
            for step in steps {
                let Step::Get(key) = step else { break };
                let Some(key) = self.eval(key)? else {
                    return Ok(Flow::Next);
                };
                keys.push(key);
            }
        }
        let (value, used) = if keys.is_empty() {
            (self.rule(set)?, 0)
        } else {
            self.member(set, &keys)?
        };
        match value {
            Some(value) => {
                self.scan_value(value, steps.get(used..).unwrap_or_default(), output, then)
            }
            None => Ok(Flow::Next),
        }
    }

    pub(crate) fn rule_set(&self, set: SetId) -> &'p RuleSet {
        &self.plan.sets[set]
    }

    /// Tells if `with` replaces nothing but `input`.
    fn plain(&self) -> bool {
        self.context.data.is_none() && self.context.mocks.is_empty()
    }

    /// Returns the value of all rules of a set.
    pub(crate) fn rule(&mut self, set: SetId) -> Run<Option<Value>> {
        let rules = self.rule_set(set);
        if rules.constant && self.plain() {
            let plan = self.plan;
            self.reads |= plan.uses[set].watched;
            if let Some(known) = self.constants[set].get() {
                return Ok(known.clone());
            }
            let value = self.rule_value(set, rules)?;
            // Another thread may have been faster with the same value.
            let _ = self.constants[set].set(value.clone());
            return Ok(value);
        }
        if let Some(known) = self.context.memo.rules.get(&set) {
            self.reads |= known.reads;
            return Ok(known.value.clone());
        }
        let (value, reads) = self.reading(|machine| machine.rule_value(set, rules))?;
        self.context.memo.rules.insert(
            set,
            CachedResult {
                value: value.clone(),
                reads,
            },
        );
        Ok(value)
    }

    fn rule_value(&mut self, set: SetId, rules: &'p RuleSet) -> Run<Option<Value>> {
        match rules.kind {
            SetKind::Complete => self.in_rule(set, |machine| machine.choose(rules, &[])),
            SetKind::Set => self
                .in_rule(set, |machine| machine.elements(rules))
                .map(Some),
            SetKind::Object => self
                .in_rule(set, |machine| machine.object(rules, &[]))
                .map(Some),
            SetKind::Function => Ok(None),
        }
    }

    /// Runs code as a rule: errors name it.
    pub(crate) fn in_rule<T>(
        &mut self,
        set: SetId,
        run: impl FnOnce(&mut Machine<'p>) -> Run<T>,
    ) -> Run<T> {
        self.nest()?;
        let place = self.place;
        self.rules.push(set);
        let value = run(self)?;
        self.rules.pop();
        self.place = place;
        self.depth -= 1;
        Ok(value)
    }

    /// Returns the one value of a complete rule, or of a function for arguments.
    pub(crate) fn choose(&mut self, rules: &'p RuleSet, args: &[Value]) -> Run<Option<Value>> {
        let mut found: Option<Value> = None;
        let admitted = self.admitted(rules, args)?;
        // OPA stops at the first value if all that are left have the same one.
        let same = admitted.first().is_some_and(|(_, first)| {
            let value = first.constant();
            let mut others = admitted.iter().map(|(_, branch)| branch.constant());
            value.is_some() && others.all(|other| other == value)
        });
        let mut held = None;
        for (at, branch) in admitted {
            let Some(definition) = rules.rules.get(at).filter(|_| held != Some(at)) else {
                continue;
            };
            if self.branch(definition, branch, args, &mut found, rules.kind, same)? {
                held = Some(at);
                if same {
                    break;
                }
            }
        }
        if found.is_none()
            && let Some(default) = &rules.default
            && let Some(branch) = default.variants.first()
        {
            self.branch(default, branch, args, &mut found, rules.kind, true)?;
        }
        Ok(found)
    }

    /// Evaluates one body. Returns true if it holds.
    fn branch(
        &mut self,
        definition: &'p Definition,
        branch: &'p Branch,
        args: &[Value],
        found: &mut Option<Value>,
        kind: SetKind,
        first_only: bool,
    ) -> Run<bool> {
        let mut holds = false;
        self.in_frame(branch.slots, |machine| {
            machine.place = branch.place;
            for (pattern, arg) in branch.args.iter().zip(args) {
                if !machine.matches(pattern, arg)? {
                    return Ok(Flow::Next);
                }
            }
            machine.run(&branch.body, &mut |machine| {
                let Some(value) = machine.eval(&branch.value)? else {
                    return Ok(Flow::Next);
                };
                holds = true;
                if let Some(trace) = &mut machine.trace {
                    trace.visit(branch.place);
                }
                match found {
                    Some(other) if *other != value => {
                        let message = match kind {
                            SetKind::Function => {
                                "functions must not produce multiple outputs for same inputs"
                            }
                            _ => "complete rules must not produce multiple outputs",
                        };
                        let place = definition.place;
                        return Err(machine.error_at(place, EvalCode::Conflict, message));
                    }
                    Some(_) => {}
                    None => *found = Some(value),
                }
                Ok(if first_only { Flow::Done } else { Flow::Next })
            })
        })?;
        Ok(holds)
    }

    fn elements(&mut self, rules: &'p RuleSet) -> Run<Value> {
        let mut items = SetBuilder::default();
        for definition in &rules.rules {
            self.solutions(definition, 0, &[], &mut |machine, branch| {
                if let Some(value) = machine.eval(&branch.value)? {
                    machine.charge(24)?;
                    items.insert(value);
                }
                Ok(())
            })?;
        }
        Ok(Value::Set(items.finish()))
    }

    /// Returns an object of rules with keys, restricted to given keys.
    fn object(&mut self, rules: &'p RuleSet, given: &[Value]) -> Run<Value> {
        let mut object = Growing::default();
        for definition in &rules.rules {
            let count = given.len().min(definition.variants.len().saturating_sub(1));
            self.solutions(definition, count, given, &mut |machine, branch| {
                let Some(keys) = machine.eval_all(&branch.keys)? else {
                    return Ok(());
                };
                let Some(value) = machine.eval(&branch.value)? else {
                    return Ok(());
                };
                machine.charge(48 * (keys.len() + 1))?;
                if object.insert(keys, value, branch.contains) {
                    return Ok(());
                }
                let message = "object keys must be unique";
                Err(machine.error_at(definition.place, EvalCode::Conflict, message))
            })?;
        }
        Ok(object.finish())
    }

    /// Calls a function for each solution of a rule with its first keys given.
    pub(crate) fn solutions(
        &mut self,
        definition: &'p Definition,
        count: usize,
        given: &[Value],
        visit: &mut dyn FnMut(&mut Machine<'p>, &'p Branch) -> Run<()>,
    ) -> Run<()> {
        let Some(branch) = definition.variants.get(count) else {
            return Ok(());
        };
        if !self.admits(branch, &[])? {
            return Ok(());
        }
        self.in_frame(branch.slots, |machine| {
            machine.place = branch.place;
            for (pattern, key) in branch.args.iter().zip(given) {
                if !machine.matches(pattern, key)? {
                    return Ok(Flow::Next);
                }
            }
            machine.run(&branch.body, &mut |machine| {
                if let Some(trace) = &mut machine.trace {
                    trace.visit(branch.place);
                }
                visit(machine, branch)?;
                Ok(Flow::Next)
            })
        })?;
        Ok(())
    }

    /// Returns the value at keys of a partial rule, and the number of keys that were used.
    fn member(&mut self, set: SetId, keys: &[Value]) -> Run<(Option<Value>, usize)> {
        let rules = self.rule_set(set);
        let longest = rules
            .rules
            .iter()
            .map(|rule| rule.variants.len())
            .max()
            .unwrap_or(1)
            .saturating_sub(1);
        let keys = keys.get(..longest).unwrap_or(keys);
        let find = |value: &Value| {
            keys.iter()
                .try_fold(value, |value, key| value.get(key))
                .cloned()
        };
        let known = if rules.constant && self.plain() {
            let known = self.constants[set].get().and_then(Option::as_ref);
            known.map(|value| (find(value), self.plan.uses[set].watched))
        } else {
            let known = self.context.memo.rules.get(&set);
            known.map(|known| (known.value.as_ref().and_then(find), known.reads))
        };
        if let Some((value, reads)) = known {
            self.reads |= reads;
            return Ok((value, keys.len()));
        }
        if let Some(members) = self.context.memo.members.get(&set)
            && let Some(entry) = members.known.get(keys)
        {
            self.reads |= entry.reads;
            let value = match rules.kind {
                SetKind::Set => entry.value.as_ref().and_then(|_| keys.first().cloned()),
                _ => entry.value.clone(),
            };
            return Ok((value, keys.len()));
        }
        if self.many_members(set) && self.whole(set)? {
            return self.member(set, keys);
        }
        let (value, reads) = self.reading(|machine| {
            machine.in_rule(set, |machine| match rules.kind {
                SetKind::Set => machine.element(rules, keys),
                _ => machine.object(rules, keys).map(|object| find(&object)),
            })
        })?;
        let members = self.context.memo.members.entry(set).or_default();
        members.known.insert(
            keys.into(),
            CachedResult {
                value: value.clone(),
                reads,
            },
        );
        Ok((value, keys.len()))
    }

    /// Tells if so many members were looked up that evaluating the whole rule is cheaper.
    fn many_members(&self, set: SetId) -> bool {
        let members = self.context.memo.members.get(&set);
        members.is_some_and(|members| members.known.len() >= MEMBERS && !members.whole_fails)
    }

    /// Evaluates the whole rule. Returns false if that has a conflict, which does not concern the
    /// members that are looked up.
    fn whole(&mut self, set: SetId) -> Run<bool> {
        let (depth, rules, place) = (self.depth, self.rules.len(), self.place);
        match self.rule(set) {
            Ok(_) => Ok(true),
            Err(error) if error.code == EvalCode::Conflict => {
                self.depth = depth;
                self.rules.truncate(rules);
                self.place = place;
                self.context
                    .memo
                    .members
                    .entry(set)
                    .or_default()
                    .whole_fails = true;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn element(&mut self, rules: &'p RuleSet, keys: &[Value]) -> Run<Option<Value>> {
        let mut found = None;
        for definition in &rules.rules {
            self.solutions(definition, 1, keys, &mut |machine, branch| {
                if found.is_none() {
                    found = machine.eval(&branch.value)?;
                }
                Ok(())
            })?;
        }
        // As of a value: the key as it was given, `1.0` for the element `1`.
        Ok(found.and_then(|_| keys.first().cloned()))
    }
}
