//! `ec inspect policy`: the annotated rules of sources.

use std::fmt::Write as _;

use super::{Context, Outcome, unsupported};
use crate::{
    commands::verify_ec::policies::fetcher,
    failure::{Failure, Kind, OrFail as _},
    policy::{self, Inspected},
};

const FORMATS: [&str; 4] = ["json", "text", "names", "short-names"];

/// Flags of `ec inspect policy`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The policy configuration whose sources are read
    #[arg(
        long,
        short = 'p',
        value_name = "POLICY",
        default_value = "",
        hide_default_value = true
    )]
    policy: String,
    /// A source of policies
    #[arg(long, short = 's', value_name = "URL", conflicts_with = "policy")]
    source: Vec<String>,
    /// Not supported: nothing is left on the disk
    #[arg(long, short = 'd', value_name = "DIR", hide = true)]
    dest: Option<String>,
    /// How it is printed: text, names or short-names
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "text")]
    output: String,
    /// Only the rule of this name
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    rule: String,
    /// Only the rules of this package
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    package: String,
    /// Only the rules of this collection
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    collection: String,
}

/// Runs the command.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    if !FORMATS.contains(&args.output.as_str()) {
        let text = format!(
            "invalid value for --output '{}'. accepted values: {}",
            args.output,
            FORMATS.join(", ")
        );
        return Err(Failure::message(Kind::Usage, text));
    }
    if args.output == "json" {
        return Err(unsupported::refuse("--output json of inspect policy").into());
    }
    if args.dest.is_some() {
        return Err(unsupported::refuse("--dest").into());
    }
    let fetcher = fetcher(context);
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
        let rules = policy::inspect(&source, &fetcher)
            .await
            .or_fail(Kind::Usage)?;
        read.push((source, rules));
    }
    read.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut text = String::new();
    for (source, rules) in read {
        if args.output == "text" {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# Source: {source}\n");
        }
        for rule in rules.iter().filter(|rule| args.wants(rule)) {
            print(&mut text, &args.output, rule);
        }
    }
    Ok(Outcome {
        stdout: text.into_bytes(),
        ..Outcome::default()
    })
}

impl Args {
    fn wants(&self, rule: &Inspected) -> bool {
        if self.rule.is_empty() && self.package.is_empty() && self.collection.is_empty() {
            return true;
        }
        let by_name = !self.rule.is_empty() && [&rule.code, &rule.short_name].contains(&&self.rule);
        let by_package = !self.package.is_empty() && rule.package == self.package;
        let by_collection = rule.collections.contains(&self.collection);
        by_name || by_package || by_collection
    }
}

fn print(text: &mut String, format: &str, rule: &Inspected) {
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
