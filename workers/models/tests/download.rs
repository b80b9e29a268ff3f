//! Files by HTTP: resumed, checked, and never left wrong.

#![expect(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::{fs, net::TcpListener, os::unix::fs::symlink};

use support::{Answer, Notes, Request, Server, Workplace, asset, noise, pull, sha256, url_source};
use voicefleet_models::{Check, PullError, PullOptions, PullReport, SourceFailure};

const SIZE: usize = 200_000;

/// The failures of the only file that failed.
fn failures(error: PullError) -> Vec<SourceFailure> {
    match error {
        PullError::Files(mut files) if files.len() == 1 => {
            let attempts = files.remove(0).attempts.into_iter();
            attempts.map(|(_, failure)| failure).collect()
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_cut_download_goes_on_where_it_broke() {
    let content = noise(SIZE);
    let files: [(&str, &[u8]); 1] = [("big", &content)];
    let server = Server::start(&files, &[Answer::CutAt(SIZE / 2)]);
    let place = Workplace::new();
    let store = place.store(&[asset("a", &[url_source(&server)], &files)]);

    let report = pull(&store, &Notes::new(), &PullOptions::default())
        .await
        .unwrap();

    assert_eq!(fs::read(store.path("a/big")).unwrap(), content);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].from, None);
    assert_eq!(requests[1].from, Some(SIZE / 2));
    assert_eq!(
        report,
        PullReport {
            files: vec!["a/big".to_owned()],
            bytes_placed: SIZE as u64,
            bytes_fetched: SIZE as u64,
        }
    );
    assert!(!store.path("a/big.part").exists());
    assert!(!store.path(".downloads").exists());
}

#[tokio::test]
async fn what_an_interrupted_pull_has_brought_is_used_by_the_next() {
    let content = noise(SIZE);
    let files: [(&str, &[u8]); 1] = [("big", &content)];
    // The second connection brings nothing, so the pull gives up.
    let answers = [Answer::CutAt(70_000), Answer::CutAt(0)];
    let server = Server::start(&files, &answers);
    let place = Workplace::new();
    let store = place.store(&[asset("a", &[url_source(&server)], &files)]);

    let error = pull(&store, &Notes::new(), &PullOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(failures(error)[..], [SourceFailure::Broken(_)]));
    assert!(!store.path("a/big").exists());
    assert_eq!(
        fs::metadata(store.path("a/big.part")).unwrap().len(),
        70_000
    );

    let report = pull(&store, &Notes::new(), &PullOptions::default())
        .await
        .unwrap();
    assert_eq!(fs::read(store.path("a/big")).unwrap(), content);
    assert_eq!(report.bytes_fetched, (SIZE - 70_000) as u64);
    assert_eq!(server.requests()[2].from, Some(70_000));
}

#[tokio::test]
async fn a_server_without_ranges_is_asked_for_the_whole_file() {
    let content = noise(SIZE);
    let files: [(&str, &[u8]); 1] = [("big", &content)];
    let server = Server::start(&files, &[Answer::CutAt(SIZE / 2), Answer::NoRanges]);
    let place = Workplace::new();
    let store = place.store(&[asset("a", &[url_source(&server)], &files)]);

    pull(&store, &Notes::new(), &PullOptions::default())
        .await
        .unwrap();

    assert_eq!(fs::read(store.path("a/big")).unwrap(), content);
}

#[tokio::test]
async fn a_beginning_that_does_not_belong_to_the_file_is_thrown_away() {
    let content = noise(SIZE);
    let files: [(&str, &[u8]); 1] = [("big", &content)];
    let server = Server::start(&files, &[]);
    let place = Workplace::new();
    let store = place.store(&[asset("a", &[url_source(&server)], &files)]);
    fs::create_dir_all(store.path("a")).unwrap();
    fs::write(store.path("a/big.part"), vec![7; 1000]).unwrap();

    pull(&store, &Notes::new(), &PullOptions::default())
        .await
        .unwrap();

    assert_eq!(fs::read(store.path("a/big")).unwrap(), content);
    let from: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.from)
        .collect();
    assert_eq!(from, [Some(1000), None]);
}

