//! RabbitMQ from the distribution's package `rabbitmq-server`.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::free_port;

const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// Asks a broker about itself.
const CONTROL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";
/// What it prints when it serves.
const READY: &str = "Starting broker... completed";
/// It takes about 20 s on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// A broker of one node; killed, and its data removed, when dropped.
pub struct RabbitServer {
    broker: Child,
    /// Erlang's port mapper, which each node asks for the others. Ours, so that it ends with us.
    mapper: Child,
    place: Place,
}

/// What stays the same when the broker is started again.
struct Place {
    data: TempDir,
    port: u16,
    mapper_port: u16,
    distribution_port: u16,
}

impl RabbitServer {
    /// Starts a broker and waits until it serves. Blocks for some seconds.
    ///
    /// # Errors
    /// If the package is not installed, or the broker ends or says nothing for two minutes.
    pub fn start() -> io::Result<Self> {
        let place = Place {
            data: tempfile::tempdir()?,
            port: free_port()?,
            mapper_port: free_port()?,
            distribution_port: free_port()?,
        };
        let mapper = Command::new("epmd")
            .args(["-address", "127.0.0.1"])
            .args(["-port", &place.mapper_port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        // A broker to which none answers starts a mapper of its own, which outlives it.
        wait_until_it_answers(place.mapper_port)?;
        let broker = place.command().spawn()?;
        let mut server = Self {
            broker,
            mapper,
            place,
        };
        wait_until_ready(&mut server.broker)?;
        Ok(server)
    }

    /// `kill -9`, and a start over the same data. Blocks until it serves again.
    ///
    /// # Errors
    /// If it cannot be killed or does not come up.
    pub fn crash_and_start(&mut self) -> io::Result<()> {
        self.broker.kill()?;
        self.broker.wait()?;
        self.broker = self.place.command().spawn()?;
        wait_until_ready(&mut self.broker)
    }

    /// Messages in each queue by the broker's own count: ready, and with a consumer. Takes some seconds.
    ///
    /// # Errors
    /// If the broker does not answer its own tool.
    pub fn counts(&self) -> io::Result<BTreeMap<String, (u64, u64)>> {
        let columns = ["name", "messages_ready", "messages_unacknowledged"];
        let said =
            self.control(&[&["list_queues", "--no-table-headers"], &columns[..]].concat())?;
        let counts: Option<_> = said.lines().map(count_of).collect();
        counts.ok_or_else(|| io::Error::other(format!("the broker's tool: {said}")))
    }

    /// Lets the broker find that it has too little memory, and read from whoever publishes no more; or that it has enough again.
    /// Takes some seconds.
    ///
    /// # Errors
    /// If the broker does not answer its own tool.
    pub fn short_of_memory(&self, is_short: bool) -> io::Result<()> {
        let share = if is_short { "0.000001" } else { "0.8" };
        self.control(&["set_vm_memory_high_watermark", share])
            .map(drop)
    }

    /// Takes from its user the right to publish. Takes some seconds.
    ///
    /// # Errors
    /// If the broker does not answer its own tool.
    pub fn forbid_publishing(&self) -> io::Result<()> {
        self.control(&["set_permissions", "guest", ".*", "^$", ".*"])
            .map(drop)
    }

    fn control(&self, command: &[&str]) -> io::Result<String> {
        let asked = Command::new(CONTROL)
            .env("HOME", self.place.data.path())
            .env("ERL_EPMD_PORT", self.place.mapper_port.to_string())
            .args(["--quiet", "--node", &self.place.node()])
            .args(command)
            .output()?;
        if !asked.status.success() {
            return Err(io::Error::other(format!("the broker's tool: {asked:?}")));
        }
        Ok(String::from_utf8_lossy(&asked.stdout).into_owned())
    }

    /// Its port on the loopback interface.
    pub fn port(&self) -> u16 {
        self.place.port
    }

    /// The id of the broker's process.
    pub fn process_id(&self) -> u32 {
        self.broker.id()
    }

    /// Its address, with the user and virtual host that are there from the start.
    pub fn url(&self) -> String {
        self.url_at(self.place.port)
    }

    /// The address that it has behind a link that listens at `port`.
    pub fn url_at(&self, port: u16) -> String {
        format!("amqp://guest:guest@127.0.0.1:{port}/%2f")
    }
}

impl Drop for RabbitServer {
    fn drop(&mut self) {
        for process in [&mut self.broker, &mut self.mapper] {
            // It may have ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A line of three columns, divided by tabs.
fn count_of(line: &str) -> Option<(String, (u64, u64))> {
    let mut columns = line.split('\t');
    let name = columns.next()?.to_owned();
    let mut number = || columns.next()?.parse().ok();
    Some((name, (number()?, number()?)))
}

impl Place {
    fn node(&self) -> String {
        format!("test{}@localhost", self.port)
    }

    fn command(&self) -> Command {
        let file = |name: &str| self.data.path().join(name).into_os_string();
        let mut command = Command::new(PROGRAM);
        command
            .env("HOME", self.data.path())
            // The script becomes the broker instead of watching over it, so that its id is the broker's.
            .env("RUNNING_UNDER_SYSTEMD", "1")
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.mapper_port.to_string())
            .env("RABBITMQ_NODENAME", self.node())
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
            .env("RABBITMQ_MNESIA_BASE", file("mnesia"))
            .env("RABBITMQ_LOG_BASE", file("log"))
            .env("RABBITMQ_CONFIG_FILE", file("rabbitmq"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins"))
            .env("RABBITMQ_PID_FILE", file("pid"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1}",
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
    }
}

/// Asks it for the names that it has, over and over.
fn wait_until_it_answers(mapper_port: u16) -> io::Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let asked = Command::new("epmd")
            .args(["-port", &mapper_port.to_string(), "-names"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if asked.success() {
            return Ok(());
        }
    }
    Err(io::Error::other("Erlang's port mapper did not come up"))
}

fn wait_until_ready(broker: &mut Child) -> io::Result<()> {
    let Some(output) = broker.stdout.take() else {
        return Err(io::Error::other("the broker's output is not read"));
    };
    let (said, heard) = mpsc::channel();
    thread::spawn(move || {
        // Read to the end, so that the broker never waits for a reader.
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line.contains(READY) {
                let _ = said.send(());
            }
        }
    });
    heard.recv_timeout(PATIENCE).map_err(|_| {
        let _ = broker.kill();
        io::Error::other("RabbitMQ did not come up")
    })
}
