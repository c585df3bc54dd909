//! Parses PEM (RFC 7468): base64 must be canonical and labels must match, lines may have any length.
//!
//! The crate pem-rfc7468 refuses lines that are not 64 characters long; keys that were pasted into Secrets
//! and YAML have others.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A block of a PEM text, with its label and decoded content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The label, such as `PUBLIC KEY`.
    pub(crate) label: String,
    pub(crate) der: Vec<u8>,
}

/// Parses every block of a text; `None` if a block is malformed or has no end.
pub(crate) fn parse(text: &str) -> Option<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, begun)) = rest.split_once("-----BEGIN ") {
        let (label, body) = begun.split_once("-----")?;
        let end = format!("-----END {label}-----");
        let (body, after) = body.split_once(&end)?;
        let body: String = body.split_ascii_whitespace().collect();
        let der = STANDARD.decode(body).ok()?;
        blocks.push(Block {
            label: label.to_owned(),
            der,
        });
        rest = after;
    }
    Some(blocks)
}

/// Encodes a block with lines of 64 characters.
pub(crate) fn write(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote() {
        let der = vec![7; 100];
        let text = write("PUBLIC KEY", &der) + &write("CERTIFICATE", &[1, 2]);
        let blocks = parse(&text).unwrap();
        assert_eq!(blocks[0].der, der);
        assert_eq!(
            (blocks[1].label.as_str(), blocks[1].der.as_slice()),
            ("CERTIFICATE", &[1, 2][..])
        );
    }

    #[test]
    fn a_missing_last_newline_does_no_harm() {
        let text = write("CERTIFICATE", b"x");
        assert_eq!(parse(text.trim_end()).unwrap().len(), 1);
    }

    #[test]
    fn lines_may_have_any_length() {
        let der = vec![7; 100];
        let text = write("PUBLIC KEY", &der);
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        for width in [48, 76, body.len()] {
            let lines = body.as_bytes().chunks(width).map(String::from_utf8_lossy);
            let lines = lines.collect::<Vec<_>>().join("\n");
            let text = format!("-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n");
            assert_eq!(parse(&text).unwrap()[0].der, der, "{width}");
        }
    }

    #[test]
    fn refuses_broken_blocks() {
        let good = write("CERTIFICATE", b"some bytes");
        assert!(parse(&good).is_some());
        assert!(parse(&good.replace("END CERTIFICATE", "END KEY")).is_none());
        assert!(parse(&good.replace("c29tZSBieXRlcw==", "c29tZSBieXRlcx==")).is_none());
    }
}