#[tokio::test]
async fn wrong_content_is_named_and_not_kept() {
    let (right, wrong) = (noise(SIZE), vec![1; SIZE]);
    let server = Server::start(&[("big", &wrong)], &[]);
    let place = Workplace::new();
    let store = place.store(&[asset("a", &[url_source(&server)], &[("big", &right)])]);

    let error = pull(&store, &Notes::new(), &PullOptions::default())
        .await
        .unwrap_err();

    let text = error.to_string();
    for part in ["a/big", &server.url(), &sha256(&right), &sha256(&wrong)] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(fs::read_dir(store.path("a")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_file_of_another_size_is_refused_before_it_is_fetched() {
    let (right, wrong) = (noise(SIZE), noise(SIZE + 1));
    let server = Server::start(&[("big", &wrong)], &[]);
    let place = Workplace::new();
    let store = place.store(&[asset("a", &[url_source(&server)], &[("big", &right)])]);

    let error = pull(&store, &Notes::new(), &PullOptions::default())
        .await
        .unwrap_err();

    assert_eq!(
        failures(error),
        [SourceFailure::WrongSize {
            expected: SIZE as u64,
            found: SIZE as u64 + 1
        }]
    );
    assert!(!store.path("a/big.part").exists());
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_asked_once_and_the_next_source_takes_over() {
    let files: [(&str, &[u8]); 2] = [("one", b"1"), ("two", b"22")];
    let (dead, server) = (
        Server::start(&files, &[Answer::HangUp, Answer::HangUp]),
        Server::start(&files, &[]),
    );
    let place = Workplace::new();
    let sources = [url_source(&dead), url_source(&server)];
    let store = place.store(&[asset("a", &sources, &files)]);
    let notes = Notes::new();

    pull(&store, &notes, &PullOptions::default()).await.unwrap();

    assert_eq!(dead.requests().len(), 1);
    assert_eq!(server.requests().len(), 2);
    let notes = notes.all();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].contains(&dead.url()) && notes[0].contains("cannot be reached"),
        "{notes:?}"
    );
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_passed_over() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    let server = Server::start(&[("one", b"1")], &[]);
    let place = Workplace::new();
    let sources = [
        format!(r#"{{ kind = "url", url = "{nobody}/{{name}}" }}"#),
        url_source(&server),
    ];
    let store = place.store(&[asset("a", &sources, &[("one", b"1")])]);

    pull(&store, &Notes::new(), &PullOptions::default())
        .await
        .unwrap();

    assert!(store.installed("a"));
}

#[tokio::test]
async fn all_sources_are_named_when_none_has_the_file() {
    let server = Server::start(&[("big", b"x")], &[Answer::Status(503)]);
    let place = Workplace::new();
    let other = format!(r#"{{ kind = "url", url = "{}/nowhere" }}"#, server.url());
    let store = place.store(&[asset("a", &[url_source(&server), other], &[("big", b"x")])]);

    let error = pull(&store, &Notes::new(), &PullOptions::default())
        .await
        .unwrap_err();

    assert_eq!(
        failures(error),
        [SourceFailure::Status(503), SourceFailure::Status(404)]
    );
}

#[tokio::test]
async fn a_full_disk_is_called_that_and_no_other_source_is_tried() {
    let content = noise(SIZE);
    let files: [(&str, &[u8]); 1] = [("big", &content)];
    let server = Server::start(&files, &[]);
    let place = Workplace::new();
    let sources = [url_source(&server), url_source(&server)];
    let store = place.store(&[asset("a", &sources, &files)]);
    fs::create_dir_all(store.path("a")).unwrap();
    symlink("/dev/full", store.path("a/big.part")).unwrap();

    let error = pull(&store, &Notes::new(), &PullOptions::default())
        .await
        .unwrap_err();

    assert!(error.to_string().contains("a/big"), "{error}");
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn when_everything_is_there_nothing_is_touched() {
    let files: [(&str, &[u8]); 1] = [("small", b"abc")];
    let server = Server::start(&files, &[]);
    let place = Workplace::new();
    let store = place.store(&[asset("a", &[url_source(&server)], &files)]);
    fs::create_dir_all(store.path("a")).unwrap();
    fs::write(store.path("a/small"), "abc").unwrap();

    let report = pull(&store, &Notes::new(), &PullOptions::default())
        .await
        .unwrap();

    assert_eq!(report, PullReport::default());
    assert_eq!(server.requests(), []);
    assert!(!store.path(".lock").exists());
}

#[tokio::test]
async fn a_damaged_file_of_the_right_size_is_replaced_when_sums_are_checked() {
    let files: [(&str, &[u8]); 1] = [("small", b"abc")];
    let server = Server::start(&files, &[]);
    let place = Workplace::new();
    let store = place.store(&[asset("a", &[url_source(&server)], &files)]);
    fs::create_dir_all(store.path("a")).unwrap();
    fs::write(store.path("a/small"), "abd").unwrap();
    let options = PullOptions {
        check: Check::Sums,
        ..PullOptions::default()
    };

    pull(&store, &Notes::new(), &options).await.unwrap();

    assert_eq!(fs::read(store.path("a/small")).unwrap(), b"abc");
    assert_eq!(
        server.requests(),
        [Request {
            path: "/small".to_owned(),
            from: None
        }]
    );
}
