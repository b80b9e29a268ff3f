//! Tenants in one lane.

use std::collections::HashMap;

use voicefleet_core::{
    Envelope, JobId, Tenant, Tier, Timestamp, Weight,
    ports::{JobConsumer, Settlement, UNKNOWN_SLOTS},
};

use super::{QueueBench, ROOMY, consumer, next};
use crate::speech_job;

/// How many envelopes of a compute-second a tenant of weight 1 may have before another's in a pool that
/// has yet to start, and one that comes as others go.
const AHEAD: usize = UNKNOWN_SLOTS as usize;

/// An envelope of a compute-second.
fn envelope_of(tenant: &str, weight: u32) -> Envelope {
    let mut job = speech_job(&JobId::generate().to_string(), Tier::Batch, Timestamp(0));
    job.tenant = tenant.parse().expect("a name");
    job.weight = Weight::try_from(weight).expect("a weight");
    job.cost = 1.0;
    Envelope::for_job(&job)
}

async fn flood<B: QueueBench>(bench: &B, tenant: &str, weight: u32, count: usize) -> Vec<JobId> {
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        let envelope = envelope_of(tenant, weight);
        bench.queue().publish(&envelope).await.expect("published");
        ids.push(envelope.job_id);
    }
    ids
}

/// Takes the next one and is done with it.
async fn finish_one(consumer: &mut Box<dyn JobConsumer>) -> (Tenant, JobId) {
    let delivery = next(consumer).await;
    let envelope = delivery.envelope();
    let taken = (envelope.tenant.clone(), envelope.job_id);
    delivery.settle(Settlement::Done).await.expect("settled");
    taken
}

/// Two hundred are there, one of another tenant comes: it is not the 201st.
pub async fn who_wants_little_does_not_wait_for_who_floods<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    let mut flood = flood(&bench, "flood", 1, 200).await;
    let single = flood_of_one(&bench).await;
    let mut consumer = consumer(&bench).await;
    let mut before = 0;
    loop {
        let (_, id) = finish_one(&mut consumer).await;
        if id == single {
            break;
        }
        flood.retain(|waiting| *waiting != id);
        before += 1;
    }
    assert!(before <= AHEAD, "{before} were before it");
    while !flood.is_empty() {
        let (_, id) = finish_one(&mut consumer).await;
        let left = flood.len();
        flood.retain(|waiting| *waiting != id);
        assert_eq!(flood.len(), left - 1, "every one comes once");
    }
}

async fn flood_of_one<B: QueueBench>(bench: &B) -> JobId {
    flood(bench, "single", 1, 1).await[0]
}

/// While both have more waiting, one with three times the weight gets three times as much.
pub async fn who_want_more_than_there_is_get_it_by_weight<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    flood(&bench, "light", 1, 100).await;
    flood(&bench, "heavy", 3, 200).await;
    let mut consumer = consumer(&bench).await;
    let mut taken: HashMap<String, u32> = HashMap::new();
    for _ in 0..120 {
        let (tenant, _) = finish_one(&mut consumer).await;
        *taken.entry(tenant.to_string()).or_default() += 1;
    }
    let heavy = taken["heavy"];
    assert!((78..=102).contains(&heavy), "{taken:?} is not 30 to 90");
}

/// First in, first out.
pub async fn a_tenants_own_work_keeps_its_order<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    let mut consumer = consumer(&bench).await;
    let sent = flood(&bench, "flood", 1, 50).await;
    for id in sent {
        assert_eq!(finish_one(&mut consumer).await.1, id);
    }
}

/// The same work, wanted by another tenant too: it comes when that one's turn is.
pub async fn what_a_tenant_shares_with_who_floods_comes_in_its_own_turn<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    flood(&bench, "flood", 1, 100).await;
    let last = envelope_of("flood", 1);
    bench.queue().publish(&last).await.expect("published");
    let shared = Envelope {
        tenant: "single".parse().expect("a name"),
        ..last
    };
    bench.queue().publish(&shared).await.expect("published");
    let mut consumer = consumer(&bench).await;
    let mut before = 0;
    while finish_one(&mut consumer).await.1 != shared.job_id {
        before += 1;
    }
    assert!(before <= AHEAD, "{before} were before it");
}
