//! Work for a cluster, and clients that do not give up: what is refused is sent again, what cannot be
//! asked now is asked later.

use std::{collections::BTreeMap, future::Future, time::Duration};

use anyhow::bail;
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use voicefleet_tests::{Client, id_of};

use crate::JOE;

/// Clients at the same time.
const CLIENTS: usize = 32;
/// Wait before something is tried again.
const AGAIN: Duration = Duration::from_millis(300);
/// Longest time for the whole of a load.
const LIMIT: Duration = Duration::from_mins(20);

/// A job to be.
#[derive(Clone)]
pub(crate) enum Work {
    Speech { text: String, tier: &'static str },
    Hearing { prompt: String, tier: &'static str },
}

/// So many jobs: mostly prompts, some long answers of several chunks (1 in 40), some recordings (1 in
/// 20); in all tiers.
pub(crate) fn mixed(count: usize, dice: &mut fastrand::Rng) -> Vec<Work> {
    let tiers = ["realtime", "standard", "batch"];
    let work = |number: usize| {
        let tier = tiers[dice.usize(0..tiers.len())];
        match number % 40 {
            0 => Work::Speech {
                text: long_answer(number, 8),
                tier,
            },
            1 | 21 => Work::Hearing {
                prompt: format!("Recording {number}"),
                tier,
            },
            _ => Work::Speech {
                text: format!("Question {number}, please."),
                tier,
            },
        }
    };
    (0..count).map(work).collect()
}

/// As many chunks as `sentences`.
pub(crate) fn long_answer(number: usize, sentences: usize) -> String {
    let sentences = (0..sentences).map(|sentence| {
        format!("This is sentence {sentence} of the long answer to question {number}.")
    });
    sentences.collect::<Vec<_>>().join(" ")
}

/// Submits everything, at the servers in turn, until it is accepted; gives the ids in the order of `works`.
pub(crate) async fn submit_all(clients: &[Client], works: &[Work]) -> Vec<String> {
    let submits: Vec<_> = works
        .iter()
        .enumerate()
        .map(|(number, work)| {
            let (client, work) = (clients[number % clients.len()].clone(), work.clone());
            async move { persistently(|| submit(&client, &work)).await }
        })
        .collect();
    stream::iter(submits).buffered(CLIENTS).collect().await
}

pub(crate) async fn submit(client: &Client, work: &Work) -> anyhow::Result<String> {
    let job = match work {
        Work::Speech { text, tier } => client.speak("piper", JOE, tier, text).await?,
        Work::Hearing { prompt, tier } => {
            let clip = std::fs::read(voicefleet_testkit::model_file("speech/jfk.wav"))?;
            let fields = [
                ("model", "whisper-tiny.en"),
                ("tier", tier),
                ("prompt", prompt),
            ];
            client.transcribe(clip, &fields).await?
        }
    };
    Ok(id_of(&job)?.to_owned())
}

/// Waits until all of them have ended; gives the job objects by id.
pub(crate) async fn all_ended(clients: &[Client], ids: &[String]) -> BTreeMap<String, Value> {
    let waits: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(number, id)| {
            let (client, id) = (clients[number % clients.len()].clone(), id.clone());
            async move {
                let job = persistently(|| client.ended(&id)).await;
                (id, job)
            }
        })
        .collect();
    stream::iter(waits)
        .buffer_unordered(CLIENTS)
        .collect()
        .await
}

/// Demands that the results of all are there.
pub(crate) async fn all_have_results(client: &Client, jobs: &BTreeMap<String, Value>) {
    for (id, job) in jobs {
        assert_eq!(job["status"], "succeeded", "{job:#}");
        let result = persistently(|| client.result(id)).await;
        assert!(!result.is_empty());
    }
}

/// Does it until it succeeds.
pub(crate) async fn persistently<T, F>(attempt: impl Fn() -> F) -> T
where
    F: Future<Output = anyhow::Result<T>>,
{
    let mut last = None;
    let trying = async {
        loop {
            match attempt().await {
                Ok(value) => return value,
                Err(error) => last = Some(error),
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    let done = tokio::time::timeout(LIMIT, trying).await;
    done.unwrap_or_else(|_| panic!("given up after {LIMIT:?}: {last:?}"))
}

/// The statuses of jobs and how many have each.
pub(crate) fn statuses(jobs: &BTreeMap<String, Value>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for job in jobs.values() {
        let status = job["status"].as_str().unwrap_or("none").to_owned();
        *counts.entry(status).or_insert(0) += 1;
    }
    counts
}

/// Speech that is submitted and waited for; gives the job object.
pub(crate) async fn spoken(client: &Client, tier: &str, text: &str) -> anyhow::Result<Value> {
    let body =
        json!({"kind": "speech", "input": text, "engine": "piper", "voice": JOE, "tier": tier});
    let job = client.post("/v1/jobs", &body).await?.accepted()?;
    let job = client.ended(id_of(&job)?).await?;
    if job["status"] != "succeeded" {
        bail!("{job:#}");
    }
    Ok(job)
}
