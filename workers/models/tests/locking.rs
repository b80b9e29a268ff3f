//! One pull at a time per folder.

#![expect(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::{
    fs::{self, File},
    time::Duration,
};

use support::{Notes, Server, Workplace, asset, noise, pull, url_source};
use voicefleet_models::{PullError, PullOptions};

#[tokio::test]
async fn of_two_pulls_at_once_one_fetches_and_both_are_content() {
    let content = noise(50_000);
    let files: [(&str, &[u8]); 1] = [("big", &content)];
    let server = Server::start(&files, &[]);
    let place = Workplace::new();
    // Two stores on one folder, as two processes have them: the lock is the file system's.
    let text = [asset("a", &[url_source(&server)], &files)];
    let stores = [place.store(&text), place.store(&text)];
    let (notes, options) = (Notes::new(), PullOptions::default());

    let (first, second) = tokio::join!(
        pull(&stores[0], &notes, &options),
        pull(&stores[1], &notes, &options)
    );

    let fetched = first.unwrap().files.len() + second.unwrap().files.len();
    assert_eq!(fetched, 1);
    assert_eq!(server.requests().len(), 1);
    assert!(notes.all()[0].contains("another process"));
}

#[tokio::test]
async fn a_lock_that_is_not_given_up_is_named_after_a_bounded_wait() {
    let files: [(&str, &[u8]); 1] = [("small", b"abc")];
    let server = Server::start(&files, &[]);
    let place = Workplace::new();
    let store = place.store(&[asset("a", &[url_source(&server)], &files)]);
    fs::create_dir_all(store.dir()).unwrap();
    fs::write(store.path(".lock"), "4711\n").unwrap();
    let held = File::open(store.path(".lock")).unwrap();
    held.lock().unwrap();
    let options = PullOptions {
        lock_wait: Duration::ZERO,
        ..PullOptions::default()
    };

    let error = pull(&store, &Notes::new(), &options).await.unwrap_err();

    assert!(
        matches!(
            error,
            PullError::Busy {
                holder: Some(4711),
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(server.requests(), []);
    drop(held);
    pull(&store, &Notes::new(), &options).await.unwrap();
    assert!(store.installed("a"));
}
