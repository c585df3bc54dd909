//! The exit codes of what can be wrong with a policy.

use crate::{
    commands::{git_failure, registry_failure},
    failure::{Failure, Kind},
    kube,
    policy::{self, LocateError, source},
};

/// Gives an error on the way to the configuration its kind.
pub(in crate::commands) fn locate_failure(error: LocateError) -> Failure {
    match error {
        LocateError::Source(error) => source_failure(error),
        LocateError::Cluster {
            source: kube::Error::Remote { .. },
            ..
        } => Failure::new(Kind::Remote, error),
        error => Failure::new(Kind::Usage, error),
    }
}

/// Gives an error of a source its kind.
pub(in crate::commands) fn source_failure(error: source::Error) -> Failure {
    use source::Error as E;
    let text = error.to_string();
    // A source that does not exist is a wrong configuration, whichever way it is looked for.
    let kind = match error {
        E::Remote { .. } => Kind::Remote,
        E::Git { source, .. } => git_failure(source).kind(),
        E::Registry { source, .. } => registry_failure(source).kind(),
        _ => Kind::Usage,
    };
    Failure::message(
        if kind == Kind::NotFound {
            Kind::Usage
        } else {
            kind
        },
        text,
    )
}

/// Gives an error of the policy its kind.
pub(in crate::commands) fn policy_failure(error: policy::Error) -> Failure {
    match error {
        policy::Error::Source(error) => source_failure(error),
        error @ policy::Error::Interrupted { .. } => Failure::new(Kind::Bug, error),
        error => Failure::new(Kind::Usage, error).context("the policy cannot be used"),
    }
}
