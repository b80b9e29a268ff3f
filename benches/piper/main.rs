//! Piper as a server: ours beside piper-tts's own, with the same voice and texts, each text a new one.
//!
//! One client and then a crowd, in turn on the one server and the other; CPU seconds of the server and
//! wall time, both for a second of audio, and what is resident after many requests.

#[path = "../overhead/http.rs"]
mod http;
mod options;
mod rounds;
mod server;
mod texts;

use clap::Parser;

use crate::options::Options;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    tokio::select! {
        measured = rounds::run(&options) => measured,
        // Whatever was started ends with what is dropped here.
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}
