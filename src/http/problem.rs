//! Causes of failed requests: a short text and a kind.

use std::{error::Error as StdError, io, time::Duration};

use super::{TransportError, target::Barred};
use crate::budget::Exceeded;

/// A request without an answer, or with a part of one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error("{text}")]
    Transport {
        problem: Problem,
        /// The cause, in a few words.
        text: String,
    },
    #[error("no answer within {}", seconds(.0))]
    Silent(Duration),
    #[error("less than 1 kB a second moved over {}", seconds(.0))]
    Slow(Duration),
    /// The body exceeds the limit.
    #[error("it has more than {limit} bytes")]
    Large {
        /// How many bytes arrived, or were announced.
        found: u64,
        limit: u64,
    },
    /// The body would exceed the memory budget of the run.
    #[error(transparent)]
    Budget(#[from] Exceeded),
}

fn seconds(time: &Duration) -> String {
    format!("{:.0?}", time)
}

/// The kind of a problem with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    Refused,
    Name,
    /// The name has only addresses that must not be reached.
    Barred,
    Unreachable,
    Certificate(CertificateProblem),
    /// The peer speaks plain HTTP, and TLS was expected.
    SpeaksPlain,
    /// The peer speaks TLS, and plain HTTP was expected.
    SpeaksTls,
    Closed,
    Other,
}

/// Why a server's certificate is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CertificateProblem {
    /// It is a certificate of an authority (`CA:TRUE`), which must not serve as a server's.
    Authority,
    /// No authority that is trusted issued it.
    UnknownIssuer,
    OtherName,
    /// Its time is over, or has not begun.
    Expired,
    Other,
}

impl Failed {
    pub(crate) fn problem(&self) -> Problem {
        match self {
            Self::Transport { problem, .. } => *problem,
            _ => Problem::Other,
        }
    }

    /// Tells whether a time limit ended it: another attempt may take as long again.
    pub(crate) fn is_slow(&self) -> bool {
        matches!(self, Self::Silent(_) | Self::Slow(_))
    }
}

impl From<TransportError> for Failed {
    fn from(error: TransportError) -> Self {
        let problem = problem(&error);
        let text = match problem {
            Problem::Refused => "connection refused".to_owned(),
            Problem::Name => "the host name cannot be resolved".to_owned(),
            Problem::Unreachable if error.is_timeout() => "no connection within 10 s".to_owned(),
            Problem::SpeaksPlain => "it answers plain HTTP, not TLS".to_owned(),
            Problem::SpeaksTls => "it answers TLS, not plain HTTP".to_owned(),
            Problem::Closed => "the connection broke".to_owned(),
            _ => deepest(&error),
        };
        Self::Transport { problem, text }
    }
}

/// Returns the message of an error with all its causes.
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

/// Returns the first cause, which describes the event; those around it repeat the URL.
fn deepest(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    text
}

/// The errors of a chain, the outermost first.
fn causes<'a>(
    outermost: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(within(outermost)), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        error.source().map(within)
    })
}

/// An I/O error hides what it wraps from `source`, which may be another one.
fn within<'a>(mut error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    while let Some(wrapped) = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        error = wrapped;
    }
    error
}

fn problem(error: &TransportError) -> Problem {
    // Above it, the library's own errors say that the look-up failed.
    if causes(error).any(|cause| cause.is::<Barred>()) {
        return Problem::Barred;
    }
    if let Some(found) = causes(error).find_map(own_problem) {
        return found;
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
    // The libraries keep these errors in private types.
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
        // Signed by an issuer with the name of a trusted one, but with another key.
        E::UnknownIssuer | E::BadSignature => CertificateProblem::UnknownIssuer,
        E::Expired | E::ExpiredContext { .. } | E::NotValidYet | E::NotValidYetContext { .. } => {
            CertificateProblem::Expired
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => CertificateProblem::OtherName,
        // The library keeps this error in a type of an indirect dependency.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            CertificateProblem::Authority
        }
        _ => CertificateProblem::Other,
    }
}
