//! A Git server: smart HTTP over git's own `upload-pack` and `receive-pack` (`gitprotocol-http`).
//!
//! Repositories are bare and lie in a temporary directory. With an account set, every request
//! needs it as basic authentication.

mod backend;
mod habit;
pub(crate) mod packet;
mod service;

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
pub use habit::Habit;
use habit::{Counts, Seen};
use http_body_util::BodyExt as _;
use hyper::{Request, Response, body::Incoming, header};

use crate::{
    forge::Forge,
    server::{Body, Listener, Reply, response, serve_with},
    tls::Tls,
};

/// A user and the password by which it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub user: String,
    pub password: String,
}

/// A running Git server; it ends when this is dropped.
pub struct GitServer {
    listener: Listener,
    scheme: &'static str,
    root: tempfile::TempDir,
    shared: Arc<GitState>,
}

/// The function to call after a request, with the request's name.
type RequestHook = Arc<dyn Fn(&str) + Send + Sync>;

struct GitState {
    root: PathBuf,
    account: Mutex<Option<Account>>,
    requests: Mutex<Vec<String>>,
    before_push: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    after_push: Mutex<Option<Arc<dyn Fn() + Send + Sync>>>,
    /// The status of the next push in place of the right one.
    lost: Mutex<Option<u16>>,
    habit: Mutex<Option<Habit>>,
    counts: Counts,
    /// git's own HTTP server answers.
    has_backend: AtomicBool,
    forge: Mutex<Option<Arc<Forge>>>,
    after_request: Mutex<Option<RequestHook>>,
}

#[must_use]
pub fn is_installed() -> bool {
    Command::new("git")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

impl GitServer {
    /// Starts it on a free port of loopback.
    pub fn start(account: Option<Account>) -> Result<Self> {
        Self::start_at(account, SocketAddr::from(([127, 0, 0, 1], 0)), None)
    }

    /// Starts it at an address, with or without TLS.
    pub fn start_at(
        account: Option<Account>,
        listen: SocketAddr,
        tls: Option<&Tls>,
    ) -> Result<Self> {
        let root = tempfile::tempdir()?;
        let shared = Arc::new(GitState {
            root: root.path().to_owned(),
            account: Mutex::new(account),
            requests: Mutex::default(),
            before_push: Mutex::default(),
            after_push: Mutex::default(),
            lost: Mutex::default(),
            habit: Mutex::default(),
            counts: Counts::default(),
            has_backend: AtomicBool::default(),
            forge: Mutex::default(),
            after_request: Mutex::default(),
        });
        let state = Arc::clone(&shared);
        let answer = move |request| -> Reply { Box::pin(answer(Arc::clone(&state), request)) };
        let config = tls.map(|tls| Arc::clone(&tls.config));
        let listener = serve_with(listen, config, answer)
            .with_context(|| format!("cannot listen on {listen}"))?;
        Ok(Self {
            listener,
            scheme: if tls.is_some() { "https" } else { "http" },
            root,
            shared,
        })
    }

    #[must_use]
    pub fn address(&self) -> String {
        format!("{}://{}", self.scheme, self.listener.address())
    }

    /// The URL of a repository such as `acme/web`.
    #[must_use]
    pub fn url(&self, repository: &str) -> String {
        format!("{}/{repository}.git", self.address())
    }

    /// Method and path of every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        lock(&self.shared.requests).clone()
    }

    /// Runs the function when the next push arrives, before git sees it: a race that is always lost.
    pub fn before_next_push(&self, function: impl FnOnce() + Send + 'static) {
        let mut hook = lock(&self.shared.before_push);
        *hook = Some(Box::new(function));
    }

    /// Calls the function after each push, before its answer goes out.
    pub fn after_each_push(&self, function: impl Fn() + Send + Sync + 'static) {
        let mut hook = lock(&self.shared.after_push);
        *hook = Some(Arc::new(function));
    }

    /// Carries out the next push and answers with this status as if it had failed; 200 answers
    /// "done" and does nothing.
    pub fn lie_about_next_push(&self, status: u16) {
        *lock(&self.shared.lost) = Some(status);
    }

    /// Replaces the account that every request must have.
    pub fn set_account(&self, user: &str, password: &str) {
        let mut own = lock(&self.shared.account);
        *own = Some(Account {
            user: user.to_owned(),
            password: password.to_owned(),
        });
    }

    /// Sets a habit of real hosts (see [`Habit`]).
    pub fn set_habit(&self, habit: Habit) {
        let mut own = lock(&self.shared.habit);
        *own = Some(habit);
    }

    /// Lets git's own HTTP server, `git http-backend`, answer.
    pub fn use_http_backend(&self) {
        self.shared.has_backend.store(true, Ordering::Relaxed);
    }

    /// Serves the API of a Git host at the same address.
    pub fn set_forge(&self, forge: Arc<Forge>) {
        forge.set_root(self.root.path(), &self.address());
        let mut own = lock(&self.shared.forge);
        *own = Some(forge);
    }

    /// Calls the function after each request with its method, path and query, before its answer
    /// goes out.
    pub fn after_each_request(&self, function: impl Fn(&str) + Send + Sync + 'static) {
        let mut hook = lock(&self.shared.after_request);
        *hook = Some(Arc::new(function));
    }

    /// A handle on a repository, which is created when it does not exist.
    pub fn repository(&self, name: &str) -> Result<Repository> {
        let path = self.root.path().join(format!("{name}.git"));
        if !path.exists() {
            fs::create_dir_all(&path)?;
            git(
                &path,
                &["init", "--quiet", "--bare", "--initial-branch=main"],
                None,
            )?;
            git(&path, &["config", "http.receivepack", "true"], None)?;
            git(
                &path,
                &["config", "uploadpack.allowAnySHA1InWant", "true"],
                None,
            )?;
        }
        Ok(Repository { path })
    }
}

