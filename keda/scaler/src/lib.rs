//! Tells KEDA how many workers each pool should have, as an external scaler with push.
//!
//! [`Surveyor`] reads the queue and the ledger once a second, and at once when work comes for a pool that
//! has none, and puts what it finds on a [`Board`]. [`ScalerService`] answers KEDA from the board alone, so that
//! however many scaled objects ask, the broker is asked once. It only reads: it can be killed, and run
//! in as many replicas as one likes, which agree because they read the same.

mod board;
mod metrics;
mod proto {
    //! KEDA's contract.
    #![expect(
        missing_docs,
        unreachable_pub,
        clippy::pedantic,
        clippy::allow_attributes_without_reason,
        reason = "generated; the contract says what things are"
    )]
    tonic::include_proto!("externalscaler");
}
mod refusal;
mod server;
mod service;
mod surveyor;

pub use board::{Board, Reading};
pub use proto::{
    GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec,
    MetricValue, ScaledObjectRef, external_scaler_client::ExternalScalerClient,
    external_scaler_server::ExternalScaler,
};
pub use refusal::status_of;
pub use server::{ServeError, TlsFiles, serve};
pub use service::{HEARTBEAT, ScalerService};
pub use surveyor::{Surveyor, SurveyorConfig};
