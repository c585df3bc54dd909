//! Tests failing servers and rollbacks: a failure is never "no signatures".

use lab::{
    registry::{Effect, Fault},
    sigstore::{Layer, Signer, Web, dsse_entry, hashedrekord, put_layers},
};
use serde_json::json;

use super::*;
use crate::{
    kube::{self, Kube},
    trust::Error,
};

fn signed(world: &World) -> Layer {
    Layer::signature(&world.claims(), &world.key.sign(&world.claims()).unwrap())
}

#[tokio::test]
async fn a_registry_that_fails_is_never_one_without_signatures() {
    for suffix in [
        ".sig",
        ".att",
        "/referrers/",
        "/blobs/",
        "/manifests/sha256-",
    ] {
        for status in [401, 403, 500, 503] {
            // Without the referrers API the tag `sha256-<hex>` contains the list.
            let world = match suffix {
                "/manifests/sha256-" => World::without_referrers(),
                _ => World::new(),
            };
            put_layers(&world.registry, &world.image, "sig", &[signed(&world)]);
            let good = world.examine(&world.by_key()).await;
            assert!(good.signatures.is_ok());
            world
                .registry
                .fail(Fault::new(Effect::Status(status)).of("GET", suffix));
            let failed = world
                .by_key()
                .examine(&registry(), &world.reference())
                .await;
            assert!(
                matches!(failed, Err(Error::Registry(_))),
                "{suffix} {status}: {failed:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_image_that_does_not_exist_is_said_so() {
    let world = World::new();
    let mut reference = world.reference();
    reference.digest = crate::image::Digest::of(b"nothing");
    let failed = world.by_key().examine(&registry(), &reference).await;
    assert!(matches!(failed, Err(Error::ImageNotFound { .. })));
}

fn rekor(web: &Web) -> Rekor {
    Rekor::new(http(), &web.url()).unwrap()
}

#[tokio::test]
async fn the_log_is_searched_for_an_entry_that_was_not_stored() {
    let world = World::new();
    let layer = signed(&world);
    let signature = world.key.sign(&world.claims()).unwrap();
    put_layers(
        &world.registry,
        &world.image,
        "sig",
        &[Layer::signature(&layer.bytes, &signature)],
    );
    let ask = |web: &Web| {
        let who = keys(world.expected_key(), LogPolicy::Required);
        asking(who, Some(world.root()), Some(rekor(web)))
    };
    let web = Web::start().unwrap();
    let nothing = world.examine(&ask(&web)).await;
    let nothing = reason(nothing.signatures);
    assert!(matches!(nothing, Reason::NotLogged { .. }), "{nothing}");
    let document = hashedrekord(&layer.bytes, &signature, &Signer::key(&world.key));
    world.log(&json!({"kind": "filler", "apiVersion": "0.0.1"}));
    let answer = world.sigstore.log.answer(&world.log(&document)).unwrap();
    web.serve_entries(vec![answer.clone()]);
    let found = world.examine(&ask(&web)).await.signatures.unwrap();
    assert!(found[0].logged);

    let refused = |change: fn(&mut Value)| {
        let mut answer = answer.clone();
        change(&mut answer["verification"]["inclusionProof"]);
        web.serve_entries(vec![answer]);
        let verifier = ask(&web);
        let world = &world;
        async move { world.examine(&verifier).await }
    };
    let proof = refused(|proof| proof["hashes"][0] = "07".repeat(32).into()).await;
    assert!(matches!(reason(proof.signatures), Reason::LogProof { .. }));
    let tree = refused(|proof| proof["rootHash"] = "07".repeat(32).into()).await;
    assert!(matches!(reason(tree.signatures), Reason::Checkpoint { .. }));
    let other = world.log(&hashedrekord(
        b"other",
        &signature,
        &Signer::key(&world.key),
    ));
    web.serve_entries(vec![world.sigstore.log.answer(&other).unwrap()]);
    let other = world.examine(&ask(&web)).await;
    assert!(matches!(reason(other.signatures), Reason::LogEntry { .. }));

    web.break_down();
    let down = ask(&web).examine(&registry(), &world.reference()).await;
    assert!(matches!(down, Err(Error::Remote { .. })), "{down:?}");
    let who = keys(world.expected_key(), LogPolicy::Required);
    let refusing = ImageVerifier::new(VerifierOptions {
        refuse_unreachable: true,
        ..options(who, Some(world.root()), Some(rekor(&web)))
    });
    let down = reason(world.examine(&refusing).await.signatures);
    assert!(matches!(down, Reason::LogUnreachable { .. }), "{down}");
}

#[tokio::test]
async fn the_log_is_searched_for_a_keyless_attestation_too() {
    let world = World::new();
    let certificate = world.honest_certificate();
    let envelope = world.envelope(&world.statement(PREDICATE));
    let layer = Layer::envelope(&envelope).certified(&certificate);
    put_layers(&world.registry, &world.image, "att", &[layer]);
    let web = Web::start().unwrap();
    let entry = dsse_entry(&envelope, &Signer::keyless(&world.key, &certificate));
    web.serve_entries(vec![world.sigstore.log.answer(&world.log(&entry)).unwrap()]);
    let who = identity(SUBJECT, ISSUER);
    let verifier = asking(who, Some(world.root()), Some(rekor(&web)));
    let found = world.examine(&verifier).await.attestations.unwrap();
    assert_eq!(
        found[0].signatures[0].metadata["Fulcio Issuer (V2)"],
        ISSUER
    );
    assert_eq!(web.requests(), ["/api/v1/log/entries/retrieve"]);
}

#[tokio::test]
async fn reads_a_key_from_a_secret() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let world = World::new();
    let web = Web::start().unwrap();
    // An entry that is not used need not be readable.
    let data = json!({"cosign.pub": STANDARD.encode(world.key.public_pem()), "other": "!!"});
    let secret =
        json!({"kind": "Secret", "metadata": {"namespace": "ns", "name": "signing"}, "data": data});
    let path = "api/v1/namespaces/ns/secrets/signing".to_owned();
    web.serve_files([(path, secret.to_string().into_bytes())].into());
    let base = crate::http::Url::parse(&web.url()).unwrap();
    let kube = Kube::new(http(), base, "s3cret".to_owned(), "ns".to_owned());
    let key = TrustedKey::of_secret(&kube, "ns", "signing", "k8s://ns/signing")
        .await
        .unwrap();
    assert_eq!(key.fingerprint(), world.expected_key().fingerprint());
    let load = |namespace, name| TrustedKey::of_secret(&kube, namespace, name, "k8s");
    let missing = load("ns", "other").await.unwrap_err();
    assert!(
        matches!(missing, Error::Kube(kube::Error::NotFound { .. })),
        "{missing}"
    );
    let asked = web.requests().len();
    for (namespace, name) in [("ns", "../../x"), ("..", "x"), ("ns", ""), ("ns", "a/b")] {
        let refused = load(namespace, name).await.unwrap_err();
        assert!(
            matches!(refused, Error::Kube(kube::Error::Name { .. })),
            "{refused}"
        );
    }
    assert_eq!(web.requests().len(), asked);
    assert!(!format!("{kube:?}").contains("s3cret"), "{kube:?}");
}

#[tokio::test]
async fn refuses_an_answer_of_another_kind_or_name() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let data = json!({"cosign.pub": STANDARD.encode(World::new().key.public_pem())});
    let web = Web::start().unwrap();
    let base = crate::http::Url::parse(&web.url()).unwrap();
    let kube = Kube::new(http(), base, "s3cret".to_owned(), "ns".to_owned());
    for (object, good) in [
        (json!({"data": data}), true),
        (json!({"kind": "Secret", "data": data}), true),
        (json!({"kind": "ConfigMap", "data": data}), false),
        (
            json!({"kind": "SecretList", "items": [], "data": data}),
            false,
        ),
        (
            json!({"metadata": {"name": "evil", "namespace": "ns"}, "data": data}),
            false,
        ),
        (
            json!({"metadata": {"name": "signing", "namespace": "kube-system"}, "data": data}),
            false,
        ),
        (json!([{"data": data}]), false),
        (json!({"data": [data]}), false),
        (json!({"data": {"cosign.pub": 5}}), false),
    ] {
        let path = "api/v1/namespaces/ns/secrets/signing".to_owned();
        web.serve_files([(path, object.to_string().into_bytes())].into());
        let found = TrustedKey::of_secret(&kube, "ns", "signing", "k8s").await;
        assert_eq!(found.is_ok(), good, "{object}: {:?}", found.err());
    }
}

#[tokio::test]
async fn reads_keys_from_variables_files_texts_and_urls() {
    let world = World::new();
    let pem = world.key.public_pem();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cosign.pub");
    fs::write(&file, &pem).unwrap();
    let web = Web::start().unwrap();
    web.serve_files([("cosign.pub".to_owned(), pem.clone().into_bytes())].into());
    let env = Env::from([("SIGNING_KEY", pem.as_str())]);
    let url = format!("{}/cosign.pub", web.url());
    for reference in [
        pem.as_str(),
        "env://SIGNING_KEY",
        file.to_str().unwrap(),
        &url,
    ] {
        let key = TrustedKey::load(reference, &env, &http()).await.unwrap();
        assert_eq!(key.fingerprint(), world.expected_key().fingerprint());
    }
    for reference in ["env://NOTHING", "/nowhere/key", &format!("{url}x")] {
        let error = TrustedKey::load(reference, &env, &http())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Missing { .. }), "{error}");
    }
    for reference in ["ftp://x", "http://keys.example/x"] {
        let error = TrustedKey::load(reference, &env, &http())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Key { .. }), "{error}");
    }
    let error = TrustedKey::load("k8s://signing", &env, &http())
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Kube(kube::Error::NoCluster { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_of_the_log_needs_its_proof_for_certificates_too() {
    let world = World::new();
    let certificate = world.honest_certificate();
    let signer = Signer::keyless(&world.key, &certificate);
    let signature = world.key.sign(&world.claims()).unwrap();
    let layer = Layer::signature(&world.claims(), &signature).certified(&certificate);
    put_layers(&world.registry, &world.image, "sig", &[layer]);
    world.log(&json!({"kind": "filler", "apiVersion": "0.0.1"}));
    let entry = world.log(&hashedrekord(&world.claims(), &signature, &signer));
    let mut answer = world.sigstore.log.answer(&entry).unwrap();
    let web = Web::start().unwrap();
    let who = || identity(SUBJECT, ISSUER);
    let ask = || asking(who(), Some(world.root()), Some(rekor(&web)));
    web.serve_entries(vec![answer.clone()]);
    assert!(world.examine(&ask()).await.signatures.is_ok());
    answer["verification"]["inclusionProof"]["hashes"][0] = "07".repeat(32).into();
    web.serve_entries(vec![answer]);
    let refused = world.examine(&ask()).await;
    assert!(matches!(
        reason(refused.signatures),
        Reason::LogProof { .. }
    ));
}
