//! Many who hold a connection open do not keep others out.

use tokio::net::TcpStream;
use voicefleet_tests::Server;

/// Fewer files than a system lets a process open; more connections than that.
const OPEN_FILES: u32 = 200;
const CONNECTIONS: usize = 400;

#[tokio::test]
async fn a_low_limit_of_open_files_is_raised() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start_with_descriptors(data.path(), OPEN_FILES).await;
    let server = server.expect("a server");
    let address = server.base().trim_start_matches("http://").to_owned();
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        held.push(TcpStream::connect(&address).await.expect("connected"));
    }
    let client = server.client().expect("a client");
    assert_eq!(client.get("/readyz").await.expect("an answer").status, 200);
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.pid().expect("runs")));
    assert!(open.expect("its files").count() > CONNECTIONS);
    server.stop().await.expect("stops");
}
