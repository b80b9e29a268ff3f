//! SIGTERM and SIGINT.

use std::{io::stdin, os::fd::AsFd};

use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    signal::unix::{Signal, SignalKind, signal},
};

/// The signals that ask the program to stop, heard from the moment this is made. As process 1, which has
/// no default for them, the program would not end at all by those that come before.
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    /// Standard input, which whoever started the program keeps open for as long as it looks after it.
    leash: Option<pipe::Receiver>,
}

impl StopSignals {
    /// With a leash, the end of standard input is a signal as well.
    pub(crate) fn listen(on_a_leash: bool) -> std::io::Result<Self> {
        let leash = || pipe::Receiver::from_owned_fd(stdin().as_fd().try_clone_to_owned()?);
        Ok(Self {
            leash: on_a_leash.then(leash).transpose()?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = end_of(&mut self.leash) => {}
        }
    }
}

/// Once; there is no second end.
async fn end_of(leash: &mut Option<pipe::Receiver>) {
    let Some(pipe) = leash else {
        return std::future::pending().await;
    };
    // Whatever is written there means nothing.
    while pipe.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
    *leash = None;
}
