//! What keys have to do with every endpoint: said once, for all of them.

use utoipa::openapi::{
    Content, OpenApi, PathItem, Ref, RefOr, ResponseBuilder,
    path::Operation,
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};

use crate::{http::errors::speaks_openai, tenancy::is_public};

const SCHEME: &str = "key";

/// Refusals that any endpoint behind a key may answer with.
const REFUSALS: [(&str, &str); 2] = [
    (
        "401",
        "The server wants a key, and none that it knows was shown.",
    ),
    (
        "429",
        "More than the key allows, or too much work waits already; see `Retry-After`.",
    ),
];

/// What is about the whole fleet.
const OF_ADMINISTRATORS: [&str; 4] = ["/v1/keys", "/v1/keys/{id}", "/v1/split", "/v1/dead-letters"];

/// What takes work on, which keys may not allow in every tier.
const SUBMITTING: [&str; 5] = [
    "/v1/jobs",
    "/v1/jobs/{id}/retry",
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
];

/// Adds the scheme, and to each endpoint that wants a key the refusals.
pub(super) fn describe(document: &mut OpenApi) {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "A key, `vf_ID_SECRET`, where the server is told to want one. `x-api-key` is read as well.",
        ))
        .build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(SCHEME, SecurityScheme::Http(scheme));
    for (path, item) in &mut document.paths.paths {
        if is_public(path) {
            continue;
        }
        let error = if speaks_openai(path) {
            ("OpenAiError", "application/json")
        } else {
            ("Problem", "application/problem+json")
        };
        let submitting = SUBMITTING.contains(&path.as_str());
        if let Some(operation) = item.post.as_mut().filter(|_| submitting) {
            add_refusal(
                operation,
                error,
                ("403", "The key does not allow this tier."),
            );
        }
        for operation in operations(item) {
            if OF_ADMINISTRATORS.contains(&path.as_str()) {
                add_refusal(
                    operation,
                    error,
                    ("403", "The key is not an administrator's."),
                );
            }
            let anybody = SecurityRequirement::default();
            let bearer = SecurityRequirement::new::<_, [&str; 0], &str>(SCHEME, []);
            operation.security = Some(vec![anybody, bearer]);
            for refusal in REFUSALS {
                add_refusal(operation, error, refusal);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let methods = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.head,
        &mut item.patch,
    ];
    methods.into_iter().filter_map(Option::as_mut)
}

/// What the endpoint says of this status itself stays as it is.
fn add_refusal(
    operation: &mut Operation,
    (schema, media_type): (&str, &str),
    (status, description): (&str, &str),
) {
    let responses = &mut operation.responses.responses;
    responses.entry(status.to_owned()).or_insert_with(|| {
        let content = Content::new(Some(Ref::from_schema_name(schema)));
        let response = ResponseBuilder::new()
            .description(description)
            .content(media_type, content)
            .build();
        RefOr::T(response)
    });
}
