//! Redis from the distribution's package `redis-server`.

use std::{
    io::{self, BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use tempfile::TempDir;

use super::free_port;

/// What it logs once it answers.
const READY: &str = "Ready to accept connections";
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that writes down what it answers before it does (append-only file); killed, and its data
/// removed, when dropped.
pub struct RedisServer {
    process: Child,
    data: TempDir,
    port: u16,
}

impl RedisServer {
    /// Starts a server and waits until it answers. Blocks.
    ///
    /// # Errors
    /// If the package is not installed, or the server ends or says nothing in time.
    pub fn start() -> io::Result<Self> {
        let (data, port) = (tempfile::tempdir()?, free_port()?);
        let process = spawn(&data, port)?;
        Ok(Self {
            process,
            data,
            port,
        })
    }

    /// `kill -9`, and a start over the same data. Blocks until it answers again.
    ///
    /// # Errors
    /// If it cannot be killed or does not come up.
    pub fn crash_and_start(&mut self) -> io::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        self.process = spawn(&self.data, self.port)?;
        Ok(())
    }

    /// Its port on the loopback interface.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The id of its process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(data: &TempDir, port: u16) -> io::Result<Child> {
    let mut process = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "yes"])
        .arg("--dir")
        .arg(data.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let ready = wait_until_ready(&mut process);
    if ready.is_err() {
        let _ = process.kill();
        let _ = process.wait();
    }
    ready.map(|()| process)
}

fn wait_until_ready(process: &mut Child) -> io::Result<()> {
    let Some(output) = process.stdout.take() else {
        return Err(io::Error::other("the log is not read"));
    };
    let (said, heard) = mpsc::channel();
    thread::spawn(move || {
        // Read to the end, so that the server never waits for a reader.
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line.contains(READY) {
                let _ = said.send(());
            }
        }
    });
    let ready = heard.recv_timeout(PATIENCE);
    ready.map_err(|_| io::Error::other("Redis did not come up"))
}
