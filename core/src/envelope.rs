//! What travels in the queue: small, versioned, and enough for a worker to begin.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    job::{Job, JobId, Progress, Timings},
    spec::JobSpec,
    state::JobState,
    tenant::{Tenant, Weight},
    tier::Tier,
    time::Timestamp,
};

/// Version of the envelope's layout that this build writes.
pub const SCHEMA: u16 = 1;

/// W3C trace context of the request that caused the job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    /// `traceparent` header value.
    pub traceparent: String,
    /// `tracestate` header value; often empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tracestate: String,
}

/// One envelope, through all its deliveries, retries included: a job may be published more than once.
/// Nil in envelopes of builds that did not number them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnvelopeId(Uuid);

impl EnvelopeId {
    /// A new id.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

/// A job on its way to a worker. Audio never travels in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Layout version; see [`SCHEMA`].
    pub schema: u16,
    /// Which envelope of the job.
    #[serde(default)]
    pub id: EnvelopeId,
    /// The job.
    pub job_id: JobId,
    /// Whose job it is.
    #[serde(default)]
    pub tenant: Tenant,
    /// What its tenant gets beside others.
    #[serde(default)]
    pub weight: Weight,
    /// The tier of the queue it lies in.
    pub tier: Tier,
    /// Attempts already used up; 0 on first delivery.
    pub attempt: u32,
    /// After this moment the work is not worth doing.
    pub deadline: Option<Timestamp>,
    /// Estimated compute-seconds.
    pub cost: f64,
    /// The submitter's trace.
    #[serde(default)]
    pub trace: Option<TraceContext>,
    /// When the job was accepted; unknown in envelopes of builds that did not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// What to do.
    pub spec: JobSpec,
}

/// An envelope that this build cannot read.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Not JSON, or fields missing.
    #[error("the envelope is not readable: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Written by a newer build.
    #[error("the envelope has schema {0}; this build reads up to {SCHEMA}")]
    NewerSchema(u16),
}

impl Envelope {
    /// The envelope of a job that has not been tried yet.
    pub fn for_job(job: &Job) -> Self {
        Self {
            schema: SCHEMA,
            id: EnvelopeId::generate(),
            job_id: job.id,
            tenant: job.tenant.clone(),
            weight: job.weight,
            tier: job.tier,
            attempt: job.attempt,
            deadline: job.deadline,
            cost: job.cost,
            trace: job.trace.clone(),
            created_at: Some(job.created_at),
            spec: job.spec.clone(),
        }
    }

    /// The job as it was when it was submitted. Of an envelope that was published for another reason than
    /// that, without the times and attempts that only the records know, and as urgent as the envelope is.
    pub fn to_job(&self) -> Job {
        Job {
            id: self.job_id,
            tenant: self.tenant.clone(),
            weight: self.weight,
            fingerprint: self.spec.fingerprint(),
            spec: self.spec.clone(),
            tier: self.tier,
            state: JobState::Queued,
            follows: None,
            from_cache: false,
            attempt: 0,
            cost: self.cost,
            created_at: self.created_at.unwrap_or_else(|| self.job_id.created_at()),
            started_at: None,
            finished_at: None,
            deadline: self.deadline,
            progress: Progress::default(),
            timings: Timings::default(),
            failure: None,
            trace: self.trace.clone(),
        }
    }

    /// The JSON that travels.
    pub fn encode(&self) -> Result<Vec<u8>, EnvelopeError> {
        Ok(serde_json::to_vec(self)?)
    }

    /// Reads what [`Envelope::encode`] wrote, also by older builds.
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        #[derive(Deserialize)]
        struct Version {
            schema: u16,
        }
        let Version { schema } = serde_json::from_slice(bytes)?;
        if schema > SCHEMA {
            return Err(EnvelopeError::NewerSchema(schema));
        }
        Ok(serde_json::from_slice(bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::{AudioFormat, EngineId, SpeechSpec, TranscriptionSpec};

    use super::*;

    fn spec() -> impl Strategy<Value = JobSpec> {
        let speech = (".{0,40}", ".{0,10}", 0.25_f32..4.0).prop_map(|(text, voice, speed)| {
            JobSpec::Speech(SpeechSpec {
                walled: None,
                engine: EngineId::new("piper"),
                model: "m".into(),
                model_digest: "d".into(),
                voice,
                text,
                speed,
                format: AudioFormat::Opus,
            })
        });
        let listening = (".{0,40}", proptest::option::of("[a-z]{2}"), 0_u16..9999).prop_map(
            |(key, language, seconds)| {
                JobSpec::Transcription(TranscriptionSpec {
                    walled: None,
                    engine: EngineId::new("whisper"),
                    model: "m".into(),
                    model_digest: "d".into(),
                    audio_key: key,
                    audio_digest: "a".into(),
                    audio_seconds: f64::from(seconds),
                    language,
                    temperature: 0.0,
                    prompt: None,
                    translate: false,
                })
            },
        );
        prop_oneof![speech, listening]
    }

    proptest! {
        #[test]
        fn encoding_round_trips(spec in spec(), attempt in 0_u32..9, deadline in proptest::option::of(0_i64..9_999)) {
            let envelope = Envelope {
                schema: SCHEMA, id: EnvelopeId::generate(), tenant: Tenant::default(), weight: Weight::default(),
                job_id: JobId::generate(), tier: Tier::Batch, attempt,
                deadline: deadline.map(Timestamp), cost: 1.5, created_at: Some(Timestamp(7)),
                trace: Some(TraceContext { traceparent: "00-1-2-01".into(), tracestate: String::new() }), spec,
            };
            let bytes = envelope.encode().expect("encodes");
            prop_assert_eq!(Envelope::decode(&bytes).expect("decodes"), envelope);
        }
    }

    #[test]
    fn a_job_is_made_anew_from_its_envelope() {
        let envelope = Envelope::decode(SCHEMA_1.as_bytes()).expect("schema 1");
        let job = envelope.to_job();
        assert_eq!(job.id, envelope.job_id);
        assert_eq!(job.fingerprint, envelope.spec.fingerprint());
        assert_eq!(job.created_at, Timestamp(0x0193_5d2e_0000));
        let again = Envelope {
            id: envelope.id,
            ..Envelope::for_job(&job)
        };
        // The first release did not say when the job was submitted; its id does.
        let dated = Envelope {
            created_at: Some(job.created_at),
            ..envelope
        };
        assert_eq!(again, dated);
    }

    /// Written by the first release; it must stay readable for as long as queues may hold it.
    const SCHEMA_1: &str = r#"{"schema":1,"job_id":"01935d2e-0000-7000-8000-000000000001","tier":"standard",
        "attempt":0,"deadline":null,"cost":0.2,"trace":null,"spec":{"kind":"speech","engine":"piper",
        "model":"m","model_digest":"d","voice":"v","text":"hello","speed":1.0,"format":"wav"}}"#;

    #[test]
    fn old_layouts_stay_readable_and_newer_ones_are_named() {
        let envelope = Envelope::decode(SCHEMA_1.as_bytes()).expect("schema 1");
        assert_eq!(envelope.tier, Tier::Standard);
        let newer = SCHEMA_1.replacen("\"schema\":1", "\"schema\":9", 1);
        assert!(matches!(
            Envelope::decode(newer.as_bytes()),
            Err(EnvelopeError::NewerSchema(9))
        ));
        assert!(matches!(
            Envelope::decode(b"{}"),
            Err(EnvelopeError::Malformed(_))
        ));
    }
}
