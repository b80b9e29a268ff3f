//! The answers.

use std::{pin::Pin, time::Duration};

use tokio::time::{Instant, interval_at};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Request, Response, Status};
use voicefleet_core::EngineId;

use crate::{
    board::{Board, Wanted},
    proto::{
        GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec,
        MetricValue, ScaledObjectRef, external_scaler_server::ExternalScaler,
    },
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
            return Err(Status::invalid_argument(format!(
                "the trigger of {} has no metadata '{POOL}'; the pools are {}",
                object.name,
                known()
            )));
        };
        let mut pools = self.pools.iter();
        let pool = pools.find(|pool| pool.as_str() == name).cloned();
        pool.ok_or_else(|| {
            Status::invalid_argument(format!(
                "there is no pool '{name}'; the pools are {}",
                known()
            ))
        })
    }

    /// Never a guess: a queue that cannot be read is not an empty one.
    fn wanted(&self, pool: &EngineId) -> Result<Wanted, Status> {
        self.board.read().wanted(pool).map_err(Status::unavailable)
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
            return Err(Status::invalid_argument("no scaled object is named"));
        };
        let pool = self.pool_of(object)?;
        let metric_name = metric_of(&pool);
        if request.metric_name != metric_name {
            return Err(Status::not_found(format!(
                "there is no metric '{}'; that of {pool} is {metric_name}",
                request.metric_name
            )));
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
