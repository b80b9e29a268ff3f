//! Which engine speaks what may be spoken by any: by the split, unless that would be too late.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::PoolSurvey;
use crate::{catalog::EngineId, tier::Tier};

/// How long a pool without workers is taken to need for its first one, seconds: a pod on a node that has
/// the image. A guess, compared with the time that a request has, and part of the estimates that clients see.
pub(super) const COLD_START_SECONDS: f64 = 15.0;

/// An engine that could speak a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Speaker {
    /// The engine.
    pub engine: EngineId,
    /// Its pool's share of the compute, per cent.
    pub share: u32,
    /// What the text costs on it, compute-seconds.
    pub cost_seconds: f64,
    /// When a slot is free for the text, seconds from now; `None` while no worker is up.
    pub free_in_seconds: Option<f64>,
    /// Whether it can have workers at all.
    pub has_pool: bool,
}

impl Speaker {
    /// An engine of whose pool nothing is known.
    pub fn unknown(engine: EngineId, cost_seconds: f64) -> Self {
        Self {
            engine,
            share: 0,
            cost_seconds,
            free_in_seconds: None,
            has_pool: true,
        }
    }

    /// The engine of `pool`, for a text of `tier` that is estimated at `cost_seconds`. What waits in the same
    /// tier and in more urgent ones comes first, spread over the slots that are up.
    pub fn of(pool: &PoolSurvey, tier: Tier, cost_seconds: f64) -> Self {
        let ahead: f64 = pool.plan.demand.backlog_seconds[..=tier.rank()]
            .iter()
            .sum();
        Self {
            engine: pool.plan.engine.clone(),
            share: pool.plan.share,
            cost_seconds: cost_seconds * pool.correction,
            free_in_seconds: (pool.slots_up > 0).then(|| ahead / f64::from(pool.slots_up)),
            has_pool: pool.max_workers > 0,
        }
    }

    /// When it would have spoken the text, seconds from now.
    fn done_in_seconds(&self) -> f64 {
        self.free_in_seconds.unwrap_or(COLD_START_SECONDS) + self.cost_seconds
    }

    /// Texts per compute-second of its share: engines that get texts in this proportion compute in the
    /// proportion of their shares.
    fn weight(&self) -> f64 {
        f64::from(self.share) / self.cost_seconds.max(f64::EPSILON)
    }
}

/// Why an engine was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SteeredBy {
    /// It was its turn by the split, or there was no choice.
    Split,
    /// The other one would have been too late.
    Time,
}

impl SteeredBy {
    /// The name used in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::Time => "time",
        }
    }
}

/// The engine for `text`, which has to be spoken within `patience_seconds`. The first of the speakers is the
/// mainstay: it is waited for where it has no worker, the others only speak while they have one.
///
/// The same text comes to the same engine as long as the shares stay and both can serve it, so that what was
/// spoken once is found again: rendezvous hashing, weighted (Thaler and Ravishankar 1998; the weights as in
/// Schindelhauer and Schomaker 2005). `None` without speakers.
pub fn steer<'a>(
    text: &str,
    speakers: &'a [Speaker],
    patience_seconds: f64,
) -> Option<(&'a Speaker, SteeredBy)> {
    let mainstay = speakers.first()?;
    let can_speak = |(index, speaker): &(usize, &Speaker)| {
        speaker.free_in_seconds.is_some() || (*index == 0 && speaker.has_pool)
    };
    let able: Vec<&Speaker> = speakers
        .iter()
        .enumerate()
        .filter(can_speak)
        .map(|(_, speaker)| speaker)
        .collect();
    let by_split = able
        .iter()
        .filter(|speaker| speaker.share > 0)
        .max_by(|a, b| score(text, a).total_cmp(&score(text, b)));
    let turn = by_split.or(able.first()).copied().unwrap_or(mainstay);
    if turn.done_in_seconds() <= patience_seconds {
        return Some((turn, SteeredBy::Split));
    }
    let soonest = able
        .into_iter()
        .min_by(|a, b| a.done_in_seconds().total_cmp(&b.done_in_seconds()));
    match soonest {
        Some(other) if other.done_in_seconds() < turn.done_in_seconds() => {
            Some((other, SteeredBy::Time))
        }
        _ => Some((turn, SteeredBy::Split)),
    }
}

