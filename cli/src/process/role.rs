//! What a process does.

use voicefleet_core::EngineId;

use crate::{engines, settings::SettingsError};

/// What a process does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything, over one file.
    Serve,
    /// The API of a cluster.
    Api,
    /// What KEDA asks.
    Scaler,
    /// The workers of this host.
    Supervise,
    /// The work of these engines in a cluster.
    Worker(Vec<EngineId>),
}

impl Role {
    /// The role of a worker.
    ///
    /// # Errors
    /// If this program has no such engine.
    pub(crate) fn worker(names: &[String]) -> Result<Self, SettingsError> {
        let known = engines::ids();
        let engines: Vec<EngineId> = names.iter().map(EngineId::new).collect();
        let unknown = engines.iter().filter(|engine| !known.contains(engine));
        let known: Vec<&str> = known.iter().map(EngineId::as_str).collect();
        let wrong: Vec<String> = unknown
            .map(|engine| format!("engine: there is no {engine}; use {}", known.join(", ")))
            .collect();
        if wrong.is_empty() {
            Ok(Self::Worker(engines))
        } else {
            Err(SettingsError::new(wrong))
        }
    }

    /// Whether it needs the servers of a cluster.
    pub(crate) fn is_of_a_cluster(&self) -> bool {
        *self != Self::Serve
    }

    /// Whether it serves the API.
    pub(crate) fn serves_the_api(&self) -> bool {
        matches!(self, Self::Serve | Self::Api)
    }

    /// Whether it does the work of `engine`.
    pub(crate) fn works_for(&self, engine: &EngineId) -> bool {
        match self {
            Self::Serve => true,
            Self::Api | Self::Scaler | Self::Supervise => false,
            Self::Worker(engines) => engines.contains(engine),
        }
    }
}
