//! `ec inspect policy`: the rules of sources with their annotations.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{Context, Outcome, unsupported};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    gate::fetcher,
    policy::{
        self, InspectedRule,
        rego::{Link, RulePlace},
    },
    report::go_json,
};

const FORMATS: [&str; 4] = ["json", "text", "names", "short-names"];

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The policy configuration whose sources to read
    #[arg(
        long,
        short = 'p',
        value_name = "POLICY",
        default_value = "",
        hide_default_value = true
    )]
    policy: String,
    /// The URL of a source of policies
    #[arg(long, short = 's', value_name = "URL", conflicts_with = "policy")]
    source: Vec<String>,
    /// Not supported: sources are not written to disk
    #[arg(long, short = 'd', value_name = "DIR", hide = true)]
    dest: Option<String>,
    /// The output format: json, text, names or short-names
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "text")]
    output: String,
    /// Print only the rule with this name
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    rule: String,
    /// Print only the rules of this package
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    package: String,
    /// Print only the rules of this collection
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    collection: String,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    if !FORMATS.contains(&args.output.as_str()) {
        let text = format!(
            "invalid value for --output '{}'. accepted values: {}",
            args.output,
            FORMATS.join(", ")
        );
        return Err(Failure::message(Kind::Usage, text));
    }
    if args.dest.is_some() {
        return Err(unsupported::refuse("--dest").into());
    }
    let fetcher = fetcher(&context.clients());
    let mut sources = args.source.clone();
    if !args.policy.is_empty() {
        let spec = policy::locate(&args.policy, &fetcher, &context.env).await;
        let spec = spec.or_fail(Kind::Usage)?;
        sources = spec
            .sources
            .into_iter()
            .flat_map(|group| group.policy)
            .collect();
    }
    let mut read = Vec::new();
    for source in sources {
        let inspected = policy::inspect(&source, &fetcher).await;
        read.push(inspected.or_fail(Kind::Usage)?);
    }
    read.sort_by(|(a, _), (b, _)| a.cmp(b));
    let text = match args.output.as_str() {
        "json" => as_json(&args, &read)?,
        _ => as_text(&args, &read),
    };
    Ok(Outcome {
        stdout: text.into_bytes(),
        ..Outcome::default()
    })
}

fn as_text(args: &Args, read: &[(String, Vec<InspectedRule>)]) -> String {
    let mut text = String::new();
    for (source, rules) in read {
        if args.output == "text" {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# Source: {source}\n");
        }
        for rule in rules.iter().filter(|rule| args.selects(rule)) {
            print(&mut text, &args.output, rule);
        }
    }
    text
}

/// Returns the annotation chain of each rule. Upstream fails at a rule without annotations; here its chain is empty.
fn as_json(args: &Args, read: &[(String, Vec<InspectedRule>)]) -> Result<String, Failure> {
    let mut document = Map::new();
    for (source, rules) in read {
        let wanted = rules.iter().flat_map(|rule| {
            let links = rule.links.iter();
            links.filter(move |(link, _)| args.selects_link(rule, link))
        });
        document.insert(source.clone(), wanted.map(as_link).collect());
    }
    let mut text = go_json(&Value::Object(document)).or_fail(Kind::Bug)?;
    text.push('\n');
    Ok(text)
}

fn as_link((link, place): &(Link, RulePlace)) -> Value {
    let mut members = Map::new();
    if let Some(annotations) = &link.annotations {
        let mut annotations = annotations.clone();
        annotations.sort_all_objects();
        // Upstream prints this structure in its own order, and maps by their keys.
        let authors = annotations.get_mut("authors").and_then(Value::as_array_mut);
        for author in authors.into_iter().flatten() {
            if let Some(author) = author.as_object_mut() {
                let email = author.shift_remove("email");
                author.extend(email.map(|email| ("email".to_owned(), email)));
            }
        }
        members.insert("annotations".to_owned(), annotations);
    }
    members.insert(
        "location".to_owned(),
        json!({"file": place.file, "row": place.line, "col": 1}),
    );
    let root = json!({"type": "var", "value": "data"});
    let segments = link.path.iter();
    let segments = segments.map(|name| json!({"type": "string", "value": name}));
    let path = std::iter::once(root).chain(segments).collect();
    members.insert("path".to_owned(), path);
    Value::Object(members)
}

impl Args {
    fn selects(&self, rule: &InspectedRule) -> bool {
        if self.rule.is_empty() && self.package.is_empty() && self.collection.is_empty() {
            return true;
        }
        let by_name = !self.rule.is_empty() && [&rule.code, &rule.short_name].contains(&&self.rule);
        let by_package = !self.package.is_empty() && rule.package == self.package;
        let by_collection = rule.collections.contains(&self.collection);
        by_name || by_package || by_collection
    }

    /// Filters packages by themselves; they have no short names and are in no collection.
    fn selects_link(&self, rule: &InspectedRule, link: &Link) -> bool {
        let is_rule = link.path.len() > rule.package.split('.').count();
        if is_rule {
            return (link.annotations.is_some() || rule.gives_results) && self.selects(rule);
        }
        let unfiltered =
            self.rule.is_empty() && self.package.is_empty() && self.collection.is_empty();
        unfiltered || link.path.join(".") == self.package
    }
}

fn print(text: &mut String, format: &str, rule: &InspectedRule) {
    if !rule.annotated {
        if rule.gives_results {
            let path = rule.links.first().map(|(link, _)| link.path.join("."));
            let path = path.unwrap_or_default();
            let _ = writeln!(text, "{path}\n(No annotations found)\n--");
        }
        return;
    }
    let _ = match format {
        "text" => {
            let collections = match rule.collections.as_slice() {
                [] => String::new(),
                some => format!("\n[{}]", some.join(" ")),
            };
            let url = match rule.documentation_url().as_str() {
                "" => String::new(),
                url => format!("{url}\n"),
            };
            writeln!(
                text,
                "{} ({})\n{url}{}\n{}{collections}\n--",
                rule.code, rule.kind, rule.title, rule.description
            )
        }
        _ => writeln!(text, "{}", rule.code),
    };
}
