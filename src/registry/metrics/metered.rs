//! Storage whose requests are counted and timed by resource.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use keelson_base::clock;
use keelson_base::metrics::{
    Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, MetricError, Registry, Spec,
    Stability,
};
use keelson_storage::{Error, Event, KeyValue, ListRange, Page, Storage, Watch};

/// The bounds of how long storage takes, in seconds.
const DURATIONS: [f64; 23] = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0,
    20.0, 30.0, 45.0, 60.0,
];

/// What the server keeps that is no resource, by the beginning of its keys; named as kube-apiserver names it.
const OTHERS: [(&str, &str); 4] = [
    ("masterleases", "apiServerIPInfo"),
    ("ranges/serviceips", "serviceipallocations"),
    ("ranges/secondaryserviceips", "serviceipallocations"),
    ("ranges/servicenodeports", "servicenodeportallocations"),
];

#[derive(Clone, Copy)]
enum Operation {
    Get,
    List,
    Create,
    Update,
    Delete,
    Count,
}

impl Operation {
    const NAMES: [&str; 6] = ["get", "list", "create", "update", "delete", "listWithCount"];
}

/// See the module.
pub(crate) struct Metered {
    inner: Arc<dyn Storage>,
    families: Families,
    /// By what keys start with, up to the first slash or the second.
    resources: HashMap<&'static str, Resource>,
}

struct Families {
    requests: IntCounterVec,
    errors: IntCounterVec,
    durations: HistogramVec,
    events: IntCounterVec,
    bookmarks: IntCounterVec,
    /// The same by an older name; `None` where nobody wants to see it.
    bookmark_gauge: Option<IntGaugeVec>,
}

/// The series of a resource, each made when it is first needed.
struct Resource {
    group: &'static str,
    plural: &'static str,
    operations: [OnceLock<Series>; Operation::NAMES.len()],
}

struct Series {
    requests: IntCounter,
    durations: Histogram,
}

/// What is counted of a watch.
struct Watched {
    events: IntCounter,
    bookmarks: IntCounter,
    bookmark_gauge: Option<IntGauge>,
}

impl Metered {
    /// `inner`, counted in `registry`.
    ///
    /// # Errors
    /// Where the registry has other families under the names.
    pub(crate) fn new(inner: Arc<dyn Storage>, registry: &Registry) -> Result<Self, MetricError> {
        use Stability::{Alpha, Beta};
        const ABOUT: [&str; 3] = ["group", "operation", "resource"];
        let spec = |name, help, stability, labels| Spec { name, help, stability, labels };
        let gauge = spec(
            "etcd_bookmark_counts",
            "Notes of progress that came from storage, by resource.",
            Alpha,
            &["group", "resource"],
        );
        let families = Families {
            requests: registry.counter(&spec(
                "etcd_requests_total",
                "Requests to storage, by operation and resource.",
                Alpha,
                &ABOUT,
            ))?,
            errors: registry.counter(&spec(
                "etcd_request_errors_total",
                "Requests to storage that failed, by operation and resource.",
                Alpha,
                &ABOUT,
            ))?,
            durations: registry.histogram(
                &spec(
                    "etcd_request_duration_seconds",
                    "How long requests to storage took, in seconds, by operation and resource.",
                    Alpha,
                    &ABOUT,
                ),
                &DURATIONS,
            )?,
            events: registry.counter(&spec(
                "apiserver_storage_events_received_total",
                "Events that came from storage, by resource.",
                Beta,
                &["group", "resource"],
            ))?,
            bookmarks: registry.counter(&spec(
                "etcd_bookmark_total",
                "Notes of progress that came from storage, by resource.",
                Alpha,
                &["group", "resource"],
            ))?,
            bookmark_gauge: {
                let family = registry.gauge(&gauge)?;
                registry.shows(&gauge).then_some(family)
            },
        };
        let mut resources = HashMap::new();
        let stored = keelson_api::resources().iter().filter(|resource| !resource.storage_path.is_empty());
        for resource in stored {
            let path = resource.storage_path.as_str();
            resources.entry(path).or_insert_with(|| Resource::new(&resource.group, &resource.plural));
        }
        resources.extend(OTHERS.map(|(path, plural)| (path, Resource::new("", plural))));
        Ok(Metered { inner, families, resources })
    }

    /// The resource that a key belongs to, or all keys that start so.
    fn resource(&self, key: &str) -> Option<&Resource> {
        let (first, rest) = key.split_once('/').unwrap_or((key, ""));
        self.resources.get(first).or_else(|| {
            let second = rest.find('/').unwrap_or(rest.len());
            self.resources.get(key.get(..first.len() + 1 + second)?)
        })
    }

    async fn timed<T>(
        &self,
        operation: Operation,
        key: &str,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let Some(resource) = self.resource(key) else { return request.await };
        let begun = clock::monotonic();
        let answer = request.await;
        let name = Operation::NAMES[operation as usize];
        let labels = [resource.group, name, resource.plural];
        let series = resource.operations[operation as usize].get_or_init(|| Series {
            requests: self.families.requests.with_label_values(&labels),
            durations: self.families.durations.with_label_values(&labels),
        });
        series.requests.inc();
        series.durations.observe((clock::monotonic() - begun).as_secs_f64());
        // That a key is another than was thought is an answer, too.
        if matches!(&answer, Err(failure) if !matches!(failure, Error::Exists | Error::Conflict { .. })) {
            self.families.errors.with_label_values(&labels).inc();
        }
        answer
    }
}

