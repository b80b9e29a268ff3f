//! Celery behind `FastAPI`, with the same promises: a quorum queue, confirmed publishing, late
//! acknowledgement, results in Redis.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;

use voicefleet_benches::process::Process;

use crate::{fleet::Fleet, http::Endpoint, options::Servers};

/// An installation of it.
#[derive(Clone, PartialEq)]
pub(crate) struct Celery {
    programs: PathBuf,
}

/// What its documentation offers for speed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settings {
    pool: &'static str,
    concurrency: u32,
    prefetch_multiplier: u32,
    api_processes: u32,
}

/// Of these, the best is taken.
pub(crate) const SETTINGS: [Settings; 6] = [
    Settings::new("prefork", 2, 4, 1),
    Settings::new("prefork", 2, 64, 2),
    Settings::new("threads", 16, 4, 1),
    Settings::new("threads", 16, 4, 2),
    Settings::new("gevent", 64, 4, 1),
    Settings::new("gevent", 64, 4, 2),
];

impl Settings {
    const fn new(
        pool: &'static str,
        concurrency: u32,
        prefetch_multiplier: u32,
        api_processes: u32,
    ) -> Self {
        Self {
            pool,
            concurrency,
            prefetch_multiplier,
            api_processes,
        }
    }

    pub(crate) fn describe(&self) -> String {
        let Self {
            pool,
            concurrency,
            prefetch_multiplier,
            api_processes,
        } = self;
        format!("{pool} {concurrency}, prefetch x{prefetch_multiplier}, {api_processes} API")
    }
}

impl Celery {
    /// The one in the virtual environment in `folder`.
    pub(crate) fn at(folder: &Path) -> Self {
        Self {
            programs: folder.join("bin"),
        }
    }

    pub(crate) fn start(&self, servers: &Servers, settings: &Settings) -> anyhow::Result<Fleet> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut worker = self.program("celery", servers);
        worker
            .args(["--app", "jobs", "worker", "--loglevel", "ERROR"])
            .args(["--pool", settings.pool])
            .args(["--concurrency", &settings.concurrency.to_string()])
            .args([
                "--prefetch-multiplier",
                &settings.prefetch_multiplier.to_string(),
            ])
            .args([
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
            ])
            .stdout(std::process::Stdio::null());
        let mut api = self.program("uvicorn", servers);
        api.args(["api:app", "--port", &port.to_string()])
            .args(["--workers", &settings.api_processes.to_string()])
            .args(["--log-level", "warning", "--no-access-log"]);
        Ok(Fleet {
            endpoint: Endpoint {
                address: ([127, 0, 0, 1], port).into(),
                path: "/jobs",
                body: |text| json!({"text": text}).to_string(),
            },
            processes: vec![
                ("worker", Process::start(&mut worker)?),
                ("API", Process::start(&mut api)?),
            ],
        })
    }

    /// One line for each package that matters.
    pub(crate) fn versions(&self) -> anyhow::Result<String> {
        let asked = Command::new(self.programs.join("python"))
            .args(["-c", include_str!("../peers/celery/versions.py")])
            .output()?;
        anyhow::ensure!(
            asked.status.success(),
            "there is no Celery in {}",
            self.programs.display()
        );
        Ok(String::from_utf8(asked.stdout)?.trim().to_owned())
    }

    fn program(&self, name: &str, servers: &Servers) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/celery"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            // It warns of being root, as one is in a container.
            .env("PYTHONWARNINGS", "ignore")
            .env("BROKER_URL", servers.amqp.replace("%2f", "/"))
            .env("RESULTS_URL", &servers.redis);
        command
    }
}
