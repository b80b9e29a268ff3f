//! A day of an interview platform, made up.

use std::{ops::RangeInclusive, time::Duration};

use fastrand::Rng;
use voicefleet_core::{
    AudioFormat, EngineId, JobSpec, SpeechSpec, Tier, TranscriptionSpec, cost::estimate,
};

use super::{Arrival, Trace};

/// How busy each hour is, relative to the busiest. Assumed: interviews are held in business hours, with
/// a dip at noon, and a few at other times.
const BUSY: [f64; 24] = [
    0.01, 0.0, 0.0, 0.0, 0.0, 0.01, 0.02, 0.1, 0.4, 0.8, 1.0, 0.95, //
    0.5, 0.6, 0.95, 1.0, 0.8, 0.5, 0.25, 0.15, 0.1, 0.05, 0.02, 0.01,
];

const HOUR: f64 = 3_600.0;
const SESSION_SECONDS: f64 = 2_700.0;
const PROMPTS_PER_HOUR: RangeInclusive<f64> = 50.0..=100.0;
const PROMPT_CHARS: RangeInclusive<usize> = 60..=250;
/// Of the prompts, so many are questions whose answer is transcribed.
const ANSWERED: f64 = 0.5;
const ANSWER_SECONDS: RangeInclusive<f64> = 20.0..=120.0;
const BANK_CHARS: RangeInclusive<usize> = 200..=600;
/// How fast the question bank is submitted, jobs per second.
const BANK_RATE: f64 = 20.0;

/// A day of interviews: prompts that are spoken while somebody waits (realtime), answers of 20 to 120 s
/// to be transcribed (standard), and at night a question bank to be spoken (batch).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Day {
    /// The same seed is the same day.
    pub seed: u64,
    /// Sessions at a time in the busiest hour, 50 to 100 prompts an hour each.
    pub peak_sessions: f64,
    /// Of the sessions and of the bank, so many use Kokoro's voices; the rest Piper's. 0 to 1.
    pub kokoro_share: f64,
    /// Texts in the question bank.
    pub bank_texts: u32,
    /// When the question bank is submitted.
    pub bank_at: Duration,
}

impl Default for Day {
    /// 200 sessions, a tenth of them with Kokoro's voices; 3,000 texts at two in the morning.
    fn default() -> Self {
        Self {
            seed: 1,
            peak_sessions: 200.0,
            kokoro_share: 0.1,
            bank_texts: 3_000,
            bank_at: Duration::from_hours(2),
        }
    }
}

impl Day {
    /// How long it is.
    pub const LENGTH: Duration = Duration::from_hours(24);

    /// Its jobs. Sessions that begin before midnight may end after.
    pub fn trace(&self) -> Trace {
        let mut dice = Rng::with_seed(self.seed);
        let mut jobs = Vec::new();
        for start in self.session_starts(&mut dice) {
            self.session(start, &mut dice, &mut jobs);
        }
        self.bank(&mut dice, &mut jobs);
        Trace::new(jobs)
    }

    /// A Poisson process whose rate changes by the hour.
    fn session_starts(&self, dice: &mut Rng) -> Vec<f64> {
        let mut starts = Vec::new();
        for (hour, busy) in (0_u32..).zip(BUSY) {
            let begin = f64::from(hour) * HOUR;
            let every = SESSION_SECONDS / (self.peak_sessions * busy);
            let mut at = begin + exponential(dice, every);
            while at < begin + HOUR {
                starts.push(at);
                at += exponential(dice, every);
            }
        }
        starts
    }

    fn session(&self, start: f64, dice: &mut Rng, jobs: &mut Vec<Arrival>) {
        let voice = self.voice(dice);
        let every = HOUR / between(dice, &PROMPTS_PER_HOUR);
        let mut at = start;
        while at < start + SESSION_SECONDS {
            let prompt = speech(voice, dice.usize(PROMPT_CHARS));
            jobs.push(job(at, Tier::Realtime, &prompt));
            if dice.f64() < ANSWERED {
                let seconds = between(dice, &ANSWER_SECONDS);
                jobs.push(job(at + seconds, Tier::Standard, &answer(seconds)));
            }
            at += every * between(dice, &(0.5..=1.5));
        }
    }

    fn bank(&self, dice: &mut Rng, jobs: &mut Vec<Arrival>) {
        for text in 0..self.bank_texts {
            let at = self.bank_at.as_secs_f64() + f64::from(text) / BANK_RATE;
            let text = speech(self.voice(dice), dice.usize(BANK_CHARS));
            jobs.push(job(at, Tier::Batch, &text));
        }
    }

    fn voice(&self, dice: &mut Rng) -> &'static str {
        if dice.f64() < self.kokoro_share {
            "kokoro"
        } else {
            "piper"
        }
    }
}

/// What the product itself estimates for such a job.
fn job(at: f64, tier: Tier, spec: &JobSpec) -> Arrival {
    Arrival {
        at: Duration::from_secs_f64(at),
        engine: spec.engine().clone(),
        tier,
        cost: Duration::from_secs_f64(estimate(spec)),
    }
}

fn speech(engine: &str, chars: usize) -> JobSpec {
    JobSpec::Speech(SpeechSpec {
        walled: None,
        engine: EngineId::new(engine),
        model: String::new(),
        model_digest: String::new(),
        voice: String::new(),
        text: "x".repeat(chars),
        speed: 1.0,
        format: AudioFormat::Wav,
    })
}

fn answer(seconds: f64) -> JobSpec {
    JobSpec::Transcription(TranscriptionSpec {
        walled: None,
        engine: EngineId::new("whisper"),
        model: String::new(),
        model_digest: String::new(),
        audio_key: String::new(),
        audio_digest: String::new(),
        audio_seconds: seconds,
        language: None,
        temperature: 0.0,
        prompt: None,
        translate: false,
    })
}

fn between(dice: &mut Rng, range: &RangeInclusive<f64>) -> f64 {
    range.start() + (range.end() - range.start()) * dice.f64()
}

/// The time to the next event where there is one every `mean` on average; never ends where `mean` is infinite.
fn exponential(dice: &mut Rng, mean: f64) -> f64 {
    -mean * (1.0 - dice.f64()).ln().min(-f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_day() {
        let day = Day {
            peak_sessions: 5.0,
            ..Day::default()
        };
        assert_eq!(day.trace(), day.trace());
        assert_ne!(day.trace(), Day { seed: 2, ..day }.trace());
    }

    #[test]
    fn a_day_is_busy_in_business_hours_and_has_a_bank_at_night() {
        let trace = Day::default().trace();
        let within = |tier, hours: std::ops::Range<u64>| {
            let jobs = trace.arrivals().iter();
            jobs.filter(|job| job.tier == tier && hours.contains(&(job.at.as_secs() / 3_600)))
                .count()
        };
        assert_eq!(within(Tier::Batch, 2..3), 3_000);
        // 200 sessions with 75 prompts an hour.
        assert!((12_000..18_000).contains(&within(Tier::Realtime, 10..11)));
        assert_eq!(within(Tier::Realtime, 2..5), 0);
        let (prompts, answers) = (within(Tier::Realtime, 0..25), within(Tier::Standard, 0..25));
        assert!((answers * 2).abs_diff(prompts) < prompts / 20);
    }
}
