//! The answers.

use std::{pin::Pin, time::Duration};

use tokio::time::{Instant, interval_at};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Request, Response, Status};
use voicefleet_core::{EngineId, ErrorCode, Failure};

use crate::{
    board::{Board, Wanted},
    proto::{
        GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec,
        MetricValue, ScaledObjectRef, external_scaler_server::ExternalScaler,
    },
    refusal::refuse,
};

/// The key of a trigger's metadata that names the pool.
const POOL: &str = "pool";

/// How often a stream repeats that there is work: KEDA drops what comes before its object is ready, and
/// counts its cooldown from what came last.
pub const HEARTBEAT: Duration = Duration::from_secs(10);

/// One value of the metric stands for one worker.
const TARGET: f64 = 1.0;

/// KEDA's external scaler over a [`Board`].
#[derive(Clone, Debug)]
pub struct ScalerService {
    board: Board,
    pools: Vec<EngineId>,
    streams: TaskTracker,
    stop: CancellationToken,
}

impl ScalerService {
    /// Knows these pools and no others; its streams end in order when `stop` is set.
    pub fn new(board: Board, pools: Vec<EngineId>, stop: CancellationToken) -> Self {
        Self {
            board,
            pools,
            streams: TaskTracker::new(),
            stop,
        }
    }

    /// Returns when the streams have ended.
    pub(crate) async fn ended(&self) {
        self.streams.close();
        self.streams.wait().await;
    }

    fn pool_of(&self, object: &ScaledObjectRef) -> Result<EngineId, Status> {
        let known = || {
            let names: Vec<&str> = self.pools.iter().map(EngineId::as_str).collect();
            names.join(", ")
        };
        let Some(name) = object.scaler_metadata.get(POOL) else {
            let name = &object.name;
            let message = format!(
                "the trigger of {name} has no metadata '{POOL}'; the pools are {}",
                known()
            );
            return Err(refuse(Failure::new(ErrorCode::InvalidRequest, message)));
        };
        let mut pools = self.pools.iter();
        let pool = pools.find(|pool| pool.as_str() == name).cloned();
        pool.ok_or_else(|| {
            let message = format!("there is no pool '{name}'; the pools are {}", known());
            refuse(Failure::new(ErrorCode::UnknownEngine, message))
        })
    }

    /// Never a guess: a queue that cannot be read is not an empty one.
    fn wanted(&self, pool: &EngineId) -> Result<Wanted, Status> {
        let wanted = self.board.read().wanted(pool);
        wanted.map_err(|why| refuse(Failure::new(ErrorCode::Unavailable, why)))
    }
}

fn metric_of(pool: &EngineId) -> String {
    format!("voicefleet-{pool}")
}

