//! A cluster of real processes over a real RabbitMQ and Redis: each module is one promise to a user.

mod outages;
mod stop;
mod supervise;
mod together;
mod traces;

/// The Piper voice of the tests.
const JOE: &str = "en_US-joe-medium";
