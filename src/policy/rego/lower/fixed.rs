//! Finds the rules and functions that depend on nothing but data and arguments, which are the same for
//! every input of a run: they are computed once, and what they gave is kept beside the engine.
//!
//! `name` becomes `name__once`, and a rule `name` looks up what is known before it asks for that. A
//! function is kept by its arguments when these are scalars, and only if it reads documents: others
//! work on their arguments alone, which is quicker than to look them up.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::{Expr, Rule, RuleHead};

use super::{KEEP, KNOWN, edits::Edits, names::Names};
use crate::policy::rego::{module::Parsed, syntax};

/// The numbers of what is computed once, by its full path.
pub(super) type Once = BTreeMap<String, usize>;

/// What a rule with a `with` needs: nothing is known about what stands under it.
pub(super) const WITH: &str = "with";

/// Functions that do not always give the same for the same arguments, and those that leave traces; with
/// a dot at the end all below.
const CHANGING: [&str; 9] = [
    "ec.", "http.", "io.jwt.", "net.", "opa.", "print", "rand.", "trace", "uuid.",
];

/// One definition of a rule or function.
#[derive(Debug)]
pub(super) struct Definition {
    /// The full path.
    pub(super) path: String,
    package: String,
    /// How many arguments a function takes.
    parameters: Option<usize>,
    /// Whether the name is one word, which can be exchanged, and its path is no other's.
    simple: bool,
    /// Whether nothing is computed.
    scalar: bool,
    /// The full paths of documents and functions that it needs.
    needs: BTreeSet<String>,
}

impl Definition {
    /// What the rule defines.
    pub(super) fn of(module: &Parsed, rule: &Rule, needs: BTreeSet<String>) -> Self {
        let name = syntax::prefix(syntax::head(rule));
        let package = module.data_path();
        let mut segments = module.package.iter().chain(&name);
        // A path of such segments could be that of another rule.
        let plain = !segments.any(|segment| segment.contains('.'));
        Self {
            path: format!("{package}.{}", name.join(".")),
            package,
            parameters: syntax::parameters(rule),
            simple: plain && name.len() == 1 && word(syntax::head(rule)).is_some(),
            scalar: scalar(rule),
            needs,
        }
    }

    /// The other name in the head of a rule that is computed once.
    pub(super) fn rename<'m>(&self, rule: &Rule, module: &'m Parsed, names: &Names) -> Edits<'m> {
        let mut edits = Edits::new(&module.source);
        if names.once(&self.path).is_some()
            && let Some(end) = word(syntax::head(rule))
        {
            edits.insert(end, "__once");
        }
        edits
    }

    /// The rule that has the name instead.
    pub(super) fn wrapper(&self, names: &Names) -> Option<String> {
        let number = names.once(&self.path)?;
        let name = self.path.rsplit('.').next()?;
        let count = self.parameters.unwrap_or_default();
        let arguments: Vec<_> = (0..count).map(|at| format!("__a{at}")).collect();
        let list = arguments.join(", ");
        let call = match self.parameters {
            Some(_) => format!("({list})"),
            None => String::new(),
        };
        Some(format!(
            "\n{name}{call} := __v if {{ __v := {KNOWN}({number}, [{list}]) }} else := __v if \
             {{ __v := {name}__once{call}; {KEEP}({number}, [{list}], __v) }}\n"
        ))
    }
}

/// The end of a head's name, when it is one word: `name`, `name[key]`.
fn word(head: &Expr) -> Option<usize> {
    match head {
        Expr::Var { span, .. } => Some(span.end as usize),
        Expr::RefBrack { refr, .. } => word(refr),
        _ => None,
    }
}

fn scalar(rule: &Rule) -> bool {
    let value = match rule {
        Rule::Default { value, .. } => Some(value),
        Rule::Spec {
            head: RuleHead::Compr { assign, .. },
            bodies,
            ..
        } if bodies.is_empty() => assign.as_ref().map(|assign| &assign.value),
        Rule::Spec { .. } => return false,
    };
    value.is_none_or(|value| {
        matches!(
            value.as_ref(),
            Expr::String { .. }
                | Expr::RawString { .. }
                | Expr::Number { .. }
                | Expr::Bool { .. }
                | Expr::Null { .. }
        )
    })
}

/// All definitions of a rule or function.
#[derive(Debug, Default)]
struct Whole<'d> {
    definitions: Vec<&'d Definition>,
}

impl<'d> Whole<'d> {
    fn needs(&self) -> impl Iterator<Item = &'d str> {
        let definitions = self.definitions.iter();
        definitions.flat_map(|definition| definition.needs.iter().map(String::as_str))
    }

    fn is_scalar(&self) -> bool {
        self.definitions.iter().all(|one| one.scalar)
    }
}

