//! The fleet as it was a moment ago, for decisions that must not wait for a reading of all its parts.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::timeout};
use voicefleet_core::{Timestamp, scaling::Survey};

use crate::app::App;

/// For how long a reading is good enough.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// How long a request waits for a new one.
const READ_WITHIN: Duration = Duration::from_millis(500);

/// The last reading.
#[derive(Default)]
pub(crate) struct FleetView {
    last: Mutex<Option<Attempt>>,
}

/// A reading that was tried. That the fleet could not be read is remembered as long, so that not every
/// request waits in vain.
struct Attempt {
    at: Timestamp,
    survey: Option<Arc<Survey>>,
}

/// The fleet at one moment.
pub(crate) struct Reading {
    pub(crate) at: Timestamp,
    pub(crate) survey: Arc<Survey>,
}

impl Attempt {
    fn reading(&self) -> Option<Reading> {
        let survey = self.survey.clone()?;
        Some(Reading {
            at: self.at,
            survey,
        })
    }
}

/// The fleet, at most a second old; `None` if it cannot be read.
pub(crate) async fn survey(app: &App) -> Option<Arc<Survey>> {
    reading(app).await.map(|reading| reading.survey)
}

/// The same with its moment. Requests that come together share one reading.
pub(crate) async fn reading(app: &App) -> Option<Reading> {
    let mut last = app.fleet.last.lock().await;
    let now = app.clock.now();
    if let Some(attempt) = last.as_ref()
        && now.since(attempt.at) < FRESH_FOR
    {
        return attempt.reading();
    }
    let survey = take(app).await;
    last.insert(Attempt { at: now, survey }).reading()
}

async fn take(app: &App) -> Option<Arc<Survey>> {
    let taken = Survey::take(&*app.queue, &*app.ledger, &app.scaling);
    match timeout(READ_WITHIN, taken).await {
        Ok(Ok(survey)) => Some(Arc::new(survey)),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the fleet cannot be surveyed");
            None
        }
        Err(_) => {
            tracing::warn!("the fleet could not be surveyed in time");
            None
        }
    }
}
