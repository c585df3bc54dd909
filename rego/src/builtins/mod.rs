//! Builtin functions: a registry by name, and the seam for functions of the host.

mod context;
mod error;
mod registry;

pub use context::CallContext;
pub use error::BuiltinError;
pub use registry::{Builtin, Call, Function, HostFunction, Registry};
