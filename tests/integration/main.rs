//! The integration tests of `promote`: the real binary against the lab's servers on loopback.

mod cli;
mod docs;
mod extract_tag;
mod gather_images;
mod harness;
mod layering;
mod tampering;
