//! Against servers and tools that others made. Each test says when it is skipped because a tool
//! is missing; with `PROMOTE_INTEROP=required` (the gate sets it) a missing tool is a failure.

mod chain;
mod copy;
mod docker_registry;
mod git_http;
mod networks;
mod readers;
mod signing;

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command},
    time::{Duration, Instant},
};

/// Tells whether all tools are there.
pub(crate) fn available(tools: &[&str]) -> bool {
    let missing: Vec<_> = tools
        .iter()
        .copied()
        .filter(|tool| find(tool).is_none())
        .collect();
    let missing = missing.join(", ");
    if missing.is_empty() {
        return true;
    }
    #[expect(clippy::disallowed_methods, reason = "a switch of the test run itself")]
    let required = std::env::var("PROMOTE_INTEROP").is_ok_and(|value| value == "required");
    assert!(!required, "not installed: {missing}");
    #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
    {
        eprintln!("skipped: not installed: {missing}");
    }
    false
}

/// A tool for tests elsewhere; a missing one is said, and fails where interop is required.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    available(&[name]).then(|| find(name)).flatten()
}

/// A program on the PATH or where Debian puts servers.
fn find(tool: &str) -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test looks for programs as a shell does"
    )]
    let path = std::env::var("PATH").unwrap_or_default();
    let dirs = path.split(':').chain(["/usr/sbin", "/usr/lib/git-core"]);
    dirs.map(|dir| PathBuf::from(dir).join(tool))
        .find(|path| path.is_file())
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A process that ends with the test.
struct Process(Child);

impl Process {
    /// Starts it and waits until it listens on the port.
    fn start(mut command: Command, port: u16) -> Self {
        let process = Self(command.spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        process
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a tool that must succeed and returns its output.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
