//! Packet lines (`gitprotocol-common`), and the head of a push.

/// A ref that a push changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Update {
    pub(crate) name: String,
    pub(crate) new: String,
}

/// The refs and options of a push, which come before the pack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Push {
    pub(crate) refs: Vec<Update>,
    pub(crate) options: Vec<String>,
}

/// Encodes bytes as one packet line.
pub(crate) fn packet(bytes: &[u8]) -> Vec<u8> {
    let mut line = format!("{:04x}", bytes.len() + 4).into_bytes();
    line.extend_from_slice(bytes);
    line
}

impl Push {
    /// Reads the commands and options before the pack.
    pub(crate) fn parse(body: &[u8]) -> Self {
        let mut push = Self::default();
        let (commands, rest) = section(body);
        let mut takes_options = false;
        for line in commands {
            let (command, capabilities) = line.split_once('\0').unwrap_or((&line, ""));
            takes_options |= capabilities.contains("push-options");
            let parts: Vec<_> = command.trim().split(' ').collect();
            if let [_, new, name] = parts.as_slice() {
                push.refs.push(Update {
                    name: (*name).to_owned(),
                    new: (*new).to_owned(),
                });
            }
        }
        if takes_options {
            let (options, _) = section(rest);
            push.options = options
                .iter()
                .map(|line| line.trim_end().to_owned())
                .collect();
        }
        push
    }
}

/// The lines up to a flush, and what follows.
fn section(mut bytes: &[u8]) -> (Vec<String>, &[u8]) {
    let mut lines = Vec::new();
    while let Some((length, rest)) = bytes.split_at_checked(4) {
        let length = std::str::from_utf8(length).ok();
        let length = length.and_then(|text| usize::from_str_radix(text, 16).ok());
        match length {
            Some(length) if length > 4 => match rest.split_at_checked(length - 4) {
                Some((line, rest)) => {
                    lines.push(String::from_utf8_lossy(line).into_owned());
                    bytes = rest;
                }
                None => break,
            },
            _ => return (lines, rest),
        }
    }
    (lines, bytes)
}
