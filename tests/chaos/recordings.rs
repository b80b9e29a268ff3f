//! Long recordings: they make room for whoever waits, and they are not begun anew when their worker dies.

use std::{collections::BTreeMap, io::Cursor};

use anyhow::Context;
use hound::{WavReader, WavWriter};
use serde_json::Value;
use voicefleet_tests::{Client, Cluster, id_of};

use crate::{
    ledger::{self, Ledger},
    quantile,
};

const MODEL: (&str, &str) = ("model", "whisper-tiny.en");
/// Between two repetitions of the clip, seconds.
const BREATH: f64 = 0.7;
/// How much of the clip is a probe, seconds.
const PROBE_SECONDS: f64 = 2.0;

/// A person's clip over and over, for so many minutes.
fn recording(minutes: f64) -> Vec<u8> {
    let (spec, clip) = clip();
    let rate = f64::from(spec.sample_rate);
    let breath = vec![0_i16; count(BREATH * rate)];
    let round: Vec<i16> = clip.into_iter().chain(breath).collect();
    let samples = round
        .iter()
        .copied()
        .cycle()
        .take(count(minutes * 60.0 * rate));
    written(spec, samples)
}

/// The beginning of the clip.
fn probe() -> Vec<u8> {
    let (spec, clip) = clip();
    let length = count(PROBE_SECONDS * f64::from(spec.sample_rate));
    written(spec, clip.into_iter().take(length))
}

fn clip() -> (hound::WavSpec, Vec<i16>) {
    let file = voicefleet_testkit::model_file("speech/jfk.wav");
    let mut clip = WavReader::open(file).expect("the clip");
    let samples = clip.samples::<i16>().collect::<Result<_, _>>();
    (clip.spec(), samples.expect("samples"))
}

fn written(spec: hound::WavSpec, samples: impl Iterator<Item = i16>) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut file, spec).expect("a writer");
    for sample in samples {
        writer.write_sample(sample).expect("written");
    }
    writer.finalize().expect("written");
    file.into_inner()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "minutes of samples"
)]
fn count(samples: f64) -> usize {
    samples as usize
}

async fn submit(client: &Client, audio: Vec<u8>, tier: &str, prompt: &str) -> String {
    let fields = [MODEL, ("tier", tier), ("prompt", prompt)];
    let job = client.transcribe(audio, &fields).await.expect("accepted");
    id_of(&job).expect("an id").to_owned()
}

