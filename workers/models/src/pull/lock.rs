//! One pull at a time per models folder.

use std::{
    fs::{self, File, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::error::PullError;
use crate::progress::{Event, Progress};

/// How often a held lock is looked at again.
const POLL: Duration = Duration::from_millis(200);

/// The lock, held until it is dropped or the process ends.
pub(super) struct FolderLock {
    _file: File,
}

/// Creates the folder if need be and waits for its lock, for at most `wait`.
pub(super) async fn acquire(
    dir: &Path,
    wait: Duration,
    progress: &dyn Progress,
) -> Result<FolderLock, PullError> {
    let folder_error = |error| PullError::folder(dir, error);
    let mut file = open(dir).map_err(folder_error)?;
    let begin = Instant::now();
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(folder_error(error)),
            Err(TryLockError::WouldBlock) => {}
        }
        let holder = read_holder(&mut file);
        if begin.elapsed() >= wait {
            return Err(PullError::Busy {
                dir: dir.to_owned(),
                holder,
                waited: wait,
            });
        }
        if !std::mem::replace(&mut told, true) {
            tell(dir, wait, holder, progress);
        }
        sleep(POLL).await;
    }
    write_holder(&mut file).map_err(folder_error)?;
    Ok(FolderLock { _file: file })
}

fn open(dir: &Path) -> std::io::Result<File> {
    fs::create_dir_all(dir)?;
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(dir.join(".lock"))
}

fn tell(dir: &Path, wait: Duration, holder: Option<u32>, progress: &dyn Progress) {
    let holder = holder.map(|pid| format!(" ({pid})")).unwrap_or_default();
    let text = format!(
        "another process{holder} is pulling into {}; waiting for it, {} s at most",
        dir.display(),
        wait.as_secs()
    );
    progress.on(Event::Note { text: &text });
}

/// The process that holds the lock has written its id into the file.
fn read_holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}
