//! The integration tests of `promote`: the real binary against the lab's servers on loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod bad_input;
mod chain;
mod cli;
mod copy_image;
mod cosign;
mod demo;
mod docs;
mod doctor;
mod ec;
mod ec_compare;
mod ec_golden;
mod environment;
mod extract_tag;
mod forges;
mod gather_images;
mod handover;
mod harness;
mod install;
mod interop;
mod layering;
mod lint;
mod neighbours;
mod outputs;
mod overlays;
mod policy_test;
mod prose;
mod report;
mod secrets;
mod serve;
mod swallowed;
mod tampering;
mod tekton_run;
mod tekton_status;
mod tekton_yaml;
mod threat_model;
mod trigger;
mod trust;
mod trust_conformance;
mod unattested;
mod unseen;
mod unseen_evidence;
mod update_deployment;
mod verify_ec;
mod verify_ec_index;
