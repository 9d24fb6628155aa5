//! Flags about traces.

use std::path::PathBuf;

use super::path;

#[derive(Debug, clap::Args)]
pub(super) struct Traces {
    /// A TracingConfiguration: which requests are traced, and the collector that spans are sent to (OTLP over gRPC).
    /// Without it nothing is traced.
    #[arg(long)]
    tracing_config_file: Option<String>,
}

impl Traces {
    pub(super) fn read(&self) -> Option<PathBuf> {
        path(self.tracing_config_file.as_ref())
    }
}
