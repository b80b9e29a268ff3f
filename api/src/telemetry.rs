//! The API's metrics, through OpenTelemetry's global meter. Label values come from bounded sets only.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Histogram, UpDownCounter},
};
use voicefleet_core::{EngineId, Job, ports::Submission};

use crate::app::SharedApp;

/// Bounds of the request histogram, seconds: from a health check to a long poll.
const SECONDS: [f64; 12] = [
    0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 25.0, 60.0,
];

/// The instruments. Exporters to Prometheus add the unit and `_total` to the names.
pub(crate) struct Meters {
    requests: Counter<u64>,
    request_duration: Histogram<f64>,
    jobs: Counter<u64>,
    jobs_by_tenant: Counter<u64>,
    cache_hits: Counter<u64>,
    cache_misses: Counter<u64>,
    follows: Counter<u64>,
    uploads: Counter<u64>,
    renderings: Counter<u64>,
    steered: Counter<u64>,
    live_sessions: UpDownCounter<i64>,
    live_turns: Counter<u64>,
}

impl Meters {
    pub(crate) fn new() -> Self {
        let meter = global::meter("voicefleet-api");
        let counter = |name: &'static str, about: &'static str| {
            meter.u64_counter(name).with_description(about).build()
        };
        Self {
            requests: counter("voicefleet_http_requests", "Requests answered."),
            request_duration: meter
                .f64_histogram("voicefleet_http_request_duration")
                .with_description("Time to the head of the answer, waiting for jobs included.")
                .with_unit("s")
                .with_boundaries(SECONDS.to_vec())
                .build(),
            jobs: counter("voicefleet_jobs_submitted", "Jobs accepted."),
            jobs_by_tenant: counter(
                "voicefleet_tenant_jobs_submitted",
                "Jobs accepted, by whose they are.",
            ),
            cache_hits: counter(
                "voicefleet_cache_hits",
                "Jobs answered with audio or text that was there already.",
            ),
            cache_misses: counter("voicefleet_cache_misses", "Jobs that need computing."),
            follows: counter(
                "voicefleet_single_flight_follows",
                "Jobs that wait for an identical one in flight.",
            ),
            uploads: meter
                .u64_counter("voicefleet_uploads")
                .with_description("Audio uploaded.")
                .with_unit("By")
                .build(),
            renderings: counter(
                "voicefleet_renderings",
                "Results encoded in a delivery format.",
            ),
            steered: counter(
                "voicefleet_speech_steered",
                "Speech without an engine of its own, by the engine and by why it was taken.",
            ),
            live_sessions: meter
                .i64_up_down_counter("voicefleet_live_sessions")
                .with_description("Live sessions that are open.")
                .build(),
            live_turns: counter(
                "voicefleet_live_turns",
                "Utterances and recordings of live sessions, by what they were and how they ended.",
            ),
        }
    }

    /// A job was answered from the cache.
    pub(crate) fn cache_hit(&self, job: &Job) {
        self.accepted(job);
        self.cache_hits.add(1, &job_labels(job));
    }

    /// A job is on its way.
    pub(crate) fn submitted(&self, job: &Job, submission: &Submission) {
        self.accepted(job);
        match submission {
            Submission::Leads => self.cache_misses.add(1, &job_labels(job)),
            Submission::Follows { .. } => self.follows.add(1, &job_labels(job)),
        }
    }

    /// Tenants are as many as keys name; OpenTelemetry puts those beyond 2 000 together.
    fn accepted(&self, job: &Job) {
        self.jobs.add(1, &job_labels(job));
        let tenant = KeyValue::new("tenant", job.tenant.to_string());
        let tier = KeyValue::new("tier", job.tier.name());
        self.jobs_by_tenant.add(1, &[tenant, tier]);
    }

    /// Speech came to `engine`, by `split`, `time` or `cache`.
    pub(crate) fn steered(&self, engine: &EngineId, by: &'static str) {
        let engine = KeyValue::new("engine", engine.to_string());
        self.steered.add(1, &[engine, KeyValue::new("by", by)]);
    }

    /// So many bytes of audio came in.
    pub(crate) fn uploaded(&self, bytes: usize) {
        self.uploads.add(bytes as u64, &[]);
    }

    /// A live session was opened (1) or has ended (-1).
    pub(crate) fn live_session(&self, change: i64) {
        self.live_sessions.add(change, &[]);
    }

    /// Something in a live session, `speech` or `recording`, has ended as `outcome`.
    pub(crate) fn live_turn(&self, kind: &'static str, outcome: &'static str) {
        let labels = [
            KeyValue::new("kind", kind),
            KeyValue::new("outcome", outcome),
        ];
        self.live_turns.add(1, &labels);
    }

    /// A result was encoded.
    pub(crate) fn rendered(&self, format: &'static str) {
        self.renderings.add(1, &[KeyValue::new("format", format)]);
    }
}

fn job_labels(job: &Job) -> [KeyValue; 2] {
    [
        KeyValue::new("engine", job.spec.engine().to_string()),
        KeyValue::new("tier", job.tier.name()),
    ]
}

/// Counts and times every request by route and status class.
pub(crate) async fn measure(
    State(app): State<SharedApp>,
    request: Request,
    next: Next,
) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let began = Instant::now();
    let response = next.run(request).await;
    let class = match response.status().as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    };
    let route = KeyValue::new("route", route);
    app.meters
        .request_duration
        .record(began.elapsed().as_secs_f64(), std::slice::from_ref(&route));
    app.meters
        .requests
        .add(1, &[route, KeyValue::new("status", class)]);
    response
}
