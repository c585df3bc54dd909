//! Faults on request, as of real registries and networks, once or always.

use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Answers with this status and nothing is done.
    Status(u16),
    /// Answers with this status (429 or 503) and `Retry-After` in seconds; nothing is done.
    RetryAfter(u16, u64),
    /// Answers with this status and an HTML page, as a proxy in between does.
    Page(u16),
    /// Closes the connection without an answer; nothing is done.
    Reset,
    /// Carries out the request and closes the connection without an answer.
    ResetAfter,
    /// Reads so many bytes of the request's body and closes the connection.
    CutUpload(u64),
    /// Breaks the connection after so many bytes of the answer's body.
    CutAnswer(u64),
    /// Leaves out a header of the answer, such as `location` or `docker-content-digest`.
    Without(&'static str),
    /// Sets a header of the answer to another value.
    Header(&'static str, &'static str),
    /// Changes one byte of the answer's body.
    OtherBytes,
    /// Replaces the answer's body under the same headers: the digest belongs to other bytes.
    Body(Vec<u8>),
    /// Answers with another document, its media type and its own digest; nothing is done.
    Document(&'static str, Vec<u8>),
    /// Answers 202 to a mount and opens an upload, as if the blob could not be mounted.
    NoMount,
    /// Waits before it reads the request and before it answers.
    Slow(Duration),
    /// Sends the answer's body in eight pieces with a pause before each.
    Drip(Duration),
    /// Accepts the request and never answers.
    Hang,
}

/// A fault: its effect, and the requests that it applies to.
#[derive(Debug, Clone)]
pub struct Fault {
    effect: Effect,
    methods: Vec<&'static str>,
    path: String,
    skip: usize,
    times: usize,
}

impl Fault {
    #[must_use]
    pub fn new(effect: Effect) -> Self {
        Self {
            effect,
            methods: Vec::new(),
            path: String::new(),
            skip: 0,
            times: usize::MAX,
        }
    }

    /// Limits the fault to requests of the method whose path and query contain the text.
    #[must_use]
    pub fn of(mut self, method: &'static str, path: impl Into<String>) -> Self {
        self.methods = vec![method];
        self.path = path.into();
        self
    }

    /// Limits the fault to requests that read and whose path and query contain the text.
    #[must_use]
    pub fn of_reads(mut self, path: impl Into<String>) -> Self {
        self.methods = vec!["GET", "HEAD"];
        self.path = path.into();
        self
    }

    /// Skips the first requests that match.
    #[must_use]
    pub fn after(mut self, requests: usize) -> Self {
        self.skip = requests;
        self
    }

    /// Limits the fault to so many requests.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    #[must_use]
    pub fn once(self) -> Self {
        self.times(1)
    }

    fn concerns(&self, method: &str, path: &str) -> bool {
        let methods = &self.methods;
        (methods.is_empty() || methods.contains(&method)) && path.contains(&self.path)
    }
}

/// The faults that are still to come.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns the effects on one request and counts each.
    pub(super) fn on(&mut self, method: &str, path: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for fault in &mut self.0 {
            if !fault.concerns(method, path) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                effects.push(fault.effect.clone());
            }
        }
        effects
    }
}
