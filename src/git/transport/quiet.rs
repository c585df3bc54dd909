//! The capability `no-progress` (`gitprotocol-capabilities`), which the library does not request: in a
//! small repository the progress texts are a twentieth of the answer, and are not displayed.

use crate::git::history::packet;

const CAPABILITY: &str = "no-progress";

/// Tells whether a host advertises the capability.
pub(super) fn is_offered(advertised: &[u8]) -> bool {
    let line = advertised.split(|byte| *byte == b'\n');
    let mut lines = line.filter_map(|line| line.split(|byte| *byte == 0).nth(1));
    lines.next().is_some_and(|capabilities| {
        let mut all = capabilities.split(|byte| *byte == b' ');
        all.any(|own| own == CAPABILITY.as_bytes())
    })
}

/// Adds the capability to the first `want` of a request, after the library's own. Other
/// requests are not changed.
pub(super) fn request_no_progress(request: &mut Vec<u8>) {
    let Some((Some(line), rest)) = packet(request) else {
        return;
    };
    if !line.starts_with(b"want ") {
        return;
    }
    let text = line.trim_ascii_end();
    let is_asked = text
        .split(|byte| *byte == b' ')
        .any(|own| own == CAPABILITY.as_bytes());
    // The words are `want`, the object and at least one capability.
    if is_asked || text.split(|byte| *byte == b' ').count() < 3 {
        return;
    }
    let mut first = text.to_vec();
    first.extend_from_slice(format!(" {CAPABILITY}\n").as_bytes());
    let mut asked = format!("{:04x}", first.len() + 4).into_bytes();
    asked.append(&mut first);
    asked.extend_from_slice(rest);
    *request = asked;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_offered_in_the_first_line_of_refs_alone() {
        let refs = |capabilities: &str| {
            format!("001e# service=git-upload-pack\n00000000aaaa HEAD\0{capabilities}\n0000")
        };
        assert!(is_offered(refs("thin-pack no-progress shallow").as_bytes()));
        assert!(is_offered(refs("shallow no-progress").as_bytes()));
        assert!(!is_offered(refs("no-progression shallow").as_bytes()));
        assert!(!is_offered(b"0000"));
    }

    #[test]
    fn only_the_first_want_is_changed() {
        let object = "a".repeat(40);
        let packet = |text: &str| format!("{:04x}{text}", text.len() + 4);
        let rest = format!("{}000ddeepen 1\n0000", packet(&format!("want {object}\n")));
        let mut request = packet(&format!("want {object} ofs-delta shallow \n")) + &rest;
        let expected = packet(&format!("want {object} ofs-delta shallow no-progress\n")) + &rest;
        let mut bytes = std::mem::take(&mut request).into_bytes();
        request_no_progress(&mut bytes);
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expected);
        request_no_progress(&mut bytes);
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        for other in ["", "0000", "0009done\n", "0032have", "zzzzwant a b"] {
            let mut bytes = other.as_bytes().to_vec();
            request_no_progress(&mut bytes);
            assert_eq!(bytes, other.as_bytes());
        }
        let bare = packet(&format!("want {object}\n"));
        let mut bytes = bare.clone().into_bytes();
        request_no_progress(&mut bytes);
        assert_eq!(bytes, bare.as_bytes());
    }
}
