//! What is counted of requests to webhooks, under the names that Kubernetes' clients use.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use keelson_base::metrics::{Histogram, HistogramVec, IntCounterVec, MetricError, Registry, Spec, Stability};

/// The bounds of how long requests take, in seconds.
const DURATIONS: [f64; 12] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0];

/// The bounds of how large bodies are, in bytes.
const SIZES: [f64; 11] =
    [64.0, 256.0, 512.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];

/// What webhooks are posted with.
const VERB: &str = "POST";

/// The families. Clones share them. Hosts come from configuration, not from clients.
#[derive(Clone)]
pub struct ClientMetrics {
    requests: IntCounterVec,
    durations: HistogramVec,
    request_sizes: HistogramVec,
    response_sizes: HistogramVec,
}

impl ClientMetrics {
    /// The families, in `registry`.
    ///
    /// # Errors
    /// Where the registry has other families under their names.
    pub fn new(registry: &Registry) -> Result<Self, MetricError> {
        let spec = |name, help, labels| Spec { name, help, stability: Stability::Alpha, labels };
        let sizes = |name, help| registry.histogram(&spec(name, help, &["host", "verb"]), &SIZES);
        Ok(ClientMetrics {
            requests: registry.counter(&spec(
                "rest_client_requests_total",
                "Requests that the server sent, by status code, method and host.",
                &["code", "host", "method"],
            ))?,
            durations: registry.histogram(
                &spec(
                    "rest_client_request_duration_seconds",
                    "How long requests took that the server sent, in seconds, by verb and host.",
                    &["host", "verb"],
                ),
                &DURATIONS,
            )?,
            request_sizes: sizes(
                "rest_client_request_size_bytes",
                "Sizes of the bodies of requests that the server sent, in bytes, by verb and host.",
            )?,
            response_sizes: sizes(
                "rest_client_response_size_bytes",
                "Sizes of the bodies of answers that the server got, in bytes, by verb and host.",
            )?,
        })
    }

    /// What is counted of the peer at this URL.
    pub(super) fn peer(&self, url: &Uri) -> PeerMetrics {
        let host = url.authority().map_or("", |authority| authority.as_str());
        let labels = [host, VERB];
        PeerMetrics(Arc::new(Peer {
            host: host.to_owned(),
            requests: self.requests.clone(),
            durations: self.durations.with_label_values(&labels),
            request_sizes: self.request_sizes.with_label_values(&labels),
            response_sizes: self.response_sizes.with_label_values(&labels),
        }))
    }
}

/// What is counted of one peer.
#[derive(Clone)]
pub(super) struct PeerMetrics(Arc<Peer>);

struct Peer {
    host: String,
    requests: IntCounterVec,
    durations: Histogram,
    request_sizes: Histogram,
    response_sizes: Histogram,
}

impl PeerMetrics {
    /// A request with a body of so many bytes took so long; the code of its answer and how large that is, where there
    /// was one.
    pub(super) fn sent(&self, bytes: usize, took: Duration, answer: Option<(u16, usize)>) {
        let Peer { host, requests, durations, request_sizes, response_sizes } = &*self.0;
        durations.observe(took.as_secs_f64());
        request_sizes.observe(bytes as f64);
        let mut digits = itoa::Buffer::new();
        let code = match answer {
            Some((code, size)) => {
                response_sizes.observe(size as f64);
                digits.format(code)
            }
            None => "<error>",
        };
        requests.with_label_values(&[code, host.as_str(), VERB]).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_host_and_code() {
        let registry = Registry::new();
        let metrics = ClientMetrics::new(&registry).expect("new families");
        let peer = metrics.peer(&"https://hooks.example.com:8443/authorize".parse().expect("a URL"));
        peer.sent(300, Duration::from_millis(20), Some((200, 100)));
        peer.sent(300, Duration::from_millis(20), None);
        let text = registry.encode().expect("text");
        for line in [
            "rest_client_requests_total{code=\"200\",host=\"hooks.example.com:8443\",method=\"POST\"} 1\n",
            "rest_client_requests_total{code=\"<error>\",host=\"hooks.example.com:8443\",method=\"POST\"} 1\n",
            "rest_client_request_duration_seconds_bucket{host=\"hooks.example.com:8443\",verb=\"POST\",le=\"0.025\"} 2\n",
            "rest_client_response_size_bytes_count{host=\"hooks.example.com:8443\",verb=\"POST\"} 1\n",
        ] {
            assert!(text.contains(line), "no {line} in\n{text}");
        }
    }
}
