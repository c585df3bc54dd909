//! Signing without a long-lived key, against stand-ins for Fulcio, a Rekor v2 log and a timestamp authority. The real servers
//! are those of `tests/interop/sigstore`.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    ops::Range,
    sync::Arc,
    thread,
};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use lab::sigstore::{CertificateRequest, SIGNED, Sigstore, certificate_pem};
use serde_json::{Value, json};

use super::{PROMOTION, PromotedImage, VERIFIER, VSA};

const SUBJECT: &str = "https://kubernetes.io/namespaces/release/serviceaccounts/promote";
const ISSUER: &str = "https://kubernetes.default.svc";

/// The place of the hash in a query for a timestamp.
const HASH: Range<usize> = 24..56;

const STAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// The three services behind one port.
struct Services {
    sigstore: Sigstore,
}

impl Services {
    fn start() -> (Arc<Self>, String) {
        let services = Arc::new(Self {
            sigstore: Sigstore::new().unwrap(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let own = Arc::clone(&services);
        thread::spawn(move || {
            for stream in listener.incoming() {
                own.answer(stream.unwrap());
            }
        });
        (services, url)
    }

    fn answer(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut line, mut length) = (String::new(), 0);
        reader.read_line(&mut line).unwrap();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            let header = header.trim().to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if header.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let path = line.split(' ').nth(1).unwrap_or_default();
        let found = match path {
            "/api/v2/signingCert" => self.certify(&body),
            "/api/v2/log/entries" => self.log(&body),
            "/api/v1/timestamp" => self.stamp(&body[HASH]),
            "/lying/timestamp" => self.stamp(&[7; 32]),
            _ => None,
        };
        let (status, body) = match found {
            Some(body) => ("200 OK", body),
            None => ("400 Bad Request", b"refused".to_vec()),
        };
        let mut stream = stream;
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body).unwrap();
    }

    /// Certifies a key whose owner signed the token's subject.
    fn certify(&self, body: &[u8]) -> Option<Vec<u8>> {
        let request: Value = serde_json::from_slice(body).ok()?;
        let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str);
        let token = text("/credentials/oidcIdentityToken")?;
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        let pem = text("/publicKeyRequest/publicKey/content")?;
        let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let spki = STANDARD.decode(der).ok()?;
        let proof = STANDARD
            .decode(text("/publicKeyRequest/proofOfPossession")?)
            .ok()?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, spki.get(26..)?);
        key.verify(claims["sub"].as_str()?.as_bytes(), &proof)
            .ok()?;
        let request = CertificateRequest::new(SUBJECT, ISSUER);
        let certificate = self.sigstore.certificate_of(&spki, &request).unwrap();
        let chain = json!({"certificates": [certificate_pem(&certificate)]});
        let answer = json!({"signedCertificateEmbeddedSct": {"chain": chain}});
        Some(answer.to_string().into_bytes())
    }

    fn log(&self, body: &[u8]) -> Option<Vec<u8>> {
        let request: Value = serde_json::from_slice(body).ok()?;
        let request = &request["hashedRekordRequestV002"];
        let document = json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": {
            "data": {"algorithm": "SHA2_256", "digest": request["digest"]},
            "signature": request["signature"],
        }}});
        let log = &self.sigstore.log;
        let entry = log.add(&document, SIGNED).ok()?;
        Some(log.bundle_entry(&entry).ok()?.to_string().into_bytes())
    }

    fn stamp(&self, hash: &[u8]) -> Option<Vec<u8>> {
        let token = self.sigstore.stamper.token_of(hash, SIGNED).ok()?;
        STANDARD.decode(token).ok()
    }
}

#[test]
fn a_projected_token_signs_and_the_log_and_a_timestamp_prove_it() {
    let scene = PromotedImage::new();
    let (services, url) = Services::start();
    let root = services.sigstore.trusted_root().to_string();
    let root = scene.dir.write("root.json", root).display().to_string();
    let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"system:serviceaccount:release:promote"}"#);
    scene
        .dir
        .write("token/oidc-token", format!("e30.{claims}.c2ln\n"));
    let fulcio = format!("--fulcio-url={url}");
    let rekor = format!("--rekor-url={url}");
    let tsa = format!("--tsa-url={url}/api/v1/timestamp");
    let verifier = format!("--verifier-id={VERIFIER}");
    let own = [
        fulcio.as_str(),
        "--identity-token-file=token",
        &rekor,
        &verifier,
    ];
    let attest = |flags: &[&str]| scene.attest(&[&own, flags].concat());
    // The layout of this image has no place for an entry of the log.
    attest(&[]).exits(2).says("--tsa-url");
    attest(&["--layout=bundle", &tsa])
        .exits(0)
        .prints("promotion");
    let identity = format!("--certificate-identity={SUBJECT}");
    let issuer = format!("--certificate-oidc-issuer={ISSUER}");
    let trusted = format!("--trusted-root={root}");
    let image = scene.image();
    for kind in [VSA, PROMOTION] {
        let kind = format!("--type={kind}");
        let verify = |identity: &str| {
            scene.dir.promote(&[
                "trust",
                "verify",
                &image,
                "--kind=attestation",
                &kind,
                identity,
                &issuer,
                &trusted,
            ])
        };
        verify(&identity).exits(0);
        verify("--certificate-identity=https://kubernetes.io/other").exits(4);
    }
    scene.production.forget_requests();
    attest(&["--layout=bundle", &tsa])
        .exits(0)
        .prints("present");
    assert_eq!(scene.writes(), [""; 0]);
    // The same services under the tag of attestations: the timestamp goes along.
    attest(&[&tsa]).exits(0);
    let stamped =
        |layer: &Value| layer["annotations"]["dev.sigstore.cosign/rfc3161timestamp"].is_string();
    assert!(
        !scene.att_layers().iter().any(stamped),
        "the statements are there as bundles"
    );
    attest(&[&tsa, "--environment=stage"]).exits(0);
    assert!(scene.att_layers().iter().any(stamped));
}

