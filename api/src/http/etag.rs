//! Entity tags and what clients ask with them (RFC 9110, 8.8.3 and 13.1.2).

use axum::http::{HeaderMap, header};
use flate2::Crc;
use voicefleet_core::{Fingerprint, Job};

use crate::standing::Standing;

/// Of a job object: weak, since estimates in it change without it.
pub(crate) fn of_job(job: &Job) -> String {
    let standing = Standing::of(job);
    match job.follows {
        Some(leader) => format!("W/\"{standing}.{leader}\""),
        None => format!("W/\"{standing}\""),
    }
}

/// Of a result: strong. The bytes themselves are in it, for what was evicted and made again need not be
/// the same to the last bit, and parts of two makings do not fit together.
pub(crate) fn of_result(fingerprint: &Fingerprint, body: &[u8]) -> String {
    let mut checksum = Crc::new();
    checksum.update(body);
    let work: String = fingerprint.to_string().chars().take(16).collect();
    format!("\"{work}-{:x}-{:08x}\"", body.len(), checksum.sum())
}

/// Whether the client has it already, as its `If-None-Match` says. Weak and strong tags compare alike here.
pub(crate) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    let own = opaque(etag);
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .map(str::trim);
    tags.any(|tag| tag == "*" || opaque(tag) == own)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn is_known_by(condition: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(condition));
        is_known(&headers, "W/\"running.1.3.12\"")
    }

    #[test]
    fn any_of_the_tags_will_do_weak_or_strong() {
        for condition in [
            "*",
            "W/\"running.1.3.12\"",
            "\"running.1.3.12\"",
            "\"a\", W/\"running.1.3.12\" , \"b\"",
        ] {
            assert!(is_known_by(condition), "{condition}");
        }
        for condition in ["", "\"\"", "running.1.3.12", "\"running.1.3.1\"", "W/*"] {
            assert!(!is_known_by(condition), "{condition}");
        }
        assert!(!is_known(&HeaderMap::new(), "\"a\""));
    }

    #[test]
    fn other_bytes_of_the_same_work_have_another_tag() {
        let work = Fingerprint::parse(&"ab".repeat(32)).expect("a fingerprint");
        let tag = |body: &[u8]| of_result(&work, body);
        assert_eq!(tag(b"Hello."), tag(b"Hello."));
        assert_ne!(tag(b"Hello."), tag(b"Hallo."));
        assert!(tag(b"").starts_with('"') && tag(b"").ends_with('"'));
    }
}
