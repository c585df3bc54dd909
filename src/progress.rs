//! Shows the progress of a run's transfers: bars on a terminal, lines in a log, events for
//! machines, or nothing. The only user of the library that draws bars.

use std::{
    fmt,
    io::{self, Write as _},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};

/// The interval between lines of a log.
const EVERY: Duration = Duration::from_secs(10);
/// The length of a digest that is shown beside a bar: `sha256:` and twelve digits.
const SHORT: usize = 19;
/// The size above which a transfer gets a bar of its own, in bytes.
const OWN_BAR: u64 = 1 << 20;

/// The form in which progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProgressMode {
    Bars,
    /// A log line now and then; for machines an event with fields, also for each blob.
    Lines,
    Quiet,
}

/// The display of progress. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Progress {
    mode: ProgressMode,
    for_machines: bool,
    bars: MultiProgress,
    /// The changes of the run so far, for the message of an interruption.
    changed: Arc<RunChanges>,
}

/// The changes of a run so far.
#[derive(Debug, Default)]
struct RunChanges {
    blobs: AtomicU64,
    tags: Mutex<Vec<String>>,
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new(ProgressMode::Quiet, false)
    }
}

impl Progress {
    /// Returns a display that shows nothing before transfers begin.
    pub(crate) fn new(mode: ProgressMode, for_machines: bool) -> Self {
        Self {
            mode,
            for_machines,
            bars: MultiProgress::new(),
            changed: Arc::default(),
        }
    }

    /// Notes that a tag was moved.
    pub(crate) fn tag_moved(&self, name: String) {
        let tags = self.changed.tags.lock();
        tags.unwrap_or_else(PoisonError::into_inner).push(name);
    }

    /// Describes the changes that a run leaves behind when it ends now.
    pub(crate) fn left_behind(&self) -> String {
        let blobs = self.changed.blobs.load(Ordering::Relaxed);
        let tags = self.changed.tags.lock();
        let tags = tags.unwrap_or_else(PoisonError::into_inner);
        let copied = match blobs {
            0 => "nothing was copied".to_owned(),
            1 => "1 blob was copied, which a rerun finds".to_owned(),
            blobs => format!("{blobs} blobs were copied, which a rerun finds"),
        };
        match tags.as_slice() {
            [] => format!("{copied}, no tag was moved"),
            tags => format!("{copied}, tags that were moved: {}", tags.join(", ")),
        }
    }

    /// Tells whether machines read the log.
    pub(crate) fn for_machines(&self) -> bool {
        self.for_machines
    }

    /// Begins to show the transfers of this many blobs and bytes.
    pub(crate) fn begin(&self, blobs: u64, bytes: u64) -> Transfers {
        let bar = (self.mode == ProgressMode::Bars && bytes > 0).then(|| {
            // The wide part is cut at the terminal's width: a line that wraps is drawn wrongly.
            let style = "{bar:12} {percent:>3}% {eta:>3} left {wide_msg}";
            let bar = self.bars.add(bar(bytes, style));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar.set_message(state(0, blobs, bytes));
            bar
        });
        Transfers(Arc::new(Shared {
            progress: self.clone(),
            bar,
            blobs,
            bytes,
            blobs_done: AtomicU64::new(0),
            bytes_done: AtomicU64::new(0),
            said: Mutex::new(Instant::now()),
        }))
    }

    /// Writes to standard error, above the bars.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match self.mode {
            ProgressMode::Bars => self.bars.suspend(|| io::stderr().write_all(bytes)),
            ProgressMode::Lines | ProgressMode::Quiet => io::stderr().write_all(bytes),
        }
    }
}

