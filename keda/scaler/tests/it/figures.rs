//! How fast the answers are. Nothing is asserted about time: `cargo test -p voicefleet-scaler --test it --
//! --ignored --nocapture figures` prints it.

use std::time::{Duration, Instant};

use futures::future::join_all;
use voicefleet_core::Tier;

use crate::{
    fleet::Fleet,
    operator::{Operator, of_pool},
};

const CALLERS: usize = 50;
const ROUNDS: usize = 40;
const PUSHES: usize = 60;

fn quantile(times: &mut [Duration], part: f64) -> f64 {
    times.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "an index of a short list"
    )]
    let index = ((times.len() as f64 * part) as usize).min(times.len() - 1);
    times[index].as_secs_f64() * 1000.0
}

async fn timed<T>(call: impl Future<Output = T>) -> Duration {
    let begun = Instant::now();
    call.await;
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures"]
#[expect(clippy::print_stdout, reason = "its figures are what it is run for")]
async fn figures_of_calls_and_pushes() {
    let fleet = Fleet::start().await;
    let scaler = fleet.scaler().await;
    let operator = Operator::has_read(&scaler).await;
    let callers = (0..CALLERS).map(|_| {
        let operator = operator.clone();
        async move {
            let mut times = Vec::new();
            for _ in 0..ROUNDS {
                times.push(timed(operator.spec(of_pool("piper"))).await);
                times.push(timed(operator.value(of_pool("piper"), "voicefleet-piper")).await);
                times.push(timed(operator.is_active(of_pool("piper"))).await);
            }
            times
        }
    });
    let mut calls: Vec<Duration> = join_all(callers).await.concat();
    println!(
        "{} calls of {CALLERS} callers at a time: p50 {:.1} ms, p99 {:.1} ms",
        calls.len(),
        quantile(&mut calls, 0.5),
        quantile(&mut calls, 0.99)
    );

    let mut pushes = Vec::new();
    for _ in 0..PUSHES {
        let mut stream = operator.stream(of_pool("piper")).await.expect("a stream");
        let begun = Instant::now();
        fleet.submit("piper", Tier::Realtime, 0.1).await;
        let told = stream.message().await.expect("told").expect("not ended");
        assert!(told.result);
        pushes.push(begun.elapsed());
        fleet.finish_one("piper").await;
        operator.comes_to_want("piper", 0.0).await;
    }
    println!(
        "{PUSHES} times from before the submit to `true`: p50 {:.1} ms, p95 {:.1} ms, longest {:.1} ms",
        quantile(&mut pushes, 0.5),
        quantile(&mut pushes, 0.95),
        quantile(&mut pushes, 1.0)
    );
}
