//! nginx from Debian's package, as its documentation has it for static files.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    SIZE, SPEECHES,
    server::{idle_memory, resident_of},
};

/// Two workers over a folder of speeches; gone when dropped.
pub(crate) struct Nginx {
    pub(crate) address: SocketAddr,
    process: Child,
    _folder: TempDir,
}

impl Nginx {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let place = folder.path();
        // Its workers are of another user.
        Command::new("chmod").arg("755").arg(place).status()?;
        for number in 0..SPEECHES {
            fs::write(place.join(format!("{number}.flac")), vec![b'x'; SIZE])?;
        }
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let root = place.display();
        let settings = format!(
            "daemon off; worker_processes auto; worker_rlimit_nofile 20000; pid {root}/pid;\n\
             error_log stderr crit;\n\
             events {{ worker_connections 12000; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;\n\
             keepalive_requests 1000000; types {{ audio/flac flac; }}\n\
             client_body_temp_path {root}/b; proxy_temp_path {root}/p; fastcgi_temp_path {root}/f;\n\
             uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;\n\
             open_file_cache max=100; \n\
             server {{ listen {address} backlog=4096; root {root}; }} }}\n"
        );
        let file = place.join("nginx.conf");
        fs::write(&file, settings)?;
        let process = Command::new("nginx")
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()?;
        let started = Self {
            address,
            process,
            _folder: folder,
        };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            anyhow::ensure!(began.elapsed() < Duration::from_secs(10), "nginx");
            #[expect(
                clippy::disallowed_methods,
                reason = "nginx does not tell when it listens"
            )]
            sleep(Duration::from_millis(20));
        }
        Ok(started)
    }

    pub(crate) fn memory_of_idle(&self, connections: usize) -> anyhow::Result<String> {
        idle_memory(self.address, connections, || resident_of(self.process.id()))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Asked to end, it ends its workers.
        let id = self.process.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.process.wait();
    }
}
