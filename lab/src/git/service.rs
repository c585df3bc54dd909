//! Git's services, `upload-pack` and `receive-pack`, with the hooks and lies of the tests around a push.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use bytes::Bytes;
use hyper::{Method, Response};

use super::{
    GitState, backend, git, lock,
    packet::{self, Push},
};
use crate::{
    forge::Forge,
    server::{Body, response},
};

/// The branches of a repository with their commits.
struct Refs(Vec<(String, String)>);

impl Refs {
    fn of(repository: &Path) -> Result<Self> {
        let list = git(
            repository,
            &["for-each-ref", "--format=%(refname) %(objectname)"],
            None,
        )?;
        let pairs = list.lines().filter_map(|line| line.split_once(' '));
        Ok(Self(
            pairs
                .map(|(name, object)| (name.to_owned(), object.to_owned()))
                .collect(),
        ))
    }

    fn restore(&self, repository: &Path) -> Result<()> {
        for (name, object) in &self.0 {
            git(repository, &["update-ref", name, object], None)?;
        }
        Ok(())
    }
}

/// A request to git's services on a repository.
struct Service<'a> {
    /// The name of the repository without `.git`.
    name: &'a str,
    /// `git-upload-pack` or `git-receive-pack`.
    program: &'a str,
    repository: PathBuf,
    advertises: bool,
}

impl<'a> Service<'a> {
    fn of(root: &Path, method: &Method, path: &'a str, query: &'a str) -> Result<Self> {
        let (name, program) = match (path.strip_suffix("/info/refs"), path.rsplit_once('/')) {
            (Some(name), _) => (name, query.strip_prefix("service=").unwrap_or_default()),
            (None, Some((name, program))) => (name, program),
            (None, None) => bail!("no repository"),
        };
        // As on real hosts, `.git` may be left out.
        let name = name.trim_start_matches('/');
        let name = name.strip_suffix(".git").unwrap_or(name);
        let repository = root.join(format!("{name}.git"));
        let known = ["git-upload-pack", "git-receive-pack"].contains(&program);
        if !known || name.contains("..") || !repository.is_dir() {
            bail!("no such repository or service: {path}");
        }
        Ok(Self {
            name,
            program,
            repository,
            advertises: *method == Method::GET,
        })
    }

    fn pushes(&self) -> bool {
        self.program == "git-receive-pack" && !self.advertises
    }

    /// Runs git's program with the request's body and returns its output.
    async fn run(&self, body: Bytes) -> Result<Vec<u8>> {
        let mut command = tokio::process::Command::new("git");
        command
            .arg(self.program.trim_start_matches("git-"))
            .arg("--stateless-rpc");
        if self.advertises {
            command.arg("--advertise-refs");
        }
        command.arg(&self.repository);
        backend::run(&mut command, body).await
    }

    /// Returns the response around git's output, with the lines of the forge in front of a push's result.
    fn response(
        &self,
        forge: Option<&Forge>,
        push: Option<&Push>,
        output: Vec<u8>,
    ) -> Response<Body> {
        let (kind, body) = if self.advertises {
            let head = format!("# service={}\n", self.program);
            let mut body = format!("{:04x}{head}0000", head.len() + 4).into_bytes();
            body.extend(output);
            ("advertisement", body)
        } else {
            let lines = push.and_then(|push| forge?.pushed(self.name, push));
            let lines = lines.map(|text| packet::packet(format!("\x02{text}\n").as_bytes()));
            ("result", [lines.unwrap_or_default(), output].concat())
        };
        let headers = [
            (
                "content-type",
                format!("application/x-{}-{kind}", self.program),
            ),
            ("cache-control", "no-cache".to_owned()),
        ];
        response(200, &headers, body)
    }
}

/// Answers a request of the smart HTTP protocol.
pub(super) async fn reply(
    shared: &GitState,
    method: &Method,
    path: &str,
    query: &str,
    body: Bytes,
) -> Result<Response<Body>> {
    let service = Service::of(&shared.root, method, path, query)?;
    if !service.pushes() {
        let output = service.run(body).await?;
        return Ok(service.response(None, None, output));
    }
    let hook = lock(&shared.before_push).take();
    if let Some(hook) = hook {
        tokio::task::spawn_blocking(hook).await?;
    }
    let push = Push::parse(&body);
    let lie = lock(&shared.lost).take();
    let kept = match lie {
        // Only a ref that no test reads moves: the answer is right for another ref.
        Some(200) => Some(Refs::of(&service.repository)?),
        _ => None,
    };
    let output = service.run(body).await?;
    if let Some(kept) = kept {
        kept.restore(&service.repository)?;
    }
    let hook = lock(&shared.after_push).clone();
    if let Some(hook) = hook {
        tokio::task::spawn_blocking(move || hook()).await?;
    }
    if let Some(status) = lie.filter(|status| *status != 200) {
        return Ok(response(status, &[], "on purpose\n"));
    }
    Ok(service.response(shared.forge().as_deref(), Some(&push), output))
}
