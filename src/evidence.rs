//! What signed documents say, once somebody else has checked who signed them.

mod reports;
mod statement;

pub(crate) use reports::reports;
pub(crate) use statement::{Statement, StatementError};
