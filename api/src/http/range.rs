//! A part of a body (RFC 9110, 14). One range at most: to several the whole body is a legal answer.

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// What a client wants of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it: nothing else is asked for, or what is asked for is not understood.
    Whole,
    /// These bytes of it; never none.
    Part(Range<usize>),
    /// Bytes that it does not have.
    Nothing,
}

impl Wanted {
    /// By the `Range` header, for a body of `length` bytes that has the strong entity tag `etag`. With an
    /// `If-Range` that names another one, or a date, which we never gave out, it is the whole.
    pub(crate) fn of(headers: &HeaderMap, etag: &str, length: usize) -> Self {
        let Some(range) = headers.get(header::RANGE) else {
            return Self::Whole;
        };
        let condition = headers.get(header::IF_RANGE);
        if condition.is_some_and(|known| known.as_bytes() != etag.as_bytes()) {
            return Self::Whole;
        }
        let spec = range.to_str().ok().and_then(|text| Spec::read(text.trim()));
        spec.map_or(Self::Whole, |spec| spec.of(length))
    }
}

/// A range as it is written.
enum Spec {
    /// `first-last` or `first-`.
    From(usize, Option<usize>),
    /// `-length`: so many at the end.
    Last(usize),
}

impl Spec {
    fn read(text: &str) -> Option<Self> {
        let (unit, spec) = text.split_once('=')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = spec.trim().split_once('-')?;
        match (first, last) {
            ("", length) => Some(Self::Last(number(length)?)),
            (first, "") => Some(Self::From(number(first)?, None)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }

    fn of(self, length: usize) -> Wanted {
        let part = match self {
            Self::From(first, last) => {
                let end = last.map_or(length, |last| last.saturating_add(1).min(length));
                first..end
            }
            Self::Last(wanted) => length.saturating_sub(wanted)..length,
        };
        if part.is_empty() {
            Wanted::Nothing
        } else {
            Wanted::Part(part)
        }
    }
}

/// Digits only; more than fit are as good as the largest number.
fn number(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn wanted(range: &'static str, length: usize) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static(range));
        Wanted::of(&headers, "\"a\"", length)
    }

    #[test]
    fn bytes_are_counted_from_either_end_and_never_beyond_it() {
        for (range, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-", 0..10),
            ("bytes=3-5", 3..6),
            ("Bytes= 3-5 ", 3..6),
            ("bytes=9-", 9..10),
            ("bytes=9-9999999999999999999999", 9..10),
            ("bytes=-1", 9..10),
            ("bytes=-10", 0..10),
            // All there is, where less is there.
            ("bytes=-11", 0..10),
        ] {
            assert_eq!(wanted(range, 10), Wanted::Part(part), "{range}");
        }
    }

    #[test]
    fn what_is_not_there_is_nothing() {
        for (range, length) in [
            ("bytes=10-", 10),
            ("bytes=10-20", 10),
            ("bytes=99999999999999999999999-", 10),
            ("bytes=-0", 10),
            ("bytes=0-", 0),
            ("bytes=-5", 0),
        ] {
            assert_eq!(wanted(range, length), Wanted::Nothing, "{range}");
        }
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-3",
            "bytes=+1-2",
            "bytes=1-2,4-5",
            "seconds=0-1",
        ] {
            assert_eq!(wanted(range, 10), Wanted::Whole, "{range}");
        }
        assert_eq!(Wanted::of(&HeaderMap::new(), "\"a\"", 10), Wanted::Whole);
    }

    #[test]
    fn a_part_of_another_body_is_not_wanted() {
        for (condition, part) in [
            ("\"a\"", Wanted::Part(0..1)),
            ("\"b\"", Wanted::Whole),
            ("W/\"a\"", Wanted::Whole),
            ("Thu, 01 Jan 2026 00:00:00 GMT", Wanted::Whole),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-0"));
            headers.insert(header::IF_RANGE, HeaderValue::from_static(condition));
            assert_eq!(Wanted::of(&headers, "\"a\"", 10), part, "{condition}");
        }
    }
}
