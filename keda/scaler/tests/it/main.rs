//! The scaler, called as KEDA's operator calls it, over a real RabbitMQ and a real Redis.

mod busy;
mod contract;
mod figures;
mod fleet;
mod operator;
mod outage;
mod streams;
mod tls;
