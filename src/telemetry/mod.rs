//! Telemetry: logs and metrics.
//!
//! Nothing secret is logged: no header values, no bodies, no query values that may hold a token. Metrics
//! have Kubernetes' names, and only those whose values are real are exposed.

mod klog;
mod metrics;
mod panics;

pub(crate) use metrics::{Attempt, GaugeGuard, WatchCounts, WatchListTimer};
pub use metrics::{CONTENT_TYPE, Metrics, RequestLabels};
pub use panics::log_panics;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// klog's lines.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// How lines are written.
    pub format: Format,
    /// klog's verbosity: from 3 on every request is logged, from 6 on traces of the server's own work, from
    /// 8 on those of the libraries under it.
    pub verbosity: u32,
}

impl Config {
    fn filter(self) -> Targets {
        let own = match self.verbosity {
            0..=2 => LevelFilter::INFO,
            3..=5 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        };
        let libraries = if self.verbosity >= 8 { own } else { LevelFilter::ERROR };
        let crates = ["kube_apiserver", "keelson", "keelson_api", "keelson_apimachinery"];
        let crates = crates.into_iter().chain(["keelson_base", "keelson_storage"]);
        Targets::new().with_default(libraries).with_targets(crates.map(|name| (name, own)))
    }
}

/// Logs to standard error from now on.
///
/// # Errors
/// Where the process already logs.
pub fn start_logs(config: Config) -> Result<(), TryInitError> {
    tracing_subscriber::registry()
        .with(config.filter())
        .with(lines(config.format, std::io::stderr))
        .try_init()
}

/// Writes every event as one line, whatever is in it.
pub fn lines<S, W>(format: Format, writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    tracing_subscriber::fmt::layer()
        .event_format(klog::Lines::new(format))
        .with_writer(writer)
        .with_ansi(false)
        // There is nowhere else to complain to.
        .log_internal_errors(false)
}
