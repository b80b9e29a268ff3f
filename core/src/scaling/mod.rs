//! How many workers each pool should have: a pool's own [`Demand`], and the [`plan`](fn@plan) that fits the demands
//! of all pools into the [`Split`]. Pure: whoever scales (KEDA's scaler, the supervisor, the simulator)
//! brings the figures and carries out the plan.

mod costs;
mod demand;
mod eta;
mod fair_shares;
mod plan;
mod split;
mod steadied;
mod steering;
mod survey;

pub use costs::{EngineUsage, LearntCosts};
pub use demand::{Demand, DrainTargets};
pub use eta::{Outlook, Waiting};
pub use plan::{Limit, PoolPlan, PoolPolicy, plan};
pub use split::{Hardware, Split, SplitError};
pub use steadied::Steadied;
pub use steering::{Speaker, SteeredBy, steer};
pub use survey::{PoolSurvey, ScalingPolicy, Survey, SurveyError};
