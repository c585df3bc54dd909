//! Policy sources.

/// One policy file.
#[derive(Debug, Clone)]
pub(crate) struct Module {
    /// The name in messages, normally a path.
    pub(crate) file: String,
    pub(crate) source: String,
}

impl Module {
    /// Whether the file holds unit tests by its name, which production never loads.
    pub(crate) fn is_test(&self) -> bool {
        self.file.ends_with("_test.rego")
    }
}
