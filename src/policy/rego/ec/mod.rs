//! The `ec.*` functions of Conforma policies: registry look-ups, signatures, package URLs.
//!
//! A function that finds nothing is undefined, as in the reference implementation, except
//! `ec.sigstore.*`, whose answer says what failed. What could not be read is undefined too and is
//! noted ([`recorded`]). What a function found is remembered for the whole run.

mod memory;
mod oci;
mod purl;
mod record;

use std::{fmt, sync::Arc};

use regorus::{Engine, Value};

pub(crate) use memory::Answer;
use memory::Memory;
use oci::Images;
pub(crate) use record::recorded;

use super::lower::REAL;
use crate::registry::Registry;

/// Every function with its arity.
pub(super) const FUNCTIONS: [(&str, u8); 14] = [
    ("ec.oci.blob", 1),
    ("ec.oci.blob_files", 2),
    ("ec.oci.descriptor", 1),
    ("ec.oci.image_files", 2),
    ("ec.oci.image_index", 1),
    ("ec.oci.image_manifest", 1),
    ("ec.oci.image_manifests", 1),
    ("ec.oci.image_referrers", 1),
    ("ec.oci.image_tag_refs", 1),
    ("ec.oci.parsed_blob", 1),
    ("ec.purl.is_valid", 1),
    ("ec.purl.parse", 1),
    ("ec.sigstore.verify_attestation", 2),
    ("ec.sigstore.verify_image", 2),
];

/// What a policy asks about signatures.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Whether it asks about the image's signatures or about its attestations.
    pub(crate) subject: Subject,
    /// The image, by digest.
    pub(crate) image: String,
    /// The options as the policy gave them: `public_key`, `certificate_identity`, `ignore_rekor` …
    pub(crate) options: serde_json::Value,
}

/// What signatures are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// `ec.sigstore.verify_image`: the answer is `{success, errors, signatures}`.
    Image,
    /// `ec.sigstore.verify_attestation`: the answer is `{success, errors, attestations}`.
    Attestation,
}

/// Answers questions about signatures; called on a thread that may block.
pub(crate) type Verify = Arc<dyn Fn(Question) -> Answer<serde_json::Value> + Send + Sync>;

/// Answers `ec.oci.*` by the function's name and its arguments; notes what cannot be read.
type Lookup = Arc<dyn Fn(&'static str, &[Value]) -> Option<Value> + Send + Sync>;

/// What the functions may reach. Clones share what was found.
#[derive(Clone, Default)]
pub(crate) struct Host {
    images: Option<Lookup>,
    verify: Option<Verify>,
    answers: Arc<Memory>,
}

impl Host {
    /// No registry and no signatures: those functions are undefined unless a test mocks them.
    pub(crate) fn offline() -> Self {
        Self::default()
    }

    /// The registry and the verifier of this run. Evaluations then block on the runtime, so they
    /// belong on threads that may block.
    pub(crate) fn online(
        registry: Registry,
        runtime: tokio::runtime::Handle,
        verify: Verify,
    ) -> Self {
        let images = Images::new(registry, runtime);
        Self {
            images: Some(Arc::new(move |function, arguments| {
                images.answer(function, arguments)
            })),
            verify: Some(verify),
            answers: Arc::default(),
        }
    }

    /// A registry of which only some manifests are known, by a part of the image's reference.
    #[cfg(test)]
    pub(in crate::policy) fn with_manifests(known: &[(&str, serde_json::Value)]) -> Self {
        let known: Vec<_> = known
            .iter()
            .map(|(part, manifest)| {
                let manifest: Value = serde_json::from_value(manifest.clone()).unwrap();
                ((*part).to_owned(), manifest)
            })
            .collect();
        let manifest = move |image: &Value| {
            let image = image.as_string().ok()?;
            let found = known.iter().find(|(part, _)| image.contains(part.as_str()));
            found.map(|(_, manifest)| manifest.clone())
        };
        let lookup = move |function: &'static str, arguments: &[Value]| match function {
            "ec.oci.image_manifest" => manifest(arguments.first()?),
            "ec.oci.image_manifests" => {
                let images = arguments.first()?.as_set().ok()?.iter();
                let found = images.filter_map(|image| Some((image.clone(), manifest(image)?)));
                Some(Value::from(
                    found.collect::<std::collections::BTreeMap<_, _>>(),
                ))
            }
            _ => None,
        };
        Self {
            images: Some(Arc::new(lookup)),
            ..Self::default()
        }
    }

    /// Answers a call; undefined when it fails or when there is nothing to ask.
    fn answer(&self, function: &'static str, arguments: &[Value]) -> Value {
        let text = arguments.first().and_then(|first| first.as_string().ok());
        let found = match (function, text) {
            ("ec.purl.is_valid", text) => {
                let valid = text.is_some_and(|text| purl::parse(text).is_some());
                Some(Value::from(valid))
            }
            ("ec.purl.parse", text) => text
                .and_then(|text| purl::parse(text))
                .and_then(|found| serde_json::from_value(found).ok()),
            ("ec.sigstore.verify_image", Some(image)) => {
                self.ask(function, Subject::Image, image, arguments.get(1))
            }
            ("ec.sigstore.verify_attestation", Some(image)) => {
                self.ask(function, Subject::Attestation, image, arguments.get(1))
            }
            _ => {
                let images = self.images.as_ref();
                images.and_then(|images| images(function, arguments))
            }
        };
        found.unwrap_or(Value::Undefined)
    }

    fn ask(
        &self,
        function: &'static str,
        subject: Subject,
        image: &str,
        options: Option<&Value>,
    ) -> Option<Value> {
        let verify = self.verify.as_ref()?;
        let options = serde_json::to_value(options?).ok()?;
        // Members of an object stand in the order of their names, so equal options are equal texts.
        let question = format!("{image}\n{options}");
        let answer = self.answers.once(function, question, || {
            verify(Question {
                subject,
                image: image.to_owned(),
                options,
            })
        });
        if let Some(reason) = answer.unreadable {
            record::note(function, image, reason);
        }
        answer.value
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let online = self.images.is_some() && self.verify.is_some();
        f.debug_struct("Host").field("online", &online).finish()
    }
}

/// The arity of a function.
pub(super) fn arity(name: &str) -> Option<usize> {
    let found = FUNCTIONS.iter().find(|(own, _)| *own == name);
    found.map(|(_, arity)| usize::from(*arity))
}

/// Registers every function; under another name where tests may replace it.
pub(super) fn register(engine: &mut Engine, host: &Host, mockable: bool) -> anyhow::Result<()> {
    let prefix = if mockable { REAL } else { "" };
    for (name, arity) in FUNCTIONS {
        let host = host.clone();
        let call = move |arguments: Vec<Value>| Ok(host.answer(name, &arguments));
        engine.add_extension(format!("{prefix}{name}"), arity, Box::new(call))?;
    }
    Ok(())
}

/// Rego functions with the names of the real ones: the engine's `with` replaces only such.
pub(super) fn replaceable() -> impl Iterator<Item = (String, String)> {
    FUNCTIONS.into_iter().filter_map(|(name, arity)| {
        let (package, function) = name.rsplit_once('.')?;
        let arguments: Vec<_> = (0..arity).map(|number| format!("a{number}")).collect();
        let arguments = arguments.join(", ");
        let source =
            format!("package {package}\n\n{function}({arguments}) := {REAL}{name}({arguments})\n");
        Some((name.to_owned(), source))
    })
}
