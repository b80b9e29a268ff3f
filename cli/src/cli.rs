//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::settings::Options;

/// A fleet of speech workers behind one HTTP API: text to speech with Piper and Kokoro, speech to text
/// with Whisper, as durable jobs with a priority.
#[derive(Debug, Parser)]
#[command(name = "voicefleet", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API and do the work in this one process, with everything kept in one `SQLite` file.
    Serve(Box<Options>),
    /// Serve the API of a cluster: jobs go to `RabbitMQ`, records and audio to `Redis`.
    Api(Box<Options>),
    /// Do the work of a cluster for one or more engines.
    Worker(Box<WorkerOptions>),
    /// List, fetch or check the model files.
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Have sample questions spoken and read back through a running server, and show how it went.
    Sample(SampleOptions),
}

#[derive(Args, Debug)]
pub(crate) struct WorkerOptions {
    /// The engines whose jobs it takes.
    #[arg(
        long = "engine",
        env = "VOICEFLEET_ENGINE",
        value_name = "NAME",
        value_delimiter = ',',
        required = true
    )]
    pub(crate) engines: Vec<String>,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// What there is, with sizes and licences, and what of it is on this machine.
    List(ModelsFolder),
    /// Fetch what is missing. Without names: everything that a first run needs.
    Pull {
        #[command(flatten)]
        folder: ModelsFolder,
        /// Asset names, or the names of sets: `default`, `test`, `bench`.
        names: Vec<String>,
    },
    /// Hash every installed file and compare with the manifest.
    Verify(ModelsFolder),
}

#[derive(Args, Debug)]
pub(crate) struct ModelsFolder {
    /// Folder of the model files. Default: `$XDG_CACHE_HOME/voicefleet/models` or `~/.cache/voicefleet/models`.
    #[arg(long = "models", env = "VOICEFLEET_MODELS", value_name = "DIR")]
    pub(crate) models: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct SampleOptions {
    /// Base URL of the server.
    #[arg(long, env = "VOICEFLEET_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// Folder for the audio files that come back.
    #[arg(long, default_value = "voicefleet-sample", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Exit with 1 unless every transcript says what was to be spoken.
    #[arg(long)]
    pub(crate) check: bool,
    /// Wait at most this long for the server to be ready, seconds.
    #[arg(long, default_value_t = 60)]
    pub(crate) ready_within: u64,
}
