//! What signed documents say, once somebody else has checked who signed them.

mod statement;

pub(crate) use statement::{Statement, StatementError};
