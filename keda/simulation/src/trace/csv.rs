//! Traces as CSV.

use std::{io, time::Duration};

use csv::StringRecord;
use voicefleet_core::{EngineId, Tier};

use super::{Arrival, Trace};

/// The columns, all of which a file must have, in this order: seconds since the beginning, the engine's
/// name, the tier's name, compute-seconds on one core.
pub const CSV_HEADER: [&str; 4] = ["arrival_seconds", "engine", "tier", "cost_seconds"];

/// More than any day has, and far from what a [`Duration`] cannot hold.
const MOST_SECONDS: f64 = 1e9;

/// Why a file is no trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The first line is not the header.
    #[error("line 1: the columns are '{found}', not '{}'", CSV_HEADER.join(","))]
    Header {
        /// What is there.
        found: String,
    },
    /// A value is not what its column holds.
    #[error("line {line}, column '{column}': {problem}")]
    Value {
        /// The line, 1 is the header.
        line: u64,
        /// The column's name.
        column: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// It is no CSV, or cannot be read.
    #[error("the trace cannot be read: {0}")]
    Unreadable(#[from] csv::Error),
}

/// Reads a trace; lines may be in any order of arrival.
///
/// # Errors
/// A sentence that names the line and the column.
pub fn read_csv(source: impl io::Read) -> Result<Trace, TraceError> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(source);
    let header = reader.headers()?;
    if header != CSV_HEADER[..] {
        return Err(TraceError::Header {
            found: header.iter().collect::<Vec<_>>().join(","),
        });
    }
    let arrivals: Result<_, _> = reader.records().map(|record| arrival(&record?)).collect();
    Ok(Trace::new(arrivals?))
}

fn arrival(record: &StringRecord) -> Result<Arrival, TraceError> {
    // The reader refuses lines that are longer or shorter than the header.
    let text = |column: usize| record.get(column).unwrap_or_default();
    let wrong = |column: usize, problem| TraceError::Value {
        line: record.position().map_or(0, csv::Position::line),
        column: CSV_HEADER[column],
        problem,
    };
    Ok(Arrival {
        at: seconds(text(0)).map_err(|problem| wrong(0, problem))?,
        engine: engine(text(1)).map_err(|problem| wrong(1, problem))?,
        tier: text(2)
            .parse::<Tier>()
            .map_err(|problem| wrong(2, problem.to_string()))?,
        cost: seconds(text(3)).map_err(|problem| wrong(3, problem))?,
    })
}

fn seconds(text: &str) -> Result<Duration, String> {
    let value: f64 = text
        .parse()
        .map_err(|_| format!("'{text}' is no number of seconds"))?;
    if (0.0..=MOST_SECONDS).contains(&value) {
        Ok(Duration::from_secs_f64(value))
    } else {
        Err(format!("'{text}' is not from 0 to {MOST_SECONDS} seconds"))
    }
}

fn engine(text: &str) -> Result<EngineId, String> {
    if text.is_empty() {
        return Err("the engine's name is empty".to_owned());
    }
    Ok(EngineId::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(lines: &str) -> String {
        let file = format!("{}\n{lines}", CSV_HEADER.join(","));
        read_csv(file.as_bytes())
            .expect_err("it is refused")
            .to_string()
    }

    #[test]
    fn jobs_are_read_and_sorted() {
        let file = "arrival_seconds,engine,tier,cost_seconds\n\
                    7.5, whisper, batch, 3\n\
                    0,piper,realtime,0.25\n";
        let trace = read_csv(file.as_bytes()).unwrap();
        let piper = Arrival {
            at: Duration::ZERO,
            engine: EngineId::new("piper"),
            tier: Tier::Realtime,
            cost: Duration::from_millis(250),
        };
        assert_eq!(trace.arrivals()[0], piper);
        assert_eq!(trace.arrivals()[1].at, Duration::from_millis(7_500));
    }

    #[test]
    fn a_wrong_value_is_named_by_line_and_column() {
        assert_eq!(
            refusal("1,piper,batch,1\nsoon,piper,batch,1"),
            "line 3, column 'arrival_seconds': 'soon' is no number of seconds"
        );
        assert_eq!(
            refusal("1,,batch,1"),
            "line 2, column 'engine': the engine's name is empty"
        );
        assert_eq!(
            refusal("1,piper,urgent,1"),
            "line 2, column 'tier': unknown tier 'urgent'; use one of realtime, standard, batch"
        );
        for cost in ["-1", "NaN", "inf", "1e300"] {
            assert_eq!(
                refusal(&format!("1,piper,batch,{cost}")),
                format!(
                    "line 2, column 'cost_seconds': '{cost}' is not from 0 to 1000000000 seconds"
                )
            );
        }
    }

    #[test]
    fn a_short_line_is_named() {
        assert!(
            refusal("1,piper,batch").contains("line: 2"),
            "{}",
            refusal("1,piper,batch")
        );
    }

    #[test]
    fn another_header_is_refused() {
        let error = read_csv("at,engine\n1,piper\n".as_bytes()).expect_err("it is refused");
        assert_eq!(
            error.to_string(),
            "line 1: the columns are 'at,engine', not 'arrival_seconds,engine,tier,cost_seconds'"
        );
    }
}
