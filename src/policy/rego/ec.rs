//! The `ec.*` functions of Conforma policies: registry lookups, signatures, package URLs.
//!
//! A function without a result is undefined, as in the reference implementation, except
//! `ec.sigstore.*`, whose result contains the error. A call whose content could not be read is also
//! undefined, and is recorded ([`recorded`]). Results are cached for the whole run.

mod memory;
mod oci;
mod purl;
mod record;

use std::{fmt, sync::Arc};

use rego::{
    Value,
    builtins::{BuiltinError, CallContext, Registry as Functions},
    signature::{Declaration, Type},
};

use memory::CallCache;
pub(crate) use memory::CallResult;
use oci::ImageLookup;
use record::CallRecord;
pub(super) use record::keep_record;
pub(crate) use record::recorded;

use crate::registry::Registry;

const ONE: &[Type] = &[Type::Any];
const TWO: &[Type] = &[Type::Any, Type::Any];

/// The declarations of all functions. As in Conforma's `ec`, operands of other types make a call undefined.
const FUNCTIONS: [Declaration; 14] = [
    Declaration::new("ec.oci.blob", ONE, Type::Any).nondeterministic(),
    Declaration::new("ec.oci.blob_files", TWO, Type::Any).nondeterministic(),
    Declaration::new("ec.oci.descriptor", ONE, Type::Any).nondeterministic(),
    Declaration::new("ec.oci.image_files", TWO, Type::Any).nondeterministic(),
    Declaration::new("ec.oci.image_index", ONE, Type::Any).nondeterministic(),
    Declaration::new("ec.oci.image_manifest", ONE, Type::Any).nondeterministic(),
    Declaration::new("ec.oci.image_manifests", ONE, Type::Any).nondeterministic(),
    Declaration::new("ec.oci.image_referrers", ONE, Type::Any).nondeterministic(),
    Declaration::new("ec.oci.image_tag_refs", ONE, Type::Any).nondeterministic(),
    Declaration::new("ec.oci.parsed_blob", ONE, Type::Any).nondeterministic(),
    Declaration::new("ec.purl.is_valid", ONE, Type::Boolean),
    Declaration::new("ec.purl.parse", ONE, Type::Any),
    Declaration::new("ec.sigstore.verify_attestation", TWO, Type::Any).nondeterministic(),
    Declaration::new("ec.sigstore.verify_image", TWO, Type::Any).nondeterministic(),
];

/// A call of a rule about the signatures of an image.
#[derive(Debug, Clone)]
pub(crate) struct SignatureQuery {
    /// The object of the call: the image's signatures or its attestations.
    pub(crate) subject: SignedObject,
    pub(crate) image: String,
    /// The options of the call: `public_key`, `certificate_identity`, `ignore_rekor` …
    pub(crate) options: serde_json::Value,
}

/// The kind of signatures to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SignedObject {
    /// `ec.sigstore.verify_image`, which returns `{success, errors, signatures}`.
    Image,
    /// `ec.sigstore.verify_attestation`, which returns `{success, errors, attestations}`.
    Attestation,
}

/// Verifies signatures for a rule; called on a thread that may block.
pub(crate) type Verify = Arc<dyn Fn(SignatureQuery) -> CallResult<serde_json::Value> + Send + Sync>;

