//! Opens the file of the log.

use std::{
    fs::{File, OpenOptions},
    path::Path,
};

use crate::{
    commands::{WriteTarget, open_special},
    failure::{Failure, Kind},
};

/// Opens the file to append. A link to a regular file outside of its own directory is refused:
/// anyone who may write to a workspace could choose the file that the log grows. A device or a pipe
/// is written to; a pipe without a reader is refused.
///
/// # Errors
/// [`Kind::Usage`], naming the file.
pub(super) fn open(path: &Path) -> Result<File, Failure> {
    let wrong = |error: std::io::Error| {
        Failure::new(Kind::Usage, error).context(format!("cannot write {}", path.display()))
    };
    let opened = match WriteTarget::of(path).map_err(wrong)? {
        WriteTarget::File(target) => OpenOptions::new().create(true).append(true).open(target),
        WriteTarget::Special(target) => open_special(target),
    };
    opened.map_err(wrong)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn follows_no_link_out_of_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("logs")).unwrap();
        std::fs::write(at("victim"), "v").unwrap();
        std::fs::write(at("logs/own"), "o").unwrap();
        for (name, target, good) in [
            ("logs/inside", "own", true),
            ("logs/outside", "../victim", false),
            ("logs/dangling", "../made", false),
        ] {
            symlink(target, at(name)).unwrap();
            assert_eq!(open(&at(name)).is_ok(), good, "{name}");
        }
        assert!(open(&at("logs/new")).is_ok() && !at("made").exists());
    }
}
