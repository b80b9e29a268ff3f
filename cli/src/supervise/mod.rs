//! `voicefleet supervise`: starts and stops worker processes on this host by what the work asks for, down
//! to none.

mod backoff;
mod crew;
mod worker_process;

use std::{process::ExitCode, sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::{task::JoinSet, time::interval};
use tokio_util::sync::CancellationToken;
use voicefleet_api::serve;
use voicefleet_core::{Clock, time::SystemClock};
use voicefleet_scaler::{Board, Reading, Surveyor, SurveyorConfig};

use self::crew::Crew;
use crate::{
    process::{Backend, Role, StopSignals, announce, health, listen},
    settings::{Options, Settings},
    telemetry::{Exposition, Telemetry},
};

/// How often the crews are looked at when nothing happens.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Beyond the workers' own grace time, before they are killed.
const GRACE_MARGIN: Duration = Duration::from_secs(5);

/// Supervises until told to stop.
pub(crate) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let settings = Settings::resolve(&Role::Supervise, options)?;
    let telemetry = Telemetry::install(&settings)?;
    let outcome = supervise(&settings, &telemetry).await;
    telemetry.flush();
    outcome
}

async fn supervise(settings: &Settings, telemetry: &Telemetry) -> anyhow::Result<ExitCode> {
    let mut signals = StopSignals::listen(false)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let backend = tokio::select! {
        opened = Backend::open(&Role::Supervise, settings, &clock) => opened?,
        () = signals.next() => return Ok(ExitCode::SUCCESS),
    };
    let surveyor = Surveyor::new(
        Arc::clone(&backend.queue),
        Arc::clone(&backend.ledger),
        SurveyorConfig {
            // A crew keeps its workers through an outage as it is.
            cooldown: Duration::ZERO,
            ..SurveyorConfig::new(settings.scaling())
        },
    );
    let (board, stop) = (surveyor.board(), CancellationToken::new());
    let mut tasks = JoinSet::new();
    let exposition = Exposition::new(telemetry.registry(), Arc::clone(&backend.queue), Vec::new());
    serve_health(settings, exposition, &stop, &mut tasks)?;
    tasks.spawn(surveyor.run(stop.clone()));
    let mut crews = crews(settings)?;
    tokio::select! {
        () = keep(&mut crews, &board) => {}
        () = signals.next() => {}
    }
    tracing::info!("stopping: all workers are sent off");
    stop.cancel();
    let in_order = dismiss(crews, &mut signals).await;
    tasks.join_all().await;
    backend.close().await;
    Ok(if in_order {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What every process answers.
fn serve_health(
    settings: &Settings,
    exposition: Exposition,
    stop: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    let listener = listen(settings.listen)?;
    let router = health::router(Arc::new(exposition), stop.clone());
    announce(&listener)?;
    let connections = settings.connection_limits();
    tasks.spawn(serve(listener, router, connections, stop.clone()));
    Ok(())
}

fn crews(settings: &Settings) -> anyhow::Result<Vec<Crew>> {
    let cooldown = Duration::from_secs(settings.cooldown_seconds);
    let grace = Duration::from_secs(settings.grace_seconds) + GRACE_MARGIN;
    let environment = settings.as_environment()?;
    let pools = settings.scaling().pools.into_iter();
    Ok(pools
        .map(|pool| Crew::new(pool.engine, cooldown, grace, environment.clone()))
        .collect())
}

/// Gives every crew what it should have, again and again. What is not known changes nothing.
async fn keep(crews: &mut [Crew], board: &Board) {
    let (mut readings, mut ticks) = (board.watch(), interval(LOOK_EVERY));
    loop {
        tokio::select! {
            _ = readings.changed() => {}
            _ = ticks.tick() => {}
        }
        let reading = readings.borrow_and_update().clone();
        for crew in &mut *crews {
            if let Reading::Known { survey, .. } = &reading
                && let Some(pool) = survey.pool(crew.engine())
            {
                crew.want(pool.plan.workers, SystemClock.now());
            }
            crew.tend(SystemClock.now());
        }
    }
}

/// Asks all workers to stop and waits for them. A second signal does not wait. Returns whether all of
/// them ended in order.
async fn dismiss(crews: Vec<Crew>, signals: &mut StopSignals) -> bool {
    let leaving = crews.into_iter().map(|crew| crew.dismiss().join_all());
    tokio::select! {
        ended = join_all(leaving) => ended.concat().into_iter().all(|in_order| in_order),
        // Dropped, they are killed.
        () = signals.next() => false,
    }
}
