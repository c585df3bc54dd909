//! The integration tests of `promote`: the real binary against the lab's servers on loopback.

mod cli;
mod docs;
mod harness;
mod layering;
