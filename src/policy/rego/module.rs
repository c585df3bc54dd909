//! A Rego module: the name and text of a policy file.

/// A policy file: its name and Rego source.
#[derive(Debug, Clone)]
pub(crate) struct Module {
    /// The name in messages, normally a path.
    pub(crate) file: String,
    pub(crate) source: String,
}

impl Module {
    /// Tells by its name whether the file contains unit tests, which only `policy test` loads.
    pub(crate) fn is_test(&self) -> bool {
        self.file.ends_with("_test.rego")
    }
}
