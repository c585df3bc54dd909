//! Moves the tags of a Snapshot: all or none.
//!
//! Write every tag. After a lost answer, read the tag.
//! With `--immutable`, wait and read every tag again: of two copies that overlap, the one
//! whose tag was overwritten detects it. The distribution API has no compare-and-swap.
//! When one tag cannot be moved, the others are moved back: a tag that existed to its image, a new
//!    one is deleted by its name; only those that still name the image of this run.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use futures_util::stream::{StreamExt as _, iter};

use super::{Error, ImageStore, Manifest, Planned, Registry, Version};
use crate::image::{Digest, Tag};

/// How many tags are written at once.
const TAGS: usize = 8;
/// The maximum age of the read of an immutable tag when it is written.
const FRESH: Duration = Duration::from_millis(250);
/// The pause before an immutable tag is read again. Two overlapping copies whose delay between
/// reading and writing a tag stays below it cannot both succeed.
pub(crate) const CONFIRM: Duration = Duration::from_secs(1);

/// One tag that moves, with its image before and after.
struct Move<'a> {
    owner: usize,
    to: &'a ImageStore,
    tag: &'a Tag,
    root: &'a Manifest,
    previous: Option<Digest>,
    immutable: bool,
    read_at: Instant,
}

/// The state of a tag after an attempt to move it.
enum Attempt {
    Moved,
    NotTried,
    Failed(Error),
}

impl Registry {
    /// Moves all tags of the plans; returns for each plan how many.
    ///
    /// # Errors
    /// The [`Error`] of the first tag that cannot be moved.
    pub(crate) async fn move_tags(&self, plans: &[Planned]) -> Result<Vec<u64>, Error> {
        let moves: Vec<_> = plans
            .iter()
            .enumerate()
            .flat_map(|(owner, plan)| moves_of(owner, plan))
            .collect();
        let stop = AtomicBool::new(false);
        let written = iter(&moves).map(|one| async {
            if stop.load(Ordering::Relaxed) {
                return Attempt::NotTried;
            }
            match one.write().await {
                Ok(()) => {
                    self.0.progress.tag_moved(one.name());
                    Attempt::Moved
                }
                Err(error) => {
                    stop.store(true, Ordering::Relaxed);
                    Attempt::Failed(error)
                }
            }
        });
        let mut attempts: Vec<_> = written.buffered(TAGS).collect().await;
        if !stop.load(Ordering::Relaxed) {
            confirm(&moves, &mut attempts).await;
        }
        if let Some(error) = take_back(&moves, attempts).await {
            return Err(error);
        }
        let mut counts = vec![0; plans.len()];
        for one in moves {
            tracing::info!("{} is now {}", one.name(), one.root.digest);
            if let Some(count) = counts.get_mut(one.owner) {
                *count += 1;
            }
        }
        Ok(counts)
    }
}

fn moves_of(owner: usize, plan: &Planned) -> impl Iterator<Item = Move<'_>> {
    let tags = plan.item.tags.iter().zip(&plan.previous);
    let moving = tags.filter(|(_, previous)| **previous != Some(plan.root.digest));
    moving.map(move |(tag, previous)| Move {
        owner,
        to: &plan.item.to,
        tag,
        root: &plan.root,
        previous: *previous,
        immutable: plan.immutable,
        read_at: plan.read_at,
    })
}

