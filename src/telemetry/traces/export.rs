//! Sends batches of spans, and tells now and then that the collector does not take them.

use std::sync::Arc;
use std::time::Duration;

use keelson_base::clock::{self, Instant};
use keelson_base::task::TaskGroup;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::EXPORT_WITHIN;

/// How often failures are told of at most.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Sends in tasks of the server's runtime, as the SDK calls from a thread without one.
pub(super) struct Exporter {
    otlp: Arc<opentelemetry_otlp::SpanExporter>,
    endpoint: String,
    runtime: Handle,
    tasks: TaskGroup,
    failures: Mutex<Failures>,
}

#[derive(Default)]
struct Failures {
    told: Option<Instant>,
    /// Spans that were lost since then.
    lost: usize,
}

impl std::fmt::Debug for Exporter {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Exporter").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Exporter {
    pub(super) fn new(
        otlp: Arc<opentelemetry_otlp::SpanExporter>,
        endpoint: String,
        tasks: TaskGroup,
    ) -> Self {
        Exporter { otlp, endpoint, runtime: Handle::current(), tasks, failures: Mutex::default() }
    }

    async fn send(&self, spans: Vec<SpanData>) {
        let count = spans.len();
        let otlp = Arc::clone(&self.otlp);
        let sent = {
            let _runtime = self.runtime.enter();
            let send = async move { tokio::time::timeout(EXPORT_WITHIN, otlp.export(spans)).await };
            self.tasks.spawn("export-spans", send)
        };
        let why = match sent.await {
            Ok(Ok(Ok(()))) => return,
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(_)) => "no answer in time".to_owned(),
            Err(_) => "the server is shutting down".to_owned(),
        };
        self.lost(count, &why);
    }

    fn lost(&self, spans: usize, why: &str) {
        let mut failures = self.failures.lock();
        failures.lost += spans;
        let now = clock::monotonic();
        if failures.told.is_some_and(|told| now.saturating_duration_since(told) < TELL_EVERY) {
            return;
        }
        let lost = std::mem::take(&mut failures.lost);
        failures.told = Some(now);
        tracing::warn!(endpoint = self.endpoint, lost, error = why, "spans of traces can't be exported");
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.send(batch).await;
        // There is nobody to tell but the log.
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        if let Some(otlp) = Arc::get_mut(&mut self.otlp) {
            otlp.set_resource(resource);
        }
    }
}
