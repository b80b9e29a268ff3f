//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use voicefleet_core::{JobId, JobState, Tier};

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
    /// Tell KEDA how many workers each pool of a cluster should have (gRPC, external-push).
    Scaler(Box<Options>),
    /// Start and stop worker processes on this host by what the work of a cluster asks for, down to none.
    Supervise(Box<Options>),
    /// Show how the compute is divided among the pools, or divide it anew while the fleet works.
    Split(SplitOptions),
    /// Make, list or revoke the keys of a running server.
    Keys(KeysOptions),
    /// Play a day of jobs, or those of a file, against ways to scale the pools, in virtual time.
    Simulate(SimulateOptions),
    /// List, fetch or check the model files.
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Look at the jobs of a running server, and do something about those that failed.
    Jobs(JobsOptions),
    /// Have a text spoken by a running server, into a file.
    Speak(SpeakOptions),
    /// Have a recording written down by a running server.
    Transcribe(TranscribeOptions),
    /// Have the texts of a file spoken by a running server before anybody asks for them, when there is time.
    Warm(WarmOptions),
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

/// Of commands that speak to a running server.
#[derive(Args, Debug)]
pub(crate) struct ServerAddress {
    /// Base URL of the server.
    #[arg(
        long,
        global = true,
        env = "VOICEFLEET_URL",
        default_value = "http://127.0.0.1:8080"
    )]
    pub(crate) url: String,
    /// The key to show, where the server wants one.
    #[arg(
        long,
        global = true,
        env = "VOICEFLEET_API_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    pub(crate) api_key: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct KeysOptions {
    #[command(flatten)]
    pub(crate) server: ServerAddress,
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key on the server and print it. It is shown this once; only its hash is kept.
    Create(GrantOptions),
    /// Make a key without any server: prints it, and the lines for the `keys_file`.
    Generate(GrantOptions),
    /// All keys, without their secrets.
    List,
    /// Make keys useless from the next request on.
    Revoke {
        /// The ids of the keys: the part between the underscores.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

/// What the bearer of a key may do.
#[derive(Args, Debug)]
pub(crate) struct GrantOptions {
    /// Whose key it is: 1 to 64 of a-z, 0-9, - and _.
    #[arg(value_name = "TENANT")]
    pub(crate) tenant: String,
    /// What it is for.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// May also manage keys, the split and dead letters, and sees all jobs.
    #[arg(long)]
    pub(crate) admin: bool,
    /// Keep what is made with it apart from what others have made.
    #[arg(long)]
    pub(crate) walled: bool,
    /// The most urgent tier.
    #[arg(long, value_name = "TIER")]
    pub(crate) highest_tier: Option<Tier>,
    /// Requests a minute, of the whole tenant.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) requests_per_minute: Option<u32>,
    /// Jobs in flight at a time, of the whole tenant.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_in_flight: Option<u32>,
    /// Compute-seconds a day (UTC), of the whole tenant.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) daily_compute_seconds: Option<u32>,
    /// How much compute it gets beside others that want more than there is in the same tier.
    #[arg(long, value_name = "1-100", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) weight: Option<u32>,
}

#[derive(Args, Debug)]
pub(crate) struct JobsOptions {
    #[command(flatten)]
    pub(crate) server: ServerAddress,
    #[command(subcommand)]
    pub(crate) command: JobsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// The newest jobs, as a table.
    List(ListOptions),
    /// All that is known of a job.
    Show {
        /// The job.
        #[arg(value_parser = job_id)]
        id: JobId,
        /// As the JSON that the server sent.
        #[arg(long)]
        json: bool,
    },
    /// Withdraw jobs.
    Cancel {
        /// The jobs.
        #[arg(required = true, value_name = "ID", value_parser = job_id)]
        ids: Vec<JobId>,
    },
    /// Submit jobs again that failed, were cancelled or expired; prints the ids of the new ones.
    Retry {
        /// The jobs.
        #[arg(required = true, value_name = "ID", value_parser = job_id)]
        ids: Vec<JobId>,
    },
    /// The failed jobs with their reasons, and how many dead letters each engine and tier has.
    Dead {
        /// Submit them again, identical ones once.
        #[arg(long)]
        retry: bool,
    },
    /// Remove the dead letters of an engine for good. The records of the jobs stay.
    Purge(PurgeOptions),
}

#[derive(Args, Debug)]
pub(crate) struct SimulateOptions {
    /// Jobs as CSV: `arrival_seconds,engine,tier,cost_seconds` [default: a made-up day of interviews].
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Which made-up day.
    #[arg(long, default_value_t = 1, conflicts_with = "trace")]
    pub(crate) seed: u64,
    /// How to scale.
    #[arg(long, value_enum, default_value_t = Policy::All)]
    pub(crate) policy: Policy,
    /// Jobs at a time in one worker.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) slots: u32,
    /// In what time the backlog of realtime, standard and batch shall be worked off, seconds.
    #[arg(long, value_name = "S,S,S", value_delimiter = ',', num_args = 3, default_values_t = [5_u64, 60, 600])]
    pub(crate) drain: Vec<u64>,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How pools are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Policy {
    /// By the work that waits, pushed: as the scaler does it.
    Work,
    /// By the number of messages, polled every 30 s.
    Messages,
    /// The fewest workers, always there, with which the urgent wait no longer than by `work`.
    Fixed,
    /// Each of these.
    All,
}

#[derive(Args, Debug)]
pub(crate) struct SplitOptions {
    #[command(flatten)]
    pub(crate) server: ServerAddress,
    #[command(subcommand)]
    pub(crate) command: SplitCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SplitCommand {
    /// Shares, what each pool should have and has, and why.
    Show {
        /// As the JSON that the server sent.
        #[arg(long)]
        json: bool,
    },
    /// Set the shares, and budgets if any are given: `split set piper=70 whisper=20 kokoro=10`.
    Set {
        /// Every pool with its per cent; 100 in all.
        #[arg(required = true, value_name = "POOL=PERCENT", value_parser = named_number)]
        shares: Vec<(String, u32)>,
        /// Slots that all pools on one kind of hardware may take together: `--budget cpu=32`.
        #[arg(long = "budget", value_name = "HARDWARE=SLOTS", value_parser = named_number)]
        budgets: Vec<(String, u32)>,
        /// Take all budgets away.
        #[arg(long, conflicts_with = "budgets")]
        no_budgets: bool,
    },
}

fn named_number(text: &str) -> Result<(String, u32), String> {
    let wrong = || "write it like piper=70".to_owned();
    let (name, number) = text.split_once('=').ok_or_else(wrong)?;
    let number = number.trim_end_matches('%').parse().map_err(|_| wrong())?;
    Ok((name.to_owned(), number))
}

#[derive(Args, Debug)]
pub(crate) struct ListOptions {
    /// Only in this status.
    #[arg(long)]
    pub(crate) status: Option<JobState>,
    /// Only in this tier.
    #[arg(long)]
    pub(crate) tier: Option<Tier>,
    /// How many at most.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}

#[derive(Args, Debug)]
pub(crate) struct PurgeOptions {
    /// The engine.
    #[arg(value_name = "ENGINE")]
    pub(crate) engine: String,
    /// Only of this tier.
    #[arg(long)]
    pub(crate) tier: Option<Tier>,
    /// Do it. Without this, only says how many there are.
    #[arg(long)]
    pub(crate) yes: bool,
}

fn job_id(text: &str) -> Result<JobId, String> {
    let no_id = |_| "not a job id; `voicefleet jobs list` shows them".to_owned();
    text.parse().map_err(no_id)
}

#[derive(Args, Debug)]
pub(crate) struct SpeakOptions {
    #[command(flatten)]
    pub(crate) server: ServerAddress,
    /// What is to be said.
    #[arg(value_name = "TEXT")]
    pub(crate) text: String,
    /// Where it goes. The name's ending says in which format: wav, pcm, mp3, opus or flac.
    #[arg(long, short, value_name = "FILE", default_value = "speech.wav")]
    pub(crate) out: PathBuf,
    /// The voice; the default one of the engine if left out.
    #[arg(long, value_name = "VOICE")]
    pub(crate) voice: Option<String>,
    /// The engine; that of the voice if left out, or else the one whose turn it is.
    #[arg(long, value_name = "ENGINE")]
    pub(crate) engine: Option<String>,
    /// Speaking rate, 0.25 to 4.
    #[arg(long, value_name = "RATE")]
    pub(crate) speed: Option<f64>,
    #[command(flatten)]
    pub(crate) urgency: UrgencyOptions,
}

#[derive(Args, Debug)]
pub(crate) struct TranscribeOptions {
    #[command(flatten)]
    pub(crate) server: ServerAddress,
    /// The recording: wav, mp3, ogg, opus, flac, m4a or webm.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// ISO 639-1 code of the language; detected if left out.
    #[arg(long, value_name = "CODE")]
    pub(crate) language: Option<String>,
    /// The model; the first installed one if left out.
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// How it is written down: text, srt, vtt, json or `verbose_json`.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: String,
    #[command(flatten)]
    pub(crate) urgency: UrgencyOptions,
}

/// How much of a hurry there is.
#[derive(Args, Debug)]
pub(crate) struct UrgencyOptions {
    /// How urgent it is: realtime, standard or batch.
    #[arg(long, default_value = "standard")]
    pub(crate) tier: Tier,
    /// How long to wait for it at most, seconds. The job goes on after that.
    #[arg(long, value_name = "S", default_value_t = 3_600, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) within: u64,
}

#[derive(Args, Debug)]
pub(crate) struct SampleOptions {
    #[command(flatten)]
    pub(crate) server: ServerAddress,
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

#[derive(Args, Debug)]
pub(crate) struct WarmOptions {
    #[command(flatten)]
    pub(crate) server: ServerAddress,
    /// One text a line; or `.csv` or `.jsonl` with `text` and `voice`.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The voice of texts that name none.
    #[arg(long, value_name = "VOICE")]
    pub(crate) voice: Option<String>,
    /// The engine; that of the voice if left out, or else the one whose turn it is.
    #[arg(long, value_name = "ENGINE")]
    pub(crate) engine: Option<String>,
    /// The format that is asked for. Other formats of the same audio are made when they are asked for.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
}
