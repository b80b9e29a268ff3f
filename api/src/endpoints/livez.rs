//! `GET /livez`: the process answers. Says nothing about anything else, so that an outage elsewhere
//! never gets this process restarted.

/// Whether the process is alive
#[utoipa::path(get, path = "/livez", tag = "Service", responses(
    (status = 200, description = "It is.", body = String, content_type = "text/plain"),
))]
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}
