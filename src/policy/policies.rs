//! Loads the groups of sources of a policy: fetches and compiles them, and lists their rules. Each
//! group is evaluated separately, and only the packages that its criteria open.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    Dialect,
    annotated::Annotated,
    config::{Configuration, Group, PolicySpec},
    criteria::{CodedResult, Criteria, RuleSelection},
    data::{self, MergedData},
    evidence::{Evidence, Opinion, Unread},
    foreign,
    outcome::{self, PolicyOutcome, Purpose},
    refers::References,
    rego::{self, FunctionHost, Policy, Program},
    source::{self, Fetched, Fetcher},
    unnamed,
};
use crate::image::{Digest, DigestReference};

/// A policy that cannot be used or evaluated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Source(#[from] source::Error),
    #[error(transparent)]
    Data(#[from] data::Error),
    /// The policy cannot be compiled, or a rule cannot be evaluated.
    #[error(transparent)]
    Rego(#[from] rego::Error),
    /// The results of a rule are malformed.
    #[error(transparent)]
    Outcome(#[from] outcome::Error),
    /// The sources of a group contain no policy.
    #[error("no rego files found in policy sources {sources}")]
    NoPolicy { sources: String },
    /// No rule returned a result, and none passed.
    #[error("no rule of the policy returned a result: {reason}")]
    Nothing { reason: String },
    /// The evaluation thread panicked, which is a bug of this program.
    #[error("the evaluation was interrupted: {reason}")]
    Interrupted { reason: String },
}

/// Data and functions for rules in addition to the data of the group.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The hosts and clients of `ec.*` functions.
    pub(crate) host: FunctionHost,
    /// The value of `data.config.default_sigstore_opts`.
    pub(crate) sigstore_options: Value,
    pub(crate) dialect: Dialect,
    /// True to evaluate only rules for the configured pipelines.
    pub(crate) by_intention: bool,
}

/// A loaded policy. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Policies(Arc<LoadedGroups>);

#[derive(Debug)]
struct LoadedGroups {
    spec: PolicySpec,
    digest: Digest,
    pinned: Vec<String>,
    groups: Vec<Ready>,
    settings: Settings,
}

pub(super) struct Ready {
    group: Group,
    global: Option<Configuration>,
    pub(super) policy: Policy,
    data: MergedData,
    pub(super) packages: BTreeMap<String, Vec<CodedRule>>,
    pub(super) annotated: BTreeMap<String, Annotated>,
    pub(super) references: References,
    programs: Mutex<BTreeMap<Timestamp, Program>>,
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ready")
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

/// A rule with results (`deny`, `warn` …) and its code.
pub(super) struct CodedRule {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) line: u32,
    /// The code; without an annotation `package.name`.
    pub(super) code: String,
    pub(super) is_annotated: bool,
    pub(super) collections: Vec<String>,
    pipeline_intention: Vec<String>,
}

/// The image to evaluate a policy for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EvaluationTarget<'a> {
    /// The image; `None` if a saved input has no valid reference.
    pub(crate) image: Option<&'a DigestReference>,
    pub(crate) component: &'a str,
    /// The effective time of rules.
    pub(crate) at: Timestamp,
}

impl Policies {
    /// Fetches and compiles the sources of every group; reports rules with errors.
    ///
    /// # Errors
    /// Any [`Error`] but those of an evaluation.
    pub(crate) async fn load(
        mut spec: PolicySpec,
        fetcher: &Fetcher,
        settings: Settings,
        at: Timestamp,
    ) -> Result<Self, Error> {
        let mut groups = Vec::new();
        let mut pinned = Vec::new();
        let mut hash = Sha256::new();
        for group in &mut spec.sources {
            let policies = fetch_all(fetcher, &mut group.policy).await?;
            let data = fetch_all(fetcher, &mut group.data).await?;
            for fetched in policies.iter().chain(&data) {
                hash.update(fetched.digest().as_bytes());
                pinned.push(fetched.pinned.clone());
            }
            let (group, global) = (group.clone(), spec.configuration.clone());
            let settings = settings.clone();
            // A policy may be large, so parsing also ends at the run's time limit.
            let work = move || {
                let ready = Ready::new(group, global, &policies, &data)?;
                ready.program(at, &settings)?;
                if settings.dialect == Dialect::Promote {
                    unnamed::warn(&ready.policy);
                }
                Ok(ready)
            };
            let ready = tokio::task::spawn_blocking(work).await;
            groups.push(ready.unwrap_or_else(interrupted)?);
        }
        // The configuration is part of the digest, because it influences the verdict.
        let text = serde_json::to_vec(&spec).map_err(|error| Error::Interrupted {
            reason: error.to_string(),
        })?;
        hash.update(text);
        pinned.sort();
        pinned.dedup();
        Ok(Self(Arc::new(LoadedGroups {
            digest: Digest::from_sha256(hash.finalize().into()),
            spec,
            pinned,
            groups,
            settings,
        })))
    }

