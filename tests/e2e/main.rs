//! End to end: each module is one promise to a user, kept by the real program with real models.

mod arrows;
mod audio_files;
mod bad_input;
mod connections;
mod crash;
mod devices;
mod jobs_command;
mod live;
mod memory;
mod metrics;
mod quiet;
mod round_trip;
mod single_flight;
mod stop;
mod streaming;
mod tiers;

use tempfile::TempDir;
use voicefleet_tests::Server;

/// The Piper voice of the tests.
const JOE: &str = "en_US-joe-medium";

/// A server over an empty data folder, which lives as long as the first value.
async fn fresh_server(flags: &[&str]) -> (TempDir, Server) {
    let data = tempfile::tempdir().expect("a folder for data");
    let server = Server::start(data.path(), flags).await.expect("a server");
    (data, server)
}
