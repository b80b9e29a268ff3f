//! `voicefleet scaler`: what KEDA asks, beside the HTTP endpoints that every process has.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use voicefleet_scaler::{ScalerService, Surveyor, SurveyorConfig, TlsFiles, serve};

use super::{backend::Backend, listen};
use crate::settings::Settings;

/// Begins to survey and to answer; both end with `stop`. Says where it listens.
pub(super) fn start(
    backend: &Backend,
    settings: &Settings,
    stop: &CancellationToken,
    tasks: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let listener = listen(settings.scaler_listen)?;
    let policy = settings.scaling();
    let engines = policy.engines();
    let config = SurveyorConfig {
        cooldown: Duration::from_secs(settings.cooldown_seconds),
        ..SurveyorConfig::new(policy)
    };
    let surveyor = Surveyor::new(
        Arc::clone(&backend.queue),
        Arc::clone(&backend.ledger),
        config,
    );
    let service = ScalerService::new(surveyor.board(), engines, stop.clone());
    tracing::info!(address = %listener.local_addr()?, tls = settings.tls().is_some(), "the scaler answers");
    let serving = serve(service, listener, settings.tls(), stop.clone());
    tasks.spawn(async { Ok(serving.await?) });
    let surveying = surveyor.run(stop.clone());
    tasks.spawn(async {
        surveying.await;
        Ok(())
    });
    Ok(())
}

impl Settings {
    fn tls(&self) -> Option<TlsFiles> {
        Some(TlsFiles {
            certificate: self.scaler_tls_cert.clone()?,
            key: self.scaler_tls_key.clone()?,
            client_ca: self.scaler_tls_client_ca.clone(),
        })
    }
}
