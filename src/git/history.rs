//! Fetches commits of a remote repository without their files, to compare their order.
//!
//! The Git library cannot fetch commits without trees, so this speaks the protocol itself
//! (`gitprotocol-pack`, version 0, stateless): one request for the refs, one for a pack with
//! the filter `tree:0`, if the host supports filters. The library stores and walks the commits.

use std::{collections::BTreeSet, io::Write as _, path::Path};

use git2::transport::Service;

use super::{
    Error, Git,
    error::redacted,
    is_commit,
    transport::{GitEndpoint, TransportSession, is_ssh},
};

/// The largest pack that is accepted, in bytes. Hosts without filters send whole trees.
const MAX_PACK: usize = 256 << 20;
/// The most refs that are requested from a host that serves only tips.
const MAX_WANTS: usize = 10_000;

/// Fetched commits with their ancestors, in a repository of their own.
pub(crate) struct History {
    url: String,
    repository: git2::Repository,
    // Declared last, so that the files are removed after the repository that uses them.
    _dir: Option<tempfile::TempDir>,
}

/// Facts about a commit, as its author wrote them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitDetails {
    /// `NAME <MAIL>`.
    pub(crate) author: String,
    /// The first line of the message.
    pub(crate) subject: String,
    /// The rest of the message, without blank lines around it.
    pub(crate) body: String,
    pub(crate) date: Option<jiff::Timestamp>,
}

/// The relation of one commit to another in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Same,
    Descendant,
    Ancestor,
    Sibling,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Git {
    /// Fetches commits with their ancestors, at most `depth` generations of them.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::NoRevision`] when the repository lacks one of the commits.
    pub(crate) fn history(
        &self,
        url: &str,
        commits: &[&str],
        depth: Option<u32>,
    ) -> Result<History, Error> {
        let address = self.address(url)?;
        let url = redacted(&address);
        for commit in commits {
            // The library's object names are SHA-1.
            if !is_commit(commit) || commit.len() != 40 {
                return Err(no_revision(&url, commit));
            }
        }
        let history = match address.strip_prefix("file://").unwrap_or(&address) {
            path if Path::new(path).is_dir() => History {
                repository: git2::Repository::open_bare(path)
                    .or_else(|_| git2::Repository::open(path))?,
                url,
                _dir: None,
            },
            _ => self.fetch_history(&address, commits, depth)?,
        };
        for commit in commits {
            let found = git2::Oid::from_str(commit)
                .and_then(|commit| history.repository.find_commit(commit).map(drop));
            found.map_err(|_| no_revision(&history.url, commit))?;
        }
        Ok(history)
    }

    fn fetch_history(
        &self,
        address: &str,
        commits: &[&str],
        depth: Option<u32>,
    ) -> Result<History, Error> {
        if is_ssh(address) {
            return self.fetch_by_library(address, depth);
        }
        let endpoint = GitEndpoint::new(self, address)?;
        let broken = |reason: &str| Error::Remote {
            url: redacted(address),
            reason: reason.to_owned(),
        };
        let advertised = endpoint.send(Service::UploadPackLs, Vec::new())?;
        let advertised = Advertisement::parse(&advertised)
            .ok_or_else(|| broken("it does not speak Git's protocol"))?;
        let request = advertised.request(commits, depth);
        let answer = endpoint.send(Service::UploadPack, request)?;
        let pack = pack_of(&answer).map_err(|reason| broken(&reason))?;
        if pack.len() > MAX_PACK {
            return Err(broken("its history is larger than 256 MiB"));
        }
        let dir = tempfile::tempdir().map_err(|error| Error::Library {
            reason: error.to_string(),
        })?;
        let repository = git2::Repository::init_bare(dir.path())?;
        store(&repository, pack).map_err(|reason| broken(&reason))?;
        Ok(History {
            url: redacted(address),
            repository,
            _dir: Some(dir),
        })
    }

    /// Fetches all branches and tags: over SSH no filtered request is possible.
    fn fetch_by_library(&self, address: &str, depth: Option<u32>) -> Result<History, Error> {
        let dir = tempfile::tempdir().map_err(|error| Error::Library {
            reason: error.to_string(),
        })?;
        let repository = git2::Repository::init_bare(dir.path())?;
        {
            let _session = TransportSession::begin(self.clone());
            let mut remote = repository.remote_anonymous(address)?;
            let mut options = git2::FetchOptions::new();
            options.download_tags(git2::AutotagOption::None);
            if let Some(depth) = depth.and_then(|depth| i32::try_from(depth).ok()) {
                options.depth(depth);
            }
            let all = [
                "+refs/heads/*:refs/promote/heads/*",
                "+refs/tags/*:refs/promote/tags/*",
            ];
            let fetched = remote.fetch(&all, Some(&mut options), None);
            fetched.map_err(|error| Error::from_git(address, &error))?;
        }
        Ok(History {
            url: redacted(address),
            repository,
            _dir: Some(dir),
        })
    }
}