    /// Returns the configuration with pinned sources.
    pub(crate) fn spec(&self) -> &PolicySpec {
        &self.0.spec
    }

    /// Returns the SHA-256 over the configuration and the content of its sources.
    pub(crate) fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Returns every source with its commit or digest.
    pub(crate) fn pinned(&self) -> &[String] {
        &self.0.pinned
    }

    /// Evaluates all groups for one input, on a thread that may block.
    ///
    /// # Errors
    /// Any [`Error`]: then the image has no judgement.
    pub(crate) async fn evaluate(
        &self,
        evidence: Evidence,
        subject: EvaluationTarget<'_>,
    ) -> Result<Opinion, Error> {
        let policies = self.clone();
        let image = subject.image.cloned();
        let (component, at) = (subject.component.to_owned(), subject.at);
        let work = move || {
            let (input, unreadable, verified) = evidence.into_parts();
            let document = rego::EngineInput::read(&input);
            let subject = EvaluationTarget {
                image: image.as_ref(),
                component: &component,
                at,
            };
            let (mut all, mut unread) = (PolicyOutcome::default(), Unread::default());
            let mut opened = BTreeSet::new();
            for group in &policies.0.groups {
                let settings = &policies.0.settings;
                let (said, record) =
                    rego::recorded(|| group.evaluate(&document, subject, settings));
                let said = said?;
                if settings.dialect.is_conforma() {
                    // Facts that could not be read here do not affect the pass.
                    let name = || group.name_what_is_dropped(&document, subject, settings, &said);
                    let ((), _) = rego::recorded(name);
                }
                all.extend(said.outcome);
                opened.extend(record.opened);
                let failed = record.unreadable.into_iter();
                let failed = failed.filter(|failed| !foreign::is_absent(failed, &input, subject));
                let facts = unreadable.iter().cloned().chain(failed);
                group.sort_unread(facts, subject, settings, &mut unread);
            }
            all.sort();
            Ok(Opinion::new(all, unread, verified).with_opened(opened))
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(interrupted)
    }
}

fn interrupted<T>(error: impl std::fmt::Display) -> Result<T, Error> {
    Err(Error::Interrupted {
        reason: error.to_string(),
    })
}

async fn fetch_all(fetcher: &Fetcher, texts: &mut [String]) -> Result<Vec<Arc<Fetched>>, Error> {
    let mut all = Vec::with_capacity(texts.len());
    for text in texts {
        let fetched = fetcher.fetch(text).await?;
        fetched.pinned.clone_into(text);
        all.push(fetched);
    }
    Ok(all)
}

impl Ready {
    fn new(
        group: Group,
        global: Option<Configuration>,
        policies: &[Arc<Fetched>],
        sources: &[Arc<Fetched>],
    ) -> Result<Self, Error> {
        let mut modules = Vec::new();
        for fetched in policies {
            modules.extend(fetched.modules());
        }
        if modules.is_empty() {
            let sources: Vec<_> = policies
                .iter()
                .map(|fetched| fetched.pinned.as_str())
                .collect();
            return Err(Error::NoPolicy {
                sources: sources.join(", "),
            });
        }
        let policy = Policy::read(modules.clone())?;
        let references = References::of(&modules, policy.rules());
        let mut data = MergedData::default();
        for fetched in sources {
            data.add_source(fetched)?;
        }
        if let Some(rule_data) = &group.rule_data {
            data.add_rule_data(rule_data)?;
        }
        let annotated = policy.rules().filter_map(Annotated::of);
        let annotated: BTreeMap<_, _> = annotated
            .map(|annotated| (annotated.code.clone(), annotated))
            .collect();
        Ok(Self {
            packages: packages(&policy),
            programs: Mutex::default(),
            references,
            group,
            global,
            policy,
            data,
            annotated,
        })
    }

