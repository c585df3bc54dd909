//! git's own HTTP server, `git http-backend`, run as a CGI program (RFC 3875).

use std::{path::Path, process::Stdio};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use hyper::{Method, Response, header::HeaderMap};
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::server::{Body, response};

/// Runs git with a request on its standard input; returns its standard output.
pub(super) async fn run(command: &mut Command, body: Bytes) -> Result<Vec<u8>> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().context("git is not installed")?;
    let mut stdin = child.stdin.take().context("no pipe to git")?;
    let feed = async move {
        let _ = stdin.write_all(&body).await;
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), feed);
    Ok(output?.stdout)
}

/// Answers one request below a directory of repositories.
pub(super) async fn answer(
    root: &Path,
    method: &Method,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Response<Body>> {
    let header = |name: &str| {
        let value = headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    };
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", method.as_str())
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("REMOTE_USER", "lab")
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = run(&mut command, body).await?;
    let end = output.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end else {
        bail!("git http-backend sent no headers");
    };
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let (mut status, mut answered) = (200, Vec::new());
    for line in head.lines() {
        let (name, value) = line.split_once(": ").context("no header")?;
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().unwrap_or_default();
            status = code.parse().context("no status")?;
        } else {
            answered.push((name.to_owned(), value.to_owned()));
        }
    }
    let headers: Vec<_> = answered
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    Ok(response(status, &headers, output[end + 4..].to_vec()))
}
