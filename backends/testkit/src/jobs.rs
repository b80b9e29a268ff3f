//! Jobs to work with.

use voicefleet_core::{
    AudioFormat, EngineId, EnvelopeId, Job, JobId, JobSpec, JobState, Progress, SpeechSpec, Tenant,
    Tier, Timestamp, Timings, Weight, cost,
    ports::{Claim, JobChange},
};

/// A queued speech job for the engine `piper` that nobody else has: the text is the fingerprint.
pub fn speech_job(text: &str, tier: Tier, created_at: Timestamp) -> Job {
    let spec = JobSpec::Speech(SpeechSpec {
        walled: None,
        engine: EngineId::new("piper"),
        model: "fake".into(),
        model_digest: "0".repeat(64),
        voice: "v".into(),
        text: text.into(),
        speed: 1.0,
        format: AudioFormat::Wav,
    });
    Job {
        id: JobId::generate(),
        tenant: Tenant::default(),
        weight: Weight::default(),
        fingerprint: spec.fingerprint(),
        cost: cost::estimate(&spec),
        spec,
        tier,
        state: JobState::Queued,
        follows: None,
        from_cache: false,
        attempt: 0,
        created_at,
        started_at: None,
        finished_at: None,
        deadline: None,
        progress: Progress::default(),
        timings: Timings::default(),
        failure: None,
        trace: None,
    }
}

/// A run begins, by a claim that nobody else has.
pub fn start_at(at: Timestamp) -> JobChange {
    let claim = Claim::new(EnvelopeId::generate(), false);
    JobChange::Start { at, claim }
}
