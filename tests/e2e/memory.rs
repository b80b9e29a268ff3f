//! What nobody uses goes back to the system.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use voicefleet_tests::run_program_with;

#[tokio::test]
async fn the_allocators_settings_are_compiled_in() {
    let printing = [("MALLOC_CONF", "stats_print:true")];
    let ended = run_program_with(&printing, &["--version"]).await;
    let said = ended.expect("it ends").err;
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
