//! What both roles stand on.

use std::sync::Arc;

use voicefleet_core::{
    Clock, EngineId,
    ports::{AudioCodec, BlobStore, Documents, FleetLedger, JobQueue, JobRecords},
    scaling::ScalingPolicy,
    time::SystemClock,
};
use voicefleet_rabbitmq::{RabbitConfig, RabbitQueue};
use voicefleet_redis::{RedisBlobs, RedisConfig, RedisRecords};

use super::no_audio::NoAudio;
use crate::options::Servers;

/// The engine's name.
pub(crate) const ENGINE: &str = "idle";

/// The ports over the real servers.
pub(super) struct Parts {
    pub(super) queue: Arc<dyn JobQueue>,
    pub(super) records: Arc<dyn JobRecords>,
    pub(super) ledger: Arc<dyn FleetLedger>,
    pub(super) documents: Arc<dyn Documents>,
    pub(super) blobs: Arc<dyn BlobStore>,
    pub(super) codec: Arc<dyn AudioCodec>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Parts {
    pub(super) async fn open(servers: &Servers) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let redis = RedisConfig::new(&servers.redis);
        let records = Arc::new(RedisRecords::open(&redis)?);
        // The API reads how every engine of the fleet stands, also those that have no work here.
        let mut engines = ScalingPolicy::default().engines();
        engines.push(EngineId::new(ENGINE));
        let rabbit = RabbitConfig::new(servers.amqp.parse()?, engines);
        let (loads, turns) = (Arc::clone(&records) as _, Arc::new(records.turns()));
        let queue = RabbitQueue::connect(rabbit, loads, turns, Arc::clone(&clock)).await?;
        Ok(Self {
            queue: Arc::new(queue),
            ledger: Arc::clone(&records) as _,
            documents: Arc::new(records.documents()),
            records,
            blobs: Arc::new(RedisBlobs::open(&redis)?),
            codec: Arc::new(NoAudio),
            clock,
        })
    }
}
