//! Who was used when: noted in memory, written down now and then, so that reading does not write.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use sqlx::SqliteConnection;

/// Notes after which it is time to write them down.
const MANY: usize = 256;

/// Notes that are kept at most. Further keys are forgotten until some have been written down, which
/// makes them seem less recently used than they are.
const MAX_NOTES: usize = 1024;

/// The uses since they were last written down, and the number of the last use.
pub(crate) struct Touches {
    notes: Mutex<HashMap<String, i64>>,
    uses: AtomicI64,
}

impl Touches {
    /// Goes on counting from `last_use`.
    pub(crate) fn new(last_use: i64) -> Self {
        Self {
            notes: Mutex::default(),
            uses: AtomicI64::new(last_use),
        }
    }

    /// The number of a use that happens now.
    pub(super) fn next_use(&self) -> i64 {
        self.uses.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Notes that `path` is used now. Whether there are many notes by now.
    pub(super) fn note(&self, path: String) -> bool {
        let mut notes = self.notes();
        if notes.len() < MAX_NOTES || notes.contains_key(&path) {
            let now = self.next_use();
            notes.insert(path, now);
        }
        notes.len() >= MANY
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.notes().is_empty()
    }

    /// Writes the notes down. A blob that has been put again meanwhile is not made older by them.
    ///
    /// They are taken here, inside the transaction, and not by whoever asks for it: otherwise one that
    /// evicts could come in between and go by what is written.
    pub(crate) async fn write_down(&self, db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        for (path, last_use) in self.take() {
            sqlx::query(
                "UPDATE blobs SET last_use = max(last_use, ?2) WHERE key = ?1 AND state = 'kept'",
            )
            .bind(path)
            .bind(last_use)
            .execute(&mut *db)
            .await?;
        }
        Ok(())
    }

    fn take(&self) -> HashMap<String, i64> {
        std::mem::take(&mut self.notes())
    }

    fn notes(&self) -> MutexGuard<'_, HashMap<String, i64>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_bounded_and_the_latest_use_counts() {
        let touches = Touches::new(10);
        assert!(!touches.note("a".to_owned()));
        assert!(!touches.note("a".to_owned()));
        assert_eq!(touches.take(), HashMap::from([("a".to_owned(), 12)]));
        for name in 0..2 * MAX_NOTES {
            touches.note(name.to_string());
        }
        assert!(touches.note("0".to_owned()));
        assert_eq!(touches.take().len(), MAX_NOTES);
    }
}
