//! A real cluster: RabbitMQ, Redis, API servers and workers as processes of their own, all joined by
//! links that can be cut.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context;
use tempfile::TempDir;
use tokio::task::spawn_blocking;
use voicefleet_testkit::servers::{Link, RabbitServer, RedisServer};

use crate::Server;

/// The servers and the links to them. API servers and workers are started over it.
pub struct Cluster {
    // Taken while it is restarted.
    rabbit: Option<RabbitServer>,
    redis: Option<RedisServer>,
    rabbit_link: Link,
    redis_link: Link,
    logs: TempDir,
    started: usize,
    settings: Vec<(String, String)>,
}

impl Cluster {
    /// Starts the servers.
    ///
    /// # Errors
    /// If one of them does not come up.
    pub async fn start() -> anyhow::Result<Self> {
        let (rabbit, redis) = tokio::try_join!(
            spawn_blocking(RabbitServer::start),
            spawn_blocking(RedisServer::start),
        )?;
        let (rabbit, redis) = (rabbit?, redis?);
        Ok(Self {
            rabbit_link: Link::to(rabbit.port()).await?,
            redis_link: Link::to(redis.port()).await?,
            rabbit: Some(rabbit),
            redis: Some(redis),
            logs: tempfile::tempdir()?,
            started: 0,
            settings: Vec::new(),
        })
    }

    /// A setting, under its name in the configuration file, of every process that is started from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        let variable = format!("VOICEFLEET_{}", name.to_uppercase());
        self.settings.push((variable, value.to_owned()));
    }

    /// Another API server.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn api(&mut self) -> anyhow::Result<Server> {
        self.process(&["api"], "api").await
    }

    /// Another worker, for engines that are separated by commas.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn worker(&mut self, engines: &str) -> anyhow::Result<Server> {
        self.process(&["worker", "--engine", engines], "worker")
            .await
    }

    /// A supervisor, which starts and stops workers by itself.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn supervisor(&mut self) -> anyhow::Result<Server> {
        self.process(&["supervise"], "supervisor").await
    }

    /// Another replica of the scaler; its metrics are at its address.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn scaler(&mut self) -> anyhow::Result<Server> {
        self.set("scaler_listen", "127.0.0.1:0");
        self.process(&["scaler"], "scaler").await
    }

    /// Messages of all queues by the broker's own count: ready, and with a consumer.
    ///
    /// # Errors
    /// If the broker does not say.
    pub fn broker_counts(&self) -> anyhow::Result<BTreeMap<String, (u64, u64)>> {
        Ok(self.rabbit.as_ref().context("it runs")?.counts()?)
    }

    /// Another worker, as process 1.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn worker_as_process_1(&mut self, engines: &str) -> anyhow::Result<Server> {
        let settings = self.urls().into_iter().chain(self.settings.clone());
        let settings: Vec<_> = settings.collect();
        Server::start_as_process_1(&["worker", "--engine", engines], &settings).await
    }

    async fn process(&mut self, role: &[&str], name: &str) -> anyhow::Result<Server> {
        self.started += 1;
        let log = self.logs.path().join(format!("{name}-{}", self.started));
        let settings = self.urls().into_iter().chain(self.settings.clone());
        let settings: Vec<_> = settings.collect();
        Server::start_role(role, &settings, Some(&log)).await
    }

    /// Where its servers are, through the links, as environment variables.
    pub fn urls(&self) -> [(String, String); 2] {
        let amqp = format!(
            "amqp://guest:guest@127.0.0.1:{}/%2f",
            self.rabbit_link.port()
        );
        let redis = format!("redis://127.0.0.1:{}", self.redis_link.port());
        [
            ("VOICEFLEET_AMQP_URL".to_owned(), amqp),
            ("VOICEFLEET_REDIS_URL".to_owned(), redis),
        ]
    }

    /// What every worker that was ever started has logged.
    ///
    /// # Errors
    /// If a log cannot be read.
    pub fn worker_logs(&self) -> anyhow::Result<String> {
        self.logs_of("worker")
    }

    /// What every API server has logged.
    ///
    /// # Errors
    /// If a log cannot be read.
    pub fn api_logs(&self) -> anyhow::Result<String> {
        self.logs_of("api")
    }

    fn logs_of(&self, name: &str) -> anyhow::Result<String> {
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(self.logs.path())? {
            files.push(entry?.path());
        }
        files.sort();
        let is_its = |file: &&PathBuf| file_name(file).starts_with(name);
        let texts = files.iter().filter(is_its).map(std::fs::read_to_string);
        Ok(texts.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// Kills RabbitMQ and starts it over its data.
    ///
    /// # Errors
    /// If it does not come up again.
    pub async fn restart_rabbitmq(&mut self) -> anyhow::Result<()> {
        let mut rabbit = self.rabbit.take().context("it runs")?;
        let again = spawn_blocking(move || rabbit.crash_and_start().map(|()| rabbit));
        self.rabbit = Some(again.await??);
        Ok(())
    }

    /// Kills Redis and starts it over its data.
    ///
    /// # Errors
    /// If it does not come up again.
    pub async fn restart_redis(&mut self) -> anyhow::Result<()> {
        let mut redis = self.redis.take().context("it runs")?;
        let again = spawn_blocking(move || redis.crash_and_start().map(|()| redis));
        self.redis = Some(again.await??);
        Ok(())
    }

    /// The link to RabbitMQ.
    pub fn rabbit_link(&self) -> &Link {
        &self.rabbit_link
    }

    /// The link to Redis.
    pub fn redis_link(&self) -> &Link {
        &self.redis_link
    }
}

fn file_name(file: &Path) -> &str {
    file.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("")
}