/// The job as soon as so many of its chunks are done.
async fn with_chunks_done(client: &Client, id: &str, chunks: u64) -> Value {
    loop {
        let answer = client.get(&format!("/v1/jobs/{id}?wait=20")).await;
        let job = answer.expect("answer").accepted().expect("the job");
        if job["progress"]["done"].as_u64() >= Some(chunks) {
            return job;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; `make chaos` runs it"]
async fn realtime_probes_wait_for_no_more_than_a_chunk_of_a_long_recording() {
    let mut cluster = Cluster::start().await.expect("a cluster");
    ledger::keep(&mut cluster);
    cluster.set("whisper_slots", "1");
    let api = cluster.api().await.expect("an API server");
    let worker = cluster.worker("whisper").await.expect("a worker");
    let client = api.client().expect("a client");
    let long = submit(&client, recording(20.0), "batch", "").await;
    with_chunks_done(&client, &long, 1).await;

    let mut waits = Vec::new();
    let mut probes = Vec::new();
    for number in 0.. {
        let id = submit(&client, probe(), "realtime", &format!("Probe {number}")).await;
        let job = client.ended(&id).await.expect("ended");
        assert_eq!(job["status"], "succeeded");
        let timing = |name: &str| job["timings"][name].as_f64().unwrap_or_default();
        waits.push(timing("queue_ms") + timing("pause_ms"));
        probes.push(id);
        let recording = client
            .get(&format!("/v1/jobs/{long}"))
            .await
            .expect("answer");
        if recording.accepted().expect("the job")["status"] != "running" {
            break;
        }
    }
    let job = client.ended(&long).await.expect("ended");
    assert_eq!(job["status"], "succeeded");
    worker.stop().await.expect("stops");
    api.stop().await.expect("stops");

    let chunks = chunks_while_waiting(&Ledger::of(&cluster), &long, &probes);
    println!(
        "{} probes beside a recording of 20 min in {} chunks: wait p50/p95/longest {:.0}/{:.0}/{:.0} ms; \
         chunks of the recording begun while a probe waited in the worker: at most {}",
        probes.len(),
        job["progress"]["total"],
        quantile(&waits, 0.5),
        quantile(&waits, 0.95),
        quantile(&waits, 1.0),
        chunks.values().max().expect("probes"),
    );
    assert!(probes.len() >= 10, "too few to show anything");
    assert!(chunks.values().all(|begun| *begun == 0), "{chunks:?}");
}

/// For each probe, how many chunks of the recording began between its delivery and its own chunk. The one
/// that ran when it came is none of them.
fn chunks_while_waiting(ledger: &Ledger, long: &str, probes: &[String]) -> BTreeMap<String, usize> {
    let mut waiting: BTreeMap<String, usize> = BTreeMap::new();
    let mut begun = BTreeMap::new();
    for (job, event) in ledger.all() {
        match event["message"].as_str() {
            Some("job begins") if probes.contains(&job) => {
                waiting.insert(job, 0);
            }
            Some("chunk begins") if job == long => {
                for chunks in waiting.values_mut() {
                    *chunks += 1;
                }
            }
            Some("chunk begins") => {
                begun.extend(waiting.remove_entry(&job));
            }
            _ => {}
        }
    }
    begun
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; `make chaos` runs it"]
async fn a_recording_whose_worker_is_killed_goes_on_from_its_last_chunk() {
    let audio = recording(4.0);
    let undisturbed = {
        let mut cluster = Cluster::start().await.expect("a cluster");
        let api = cluster.api().await.expect("an API server");
        let _worker = cluster.worker("whisper").await.expect("a worker");
        let client = api.client().expect("a client");
        let id = submit(&client, audio.clone(), "standard", "").await;
        client.result(&id).await.expect("transcribed")
    };

    let mut cluster = Cluster::start().await.expect("a cluster");
    ledger::keep(&mut cluster);
    let api = cluster.api().await.expect("an API server");
    let client = api.client().expect("a client");
    let worker = cluster.worker("whisper").await.expect("a worker");
    let id = submit(&client, audio, "standard", "").await;
    let interrupted = with_chunks_done(&client, &id, 4).await;
    assert_eq!(interrupted["status"], "running");
    worker.kill().await.expect("killed");
    let heir = cluster.worker("whisper").await.expect("another");
    let disturbed = client.result(&id).await.expect("transcribed");
    heir.stop().await.expect("stops");

    let same = transcript(&disturbed).expect("JSON") == transcript(&undisturbed).expect("JSON");
    assert!(same, "the transcripts differ");
    let job = client.ended(&id).await.expect("ended");
    let chunks = job["progress"]["total"].as_u64().expect("chunks");
    let begun = Ledger::of(&cluster).chunks_begun();
    let again = begun - usize::try_from(chunks).expect("few");
    println!(
        "killed after {} of {chunks} chunks: the transcript is the same; {again} chunk computed again, at most \
         {:.0} of {:.0} s of audio",
        interrupted["progress"]["done"],
        30.0 * f64::from(u32::try_from(again).expect("few")),
        job["timings"]["audio_seconds"].as_f64().expect("a length"),
    );
    assert!(again <= 1, "{again} chunks were computed again");
    api.stop().await.expect("stops");
}

fn transcript(bytes: &[u8]) -> anyhow::Result<Value> {
    serde_json::from_slice(bytes).context("a transcript")
}
