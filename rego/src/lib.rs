//! Rego as Open Policy Agent evaluates it: parser, compiler and evaluator.
//!
//! The crate knows no registry, no file system and no asynchronous runtime.
