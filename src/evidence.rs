//! Reads signed documents; their signatures are verified in `trust`.

mod reports;
mod statement;

pub(crate) use reports::reports;
pub(crate) use statement::{InTotoStatement, StatementError};
