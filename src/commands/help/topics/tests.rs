//! Checks the topics against the command line.

use super::*;

#[test]
fn every_topic_fits_a_terminal() {
    let command = crate::cli::command();
    for topic in TOPICS.iter().filter(|topic| **topic != "credentials") {
        let text = text(topic, &command);
        let long = text.lines().find(|line| line.chars().count() > COLUMNS);
        assert_eq!(long, None, "{topic}");
    }
}

#[test]
fn options_name_their_defaults_and_values() {
    let text = text("options", &crate::cli::command());
    assert!(!text.contains("[default: false]"), "{text}");
    for expected in ["[default: info]", "off, error, warn, info, debug, trace]"] {
        assert!(text.contains(expected), "{text}");
    }
}
