//! Documents in memory.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use voicefleet_core::{
    Clock, Timestamp,
    ports::{
        Collection, Document, DocumentError, DocumentRange, DocumentWrite, Documents, Precondition,
    },
};

use super::{Outage, lock};
use crate::FakeClock;

/// The longest list.
const MAX_LIST: usize = 1_000;

/// Documents in memory. Clones are the same documents.
#[derive(Clone)]
pub struct MemoryDocuments {
    shelf: Arc<Mutex<Shelf>>,
    clock: FakeClock,
    outage: Outage,
}

#[derive(Default)]
struct Shelf {
    documents: BTreeMap<(Collection, String), Kept<Document>>,
    counters: BTreeMap<String, Kept<i64>>,
    versions: u64,
}

struct Kept<T> {
    value: T,
    until: Option<Timestamp>,
}

impl<T> Kept<T> {
    fn is_there(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl MemoryDocuments {
    /// None yet.
    pub fn new(clock: FakeClock) -> Self {
        Self {
            shelf: Arc::default(),
            clock,
            outage: Outage::default(),
        }
    }

    /// Its switch.
    pub fn outage(&self) -> &Outage {
        &self.outage
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut Shelf) -> Result<T, DocumentError>,
    ) -> Result<T, DocumentError> {
        self.outage.check().map_err(DocumentError::Unavailable)?;
        let now = self.clock.now();
        let mut held = lock(&self.shelf);
        held.documents.retain(|_, kept| kept.is_there(now));
        held.counters.retain(|_, kept| kept.is_there(now));
        work(&mut held)
    }
}

impl Shelf {
    fn check(
        &self,
        key: &(Collection, String),
        only_if: Precondition,
    ) -> Result<(), DocumentError> {
        let version = self.documents.get(key).map(|kept| kept.value.version);
        let holds = match only_if {
            Precondition::None => true,
            Precondition::Absent => version.is_none(),
            Precondition::Version(wanted) => version == Some(wanted),
        };
        if holds {
            Ok(())
        } else {
            Err(DocumentError::Conflict)
        }
    }
}

#[async_trait]
impl Documents for MemoryDocuments {
    async fn get(
        &self,
        collection: Collection,
        id: &str,
    ) -> Result<Option<Document>, DocumentError> {
        let key = (collection, id.to_owned());
        self.with(|shelf| Ok(shelf.documents.get(&key).map(|kept| kept.value.clone())))
    }

    async fn put(&self, write: DocumentWrite) -> Result<u64, DocumentError> {
        let until = write.ttl.map(|ttl| self.clock.now().after(ttl));
        let key = (write.collection, write.id.clone());
        self.with(|shelf| {
            shelf.check(&key, write.only_if)?;
            shelf.versions += 1;
            let value = Document {
                id: write.id,
                version: shelf.versions,
                body: write.body,
            };
            shelf.documents.insert(key, Kept { value, until });
            Ok(shelf.versions)
        })
    }

    async fn delete(
        &self,
        collection: Collection,
        id: &str,
        only_if: Precondition,
    ) -> Result<bool, DocumentError> {
        let key = (collection, id.to_owned());
        self.with(|shelf| {
            shelf.check(&key, only_if)?;
            Ok(shelf.documents.remove(&key).is_some())
        })
    }

    async fn list(
        &self,
        collection: Collection,
        range: &DocumentRange,
    ) -> Result<Vec<Document>, DocumentError> {
        let after = range.after.clone().filter(|after| *after >= range.prefix);
        let from = match after {
            Some(after) => Bound::Excluded((collection, after)),
            None => Bound::Included((collection, range.prefix.clone())),
        };
        self.with(|shelf| {
            let found = shelf.documents.range((from, Bound::Unbounded));
            Ok(found
                .take_while(|((of, id), _)| *of == collection && id.starts_with(&range.prefix))
                .take(range.limit.min(MAX_LIST))
                .map(|(_, kept)| kept.value.clone())
                .collect())
        })
    }

    async fn count(&self, counter: &str, by: i64, ttl: Duration) -> Result<i64, DocumentError> {
        let until = Some(self.clock.now().after(ttl));
        self.with(|shelf| {
            let kept = shelf.counters.entry(counter.to_owned());
            let kept = kept.or_insert(Kept { value: 0, until });
            kept.value += by;
            Ok(kept.value)
        })
    }
}
