//! The questions of a poll.

use futures::future::join_all;
use tonic::{Code, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;
use voicefleet_core::Tier;
use voicefleet_scaler::{GetMetricSpecResponse, ScaledObjectRef};

use crate::{
    fleet::{Fleet, job},
    operator::{Operator, channel, object, of_pool},
};

/// One name, whoever is asked and whenever: it becomes part of the HPA.
#[tokio::test]
async fn the_metric_has_one_name_in_all_replicas() {
    let fleet = Fleet::start().await;
    let (one, other) = (fleet.scaler().await, fleet.scaler().await);
    for scaler in [&one, &other] {
        let operator = Operator::connect(scaler).await;
        for pool in ["piper", "whisper", "kokoro"] {
            for _ in 0..2 {
                let specs = operator.spec(of_pool(pool)).await.expect("answered");
                assert_eq!(specs[0].metric_name, format!("voicefleet-{pool}"));
            }
        }
    }
}

#[tokio::test]
async fn work_is_counted_by_what_it_costs_and_replicas_agree() {
    let fleet = Fleet::start().await;
    let (one, other) = (fleet.scaler().await, fleet.scaler().await);
    let operators = [
        Operator::has_read(&one).await,
        Operator::has_read(&other).await,
    ];
    // 2 400 s in ten minutes are four cores: two workers of two slots. One small job is one worker.
    fleet.submit("whisper", Tier::Batch, 2_400.0).await;
    fleet.submit("kokoro", Tier::Batch, 0.1).await;
    for operator in &operators {
        operator.comes_to_want("whisper", 2.0).await;
        operator.comes_to_want("kokoro", 1.0).await;
        operator.comes_to_want("piper", 0.0).await;
    }
}

/// It has been accepted: somebody waits for it.
#[tokio::test]
async fn what_is_recorded_and_not_in_the_queue_yet_is_wanted() {
    let fleet = Fleet::start().await;
    let scaler = fleet.scaler().await;
    let operator = Operator::has_read(&scaler).await;
    fleet.record(&job("piper", Tier::Realtime, 0.1)).await;
    operator.comes_to_want("piper", 1.0).await;
}

#[tokio::test]
async fn a_flood_of_all_pools_is_held_to_the_split_and_a_new_one_is_taken_up() {
    use voicefleet_core::{EngineId, ports::FleetLedger, scaling::Split};

    let fleet = Fleet::start().await;
    let scaler = fleet.scaler().await;
    let operator = Operator::has_read(&scaler).await;
    for engine in ["piper", "whisper", "kokoro"] {
        fleet.submit(engine, Tier::Realtime, 10_000.0).await;
    }
    // 20 slots in workers of two.
    for (pool, workers) in [("piper", 7.0), ("whisper", 2.0), ("kokoro", 1.0)] {
        operator.comes_to_want(pool, workers).await;
    }
    let shares = [("piper", 20), ("whisper", 70), ("kokoro", 10)];
    let shares = shares.map(|(engine, share)| (EngineId::new(engine), share));
    let split = Split {
        shares: shares.into(),
        ..crate::fleet::policy().split
    };
    fleet.records.set_split(&split).await.expect("set");
    for (pool, workers) in [("piper", 2.0), ("whisper", 7.0), ("kokoro", 1.0)] {
        operator.comes_to_want(pool, workers).await;
    }
}

#[tokio::test]
async fn what_is_misspelt_is_refused_by_name() {
    let fleet = Fleet::start().await;
    let scaler = fleet.scaler().await;
    let operator = Operator::has_read(&scaler).await;
    for wrong in [
        object(&[("pool", "pipr")]),
        object(&[("pool", "")]),
        object(&[("poool", "piper")]),
        object(&[]),
    ] {
        let refusals = [
            operator.spec(wrong.clone()).await.err(),
            operator.is_active(wrong.clone()).await.err(),
            operator
                .value(wrong.clone(), "voicefleet-piper")
                .await
                .err(),
            operator.stream(wrong.clone()).await.err(),
        ];
        for refusal in refusals {
            let refusal = refusal.expect("refused");
            assert_eq!(refusal.code(), Code::InvalidArgument);
            assert!(
                refusal.message().contains("piper, whisper, kokoro"),
                "{refusal:?}"
            );
        }
    }
    let refusal = operator.value(of_pool("piper"), "s0-other").await;
    let refusal = refusal.expect_err("refused");
    assert_eq!(refusal.code(), Code::NotFound);
    assert!(refusal.message().contains("s0-other"), "{refusal:?}");
}

/// KEDA after 2.20 may ask for it, and goes on without.
#[tokio::test]
async fn what_is_not_part_of_the_contract_yet_is_unimplemented() {
    let fleet = Fleet::start().await;
    let scaler = fleet.scaler().await;
    let mut raw = Grpc::new(channel(scaler.port).await);
    raw.ready().await.expect("connected");
    let path = PathAndQuery::from_static("/externalscaler.ExternalScaler/StreamMetricSpec");
    let codec = ProstCodec::<ScaledObjectRef, GetMetricSpecResponse>::default();
    let request = tonic::Request::new(of_pool("piper"));
    let refusal = raw.server_streaming(request, path, codec).await;
    assert_eq!(refusal.expect_err("refused").code(), Code::Unimplemented);
}

/// All scaled objects of a cluster come over one connection.
#[tokio::test]
async fn fifty_objects_on_one_connection_are_all_answered() {
    let fleet = Fleet::start().await;
    let scaler = fleet.scaler().await;
    let operator = Operator::has_read(&scaler).await;
    let objects = (0..50).map(|_| {
        let operator = operator.clone();
        async move {
            let stream = operator.stream(of_pool("piper")).await.expect("a stream");
            for _ in 0..4 {
                operator.poll("piper").await.expect("answered");
            }
            stream
        }
    });
    let mut streams = join_all(objects).await;
    fleet.submit("piper", Tier::Standard, 0.1).await;
    for stream in &mut streams {
        let told = stream.message().await.expect("told").expect("not ended");
        assert!(told.result);
    }
}