    /// Returns the compiled program for an effective time. Components share it.
    pub(super) fn program(&self, at: Timestamp, settings: &Settings) -> Result<Program, Error> {
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = programs.get(&at) {
            return Ok(program.clone());
        }
        let when = i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX);
        let own = json!({
            "policy": {"when_ns": when},
            "default_sigstore_opts": settings.sigstore_options,
        });
        let data = self.data.document(&own)?;
        let program = self.policy.compile(&data, &settings.host)?;
        programs.insert(at, program.clone());
        Ok(program)
    }

    pub(super) fn selection(
        &self,
        subject: EvaluationTarget<'_>,
        settings: &Settings,
    ) -> RuleSelection {
        let criteria = Criteria::new(&self.group, self.global.as_ref(), subject.at);
        criteria.select(subject.image, subject.component, settings.dialect)
    }

    /// Tells whether the rule can return a selected result.
    pub(super) fn opens(
        &self,
        package: &str,
        rule: &CodedRule,
        selection: &RuleSelection,
        settings: &Settings,
    ) -> bool {
        let opens = match rule.is_annotated {
            true => selection.opens(&rule.code, &rule.collections),
            false => selection.opens_unnamed(package, &rule.name),
        };
        opens && is_intended(&rule.pipeline_intention, &self.intended(settings))
    }

    /// Returns the packages in which a rule can return a selected result.
    pub(super) fn opened(
        &self,
        selection: &RuleSelection,
        settings: &Settings,
    ) -> BTreeSet<String> {
        let passing = self.packages.iter().filter(|(package, rules)| {
            rules
                .iter()
                .any(|rule| self.opens(package, rule, selection, settings))
        });
        let mut passing: BTreeSet<String> = passing.map(|(package, _)| package.clone()).collect();
        if passing.is_empty() {
            return self.packages.keys().cloned().collect();
        }
        if settings.dialect == Dialect::Conforma {
            // Conforma's ec uses only the first segment of a package's name.
            let first = |package: String| package.split('.').next().map(str::to_owned);
            passing = passing.into_iter().filter_map(first).collect();
            passing.retain(|package| self.packages.contains_key(package));
        }
        passing
    }

    /// Returns the rules that only an exclude prevents from selection, whatever their results.
    pub(super) fn let_off(&self, selection: &RuleSelection) -> Vec<String> {
        let rules = self.packages.values().flatten().filter(|rule| {
            selection.excepts(CodedResult {
                code: &rule.code,
                terms: &[],
                collections: &rule.collections,
            })
        });
        rules.map(|rule| rule.code.clone()).collect()
    }

    pub(super) fn has_rule(&self, package: &str, name: &str) -> bool {
        self.policy
            .rules()
            .any(|rule| rule.package == package && rule.name == name)
    }

    /// Returns the pipelines for which rules must be intended; `None` without such a limit.
    pub(super) fn intended(&self, settings: &Settings) -> Option<Vec<String>> {
        let list = |value: &Value| match value {
            Value::String(one) => vec![one.clone()],
            Value::Array(many) => many
                .iter()
                .filter_map(|one| one.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        };
        let rule_data = self.group.rule_data.as_ref();
        let configured =
            rule_data.and_then(|data: &Map<String, Value>| data.get("pipeline_intention"));
        settings
            .by_intention
            .then(|| configured.map(list).unwrap_or_default())
    }
}

pub(super) fn is_intended(rule: &[String], configured: &Option<Vec<String>>) -> bool {
    match configured {
        None => true,
        Some(configured) if configured.is_empty() => rule.is_empty(),
        Some(configured) => rule.iter().any(|intention| configured.contains(intention)),
    }
}

/// Returns the rules with results, by package.
fn packages(policy: &Policy) -> BTreeMap<String, Vec<CodedRule>> {
    let mut packages: BTreeMap<String, Vec<CodedRule>> = BTreeMap::new();
    for rule in policy
        .rules()
        .filter(|rule| Purpose::of(&rule.name).is_some())
    {
        let annotated = Annotated::of(rule);
        let is_annotated = annotated.is_some();
        let annotated = annotated.unwrap_or_else(|| Annotated {
            code: format!("{}.{}", rule.package, rule.name),
            ..Annotated::default()
        });
        packages
            .entry(rule.package.clone())
            .or_default()
            .push(CodedRule {
                name: rule.name.clone(),
                file: rule.place.file.clone(),
                line: rule.place.line,
                code: annotated.code,
                is_annotated,
                collections: annotated.collections,
                pipeline_intention: annotated.pipeline_intention,
            });
    }
    packages
}
