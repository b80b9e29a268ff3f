//! A fleet that runs.

use std::time::Duration;

use crate::{
    http::Endpoint,
    load::{self, Answers},
    process::Process,
};

/// Its processes; gone when dropped.
pub(crate) struct Fleet {
    pub(crate) endpoint: Endpoint,
    pub(crate) processes: Vec<Process>,
}

/// How a crowd fared.
pub(crate) struct Crowd {
    pub(crate) answers: Answers,
    pub(crate) cpu_seconds: f64,
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
        Ok(Crowd {
            answers,
            cpu_seconds: self.cpu_seconds()? - before,
        })
    }

    fn cpu_seconds(&self) -> anyhow::Result<f64> {
        self.processes.iter().map(Process::cpu_seconds).sum()
    }
}
