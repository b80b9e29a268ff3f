//! What a worker tells Prometheus and OpenTelemetry. Label sets are bounded: engine, tier, outcome, code,
//! and tenants, of which OpenTelemetry tells 2 000 apart.

use std::{sync::LazyLock, time::Duration};

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Histogram},
};
use voicefleet_core::{EngineId, ErrorCode, Job, JobState, Tier, Timings};

/// Bucket bounds for waits and computations, seconds: a prompt's 50 ms to a recording's half hour.
const SECONDS: [f64; 14] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0,
];
/// Bucket bounds for compute time per audio time.
const FACTORS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0, 5.0];

struct Instruments {
    finished: Counter<u64>,
    failures: Counter<u64>,
    retries: Counter<u64>,
    audio: Counter<f64>,
    compute_total: Counter<f64>,
    of_tenants: Counter<f64>,
    wait: Histogram<f64>,
    compute: Histogram<f64>,
    first_chunk: Histogram<f64>,
    factor: Histogram<f64>,
    load: Histogram<f64>,
}

static INSTRUMENTS: LazyLock<Instruments> = LazyLock::new(|| {
    let meter = global::meter("voicefleet.workers");
    let histogram = |name: &'static str, help: &'static str, bounds: &[f64]| {
        meter
            .f64_histogram(name)
            .with_description(help)
            .with_boundaries(bounds.to_vec())
            .build()
    };
    Instruments {
        finished: meter
            .u64_counter("voicefleet_jobs_finished")
            .with_description("Jobs that reached a terminal state")
            .build(),
        failures: meter
            .u64_counter("voicefleet_attempts_failed")
            .with_description("Attempts that failed, by code")
            .build(),
        retries: meter
            .u64_counter("voicefleet_attempts_retried")
            .with_description("Attempts that will be repeated")
            .build(),
        audio: meter
            .f64_counter("voicefleet_audio_seconds")
            .with_description("Seconds of audio spoken or transcribed")
            .build(),
        compute_total: meter
            .f64_counter("voicefleet_compute_seconds")
            .with_description("Seconds of inference")
            .build(),
        of_tenants: meter
            .f64_counter("voicefleet_tenant_compute_seconds")
            .with_description("Seconds of inference, by whose job it was")
            .build(),
        wait: histogram(
            "voicefleet_queue_wait_seconds",
            "Time between submit and start",
            &SECONDS,
        ),
        compute: histogram(
            "voicefleet_job_compute_seconds",
            "Inference time of a job",
            &SECONDS,
        ),
        first_chunk: histogram(
            "voicefleet_first_chunk_seconds",
            "Time between submit and the first finished chunk",
            &SECONDS,
        ),
        factor: histogram(
            "voicefleet_real_time_factor",
            "Inference time per second of audio",
            &FACTORS,
        ),
        load: histogram(
            "voicefleet_model_load_seconds",
            "Time to load a model",
            &SECONDS,
        ),
    }
});

fn of(engine: &EngineId, tier: Tier) -> [KeyValue; 2] {
    [
        KeyValue::new("engine", engine.as_str().to_owned()),
        KeyValue::new("tier", tier.name()),
    ]
}

/// A model came into memory.
pub(crate) fn model_loaded(engine: &EngineId, took: Duration) {
    INSTRUMENTS.load.record(
        took.as_secs_f64(),
        &[KeyValue::new("engine", engine.as_str().to_owned())],
    );
}

/// A job reached a terminal state.
pub(crate) fn finished(engine: &EngineId, tier: Tier, state: JobState) {
    let [engine, tier] = of(engine, tier);
    INSTRUMENTS
        .finished
        .add(1, &[engine, tier, KeyValue::new("status", state.name())]);
}

/// A job was computed.
pub(crate) fn computed(engine: &EngineId, job: &Job, timings: &Timings) {
    let labels = of(engine, job.tier);
    INSTRUMENTS.audio.add(timings.audio_seconds, &labels);
    INSTRUMENTS
        .compute_total
        .add(timings.compute_ms / 1000.0, &labels);
    INSTRUMENTS.wait.record(timings.queue_ms / 1000.0, &labels);
    INSTRUMENTS
        .compute
        .record(timings.compute_ms / 1000.0, &labels);
    INSTRUMENTS
        .first_chunk
        .record(timings.first_chunk_ms / 1000.0, &labels);
    let tenant = KeyValue::new("tenant", job.tenant.to_string());
    let of_tenant = [KeyValue::new("engine", engine.as_str().to_owned()), tenant];
    INSTRUMENTS
        .of_tenants
        .add(timings.compute_ms / 1000.0, &of_tenant);
    if let Some(factor) = timings.real_time_factor() {
        INSTRUMENTS.factor.record(factor, &labels);
    }
}

/// An attempt failed.
pub(crate) fn attempt_failed(engine: &EngineId, tier: Tier, code: ErrorCode, again: bool) {
    let labels = of(engine, tier);
    if again {
        INSTRUMENTS.retries.add(1, &labels);
    }
    let [engine, tier] = labels;
    INSTRUMENTS
        .failures
        .add(1, &[engine, tier, KeyValue::new("code", code.name())]);
}
