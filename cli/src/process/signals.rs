//! SIGTERM and SIGINT.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for the next signal that asks the program to stop.
pub(super) async fn first() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
