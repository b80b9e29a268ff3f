//! What an operator types when jobs have failed, against the real server.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;
use voicefleet_testkit::{model_file, models_dir};
use voicefleet_tests::{Said, Server, id_of, run_program};

use crate::{JOE, fresh_server};

const NOBODY: &str = "ff935d2e-0000-7000-8000-000000000001";

async fn jobs(server: &Server, arguments: &[&str]) -> Said {
    let all = [&["jobs", "--url", server.base()], arguments].concat();
    run_program(&all).await.expect("the command ends")
}

/// What a command says that does all it was asked to.
async fn done(server: &Server, arguments: &[&str]) -> String {
    let said = jobs(server, arguments).await;
    assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
    said.out
}

/// The models, with the weights of Joe damaged.
struct DamagedModels {
    folder: TempDir,
    weights: PathBuf,
    intact: PathBuf,
}

impl DamagedModels {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let joe = folder.path().join("piper").join(JOE);
        fs::create_dir_all(&joe).expect("a folder");
        link_all(&models_dir(), folder.path());
        let intact = model_file(&format!("piper/{JOE}/{JOE}.onnx"));
        link_all(intact.parent().expect("a folder"), &joe);
        let weights = joe.join(format!("{JOE}.onnx"));
        fs::remove_file(&weights).expect("it was linked");
        // As long as it should be, which is all that is looked at without hashing it.
        let size = fs::metadata(&intact).expect("it is there").len();
        let damaged = File::create(&weights).expect("a file");
        damaged.set_len(size).expect("as long");
        Self {
            folder,
            weights,
            intact,
        }
    }

    fn repair(&self) {
        fs::remove_file(&self.weights).expect("it is there");
        symlink(&self.intact, &self.weights).expect("linked");
    }
}

/// Links what is in one folder into another, unless it has something of that name.
fn link_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let link = to.join(entry.file_name());
        if !link.exists() {
            symlink(entry.path(), link).expect("linked");
        }
    }
}

#[tokio::test]
async fn a_failed_job_is_found_understood_and_done_once_the_cause_is_gone() {
    let models = DamagedModels::new();
    let folder = models.folder.path().to_str().expect("a path");
    let flags = [
        "--models",
        folder,
        "--max-attempts",
        "1",
        "--piper-slots",
        "1",
    ];
    let (_data, server) = fresh_server(&flags).await;
    let client = server.client().expect("a client");
    let job = client
        .speak("piper", JOE, "batch", "Is anybody there?")
        .await;
    let job = job.expect("accepted");
    let failed = id_of(&job).expect("an id");
    client.ended(failed).await.expect("ended");

    let list = done(&server, &["list", "--status", "failed", "--tier", "batch"]).await;
    assert!(list.starts_with("id ") && list.contains(failed), "{list}");
    let list = done(&server, &["list", "--status", "succeeded"]).await;
    assert!(!list.contains(failed), "{list}");
    let shown = done(&server, &["show", failed]).await;
    assert!(shown.contains("model_load_failed"), "{shown}");
    let json: Value = serde_json::from_str(&done(&server, &["show", failed, "--json"]).await)
        .expect("the job object");
    assert_eq!(json["id"], failed);
    let dead = done(&server, &["dead"]).await;
    assert!(
        dead.contains(failed) && dead.contains("model_load_failed"),
        "{dead}"
    );

    models.repair();
    let again = done(&server, &["retry", failed]).await;
    let wav = client.result(again.trim()).await.expect("spoken");
    assert!(wav.starts_with(b"RIFF"));
    // With one slot, the failed job's message was set aside before the new job could begin.
    let dead = done(&server, &["dead"]).await;
    let lane: Vec<&str> = dead
        .lines()
        .last()
        .expect("a lane")
        .split_whitespace()
        .collect();
    assert_eq!(lane, ["piper", "batch", "1"]);
    let all_again = done(&server, &["dead", "--retry"]).await;
    assert!(
        all_again.starts_with(&format!("{failed} -> ")),
        "{all_again}"
    );

    let asked = jobs(&server, &["purge", "piper"]).await;
    assert!(
        asked.code == Some(1) && asked.err.contains("1 dead letters of piper"),
        "{asked:?}"
    );
    let other_tier = ["purge", "piper", "--tier", "realtime", "--yes"];
    assert_eq!(
        done(&server, &other_tier).await,
        "0 dead letters of piper, realtime are removed.\n"
    );
    let purged = done(&server, &["purge", "piper", "--yes"]).await;
    assert_eq!(purged, "1 dead letters of piper are removed.\n");
    let dead = done(&server, &["dead"]).await;
    assert!(
        dead.contains(failed) && dead.ends_with("No dead letters.\n"),
        "{dead}"
    );
    server.stop().await.expect("stops");
}

#[tokio::test]
async fn what_is_withdrawn_can_be_asked_for_again() {
    let (_data, server) = fresh_server(&[]).await;
    let client = server.client().expect("a client");
    let long = "This sentence is one of very many. ".repeat(500);
    let job = client.speak("piper", JOE, "batch", &long).await;
    let job = job.expect("accepted");
    let id = id_of(&job).expect("an id");
    let cancelled = done(&server, &["cancel", id]).await;
    assert_eq!(cancelled, format!("{id} is cancelled\n"));
    let again = done(&server, &["retry", id]).await;
    assert_ne!(again.trim(), id);
    let cancelled = done(&server, &["cancel", again.trim(), id]).await;
    assert_eq!(
        cancelled,
        format!("{} is cancelled\n{id} is cancelled\n", again.trim())
    );
    server.stop().await.expect("stops");
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_a_sentence() {
    let (_data, server) = fresh_server(&[]).await;
    let client = server.client().expect("a client");
    let job = client.speak("piper", JOE, "realtime", "Hello.").await;
    let job = job.expect("accepted");
    let id = id_of(&job).expect("an id");
    client.result(id).await.expect("spoken");
    let cases: [(&[&str], i32, &str); 9] = [
        (&["show", NOBODY], 1, "there is no job ff935d2e"),
        (&["cancel", NOBODY, id], 1, "there is no job ff935d2e"),
        (&["retry", id], 1, "the job is succeeded"),
        (&["retry"], 2, "<ID>..."),
        (&["show", "42"], 2, "not a job id"),
        (&["list", "--status", "done"], 2, "unknown status 'done'"),
        (&["list", "--limit", "0"], 2, "0 is not in 1.."),
        (
            &["purge", "festival", "--yes"],
            1,
            "there is no engine 'festival'",
        ),
        (&["purge", "festival"], 1, "no engine 'festival'"),
    ];
    for (arguments, code, sentence) in cases {
        let said = jobs(&server, arguments).await;
        assert!(
            said.code == Some(code) && said.err.contains(sentence),
            "{arguments:?}: {said:?}"
        );
    }
    // The rest of what was asked for is done all the same.
    let said = jobs(&server, &["cancel", NOBODY, id]).await;
    assert_eq!(said.out, format!("{id} is succeeded\n"));

    let url = server.base().to_owned();
    server.stop().await.expect("stops");
    for (url, sentence) in [
        (url.as_str(), "no server answers at http://127.0.0.1:"),
        ("localhost:8080", "'localhost:8080' is no address"),
    ] {
        let said = run_program(&["jobs", "list", "--url", url]).await;
        let said = said.expect("the command ends");
        assert!(
            said.code == Some(1) && said.err.contains(sentence),
            "{said:?}"
        );
    }
}
