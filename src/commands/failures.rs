//! The conversion of every module's errors into exit codes and hints.

use crate::{
    failure::{Failure, Kind},
    forge, gate, git, gitops, handover,
    http::{self, CertificateProblem, is_loopback},
    kube,
    policy::{self, Cause, LocateError, source},
    registry, trust,
};

/// Returns the refusal of a tag that names another commit than the event: the same words in every step.
pub(crate) fn moved(tag: &str, expected: &str, found: &str, place: &str) -> Failure {
    let text =
        format!("tag {tag:?} moved: the event is about commit {expected}, {place} has {found} now");
    Failure::message(Kind::Refused, text).hint("push a new tag: a release is never moved")
}

/// Converts an error of Git into a failure with a hint.
pub(crate) fn git_failure(error: git::Error) -> Failure {
    let (kind, hint) = (git_kind(&error), git_hint(&error));
    let failure = Failure::new(kind, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn git_kind(error: &git::Error) -> Kind {
    use git::Error as E;
    match error {
        E::Url { .. }
        | E::Http(_)
        | E::TooLarge { .. }
        | E::Budget(_)
        | E::NoCredentials { .. }
        | E::Unbound { .. }
        | E::Denied { .. }
        | E::SignIn { .. }
        | E::App { .. }
        | E::Certificate { .. }
        | E::OtherProtocol { .. }
        | E::NoSsh { .. }
        | E::Ambiguous { .. }
        | E::Signing(_)
        | E::BranchName { .. } => Kind::Usage,
        E::Credentials(git::CredentialsError::Missing { .. }) => Kind::NotFound,
        E::Credentials(_) => Kind::Usage,
        E::NoRepository { .. } | E::NoRevision { .. } => Kind::NotFound,
        E::Remote { .. } | E::Moved { .. } | E::Busy { .. } => Kind::Remote,
        E::Rejected { .. } => Kind::Conflict,
        E::Library { .. } | E::Interrupted { .. } => Kind::Bug,
    }
}

fn git_hint(error: &git::Error) -> Option<&'static str> {
    use git::Error as E;
    match error {
        E::NoCredentials { .. } | E::SignIn { origin: None, .. } => Some(
            "give --git-credentials-dir a directory with .git-credentials, or with username and password",
        ),
        E::Certificate { problem, .. } => certificate_hint(*problem),
        E::OtherProtocol { tls: true, .. } => Some("write the URL with https://"),
        E::OtherProtocol { tls: false, .. } => {
            Some("write the URL with http://, if this network may see what is sent")
        }
        E::Http(http::Error::Stranger { .. }) => Some(
            "if it is yours: name the repository by --git-url, or give --git-credentials-dir a login for the host",
        ),
        E::Unbound { .. } => Some(
            "bind the login to its host by a line https://USER:PASSWORD@HOST in .git-credentials, or name the host by --git-url, --gitops-repo-url or --policy",
        ),
        E::Denied { status: 403, .. } => Some(
            "the token may be limited to the repository that triggered the run: allow this one too",
        ),
        E::Denied { status: 401, .. } | E::SignIn { .. } => Some(
            "the token may be expired, revoked or of another host: put a new one into that file",
        ),
        E::NoRepository {
            origin: Some(_), ..
        } => Some(
            "check the URL, and give the token's account the right to read and write the repository",
        ),
        E::NoSsh { .. } => Some(
            "the image of this program has no ssh: use https:// with a token, or an image with OpenSSH",
        ),
        E::Rejected { .. } => Some(
            "if the branch takes no pushes: open a change request with --change-request, or push to another --branch, which is created",
        ),
        _ => None,
    }
}

/// Converts an error of a Git host's API into a failure with a hint.
pub(crate) fn forge_failure(error: forge::Error) -> Failure {
    use forge::Error as E;
    let kind = match &error {
        E::Git(error) => return git_failure(error.clone()),
        E::UnknownKind { .. }
        | E::Address { .. }
        | E::Http(_)
        | E::NoToken { .. }
        | E::Unknown { .. }
        | E::Lacks { .. }
        | E::Unsupported { .. }
        | E::Reviewer { .. } => Kind::Usage,
        E::NotFound { .. } => Kind::NotFound,
        E::Refused { .. } => Kind::Conflict,
        E::Busy { .. } | E::Remote { .. } => Kind::Remote,
    };
    let hint = match &error {
        E::UnknownKind { .. } => Some("name the kind by --forge"),
        E::NoToken { .. } => Some(
            "give --forge-token-file a file with a token, or --git-credentials-dir a directory with the repository's credentials",
        ),
        E::Unknown { .. } => Some("put a new token into that file"),
        E::Lacks { .. } => Some("give the token that right, or use another by --forge-token-file"),
        E::NotFound { .. } => Some("check the repository's URL and the rights of the token"),
        _ => None,
    };
    let failure = Failure::new(kind, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Converts an error of a registry into a failure with a hint.
pub(crate) fn registry_failure(error: registry::Error) -> Failure {
    use registry::Error as E;
    let kind = match &error {
        E::Http(_)
        | E::Denied { .. }
        | E::Certificate { .. }
        | E::AuthFile { .. }
        | E::Helper { .. }
        | E::OtherProtocol { .. }
        | E::UploadElsewhere { .. }
        | E::Budget(_)
        | E::Layout { .. } => Kind::Usage,
        E::NotFound { .. } => Kind::NotFound,
        E::Gone { .. } | E::Manifest { .. } => Kind::Refused,
        E::Immutable { .. } => Kind::Conflict,
        _ => Kind::Remote,
    };
    let hint = match &error {
        E::Denied { status: 401, .. } => {
            Some("give --authfile a file with credentials for this repository")
        }
        E::Denied { .. } => {
            Some("the account may lack the right, or the repository must be created first")
        }
        E::Certificate { problem, .. } => certificate_hint(*problem),
        E::Http(http::Error::Stranger { .. } | http::Error::Led { .. }) => Some(
            "if it is yours: name it by a flag (--image, --to, --https HOST), or give --authfile a file with an entry for it",
        ),
        E::UploadElsewhere { .. } => Some(
            "the registry announces an address that is not its own: set its external URL (REGISTRY_HTTP_HOST, X-Forwarded-Proto)",
        ),
        E::Status {
            status: 404,
            method,
            ..
        } if method == "POST" => Some(
            "this registry does not create repositories on a push: create the destination's first",
        ),
        E::Immutable { .. } => Some("promote under another tag, or allow this one to move"),
        _ => None,
    };
    if let E::OtherProtocol { host, tls } = &error {
        let hint = other_protocol_hint(host, *tls);
        return Failure::new(kind, error).hint(hint);
    }
    let failure = Failure::new(kind, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Returns the flag that makes both sides use the same protocol.
fn other_protocol_hint(host: &str, tls: bool) -> String {
    match tls {
        false if is_loopback(host) => format!("leave out --https {host}"),
        false => format!("give --plain-http {host}, if this network may see what is sent"),
        true if is_loopback(host) => format!("give --https {host}"),
        true => format!("leave out --plain-http {host}"),
    }
}

fn certificate_hint(problem: CertificateProblem) -> Option<&'static str> {
    match problem {
        CertificateProblem::Authority => Some(
            "the server presents an authority's certificate (CA:TRUE) as its own: give --ca-file this certificate, or let that authority issue one for the server",
        ),
        CertificateProblem::UnknownIssuer => {
            Some("give --ca-file the certificate of the authority that issued it")
        }
        CertificateProblem::OtherName => Some("name the host as its certificate does"),
        CertificateProblem::Expired => {
            Some("renew the server's certificate, or set this machine's clock")
        }
        CertificateProblem::Other => None,
    }
}

/// Converts an error of `trust` into a failure.
pub(crate) fn trust_failure(error: trust::Error) -> Failure {
    use trust::Error as E;
    let kind = match &error {
        E::Key { .. }
        | E::Identity { .. }
        | E::Root { .. }
        | E::Http(_)
        | E::NoSigner
        | E::Contradiction { .. } => Kind::Usage,
        E::Missing { .. } | E::ImageNotFound { .. } => Kind::NotFound,
        E::Tuf { .. } | E::RootChecksum { .. } | E::TooMany { .. } => Kind::Refused,
        E::Remote { .. } => Kind::Remote,
        E::Kube(error) => kube_kind(error),
        E::Registry(_) => Kind::Remote,
    };
    match error {
        E::Registry(error) => registry_failure(error),
        E::Kube(error) => kube_failure(error),
        E::NoSigner => Failure::new(kind, E::NoSigner).hint(
            "name a key with --public-key, or a signer with --certificate-identity and --certificate-oidc-issuer",
        ),
        error => Failure::new(kind, error),
    }
}

/// Returns the next thing to type when evidence is missing, or may be good under other flags.
pub(crate) fn evidence_hint(failure: &trust::SignatureFailure) -> Option<&'static str> {
    if failure.is_absence() && failure.kind == trust::EvidenceKind::Attestation {
        return Some(
            "attest its provenance (Tekton Chains, cosign attest), or give --allow-unattested to let the policy decide by the image and its signature alone; promote trust verify checks the signature",
        );
    }
    let mut reasons = failure.rejected.iter().map(|rejected| &rejected.reason);
    reasons.find_map(candidate_hint)
}

/// Returns the next thing to type when a signature may be good under other flags.
pub(crate) fn candidate_hint(reason: &trust::Reason) -> Option<&'static str> {
    use trust::Reason as R;
    match reason {
        R::NoLogEntry => Some(
            "--rekor-url looks up entries that are not stored with the signature; with a key, --ignore-rekor accepts it without an entry",
        ),
        R::NotLogged { .. } => Some(
            "the signature was not logged there: sign it with a log, or verify by a key with --ignore-rekor",
        ),
        R::UnknownLog { .. } | R::Chain { .. } => Some(
            "signatures of a private Sigstore need its trusted root: --trusted-root, --tuf-mirror or trust init",
        ),
        R::NotByKey => Some(
            "expect the signer by --certificate-identity and --certificate-oidc-issuer in place of --public-key",
        ),
        R::NoCertificate => Some("expect the key by --public-key"),
        _ => None,
    }
}

/// Converts an error of the cluster into a failure.
pub(crate) fn kube_failure(error: kube::Error) -> Failure {
    let has_none = matches!(error, kube::Error::NoCluster { .. });
    let failure = Failure::new(kube_kind(&error), error);
    match has_none {
        true => failure.hint("name the cluster by --kubeconfig FILE"),
        false => failure,
    }
}

fn kube_kind(error: &kube::Error) -> Kind {
    match error {
        kube::Error::NotFound { .. } => Kind::NotFound,
        kube::Error::NoCluster { .. }
        | kube::Error::Config { .. }
        | kube::Error::Name { .. }
        | kube::Error::Denied { .. }
        | kube::Error::ReadOnly { .. }
        | kube::Error::Http(_) => Kind::Usage,
        kube::Error::Remote { .. } => Kind::Remote,
    }
}

/// Converts an error of locating the configuration into a failure.
pub(crate) fn locate_failure(error: LocateError) -> Failure {
    match error {
        LocateError::Source(error) => source_failure(error),
        error @ LocateError::Absent { .. } => Failure::new(Kind::NotFound, error)
            .hint("write a path as ./PATH, a repository as git::URL//DIR, a resource of the cluster as k8s://NAMESPACE/NAME"),
        LocateError::Cluster {
            source: kube::Error::Remote { .. },
            ..
        } => Failure::new(Kind::Remote, error),
        error => Failure::new(Kind::Usage, error),
    }
}

/// Converts an error of a policy source into a failure.
pub(crate) fn source_failure(error: source::Error) -> Failure {
    use registry::Error as R;
    use source::Error as E;
    let text = error.to_string();
    let hint = match &error {
        E::Certificate { problem, .. } => certificate_hint(*problem),
        E::Local { .. } => Some(
            "name the directory itself by --policy, or put the configuration into a file above it",
        ),
        _ => None,
    };
    let kind = match error {
        E::Interrupted { .. } => Kind::Bug,
        E::Missing { .. } | E::Address(source::AddressError::Unknown { .. }) => Kind::NotFound,
        E::Remote { .. } => Kind::Remote,
        E::Git { source, .. } => git_failure(source).kind(),
        E::Registry { source, .. } => match source {
            // A limit is an error of the source, other bytes are one of the registry.
            R::WrongSize { ref expected, .. } if expected.starts_with("at most") => Kind::Usage,
            R::Manifest { .. } => Kind::Usage,
            source => registry_failure(source).kind(),
        },
        _ => Kind::Usage,
    };
    let failure = Failure::message(kind, text);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Converts an error of the policy into a failure.
pub(crate) fn policy_failure(error: policy::Error) -> Failure {
    match error {
        policy::Error::Source(error) => source_failure(error),
        error @ policy::Error::Interrupted { .. } => Failure::new(Kind::Bug, error),
        error => Failure::new(Kind::Usage, error).context("the policy cannot be used"),
    }
}

/// Converts an error of the gate into a failure.
pub(crate) fn gate_failure(error: gate::Error) -> Failure {
    use gate::Error as E;
    match error {
        E::Trust(trust::Error::Registry(error)) | E::Registry(error) => image_failure(error),
        E::Trust(error) => trust_failure(error),
        E::Locate(error) => locate_failure(error),
        E::Policy(error) => policy_failure(error),
        E::Unlisted(error) => {
            image_failure(error).context("the images of the index cannot be listed")
        }
        E::Component {
            image,
            component,
            source,
        } => {
            let failure = gate_failure(*source);
            // Most causes name the image themselves.
            let context = match failure.cause().contains(&image.to_string()) {
                true => format!("component {component}"),
                false => format!("component {component}, image {image}"),
            };
            failure.context(context)
        }
        E::Unreadable(facts) => {
            let kinds = facts.iter().map(|fact| match fact.reason.cause {
                Cause::Missing | Cause::Unusable => Kind::Refused,
                Cause::Denied => Kind::Usage,
                Cause::Failed => Kind::Remote,
            });
            // A refusal wins over configuration, and that over a remote.
            let worst = kinds.min_by_key(|kind| (*kind != Kind::Refused, *kind));
            Failure::new(worst.unwrap_or(Kind::Refused), E::Unreadable(facts)).hint(
                "exclude the rules that need it, or make it readable: unread data never passes",
            )
        }
        error @ E::ImageNotFound { .. } => Failure::new(Kind::NotFound, error),
        E::EmptyPolicy => Failure::new(Kind::Usage, E::EmptyPolicy)
            .hint("name one under sources, or give --allow-empty-policy"),
        error @ (E::Reference(_) | E::Snapshot(_) | E::Signer { .. }) => {
            Failure::new(Kind::Usage, error)
        }
        error @ E::Encode(_) => Failure::new(Kind::Bug, error),
    }
}

/// Converts a registry error about an evaluated image: bytes other than its digest's are refused.
fn image_failure(error: registry::Error) -> Failure {
    use registry::Error as E;
    match error {
        E::WrongDigest { .. } | E::WrongSize { .. } => Failure::new(Kind::Refused, error),
        error => registry_failure(error),
    }
}

/// Converts an error of a hand-over file into a failure.
pub(crate) fn handover_failure(error: handover::Error) -> Failure {
    use handover::Error as E;
    let kind = match &error {
        E::Parse { .. } | E::Text { .. } | E::Version { .. } => Kind::Usage,
        E::Changed { .. }
        | E::Contradiction { .. }
        | E::NotListed { .. }
        | E::Part { .. }
        | E::Refused { .. }
        | E::OtherDigest { .. } => Kind::Refused,
    };
    let hint = match &error {
        E::NotListed { .. } => Some(
            "the file may belong to another run: run verify-ec for this image, or give --unverified",
        ),
        E::Refused { .. } => Some("mend what the report of verify-ec refuses, and verify again"),
        E::Parse { .. } => Some(
            "verify-ec writes verified.json, copy-image promoted.json, plan-release release.json",
        ),
        _ => None,
    };
    let failure = Failure::new(kind, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Converts an error of an edit into a failure.
pub(crate) fn edit_failure(error: gitops::Error) -> Failure {
    use gitops::Error as E;
    let kind = match &error {
        E::NoContainer { .. } | E::NoMarker { .. } | E::NoFile { .. } | E::NothingThere { .. } => {
            Kind::NotFound
        }
        E::Parse { .. }
        | E::Read { .. }
        | E::List { .. }
        | E::Link { .. }
        | E::PathSyntax { .. }
        | E::Ambiguous { .. }
        | E::NotEditable { .. }
        | E::NotUnderstood { .. }
        | E::Outside { .. }
        | E::Shared { .. }
        | E::Claimed { .. }
        | E::NoEffect { .. } => Kind::Usage,
        E::NotExact { .. } => Kind::Bug,
    };
    let hint = error.hint();
    Failure::new(kind, error).hint(hint)
}

/// Refuses a document that is not a list of images.
pub(crate) fn no_components(origin: &str) -> Failure {
    let text = format!("{origin} has no member components: it is not a list of images");
    Failure::message(Kind::Usage, text)
        .hint("gather-images writes such a list; a Snapshot is one too")
}
