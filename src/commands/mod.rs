//! One file for each subcommand: its flags (whose comments are the help) and its `run`.

pub(crate) mod completions;
pub(crate) mod copy_image;
pub(crate) mod ec;
pub(crate) mod extract_tag;
pub(crate) mod gather_images;
pub(crate) mod man;
pub(crate) mod policy;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod trust;
pub(crate) mod trust_flags;
pub(crate) mod update_deployment;
pub(crate) mod verify_ec;

use std::{
    collections::BTreeSet,
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::{ArgAction, builder::ValueParser};

use crate::{
    clock::Clock,
    env::Env,
    failure::{Failure, Kind, OrFail as _},
    git::{self, Git},
    http::{CertificateProblem, Http},
    registry::{self, Registry},
    tekton::Results,
};

/// The largest hand-over file or event that is read, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Lets every boolean flag of the command take `=true|false`.
pub(crate) fn booleans(command: clap::Command) -> clap::Command {
    command.mut_args(|argument| match argument.get_action() {
        ArgAction::SetTrue => argument
            .action(ArgAction::Set)
            .value_parser(clap::value_parser!(bool))
            .value_name("BOOL")
            .num_args(0..=1)
            .require_equals(true)
            .default_value("false")
            .default_missing_value("true")
            .hide_default_value(true)
            .hide_possible_values(true),
        _ => argument,
    })
}

/// The booleans of the command and its subcommands that are false unless they are given.
///
/// For them `=false` says what holds anyway, so it is taken away before clap would count it as
/// given and find a conflict with another flag.
pub(crate) fn switches(command: &clap::Command) -> BTreeSet<&str> {
    let is_off = |argument: &&clap::Arg| {
        let boolean = argument.get_value_parser().type_id() == ValueParser::bool().type_id();
        boolean && argument.get_default_values() == ["false"]
    };
    let own = command.get_arguments().filter(is_off);
    let own = own.filter_map(clap::Arg::get_long);
    own.chain(command.get_subcommands().flat_map(switches))
        .collect()
}

/// Gives an error of Git its kind and a hint.
pub(crate) fn git_failure(error: git::Error) -> Failure {
    use git::Error as E;
    let kind = match &error {
        E::Url { .. }
        | E::Http(_)
        | E::NoCredentials { .. }
        | E::Ambiguous { .. }
        | E::Signing(_)
        | E::BranchName { .. } => Kind::Usage,
        E::NoRepository { .. } | E::NoRevision { .. } => Kind::NotFound,
        E::Denied { .. } | E::Remote { .. } | E::Moved { .. } => Kind::Remote,
        E::Rejected { .. } => Kind::Conflict,
        E::Library { .. } | E::Interrupted { .. } => Kind::Bug,
    };
    let hint = match &error {
        E::NoCredentials { .. } => Some(
            "give --git-credentials-dir a directory with .git-credentials, or with username and password",
        ),
        E::Denied { status: 403, .. } => Some(
            "the token may be limited to the repository that triggered the run: allow this one too",
        ),
        E::Rejected { .. } => {
            Some("the branch may be protected: push to another --branch and open a merge request")
        }
        _ => None,
    };
    let failure = Failure::new(kind, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Gives an error of a registry its kind and a hint.
pub(crate) fn registry_failure(error: registry::Error) -> Failure {
    use registry::Error as E;
    let kind = match &error {
        E::Http(_)
        | E::AuthFile { .. }
        | E::Helper { .. }
        | E::Manifest { .. }
        | E::Layout { .. } => Kind::Usage,
        E::NotFound { .. } => Kind::NotFound,
        E::Immutable { .. } => Kind::Conflict,
        _ => Kind::Remote,
    };
    let hint = match &error {
        E::Denied { status: 401, .. } => {
            Some("give --authfile a file with credentials for this repository")
        }
        E::Denied { .. } => {
            Some("the account may lack the right, or the repository must be made first")
        }
        E::Certificate { problem, .. } => certificate_hint(*problem),
        E::Status {
            status: 404,
            method,
            ..
        } if method == "POST" => {
            Some("this registry makes no repositories by itself: make the destination's first")
        }
        E::Immutable { .. } => Some("promote under another tag, or allow this one to move"),
        _ => None,
    };
    let failure = Failure::new(kind, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn certificate_hint(problem: CertificateProblem) -> Option<&'static str> {
    match problem {
        CertificateProblem::Authority => Some(
            "the server shows an authority's certificate (CA:TRUE) as its own: let that authority issue a server certificate, or say --insecure-skip-tls-verify for this host",
        ),
        CertificateProblem::UnknownIssuer => {
            Some("give --ca-file the certificate of the authority that issued it")
        }
        CertificateProblem::OtherName => Some("call the host by a name that its certificate has"),
        CertificateProblem::Expired => {
            Some("renew the server's certificate, or set this machine's clock")
        }
        CertificateProblem::Other => None,
    }
}

/// Resolves `file:NAME`, which is relative to the data directory, and leaves other paths alone.
pub(crate) fn in_data_dir(path: &Path, data_dir: Option<&Path>) -> PathBuf {
    let name = path.to_str().and_then(|path| path.strip_prefix("file:"));
    match (name, data_dir) {
        (Some(name), Some(dir)) => dir.join(name),
        (Some(name), None) => PathBuf::from(name),
        (None, _) => path.to_owned(),
    }
}

/// What every command has at hand.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// The environment as it was at the start.
    pub(crate) env: Env,
    /// The time that goes into files.
    pub(crate) clock: Clock,
    /// The HTTP clients.
    pub(crate) http: Http,
    /// The client for every registry.
    pub(crate) registry: Registry,
    /// Where hand-over files and reports are read and written by their default names.
    pub(crate) data_dir: Option<PathBuf>,
    /// Access to Git repositories.
    pub(crate) git: Git,
    /// Whether standard output gets colours.
    pub(crate) color: bool,
}

impl Context {
    /// Where a hand-over file is: the path of a flag as it is, the default name in the data directory.
    pub(crate) fn path(&self, flag: Option<&Path>, default: &str) -> PathBuf {
        match (flag, &self.data_dir) {
            (Some(path), _) => self.named(path),
            (None, Some(dir)) => dir.join(default),
            (None, None) => PathBuf::from(default),
        }
    }

    fn named(&self, path: &Path) -> PathBuf {
        in_data_dir(path, self.data_dir.as_deref())
    }

    /// Reads a file, or standard input for `-`.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when it does not exist, else [`Kind::Usage`]; both name the file.
    pub(crate) fn read(&self, path: &Path) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let read = if path == Path::new("-") {
            io::stdin().lock().take(MAX_FILE).read_to_end(&mut bytes)
        } else {
            let file = fs::File::open(self.named(path));
            file.and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes))
        };
        match read {
            Ok(size) if size as u64 >= MAX_FILE => Err(Failure::message(
                Kind::Usage,
                format!("{} has more than {MAX_FILE} bytes", path.display()),
            )),
            Ok(_) => Ok(bytes),
            Err(error) => {
                let kind = match error.kind() {
                    io::ErrorKind::NotFound => Kind::NotFound,
                    _ => Kind::Usage,
                };
                Err(Failure::new(kind, error).context(format!("cannot read {}", path.display())))
            }
        }
    }
}