/// A bare repository of the server, for preparing and inspecting it.
#[derive(Debug, Clone)]
pub struct Repository {
    path: PathBuf,
}

impl Repository {
    /// Commits files on top of a branch and returns the commit.
    pub fn commit(&self, branch: &str, message: &str, files: &[(&str, &str)]) -> Result<String> {
        let index = tempfile::NamedTempFile::new()?;
        let path = index.path().with_extension("index");
        let index = path.to_str().context("temporary path")?.to_owned();
        let with_index = |arguments: &[&str], input: Option<&str>| {
            run(&self.path, arguments, input, &[("GIT_INDEX_FILE", &index)])
        };
        let parent = self.resolve(branch).ok();
        if let Some(parent) = &parent {
            with_index(&["read-tree", parent], None)?;
        }
        for (name, content) in files {
            let blob = self.git(&["hash-object", "-w", "--stdin"], Some(content))?;
            with_index(
                &[
                    "update-index",
                    "--add",
                    "--cacheinfo",
                    &format!("100644,{blob},{name}"),
                ],
                None,
            )?;
        }
        let tree = with_index(&["write-tree"], None)?;
        let _ = fs::remove_file(&index);
        let mut arguments = vec!["commit-tree", &tree, "-m", message];
        if let Some(parent) = &parent {
            arguments.extend(["-p", parent]);
        }
        let commit = self.git(&arguments, None)?;
        self.git(
            &["update-ref", &format!("refs/heads/{branch}"), &commit],
            None,
        )?;
        Ok(commit)
    }

    /// Sets a lightweight tag, moving it if it exists.
    pub fn tag(&self, name: &str, commit: &str) -> Result<()> {
        self.git(&["update-ref", &format!("refs/tags/{name}"), commit], None)
            .map(drop)
    }

    /// Sets an annotated tag, moving it if it exists, and returns the tag object.
    pub fn annotated_tag(&self, name: &str, commit: &str) -> Result<String> {
        self.git(
            &["tag", "--force", "--annotate", "-m", name, name, commit],
            None,
        )?;
        self.resolve(&format!("refs/tags/{name}"))
    }

