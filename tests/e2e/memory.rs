//! What nobody uses goes back to the system.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use tokio::process::Command;
use voicefleet_tests::program;

#[tokio::test]
async fn the_allocators_settings_are_compiled_in() {
    let program = program().expect("built");
    let ended = Command::new(program)
        .arg("--version")
        .env("MALLOC_CONF", "stats_print:true")
        .output();
    let ended = ended.await.expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    for setting in [
        "opt.narenas: 2",
        "opt.dirty_decay_ms: 1000",
        "opt.muzzy_decay_ms: 0",
        "opt.oversize_threshold: 0",
        "opt.background_thread: true",
    ] {
        assert!(said.contains(setting), "{setting} is not among:\n{said}");
    }
}