/// Formats a number of bytes in the unit of the bars.
pub(crate) fn shown_bytes(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

/// Returns the state of all transfers, for the text beside their bar.
fn state(done: u64, blobs: u64, bytes: u64) -> String {
    format!("{done} of {blobs} blobs, {} in all", HumanBytes(bytes))
}

fn bar(length: u64, style: &str) -> ProgressBar {
    // The templates are constants; a bar without a template is still drawn.
    let style =
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}

/// Transfers that belong together. They are shown until dropped.
#[derive(Clone)]
pub(crate) struct Transfers(Arc<Shared>);

struct Shared {
    progress: Progress,
    bar: Option<ProgressBar>,
    blobs: u64,
    bytes: u64,
    blobs_done: AtomicU64,
    bytes_done: AtomicU64,
    /// The time when the last line was written.
    said: Mutex<Instant>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Transfers {
    /// Begins one of the transfers: of a digest to a place.
    pub(crate) fn begin_transfer(&self, digest: String, to: String, bytes: u64) -> Transfer {
        Transfer(Arc::new(TransferState {
            all: self.clone(),
            digest,
            to,
            bytes,
            at: AtomicU64::new(0),
            bar: OnceLock::new(),
        }))
    }
}

/// One transfer of a blob. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Transfer(Arc<TransferState>);

struct TransferState {
    all: Transfers,
    digest: String,
    to: String,
    bytes: u64,
    at: AtomicU64,
    bar: OnceLock<ProgressBar>,
}

impl Drop for TransferState {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

impl Transfer {
    /// Sets the number of bytes that have passed; fewer than before when the transfer started again.
    pub(crate) fn at(&self, bytes: u64) {
        let one = &*self.0;
        let shared = &*one.all.0;
        let before = one.at.swap(bytes, Ordering::Relaxed);
        if bytes >= before {
            let more = bytes - before;
            shared.bytes_done.fetch_add(more, Ordering::Relaxed);
        } else {
            let less = before - bytes;
            shared.bytes_done.fetch_sub(less, Ordering::Relaxed);
        }
        if shared.bar.is_some() {
            one.draw(bytes);
        } else {
            shared.log_periodically();
        }
    }

    /// Marks the transfer as ended: `sent`, `mounted` or `present`.
    pub(crate) fn done(&self, how: &str) {
        let one = &*self.0;
        let shared = &*one.all.0;
        self.at(one.bytes);
        let done = shared.blobs_done.fetch_add(1, Ordering::Relaxed) + 1;
        if how != "present" {
            let changed = &shared.progress.changed;
            changed.blobs.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(bar) = &shared.bar {
            bar.set_message(state(done, shared.blobs, shared.bytes));
        }
        let (digest, to, bytes) = (&one.digest, &one.to, one.bytes);
        if shared.progress.for_machines && shared.progress.mode != ProgressMode::Quiet {
            tracing::info!(event = "blob", digest, to, bytes, how, "blob");
        } else {
            tracing::debug!("blob {digest} of {bytes} bytes to {to}: {how}");
        }
    }
}

impl TransferState {
    fn draw(&self, bytes: u64) {
        let shared = &*self.all.0;
        if let Some(all) = &shared.bar {
            all.set_position(shared.bytes_done.load(Ordering::Relaxed));
        }
        // A blob that needs no transfer needs no bar.
        if self.bytes < OWN_BAR || bytes >= self.bytes {
            return;
        }
        let own = self.bar.get_or_init(|| {
            let style = "  {bar:10} {percent:>3}% {wide_msg}";
            let bar = shared.progress.bars.add(bar(self.bytes, style));
            // A whole digest is wider than the terminal.
            let digest: String = self.digest.chars().take(SHORT).collect();
            bar.with_message(format!("{digest} to {}", self.to))
        });
        own.set_position(bytes);
    }
}

impl Shared {
    fn log_periodically(&self) {
        if matches!(self.progress.mode, ProgressMode::Bars | ProgressMode::Quiet) {
            return;
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.elapsed() < EVERY {
            return;
        }
        *said = Instant::now();
        let (blobs_done, bytes_done) = (
            self.blobs_done.load(Ordering::Relaxed),
            self.bytes_done.load(Ordering::Relaxed),
        );
        let (blobs, bytes) = (self.blobs, self.bytes);
        if self.progress.for_machines {
            tracing::info!(
                event = "copying",
                blobs_done,
                blobs,
                bytes_done,
                bytes,
                "copying"
            );
        } else {
            let (there, all) = (HumanBytes(bytes_done), HumanBytes(bytes));
            tracing::info!("copying: {blobs_done} of {blobs} blobs, {there} of {all}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_an_interrupted_run_leaves_behind() {
        let progress = Progress::default();
        assert_eq!(
            progress.left_behind(),
            "nothing was copied, no tag was moved"
        );
        let transfers = progress.begin(2, 300);
        transfers
            .begin_transfer("a".to_owned(), "r".to_owned(), 100)
            .done("sent");
        transfers
            .begin_transfer("b".to_owned(), "r".to_owned(), 200)
            .done("present");
        let left = "1 blob was copied, which a rerun finds, no tag was moved";
        assert_eq!(progress.left_behind(), left);
        progress.tag_moved("r/x:v1".to_owned());
        let left = "1 blob was copied, which a rerun finds, tags that were moved: r/x:v1";
        assert_eq!(progress.left_behind(), left);
    }

    #[test]
    fn counts_what_passed_also_when_a_transfer_starts_again() {
        let transfers = Progress::default().begin(2, 300);
        let (first, second) = (
            transfers.begin_transfer("a".to_owned(), "r".to_owned(), 100),
            transfers.begin_transfer("b".to_owned(), "r".to_owned(), 200),
        );
        first.at(60);
        second.at(150);
        first.at(0);
        let passed = || transfers.0.bytes_done.load(Ordering::Relaxed);
        assert_eq!(passed(), 150);
        first.done("sent");
        second.done("mounted");
        assert_eq!(passed(), 300);
        assert_eq!(transfers.0.blobs_done.load(Ordering::Relaxed), 2);
    }
}
