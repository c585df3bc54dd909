//! Faults on request: what real registries and networks do to a client, once or always.

use std::time::Duration;

/// The kind of the fault.
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
    /// Does what was asked and closes the connection without an answer.
    ResetAfter,
    /// Reads so many bytes of the request's body and closes the connection.
    CutUpload(u64),
    /// Breaks the connection after so many bytes of the answer's body.
    CutAnswer(u64),
    /// Leaves out a header of the answer, such as `location` or `docker-content-digest`.
    Without(&'static str),
    /// Gives a header of the answer another value.
    Header(&'static str, &'static str),
    /// Gives the answer's body one changed byte.
    OtherBytes,
    /// Gives the answer another body under the same headers: a digest that belongs to other bytes.
    Body(Vec<u8>),
    /// Answers with another document, its media type and its own digest; nothing is done.
    Document(&'static str, Vec<u8>),
    /// Answers 202 to a mount and opens an upload, as if the blob could not be mounted.
    NoMount,
    /// Takes its time before it reads the request and before it answers.
    Slow(Duration),
    /// Sends the answer's body in eight pieces with a pause before each.
    Drip(Duration),
    /// Never answers.
    Hang,
}

/// One fault: what goes wrong, and with which requests.
#[derive(Debug, Clone)]
pub struct Fault {
    effect: Effect,
    methods: Vec<&'static str>,
    path: String,
    skip: usize,
    times: usize,
}

impl Fault {
    /// A fault of every request.
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

    /// Only with requests of the method whose path and query contain the text.
    #[must_use]
    pub fn of(mut self, method: &'static str, path: impl Into<String>) -> Self {
        self.methods = vec![method];
        self.path = path.into();
        self
    }

    /// Only with requests that read and whose path and query contain the text.
    #[must_use]
    pub fn of_reads(mut self, path: impl Into<String>) -> Self {
        self.methods = vec!["GET", "HEAD"];
        self.path = path.into();
        self
    }

    /// Not with the first requests that match.
    #[must_use]
    pub fn after(mut self, requests: usize) -> Self {
        self.skip = requests;
        self
    }

    /// Only so many times.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Only once.
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

    /// The effects on one request, each of which is then counted.
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
