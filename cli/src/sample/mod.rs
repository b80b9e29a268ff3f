//! `voicefleet sample`: has questions spoken, has the speech transcribed, and shows how it went.

mod questions;

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::Context;
use voicefleet_client::{Client, ClientError, Job, SpeechJob, TranscriptionJob, Upload};
use voicefleet_core::words::words;

use self::questions::{QUESTIONS, Question};
use crate::{cli::SampleOptions, server::connect};

/// Longest wait for one job.
const JOB_LIMIT: Duration = Duration::from_mins(10);

/// One question after its round trip.
struct RoundTrip {
    question: &'static Question,
    spoken: Job,
    heard: Job,
    transcript: String,
    file: String,
}

impl RoundTrip {
    fn matches(&self) -> bool {
        words(self.question.text) == words(&self.transcript)
    }
}

/// Runs the sample. With `--check`, the exit code says whether every transcript was right.
pub(crate) async fn run(options: SampleOptions) -> anyhow::Result<ExitCode> {
    let client = connect(&options.server)?;
    client
        .until_ready(Duration::from_secs(options.ready_within))
        .await?;
    std::fs::create_dir_all(&options.out)
        .with_context(|| format!("the folder {}", options.out.display()))?;
    let trips = round_trips(&client, &options.out).await?;
    print_table(&trips);
    let right = trips.iter().filter(|trip| trip.matches()).count();
    print_line(&format!(
        "\n{right} of {} transcripts say what was to be spoken.",
        trips.len()
    ));
    let passed = right == trips.len();
    Ok(if options.check && !passed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// All questions are submitted before the first is waited for, as a client with a queue would do.
async fn round_trips(client: &Client, out: &Path) -> anyhow::Result<Vec<RoundTrip>> {
    let mut speaking = Vec::new();
    for question in &QUESTIONS {
        speaking.push((question, client.submit_speech(&spoken_job(question)).await?));
    }
    let mut listening = Vec::new();
    for (number, (question, job)) in speaking.into_iter().enumerate() {
        let spoken = finished(client, &job).await?;
        let wav = client.result(&spoken.id).await?.bytes().await?;
        let file = out.join(format!(
            "{}-{}-{}.wav",
            number + 1,
            question.engine,
            question.tier
        ));
        std::fs::write(&file, &wav).with_context(|| format!("the file {}", file.display()))?;
        let recording = Upload::bytes("question.wav", wav);
        let heard = TranscriptionJob::new(recording)
            .language("en")
            .tier(question.tier);
        let job = client.submit_transcription(&heard).await?;
        listening.push((question, spoken, job, file.display().to_string()));
    }
    let mut trips = Vec::new();
    for (question, spoken, job, file) in listening {
        let heard = finished(client, &job).await?;
        let transcript = client.transcript(&heard.id).await?.text;
        trips.push(RoundTrip {
            question,
            spoken,
            heard,
            transcript,
            file,
        });
    }
    Ok(trips)
}

fn spoken_job(question: &Question) -> SpeechJob {
    SpeechJob::new(question.text)
        .engine(question.engine)
        .voice(question.voice)
        .tier(question.tier)
}

/// Waits for the job to end well.
async fn finished(client: &Client, job: &Job) -> Result<Job, ClientError> {
    client.wait(&job.id, JOB_LIMIT).await?.succeeded()
}

fn print_table(trips: &[RoundTrip]) {
    print_line(&format!(
        "{:<8} {:<9} {:>9} {:>9} {:>7} {:>6}  transcript / file",
        "engine", "tier", "wait ms", "compute", "audio s", "RTF",
    ));
    for trip in trips {
        print_line(&format!("{}  {}", columns(&trip.spoken), trip.file));
        let verdict = if trip.matches() {
            "ok"
        } else {
            "DIFFERS from: "
        };
        let said = if trip.matches() {
            ""
        } else {
            trip.question.text
        };
        print_line(&format!(
            "{}  \"{}\" {verdict}{said}",
            columns(&trip.heard),
            trip.transcript
        ));
    }
}

fn columns(job: &Job) -> String {
    let timings = &job.timings;
    let factor = match timings.real_time_factor {
        _ if job.from_cache => "cached".to_owned(),
        Some(factor) => format!("{factor:.3}"),
        None => "-".to_owned(),
    };
    format!(
        "{:<8} {:<9} {:>9.0} {:>9.0} {:>7.2} {factor:>6}",
        job.engine, job.tier, timings.queue_ms, timings.compute_ms, timings.audio_seconds,
    )
}

#[expect(clippy::print_stdout, reason = "the table is what the command is for")]
fn print_line(line: &str) {
    println!("{line}");
}
