//! What Tekton gives to a step and takes from it: results. The only code that knows its limits and paths.

mod results;

pub(crate) use results::{ResultFlag, Results};
