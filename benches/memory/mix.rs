//! Which requests there are: mostly what was asked before, as in life.

/// Of a thousand wishes so many, in this order.
const SHARES: [(u32, Kind); 11] = [
    (15, Kind::NewSpeech),
    (5, Kind::NewStream),
    (1, Kind::NewKokoro),
    (2, Kind::NewClip),
    (25, Kind::Clip),
    (20, Kind::Kokoro),
    (20, Kind::Stream),
    (50, Kind::Job),
    (40, Kind::List),
    (30, Kind::Bad),
    (792, Kind::Speech),
];

/// What is asked for again is one of so many that were asked for last, some 50 MB in five formats.
const RECENT: usize = 100;

/// Formats of speech in turn, with how audio in them begins.
const FORMATS: [&str; 5] = ["wav", "mp3", "opus", "flac", "pcm"];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    NewSpeech,
    NewStream,
    NewKokoro,
    NewClip,
    Speech,
    Stream,
    Kokoro,
    Clip,
    Job,
    List,
    Bad,
}

/// What one client does next.
pub(crate) enum Wish {
    /// `POST /v1/audio/speech`, the text by its number.
    Speech {
        kokoro: bool,
        text: usize,
        format: &'static str,
        events: bool,
    },
    /// `POST /v1/audio/transcriptions`: which recording, and which variant of it.
    Clip { recording: usize, variant: usize },
    /// A job, its state and its result.
    Job { text: usize },
    /// `GET /v1/jobs`
    List { page: usize },
    /// Something that must be refused.
    Bad { how: usize },
}

impl Wish {
    /// How many requests it takes.
    fn requests(&self) -> usize {
        if matches!(self, Self::Job { .. }) {
            3
        } else {
            1
        }
    }
}

/// The wishes, which follow from the seed alone.
pub(crate) struct Mix {
    random: fastrand::Rng,
    recordings: usize,
    planned: usize,
    wishes: usize,
    texts: usize,
    kokoro: usize,
    clips: usize,
}

impl Mix {
    /// There are so many `recordings` to transcribe.
    pub(crate) fn new(seed: u64, recordings: usize) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self {
            random,
            recordings,
            planned: 0,
            wishes: 0,
            texts: 0,
            kokoro: 0,
            clips: 0,
        }
    }

    /// So many new wishes for each engine, one engine after the other: asked for at once, they have it open all
    /// the sessions that it may have, which by chance would come late.
    pub(crate) fn for_each_engine(&mut self, count: usize) -> Vec<Wish> {
        let mut wishes = Vec::new();
        for kind in [Kind::NewSpeech, Kind::NewKokoro, Kind::NewClip] {
            wishes.extend((0..count).map(|_| self.of_kind(kind)));
        }
        self.planned += wishes.len();
        wishes
    }

    /// The next wishes, until `requests` are planned in all.
    pub(crate) fn until(&mut self, requests: usize) -> Vec<Wish> {
        let mut wishes = Vec::new();
        while self.planned < requests {
            let wish = self.next();
            self.planned += wish.requests();
            wishes.push(wish);
        }
        wishes
    }

    fn next(&mut self) -> Wish {
        let kind = self.kind();
        self.of_kind(kind)
    }

    fn of_kind(&mut self, kind: Kind) -> Wish {
        self.wishes += 1;
        let format = FORMATS[self.wishes % FORMATS.len()];
        let speech = |kokoro, text, events| Wish::Speech {
            kokoro,
            text,
            format,
            events,
        };
        match kind {
            Kind::NewSpeech => speech(false, one_more(&mut self.texts), false),
            Kind::NewStream => speech(false, one_more(&mut self.texts), true),
            Kind::NewKokoro => speech(true, one_more(&mut self.kokoro), false),
            Kind::Speech => speech(false, self.recent(self.texts), false),
            Kind::Stream => speech(false, self.recent(self.texts), true),
            Kind::Kokoro => speech(true, self.recent(self.kokoro), false),
            Kind::NewClip => {
                let clip = one_more(&mut self.clips);
                self.clip(clip)
            }
            Kind::Clip => {
                let clip = self.recent(self.clips);
                self.clip(clip)
            }
            Kind::Job => Wish::Job {
                text: self.recent(self.texts),
            },
            Kind::List => Wish::List { page: self.wishes },
            Kind::Bad => Wish::Bad { how: self.wishes },
        }
    }

    fn kind(&mut self) -> Kind {
        let mut drawn = self.random.u32(0..1_000);
        for (share, kind) in SHARES {
            if drawn < share {
                return kind;
            }
            drawn -= share;
        }
        Kind::Speech
    }

    /// One of the last, the later the likelier.
    fn recent(&mut self, known: usize) -> usize {
        let most = known.clamp(1, RECENT);
        let back = self.random.usize(0..most).min(self.random.usize(0..most));
        known.saturating_sub(1 + back)
    }

    fn clip(&self, clip: usize) -> Wish {
        Wish::Clip {
            recording: clip % self.recordings,
            variant: clip / self.recordings,
        }
    }
}

/// The number of the next one.
fn one_more(known: &mut usize) -> usize {
    *known += 1;
    *known - 1
}