/// Under the tag of attestations a certificate is read by the timestamp of the whole envelope.
#[test]
fn a_statement_under_a_tag_is_read_by_its_timestamp() {
    let scene = PromotedImage::new();
    let (services, url) = Services::start();
    let root = services.sigstore.trusted_root().to_string();
    let root = scene.dir.write("root.json", root).display().to_string();
    let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"system:serviceaccount:release:promote"}"#);
    scene.dir.write("token", format!("e30.{claims}.c2ln\n"));
    let run = scene.attest(&[
        &format!("--fulcio-url={url}"),
        "--identity-token-file=token",
        &format!("--tsa-url={url}/api/v1/timestamp"),
        &format!("--verifier-id={VERIFIER}"),
    ]);
    run.exits(0).prints("(.att tag, written)");
    let image = scene.image();
    let verify = |kind: &str, subject: &str, flags: &[&str]| {
        let own = [
            "trust",
            "verify",
            &image,
            "--kind=attestation",
            &format!("--type={kind}"),
            &format!("--certificate-identity={subject}"),
            &format!("--certificate-oidc-issuer={ISSUER}"),
            &format!("--trusted-root={root}"),
        ];
        scene.dir.promote(&[&own, flags].concat())
    };
    for kind in [VSA, PROMOTION] {
        verify(kind, SUBJECT, &["--ignore-rekor"]).exits(0);
        verify(kind, "https://kubernetes.io/other", &["--ignore-rekor"]).exits(4);
        verify(kind, SUBJECT, &[]).exits(4);
    }
    let trust = |log: bool| {
        let text = format!(
            "verifiers:\n- {{id: {VERIFIER}, identity: {SUBJECT}, issuer: {ISSUER}, environments: [prod], transparencyLog: {log}}}\ntrustedRoot: {root}\n"
        );
        scene.dir.write("trust.yaml", text);
        let gitops = format!("--gitops-repo-url={}", scene.universe.gitops_url());
        let credentials = format!(
            "--git-credentials-dir={}",
            scene.universe.credentials().display()
        );
        scene.dir.promote(&[
            "update-deployment",
            &gitops,
            &credentials,
            "--dry-run",
            "--adopt",
            "--require-attestation=trust.yaml",
        ])
    };
    trust(false).exits(0);
    trust(true).exits(4);
    // A timestamp over other bytes, and none.
    let tag = scene.universe.image.attached_tag("att");
    let bytes = scene.production.manifest("acme/web", &tag).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut manifest: Value = serde_json::from_slice(&bytes).unwrap();
        let layers = manifest["layers"].as_array_mut().unwrap();
        let own = layers.iter_mut();
        own.filter(|layer| layer["annotations"]["predicateType"] == PROMOTION)
            .for_each(|layer| change(&mut layer["annotations"]));
        let text = manifest.to_string();
        scene.production.put_manifest(
            "acme/web",
            Some(&tag),
            lab::signer::MANIFEST,
            text.as_bytes(),
        );
        verify(PROMOTION, SUBJECT, &["--ignore-rekor"])
    };
    let other = services.sigstore.stamper.token(b"other", SIGNED).unwrap();
    let other = json!({"SignedRFC3161Timestamp": other}).to_string();
    changed(&|_| ()).exits(0);
    changed(&|annotations| annotations[STAMP] = other.as_str().into()).exits(4);
    changed(&|annotations| drop(annotations.as_object_mut().unwrap().remove(STAMP))).exits(4);
    changed(&|annotations| {
        let certificate = "dev.sigstore.cosign/certificate";
        drop(annotations.as_object_mut().unwrap().remove(certificate));
    })
    .exits(4);
}

#[test]
fn a_service_that_refuses_or_lies_ends_the_run() {
    let scene = PromotedImage::new();
    let (_services, url) = Services::start();
    let verifier = format!("--verifier-id={VERIFIER}");
    let fulcio = format!("--fulcio-url={url}");
    let token = "--identity-token-file=token";
    scene
        .attest(&[&fulcio, token, &verifier])
        .exits(3)
        .says("token");
    scene.dir.write("token", "not a token");
    scene
        .attest(&[&fulcio, token, &verifier])
        .exits(2)
        .says("OIDC token");
    let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"a"}"#);
    scene.dir.write("token", format!("e30.{claims}.c2ln"));
    let elsewhere = format!("--fulcio-url={url}/elsewhere");
    let run = scene.attest(&[&elsewhere, token, &verifier]).exits(2);
    assert!(!run.stderr.contains(&claims), "{}", run.stderr);
    let lying = format!("--tsa-url={url}/lying/timestamp");
    scene
        .attest(&[&fulcio, token, &verifier, &lying])
        .exits(5)
        .says("no timestamp over the signature");
    scene
        .attest(&["--fulcio-url=http://127.0.0.1:9", token, &verifier])
        .exits(5);
    assert_eq!(scene.writes(), [""; 0]);
}
