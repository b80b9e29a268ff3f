//! Transcribes recordings with the engine alone, and tells what that costs: one line of JSON for each, with the text and the
//! CPU seconds of this process, after one that is not counted; then one line for the whole.
//!
//! ```text
//! cargo run --release -p voicefleet-whisper --example transcribe -- MODELS_DIR WEIGHTS LANES FILE.wav...
//! ```
//!
//! WEIGHTS is a path below `MODELS_DIR`; recordings are WAV, 16 kHz, mono, 16 bits. With more than one lane as many recordings
//! are transcribed side by side.
#![expect(clippy::print_stdout, reason = "a command-line program")]

use std::{
    collections::BTreeMap,
    error::Error,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use voicefleet_core::{
    Pcm,
    ports::{EngineLoader, LoadedEngine, ModelRef, TranscriptionEngine, TranscriptionOptions},
};
use voicefleet_whisper::{WhisperFiles, WhisperLoader};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Fallible<()> {
    let start = Instant::now();
    let mut arguments = std::env::args().skip(1);
    let mut argument = |name: &str| arguments.next().ok_or(format!("{name} is missing"));
    let models = PathBuf::from(argument("MODELS_DIR")?);
    let weights = argument("WEIGHTS")?;
    let lanes: usize = argument("LANES")?.parse()?;
    let files: Vec<PathBuf> = arguments.map(PathBuf::from).collect();

    let engine = load(&models, &weights, lanes)?;
    let loaded = start.elapsed().as_secs_f64();
    let first = files.first().ok_or("FILE.wav is missing")?;
    transcribe(&*engine, &recording(first)?)?;
    println!(
        r#"{{"loaded_s":{loaded:.3},"first_text_s":{:.3},"cpu_s":{:.2},"mb":{}}}"#,
        start.elapsed().as_secs_f64(),
        cpu_seconds()?,
        peak_mb()?
    );
    let (began, cpu) = (Instant::now(), cpu_seconds()?);
    all(&*engine, &files, lanes)?;
    println!(
        r#"{{"files":{},"wall_s":{:.2},"cpu_s":{:.2},"peak_mb":{}}}"#,
        files.len(),
        began.elapsed().as_secs_f64(),
        cpu_seconds()? - cpu,
        peak_mb()?
    );
    Ok(())
}

fn load(models: &Path, weights: &str, lanes: usize) -> Fallible<Arc<dyn TranscriptionEngine>> {
    let loader = WhisperLoader::new(WhisperFiles {
        models: BTreeMap::from([("model".to_owned(), models.join(weights))]),
        voice_activity: models.join("vad/ggml-silero-v6.2.0.bin"),
        ctranslate2: Some(models.join("ctranslate2/libctranslate2.so")),
    });
    let model = ModelRef {
        name: "model".to_owned(),
        digest: String::new(),
    };
    match loader.load(&model, lanes)? {
        LoadedEngine::Transcription(engine) => Ok(engine),
        LoadedEngine::Speech(_) => Err("a Whisper model does not speak".into()),
    }
}

/// Transcribes every file, `lanes` side by side.
fn all(engine: &dyn TranscriptionEngine, files: &[PathBuf], lanes: usize) -> Fallible<()> {
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let work = || -> Fallible<()> {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::SeqCst)) {
            let text = transcribe(engine, &recording(file)?)?;
            println!("{}", serde_json::json!({ "file": file, "text": text }));
        }
        Ok(())
    };
    thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                if let Err(error) = work() {
                    *failure.lock().expect("no panic") = Some(error);
                }
            });
        }
    });
    failure.into_inner()?.map_or(Ok(()), Err)
}

fn transcribe(engine: &dyn TranscriptionEngine, audio: &Pcm) -> Fallible<String> {
    let options = TranscriptionOptions {
        language: Some("en".to_owned()),
        ..TranscriptionOptions::default()
    };
    let mut text = String::new();
    for window in engine.plan(audio)? {
        for segment in engine.transcribe(audio, window, &options)?.segments {
            text.push(' ');
            text.push_str(&segment.text);
        }
    }
    Ok(text.trim().to_owned())
}

fn recording(path: &Path) -> Fallible<Pcm> {
    let mut reader = hound::WavReader::open(path)?;
    let samples: Result<Vec<i16>, _> = reader.samples().collect();
    Ok(Pcm {
        samples: samples?
            .into_iter()
            .map(|sample| f32::from(sample) / 32_768.0)
            .collect(),
        rate: reader.spec().sample_rate,
    })
}

/// CPU time of this process, seconds.
#[expect(clippy::cast_precision_loss, reason = "minutes")]
fn cpu_seconds() -> Fallible<f64> {
    let stat = procfs::process::Process::myself()?.stat()?;
    Ok((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64)
}

/// Resident memory at its highest, MB.
fn peak_mb() -> Fallible<u64> {
    let status = procfs::process::Process::myself()?.status()?;
    Ok(status.vmhwm.unwrap_or(0) / 1024)
}
