//! `man`: manual pages in troff, one for each command.

use std::{fmt::Write as _, path::PathBuf};

use clap::Command;
use clap_mangen::Man;

use super::{
    Outcome,
    files::write_file,
    help::{examples, exit_codes, variables},
};
use crate::failure::{Failure, Kind, OrFail as _};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write one page per command into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints the main page or writes all pages; `ec` is passed on its own.
///
/// # Errors
/// [`Kind::Usage`] when a page cannot be written.
pub(crate) fn run(args: &Args, mut command: Command, mut ec: Command) -> Result<Outcome, Failure> {
    command.build();
    ec.build();
    let pages = Pages::new(&command);
    let mut outcome = Outcome::default();
    match &args.dir {
        None => outcome.stdout = pages.page(&command, "promote")?,
        Some(dir) => {
            let mut all = pages.tree(&command, "promote")?;
            for sub in visible_commands(&ec) {
                let name = format!("promote ec {}", sub.get_name());
                all.extend(pages.tree(sub, &name)?);
            }
            for (name, page) in all {
                let name = name.replace(' ', "-");
                write_file(&dir.join(format!("{name}.1")), &page)?;
            }
        }
    }
    Ok(outcome)
}

fn visible_commands(command: &Command) -> impl Iterator<Item = &Command> {
    let all = command.get_subcommands();
    all.filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
}

/// Writes the pages of one program.
struct Pages {
    variables: Vec<(String, String)>,
}

impl Pages {
    fn new(command: &Command) -> Self {
        Self {
            variables: variables(command),
        }
    }

    /// Returns the pages of the command and all below it, by the words to type: `promote copy-image`.
    fn tree(&self, command: &Command, path: &str) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        let mut all = vec![(path.to_owned(), self.page(command, path)?)];
        for sub in visible_commands(command) {
            all.extend(self.tree(sub, &format!("{path} {}", sub.get_name()))?);
        }
        Ok(all)
    }

    fn page(&self, command: &Command, path: &str) -> Result<Vec<u8>, Failure> {
        let is_main = path == "promote";
        let name = path.replace(' ', "-");
        let mut command = command.clone().name(name.clone());
        let usage = command.render_usage().to_string();
        command = command.mut_args(|argument| {
            let is_elsewhere = argument.is_global_set() && !is_main;
            // The generator leaves out the text of an argument that short help leaves out.
            argument.hide_short_help(false).hide(is_elsewhere)
        });
        let man = Man::new(command.clone().display_name(&name)).title(name.to_uppercase());
        let mut page = Vec::new();
        man.render_title(&mut page).or_fail(Kind::Bug)?;
        man.render_name_section(&mut page).or_fail(Kind::Bug)?;
        let usage = usage.trim_start_matches("Usage: ").trim();
        section(&mut page, "SYNOPSIS", &[usage.to_owned()]);
        man.render_description_section(&mut page)
            .or_fail(Kind::Bug)?;
        let has_options = command
            .get_arguments()
            .any(|argument| !argument.is_hide_set());
        if has_options {
            man.render_options_section(&mut page).or_fail(Kind::Bug)?;
        }
        if !is_main {
            let line = "Those of promote(1) may be written before or after the command.";
            section(&mut page, "GLOBAL OPTIONS", &[line.to_owned()]);
        }
        let below: Vec<_> = visible_commands(&command)
            .map(|sub| {
                let about = sub.get_about().map(ToString::to_string);
                let about = about.unwrap_or_default();
                (format!("{name}-{}(1)", sub.get_name()), about)
            })
            .collect();
        if !below.is_empty() {
            list(&mut page, "COMMANDS", &below);
        }
        list(&mut page, "ENVIRONMENT", &self.variables);
        let codes = exit_codes();
        section(&mut page, "EXIT STATUS", &lines(&codes));
        let path = path.trim_start_matches("promote").trim_start();
        let examples = examples(path).iter().map(|line| (*line).to_owned());
        let mut examples: Vec<_> = examples.collect();
        if is_main {
            examples.push("promote run --config=promote.yaml --tag=v1.0 --dry-run".to_owned());
        }
        if !examples.is_empty() {
            section(&mut page, "EXAMPLES", &examples);
        }
        let see = match is_main {
            true => "cosign(1), skopeo(1), git(1)",
            false => "promote(1)",
        };
        section(&mut page, "SEE ALSO", &[see.to_owned()]);
        Ok(ascii(&page))
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim().to_owned()).collect()
}

/// Appends a section whose lines are kept as they are.
fn section(page: &mut Vec<u8>, title: &str, lines: &[String]) {
    let mut text = format!(".SH \"{title}\"\n.nf\n");
    for line in lines {
        let _ = writeln!(text, "{}", escaped(line));
    }
    text.push_str(".fi\n");
    page.extend(text.into_bytes());
}

/// Appends a section of names, each with its description.
fn list(page: &mut Vec<u8>, title: &str, entries: &[(String, String)]) {
    let mut text = format!(".SH \"{title}\"\n");
    for (name, about) in entries {
        let _ = write!(text, ".TP\n\\fB{}\\fR\n{}\n", escaped(name), escaped(about));
    }
    page.extend(text.into_bytes());
}

/// Returns the text escaped, so that troff prints it unchanged.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    match line.starts_with(['.', '\'']) {
        true => format!("\\&{line}"),
        false => line,
    }
}

/// Writes non-ASCII characters as troff names them: without that, readers print two wrong ones.
fn ascii(page: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(page);
    let mut written = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_ascii() {
            true => written.push(character),
            false => {
                let _ = write!(written, "\\[u{:04X}]", u32::from(character));
            }
        }
    }
    written.into_bytes()
}