impl Move<'_> {
    fn name(&self) -> String {
        format!("{}:{}", self.to, self.tag)
    }

    fn version(&self) -> Version {
        Version::Tag(self.tag.clone())
    }

    async fn current_digest(&self) -> Result<Option<Digest>, Error> {
        self.to.head(&self.version()).await
    }

    fn immutable(&self, found: Digest) -> Error {
        Error::Immutable {
            reference: self.name(),
            found,
            wanted: self.root.digest,
        }
    }

    async fn write(&self) -> Result<(), Error> {
        if self.immutable {
            return self.write_once().await;
        }
        match self.to.put_manifest(&self.version(), self.root).await {
            Ok(()) => Ok(()),
            Err(error) => self.confirm_write(error).await,
        }
    }

    /// Writes a tag that must not move: never without a fresh read, so that each retry
    /// reads it again.
    async fn write_once(&self) -> Result<(), Error> {
        let mut read_at = self.read_at;
        let mut attempt = 0;
        loop {
            if read_at.elapsed() > FRESH {
                read_at = Instant::now();
                match self.current_digest().await? {
                    Some(found) if found == self.root.digest => return Ok(()),
                    Some(found) => return Err(self.immutable(found)),
                    None => {}
                }
            }
            let put = self.to.put_manifest_once(&self.version(), self.root).await;
            let Err(error) = put else { return Ok(()) };
            let pause = self.to.pause(attempt).filter(|_| is_unsure(&error));
            match (self.confirm_write(error).await, pause) {
                (Ok(()), _) => return Ok(()),
                (Err(error), Some(pause)) => {
                    tracing::warn!("{}: {error}; trying again in {pause:.1?}", self.name());
                    tokio::time::sleep(pause).await;
                    attempt += 1;
                }
                (Err(error), None) => return Err(error),
            }
        }
    }

    /// Reads the tag after a failure: the write may have been done and its answer lost, and a
    /// registry with immutable tags refuses to write the digest that is there.
    async fn confirm_write(&self, error: Error) -> Result<(), Error> {
        let refused = is_refusal(&error);
        if !(refused || is_unsure(&error)) {
            return Err(error);
        }
        match self.current_digest().await {
            Ok(Some(found)) if found == self.root.digest => {
                tracing::info!(
                    "{} names the image, although the request failed: {error}",
                    self.name()
                );
                Ok(())
            }
            Ok(Some(found))
                if refused && error.to_string().to_lowercase().contains("immutable") =>
            {
                Err(self.immutable(found))
            }
            _ => Err(error),
        }
    }

    /// Undoes the move, if the tag still names the image of this run.
    async fn undo(&self) {
        let name = self.name();
        let left = match self.current_digest().await {
            Ok(Some(found)) if found == self.root.digest => self.undo_own().await,
            Ok(found) => {
                let found = found.map_or("nothing".to_owned(), |found| found.to_string());
                Err(format!("it names {found} by now"))
            }
            Err(error) => Err(error.to_string()),
        };
        match left {
            Ok(now) => tracing::warn!("{name} was taken back: {now}"),
            Err(reason) => tracing::warn!(
                "{name} could not be taken back and may name {}: {reason}",
                self.root.digest
            ),
        }
    }

    async fn undo_own(&self) -> Result<String, String> {
        let wrong = |error: Error| error.to_string();
        let Some(previous) = self.previous else {
            let removed = self.to.remove_tag(self.tag).await.map_err(wrong)?;
            return match removed {
                true => Ok("it did not exist before".to_owned()),
                false => Err("the registry does not delete tags".to_owned()),
            };
        };
        let manifest = self.to.manifest(&previous.into()).await.map_err(wrong)?;
        let manifest = manifest.ok_or_else(|| format!("{previous} is not there any more"))?;
        let put = self.to.put_manifest(&self.version(), &manifest).await;
        put.map(|()| format!("it names {previous} again"))
            .map_err(wrong)
    }
}

/// Reads every immutable tag again after a pause.
async fn confirm(moves: &[Move<'_>], attempts: &mut [Attempt]) {
    if !moves.iter().any(|one| one.immutable) {
        return;
    }
    tokio::time::sleep(CONFIRM).await;
    let looks = iter(moves).map(|one| async {
        if !one.immutable {
            return Attempt::Moved;
        }
        match one.current_digest().await {
            Ok(Some(found)) if found == one.root.digest => Attempt::Moved,
            Ok(Some(found)) => Attempt::Failed(one.immutable(found)),
            Ok(None) => Attempt::Failed(Error::NotFound {
                what: format!("the tag {} that was just written", one.tag),
                repository: one.to.to_string(),
            }),
            Err(error) => Attempt::Failed(error),
        }
    });
    let looks: Vec<_> = looks.buffered(TAGS).collect().await;
    for (attempt, look) in attempts.iter_mut().zip(looks) {
        *attempt = look;
    }
}

/// After a failure, undoes every move and names every tag; returns the first error.
async fn take_back(moves: &[Move<'_>], attempts: Vec<Attempt>) -> Option<Error> {
    let failed = |attempt: &Attempt| matches!(attempt, Attempt::Failed(_));
    if !attempts.iter().any(failed) {
        return None;
    }
    let mut first = None;
    for (one, attempt) in moves.iter().zip(attempts) {
        match attempt {
            Attempt::Moved => one.undo().await,
            Attempt::NotTried => tracing::warn!("{} was not moved", one.name()),
            Attempt::Failed(error) => {
                tracing::warn!("{} cannot be moved: {error}", one.name());
                // A write without an answer may still have been done.
                if is_unsure(&error) {
                    one.undo().await;
                }
                first.get_or_insert(error);
            }
        }
    }
    first
}

/// Tells whether the request may have been carried out despite the error.
fn is_unsure(error: &Error) -> bool {
    match error {
        Error::Transport { .. } | Error::Unreachable { .. } => true,
        Error::Status { status, .. } => *status >= 500 || matches!(status, 408 | 429),
        _ => false,
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::Status {
            status: 400 | 403 | 405 | 409 | 412,
            ..
        } | Error::Denied { status: 403, .. }
    )
}
