//! Tier order under load.

use voicefleet_tests::id_of;

use crate::{JOE, fresh_server};

#[tokio::test]
async fn a_realtime_job_behind_fifty_batch_jobs_starts_next() {
    let (_data, server) = fresh_server(&["--piper-slots", "1"]).await;
    let client = server.client().expect("a client");
    let mut batch = Vec::new();
    for number in 0..50 {
        let text =
            format!("This is sentence number {number} of a long archive that nobody waits for.");
        let job = client
            .speak("piper", JOE, "batch", &text)
            .await
            .expect("accepted");
        batch.push(id_of(&job).expect("an id").to_owned());
    }
    let urgent = client
        .speak("piper", JOE, "realtime", "Are you ready?")
        .await
        .expect("accepted");
    let urgent = client
        .ended(id_of(&urgent).expect("an id"))
        .await
        .expect("ends");
    let (submitted, started) = (&urgent["created_at"], &urgent["started_at"]);
    let mut overtook = 0;
    for id in &batch {
        let job = client
            .get(&format!("/v1/jobs/{id}"))
            .await
            .expect("answer")
            .accepted()
            .expect("a job");
        // RFC 3339 in UTC with fixed digits sorts as text.
        let start = job["started_at"].as_str();
        let between = start > submitted.as_str() && start < started.as_str();
        assert!(
            !between,
            "{id} started between the submit and the start of the realtime job"
        );
        overtook += u32::from(start.is_none_or(|start| Some(start) > started.as_str()));
    }
    assert!(overtook >= 30, "the archive was still long: {overtook}");
    server.stop().await.expect("stops");
}
