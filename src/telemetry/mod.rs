//! Telemetry: logs, metrics and traces.
//!
//! Nothing secret is logged, or told in a trace: no header values, no bodies, no query values that may hold a token.
//! Metrics have Kubernetes' names, and only those whose values are real are exposed. Nobody waits for whoever reads
//! logs ([`output`]) or takes traces ([`traces`]).

mod allowed_labels;
mod klog;
mod metrics;
mod output;
mod panics;
pub mod traces;
mod verbosity;

pub use allowed_labels::{allowed_labels, is_metric, read_allowed_labels};
pub(crate) use metrics::{
    Attempt, Filter, GaugeGuard, Judgement, Outcome, Series, WatchCounts, WatchListTimer,
};
pub use metrics::{FieldValidation, Metrics, RequestLabels, SystemClient};
pub use panics::log_panics;
pub use verbosity::ModuleVerbosity;
pub(crate) use verbosity::is_verbose;

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry};

use self::output::Output;
use self::verbosity::Verbosity;

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// How lines are written.
    pub format: Format,
    /// klog's verbosity: from 2 on requests that took long are told of, from 3 on every request is logged, from 6 on
    /// traces of the server's own work, from 8 on those of the libraries under it.
    pub verbosity: u32,
    /// Files whose verbosity is higher than that.
    pub modules: Vec<ModuleVerbosity>,
}

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is no standard error.
    #[error("standard error: {0}")]
    Output(#[from] io::Error),
    /// The process already logs.
    #[error(transparent)]
    Begun(#[from] TryInitError),
}

/// Where the process logs to.
static OUTPUT: OnceLock<Output> = OnceLock::new();

/// Logs to standard error from now on.
///
/// # Errors
/// Where the process already logs, or has no standard error.
pub fn start_logs(config: &Config) -> Result<(), LogError> {
    let output = Output::standard_error(match config.format {
        Format::Text => |lines| klog::dropped(Format::Text, lines),
        Format::Json => |lines| klog::dropped(Format::Json, lines),
    })?;
    let verbosity = Verbosity::new(config.verbosity, &config.modules);
    let lines = lines::<Registry, _>(config.format, OUTPUT.get_or_init(|| output).clone());
    tracing_subscriber::registry().with(lines.with_filter(verbosity)).try_init()?;
    Ok(())
}

/// Waits until all that was logged is written, so long at most.
pub fn flush_logs(patience: Duration) {
    if let Some(output) = OUTPUT.get() {
        output.flush(patience);
    }
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
