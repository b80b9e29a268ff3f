//! Threads that sleep while there is nothing to do.
//!
//! A pool that is made for much small work keeps its idle threads looking for more, which takes the
//! cores from everything else on the machine several times for each job. Here work is a chunk, and
//! nobody is in a hurry to find the next one.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

type Work = Box<dyn FnOnce() + Send>;

/// So many threads. Dropped, they end when they have done what they were given.
pub(crate) struct Threads {
    work: mpsc::Sender<Work>,
}

impl Threads {
    /// Starts them, named after `name`.
    pub(crate) fn start(name: &str, count: usize) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(receiver));
        for index in 0..count {
            let waiting = Arc::clone(&waiting);
            thread::Builder::new()
                .name(format!("{name}-{index}"))
                .spawn(move || while do_next(&waiting) {})?;
        }
        Ok(Self { work: sender })
    }

    /// Has `work` done by the first thread that is free; it must not panic. The caller bounds how much
    /// waits for one.
    pub(crate) fn give(&self, work: Work) {
        // The threads are there for as long as this is.
        let _ = self.work.send(work);
    }
}

/// Waits for work and does it; `false` when there will be no more. One thread waits at the channel, and
/// the others for its place.
fn do_next(waiting: &Mutex<mpsc::Receiver<Work>>) -> bool {
    let next = waiting
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv();
    let there_was = next.is_ok();
    if let Ok(work) = next {
        work();
    }
    there_was
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn they_work_side_by_side_and_end() {
        let threads = Threads::start("test", 3).expect("started");
        let (together, (done, all)) = (Arc::new(Barrier::new(3)), mpsc::channel::<()>());
        for _ in 0..6 {
            let (together, done) = (Arc::clone(&together), done.clone());
            threads.give(Box::new(move || {
                together.wait();
                drop(done);
            }));
        }
        drop((threads, done));
        assert!(
            all.recv_timeout(std::time::Duration::from_secs(30))
                == Err(mpsc::RecvTimeoutError::Disconnected)
        );
    }
}
