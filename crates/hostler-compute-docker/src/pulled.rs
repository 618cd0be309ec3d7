//! The images that this server pulled, and when each was last used.
//!
//! Why: images are gigabytes; what was pulled for an endpoint of last month must not fill the disk. An image that was
//! there before, or that somebody built or pulled, is not ours to remove, so what was pulled is written down.
//! Invariants: removed is only what this server pulled, what no instance of it uses, and what nothing else at the engine
//! uses (the engine refuses that).
//! Failure: a note that is lost keeps an image, never loses one.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hostler_types::Millis;

/// Beside the instances; no instance id begins with a dot.
const BOOK: &str = ".pulled.json";

/// Ids of images, and when each was last used.
pub(crate) struct Pulled {
    path: PathBuf,
    kept: Duration,
    book: Mutex<BTreeMap<String, Millis>>,
}

impl Pulled {
    /// Blocks shortly.
    pub(crate) fn open(root: &Path, kept: Duration) -> Self {
        let path = root.join(BOOK);
        let book = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { path, kept, book: Mutex::new(book.unwrap_or_default()) }
    }

    /// An image came.
    pub(crate) fn note(&self, id: &str, now: Millis) {
        self.book().insert(id.to_owned(), now);
        self.write_down();
    }

    /// Whether an image is one of ours.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.book().contains_key(id)
    }

    /// An instance is made from an image, which may be one of ours.
    pub(crate) fn use_now(&self, id: &str, now: Millis) {
        let is_ours = self.book().get_mut(id).map(|used| *used = now).is_some();
        if is_ours {
            self.write_down();
        }
    }

    /// Those that were not used for long; `is_used` says which are in use now. An instance may run for longer than an
    /// image is kept: what is in use was used just now.
    pub(crate) fn stale(&self, now: Millis, is_used: impl Fn(&str) -> bool) -> Vec<String> {
        let kept_ms = i64::try_from(self.kept.as_millis()).unwrap_or(i64::MAX);
        let (mut stale, mut any_used) = (Vec::new(), false);
        for (id, used) in self.book().iter_mut() {
            if is_used(id) {
                (*used, any_used) = (now, true);
            } else if now.since(*used) >= kept_ms {
                stale.push(id.clone());
            }
        }
        if any_used {
            self.write_down();
        }
        stale
    }

    /// An image is not ours any more, or is gone.
    pub(crate) fn forget(&self, id: &str) {
        self.book().remove(id);
        self.write_down();
    }

    fn write_down(&self) {
        let book = self.book();
        let written = || -> io::Result<()> {
            if book.is_empty() {
                return std::fs::remove_file(&self.path);
            }
            let aside = self.path.with_extension("new");
            std::fs::write(&aside, serde_json::to_vec(&*book)?)?;
            std::fs::rename(aside, &self.path)
        };
        if let Err(error) = written() {
            tracing::warn!(%error, "which images were pulled could not be written down");
        }
    }

    fn book(&self) -> MutexGuard<'_, BTreeMap<String, Millis>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pulled_and_not_used_for_long_is_stale_also_after_a_restart() {
        let root = tempfile::tempdir().unwrap();
        let open = || Pulled::open(root.path(), Duration::from_millis(100));
        let book = open();
        book.note("old", Millis(0));
        book.note("used", Millis(0));
        book.note("touched", Millis(0));
        book.use_now("touched", Millis(50));
        book.use_now("somebody-elses", Millis(50));
        let stale = |now| open().stale(Millis(now), |id| id == "used" && now < 200);
        assert_eq!(stale(99), Vec::<String>::new());
        assert_eq!(stale(100), ["old"]);
        assert_eq!(stale(150), ["old", "touched"]);
        // Since it was seen in use, also by the server before.
        assert_eq!(stale(249), ["old", "touched"]);
        assert_eq!(stale(250), ["old", "touched", "used"]);
        let book = open();
        for id in ["old", "used", "touched"] {
            book.forget(id);
        }
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
