//! Tests of access: accounts, tokens and TLS.

use super::*;

fn grant(user: &str, prefix: &str) -> Grant {
    let account = Account {
        user: user.to_owned(),
        password: format!("{user}-secret"),
    };
    Grant {
        account,
        prefix: prefix.to_owned(),
    }
}

fn basic(user: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{user}-secret")))
}

#[test]
fn basic_access_is_limited_to_the_repositories_of_the_account() {
    let access = Access::Basic(vec![grant("ann", "acme/")]);
    let server = start(Options {
        access,
        ..Options::default()
    });
    assert_eq!(ask(&server, "GET", "/v2/", b"").status, 401);
    let get = |path: &str, user: &str| {
        ask_with(
            &server,
            "GET",
            path,
            &[("authorization", &basic(user))],
            b"",
        )
        .unwrap()
        .status
    };
    assert_eq!(get("/v2/", "ann"), 200);
    assert_eq!(get("/v2/", "bob"), 401);
    assert_eq!(get("/v2/acme/web/tags/list", "ann"), 404);
    assert_eq!(get("/v2/other/web/tags/list", "ann"), 403);
}

#[test]
fn tokens_carry_scopes_and_expire() {
    let access = Access::Token {
        grants: vec![grant("ann", "acme/")],
        anonymous_pull: true,
        uses: Some(1),
    };
    let server = start(Options {
        access,
        ..Options::default()
    });
    server.put_manifest("acme/web", Some("v1"), MANIFEST, b"{}");
    let path = "/v2/acme/web/manifests/v1";
    let challenge = ask(&server, "GET", path, b"").headers["www-authenticate"].clone();
    assert!(
        challenge.ends_with("/token\",service=\"lab\",scope=\"repository:acme/web:pull\""),
        "{challenge}"
    );
    let token = |scope: &str, more: &[(&str, &str)]| {
        let path = format!("/token?service=lab&scope={}", scope.replace(':', "%3A"));
        let given = ask_with(&server, "GET", &path, more, b"").unwrap();
        (given.status == 200).then(|| format!("Bearer {}", given.json()["token"].as_str().unwrap()))
    };
    let get = |method: &str, token: &str| {
        ask_with(&server, method, path, &[("authorization", token)], b"{}").unwrap()
    };
    let reader = token("repository:acme/web:pull,push", &[]).unwrap();
    assert!(
        get("PUT", &reader).headers["www-authenticate"].contains("error=\"insufficient_scope\"")
    );
    let ann = basic("ann");
    let writer = token("repository:acme/web:pull,push", &[("authorization", &ann)]).unwrap();
    assert_eq!(get("GET", &writer).status, 200);
    assert!(get("GET", &writer).headers["www-authenticate"].contains("error=\"invalid_token\""));
    assert_eq!(
        token(
            "repository:acme/web:pull",
            &[("authorization", &basic("bob"))]
        ),
        None
    );
    let form = b"grant_type=refresh_token&refresh_token=ann-secret&service=lab&scope=repository%3Aacme%2Fweb%3Apush%2Cpull";
    let identity = ask(&server, "POST", "/token", form).json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(get("PUT", &format!("Bearer {identity}")).status, 201);
}

#[test]
fn speaks_tls_with_a_certificate_of_its_own_authority() {
    let tls = Tls::private_authority().unwrap();
    let trusted = tls.trusted_pem.clone();
    let server = start(Options {
        tls: Some(tls),
        ..Options::default()
    });
    assert_eq!(over_tls(&server, &trusted).unwrap().status, 200);
    let stranger = Tls::private_authority().unwrap();
    assert!(over_tls(&server, &stranger.trusted_pem).is_none());
}

fn over_tls(server: &Server, trusted_pem: &str) -> Option<Answer> {
    let text: String = trusted_pem
        .lines()
        .filter(|line| !line.starts_with("---"))
        .collect();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(STANDARD.decode(text).unwrap().into()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".to_owned().try_into().unwrap();
    let client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(server.address()).unwrap();
    talk(
        rustls::StreamOwned::new(client, socket),
        "GET",
        "/v2/",
        &[],
        b"",
    )
}
