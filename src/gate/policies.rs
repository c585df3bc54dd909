//! Loads the policy of a run: locates it, merges it with the request, fetches and compiles it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Clients, Error, sigstore_builtins};
use crate::{
    http::HostPort,
    policy::{
        self, Dialect, Fetcher, Hidden, LocateError, Paths, Policies, PolicySpec, Settings,
        rego::FunctionHost,
    },
    trust::{TrustRequest, TrustedKey},
};

/// The policy to evaluate, and how its results are read.
#[derive(Debug, Clone)]
pub(crate) struct PolicyRequest {
    /// A configuration file, a directory, a repository, or the inline text.
    pub(crate) policy: String,
    /// Members that are added to the rule data of every group, by name.
    pub(crate) rule_data: Vec<(String, String)>,
    /// How rules are selected and results are read.
    pub(crate) dialect: Dialect,
    /// True to evaluate only rules for the configured pipelines.
    pub(crate) by_intention: bool,
    /// True to accept a policy without sources, where no rule can refuse.
    pub(crate) allow_empty: bool,
    /// Which local paths the configuration and rule data may name.
    pub(crate) paths: Paths,
    /// The hosts that rules may contact besides those of the run itself; every host if empty.
    pub(crate) hosts: Vec<HostPort>,
}

impl PolicyRequest {
    /// Locates the configuration and fills members that the request or it leaves open from the other.
    ///
    /// # Errors
    /// [`Error::Locate`].
    pub(super) async fn locate(
        &self,
        trust: &mut TrustRequest,
        fetcher: &Fetcher,
        clients: &Clients,
    ) -> Result<PolicySpec, Error> {
        let mut spec = match self.policy.as_str() {
            "" => PolicySpec::default(),
            text => policy::locate(text, fetcher, &clients.env).await?,
        };
        if spec.is_empty() {
            if !self.allow_empty {
                return Err(Error::EmptyPolicy);
            }
            tracing::warn!(
                "the policy has no sources: signatures alone decide, no rule is evaluated"
            );
        }
        let dates = spec.check_dates(self.dialect);
        dates.map_err(LocateError::from)?;
        spec.bind_local(self.paths).map_err(LocateError::Source)?;
        self.add_rule_data(&mut spec, fetcher).await?;
        complete(trust, &mut spec, self.dialect);
        Ok(spec)
    }

    /// Fetches and compiles the sources of the configuration. The fetcher is dropped with its cache.
    ///
    /// # Errors
    /// [`Error::Policy`].
    pub(super) async fn load(
        &self,
        spec: PolicySpec,
        trust: &TrustRequest,
        key: Option<&TrustedKey>,
        at: Timestamp,
        fetcher: Fetcher,
        clients: &Clients,
    ) -> Result<Policies, Error> {
        let registry = clients.registry.for_rules(&self.hosts);
        let settings = Settings {
            host: FunctionHost::online(
                registry.clone(),
                tokio::runtime::Handle::current(),
                sigstore_builtins::verify(clients, registry, trust, &self.hosts),
            ),
            sigstore_options: sigstore_options(trust, key),
            dialect: self.dialect,
            by_intention: self.by_intention,
        };
        Ok(Policies::load(spec, &fetcher, settings, at).await?)
    }

    async fn add_rule_data(&self, spec: &mut PolicySpec, fetcher: &Fetcher) -> Result<(), Error> {
        for (key, value) in &self.rule_data {
            let value = policy::rule_data_text(value, fetcher, self.dialect, self.paths).await?;
            for group in &mut spec.sources {
                let rule_data = group.rule_data.get_or_insert_default();
                rule_data.insert(key.clone(), Value::from(value.as_str()));
            }
        }
        Ok(())
    }
}

/// Returns a fetcher of policy sources that uses the run's credentials.
pub(crate) fn fetcher(clients: &Clients) -> Fetcher {
    Fetcher::new(
        clients.git.clone(),
        clients.http.clone(),
        clients.registry.clone(),
    )
    .hiding(hidden(clients))
}

/// Returns the files with this run's credentials, which a policy source may not read.
fn hidden(clients: &Clients) -> Hidden {
    let mut own = clients.registry.credential_files();
    own.extend(clients.git.credentials_dir());
    Hidden::new(own, &clients.env)
}

/// Refuses an incomplete description of the signer with the text of Conforma's `ec`.
///
/// # Errors
/// [`Error::Signer`].
pub(super) fn check_identity(trust: &TrustRequest) -> Result<(), Error> {
    let missing = [
        (trust.names_issuer(), "certificate OIDC issuer"),
        (trust.names_subject(), "certificate identity"),
    ];
    let missing: Vec<_> = missing
        .into_iter()
        .filter(|(given, _)| !given)
        .map(|(_, what)| format!("{what} must be provided for keyless workflow"))
        .collect();
    match missing.as_slice() {
        [] => Ok(()),
        missing => Err(Error::Signer {
            reason: missing.join("\n"),
        }),
    }
}

/// Takes the signers from the policy's configuration if the request names none; never mixes both.
fn complete(trust: &mut TrustRequest, spec: &mut PolicySpec, dialect: Dialect) {
    if trust.names_identity() && trust.public_key.is_empty() {
        spec.public_key.clear();
    } else if let [key] = trust.public_key.as_slice() {
        // The text of an inline key is not recorded as its source, but in Conforma's reports.
        if dialect.is_conforma() || !key.contains("-----BEGIN") {
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

/// Returns `data.config.default_sigstore_opts`, with the key itself in place of its source.
fn sigstore_options(trust: &TrustRequest, key: Option<&TrustedKey>) -> Value {
    let first = |list: &[String]| list.first().cloned().unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    json!({
        "certificate_identity": first(&trust.certificate_identity),
        "certificate_identity_regexp": first(&trust.certificate_identity_regexp),
        "certificate_oidc_issuer": text(&trust.certificate_oidc_issuer),
        "certificate_oidc_issuer_regexp": text(&trust.certificate_oidc_issuer_regexp),
        "ignore_rekor": trust.ignore_rekor,
        "public_key": key.map(TrustedKey::to_pem).unwrap_or_default(),
        "rekor_url": text(&trust.rekor_url),
    })
}
