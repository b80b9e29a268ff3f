//! Where jobs and audio pass through: one file, or the servers of a cluster.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use tokio::time::{Instant, sleep};
use voicefleet_core::{
    Clock,
    ports::{BlobStore, Documents, FleetLedger, JobQueue, JobRecords, LaneLoads, Turns},
};
use voicefleet_embedded::{Embedded, EmbeddedConfig};
use voicefleet_objects::{LargeBlobs, ObjectBlobs, ObjectsConfig};
use voicefleet_rabbitmq::{ConnectError, RabbitConfig, RabbitQueue};
use voicefleet_redis::{RedisBlobs, RedisConfig, RedisRecords};
use voicefleet_webhooks::{ToldRecords, UrlPolicy, Webhooks};

use super::Role;
use crate::{engines, settings::Settings};

/// How long a broker that is not there yet is waited for at the start, and how often it is tried.
const BROKER_PATIENCE: Duration = Duration::from_mins(1);
const BROKER_RETRY: Duration = Duration::from_secs(1);

/// Some hundred answers of half a minute, which Redis need not send again.
const NEAR_A_CLUSTER: usize = 64 << 20;

/// What lies in a file is close at hand as it is, and models need the memory.
const NEAR_THE_FILE: usize = 4 << 20;

/// The ports, and what stands behind them.
pub(crate) struct Backend {
    pub(crate) queue: Arc<dyn JobQueue>,
    pub(crate) records: Arc<dyn JobRecords>,
    pub(crate) ledger: Arc<dyn FleetLedger>,
    pub(crate) documents: Arc<dyn Documents>,
    pub(crate) webhooks: Webhooks,
    pub(crate) blobs: Arc<dyn BlobStore>,
    /// How long finished jobs are kept.
    pub(crate) finished_ttl: Duration,
    /// Finished audio that an API server keeps in its memory.
    pub(crate) near_bytes: usize,
    keeper: Keeper,
}

enum Keeper {
    File(Embedded),
    Cluster {
        queue: Arc<RabbitQueue>,
        records: Arc<RedisRecords>,
    },
}

impl Backend {
    pub(crate) async fn open(
        role: &Role,
        settings: &Settings,
        clock: &Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        if role.is_of_a_cluster() {
            cluster(settings, clock).await
        } else {
            file(settings, clock).await
        }
    }

    /// With records that tell of the ends of jobs.
    fn telling(self, settings: &Settings) -> Self {
        let base = settings.public_url.clone().unwrap_or_default();
        let told = ToldRecords::new(
            self.records,
            self.webhooks.clone(),
            base.trim_end_matches('/'),
        );
        Self {
            records: Arc::new(told),
            ..self
        }
    }

    /// To be called when nobody uses the ports any more.
    pub(crate) async fn close(self) {
        match self.keeper {
            Keeper::File(embedded) => {
                if let Err(error) = embedded.close().await {
                    tracing::warn!(%error, "the database did not close in order; nothing is lost");
                }
            }
            Keeper::Cluster { queue, records } => {
                queue.close().await;
                records.close().await;
            }
        }
    }
}

async fn file(settings: &Settings, clock: &Arc<dyn Clock>) -> anyhow::Result<Backend> {
    let place = || format!("the data folder {}", settings.data.display());
    std::fs::create_dir_all(&settings.data).with_context(place)?;
    let config = EmbeddedConfig {
        blob_limit_bytes: settings.cache_mib << 20,
        max_attempts: settings.max_attempts,
        shares: settings.shares(),
        max_waiters: settings.max_waiters(),
        clock: Arc::clone(clock),
        ..EmbeddedConfig::new(settings.data.join("voicefleet.db"))
    };
    let finished_ttl = config.record_retention;
    let embedded = Embedded::open(config).await.with_context(place)?;
    let documents = embedded.documents();
    let backend = Backend {
        queue: embedded.queue(),
        records: embedded.records(),
        ledger: embedded.ledger(),
        webhooks: webhooks(&documents, settings, clock),
        documents,
        blobs: embedded.blobs(),
        finished_ttl,
        near_bytes: NEAR_THE_FILE,
        keeper: Keeper::File(embedded),
    };
    Ok(backend.telling(settings))
}

async fn cluster(settings: &Settings, clock: &Arc<dyn Clock>) -> anyhow::Result<Backend> {
    let redis = RedisConfig {
        cache_url: settings.cache_url.clone(),
        blob_limit_bytes: settings.cache_mib << 20,
        max_waiters: settings.max_waiters(),
        clock: Arc::clone(clock),
        ..RedisConfig::new(settings.redis_url.as_deref().context("redis_url")?)
    };
    let records = Arc::new(RedisRecords::open(&redis).context("redis_url")?);
    let blobs = Arc::new(RedisBlobs::open(&redis).context("cache_url")?);
    let blobs = with_objects(settings, blobs)?;
    let address = settings.amqp_url.as_deref().context("amqp_url")?;
    let address = address.parse().context("amqp_url")?;
    let rabbit = RabbitConfig {
        shares: settings.shares(),
        ..RabbitConfig::new(address, engines::ids())
    };
    let turns = Arc::new(records.turns());
    let queue = Arc::new(broker(rabbit, Arc::clone(&records) as _, turns, clock).await?);
    let documents: Arc<dyn Documents> = Arc::new(records.documents());
    let backend = Backend {
        queue: Arc::clone(&queue) as _,
        records: Arc::clone(&records) as _,
        ledger: Arc::clone(&records) as _,
        webhooks: webhooks(&documents, settings, clock),
        documents,
        blobs,
        finished_ttl: redis.finished_ttl,
        near_bytes: NEAR_A_CLUSTER,
        keeper: Keeper::Cluster { queue, records },
    };
    Ok(backend.telling(settings))
}

fn webhooks(
    documents: &Arc<dyn Documents>,
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> Webhooks {
    let policy = UrlPolicy {
        allow_http: settings.webhooks_to_http,
        allow_private: settings.webhooks_to_private,
    };
    Webhooks::new(Arc::clone(documents), Arc::clone(clock), policy)
}

/// Big blobs go to an object store, if there is one.
fn with_objects(
    settings: &Settings,
    small: Arc<dyn BlobStore>,
) -> anyhow::Result<Arc<dyn BlobStore>> {
    let Some(url) = &settings.objects_url else {
        return Ok(small);
    };
    let (access_key_id, secret_access_key) = settings.objects_credentials.clone().unzip();
    let config = ObjectsConfig {
        access_key_id,
        secret_access_key,
        endpoint: settings.objects_endpoint.clone(),
        region: settings.objects_region.clone(),
        ..ObjectsConfig::new(url)
    };
    let large = ObjectBlobs::open(&config).context("objects_url")?;
    Ok(Arc::new(LargeBlobs {
        small,
        large: Arc::new(large),
        over_bytes: settings.objects_over_kib << 10,
    }))
}

/// In a cluster, everything is started at once: the broker may take longer than we do.
async fn broker(
    config: RabbitConfig,
    loads: Arc<dyn LaneLoads>,
    turns: Arc<dyn Turns>,
    clock: &Arc<dyn Clock>,
) -> Result<RabbitQueue, ConnectError> {
    let begun = Instant::now();
    loop {
        let (loads, turns) = (Arc::clone(&loads), Arc::clone(&turns));
        let opened = RabbitQueue::connect(config.clone(), loads, turns, Arc::clone(clock));
        match opened.await {
            Err(error) if begun.elapsed() < BROKER_PATIENCE => {
                tracing::warn!(%error, "waiting for the broker");
                sleep(BROKER_RETRY).await;
            }
            opened => return opened,
        }
    }
}
