//! The picture of a run: one line a Task, redrawn in place on a terminal.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::Instant,
};

use super::{
    schedule::Plan,
    status::{Fate, Status, TaskStatus},
};

const GREEN: &str = "32";
const RED: &str = "31";
const YELLOW: &str = "33";
const DIM: &str = "2";

/// Tells the terminal to cut long lines, and to wrap them again.
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";

/// How a run is shown on standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Show {
    #[default]
    Nothing,
    /// A line when a Task has ended.
    Lines,
    Live,
}

impl Show {
    /// Returns the form that suits standard error: in place on a terminal, else lines.
    #[must_use]
    pub fn suited() -> Self {
        if io::stderr().is_terminal() {
            Self::Live
        } else {
            Self::Lines
        }
    }
}

/// Shows the Tasks of one run and their times.
pub(crate) struct Picture {
    show: Show,
    colour: bool,
    width: usize,
    rows: Vec<Row>,
    drawn: usize,
}

struct Row {
    name: String,
    started: Option<Instant>,
    ended: Option<(char, &'static str, String)>,
}

impl Picture {
    /// Returns a picture; colours only on a terminal without `NO_COLOR`.
    pub(crate) fn new(show: Show, colour: bool) -> Self {
        Self {
            show,
            colour,
            width: 0,
            rows: Vec::new(),
            drawn: 0,
        }
    }

    /// Takes the Tasks to show from the plan.
    pub(crate) fn begin(&mut self, plan: &Plan) {
        let tasks = plan.spec.tasks.iter().chain(&plan.spec.finally);
        let row = |name: &String| Row {
            name: name.clone(),
            started: None,
            ended: None,
        };
        self.rows = tasks.map(|task| row(&task.name)).collect();
        self.width = self
            .rows
            .iter()
            .map(|row| row.name.len())
            .max()
            .unwrap_or_default();
        if self.show != Show::Nothing {
            say(&format!("Pipeline {}\n", self.painted("1", &plan.pipeline)));
        }
        self.redraw();
    }

    /// Says that a Task has started.
    pub(crate) fn start(&mut self, name: &str) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.name == name) {
            row.started = Some(Instant::now());
        }
        self.redraw();
    }

    /// Says how a Task has ended.
    pub(crate) fn end(&mut self, task: &TaskStatus) {
        let (mark, colour, text) = match &task.fate {
            Fate::Succeeded => ('✓', GREEN, results_line(task)),
            Fate::Ignored => ('!', YELLOW, format!("{}, ignored", failure(task))),
            Fate::Failed => ('✗', RED, failure(task)),
            Fate::Skipped(skip) => ('○', YELLOW, format!("skipped: {}", skip.reason())),
            Fate::NotRun => ('○', YELLOW, "not run".to_owned()),
        };
        let Some(at) = self.rows.iter().position(|row| row.name == task.name) else {
            return;
        };
        let taken = self
            .rows
            .get(at)
            .and_then(|row| row.started)
            .map(|started| format!("{:5.1}s", started.elapsed().as_secs_f32()));
        let text = format!("{}  {text}", taken.unwrap_or_else(|| " ".repeat(6)));
        if let Some(row) = self.rows.get_mut(at) {
            row.ended = Some((mark, colour, text));
        }
        match (self.show, self.rows.get(at)) {
            (Show::Lines, Some(row)) => say(&self.line(row)),
            _ => self.redraw(),
        }
    }

    /// Updates the clocks of running Tasks.
    pub(crate) fn tick(&mut self) {
        self.redraw();
    }

    /// Says how the run ended, and shows the log of the Task that failed.
    pub(crate) fn finish(&mut self, status: &Status) {
        if self.show == Show::Nothing {
            return;
        }
        let colour = if status.succeeded { GREEN } else { RED };
        say(&format!(
            "{}  {}\n",
            self.painted(colour, status.reason),
            status.message
        ));
        let failed = status.tasks.iter().filter(|task| task.fate == Fate::Failed);
        for task in failed {
            let lines: Vec<_> = task.log().lines().collect();
            let last = lines.len().saturating_sub(20);
            for line in lines.iter().skip(last) {
                say(&format!("  {} {line}\n", self.painted(DIM, &task.name)));
            }
        }
    }

    fn redraw(&mut self) {
        if self.show != Show::Live {
            return;
        }
        // A line that wrapped would be two, and the next picture would begin too low.
        let mut text = NO_WRAP.to_owned();
        if self.drawn > 0 {
            text.push_str(&format!("\x1b[{}A", self.drawn));
        }
        for row in &self.rows {
            text.push_str("\x1b[2K");
            text.push_str(&self.line(row));
        }
        text.push_str(WRAP);
        self.drawn = self.rows.len();
        say(&text);
    }

    fn line(&self, row: &Row) -> String {
        let name = format!("{:width$}", row.name, width = self.width);
        match (&row.ended, row.started) {
            (Some((mark, colour, text)), _) => {
                format!(
                    "  {} {name} {text}\n",
                    self.painted(colour, &mark.to_string())
                )
            }
            (None, Some(started)) => {
                let taken = started.elapsed().as_secs_f32();
                format!(
                    "  {} {name} {taken:5.1}s  running\n",
                    self.painted(YELLOW, "●")
                )
            }
            (None, None) => format!("  {}\n", self.painted(DIM, &format!("· {name}"))),
        }
    }

    fn painted(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Returns the results of a Task in a few words.
fn results_line(task: &TaskStatus) -> String {
    let results = task.attempts.last().map(|attempt| &attempt.results);
    let short = results
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={}", brief(value)));
    let told: Vec<_> = short.take(3).collect();
    told.join("  ")
}

fn failure(task: &TaskStatus) -> String {
    let tries = match task.attempts.len() {
        0 | 1 => String::new(),
        tries => format!(" after {tries} attempts"),
    };
    match task.exit_code() {
        Some(code) if code != 0 => format!("exit {code}{tries}"),
        _ => format!("{}{tries}", task.reason()),
    }
}

/// A value that fits into a line: its beginning, and of a digest twelve digits.
fn brief(value: &str) -> String {
    let line: String = value.chars().filter(|c| !c.is_control()).collect();
    let most = if line.starts_with("sha256:") { 19 } else { 32 };
    if line.chars().count() <= most {
        return line;
    }
    let start: String = line.chars().take(most).collect();
    format!("{start}…")
}

fn say(text: &str) {
    // A closed standard error does not stop a run.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