/// The regular files below a directory, without hidden directories such as `.git`, by their paths there.
///
/// # Errors
/// [`Kind::NotFound`] when there is no such directory, else [`Kind::Usage`].
pub(crate) fn list_files(dir: &Path) -> Result<Vec<String>, Failure> {
    let mut files = Vec::new();
    let mut open = vec![String::new()];
    while let Some(at) = open.pop() {
        let full = dir.join(&at);
        let entries = fs::read_dir(&full).map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::NotFound => Kind::NotFound,
                _ => Kind::Usage,
            };
            Failure::new(kind, error).context(format!("cannot read {}", full.display()))
        })?;
        for entry in entries {
            let entry = entry.or_fail(Kind::Usage)?;
            let kind = entry.file_type().or_fail(Kind::Usage)?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            let path = if at.is_empty() {
                name.clone()
            } else {
                format!("{at}/{name}")
            };
            if kind.is_file() {
                files.push(path);
            } else if kind.is_dir() && !name.starts_with('.') {
                open.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Writes a file so that it is there whole or not at all.
///
/// # Errors
/// [`Kind::Usage`], naming the file.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let dir = dir.unwrap_or(Path::new("."));
        fs::create_dir_all(dir)?;
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        io::Write::write_all(&mut file, bytes)?;
        // A temporary file is private; a hand-over file is read by the next step's user.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(mode)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok::<_, io::Error>(())
    };
    write().map_err(|error| {
        Failure::new(Kind::Usage, error).context(format!("cannot write {}", path.display()))
    })
}

/// What a command leaves behind: standard output, Tekton results and, when it was refused
/// after its report was written, the failure.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The bytes for standard output.
    pub(crate) stdout: Vec<u8>,
    /// The Tekton results.
    pub(crate) results: Results,
    /// Why the exit code is not 0 although there are results.
    pub(crate) failure: Option<Failure>,
}
