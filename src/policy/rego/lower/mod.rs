//! Rewrites policy sources so that the engine gives what Open Policy Agent gives.
//!
//! - References through imports become full paths and the imports go: else the engine evaluates the
//!   whole imported package and rejects names that an import shares with a variable.
//! - Local variables with the name of a rule get another name.
//! - `some x in e` over a scalar is undefined, not an error.
//! - Objects that take values apart match those alone that have the same members (`patterns`).
//! - `not`, `with` and `walk` get their operands before the statement (`hoist`).
//! - What a rule gives stands at the end of its body, what it declares at the front (`heads`).
//! - `rego.metadata.chain()` and `.rule()` become look-ups of the annotations found beforehand.
//! - References to plain data become references to a rule that gives it: the engine looks for rules at
//!   the path of plain data again each time, in every module, which takes a third of an evaluation.
//! - Sets below keys (`name[key] contains …`) have an object for their default: it is undefined in the
//!   engine when there are none.
//! - Operators become calls of functions that are undefined where they should be (`operators`).
//! - Rules and functions that depend on nothing but data are computed once for all inputs (`fixed`).
//! - Packages with a function in several modules become one module.
//!
//! Lines stay where they are, except in merged modules; columns do not.

mod edits;
mod fixed;
mod heads;
mod hoist;
mod names;
mod operators;
mod patterns;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use self::{edits::Edits, fixed::Definition, names::Stays, walk::Walker};
pub(super) use self::{
    names::Names,
    operators::{DIVIDED, INTERSECTION, MEMBER, MEMBER_AT, MINUS, PLUS, REMAINDER, TIMES, UNION},
};
use super::{module::Parsed, rules::Rule, syntax};

/// The names of our own functions in rewritten sources; policies cannot call them.
pub(super) const CHAIN: &str = "__metadata_chain";
/// See [`CHAIN`].
pub(super) const OWN: &str = "__metadata_rule";
/// See [`CHAIN`].
pub(super) const SAME: &str = "__same";
/// See [`CHAIN`].
pub(super) const WALK: &str = "__walk";
/// The package of the rules that give plain data, and the function that they call.
pub(super) const PLAIN: &str = "__plain";
/// What is known of a rule or function that is computed once, by its number and arguments.
pub(super) const KNOWN: &str = "__known";
/// Keeps what [`KNOWN`] gives from then on.
pub(super) const KEEP: &str = "__keep";
/// The prefix of the real `ec.*` functions where tests may replace them.
pub(super) const REAL: &str = "__real.";

/// A call of a function in a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// The function's full path.
    pub(super) function: String,
    /// How many arguments it is given.
    pub(super) arguments: usize,
    /// The line of the call.
    pub(super) line: u32,
}

/// A module for the engine and what was seen on the way.
#[derive(Debug)]
pub(super) struct Lowered {
    /// The rewritten source.
    pub(super) source: String,
    /// Every call.
    pub(super) calls: Vec<Call>,
    /// The full paths below `data` that are referred to.
    pub(super) references: BTreeSet<String>,
    /// The members of `data` that are read by way of [`PLAIN`].
    plain: BTreeSet<String>,
    /// The members of `data` that `with` replaces.
    replaced: BTreeSet<String>,
    /// What each rule needs.
    definitions: Vec<Definition>,
    /// Whether the source has operators that become calls.
    operators: bool,
}

/// The modules for the engine, in the order they were given.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) modules: Vec<Lowered>,
    /// The annotation chains that [`CHAIN`] and [`OWN`] look up by position.
    pub(super) chains: Vec<Value>,
}

impl Program {
    /// The members of `data` that are read by way of [`PLAIN`].
    pub(super) fn plain(&self) -> BTreeSet<String> {
        let plain = self.modules.iter().flat_map(|module| &module.plain);
        plain.cloned().collect()
    }

    fn stays(&self) -> Stays {
        let mut stays = Stays::default();
        for module in &self.modules {
            stays.all |= module.references.contains("data");
            stays.roots.extend(module.replaced.iter().cloned());
        }
        stays
    }
}

/// The module with the rules that give plain data.
pub(super) fn plain_source(roots: &BTreeSet<String>) -> String {
    let mut source = format!("package {PLAIN}\n");
    for root in roots {
        source.push_str(&format!("{root} := {PLAIN}(\"{root}\")\n"));
    }
    source
}

