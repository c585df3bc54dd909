//! Functions by name, with their declarations.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{BuiltinError, CallContext};
use crate::signature::Declaration;
use crate::value::Value;

/// A builtin function of this crate.
pub type Function = fn(&mut CallContext, &[Value]) -> Result<Value, BuiltinError>;

/// A function that the host registers.
pub type HostFunction =
    Arc<dyn Fn(&mut CallContext, &[Value]) -> Result<Value, BuiltinError> + Send + Sync>;

/// A builtin: its declaration and the code.
#[derive(Clone)]
pub struct Builtin {
    pub declaration: Declaration,
    pub call: Call,
}

#[derive(Clone)]
pub enum Call {
    Own(Function),
    Host(HostFunction),
}

impl Builtin {
    /// Tells if the host registered the function.
    #[must_use]
    pub fn is_host(&self) -> bool {
        matches!(self.call, Call::Host(_))
    }

    /// Calls the function.
    ///
    /// # Errors
    /// The reason why the call has no value.
    pub fn call(
        &self,
        context: &mut CallContext,
        operands: &[Value],
    ) -> Result<Value, BuiltinError> {
        match &self.call {
            Call::Own(function) => function(context, operands),
            Call::Host(function) => function(context, operands),
        }
    }
}

#[derive(Clone, Default)]
pub struct Registry {
    functions: BTreeMap<&'static str, Builtin>,
}

impl Registry {
    /// Returns the function of a name.
    pub fn get(&self, name: &str) -> Option<&Builtin> {
        self.functions.get(name)
    }

    /// Returns the declarations of all functions, in order of their names.
    pub fn declarations(&self) -> impl Iterator<Item = &Declaration> {
        self.functions.values().map(|builtin| &builtin.declaration)
    }

    /// Adds a function of this crate.
    pub fn add(&mut self, declaration: Declaration, function: Function) {
        self.insert(declaration, Call::Own(function));
    }

    /// Adds a function of the host.
    pub fn add_host(&mut self, declaration: Declaration, function: HostFunction) {
        self.insert(declaration, Call::Host(function));
    }

    fn insert(&mut self, declaration: Declaration, call: Call) {
        self.functions
            .insert(declaration.name, Builtin { declaration, call });
    }
}

impl fmt::Debug for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.declaration.name)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.functions.keys()).finish()
    }
}
