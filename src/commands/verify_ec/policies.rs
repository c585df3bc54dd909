//! The policy of a run: found, completed by the flags, fetched and compiled.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::questions;
use crate::{
    commands::{
        Context,
        failures::{locate_failure, policy_failure},
        trust_flags::TrustFlags,
    },
    failure::{Failure, Kind},
    policy::{self, Dialect, Fetcher, Policies, Settings, Spec, rego::Host},
    trust::{Key, Verifier, Who},
};

/// Which policy decides, and how its results are read.
#[derive(Debug, Clone)]
pub(in crate::commands) struct Wanted<'a> {
    /// The text of `--policy`.
    pub(in crate::commands) policy: &'a str,
    /// `KEY=VALUE` pairs for the rule data of every group.
    pub(in crate::commands) extra_rule_data: &'a [String],
    /// Whether upstream's faults are reproduced.
    pub(in crate::commands) dialect: Dialect,
    /// Whether only rules that are meant for the configured pipelines count.
    pub(in crate::commands) by_intention: bool,
}

impl Wanted<'_> {
    /// Finds the configuration and lets the flags and it complete each other.
    ///
    /// # Errors
    /// See [`locate_failure`]; [`Kind::Usage`] for rule data that is no pair.
    pub(in crate::commands) async fn locate(
        &self,
        trust: &mut TrustFlags,
        fetcher: &Fetcher,
        context: &Context,
    ) -> Result<Spec, Failure> {
        let mut spec = match self.policy {
            "" => Spec::default(),
            text => policy::locate(text, fetcher, &context.env)
                .await
                .map_err(locate_failure)?,
        };
        self.add_rule_data(&mut spec, fetcher).await?;
        complete(trust, &mut spec);
        Ok(spec)
    }

    /// Fetches and compiles what the configuration names. The fetcher goes with what it holds.
    ///
    /// # Errors
    /// See [`policy_failure`].
    pub(in crate::commands) async fn load(
        &self,
        spec: Spec,
        trust: &TrustFlags,
        key: Option<&Key>,
        at: Timestamp,
        fetcher: Fetcher,
        context: &Context,
    ) -> Result<Policies, Failure> {
        let settings = Settings {
            host: Host::online(
                context.registry.clone(),
                tokio::runtime::Handle::current(),
                questions::verify(context, trust),
            ),
            sigstore_options: sigstore_options(trust, key),
            dialect: self.dialect,
            by_intention: self.by_intention,
        };
        let loaded = Policies::load(spec, &fetcher, settings, at).await;
        loaded.map_err(policy_failure)
    }

    async fn add_rule_data(&self, spec: &mut Spec, fetcher: &Fetcher) -> Result<(), Failure> {
        for (index, pair) in self.extra_rule_data.iter().enumerate() {
            let (key, value) = pair.split_once('=').ok_or_else(|| {
                Failure::message(
                    Kind::Usage,
                    format!("incorrect syntax for --extra-rule-data {index}"),
                )
                .hint("write it as KEY=VALUE")
            })?;
            let value = policy::rule_data_text(value, fetcher, self.dialect).await;
            let value = value.map_err(locate_failure)?;
            for group in &mut spec.sources {
                let rule_data = group.rule_data.get_or_insert_default();
                rule_data.insert(key.to_owned(), Value::from(value.as_str()));
            }
        }
        Ok(())
    }
}

/// The first of the keys whose signatures count.
pub(in crate::commands) fn first_key(verifier: &Verifier) -> Option<&Key> {
    match verifier.who() {
        Who::Keys { keys, .. } => keys.first(),
        Who::Identities(_) => None,
    }
}

/// What fetches policies with the run's credentials.
pub(in crate::commands) fn fetcher(context: &Context) -> Fetcher {
    Fetcher::new(
        context.git.clone(),
        context.http.clone(),
        context.registry.clone(),
    )
}

/// What the flags leave open, the policy's configuration decides; the flags win as a whole.
fn complete(trust: &mut TrustFlags, spec: &mut Spec) {
    let by_identity = !trust.certificate_identity.is_empty()
        || !trust.certificate_identity_regexp.is_empty()
        || trust.certificate_oidc_issuer.is_some()
        || trust.certificate_oidc_issuer_regexp.is_some();
    if by_identity && trust.public_key.is_empty() {
        spec.public_key.clear();
    } else if let [key] = trust.public_key.as_slice() {
        // A key that is given as text is no name for it.
        if !key.contains("-----BEGIN") {
            spec.public_key.clone_from(key);
        }
    } else if trust.public_key.is_empty() && !spec.public_key.is_empty() {
        trust.public_key.push(spec.public_key.clone());
    } else if let (true, Some(identity)) = (trust.public_key.is_empty(), &spec.identity) {
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        trust.certificate_identity.extend(some(&identity.subject));
        trust
            .certificate_identity_regexp
            .extend(some(&identity.subject_regexp));
        trust.certificate_oidc_issuer = some(&identity.issuer);
        trust.certificate_oidc_issuer_regexp = some(&identity.issuer_regexp);
    }
    if trust.rekor_url.is_none() && !spec.rekor_url.is_empty() {
        trust.rekor_url = Some(spec.rekor_url.clone());
    } else if let Some(url) = &trust.rekor_url {
        spec.rekor_url.clone_from(url);
    }
}

/// What `data.config.default_sigstore_opts` tells the rules: the key itself, not where it is.
fn sigstore_options(trust: &TrustFlags, key: Option<&Key>) -> Value {
    let first = |list: &[String]| list.first().cloned().unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    json!({
        "certificate_identity": first(&trust.certificate_identity),
        "certificate_identity_regexp": first(&trust.certificate_identity_regexp),
        "certificate_oidc_issuer": text(&trust.certificate_oidc_issuer),
        "certificate_oidc_issuer_regexp": text(&trust.certificate_oidc_issuer_regexp),
        "ignore_rekor": trust.ignore_rekor,
        "public_key": key.map(Key::to_pem).unwrap_or_default(),
        "rekor_url": text(&trust.rekor_url),
    })
}
