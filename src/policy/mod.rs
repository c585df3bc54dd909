//! What a policy says of an image: sources, the document that rules see, their results and the
//! verdict, as Conforma's `ec validate image` gives it. The Rego engine is behind [`rego`].

pub(crate) mod config;
pub(crate) mod criteria;
pub(crate) mod rego;
