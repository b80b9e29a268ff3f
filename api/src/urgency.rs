//! How urgent a client says its work is: tier and deadline.

use std::time::Duration;

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use voicefleet_core::{ErrorCode, Failure, Tier, Timestamp};

/// Reads the field `tier`.
pub(crate) fn tier(tier: Option<&str>, default: Tier) -> Result<Tier, Failure> {
    let Some(name) = tier else {
        return Ok(default);
    };
    name.parse()
        .map_err(|error: voicefleet_core::tier::UnknownTier| {
            Failure::of_field(ErrorCode::UnknownTier, "tier", error.to_string())
        })
}

/// Reads the field `deadline`: a number is seconds from now, a text is an RFC 3339 moment.
///
/// A form has texts only: there a text that is a number is seconds, too.
pub(crate) fn deadline(
    deadline: Option<&Value>,
    now: Timestamp,
    furthest: Duration,
) -> Result<Option<Timestamp>, Failure> {
    let moment = match deadline {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(seconds)) => after_seconds(seconds.as_f64(), now)?,
        Some(Value::String(text)) => match text.parse::<f64>() {
            Ok(seconds) => after_seconds(Some(seconds), now)?,
            Err(_) => at_moment(text)?,
        },
        Some(_) => return Err(refusal(USAGE.to_owned())),
    };
    if moment <= now {
        return Err(refusal("the deadline has passed already".to_owned()));
    }
    if moment.since(now) > furthest {
        let days = furthest.as_secs() / 86_400;
        return Err(refusal(format!(
            "the deadline is more than {days} days away"
        )));
    }
    Ok(Some(moment))
}

const USAGE: &str =
    "a deadline is a number of seconds from now, or a time such as 2026-01-31T12:00:00Z";

fn after_seconds(seconds: Option<f64>, now: Timestamp) -> Result<Timestamp, Failure> {
    let wait = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let wait = wait.ok_or_else(|| refusal(USAGE.to_owned()))?;
    Ok(now.after(wait))
}

fn at_moment(text: &str) -> Result<Timestamp, Failure> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| refusal(USAGE.to_owned()))?;
    let ms = moment.unix_timestamp_nanos() / 1_000_000;
    i64::try_from(ms)
        .map(Timestamp)
        .map_err(|_| refusal(USAGE.to_owned()))
}

fn refusal(message: String) -> Failure {
    Failure::of_field(ErrorCode::InvalidDeadline, "deadline", message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// 2026-01-01 00:00 UTC.
    const NOW: Timestamp = Timestamp(1_767_225_600_000);

    fn read(value: &Value) -> Result<Option<Timestamp>, Failure> {
        deadline(Some(value), NOW, Duration::from_hours(24))
    }

    #[test]
    fn seconds_and_moments_are_understood() {
        let in_a_minute = Some(NOW.after(Duration::from_mins(1)));
        for value in [
            json!(60),
            json!(60.0),
            json!("60"),
            json!("2026-01-01T00:01:00Z"),
            json!("2026-01-01T02:01:00.000+02:00"),
        ] {
            assert_eq!(read(&value), Ok(in_a_minute), "{value}");
        }
        assert_eq!(read(&Value::Null), Ok(None));
        assert_eq!(deadline(None, NOW, Duration::from_hours(24)), Ok(None));
    }

    #[test]
    fn everything_else_is_refused() {
        for value in [
            json!(0),
            json!(-1),
            json!(1e300),
            json!("inf"),
            json!("NaN"),
            json!(""),
            json!("soon"),
            json!(true),
            json!([60]),
            json!("2026-01-01"),
            json!("2025-12-31T23:59:59Z"),
            json!("2026-01-01T00:00:00Z"),
            json!("2026-01-02T00:00:01Z"),
            json!(86_401),
        ] {
            let failure = read(&value).expect_err(&value.to_string());
            assert_eq!(failure.code, ErrorCode::InvalidDeadline, "{value}");
        }
    }
}
