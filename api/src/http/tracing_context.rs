//! The request's span, and the W3C trace context that travels on with a job.

use axum::{
    extract::{MatchedPath, Request},
    http::HeaderMap,
};
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use voicefleet_core::TraceContext;

use super::request_id::RequestId;

/// Longest `tracestate` that is passed on, bytes; the W3C recommendation asks for at least 512.
const MAX_TRACESTATE: usize = 512;

/// The span of a request, a child of the caller's span where the caller sent one.
pub(crate) fn request_span(request: &Request) -> Span {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str);
    let request_id = request
        .extensions()
        .get::<RequestId>()
        .map_or("", |id| id.0.as_str());
    let span = tracing::info_span!(
        "request",
        http.request.method = %request.method(),
        http.route = route,
        request_id,
        tenant = tracing::field::Empty,
    );
    let parent = extract(request.headers());
    if parent.span().span_context().is_valid() {
        // Fails only when no OpenTelemetry layer is installed: then there is no trace to join.
        let _ = span.set_parent(parent);
    }
    span
}

/// What a job carries: the current span where traces are recorded, else what the caller sent.
pub(crate) fn trace_context(headers: &HeaderMap) -> Option<TraceContext> {
    let current = Span::current().context();
    if current.span().span_context().is_valid() {
        return inject(&current);
    }
    inject(&extract(headers))
}

fn extract(headers: &HeaderMap) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers))
}

fn inject(context: &Context) -> Option<TraceContext> {
    let mut carrier = Carrier::default();
    TraceContextPropagator::new().inject_context(context, &mut carrier);
    (!carrier.0.traceparent.is_empty()).then_some(carrier.0)
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

#[derive(Default)]
struct Carrier(TraceContext);

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        match key {
            "traceparent" => self.0.traceparent = value,
            "tracestate" if value.len() <= MAX_TRACESTATE => self.0.tracestate = value,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn context_of(parent: &'static str) -> Option<TraceContext> {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_static(parent));
        headers.insert("tracestate", HeaderValue::from_static("vendor=1"));
        trace_context(&headers)
    }

    #[test]
    fn the_callers_trace_travels_on() {
        let context = context_of(PARENT).expect("a trace");
        assert_eq!(context.traceparent, PARENT);
        assert_eq!(context.tracestate, "vendor=1");
    }

    #[test]
    fn what_is_no_trace_is_left_behind() {
        for parent in [
            "",
            "x",
            "00-0-0-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        ] {
            assert_eq!(context_of(parent), None, "{parent}");
        }
        assert_eq!(trace_context(&HeaderMap::new()), None);
    }
}
