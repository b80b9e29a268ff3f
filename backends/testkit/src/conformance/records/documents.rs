//! Small documents beside the jobs.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use voicefleet_core::ports::{
    Collection, Document, DocumentError, DocumentRange, DocumentWrite, Documents, Precondition,
};

use super::{RecordsBench, fresh};
use crate::conformance::{Reopen, within_patience};

const KEYS: Collection = Collection::Keys;

fn write(id: &str, body: &str, only_if: Precondition) -> DocumentWrite {
    DocumentWrite {
        collection: KEYS,
        id: id.to_owned(),
        body: body.to_owned(),
        ttl: None,
        only_if,
    }
}

async fn put(documents: &Arc<dyn Documents>, id: &str, body: &str) -> u64 {
    let written = documents.put(write(id, body, Precondition::None)).await;
    written.expect("written")
}

async fn body_of(documents: &Arc<dyn Documents>, id: &str) -> Option<String> {
    let found = documents.get(KEYS, id).await.expect("answered");
    found.map(|document| document.body)
}

async fn ids(
    documents: &Arc<dyn Documents>,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Vec<String> {
    let range = DocumentRange {
        prefix: prefix.to_owned(),
        after: after.map(str::to_owned),
        limit,
    };
    let found = documents.list(KEYS, &range).await.expect("answered");
    found.into_iter().map(|document| document.id).collect()
}

/// In its collection only, whatever is in it.
pub async fn a_document_is_what_was_written_last<B: RecordsBench>() {
    let (bench, ..) = fresh::<B>().await;
    let documents = bench.documents();
    assert_eq!(documents.get(KEYS, "a").await, Ok(None));
    let odd = "ä {\"x\": \"\u{0}%s;\\n\"} \u{1f600}";
    let first = put(&documents, "a", "one").await;
    let second = put(&documents, "a", odd).await;
    assert_ne!(first, second);
    let now = Document {
        id: "a".to_owned(),
        version: second,
        body: odd.to_owned(),
    };
    assert_eq!(documents.get(KEYS, "a").await, Ok(Some(now)));
    assert_eq!(documents.get(Collection::Batches, "a").await, Ok(None));
    let deleted = documents.delete(KEYS, "a", Precondition::None).await;
    assert_eq!(deleted, Ok(true));
    assert_eq!(body_of(&documents, "a").await, None);
    let again = documents.delete(KEYS, "a", Precondition::None).await;
    assert_eq!(again, Ok(false));
}

/// The version of a document that was deleted does not come back either.
pub async fn a_document_is_changed_only_if_the_condition_holds<B: RecordsBench>() {
    let (bench, ..) = fresh::<B>().await;
    let documents = bench.documents();
    let try_put = |body: &str, only_if| {
        let (documents, write) = (Arc::clone(&documents), write("a", body, only_if));
        async move { documents.put(write).await }
    };
    let conflict = Err(DocumentError::Conflict);
    assert_eq!(try_put("x", Precondition::Version(1)).await, conflict);
    let first = try_put("one", Precondition::Absent).await.expect("written");
    assert_eq!(try_put("x", Precondition::Absent).await, conflict);
    let second = try_put("two", Precondition::Version(first)).await;
    let second = second.expect("written");
    assert_eq!(try_put("x", Precondition::Version(first)).await, conflict);
    let stale = documents
        .delete(KEYS, "a", Precondition::Version(first))
        .await;
    assert_eq!(stale, Err(DocumentError::Conflict));
    assert_eq!(body_of(&documents, "a").await.as_deref(), Some("two"));
    let deleted = documents
        .delete(KEYS, "a", Precondition::Version(second))
        .await;
    assert_eq!(deleted, Ok(true));
    let third = try_put("three", Precondition::Absent)
        .await
        .expect("written");
    assert!(third != first && third != second);
}

/// So that of two who both saw it absent one is told.
pub async fn of_racing_writers_one_makes_the_document<B: RecordsBench>() {
    let (bench, ..) = fresh::<B>().await;
    let documents = bench.documents();
    let racing = (0..20).map(|number| {
        let write = write("a", &number.to_string(), Precondition::Absent);
        documents.put(write)
    });
    let outcomes = join_all(racing).await;
    let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(made, 1, "{outcomes:?}");
}

/// By prefix, page by page, in the order of their bytes.
pub async fn documents_are_listed_in_order<B: RecordsBench>() {
    let (bench, ..) = fresh::<B>().await;
    let documents = bench.documents();
    for id in ["b", "a/10", "a/9", "a/1", "a", "a0", "ä", "a/\u{1f600}"] {
        put(&documents, id, id).await;
    }
    assert_eq!(
        ids(&documents, "", None, 100).await,
        ["a", "a/1", "a/10", "a/9", "a/\u{1f600}", "a0", "b", "ä"]
    );
    assert_eq!(ids(&documents, "a/", None, 2).await, ["a/1", "a/10"]);
    assert_eq!(
        ids(&documents, "a/", Some("a/10"), 100).await,
        ["a/9", "a/\u{1f600}"]
    );
    assert_eq!(ids(&documents, "a/", Some("a"), 1).await, ["a/1"]);
    assert!(ids(&documents, "a/", Some("b"), 10).await.is_empty());
    assert!(ids(&documents, "c", None, 10).await.is_empty());
    assert!(ids(&documents, "", None, 0).await.is_empty());
    documents
        .delete(KEYS, "a/1", Precondition::None)
        .await
        .expect("deleted");
    assert_eq!(ids(&documents, "a/", None, 1).await, ["a/10"]);
}

/// Everywhere: it is not found, not listed, and counts as absent.
pub async fn a_document_is_gone_after_its_time<B: RecordsBench>() {
    let (bench, _, clock) = fresh::<B>().await;
    let documents = bench.documents();
    let ttl = Duration::from_millis(50);
    let short_lived = DocumentWrite {
        ttl: Some(ttl),
        ..write("short", "x", Precondition::None)
    };
    documents.put(short_lived.clone()).await.expect("written");
    documents
        .put(DocumentWrite {
            id: "stays".to_owned(),
            ..short_lived
        })
        .await
        .expect("written");
    put(&documents, "stays", "for good").await;
    within_patience(async {
        while body_of(&documents, "short").await.is_some() {
            clock.advance(ttl);
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(ids(&documents, "", None, 10).await, ["stays"]);
    let again = write("short", "y", Precondition::Absent);
    documents.put(again).await.expect("it is absent");
}

/// From nought, and again from nought after its time.
pub async fn counters_add_up_until_their_time<B: RecordsBench>() {
    let (bench, _, clock) = fresh::<B>().await;
    let documents = bench.documents();
    let hour = Duration::from_hours(1);
    for (by, sum) in [(1, 1), (5, 6), (-2, 4), (0, 4)] {
        assert_eq!(documents.count("a", by, hour).await, Ok(sum));
    }
    let racing = join_all((0..20).map(|_| documents.count("b", 1, hour))).await;
    assert!(racing.contains(&Ok(20)), "{racing:?}");
    let short = Duration::from_millis(50);
    assert_eq!(documents.count("c", 7, short).await, Ok(7));
    within_patience(async {
        while documents.count("c", 0, short).await != Ok(0) {
            clock.advance(short);
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// With their versions.
pub async fn documents_survive_reopening<B: RecordsBench + Reopen>() {
    let (bench, ..) = fresh::<B>().await;
    let documents = bench.documents();
    put(&documents, "a", "one").await;
    let before = documents.get(KEYS, "a").await;
    drop(documents);
    let bench = bench.reopen().await;
    assert_eq!(bench.documents().get(KEYS, "a").await, before);
    assert!(before.expect("answered").is_some());
}
