//! Conforma policies: where they come from, what they say about an image, what of it counts.

pub(crate) mod rego;
