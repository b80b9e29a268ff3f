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
    last: Mutex<Option<Reading>>,
}

struct Reading {
    at: Timestamp,
    /// `None` where the fleet could not be read: that is remembered as long, so that not every request
    /// waits in vain.
    survey: Option<Arc<Survey>>,
}

/// The fleet, at most a second old; `None` if it cannot be read. Requests that come together share one reading.
pub(crate) async fn survey(app: &App) -> Option<Arc<Survey>> {
    let mut last = app.fleet.last.lock().await;
    let now = app.clock.now();
    if let Some(reading) = last.as_ref()
        && now.since(reading.at) < FRESH_FOR
    {
        return reading.survey.clone();
    }
    let taken = Survey::take(&*app.queue, &*app.ledger, &app.scaling);
    let survey = match timeout(READ_WITHIN, taken).await {
        Ok(Ok(survey)) => Some(Arc::new(survey)),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the fleet cannot be surveyed");
            None
        }
        Err(_) => {
            tracing::warn!("the fleet could not be surveyed in time");
            None
        }
    };
    *last = Some(Reading {
        at: now,
        survey: survey.clone(),
    });
    survey
}