impl Resource {
    fn new(group: &'static str, plural: &'static str) -> Self {
        Resource { group, plural, operations: Default::default() }
    }
}

impl Watched {
    fn note(&self, item: &Result<Event, Error>) {
        match item {
            Ok(Event::Progress { .. }) => {
                self.bookmarks.inc();
                if let Some(gauge) = &self.bookmark_gauge {
                    gauge.inc();
                }
            }
            Ok(Event::Put { .. } | Event::Delete { .. }) => self.events.inc(),
            Err(_) => {}
        }
    }
}

#[async_trait]
impl Storage for Metered {
    async fn get(&self, key: &str) -> Result<Option<KeyValue>, Error> {
        self.timed(Operation::Get, key, self.inner.get(key)).await
    }

    async fn list(&self, range: &ListRange) -> Result<Page, Error> {
        self.timed(Operation::List, &range.prefix, self.inner.list(range)).await
    }

    async fn create(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<u64, Error> {
        self.timed(Operation::Create, key, self.inner.create(key, value, ttl)).await
    }

    async fn update(
        &self,
        key: &str,
        expected: u64,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<u64, Error> {
        self.timed(Operation::Update, key, self.inner.update(key, expected, value, ttl)).await
    }

    async fn delete(&self, key: &str, expected: u64) -> Result<u64, Error> {
        self.timed(Operation::Delete, key, self.inner.delete(key, expected)).await
    }

    async fn count(&self, prefix: &str) -> Result<u64, Error> {
        self.timed(Operation::Count, prefix, self.inner.count(prefix)).await
    }

    async fn current_revision(&self) -> Result<u64, Error> {
        self.inner.current_revision().await
    }

    async fn watch(&self, prefix: &str, after: u64) -> Result<Watch, Error> {
        let watch = self.inner.watch(prefix, after).await?;
        let Some(Resource { group, plural, .. }) = self.resource(prefix) else { return Ok(watch) };
        let labels = [*group, *plural];
        let watched = Watched {
            events: self.families.events.with_label_values(&labels),
            bookmarks: self.families.bookmarks.with_label_values(&labels),
            bookmark_gauge: self.families.bookmark_gauge.as_ref().map(|g| g.with_label_values(&labels)),
        };
        Ok(watch.inspect(move |item| watched.note(item)).boxed())
    }

    async fn request_progress(&self, prefix: &str, revision: u64) -> Result<(), Error> {
        self.inner.request_progress(prefix, revision).await
    }

    fn supports_progress(&self) -> bool {
        self.inner.supports_progress()
    }

    fn is_local(&self) -> bool {
        self.inner.is_local()
    }

    async fn compact(&self, revision: u64) -> Result<(), Error> {
        self.inner.compact(revision).await
    }

    async fn run_compactor(&self, interval: Duration) {
        self.inner.run_compactor(interval).await;
    }

    async fn probe(&self) -> Result<(), Error> {
        self.inner.probe().await
    }

    async fn size_bytes(&self) -> Result<u64, Error> {
        self.inner.size_bytes().await
    }
}

#[cfg(test)]
mod tests {
    use keelson_storage::embedded::{Embedded, Options};

    use super::*;

    #[tokio::test]
    async fn requests_are_counted_by_resource() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Embedded::open(Options::new(directory.path().join("store"))).await.expect("a store");
        let registry = Registry::new();
        let metered = Metered::new(store.clone(), &registry).expect("new families");
        let mut watch = metered.watch("services/specs/", 0).await.expect("a watch");
        for key in ["services/specs/d/a", "deployments/d/a", "masterleases/10.0.0.1", "made/up"] {
            metered.create(key, Bytes::from_static(b"x"), None).await.expect("new");
        }
        metered.create("deployments/d/a", Bytes::from_static(b"x"), None).await.expect_err("it is there");
        metered.get("services/specs/d/a").await.expect("an answer");
        watch.next().await.expect("an event").expect("an event");
        let text = registry.encode().expect("text");
        for line in [
            "etcd_requests_total{group=\"\",operation=\"create\",resource=\"services\"} 1\n",
            "etcd_requests_total{group=\"apps\",operation=\"create\",resource=\"deployments\"} 2\n",
            "etcd_requests_total{group=\"\",operation=\"create\",resource=\"apiServerIPInfo\"} 1\n",
            "etcd_request_duration_seconds_count{group=\"\",operation=\"get\",resource=\"services\"} 1\n",
            "apiserver_storage_events_received_total{group=\"\",resource=\"services\"} 1\n",
        ] {
            assert!(text.contains(line), "no {line} in\n{text}");
        }
        for none in ["etcd_request_errors_total{", "made", "etcd_bookmark_counts"] {
            assert!(!text.contains(none), "{none} in\n{text}");
        }
        drop(watch);
        store.close().await.expect("it ends");
    }
}
