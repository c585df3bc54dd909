//! Lists the rules of a source with their annotations, to show what a policy checks.

use super::{
    annotated::Annotated,
    policies::Error,
    rego::{self, Link, Module, Rule, RulePlace, gives_results},
    source::Fetcher,
};

/// A rule as its annotations describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InspectedRule {
    /// The code `package.short_name` of the rule.
    pub(crate) code: String,
    pub(crate) package: String,
    pub(crate) short_name: String,
    /// Either `deny`, `warn` or `other`.
    pub(crate) kind: &'static str,
    pub(crate) title: String,
    pub(crate) description: String,
    /// The collections of the rule.
    pub(crate) collections: Vec<String>,
    /// True if the rule has annotations of its own.
    pub(crate) annotated: bool,
    /// True if the name is that of a rule with results, such as `deny`.
    pub(crate) gives_results: bool,
    /// The annotation chain, each element with its place.
    pub(crate) links: Vec<(Link, RulePlace)>,
}

impl InspectedRule {
    /// Returns the URL of the rule in Conforma's documentation; empty without a short name.
    pub(crate) fn documentation_url(&self) -> String {
        let package = self.package.rsplit('.').next().unwrap_or_default();
        if package.is_empty() || self.short_name.is_empty() {
            return String::new();
        }
        format!(
            "https://conforma.dev/docs/policy/packages/release_{package}.html#{package}__{}",
            self.short_name
        )
    }
}

/// Fetches a source and lists its rules file by file; also returns the pinned source.
///
/// # Errors
/// Any [`Error`] of sources and of their rules.
pub(crate) async fn inspect(
    source: &str,
    fetcher: &Fetcher,
) -> Result<(String, Vec<InspectedRule>), Error> {
    let fetched = fetcher.fetch(source).await?;
    let policies = fetched.files.iter().filter(|file| file.is_policy());
    let mut modules: Vec<_> = policies
        .map(|file| Module {
            file: file.path.clone(),
            source: file.text.clone(),
        })
        .collect();
    modules.retain(|module| !module.is_test());
    if modules.is_empty() {
        return Err(Error::NoPolicy {
            sources: fetched.pinned.clone(),
        });
    }
    let mut all = Vec::new();
    for module in modules {
        // As in Conforma's ec: annotations of the package in another file are ignored.
        all.extend(rego::list(vec![module])?.iter().map(inspected));
    }
    Ok((fetched.pinned.clone(), all))
}

fn inspected(rule: &Rule) -> InspectedRule {
    let annotated = Annotated::of(rule).unwrap_or_default();
    let text = |member: &str| {
        let text = annotated
            .metadata
            .get(member)
            .and_then(|text| text.as_str());
        text.unwrap_or_default().to_owned()
    };
    let short_name = rule.custom("short_name").and_then(|name| name.as_str());
    let short_name = short_name.unwrap_or_default().to_owned();
    InspectedRule {
        code: format!("{}.{short_name}", rule.package),
        package: rule.package.clone(),
        kind: match rule.name.as_str() {
            "deny" => "deny",
            "warn" => "warn",
            _ => "other",
        },
        title: rule.title().unwrap_or_default().to_owned(),
        description: match text("description") {
            empty if empty.is_empty() => rule.description().unwrap_or_default().to_owned(),
            text => text,
        },
        short_name,
        collections: annotated.collections,
        annotated: rule.has_annotations(),
        gives_results: gives_results(&rule.name),
        links: rule
            .links()
            .map(|link| (link.clone(), place(&link, rule)))
            .collect(),
    }
}

/// Returns the place where the rule or package of a link is declared.
fn place(link: &Link, rule: &Rule) -> RulePlace {
    let of_package = link.path.join(".") == rule.package;
    RulePlace {
        line: if of_package {
            rule.package_line
        } else {
            rule.place.line
        },
        ..rule.place.clone()
    }
}
