//! Functions in place of the programs of others, such as kubectl: they see what the program would be called with.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

/// A call of a program.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The program as the step names it.
    pub program: String,
    /// Its arguments, with the pod's paths mapped to this machine.
    pub args: Vec<String>,
    /// Its variables.
    pub env: BTreeMap<String, String>,
    /// The step's Task.
    pub task: String,
    /// The directory in place of the pod's file system.
    pub root: PathBuf,
}

impl Invocation {
    /// The program with its arguments, with the pod's own paths.
    #[must_use]
    pub fn line(&self) -> String {
        let line = [std::slice::from_ref(&self.program), &self.args]
            .concat()
            .join(" ");
        line.replace(&self.root.display().to_string(), "")
    }
}

type Function = Arc<dyn Fn(&Invocation) -> i32 + Send + Sync>;

/// The stand-ins by program.
#[derive(Clone, Default)]
pub(crate) struct StandIns(BTreeMap<String, Function>);

impl StandIns {
    /// Lets a function answer for a program; it returns the exit code.
    pub(crate) fn add(
        &mut self,
        program: &str,
        function: impl Fn(&Invocation) -> i32 + Send + Sync + 'static,
    ) {
        self.0.insert(program.to_owned(), Arc::new(function));
    }

    /// Tells whether the program has a stand-in.
    pub(crate) fn has(&self, program: &str) -> bool {
        self.0.contains_key(program)
    }

    /// Calls it.
    pub(crate) fn call(&self, call: &Invocation) -> Option<i32> {
        self.0.get(&call.program).map(|function| function(call))
    }
}

impl fmt::Debug for StandIns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
