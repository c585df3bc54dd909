//! The bars on a terminal: never wider than it, with percent and time left.

use std::{fs, io::Read as _, process::Stdio, thread, time::Duration};

use lab::{
    registry::{Effect, Fault},
    signer,
};
use rustix::{
    pty,
    termios::{Winsize, tcsetwinsize},
};

use super::start;
use crate::harness::Workdir;

/// Returns what the program writes on a terminal of so many columns.
fn on_terminal(columns: u16) -> String {
    let (from, to) = (start(), start());
    signer::push_zeros(
        &from,
        "staging/an-application-with-a-long-name",
        "v1",
        8 << 20,
    );
    let slow = Effect::Slow(Duration::from_millis(700));
    to.fail(Fault::new(slow).of("PUT", "blobs"));
    let flags = pty::OpenptFlags::RDWR | pty::OpenptFlags::NOCTTY;
    let master = pty::openpt(flags).unwrap();
    pty::unlockpt(&master).unwrap();
    let terminal = pty::ioctl_tiocgptpeer(&master, flags).unwrap();
    let size = Winsize {
        ws_row: 12,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&terminal, size).unwrap();
    let reader = thread::spawn(move || {
        let (mut master, mut text) = (fs::File::from(master), Vec::new());
        let mut buffer = [0; 4096];
        // The end of a terminal that nothing holds any more is an error.
        while let Ok(count @ 1..) = master.read(&mut buffer) {
            text.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    let dir = Workdir::new();
    let (source, destination) = (
        format!(
            "{}/staging/an-application-with-a-long-name:v1",
            from.address()
        ),
        format!(
            "{}/production/an-application-with-a-long-name:v1",
            to.address()
        ),
    );
    let mut command = dir.command();
    command
        .args([
            "copy-image",
            &source,
            &destination,
            "--unverified",
            "--log-level=error",
        ])
        .env("TERM", "xterm")
        .stdout(Stdio::null())
        .stderr(terminal);
    assert!(command.status().unwrap().success());
    drop(command);
    reader.join().unwrap()
}

/// The text without the sequences that move the cursor or colour it.
fn plain(text: &str) -> String {
    let mut kept = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\u{1b}' {
            kept.push(character);
            continue;
        }
        if characters.next() == Some('[') {
            let _ = characters.find(char::is_ascii_alphabetic);
        }
    }
    kept
}

#[test]
fn bars_are_never_wider_than_the_terminal() {
    for columns in [40, 60, 100] {
        let text = plain(&on_terminal(columns));
        assert!(text.contains('%') && text.contains("left"), "{text:?}");
        for line in text.split(['\r', '\n']) {
            // A bar fills its row to the end: each further row has to begin with another one.
            let drawn: Vec<char> = line.chars().collect();
            for row in drawn.chunks(usize::from(columns)) {
                let first = row.iter().find(|shown| !shown.is_whitespace());
                let is_bar = first.is_none_or(|first| matches!(first, '█' | '░'));
                let row: String = row.iter().collect();
                assert!(
                    is_bar || line.contains(':') && !line.contains('%'),
                    "{columns}: {row:?}"
                );
            }
        }
    }
}
