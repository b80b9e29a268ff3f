//! What the workers did, by their own logs.

use std::collections::BTreeMap;

use serde_json::Value;
use voicefleet_tests::Cluster;

/// Makes workers log what [`Ledger::of`] reads.
pub(crate) fn keep(cluster: &mut Cluster) {
    cluster.set(
        "log",
        "info,voicefleet_workers=debug,apalis=warn,whisper_rs=warn,ort=warn",
    );
    cluster.set("log_format", "json");
}

/// Events of workers, each worker's in the order of time.
pub(crate) struct Ledger(Vec<Value>);

impl Ledger {
    /// Everything so far. The last line of a worker that was killed may be half a one.
    pub(crate) fn of(cluster: &Cluster) -> Self {
        let logs = cluster.worker_logs().expect("logs");
        let events = logs
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        Self(events.collect())
    }

    /// Every event that has to do with a job, with the job's id.
    pub(crate) fn all(&self) -> impl Iterator<Item = (String, &Value)> {
        self.0
            .iter()
            .filter_map(|event| Some((job_of(event)?, event)))
    }

    /// Events of this kind, with the id of their job.
    pub(crate) fn events(&self, message: &str) -> impl Iterator<Item = (String, &Value)> {
        self.0
            .iter()
            .filter(move |event| event["message"] == message)
            .filter_map(|event| Some((job_of(event)?, event)))
    }

    /// How many chunks were begun.
    pub(crate) fn chunks_begun(&self) -> usize {
        self.events("chunk begins").count()
    }

    /// How often each job's result was computed to its end.
    pub(crate) fn computed(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (job, event) in self.events("job succeeded") {
            if event["from_cache"] == false {
                *counts.entry(job).or_insert(0) += 1;
            }
        }
        counts
    }

    /// How many jobs went on from another worker's chunks.
    pub(crate) fn resumed(&self) -> usize {
        self.events("job resumed").count()
    }
}

/// The span of the job is one of those around the event.
fn job_of(event: &Value) -> Option<String> {
    let spans = event["spans"].as_array()?;
    let id = spans.iter().find_map(|span| span["job_id"].as_str())?;
    Some(id.to_owned())
}
