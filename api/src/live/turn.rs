//! One thing that a client has asked for in its session: an utterance or a recording.

use std::sync::{
    Arc,
    atomic::{AtomicU8, AtomicU64, Ordering::SeqCst},
};

use tokio_util::sync::CancellationToken;

const OPEN: u8 = 0;
const ENDED: u8 = 1;
const CANCELLED: u8 = 2;

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TurnKind {
    Speech,
    Recording,
}

impl TurnKind {
    /// As metrics have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Speech => "speech",
            Self::Recording => "recording",
        }
    }
}

/// Shared by all who are busy with it. It ends once, however: who ends it tells the client.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) id: String,
    pub(super) kind: TurnKind,
    fate: AtomicU8,
    over: CancellationToken,
    sent_ms: AtomicU64,
}

impl Turn {
    pub(super) fn new(id: String, kind: TurnKind) -> Arc<Self> {
        Arc::new(Self {
            id,
            kind,
            fate: AtomicU8::new(OPEN),
            over: CancellationToken::new(),
            sent_ms: AtomicU64::new(0),
        })
    }

    /// Whether the client has not been told of its end, and has not ended it itself.
    pub(super) fn is_open(&self) -> bool {
        self.fate.load(SeqCst) == OPEN
    }

    /// Whether there is still something to be done for it.
    pub(super) fn is_wanted(&self) -> bool {
        !self.over.is_cancelled()
    }

    /// Nothing more is to be done for it; the client is about to be told why.
    pub(super) fn give_up(&self) {
        self.over.cancel();
    }

    /// Set as soon as nothing more is to be done for it.
    pub(super) fn over(&self) -> &CancellationToken {
        &self.over
    }

    /// The client does not want it any more; `false` if it has ended before.
    pub(super) fn cancel(&self) -> bool {
        self.close(CANCELLED)
    }

    /// The client is being told of its end; `false` if it has ended before.
    pub(super) fn end(&self) -> bool {
        self.close(ENDED)
    }

    fn close(&self, fate: u8) -> bool {
        let closed = self.fate.compare_exchange(OPEN, fate, SeqCst, SeqCst);
        self.over.cancel();
        closed.is_ok()
    }

    /// Its audio has been sent up to here.
    pub(super) fn sent(&self, until_ms: u64) {
        self.sent_ms.store(until_ms, SeqCst);
    }

    /// How much of its audio has been sent.
    pub(super) fn sent_ms(&self) -> u64 {
        self.sent_ms.load(SeqCst)
    }
}