fn no_revision(url: &str, commit: &str) -> Error {
    Error::NoRevision {
        url: url.to_owned(),
        revision: commit.to_owned(),
    }
}

fn store(repository: &git2::Repository, pack: &[u8]) -> Result<(), String> {
    let odb = repository.odb().map_err(|error| error.to_string())?;
    let mut writer = odb.packwriter().map_err(|error| error.to_string())?;
    writer.write_all(pack).map_err(|error| error.to_string())?;
    writer.commit().map_err(|error| error.to_string())?;
    Ok(())
}

impl History {
    /// Returns the relation of `commit` to `other`.
    ///
    /// # Errors
    /// [`Error::Library`] when the commits cannot be walked.
    pub(crate) fn relation(&self, commit: &str, other: &str) -> Result<Relation, Error> {
        let (commit, other) = (git2::Oid::from_str(commit)?, git2::Oid::from_str(other)?);
        if commit == other {
            return Ok(Relation::Same);
        }
        if self.repository.graph_descendant_of(commit, other)? {
            return Ok(Relation::Descendant);
        }
        if self.repository.graph_descendant_of(other, commit)? {
            return Ok(Relation::Ancestor);
        }
        Ok(Relation::Sibling)
    }

    /// Returns author, message and time of a commit.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub(crate) fn details(&self, commit: &str) -> Result<CommitDetails, Error> {
        let found = self.repository.find_commit(git2::Oid::from_str(commit)?)?;
        let author = found.author();
        let author = format!(
            "{} <{}>",
            String::from_utf8_lossy(author.name_bytes()),
            String::from_utf8_lossy(author.email_bytes())
        );
        let message = String::from_utf8_lossy(found.message_bytes()).into_owned();
        let time = jiff::Timestamp::from_second(found.time().seconds());
        Ok(CommitDetails {
            author,
            subject: message.lines().next().unwrap_or_default().to_owned(),
            body: message
                .split_once('\n')
                .map_or("", |(_, body)| body)
                .trim()
                .to_owned(),
            date: time.ok(),
        })
    }

    /// Lists the commits along first parents, newest first, as far as they were fetched.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub(crate) fn log(&self, commit: &str, most: usize) -> Result<Vec<(String, String)>, Error> {
        let mut log = Vec::new();
        let mut next = Some(git2::Oid::from_str(commit)?);
        while let Some(id) = next.filter(|_| log.len() < most) {
            let found = match self.repository.find_commit(id) {
                Ok(found) => found,
                // The depth of the fetch ends here.
                Err(error) if error.code() == git2::ErrorCode::NotFound => break,
                Err(error) => return Err(error.into()),
            };
            let message = String::from_utf8_lossy(found.message_bytes()).into_owned();
            log.push((id.to_string(), message));
            next = found.parent_ids().next();
        }
        Ok(log)
    }

    /// Lists the messages of a commit and its ancestors along first parents, newest first, as far as
    /// they were fetched.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub(crate) fn messages(&self, commit: &str, most: usize) -> Result<Vec<String>, Error> {
        let log = self.log(commit, most)?;
        Ok(log.into_iter().map(|(_, message)| message).collect())
    }
}

/// The refs and capabilities that a host advertises before a fetch.
#[derive(Debug, Default)]
struct Advertisement {
    objects: BTreeSet<String>,
    capabilities: Vec<String>,
}

