//! `--policy-input FILE`: the rules are asked again about what they saw before.
//!
//! No signature is checked, so nothing is vouched for: `verified.json` is neither written nor removed.

use std::{path::Path, sync::Arc};

use serde_json::Value;

use super::{
    Args, component::Checked, component::take, component::youngest, failure, fetcher, report,
};
use crate::{
    commands::{Context, Outcome, failures::policy_failure, trust_flags::load_key},
    failure::{Failure, Kind, OrFail as _},
    image::DigestReference,
    policy::{Policies, Subject},
    report::{Component, Report},
};

/// What a replay leaves out, by the names that reports use.
const SKIPPED: [&str; 2] = ["image-signature", "attestation-signature"];

/// Evaluates every input of the file.
pub(super) async fn run(file: &Path, args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let inputs = read(file, context)?;
    let moment = args.moment(context)?;
    let mut trust = args.trust.clone();
    let fetcher = fetcher(context);
    let wanted = args.wanted();
    let spec = wanted.locate(&mut trust, &fetcher, context).await?;
    let at = moment.start();
    let key = match trust.public_key.first() {
        Some(reference) => Some(load_key(reference, context).await?),
        None => None,
    };
    let policies = wanted
        .load(spec, &trust, key.as_ref(), at, fetcher, context)
        .await?;
    tracing::warn!("a saved input is evaluated: no signature is checked, nothing is vouched for");
    let mut checked = Vec::with_capacity(inputs.len());
    for input in inputs {
        let statements = input.pointer("/attestations").and_then(Value::as_array);
        let statements = statements
            .into_iter()
            .flatten()
            .filter_map(|attestation| attestation.get("statement"));
        let at = moment.of(statements);
        checked.push(evaluate(input, at, &policies).await);
    }
    let failure = failure(&mut checked, args.strict);
    let report = Report {
        policy: policies.spec().clone(),
        skipped_checks: SKIPPED.map(str::to_owned).to_vec(),
        ..report(&checked, youngest(&checked).unwrap_or(at))
    };
    let mut outcome = args.write_reports(&report, context)?;
    outcome.failure = failure;
    Ok(outcome)
}

/// Reads one document or several, one behind the other.
fn read(file: &Path, context: &Context) -> Result<Vec<Arc<Value>>, Failure> {
    let bytes = context.read(file)?;
    let stream = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
    let inputs: Result<Vec<_>, _> = stream.map(|input| input.map(Arc::new)).collect();
    let inputs = inputs
        .or_fail(Kind::Usage)
        .map_err(|failure| failure.context(format!("{} is no policy input", file.display())))?;
    if inputs.is_empty() || !inputs.iter().all(|input| input.is_object()) {
        let text = format!(
            "{} is no policy input: expected JSON objects",
            file.display()
        );
        return Err(Failure::message(Kind::Usage, text));
    }
    Ok(inputs)
}

async fn evaluate(input: Arc<Value>, at: jiff::Timestamp, policies: &Policies) -> Checked {
    let text = |pointer: &str| {
        let text = input.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let image: Option<DigestReference> = text("/image/ref").parse().ok();
    let name = text("/component_name");
    let report = Component {
        name: name.clone(),
        container_image: text("/image/ref"),
        source: input.pointer("/image/source").cloned().unwrap_or_default(),
        policy_input: Some(Arc::clone(&input)),
        ..Component::default()
    };
    let mut checked = Checked::new(report, &name);
    let subject = Subject {
        image: image.as_ref(),
        component: &name,
        at,
    };
    match policies
        .evaluate(input, subject)
        .await
        .map_err(policy_failure)
    {
        Ok(said) => {
            take(&mut checked.report, said);
            checked.report.sort();
            checked.report.success = checked.report.violations.is_empty();
            checked.at = Some(at);
        }
        Err(failure) => {
            checked.report.error = Some(failure.to_string());
            checked.error = Some(failure);
        }
    }
    checked
}