/// Rewrites the modules.
pub(super) fn lower(modules: &[Parsed], rules: &[Vec<Rule>], names: &mut Names) -> Program {
    let mut program = resolve(modules, rules, names);
    // Last: it reads the rewritten sources again.
    for one in &mut program.modules {
        if one.operators && !one.source.is_empty() {
            one.source = operators::called(std::mem::take(&mut one.source));
        }
    }
    program
}

/// All but the operators. What has to stay where it is and what is computed once shows only afterwards.
fn resolve(modules: &[Parsed], rules: &[Vec<Rule>], names: &mut Names) -> Program {
    let program = lower_all(modules, rules, names);
    let stays = program.stays();
    let stay = stays != Stays::default();
    names.keep(stays);
    let definitions = program
        .modules
        .iter()
        .flat_map(|module| &module.definitions);
    let once = fixed::once(definitions, names);
    if !stay && once.is_empty() {
        return program;
    }
    // Both at once would be the most that a short run ever takes.
    drop(program);
    names.compute_once(once);
    lower_all(modules, rules, names)
}

fn lower_all(modules: &[Parsed], rules: &[Vec<Rule>], names: &Names) -> Program {
    let mut chains = Vec::new();
    let mut lowered: Vec<Lowered> = Vec::with_capacity(modules.len());
    let mut homes: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrapped = BTreeSet::new();
    for (number, (module, rules)) in modules.iter().zip(rules).enumerate() {
        let package = module.data_path();
        let home = *homes.entry(package.clone()).or_insert(number);
        let guest = names.is_split(&package) && home != number;
        let mut one = lower_module(module, rules, names, guest, &mut chains);
        for path in names.keyed_sets(&package) {
            if wrapped.insert(path.clone()) {
                let name = path.rsplit('.').next().unwrap_or_default();
                one.source.push_str(&format!("\ndefault {name} := {{}}\n"));
            }
        }
        for definition in &one.definitions {
            if let Some(wrapper) = definition.wrapper(names)
                && wrapped.insert(definition.path.clone())
            {
                one.source.push_str(&wrapper);
            }
        }
        if guest && let Some(home) = lowered.get_mut(home) {
            home.source.push('\n');
            home.source.push_str(&std::mem::take(&mut one.source));
            home.operators |= one.operators;
        }
        lowered.push(one);
    }
    Program {
        modules: lowered,
        chains,
    }
}

fn lower_module(
    module: &Parsed,
    rules: &[Rule],
    names: &Names,
    guest: bool,
    chains: &mut Vec<Value>,
) -> Lowered {
    let mut edits = Edits::new(&module.source);
    remove_imports(module, guest, &mut edits);
    let mut calls = Vec::new();
    let (mut references, mut plain) = (BTreeSet::new(), BTreeSet::new());
    let mut replaced = BTreeSet::new();
    let mut definitions = Vec::with_capacity(rules.len());
    let mut operators = false;
    for (ast, rule) in module.ast.policy.iter().zip(rules) {
        let mut walker = Walker::new(module, names, chains.len());
        walker.rule(ast);
        let seen = walker.finish();
        if seen.uses_chain {
            chains.push(Value::Array(rule.chain.clone()));
        }
        operators |= seen.operators;
        edits.append(seen.edits);
        calls.extend(seen.calls);
        references.extend(seen.references);
        plain.extend(seen.plain);
        replaced.extend(seen.replaced);
        let definition = Definition::of(module, ast, seen.needs);
        edits.append(definition.rename(ast, module, names));
        definitions.push(definition);
    }
    Lowered {
        source: edits.apply(),
        calls,
        references,
        plain,
        replaced,
        definitions,
        operators,
    }
}

/// Removes the imports of data and input; a module that moves into another one loses its head too.
fn remove_imports(module: &Parsed, guest: bool, edits: &mut Edits<'_>) {
    let source = module.source.as_str();
    if guest {
        let package = &module.ast.package;
        let end = syntax::extent(&package.refr, source).end;
        edits.push(package.span.start as usize..end, String::new());
    }
    for import in &module.ast.imports {
        let path = syntax::prefix(&import.refr);
        let root = path.first().map(String::as_str);
        if guest || matches!(root, Some("data" | "input")) {
            let end = match &import.r#as {
                Some(name) => name.end as usize,
                None => syntax::extent(&import.refr, source).end,
            };
            let start = import.span.start as usize;
            let line = source.get(..start).unwrap_or_default();
            let start = line.rfind('\n').map_or(0, |at| at + 1);
            edits.push(start..end, String::new());
        }
    }
}
