//! The spans of a job: they go on with the trace of the request that caused it.

use std::time::{Duration, SystemTime};

use apalis::prelude::Task;
use opentelemetry::{
    Context, KeyValue, global,
    propagation::Extractor,
    trace::{Span as _, TraceContextExt, Tracer},
};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use voicefleet_core::{Envelope, Job, Timestamp, TraceContext};

use crate::source::Ticket;

/// The span of one delivery.
pub(crate) fn job_span(task: &Task<Ticket>) -> tracing::Span {
    let envelope = &task.args.envelope;
    let span = tracing::info_span!(
        "job",
        job_id = %envelope.job_id,
        engine = %envelope.spec.engine(),
        tier = %envelope.tier,
        attempt = envelope.attempt + 1,
    );
    if let Some(request) = request_of(envelope) {
        // Refused only when no OpenTelemetry layer is installed, and then nobody would see the trace.
        let _ = span.set_parent(request);
    }
    span
}

/// Records the time for which a job has waited for its first attempt: a span beside the job's own, for
/// it lies before it.
pub(crate) fn record_wait(envelope: &Envelope, job: &Job, until: Timestamp) {
    let Some(request) = request_of(envelope).filter(|_| job.attempt == 1) else {
        return;
    };
    let tracer = global::tracer("voicefleet");
    let mut span = tracer
        .span_builder("wait")
        .with_start_time(moment(job.created_at))
        .with_attributes([
            KeyValue::new("job_id", job.id.to_string()),
            KeyValue::new("tier", envelope.tier.name()),
        ])
        .start_with_context(&tracer, &request);
    span.end_with_timestamp(moment(until));
}

fn moment(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(at.0).unwrap_or(0))
}

/// The span of the request, if it came with one.
fn request_of(envelope: &Envelope) -> Option<Context> {
    let trace = envelope.trace.as_ref()?;
    let request = global::get_text_map_propagator(|propagator| propagator.extract(&Headers(trace)));
    request
        .span()
        .span_context()
        .is_valid()
        .then_some(request.clone())
}

struct Headers<'a>(&'a TraceContext);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => Some(&self.0.traceparent),
            "tracestate" => Some(&self.0.tracestate),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}