/// What a need leads to.
enum Need<'p> {
    /// To data, which is the same for every input.
    Data,
    /// To a function that gives the same for the same arguments.
    Function,
    /// To the rule with that path.
    Rule(&'p str),
    /// To the input, or to what cannot be told.
    Changing,
}

/// Finds what is computed once, among all definitions of a policy.
pub(super) fn once<'d>(definitions: impl Iterator<Item = &'d Definition>, names: &Names) -> Once {
    let mut wholes: BTreeMap<&str, Whole<'d>> = BTreeMap::new();
    for definition in definitions {
        let whole = wholes.entry(&definition.path).or_default();
        whole.definitions.push(definition);
    }
    // Tests replace what they like.
    if names.mockable
        || wholes
            .values()
            .any(|whole| whole.needs().any(|need| need == WITH))
    {
        return Once::new();
    }
    let all = wholes.keys().copied().collect();
    let fixed = fixed(&wholes, all, names);
    let shown: Vec<_> = wholes.values().flat_map(Whole::needs).collect();
    let worth = fixed.iter().filter(|path| {
        let whole = wholes.get(*path);
        whole.is_some_and(|whole| {
            is_worth(whole, &wholes, &fixed, names) && !is_shown(whole, &shown)
        })
    });
    let numbered = worth.enumerate().map(|(at, path)| ((*path).to_owned(), at));
    numbered.collect()
}

/// Takes away what changes until the rest only needs itself.
fn fixed<'d>(
    wholes: &BTreeMap<&str, Whole<'d>>,
    mut fixed: BTreeSet<&'d str>,
    names: &Names,
) -> BTreeSet<&'d str> {
    loop {
        let before = fixed.len();
        let known = fixed.clone();
        fixed.retain(|path| {
            let needs = wholes.get(path).into_iter().flat_map(Whole::needs);
            needs
                .map(|need| lead(need, wholes, names))
                .all(|need| match need {
                    Need::Data | Need::Function => true,
                    Need::Rule(path) => known.contains(path),
                    Need::Changing => false,
                })
        });
        if fixed.len() == before {
            return fixed;
        }
    }
}

fn lead<'p>(need: &'p str, wholes: &BTreeMap<&str, Whole<'_>>, names: &Names) -> Need<'p> {
    if need == "input" || need.starts_with("input.") || need == "data" {
        return Need::Changing;
    }
    if !need.starts_with("data.") {
        let changing = CHANGING.iter().any(|name| {
            let all_below = name.ends_with('.') && need.starts_with(name);
            all_below || need == *name
        });
        return if changing {
            Need::Changing
        } else {
            Need::Function
        };
    }
    if names.plain_root(need).is_some() {
        return Need::Data;
    }
    if names.packages().any(|package| below(package, need)) {
        return Need::Changing;
    }
    let ends = need.match_indices('.').map(|(at, _)| at);
    let mut paths = ends.chain([need.len()]).filter_map(|end| need.get(..end));
    let found = paths.rfind(|path| wholes.contains_key(path));
    found.map_or(Need::Changing, Need::Rule)
}

/// Whether it takes longer to compute than to look up.
fn is_worth(
    whole: &Whole<'_>,
    wholes: &BTreeMap<&str, Whole<'_>>,
    fixed: &BTreeSet<&str>,
    names: &Names,
) -> bool {
    let Some(first) = whole.definitions.first() else {
        return false;
    };
    let (package, name) = first.path.rsplit_once('.').unwrap_or_default();
    let free = !names.is_rule(package, &format!("{name}__once"));
    let keyed = names.keyed_sets(package).any(|path| *path == first.path);
    if !free || keyed || !whole.definitions.iter().all(|one| one.simple) {
        return false;
    }
    match first.parameters {
        None => !whole.is_scalar(),
        Some(0) => false,
        Some(_) => whole.needs().any(|need| match lead(need, wholes, names) {
            Need::Data => true,
            Need::Rule(path) => {
                let document = fixed.contains(path) && names.parameters(path).is_none();
                document && !wholes.get(path).is_none_or(Whole::is_scalar)
            }
            Need::Function | Need::Changing => false,
        }),
    }
}

/// Whether the names in its package are seen, by a reference to the package or to what is above.
fn is_shown(whole: &Whole<'_>, references: &[&str]) -> bool {
    let package = whole
        .definitions
        .first()
        .map(|first| first.package.as_str());
    package.is_some_and(|package| references.iter().any(|reference| below(package, reference)))
}

/// Whether the path is the other one or stands below it.
fn below(path: &str, above: &str) -> bool {
    let rest = path.strip_prefix(above);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
