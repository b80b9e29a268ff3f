//! The hot pure parts.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use voicefleet_core::{Envelope, Tier, Timestamp, text, tier::TierRota};
use voicefleet_testkit::speech_job;

const QUESTION: &str =
    "Please tell us about a difficult decision that you made at work, and what came of it.";

fn submit_path(criterion: &mut Criterion) {
    let job = speech_job(QUESTION, Tier::Standard, Timestamp(0));
    criterion.bench_function("normalise a question", |bench| {
        bench.iter(|| text::normalise(black_box(QUESTION)));
    });
    criterion.bench_function("fingerprint", |bench| {
        bench.iter(|| black_box(&job.spec).fingerprint());
    });
    let envelope = Envelope::for_job(&job);
    criterion.bench_function("envelope, written and read", |bench| {
        bench.iter(|| {
            let bytes = black_box(&envelope).encode().expect("encodes");
            Envelope::decode(&bytes).expect("decodes")
        });
    });
}

fn tier_order(criterion: &mut Criterion) {
    let mut rota = TierRota::default();
    criterion.bench_function("next tier", |bench| {
        bench.iter(|| rota.pick(black_box([true; 3])));
    });
}

criterion_group!(pure, submit_path, tier_order);
criterion_main!(pure);
