//! What a message says beside its envelope.

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use voicefleet_core::{Envelope, Failure, Timestamp};

const NOT_BEFORE: &str = "x-not-before";
const FAILURE_CODE: &str = "x-failure-code";
const FAILURE_MESSAGE: &str = "x-failure-message";
/// Kept on disk by every kind of queue.
const PERSISTENT: u8 = 2;

/// The properties of an envelope's message. The trace is in the envelope; it stands here too, for tools
/// that follow traces through brokers.
pub(crate) fn properties(envelope: &Envelope) -> BasicProperties {
    let mut headers = FieldTable::default();
    if let Some(trace) = &envelope.trace {
        headers.insert("traceparent".into(), text(&trace.traceparent));
        headers.insert("tracestate".into(), text(&trace.tracestate));
    }
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type("application/json".into())
        .with_message_id(envelope.job_id.to_string().into())
        .with_headers(headers)
}

/// With the moment before which it must not be delivered.
pub(crate) fn with_not_before(properties: BasicProperties, moment: Timestamp) -> BasicProperties {
    with(properties, [(NOT_BEFORE, AMQPValue::LongLongInt(moment.0))])
}

/// With the reason for which it was set aside.
pub(crate) fn with_failure(properties: BasicProperties, failure: &Failure) -> BasicProperties {
    with(
        properties,
        [
            (FAILURE_CODE, text(&failure.code.to_string())),
            (FAILURE_MESSAGE, text(&failure.message)),
        ],
    )
}

/// The moment before which the message must not be delivered, if it has one.
pub(crate) fn not_before(properties: &BasicProperties) -> Option<Timestamp> {
    let headers = properties.headers().as_ref()?;
    match headers.inner().get(NOT_BEFORE)? {
        AMQPValue::LongLongInt(at) => Some(Timestamp(*at)),
        _ => None,
    }
}

fn with<const N: usize>(
    properties: BasicProperties,
    entries: [(&str, AMQPValue); N],
) -> BasicProperties {
    let mut headers = properties.headers().clone().unwrap_or_default();
    for (key, value) in entries {
        headers.insert(key.into(), value);
    }
    properties.with_headers(headers)
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
