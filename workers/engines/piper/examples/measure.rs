//! What Piper costs on this machine: time from the start of the process to the first audio, CPU seconds
//! per second of audio, and memory.
//!
//! ```text
//! cargo run --release -p voicefleet-piper --example measure -- MODELS_DIR [ROUNDS] [LANES]
//! ```
#![expect(clippy::print_stdout, reason = "a command-line program")]

use std::{
    collections::HashMap,
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Instant,
};

use procfs::process::Process;
use voicefleet_core::ports::{
    EngineError, EngineLoader, LoadedEngine, ModelRef, SpeechEngine, SpeechRequest,
};
use voicefleet_piper::{PiperFiles, PiperLoader, PiperModelFiles};

const VOICE: &str = "en_US-joe-medium";

/// Eight sentences as an interview has them.
const TEXT: &str = "Thank you for joining us today. Could you tell me about a difficult problem that you \
    solved? Take your time, and describe what you did first. How did the others in your team see it? \
    What would you do in another way now! In 2024 we hired 35 people; three of them led a team within \
    a year. Is there anything that you would like to ask? Then we are done, and you will hear from us.";

fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let mut arguments = std::env::args().skip(1);
    let models = PathBuf::from(arguments.next().unwrap_or_default());
    let mut number = || arguments.next().and_then(|text| text.parse().ok());
    let (rounds, lanes) = (number().unwrap_or(1), number().unwrap_or(1));

    let voice = load(&models, lanes)?;
    println!("loaded after {:.3} s", start.elapsed().as_secs_f64());
    let first = voice.speak(&plan(&*voice)?[0])?;
    println!(
        "first audio after {:.3} s, {:.2} CPU s ({:.2} s long)",
        start.elapsed().as_secs_f64(),
        cpu_seconds()?,
        first.seconds()
    );
    println!("memory {} MB", memory_mb()?);

    let (begin, cpu) = (Instant::now(), cpu_seconds()?);
    let spoken = thread::scope(|scope| {
        let lane = || scope.spawn(|| (0..rounds).map(|_| round(&*voice)).sum::<Result<f64, _>>());
        let threads: Vec<_> = (0..lanes).map(|_| lane()).collect();
        let spoken = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"));
        spoken.sum::<Result<f64, EngineError>>()
    })?;
    println!(
        "{spoken:.1} s of audio: {:.4} s and {:.4} CPU s per second of audio",
        begin.elapsed().as_secs_f64() / spoken,
        (cpu_seconds()? - cpu) / spoken
    );
    println!("memory {} MB", memory_mb()?);
    Ok(())
}

fn load(models: &Path, lanes: usize) -> Result<Arc<dyn SpeechEngine>, EngineError> {
    let folder = models.join("piper").join(VOICE);
    let files = PiperModelFiles {
        voice: "en_US-joe-medium".to_owned(),
        onnx: folder.join(format!("{VOICE}.onnx")),
        config: folder.join(format!("{VOICE}.onnx.json")),
    };
    let loader = PiperLoader::new(PiperFiles {
        models: HashMap::from([(VOICE.to_owned(), files)]),
        espeak_data: models.join("espeak-ng-data"),
        onnx_runtime: models.join("onnxruntime/libonnxruntime.so"),
    });
    let model = ModelRef {
        name: VOICE.to_owned(),
        digest: String::new(),
    };
    match loader.load(&model, lanes)? {
        LoadedEngine::Speech(voice) => Ok(voice),
        LoadedEngine::Transcription(_) => unreachable!("Piper speaks"),
    }
}

fn plan(voice: &dyn SpeechEngine) -> Result<Vec<voicefleet_core::ports::SpeechChunk>, EngineError> {
    voice.plan(&SpeechRequest {
        text: std::env::var("TEXT").unwrap_or_else(|_| TEXT.to_owned()),
        voice: VOICE.to_owned(),
        speed: 1.0,
    })
}

/// Speaks the text once; seconds of audio.
fn round(voice: &dyn SpeechEngine) -> Result<f64, EngineError> {
    let chunks = plan(voice)?;
    chunks
        .iter()
        .map(|chunk| Ok(voice.speak(chunk)?.seconds()))
        .sum()
}

/// CPU time of this process, seconds.
#[expect(clippy::cast_precision_loss, reason = "minutes")]
fn cpu_seconds() -> procfs::ProcResult<f64> {
    let stat = Process::myself()?.stat()?;
    Ok((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64)
}

/// Resident memory now and at its highest, in MB.
fn memory_mb() -> procfs::ProcResult<String> {
    let status = Process::myself()?.status()?;
    let [now, most] = [status.vmrss, status.vmhwm].map(|kib| kib.unwrap_or(0) / 1024);
    Ok(format!("{now} (peak {most})"))
}
