//! Files by HTTP, resumed where they were cut off.

use std::{
    collections::HashMap,
    io,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use reqwest::{
    Client, Response, StatusCode,
    header::{CONTENT_RANGE, RANGE},
};
use tokio::{fs, io::AsyncWriteExt};

use super::error::SourceFailure;

/// A host that does not take a connection within this time is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that is silent for this long is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// A download goes on after this many cuts, as long as each connection brought something.
const MAX_CUTS: usize = 10;

/// An HTTP client that remembers which hosts did not answer.
pub(super) struct Http {
    client: Client,
    unreachable: Mutex<HashMap<String, String>>,
}

/// A file to be fetched.
#[derive(Clone, Copy)]
pub(super) struct Download<'a> {
    pub(super) url: &'a str,
    /// The size it must have, bytes.
    pub(super) size: u64,
    /// Where it goes; what is already there is its beginning.
    pub(super) part: &'a Path,
}

/// How one connection ended before the file was complete.
enum Interruption {
    /// After this many bytes.
    Cut { bytes: u64, why: String },
    /// The beginning that we have is not what the server has: start anew.
    Restart,
    /// For good.
    Failed(SourceFailure),
}

impl Http {
    pub(super) fn new() -> io::Result<Self> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .user_agent(concat!("voicefleet/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(io::Error::other)?;
        Ok(Self {
            client,
            unreachable: Mutex::default(),
        })
    }

    /// Completes the download's part file and returns the bytes that came over the network. Calls `on`
    /// with the bytes that are there.
    pub(super) async fn fetch(
        &self,
        download: Download<'_>,
        on: impl Fn(u64),
    ) -> Result<u64, SourceFailure> {
        let mut fetched = 0;
        let mut cuts = 0;
        loop {
            let have = usable_part(download).await?;
            if have == download.size {
                return Ok(fetched);
            }
            match self.connect(download, have, &on).await {
                Ok(bytes) => fetched += bytes,
                Err(Interruption::Cut { bytes, why }) => {
                    fetched += bytes;
                    cuts += 1;
                    if bytes == 0 || cuts > MAX_CUTS {
                        return Err(SourceFailure::Broken(why));
                    }
                }
                Err(Interruption::Restart) if have > 0 => {
                    fs::remove_file(download.part)
                        .await
                        .map_err(|error| disk(&error))?;
                }
                Err(Interruption::Restart) => {
                    return Err(SourceFailure::Broken(
                        "it answers with a wrong range".to_owned(),
                    ));
                }
                Err(Interruption::Failed(failure)) => return Err(failure),
            }
        }
    }

    /// One connection: everything from byte `have` on, appended to the part file.
    async fn connect(
        &self,
        download: Download<'_>,
        have: u64,
        on: &impl Fn(u64),
    ) -> Result<u64, Interruption> {
        let response = self
            .request(download.url, have)
            .await
            .map_err(Interruption::Failed)?;
        let from = first_byte(&response, have)?;
        if let Some(rest) = response.content_length()
            && from + rest != download.size
        {
            return Err(Interruption::Failed(SourceFailure::WrongSize {
                expected: download.size,
                found: from + rest,
            }));
        }
        append(response, download, from, on).await
    }

    async fn request(&self, url: &str, have: u64) -> Result<Response, SourceFailure> {
        let host = host_of(url);
        self.check_reachable(&host)?;
        let mut request = self.client.get(url);
        if have > 0 {
            request = request.header(RANGE, format!("bytes={have}-"));
        }
        request.send().await.map_err(|error| {
            let why = reason(&error);
            self.remember_unreachable(&host, &why);
            SourceFailure::Unreachable { host, why }
        })
    }

    fn check_reachable(&self, host: &str) -> Result<(), SourceFailure> {
        let unreachable = self
            .unreachable
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match unreachable.get(host) {
            None => Ok(()),
            Some(why) => Err(SourceFailure::Unreachable {
                host: host.to_owned(),
                why: why.clone(),
            }),
        }
    }

    fn remember_unreachable(&self, host: &str, why: &str) {
        let mut unreachable = self
            .unreachable
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        unreachable.insert(host.to_owned(), why.to_owned());
    }
}

/// Bytes of the part file that can be built on.
async fn usable_part(download: Download<'_>) -> Result<u64, SourceFailure> {
    match fs::metadata(download.part).await {
        Ok(metadata) if metadata.len() <= download.size => Ok(metadata.len()),
        Ok(_) => {
            fs::remove_file(download.part)
                .await
                .map_err(|error| disk(&error))?;
            Ok(0)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(disk(&error)),
    }
}

/// Where the response's body begins: at `have`, or at 0 if the server knows no ranges.
fn first_byte(response: &Response, have: u64) -> Result<u64, Interruption> {
    match response.status() {
        StatusCode::OK => Ok(0),
        StatusCode::PARTIAL_CONTENT if range_start(response) == Some(have) => Ok(have),
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
            Err(Interruption::Restart)
        }
        status => Err(Interruption::Failed(SourceFailure::Status(status.as_u16()))),
    }
}

/// The 5 of `Content-Range: bytes 5-9/10`.
fn range_start(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range
        .strip_prefix("bytes ")?
        .split('-')
        .next()?
        .parse()
        .ok()
}

async fn append(
    mut response: Response,
    download: Download<'_>,
    from: u64,
    on: &impl Fn(u64),
) -> Result<u64, Interruption> {
    let local = |error: io::Error| Interruption::Failed(disk(&error));
    let mut options = fs::OpenOptions::new();
    options
        .create(true)
        .append(from > 0)
        .write(true)
        .truncate(from == 0);
    let mut part = options.open(download.part).await.map_err(local)?;
    let mut there = from;
    let ended = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                there += chunk.len() as u64;
                if there > download.size {
                    break Err(Interruption::Failed(SourceFailure::WrongSize {
                        expected: download.size,
                        found: there,
                    }));
                }
                part.write_all(&chunk).await.map_err(local)?;
                on(there);
            }
            Ok(None) if there == download.size => break Ok(()),
            Ok(None) => {
                break Err(cut(there - from, "it ended too early".to_owned()));
            }
            Err(error) => break Err(cut(there - from, reason(&error))),
        }
    };
    part.flush().await.map_err(local)?;
    ended.map(|()| there - from)
}

fn cut(bytes: u64, why: String) -> Interruption {
    Interruption::Cut { bytes, why }
}

fn disk(error: &io::Error) -> SourceFailure {
    SourceFailure::disk(error)
}

/// Host and port of an address.
pub(super) fn host_of(url: &str) -> String {
    let parsed = reqwest::Url::parse(url).ok();
    let host = parsed.as_ref().and_then(|url| {
        let host = url.host_str()?;
        Some(
            url.port()
                .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
        )
    });
    host.unwrap_or_else(|| url.to_owned())
}

/// The innermost cause, which is the one that says something.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