    /// The object that a revision names.
    pub fn resolve(&self, revision: &str) -> Result<String> {
        self.git(&["rev-parse", "--verify", "--quiet", revision], None)
    }

    /// Reads a file of a revision.
    pub fn read(&self, revision: &str, path: &str) -> Result<String> {
        let output = Command::new("git")
            .current_dir(&self.path)
            .args(["show", &format!("{revision}:{path}")])
            .output()?;
        if !output.status.success() {
            bail!("no {path} in {revision}");
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    pub fn refs(&self) -> Result<BTreeMap<String, String>> {
        let list = self.git(&["for-each-ref", "--format=%(refname) %(objectname)"], None)?;
        let pairs = list.lines().filter_map(|line| line.split_once(' '));
        Ok(pairs
            .map(|(name, object)| (name.to_owned(), object.to_owned()))
            .collect())
    }

    /// Runs git in the repository and returns its output.
    pub fn git(&self, arguments: &[&str], input: Option<&str>) -> Result<String> {
        git(&self.path, arguments, input)
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn git(dir: &Path, arguments: &[&str], input: Option<&str>) -> Result<String> {
    run(dir, arguments, input, &[])
}

/// Runs git with fixed names and dates, so that commits have the same digests each time.
fn run(
    dir: &Path,
    arguments: &[&str],
    input: Option<&str>,
    env: &[(&str, &str)],
) -> Result<String> {
    let mut command = Command::new("git");
    command
        .current_dir(dir)
        .args(arguments)
        .envs(env.iter().copied());
    for role in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{role}_NAME"), "Lab")
            .env(format!("GIT_{role}_EMAIL"), "lab@example.com");
        command.env(format!("GIT_{role}_DATE"), "2026-01-02T03:04:05Z");
    }
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        std::io::Write::write_all(&mut stdin, input.unwrap_or_default().as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!(
            "git {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

async fn answer(shared: Arc<GitState>, request: Request<Incoming>) -> Response<Body> {
    let name = format!("{} {}", request.method(), request.uri());
    let answer = answer_to(&shared, request).await;
    let hook = lock(&shared.after_request).clone();
    if let Some(hook) = hook {
        let _ = tokio::task::spawn_blocking(move || hook(&name)).await;
    }
    answer
}

async fn answer_to(shared: &GitState, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let method = request.method().clone();
    let headers = request.headers().clone();
    lock(&shared.requests).push(format!("{method} {path}"));
    let Ok(body) = request.into_body().collect().await else {
        return response(400, &[], "the body broke off\n");
    };
    let body = body.to_bytes();
    let forge = shared.forge();
    if let Some(forge) = forge.filter(|forge| forge.is_for(&path)) {
        return forge.answer(&method, &path, &query, &headers, &body);
    }
    let habit = lock(&shared.habit).clone();
    let seen = Seen {
        method: &method,
        path: &path,
        query: &query,
        headers: &headers,
        body: &body,
    };
    let odd = habit.and_then(|habit| habit::answer(&habit, &shared.counts, &seen));
    if let Some(answer) = odd {
        return answer;
    }
    if !may_enter(shared, &headers) {
        return response(
            401,
            &[("www-authenticate", "Basic realm=\"lab\"".to_owned())],
            "who are you?\n",
        );
    }
    let done = match shared.has_backend.load(Ordering::Relaxed) {
        true => backend::answer(&shared.root, &method, &path, &query, &headers, body).await,
        false => service::reply(shared, &method, &path, &query, body).await,
    };
    match done {
        Ok(answer) => answer,
        Err(error) => response(404, &[], format!("{error:#}\n")),
    }
}

impl GitState {
    fn forge(&self) -> Option<Arc<Forge>> {
        lock(&self.forge).clone()
    }
}

fn may_enter(shared: &GitState, headers: &header::HeaderMap) -> bool {
    let account = lock(&shared.account);
    let Some(account) = account.as_ref() else {
        return true;
    };
    let expected = STANDARD.encode(format!("{}:{}", account.user, account.password));
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    given.and_then(|given| given.strip_prefix("Basic ")) == Some(&expected)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
