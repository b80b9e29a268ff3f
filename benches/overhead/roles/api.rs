//! The API.

use std::{io::Write, sync::Arc};

use futures::FutureExt;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use voicefleet_api::{ApiContext, ApiLimits, ApiStop, KeyPolicy, queue_what_was_left, router};
use voicefleet_core::{
    Catalog, EngineId, ModelEntry, VoiceEntry, catalog::ModelTask, fingerprint::digest_of,
    scaling::ScalingPolicy,
};

use voicefleet_webhooks::{UrlPolicy, Webhooks};

use super::parts::{ENGINE, Parts};
use crate::options::Servers;

/// The voice, the model and the engine have one name.
pub(crate) const VOICE: &str = ENGINE;

/// Serves until it is killed. Says where on standard output.
pub(crate) async fn serve(servers: &Servers) -> anyhow::Result<()> {
    let context = context(Parts::open(servers).await?);
    let draining = context.stop.draining.clone();
    context
        .tasks
        .spawn(queue_what_was_left(context.clone(), draining));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    Ok(axum::serve(listener, router(context)).await?)
}

fn context(parts: Parts) -> ApiContext {
    let catalog = Arc::new(catalog());
    ApiContext {
        queue: parts.queue,
        records: parts.records,
        ledger: parts.ledger,
        webhooks: Webhooks::new(
            Arc::clone(&parts.documents),
            Arc::clone(&parts.clock),
            UrlPolicy::default(),
        ),
        documents: parts.documents,
        keys: KeyPolicy::default(),
        scaling: ScalingPolicy::default(),
        blobs: parts.blobs,
        codec: parts.codec,
        catalog: Arc::new(move || Arc::clone(&catalog)),
        clock: parts.clock,
        limits: ApiLimits::default(),
        metrics: Arc::new(|| async { String::new() }.boxed()),
        tasks: TaskTracker::new(),
        stop: ApiStop::default(),
    }
}

fn catalog() -> Catalog {
    Catalog {
        models: vec![ModelEntry {
            name: ENGINE.to_owned(),
            engine: EngineId::new(ENGINE),
            task: ModelTask::Speech,
            digest: digest_of(ENGINE.as_bytes()),
            licence: "MIT".to_owned(),
            installed: true,
            languages: vec!["en".to_owned()],
        }],
        voices: vec![VoiceEntry {
            name: VOICE.to_owned(),
            engine: EngineId::new(ENGINE),
            model: ENGINE.to_owned(),
            language: "en-US".to_owned(),
            mixable: false,
        }],
    }
}