/// Evaluates `ec.oci.*` by the function's name and its arguments; records content that cannot be read.
type Lookup = Arc<dyn Fn(&'static str, &[Value], &mut CallRecord) -> Option<Value> + Send + Sync>;

/// The access of functions to registries and signatures. Clones share the cache.
#[derive(Clone, Default)]
pub(crate) struct FunctionHost {
    images: Option<Lookup>,
    verify: Option<Verify>,
    answers: Arc<CallCache>,
}

impl FunctionHost {
    /// Returns a host without registries and signatures: these functions are undefined unless a test mocks them.
    pub(crate) fn offline() -> Self {
        Self::default()
    }

    /// Returns a host with the registries and the verifier of this run. Evaluations then block on the
    /// runtime, so they must run on threads that may block.
    pub(crate) fn online(
        registry: Registry,
        runtime: tokio::runtime::Handle,
        verify: Verify,
    ) -> Self {
        let images = ImageLookup::new(registry, runtime);
        Self {
            images: Some(Arc::new(move |function, arguments, record| {
                images.answer(function, arguments, record)
            })),
            verify: Some(verify),
            answers: Arc::default(),
        }
    }

    /// Returns a host with some manifests, by a part of the image's reference.
    #[cfg(test)]
    pub(in crate::policy) fn with_manifests(known: &[(&str, serde_json::Value)]) -> Self {
        let known: Vec<_> = known
            .iter()
            .map(|(part, manifest)| ((*part).to_owned(), Value::from(manifest)))
            .collect();
        let manifest = move |image: &Value| {
            let image = image.as_str()?;
            let found = known.iter().find(|(part, _)| image.contains(part.as_str()));
            found.map(|(_, manifest)| manifest.clone())
        };
        let lookup =
            move |function: &'static str, arguments: &[Value], _: &mut CallRecord| match function {
                "ec.oci.image_manifest" => manifest(arguments.first()?),
                "ec.oci.image_manifests" => {
                    let images = arguments.first()?.as_set()?.iter();
                    let found = images.filter_map(|image| Some((image.clone(), manifest(image)?)));
                    Some(Value::object(found.collect()))
                }
                _ => None,
            };
        Self {
            images: Some(Arc::new(lookup)),
            ..Self::default()
        }
    }

    /// Evaluates a call; undefined if it fails or has invalid arguments.
    fn answer(
        &self,
        function: &'static str,
        arguments: &[Value],
        record: &mut CallRecord,
    ) -> Option<Value> {
        let text = arguments.first().and_then(Value::as_str);
        match (function, text) {
            ("ec.purl.is_valid", text) => {
                let valid = text.is_some_and(|text| purl::parse(text).is_some());
                Some(Value::Bool(valid))
            }
            ("ec.purl.parse", text) => text.and_then(purl::parse).map(|found| Value::from(&found)),
            ("ec.sigstore.verify_image", Some(image)) => self.ask(
                function,
                SignedObject::Image,
                image,
                arguments.get(1),
                record,
            ),
            ("ec.sigstore.verify_attestation", Some(image)) => self.ask(
                function,
                SignedObject::Attestation,
                image,
                arguments.get(1),
                record,
            ),
            _ => {
                let images = self.images.as_ref()?;
                images(function, arguments, record)
            }
        }
    }

    fn ask(
        &self,
        function: &'static str,
        subject: SignedObject,
        image: &str,
        options: Option<&Value>,
        record: &mut CallRecord,
    ) -> Option<Value> {
        let verify = self.verify.as_ref()?;
        let options = serde_json::Value::from(options?);
        // Members of an object are sorted by name, so equal options are equal texts.
        let question = format!("{image}\n{options}");
        let answer = self.answers.memoised(function, question, || {
            verify(SignatureQuery {
                subject,
                image: image.to_owned(),
                options,
            })
        });
        record.opened.extend(answer.opened);
        if let Some(reason) = answer.unreadable {
            record.add(function, image, reason);
        }
        answer.value
    }
}

impl fmt::Debug for FunctionHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let online = self.images.is_some() && self.verify.is_some();
        f.debug_struct("Host").field("online", &online).finish()
    }
}

/// Registers every function with the engine.
pub(super) fn register(functions: &mut Functions, host: &FunctionHost) {
    for declaration in FUNCTIONS {
        let (host, name) = (host.clone(), declaration.name);
        let call = move |context: &mut CallContext, arguments: &[Value]| {
            let answer = host.answer(name, arguments, context.state::<CallRecord>());
            answer.ok_or(BuiltinError::Undefined)
        };
        functions.add_host(declaration, Arc::new(call));
    }
}