impl Advertisement {
    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let mut found = Self::default();
        while !bytes.is_empty() {
            let (line, rest) = packet(bytes)?;
            bytes = rest;
            let Some(line) = line.filter(|line| !line.starts_with(b"#")) else {
                continue;
            };
            let line = String::from_utf8_lossy(line);
            let (name, capabilities) = line.trim_end().split_once('\0').unwrap_or((&line, ""));
            if !capabilities.is_empty() {
                found.capabilities = capabilities.split(' ').map(str::to_owned).collect();
            }
            let object = name.split(' ').next().unwrap_or_default();
            if is_commit(object) && object.bytes().any(|digit| digit != b'0') {
                found.objects.insert(object.to_owned());
            }
        }
        Some(found)
    }

    fn has(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|own| own == capability)
    }

    /// Returns the request for a pack. A host that serves only tips gets a request for all of them.
    fn request(&self, commits: &[&str], depth: Option<u32>) -> Vec<u8> {
        let any = self.has("allow-reachable-sha1-in-want");
        let tips = commits.iter().all(|commit| self.objects.contains(*commit));
        let wants: Vec<&str> = match any || tips {
            true => commits.to_vec(),
            false => self
                .objects
                .iter()
                .map(String::as_str)
                .take(MAX_WANTS)
                .collect(),
        };
        let filter = self.has("filter");
        let mut capabilities = "ofs-delta no-progress agent=promote".to_owned();
        if filter {
            capabilities.push_str(" filter");
        }
        let mut request = Vec::new();
        for (number, want) in wants.iter().enumerate() {
            match number {
                0 => line(&mut request, &format!("want {want} {capabilities}\n")),
                _ => line(&mut request, &format!("want {want}\n")),
            }
        }
        if let Some(depth) = depth.filter(|_| self.has("shallow")) {
            line(&mut request, &format!("deepen {depth}\n"));
        }
        if filter {
            line(&mut request, "filter tree:0\n");
        }
        request.extend_from_slice(b"0000");
        line(&mut request, "done\n");
        request
    }
}

/// Parses bytes as both answers of the protocol.
#[cfg(test)]
pub(super) fn read_packets(bytes: &[u8]) {
    if let Some(advertised) = Advertisement::parse(bytes) {
        let _ = advertised.request(&["0000000000000000000000000000000000000000"], Some(3));
    }
    let _ = pack_of(bytes);
}

fn line(request: &mut Vec<u8>, text: &str) {
    request.extend_from_slice(format!("{:04x}{text}", text.len() + 4).as_bytes());
}

/// Splits off one packet line (`gitprotocol-common`); `None` inside for a flush.
pub(super) fn packet(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = bytes.split_at_checked(4)?;
    let length = usize::from_str_radix(std::str::from_utf8(length).ok()?, 16).ok()?;
    match length {
        0..4 => Some((None, rest)),
        _ => {
            let (line, rest) = rest.split_at_checked(length - 4)?;
            Some((Some(line), rest))
        }
    }
}

/// Returns the pack behind the packet lines of an answer.
fn pack_of(mut answer: &[u8]) -> Result<&[u8], String> {
    while !answer.starts_with(b"PACK") {
        let (line, rest) = packet(answer).ok_or("it sent no pack")?;
        if let Some(reason) = line.and_then(|line| line.strip_prefix(b"ERR ")) {
            return Err(String::from_utf8_lossy(reason).trim().to_owned());
        }
        answer = rest;
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_packet_lines_and_refuses_broken_ones() {
        assert_eq!(
            packet(b"0006a\nrest"),
            Some((Some(&b"a\n"[..]), &b"rest"[..]))
        );
        assert_eq!(packet(b"0000rest"), Some((None, &b"rest"[..])));
        for broken in [&b"000"[..], b"00ffa", b"zzzz", b""] {
            assert_eq!(packet(broken), None);
        }
        assert_eq!(pack_of(b"0008NAK\nPACKx").unwrap(), b"PACKx");
        assert_eq!(pack_of(b"000fERR nothing").unwrap_err(), "nothing");
        assert!(pack_of(b"0008NAK\n").is_err());
    }

    #[test]
    fn a_host_without_filters_and_free_choice_serves_its_tips() {
        let (tip, other) = ("1".repeat(40), "2".repeat(40));
        let mut advertised = Vec::new();
        line(&mut advertised, "# service=git-upload-pack\n");
        advertised.extend_from_slice(b"0000");
        line(&mut advertised, &format!("{tip} HEAD\0shallow ofs-delta\n"));
        let plain = Advertisement::parse(&advertised).unwrap();
        let request = String::from_utf8(plain.request(&[&other], None)).unwrap();
        assert!(request.contains(&tip) && !request.contains(&other));
        assert!(!request.contains("filter"));
        let mut advertised = Vec::new();
        let free = format!("{tip} HEAD\0allow-reachable-sha1-in-want filter shallow\n");
        line(&mut advertised, &free);
        let free = Advertisement::parse(&advertised).unwrap();
        let request = String::from_utf8(free.request(&[&other], Some(5))).unwrap();
        assert!(request.contains(&other) && request.contains("filter tree:0"));
        assert!(request.contains("deepen 5"));
    }
}
