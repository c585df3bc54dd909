//! Trusted roots made of the files that variables name.

use super::*;

/// Returns the parts of a trusted root as PEM, by their names in TUF and in the environment.
pub(super) fn parts(root: &Value) -> [(&'static str, &'static str, String); 4] {
    let chain = |list: &str| {
        let list = root[list].as_array().unwrap().iter();
        let certificates = list.flat_map(|authority| {
            let chain = authority["certChain"]["certificates"].as_array().unwrap();
            chain.iter().map(|certificate| {
                let der = STANDARD.decode(certificate["rawBytes"].as_str().unwrap());
                pem::write("CERTIFICATE", &der.unwrap())
            })
        });
        certificates.collect::<String>()
    };
    let keys = |list: &str| {
        let keys = root[list].as_array().unwrap().iter().map(|log| {
            let der = STANDARD.decode(log["publicKey"]["rawBytes"].as_str().unwrap());
            pem::write("PUBLIC KEY", &der.unwrap())
        });
        keys.collect::<String>()
    };
    [
        (
            "Fulcio",
            "SIGSTORE_ROOT_FILE",
            chain("certificateAuthorities"),
        ),
        ("Rekor", "SIGSTORE_REKOR_PUBLIC_KEY", keys("tlogs")),
        ("CTFE", "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", keys("ctlogs")),
        (
            "TSA",
            "SIGSTORE_TSA_CERTIFICATE_FILE",
            chain("timestampAuthorities"),
        ),
    ]
}

/// Tells whether the keyless signature of a world is accepted with a root.
pub(super) async fn accepts(world: &World, root: SigstoreRoot) -> Result<(), Reason> {
    let verifier = verifier(identity(SUBJECT, ISSUER), Some(root));
    let examined = world.examine(&verifier).await;
    match examined.signatures {
        Ok(_) => Ok(()),
        failure => Err(reason(failure)),
    }
}

#[tokio::test]
async fn a_root_can_be_made_of_the_files_that_variables_name() {
    let world = World::new();
    put_sig(
        &world,
        keyless_layer(&world, &world.honest_certificate(), SIGNED),
    );
    let mut root = world.sigstore.trusted_root();
    let real: Value = serde_json::from_slice(&fixture("cosign-v3/trusted_root.json")).unwrap();
    root["timestampAuthorities"] = real["timestampAuthorities"].clone();
    let dir = tempfile::tempdir().unwrap();
    let load = |changed: Option<(&'static str, String)>| {
        let mut variables = vec![("TUF_ROOT", dir.path().join("none"))];
        for (_, variable, mut text) in parts(&root) {
            if let Some((name, other)) = &changed
                && *name == variable
            {
                text.clone_from(other);
            }
            let file = dir.path().join(variable);
            fs::write(&file, text).unwrap();
            variables.push((variable, file));
        }
        let [a, b, c, d, e] = &variables[..] else {
            panic!()
        };
        let env = Env::from([a, b, c, d, e].map(|(name, path)| (*name, path.to_str().unwrap())));
        async move { RootSource::Default.load(&env, &http()).await }
    };
    accepts(&world, load(None).await.unwrap()).await.unwrap();
    let other = parts(&Sigstore::new().unwrap().trusted_root());
    let refused = ["Chain", "UnknownLog", "CertificateLog"];
    for ((_, variable, text), expected) in other.into_iter().zip(refused) {
        let root = load(Some((variable, text))).await.unwrap();
        let reason = accepts(&world, root).await.unwrap_err();
        assert!(
            format!("{reason:?}").starts_with(expected),
            "{variable}: {reason}"
        );
    }
    let garbage = ("SIGSTORE_TSA_CERTIFICATE_FILE", "garbage".to_owned());
    let error = load(Some(garbage)).await.unwrap_err();
    assert!(matches!(error, Error::Root { .. }), "{error}");
}

/// Splits the real root into files, one of them with another content.
async fn of_files(changed: Option<(&str, &str)>) -> SigstoreRoot {
    let root: Value = serde_json::from_slice(&fixture("cosign-v3/trusted_root.json")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let files = parts(&root).map(|(_, variable, text)| {
        let other = changed.filter(|(name, _)| *name == variable);
        let file = dir.path().join(variable);
        fs::write(&file, other.map_or(text.as_str(), |(_, other)| other)).unwrap();
        (variable, file)
    });
    let env = files
        .each_ref()
        .map(|(name, path)| (*name, path.to_str().unwrap()));
    RootSource::Default
        .load(&Env::from(env), &http())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_rekor_v2_logs_key_alone_is_enough() {
    let check = |root: SigstoreRoot| {
        let anybody = || Matcher::pattern(".*").unwrap();
        let who = TrustedSigners::Identities(vec![ExpectedIdentity {
            subject: anybody(),
            issuer: anybody(),
        }]);
        let verifier = verifier(who, Some(root));
        let bundles = real_bundles().into_iter();
        let keyless = bundles.filter(|(_, bytes)| {
            let bundle: Value = serde_json::from_slice(bytes).unwrap();
            bundle["verificationMaterial"]["certificate"].is_object()
        });
        let checked = keyless.map(|(named, bytes)| {
            let artifact = Artifact::Digest(named["subject"].parse().unwrap());
            verifier.verify_bundle(&bytes, &artifact).map(drop)
        });
        checked.collect::<Vec<_>>()
    };
    let good = check(of_files(None).await);
    assert!(
        good.len() >= 4 && good.iter().all(Result::is_ok),
        "{good:?}"
    );
    // The name in the checkpoint is signed: another key of the same kind is another log.
    let other = signer::Key::of(signer::Scheme::Ed25519).unwrap();
    let other = ("SIGSTORE_REKOR_PUBLIC_KEY", &*other.public_pem());
    for found in check(of_files(Some(other)).await) {
        assert!(matches!(found, Err(Reason::UnknownLog { .. })), "{found:?}");
    }
}
