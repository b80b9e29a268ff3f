//! One trace shows what became of a request, whichever processes had a part in it.

use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};
use voicefleet_tests::{Cluster, id_of};

use crate::JOE;

/// What the caller sends, as the W3C recommendation writes it.
const TRACE: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;
const CALLER: u64 = 0xb7ad_6b71_6920_3331;

/// A collector as the OpenTelemetry protocol describes it, which keeps what it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let scopes = request.into_inner().resource_spans.into_iter();
        let spans = scopes
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// Where it listens, and what keeps it listening.
    async fn listen(&self) -> (String, JoinSet<Result<(), tonic::transport::Error>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
        let service = TraceServiceServer::new(self.clone());
        let serving = Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener));
        let mut server = JoinSet::new();
        server.spawn(serving);
        (endpoint, server)
    }

    /// The spans of the caller's trace, in the order in which they began.
    fn spans(&self) -> Vec<Span> {
        let spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = spans
            .iter()
            .filter(|span| span.trace_id == TRACE.to_be_bytes());
        let mut ours: Vec<Span> = ours.cloned().collect();
        ours.sort_by_key(|span| span.start_time_unix_nano);
        ours
    }
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[tokio::test]
async fn one_trace_shows_the_request_the_wait_the_chunks_and_the_store() {
    let collector = Collector::default();
    let (endpoint, _server) = collector.listen().await;
    let mut cluster = Cluster::start().await.expect("a cluster");
    cluster.set("otlp_endpoint", &endpoint);
    let api = cluster.api().await.expect("an API server");
    let client = api.client().expect("a client");

    // It waits, for there is no worker yet.
    let text = "One goes first. Two goes after it. Three comes last.";
    let body = json!({ "kind": "speech", "engine": "piper", "voice": JOE, "input": text });
    let request = client
        .request(reqwest::Method::POST, "/v1/jobs")
        .header("traceparent", format!("00-{TRACE:032x}-{CALLER:016x}-01"))
        .json(&body);
    let job = client.send(request).await.expect("answered");
    let job = job.accepted().expect("accepted");
    let worker = cluster.worker("piper").await.expect("a worker");
    let ended = client.ended(id_of(&job).expect("an id")).await;
    let ended = ended.expect("ended");
    assert_eq!(ended["status"], "succeeded");
    // A process that stops sends what it has not sent.
    for process in [worker, api] {
        process.stop().await.expect("stops with exit code 0");
    }

    let spans = collector.spans();
    let [request] = named(&spans, "request")[..] else {
        panic!("not one request: {spans:#?}")
    };
    assert_eq!(request.parent_span_id, CALLER.to_be_bytes());
    let ([wait], [job]) = (&named(&spans, "wait")[..], &named(&spans, "job")[..]) else {
        panic!("not one wait and one job: {spans:#?}")
    };
    for span in [wait, job] {
        assert_eq!(span.parent_span_id, request.span_id);
    }
    assert!(wait.start_time_unix_nano < wait.end_time_unix_nano);
    let (chunks, stores) = (named(&spans, "chunk"), named(&spans, "store"));
    assert_eq!(
        Some(chunks.len() as u64),
        ended["progress"]["total"].as_u64()
    );
    assert_eq!(stores.len(), 1);
    for part in chunks.iter().chain(&stores) {
        assert_eq!(part.parent_span_id, job.span_id);
        assert!(part.start_time_unix_nano >= wait.end_time_unix_nano);
    }
}
