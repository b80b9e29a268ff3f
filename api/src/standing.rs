//! Where a job stands, as a short text: the id of an event, and the heart of an entity tag.

use std::{fmt, str::FromStr};

use voicefleet_core::{Job, JobState};

/// All that a client can have seen of a job's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: JobState,
    pub(crate) attempt: u32,
    chunks_done: u32,
    chunks_total: u32,
}

impl Standing {
    pub(crate) fn of(job: &Job) -> Self {
        Self {
            state: job.state,
            attempt: job.attempt,
            chunks_done: job.progress.chunks_done,
            chunks_total: job.progress.chunks_total,
        }
    }
}

/// `running.1.3.12`: state, attempt, chunks done, chunks in all.
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (state, attempt) = (self.state.name(), self.attempt);
        write!(
            f,
            "{state}.{attempt}.{}.{}",
            self.chunks_done, self.chunks_total
        )
    }
}

/// The text is not one that we have written.
#[derive(Debug)]
pub(crate) struct NoStanding;

impl FromStr for Standing {
    type Err = NoStanding;

    fn from_str(text: &str) -> Result<Self, NoStanding> {
        let mut parts = text.split('.');
        let mut part = || parts.next().ok_or(NoStanding);
        let number = |text: &str| text.parse().map_err(|_| NoStanding);
        let standing = Self {
            state: part()?.parse().map_err(|_| NoStanding)?,
            attempt: number(part()?)?,
            chunks_done: number(part()?)?,
            chunks_total: number(part()?)?,
        };
        match parts.next() {
            None => Ok(standing),
            Some(_) => Err(NoStanding),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let standing = Standing {
            state: JobState::Running,
            attempt: 2,
            chunks_done: 3,
            chunks_total: 12,
        };
        assert_eq!(standing.to_string(), "running.2.3.12");
        let read: Standing = standing.to_string().parse().expect("readable");
        assert_eq!(read, standing);
    }

    #[test]
    fn what_others_have_written_is_nothing() {
        for text in [
            "",
            "17",
            "running",
            "running.1.2",
            "running.1.2.3.4",
            "flying.1.2.3",
            "running.-1.2.3",
            "running.1.2.99999999999",
        ] {
            assert!(text.parse::<Standing>().is_err(), "{text}");
        }
    }
}