#[tonic::async_trait]
impl ExternalScaler for ScalerService {
    async fn is_active(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<IsActiveResponse>, Status> {
        let pool = self.pool_of(request.get_ref())?;
        let result = self.wanted(&pool)?.is_active();
        Ok(Response::new(IsActiveResponse { result }))
    }

    type StreamIsActiveStream =
        Pin<Box<dyn Stream<Item = Result<IsActiveResponse, Status>> + Send + 'static>>;

    /// Tells that there is work: when it comes, and every [`HEARTBEAT`] while there is. That there is none
    /// is left to the polls, since KEDA before 2.18 would take a pool to zero on it.
    async fn stream_is_active(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<Self::StreamIsActiveStream>, Status> {
        let pool = self.pool_of(request.get_ref())?;
        let (send, receive) = tokio::sync::mpsc::channel(1);
        let (board, stop) = (self.board.clone(), self.stop.clone());
        self.streams.spawn(async move {
            let telling = tell(&board, &pool, &send);
            tokio::select! {
                // The stream ends with OK: KEDA then comes back at once, and not later and later.
                () = stop.cancelled() => {}
                () = send.closed() => {}
                () = telling => {}
            }
        });
        let stream = ReceiverStream::new(receive).map(Ok);
        Ok(Response::new(Box::pin(stream)))
    }

    async fn get_metric_spec(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<GetMetricSpecResponse>, Status> {
        let pool = self.pool_of(request.get_ref())?;
        let spec = MetricSpec {
            metric_name: metric_of(&pool),
            target_size: 1,
            target_size_float: TARGET,
        };
        Ok(Response::new(GetMetricSpecResponse {
            metric_specs: vec![spec],
        }))
    }

    async fn get_metrics(
        &self,
        request: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        let request = request.into_inner();
        let Some(object) = &request.scaled_object_ref else {
            let message = "no scaled object is named";
            return Err(refuse(Failure::new(ErrorCode::InvalidRequest, message)));
        };
        let pool = self.pool_of(object)?;
        let metric_name = metric_of(&pool);
        if request.metric_name != metric_name {
            let message = format!(
                "there is no metric '{}'; that of {pool} is {metric_name}",
                request.metric_name
            );
            return Err(refuse(Failure::new(ErrorCode::NotFound, message)));
        }
        let workers = self.wanted(&pool)?.workers;
        let value = MetricValue {
            metric_name,
            metric_value: i64::from(workers),
            metric_value_float: f64::from(workers),
        };
        Ok(Response::new(GetMetricsResponse {
            metric_values: vec![value],
        }))
    }
}

/// Until the receiver is gone.
async fn tell(board: &Board, pool: &EngineId, send: &tokio::sync::mpsc::Sender<IsActiveResponse>) {
    let mut readings = board.watch();
    let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    let mut told = false;
    loop {
        let wanted = readings.borrow_and_update().wanted(pool);
        let is_active = wanted.is_ok_and(Wanted::is_active);
        if is_active && !told && send.send(IsActiveResponse { result: true }).await.is_err() {
            return;
        }
        told = is_active;
        tokio::select! {
            changed = readings.changed() => if changed.is_err() { return },
            _ = heartbeat.tick() => told = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::{
        sync::mpsc,
        task::JoinSet,
        time::{interval, timeout_at},
    };
    use voicefleet_core::{
        Tier,
        ports::{PoolGauge, TierGauge},
        scaling::{Demand, DrainTargets, PoolSurvey, ScalingPolicy, Survey, plan},
    };

    use super::*;
    use crate::board::Reading;

    const HOUR: Duration = Duration::from_hours(1);

    fn no_work(tier: Tier) -> TierGauge {
        TierGauge {
            tier,
            ready: 0,
            in_flight: 0,
            cost_seconds: 0.0,
            dead: 0,
            oldest: None,
            tenants: 0,
        }
    }

    /// Piper with so many jobs that wait.
    fn survey(waiting: u64) -> Survey {
        let policy = ScalingPolicy::default();
        let gauge = |engine: &EngineId| PoolGauge {
            engine: engine.clone(),
            tiers: Tier::ALL.map(no_work).to_vec(),
            reserved: if engine.as_str() == "piper" {
                waiting
            } else {
                0
            },
        };
        let demands: Vec<_> = policy
            .pools
            .iter()
            .map(|pool| {
                let demand = Demand::of(&gauge(&pool.engine), 1, &DrainTargets::default(), 1.0);
                (pool.clone(), demand)
            })
            .collect();
        let pools = plan(&demands, &policy.split).into_iter();
        Survey {
            pools: pools
                .map(|plan| PoolSurvey {
                    gauge: gauge(&plan.engine),
                    plan,
                    workers_up: 0,
                    slots_up: 0,
                    max_workers: 20,
                    correction: 1.0,
                    actual_ratio: None,
                })
                .collect(),
            split: policy.split,
        }
    }

    /// A surveyor that reads the same once a second, and a stream that hears of it for an hour; the moments
    /// at which something was told.
    async fn told_in_an_hour(waiting: u64) -> Vec<Duration> {
        let board = Board::default();
        let (mut tasks, begun) = (JoinSet::new(), Instant::now());
        let reads = board.clone();
        tasks.spawn(async move {
            let mut ticks = interval(Duration::from_secs(1));
            loop {
                let at = ticks.tick().await;
                reads.put(Reading::Known {
                    survey: Arc::new(survey(waiting)),
                    at,
                    held_until: None,
                });
            }
        });
        let (send, mut receive) = mpsc::channel(1);
        tasks.spawn(async move { tell(&board, &EngineId::new("piper"), &send).await });
        let mut told = Vec::new();
        while let Ok(message) = timeout_at(begun + HOUR, receive.recv()).await {
            assert!(message.expect("the stream stays open").result);
            told.push(begun.elapsed());
        }
        told
    }

    #[tokio::test(start_paused = true)]
    async fn a_pool_with_work_is_told_of_every_ten_seconds() {
        let told = told_in_an_hour(1).await;
        assert!((360..=361).contains(&told.len()), "{}", told.len());
        let gaps = told.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        assert!(gaps.into_iter().all(|gap| gap <= HEARTBEAT), "{told:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_pool_without_work_nothing_is_told_for_an_hour_and_the_stream_stays() {
        assert_eq!(told_in_an_hour(0).await, []);
    }
}
