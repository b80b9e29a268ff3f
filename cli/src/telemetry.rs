//! Logs, traces and metrics of the process, set up once and flushed at the end.

use std::sync::Arc;

use anyhow::Context;
use opentelemetry::{KeyValue, global, metrics::Gauge, trace::TracerProvider};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{
    Resource,
    metrics::{Instrument, SdkMeterProvider, Stream},
    propagation::TraceContextPropagator,
    trace::SdkTracerProvider,
};
use prometheus::{Registry, TextEncoder};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};
use voicefleet_core::{EngineId, ports::JobQueue};

use crate::settings::{LogFormat, Settings};

/// Series of a metric, beyond which OpenTelemetry puts them together: engines, tiers and error codes are several hundred at
/// most. Its own 2,000, for which it takes memory at the start, are for tenants.
const SERIES: usize = 512;

/// What has been set up; keep it until the end and call [`Telemetry::flush`].
pub(crate) struct Telemetry {
    registry: Registry,
    meters: SdkMeterProvider,
    tracers: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Installs the subscriber and the global meter and tracer.
    pub(crate) fn install(settings: &Settings) -> anyhow::Result<Self> {
        let resource = Resource::builder().with_service_name("voicefleet").build();
        let registry = Registry::new();
        let meters = meter_provider(&registry, resource.clone())?;
        global::set_meter_provider(meters.clone());
        global::set_text_map_propagator(TraceContextPropagator::new());
        let tracers = settings
            .otlp_endpoint
            .as_deref()
            .map(|endpoint| tracer_provider(endpoint, resource))
            .transpose()?;
        let spans = tracers.as_ref().map(|tracers| {
            global::set_tracer_provider(tracers.clone());
            tracing_opentelemetry::layer().with_tracer(tracers.tracer("voicefleet"))
        });
        tracing_subscriber::registry()
            .with(settings.log.parse::<EnvFilter>().context("log filter")?)
            .with(log_lines(settings.log_format))
            .with(spans)
            .try_init()
            .context("logging is set up already")?;
        Ok(Self {
            registry,
            meters,
            tracers,
        })
    }

    /// What Prometheus reads.
    pub(crate) fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// Sends what has not been sent.
    pub(crate) fn flush(self) {
        if let Some(tracers) = self.tracers
            && let Err(error) = tracers.shutdown()
        {
            tracing::warn!(%error, "the last traces could not be sent");
        }
        if let Err(error) = self.meters.shutdown() {
            tracing::debug!(%error, "meters were shut down already");
        }
    }
}

fn log_lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    }
}

/// The exporter appends `_total` to counters, and the unit where one is declared.
fn meter_provider(registry: &Registry, resource: Resource) -> anyhow::Result<SdkMeterProvider> {
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .without_target_info()
        .build()?;
    Ok(SdkMeterProvider::builder()
        .with_reader(exporter)
        .with_resource(resource)
        .with_view(few_series)
        .build())
}

/// Bounds the series of what is not counted by tenant.
fn few_series(instrument: &Instrument) -> Option<Stream> {
    let of_tenants = instrument.name().contains("_tenant_");
    let few = || {
        Stream::builder()
            .with_cardinality_limit(SERIES)
            .build()
            .ok()
    };
    (!of_tenants).then(few)?
}

fn tracer_provider(endpoint: &str, resource: Resource) -> anyhow::Result<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .with_context(|| format!("the OTLP exporter for {endpoint}"))?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build())
}

/// The text of `/metrics`: everything recorded, and the queues as they stand at this moment.
pub(crate) struct Exposition {
    registry: Registry,
    queue: Arc<dyn JobQueue>,
    engines: Vec<EngineId>,
    ready: Gauge<u64>,
    in_flight: Gauge<u64>,
    dead: Gauge<u64>,
    backlog: Gauge<f64>,
}

impl Exposition {
    pub(crate) fn new(
        registry: Registry,
        queue: Arc<dyn JobQueue>,
        engines: Vec<EngineId>,
    ) -> Self {
        let meter = global::meter("voicefleet.queue");
        let count = |name, help| meter.u64_gauge(name).with_description(help).build();
        Self {
            registry,
            queue,
            engines,
            ready: count("voicefleet_queue_ready_jobs", "Jobs that wait for a worker"),
            in_flight: count("voicefleet_queue_in_flight_jobs", "Jobs that a worker has"),
            dead: count(
                "voicefleet_queue_dead_jobs",
                "Jobs set aside after their last attempt",
            ),
            backlog: meter
                .f64_gauge("voicefleet_queue_backlog_seconds")
                .with_description("Estimated compute time of what waits and runs")
                .build(),
        }
    }

    /// Prometheus text format.
    pub(crate) async fn text(self: Arc<Self>) -> String {
        for engine in &self.engines {
            self.sample_queue(engine).await;
        }
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_else(|error| {
                tracing::error!(%error, "metrics could not be written");
                String::new()
            })
    }

    async fn sample_queue(&self, engine: &EngineId) {
        let gauge = match self.queue.gauge(engine).await {
            Ok(gauge) => gauge,
            Err(error) => {
                return tracing::warn!(%engine, %error, "the queue could not be read for metrics");
            }
        };
        for tier in gauge.tiers {
            let labels = [
                KeyValue::new("engine", engine.as_str().to_owned()),
                KeyValue::new("tier", tier.tier.name()),
            ];
            self.ready.record(tier.ready, &labels);
            self.in_flight.record(tier.in_flight, &labels);
            self.dead.record(tier.dead, &labels);
            self.backlog.record(tier.cost_seconds, &labels);
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::metrics::MeterProvider;

    use super::*;

    #[test]
    fn tenants_have_more_series_than_what_we_name_ourselves() {
        let registry = Registry::new();
        let meters = meter_provider(&registry, Resource::builder_empty().build()).unwrap();
        let meter = meters.meter("test");
        for name in ["voicefleet_jobs", "voicefleet_tenant_jobs"] {
            let counter = meter.u64_counter(name).build();
            for label in 0..2 * SERIES {
                counter.add(1, &[KeyValue::new("label", label.to_string())]);
            }
        }
        let series = |name| {
            let families = registry.gather();
            let family = families.iter().find(|family| family.name() == name);
            family.map(|family| family.get_metric().len())
        };
        assert_eq!(series("voicefleet_jobs_total"), Some(SERIES + 1));
        assert_eq!(series("voicefleet_tenant_jobs_total"), Some(2 * SERIES));
    }
}
