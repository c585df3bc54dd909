//! Why a request failed, in a few words, and what kind of problem it is.

use std::{error::Error as StdError, io, time::Duration};

use super::{TransportError, target::Barred};
use crate::budget::Exceeded;

/// Why there is no answer, or not all of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// The connection failed.
    #[error("{text}")]
    Transport {
        /// The kind of problem.
        problem: Problem,
        /// The cause, in a few words.
        text: String,
    },
    /// Nothing came.
    #[error("no answer within {}", seconds(.0))]
    Silent(Duration),
    /// Too little moved.
    #[error("less than 1 kB a second moved over {}", seconds(.0))]
    Slow(Duration),
    /// The body is larger than what is read.
    #[error("it has more than {limit} bytes")]
    Large {
        /// How many bytes arrived, or were announced.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// The run has no memory left for the body.
    #[error(transparent)]
    Budget(#[from] Exceeded),
}

fn seconds(time: &Duration) -> String {
    format!("{:.0?}", time)
}

/// The kind of a problem with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Nothing listens there.
    Refused,
    /// The name has no address.
    Name,
    /// The name has only addresses that must not be asked.
    Barred,
    /// No connection came about.
    Unreachable,
    /// The certificate is not accepted.
    Certificate(CertificateProblem),
    /// The peer speaks plain HTTP, and TLS was expected.
    SpeaksPlain,
    /// The peer speaks TLS, and plain HTTP was expected.
    SpeaksTls,
    /// The connection broke.
    Closed,
    /// Something else.
    Other,
}

/// Why a server's certificate was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CertificateProblem {
    /// It is a certificate of an authority (`CA:TRUE`), which must not serve as a server's.
    Authority,
    /// No authority that is trusted issued it.
    UnknownIssuer,
    /// It is for another name.
    OtherName,
    /// Its time is over, or has not begun.
    Expired,
    /// Something else.
    Other,
}

impl Failed {
    /// The kind of problem.
    pub(crate) fn problem(&self) -> Problem {
        match self {
            Self::Transport { problem, .. } => *problem,
            _ => Problem::Other,
        }
    }

    /// Tells whether a limit of time ended it: another attempt may take as long again.
    pub(crate) fn is_slow(&self) -> bool {
        matches!(self, Self::Silent(_) | Self::Slow(_))
    }
}

impl From<TransportError> for Failed {
    fn from(error: TransportError) -> Self {
        let problem = problem(&error);
        let text = match problem {
            Problem::Refused => "connection refused".to_owned(),
            Problem::Name => "its name cannot be resolved".to_owned(),
            Problem::Unreachable if error.is_timeout() => "no connection within 10 s".to_owned(),
            Problem::SpeaksPlain => "it answers plain HTTP, not TLS".to_owned(),
            Problem::SpeaksTls => "it answers TLS, not plain HTTP".to_owned(),
            Problem::Closed => "the connection broke".to_owned(),
            _ => deepest(&error),
        };
        Self::Transport { problem, text }
    }
}

/// The message of an error with all its causes.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The first cause, which says what happened; those around it repeat the URL.
fn deepest(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    text
}

fn problem(error: &TransportError) -> Problem {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        // An I/O error hides what it wraps from `source`, which may be another one.
        let mut error = error;
        while let Some(wrapped) = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            error = wrapped;
        }
        // Below the library's own error, which says that the look-up failed.
        let below = error.source().is_some_and(|cause| cause.is::<Barred>());
        if below || error.is::<Barred>() {
            return Problem::Barred;
        }
        if let Some(found) = own_problem(error) {
            return found;
        }
        cause = error.source();
    }
    if error.is_connect() || error.is_timeout() {
        Problem::Unreachable
    } else {
        Problem::Other
    }
}

fn own_problem(error: &(dyn StdError + 'static)) -> Option<Problem> {
    match error.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(problem)) => {
            return Some(Problem::Certificate(certificate_problem(problem)));
        }
        Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => {
            return Some(Problem::SpeaksPlain);
        }
        _ => {}
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        use io::ErrorKind as E;
        return match error.kind() {
            E::ConnectionRefused => Some(Problem::Refused),
            E::ConnectionReset | E::ConnectionAborted | E::BrokenPipe | E::UnexpectedEof => {
                Some(Problem::Closed)
            }
            E::HostUnreachable | E::NetworkUnreachable | E::TimedOut => Some(Problem::Unreachable),
            _ => None,
        };
    }
    // The libraries keep these in types that they do not show.
    let text = error.to_string();
    if text == "dns error" {
        return Some(Problem::Name);
    }
    if text.contains("invalid HTTP version parsed") {
        return Some(Problem::SpeaksTls);
    }
    let closed = [
        "connection closed before message completed",
        "connection error",
        "error reading a body from connection",
        "end of file before message length reached",
    ];
    closed.contains(&text.as_str()).then_some(Problem::Closed)
}

fn certificate_problem(problem: &rustls::CertificateError) -> CertificateProblem {
    use rustls::CertificateError as E;
    match problem {
        // Signed by somebody who has the name of one whom we trust, but not the key.
        E::UnknownIssuer | E::BadSignature => CertificateProblem::UnknownIssuer,
        E::Expired | E::ExpiredContext { .. } | E::NotValidYet | E::NotValidYetContext { .. } => {
            CertificateProblem::Expired
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => CertificateProblem::OtherName,
        // The library keeps this one in a type of a crate that we do not name.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            CertificateProblem::Authority
        }
        _ => CertificateProblem::Other,
    }
}
