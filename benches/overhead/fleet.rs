//! A fleet that runs.

use std::time::Duration;

use voicefleet_benches::process::Process;

use crate::{
    http::Endpoint,
    load::{self, Answers},
};

/// Its processes; gone when dropped.
pub(crate) struct Fleet {
    pub(crate) endpoint: Endpoint,
    pub(crate) processes: Vec<(&'static str, Process)>,
}

/// How a crowd fared.
pub(crate) struct Crowd {
    pub(crate) answers: Answers,
    /// CPU seconds of each process.
    pub(crate) cpu_seconds: Vec<(&'static str, f64)>,
}

impl Crowd {
    /// Of all processes.
    pub(crate) fn all_cpu_seconds(&self) -> f64 {
        self.cpu_seconds.iter().map(|(_, seconds)| seconds).sum()
    }
}

impl Fleet {
    /// Waits until it works, and has it work for a while: connections are made, code is warm.
    pub(crate) async fn warm_up(&self, clients: usize) -> anyhow::Result<()> {
        load::until_it_works(self.endpoint).await?;
        load::crowd(self.endpoint, clients, Duration::from_secs(2)).await?;
        Ok(())
    }

    pub(crate) async fn alone(&self, requests: usize) -> anyhow::Result<Answers> {
        load::one_after_another(self.endpoint, requests).await
    }

    pub(crate) async fn crowd(&self, clients: usize, span: Duration) -> anyhow::Result<Crowd> {
        let before = self.cpu_seconds()?;
        let answers = load::crowd(self.endpoint, clients, span).await?;
        let after = self.cpu_seconds()?;
        let spent = after.into_iter().zip(before);
        let spent = spent.map(|((name, after), (_, before))| (name, after - before));
        Ok(Crowd {
            answers,
            cpu_seconds: spent.collect(),
        })
    }

    fn cpu_seconds(&self) -> anyhow::Result<Vec<(&'static str, f64)>> {
        let each = self.processes.iter();
        each.map(|(name, process)| Ok((*name, process.cpu_seconds()?)))
            .collect()
    }
}
