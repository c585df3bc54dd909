//! Runs a command within its bounds of time and memory.
//!
//! The command has a thread of its own, and the main thread watches it: parsing, local files, Git
//! and rules do not notice by themselves that the time is over. What is asynchronous is dropped at
//! the end and cleans up after itself; what does not end within a moment is left behind, for the
//! process ends.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        OnceLock,
        mpsc::{RecvTimeoutError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use crate::{
    budget::{self, Exceeded, Size},
    failure::{Failure, Kind, OrFail as _},
    json, stop,
};

/// The interval between two checks of time and memory.
const TICK: Duration = Duration::from_millis(2);
/// The time that a command has to clean up once it must end.
const GRACE: Duration = Duration::from_millis(500);
/// The stack of the command's thread: documents may be nested deeply.
const STACK: usize = 16 << 20;

/// Lists what an interrupted run left behind.
static INTERRUPTED: OnceLock<String> = OnceLock::new();

/// Interrupts the run and records what it leaves behind.
pub(super) fn interrupt(left_behind: &str) {
    INTERRUPTED.get_or_init(|| left_behind.to_owned());
}

/// Waits for the signal of Ctrl-C, or the one by which a container is stopped.
///
/// # Errors
/// The system lets no signal be waited for.
pub(super) async fn interruption() -> io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminated.recv() => Ok(()),
    }
}

/// The bounds of a run.
pub(super) struct RunBounds {
    /// The time limit, and the failure when it is exceeded.
    pub(super) time: Option<(Duration, Failure)>,
    pub(super) memory: Size,
    /// Sets the flag by which long-running work is told to stop.
    end: fn(),
}

/// Receives a message when the command must end.
pub(super) type Stop = oneshot::Receiver<()>;

impl RunBounds {
    /// Returns bounds whose failure over the time limit names `--timeout`.
    pub(super) fn new(timeout: Option<Duration>, memory: Option<Size>) -> Self {
        let time = timeout.map(|limit| {
            let text = format!("the run took longer than --timeout {limit:?}");
            (limit, Failure::message(Kind::Remote, text))
        });
        Self {
            time,
            memory: memory.unwrap_or_else(budget::default_limit),
            end: stop::end,
        }
    }

    /// Runs the work within the bounds.
    ///
    /// # Errors
    /// Those of the work; [`Kind::Remote`] over the time, [`Kind::Usage`] over the memory.
    pub(super) fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(Stop) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        budget::set(self.memory);
        json::limit_memory(|| budget::check_now().map_err(|over| over.to_string()));
        let began = Instant::now();
        let (send, stopped) = oneshot::channel();
        let (done, result) = sync_channel(1);
        thread::Builder::new()
            .name("command".to_owned())
            .stack_size(STACK)
            // The receiver is gone once the main thread has ended the run.
            .spawn(move || drop(done.send(work(stopped))))
            .or_fail(Kind::Bug)?;
        let mut time = self.time;
        let over = loop {
            match result.recv_timeout(TICK) {
                // A result from partial input is discarded: it must not decide anything.
                Ok(done) => return budget::over().map_or(done, |over| Err(too_large(over))),
                Err(RecvTimeoutError::Disconnected) => return Err(panicked()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some(over) = budget::over().or_else(budget::watch) {
                break too_large(over);
            }
            if let Some(left) = INTERRUPTED.get() {
                break Failure::message(Kind::Interrupted, format!("interrupted: {left}"));
            }
            if time
                .as_ref()
                .is_some_and(|(limit, _)| began.elapsed() >= *limit)
                && let Some((_, failure)) = time.take()
            {
                break failure;
            }
        };
        (self.end)();
        // A command that has ended has dropped its receiver.
        let _ = send.send(());
        let _ = result.recv_timeout(GRACE);
        Err(over)
    }
}

fn too_large(over: Exceeded) -> Failure {
    Failure::new(Kind::Usage, over).hint("raise --memory, if that input is right")
}

fn panicked() -> Failure {
    Failure::message(Kind::Bug, "the command ended without a result")
}

/// Runs a future until it ends or is stopped; `None` when it was stopped.
pub(super) async fn until_stopped<T>(
    mut run: Pin<Box<impl Future<Output = T>>>,
    stop: Stop,
) -> Option<T> {
    tokio::select! {
        done = &mut run => Some(done),
        Ok(()) = stop => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(limit: Duration) -> RunBounds {
        // The flag belongs to the process, which other tests share.
        RunBounds {
            end: || (),
            ..RunBounds::new(Some(limit), Some(Size::of(usize::MAX)))
        }
    }

    #[test]
    fn work_that_ends_in_time_returns_its_result() {
        let done = bounds(Duration::from_secs(60)).run(|_| Ok(7));
        assert_eq!(done.unwrap(), 7);
    }

    #[test]
    fn work_that_never_ends_is_left_behind() {
        let began = Instant::now();
        let done = bounds(Duration::from_millis(50)).run(|_| -> Result<(), Failure> {
            loop {
                thread::sleep(Duration::from_secs(1));
            }
        });
        let failure = done.unwrap_err();
        assert_eq!(failure.kind(), Kind::Remote);
        assert!(failure.to_string().contains("--timeout"), "{failure}");
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_panic_is_a_bug_and_not_a_success() {
        let done = bounds(Duration::from_secs(60))
            .run(|_| -> Result<(), Failure> { std::panic::resume_unwind(Box::new("x")) });
        assert_eq!(done.unwrap_err().kind(), Kind::Bug);
    }
}
