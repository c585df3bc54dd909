//! What a policy says of an image: sources, the document that rules see, their results and the
//! verdict, as Conforma's `ec validate image` gives it. The Rego engine is behind [`rego`].

pub(crate) mod config;
pub(crate) mod criteria;
pub(crate) mod data;
mod finding;
pub(crate) mod outcome;
pub(crate) mod rego;
pub(crate) mod source;

pub(crate) use criteria::Quirks;
pub(crate) use finding::Finding;
