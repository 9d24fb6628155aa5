//! Traces: spans of requests ([`keelson_base::trace`]) go to a collector, over OTLP.
//!
//! Which requests are traced a file says ([`config`]); who exports them is OpenTelemetry's SDK, in batches, from a
//! bounded queue: where the collector is too slow or away, spans are dropped, never waited for.
//!
//! Source: "Traces For Kubernetes System Components" in the Kubernetes documentation.

mod config;
mod export;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use keelson_base::task::{TaskGroup, blocking};
use keelson_base::trace::Tracer;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Sampler, SdkTracerProvider};

pub use self::config::Config;
use self::export::Exporter;

/// How long the collector may take for one batch.
const EXPORT_WITHIN: Duration = Duration::from_secs(10);

/// Why nothing can be traced.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TraceError(String);

/// The traces of one server.
pub struct Traces {
    tracer: Tracer,
    provider: SdkTracerProvider,
    exports: TaskGroup,
}

impl std::fmt::Debug for Traces {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Traces")
    }
}

impl Traces {
    /// Traces requests to the server `instance` from now on. Nothing is sent before there are spans.
    ///
    /// # Errors
    /// An endpoint that is none.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(config: &Config, instance: String) -> Result<Self, TraceError> {
        let endpoint = format!("http://{}", config.endpoint);
        let otlp = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(&endpoint)
            .with_timeout(EXPORT_WITHIN)
            .build()
            .map_err(|error| TraceError(error.to_string()))?;
        let exports = TaskGroup::new();
        let exporter = Exporter::new(Arc::new(otlp), config.endpoint.clone(), exports.clone());
        let sampler = match config.sampling_rate_per_million {
            0 => Sampler::AlwaysOff,
            rate => Sampler::TraceIdRatioBased(f64::from(rate) / 1e6),
        };
        let attributes =
            [KeyValue::new("service.name", "apiserver"), KeyValue::new("service.instance.id", instance)];
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .with_resource(Resource::builder_empty().with_attributes(attributes).build())
            .with_span_processor(BatchSpanProcessor::builder(exporter).build())
            .build();
        Ok(Traces { tracer: Tracer::new(provider.tracer("keelson")), provider, exports })
    }

    /// What begins the spans of requests.
    pub fn tracer(&self) -> Tracer {
        self.tracer.clone()
    }

    /// Sends what is not sent yet, for as long as that takes, but no longer than `patience`. Later spans go nowhere.
    pub async fn stop(self, patience: Duration) {
        let provider = self.provider;
        // The SDK waits for its own thread, which waits for tasks of this runtime.
        let stopped = blocking(move || provider.shutdown_with_timeout(patience)).await;
        if let Err(error) = stopped {
            tracing::warn!(%error, "the last spans were not exported");
        }
        self.exports.abort_all();
    }

    /// Sends what is not sent yet.
    #[cfg(test)]
    pub(crate) async fn flush(&self) {
        let provider = self.provider.clone();
        blocking(move || provider.force_flush()).await.expect("the collector takes spans");
    }
}