/// The largest of these wins, which is each engine's with a probability in proportion to its weight.
fn score(text: &str, speaker: &Speaker) -> f64 {
    let digest = Sha256::new()
        .chain_update(speaker.engine.as_str())
        .chain_update([0])
        .chain_update(text)
        .finalize();
    let mut first = [0; 4];
    first.copy_from_slice(&digest[..4]);
    // Strictly between 0 and 1.
    let uniform = (f64::from(u32::from_be_bytes(first)) + 0.5) / (f64::from(u32::MAX) + 1.0);
    -speaker.weight() / uniform.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speaker(engine: &str, share: u32, cost_seconds: f64, free_in: Option<f64>) -> Speaker {
        Speaker {
            engine: EngineId::new(engine),
            share,
            cost_seconds,
            free_in_seconds: free_in,
            has_pool: true,
        }
    }

    fn both(piper: Option<f64>, kokoro: Option<f64>) -> [Speaker; 2] {
        [
            speaker("piper", 70, 0.1, piper),
            speaker("kokoro", 10, 0.1, kokoro),
        ]
    }

    fn taken(text: &str, speakers: &[Speaker], patience: f64) -> (String, SteeredBy) {
        let (speaker, by) = steer(text, speakers, patience).expect("speakers");
        (speaker.engine.to_string(), by)
    }

    /// The part of the compute, in per cent, that Kokoro gets of `texts` texts.
    fn kokoros_part(texts: u32, speakers: &[Speaker; 2]) -> f64 {
        let (mut kokoro, mut all) = (0.0, 0.0);
        for index in 0..texts {
            let text = format!("Question {index}: tell us about yourself.");
            let (speaker, _) = steer(&text, speakers, 5.0).expect("speakers");
            all += speaker.cost_seconds;
            if speaker.engine == speakers[1].engine {
                kokoro += speaker.cost_seconds;
            }
        }
        100.0 * kokoro / all
    }

    #[test]
    fn the_compute_of_a_thousand_texts_is_in_proportion_to_the_shares() {
        let part = kokoros_part(1_000, &both(Some(0.0), Some(0.0)));
        assert!((part - 12.5).abs() < 2.0, "{part}");
    }

    #[test]
    fn an_engine_whose_texts_cost_five_times_as_much_gets_a_fifth_of_them() {
        let speakers = [
            speaker("piper", 70, 0.1, Some(0.0)),
            speaker("kokoro", 10, 0.5, Some(0.0)),
        ];
        let part = kokoros_part(20_000, &speakers);
        assert!((part - 12.5).abs() < 2.0, "{part}");
    }

    #[test]
    fn a_text_stays_with_its_engine_unless_its_share_shrinks() {
        let before = both(Some(0.0), Some(0.0));
        let mut after = before.clone();
        after[1].share = 30;
        for index in 0..500 {
            let text = format!("Text {index}.");
            let (was, is) = (taken(&text, &before, 5.0), taken(&text, &after, 5.0));
            assert_eq!(was, taken(&text, &before, 5.0));
            assert!(
                was == is || is.0 == "kokoro",
                "{text} went from {was:?} to {is:?}"
            );
        }
    }

    #[test]
    fn what_one_cannot_serve_in_time_is_spoken_by_the_other() {
        for index in 0..100 {
            let text = format!("Text {index}.");
            let late = taken(&text, &both(Some(60.0), Some(0.0)), 5.0);
            assert_eq!(late.0, "kokoro");
            assert_eq!(taken(&text, &both(Some(0.0), Some(60.0)), 5.0).0, "piper");
        }
    }

    #[test]
    fn where_both_are_late_the_sooner_one_speaks() {
        for index in 0..100 {
            let text = format!("Text {index}.");
            assert_eq!(taken(&text, &both(Some(60.0), Some(50.0)), 5.0).0, "kokoro");
        }
    }

    #[test]
    fn kokoro_is_never_waited_for_and_piper_where_there_is_time() {
        for index in 0..100 {
            let text = format!("Text {index}.");
            assert_eq!(
                taken(&text, &both(Some(3.0), None), 5.0),
                ("piper".to_owned(), SteeredBy::Split)
            );
            assert_eq!(taken(&text, &both(None, None), 5.0).0, "piper");
            assert_eq!(taken(&text, &both(None, Some(0.0)), 5.0).0, "kokoro");
        }
        let part = kokoros_part(1_000, &both(Some(0.0), Some(0.0)));
        let mut patient = 0;
        for index in 0..1_000 {
            let text = format!("Question {index}: tell us about yourself.");
            let (engine, _) = taken(&text, &both(None, Some(0.0)), 600.0);
            patient += u32::from(engine == "kokoro");
        }
        assert!((f64::from(patient) / 10.0 - part).abs() < 0.2, "{patient}");
    }

    #[test]
    fn an_engine_that_can_have_no_worker_is_not_waited_for() {
        let mut speakers = both(None, Some(100.0));
        speakers[0].has_pool = false;
        assert_eq!(taken("Hello.", &speakers, 1.0).0, "kokoro");
        speakers[1].free_in_seconds = None;
        assert_eq!(taken("Hello.", &speakers, 1.0).0, "piper");
        assert_eq!(steer("Hello.", &[], 1.0), None);
    }

    #[test]
    fn without_shares_the_mainstay_speaks_as_long_as_it_is_in_time() {
        let mut speakers = both(Some(0.0), Some(0.0));
        for speaker in &mut speakers {
            speaker.share = 0;
        }
        assert_eq!(taken("Hello.", &speakers, 5.0).0, "piper");
        speakers[0].free_in_seconds = Some(9.0);
        assert_eq!(
            taken("Hello.", &speakers, 5.0),
            ("kokoro".to_owned(), SteeredBy::Time)
        );
    }
}
