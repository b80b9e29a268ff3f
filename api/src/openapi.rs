//! The OpenAPI document, made from the same list that routes are made from.

use utoipa::OpenApi;

use crate::{live, router};

mod access;

/// The frame of the document; the endpoints bring their own parts.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Voicefleet",
        description = "A fleet of speech workers behind one HTTP API: text to speech, speech to text.\n\n\
            Errors are RFC 9457 problems with a stable `code`; below `/v1/audio/` and `/v1/batches` they are OpenAI's \
            error objects with the same code. Every answer has an `x-request-id`. Errors of the HTTP layer itself \
            (headers beyond its limits, a request that is not HTTP) have no body.",
    ),
    components(schemas(
        live::LiveClientMessage, live::SessionStart, live::SessionUpdate, live::Speak, live::SpeakAppend,
        live::SpeakFlush, live::SpeakEnd, live::SpeakCancel, live::AudioStart, live::AudioEnd, live::AudioCancel,
        live::Ping, live::LiveServerEvent
    )),
    tags(
        (name = "OpenAI", description = "What OpenAI's clients call. The request waits for the outcome."),
        (name = "Live", description = "Conversations over a WebSocket: text in as it is written, audio out as it is spoken."),
        (name = "Jobs", description = "Work that is submitted now and fetched later."),
        (name = "Files", description = "Uploads for transcription jobs and batches, and what batches came to."),
        (name = "Batches", description = "Many requests as one file, done when nobody is waiting; OpenAI's format."),
        (name = "Catalogue", description = "What can be asked for."),
        (name = "Webhooks", description = "Who is told of the ends of jobs."),
        (name = "Keys", description = "Who may do what, and what they have used."),
        (name = "Scaling", description = "How the compute is divided among the pools."),
        (name = "Service", description = "How the service is doing."),
    )
)]
pub(crate) struct Frame;

/// The OpenAPI document of this API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, mut document) = router::endpoints().split_for_parts();
    access::describe(&mut document);
    document
}
