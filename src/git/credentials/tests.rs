//! Tests the shapes of credential files and the hosts they are used for.

use super::*;

fn dir(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    dir
}

fn load(files: &[(&str, &str)]) -> Result<Credentials, CredentialsError> {
    let dir = dir(files);
    let credentials = Credentials::new(Some(dir.path()), &Env::default());
    credentials.found()?;
    Ok(credentials)
}

fn login(credentials: &Credentials, url: &str) -> Option<(String, String)> {
    let (url, user) = crate::git::without_user(Url::parse(url).unwrap());
    let user = user.as_deref();
    match credentials.of(&url, user, true).unwrap()? {
        HostCredential::Login(login) => Some((login.user(user).to_owned(), login.password.clone())),
        HostCredential::App(_) => None,
    }
}

fn pair(user: &str, password: &str) -> Option<(String, String)> {
    Some((user.to_owned(), password.to_owned()))
}

#[test]
fn reads_every_shape() {
    let line = "https://bot:a%40b%2F%3A@git.example.com\n";
    let store = load(&[(".git-credentials", line)]).unwrap();
    let found = login(&store, "https://git.example.com/acme/web.git");
    assert_eq!(found, pair("bot", "a@b/:"));
    assert_eq!(login(&store, "https://other.example.com/"), None);
    assert_eq!(login(&store, "http://git.example.com/"), None);
    for (files, user, password) in [
        (
            &[("username", "u"), ("password", "p%40\n")][..],
            "u",
            "p%40",
        ),
        (&[("password", "p")], "git", "p"),
        (&[("username", ""), ("password", "p")], "git", "p"),
        (&[("username", "u"), ("password", "")], "u", ""),
        (&[("git-provider-token", "t%2B")], "git", "t+"),
        (&[("provider.token", "t%2B\n")], "git", "t%2B"),
        (&[("token", "t")], "git", "t"),
    ] {
        let found = login(&load(files).unwrap(), "https://x.example/");
        assert_eq!(found, pair(user, password), "{files:?}");
    }
    let token = load(&[("token", "t")]).unwrap();
    let found = login(&token, "https://oauth2@x.example/acme");
    assert_eq!(found, pair("oauth2", "t"));
}

#[test]
fn prefers_the_login_that_names_the_repository() {
    let both = "https://web:1@git.example.com/acme/web.git\nhttps://ops:2@git.example.com/acme/web-gitops\n";
    let both = load(&[(".git-credentials", both)]).unwrap();
    for (path, user) in [
        ("acme/web.git/info/refs", "web"),
        ("acme/web-gitops.git/info/refs", "ops"),
        ("acme/other/info/refs", "web"),
    ] {
        let found = login(&both, &format!("https://git.example.com/{path}"));
        assert_eq!(found.unwrap().0, user, "{path}");
    }
}

#[test]
fn the_user_of_the_url_picks_the_login() {
    let lines = "https://ci:1@h.example\nhttps://bot:2@h.example\n";
    let store = load(&[(".git-credentials", lines)]).unwrap();
    assert_eq!(login(&store, "https://bot@h.example/x"), pair("bot", "2"));
    assert_eq!(login(&store, "https://h.example/x"), pair("ci", "1"));
    // The clone URL of some hosts names an organisation, which is not an account.
    assert_eq!(login(&store, "https://acme@h.example/x"), pair("ci", "1"));
}

#[test]
fn an_empty_user_or_password_is_one() {
    let lines = "https://tok3n:@a.example\nhttps://:tok3n@b.example\n";
    let store = load(&[(".git-credentials", lines)]).unwrap();
    assert_eq!(login(&store, "https://a.example/x"), pair("tok3n", ""));
    assert_eq!(login(&store, "https://b.example/x"), pair("", "tok3n"));
}

#[test]
fn refuses_an_empty_directory_and_half_an_app() {
    assert!(matches!(load(&[]), Err(CredentialsError::Empty { .. })));
    let user = load(&[("username", "u")]);
    assert!(matches!(user, Err(CredentialsError::Empty { .. })));
    for half in ["githubAppID", "githubAppPrivateKey"] {
        let half = load(&[(half, "1")]);
        assert!(matches!(half, Err(CredentialsError::App { .. })));
    }
    let missing = Credentials::new(Some(Path::new("/nowhere/at/all")), &Env::default());
    let missing = missing.found();
    assert!(matches!(missing, Err(CredentialsError::Missing { .. })));
}

#[test]
fn passes_over_lines_that_are_not_logins() {
    let lines = "# ours\n\nhttps://git.example.com\nhttps://tok3n@h.example\nhttps://a:b@h.example\r\nnonsense\n";
    let found = load(&[(".git-credentials", lines)]).unwrap();
    assert_eq!(login(&found, "https://h.example/x"), pair("a", "b"));
    assert_eq!(login(&found, "https://git.example.com/x"), None);
}

#[test]
fn reads_the_stores_of_the_home_and_those_of_its_configuration() {
    let home = dir(&[
        (".git-credentials", "https://a:1@a.example\n"),
        (".config/git/credentials", "https://b:2@b.example\n"),
        ("other", "https://c:3@c.example\n"),
        (
            ".gitconfig",
            r#"[credential "https://c.example"]
	helper = store --file ~/other
[credential]
	helper = !touch /nowhere
"#,
        ),
    ]);
    let env = Env::from([("HOME", home.path().to_str().unwrap())]);
    let found = Credentials::new(None, &env);
    for (host, user) in [("a", "a"), ("b", "b"), ("c", "c")] {
        let found = login(&found, &format!("https://{host}.example/x"));
        assert_eq!(found.unwrap().0, user);
    }
}

#[test]
fn extra_headers_are_for_their_url() {
    let config = r#"[http "https://dev.example/acme"]
	extraHeader = Authorization: Bearer S3CRET
[http]
	extraheader = X-Proxy: 1
	proxy = x
"#;
    let found = load(&[(".gitconfig", config)]).unwrap();
    let names = |url: &str, trusted| {
        let url = Url::parse(url).unwrap();
        let headers = found.extra_headers(&url, trusted).unwrap();
        let names = headers.iter().map(|header| header.name.as_str().to_owned());
        names.collect::<Vec<_>>()
    };
    let (own, other) = (
        "https://dev.example/acme/web/info/refs",
        "https://o.example/x",
    );
    assert_eq!(names(own, true), ["authorization", "x-proxy"]);
    assert_eq!(names(own, false), ["authorization"]);
    assert_eq!(names("https://dev.example/other", true), ["x-proxy"]);
    assert_eq!(names(other, true), ["x-proxy"]);
    assert!(names(other, false).is_empty());
    assert!(!format!("{:?}", found.found()).contains("S3CRET"));
    let cleared = load(&[(".gitconfig", &format!("{config}\textraHeader =\n"))]).unwrap();
    let url = Url::parse(other).unwrap();
    assert!(cleared.extra_headers(&url, true).unwrap().is_empty());
}

#[test]
fn never_shows_a_password() {
    let basic = load(&[("username", "u"), ("password", "hunter2")]).unwrap();
    assert!(!format!("{basic:?} {:?}", basic.found()).contains("hunter2"));
}
