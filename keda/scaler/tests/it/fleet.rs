//! A broker, the records, and scalers over them.

use std::{sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    task::{JoinSet, spawn_blocking},
};
use tokio_util::sync::CancellationToken;
use voicefleet_core::{
    EngineId, Envelope, ErrorCode, Failure, Job, JobId, JobSpec, JobState, Tier,
    ports::{JobChange, JobQueue, JobRecords, Settlement, Submission},
    scaling::{DrainTargets, Hardware, PoolPolicy, ScalingPolicy, Split},
    time::{Clock, SystemClock},
};
use voicefleet_rabbitmq::{RabbitConfig, RabbitQueue};
use voicefleet_redis::{RedisConfig, RedisRecords};
use voicefleet_scaler::{ScalerService, ServeError, Surveyor, SurveyorConfig, TlsFiles, serve};
use voicefleet_testkit::{
    servers::{Link, RabbitServer, RedisServer},
    speech_job,
};

pub(crate) const COOLDOWN: Duration = Duration::from_secs(3);

/// Slots of one worker.
pub(crate) const SLOTS: u32 = 2;

/// The servers end with it.
pub(crate) struct Fleet {
    pub(crate) queue: Arc<RabbitQueue>,
    pub(crate) records: Arc<RedisRecords>,
    /// The way of the scalers to the broker.
    pub(crate) link: Link,
    rabbit: RabbitServer,
    _redis: RedisServer,
}

impl Fleet {
    pub(crate) async fn start() -> Self {
        let (rabbit, redis) = tokio::try_join!(
            spawn_blocking(RabbitServer::start),
            spawn_blocking(RedisServer::start)
        )
        .expect("started");
        let (rabbit, redis) = (rabbit.expect("RabbitMQ"), redis.expect("Redis"));
        let records = RedisRecords::open(&RedisConfig::new(redis.url())).expect("opens");
        let records = Arc::new(records);
        let queue = Arc::new(connect(&rabbit.url(), &records).await);
        Self {
            link: Link::to(rabbit.port()).await.expect("a link"),
            queue,
            records,
            rabbit,
            _redis: redis,
        }
    }

    /// Another replica of the scaler.
    pub(crate) async fn scaler(&self) -> Scaler {
        self.scaler_with(None).await
    }

    pub(crate) async fn scaler_with(&self, tls: Option<TlsFiles>) -> Scaler {
        let queue = connect(&self.rabbit.url_at(self.link.port()), &self.records).await;
        let config = SurveyorConfig {
            cooldown: COOLDOWN,
            ..SurveyorConfig::new(policy())
        };
        let ledger = Arc::clone(&self.records) as _;
        let surveyor = Surveyor::new(Arc::new(queue), ledger, config);
        let stop = CancellationToken::new();
        let service = ScalerService::new(surveyor.board(), policy().engines(), stop.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (mut serving, mut surveying) = (JoinSet::new(), JoinSet::new());
        serving.spawn(serve(service, listener, tls, stop.clone()));
        surveying.spawn(surveyor.run(stop.clone()));
        Scaler {
            port,
            stop,
            serving,
            _surveying: surveying,
        }
    }

    /// As the API does it.
    pub(crate) async fn submit(&self, engine: &str, tier: Tier, cost: f64) -> Job {
        let job = job(engine, tier, cost);
        self.record(&job).await;
        let envelope = Envelope::for_job(&job);
        self.queue.publish(&envelope).await.expect("published");
        self.records.published(job.id).await.expect("noted");
        job
    }

    /// Half of that.
    pub(crate) async fn record(&self, job: &Job) {
        let submission = self.records.submit(job).await.expect("recorded");
        assert_eq!(submission, Submission::Leads);
    }

    /// Takes a job that waits, and ends it.
    pub(crate) async fn finish_one(&self, engine: &str) {
        let consumer = self.queue.consume(&EngineId::new(engine)).await;
        let mut consumer = consumer.expect("a consumer");
        let delivery = consumer.next().await.expect("a delivery");
        let end = JobChange::End {
            state: JobState::Cancelled,
            at: SystemClock.now(),
            failure: Failure::new(ErrorCode::Cancelled, "withdrawn"),
        };
        let id = delivery.envelope().job_id;
        self.records.change(id, end).await.expect("ended");
        delivery.settle(Settlement::Done).await.expect("settled");
    }
}

async fn connect(url: &str, records: &Arc<RedisRecords>) -> RabbitQueue {
    let config = RabbitConfig {
        patience: Duration::from_secs(20),
        ..RabbitConfig::new(url.parse().expect("an address"), policy().engines())
    };
    let (loads, turns) = (Arc::clone(records) as _, Arc::new(records.turns()));
    let connected = RabbitQueue::connect(config, loads, turns, Arc::new(SystemClock)).await;
    connected.expect("connected")
}

/// Ten slots in all, so that a flood meets the split.
pub(crate) fn policy() -> ScalingPolicy {
    let pool = |name| PoolPolicy {
        engine: EngineId::new(name),
        hardware: Hardware::Cpu,
        slots: SLOTS,
        max_workers: 50,
    };
    ScalingPolicy {
        pools: ["piper", "whisper", "kokoro"].map(pool).to_vec(),
        drain: DrainTargets::default(),
        split: Split {
            budgets: [(Hardware::Cpu, 20)].into(),
            ..Split::default()
        },
    }
}

pub(crate) fn job(engine: &str, tier: Tier, cost: f64) -> Job {
    let mut job = speech_job(&JobId::generate().to_string(), tier, SystemClock.now());
    if let JobSpec::Speech(spec) = &mut job.spec {
        spec.engine = EngineId::new(engine);
    }
    job.fingerprint = job.spec.fingerprint();
    job.cost = cost;
    job
}

/// One replica.
pub(crate) struct Scaler {
    pub(crate) port: u16,
    stop: CancellationToken,
    serving: JoinSet<Result<(), ServeError>>,
    _surveying: JoinSet<()>,
}

impl Scaler {
    /// As at a SIGTERM; returns when everything has been answered.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        let served = self.serving.join_next().await.expect("a server");
        served.expect("no panic").expect("in order");
    }
}
