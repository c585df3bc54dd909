//! The laptop universe.
