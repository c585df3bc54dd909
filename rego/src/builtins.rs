//! Builtin functions: a registry by name, and the seam for functions of the host.
//!
//! The functions give what those of Open Policy Agent 1.20 give, to the texts of errors; one file has one family.

mod cidr;
mod collections;
mod context;
mod crypto;
mod declarations;
mod der;
mod encoding;
mod error;
mod glob;
mod globs_match;
mod go_format;
mod graph;
mod json_patch;
mod jwt;
mod keys;
mod numbers;
mod objects;
mod operand;
mod random;
mod regex;
mod registry;
mod schema;
mod semver;
mod sprintf;
mod strings;
mod subset;
mod time;
mod units;
mod urls;
mod uuid;
mod x509;
pub mod yaml;

pub use context::CallContext;
pub use declarations::{declarations, not_offered, offered, refused};
pub use error::BuiltinError;
pub use registry::{Builtin, Call, Function, HostFunction, Registry};
