//! A job as it is told apart and as it travels.

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group};
use voicefleet_core::{Envelope, Fingerprint, Job, Tier, Timestamp};
use voicefleet_testkit::speech_job;

use crate::text::PARAGRAPH;

#[library_benchmark]
#[bench::speech(setup = job)]
fn fingerprint(job: Job) -> Fingerprint {
    black_box(&job.spec).fingerprint()
}

fn job() -> Job {
    speech_job(PARAGRAPH, Tier::Standard, Timestamp(0))
}

#[library_benchmark]
#[bench::speech(setup = envelope)]
fn envelope_encode(envelope: Envelope) -> Vec<u8> {
    black_box(&envelope).encode().expect("encodes")
}

fn envelope() -> Envelope {
    Envelope::for_job(&job())
}

#[library_benchmark]
#[bench::speech(setup = travelling)]
fn envelope_decode(bytes: Vec<u8>) -> Envelope {
    Envelope::decode(black_box(&bytes)).expect("decodes")
}

fn travelling() -> Vec<u8> {
    envelope().encode().expect("encodes")
}

library_benchmark_group!(
    name = records,
    benchmarks = [fingerprint, envelope_encode, envelope_decode]
);
