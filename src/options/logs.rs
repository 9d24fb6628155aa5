//! Flags about logs.

use super::{Errors, value};
use crate::telemetry::{Config, Format};

#[derive(Debug, clap::Args)]
pub(super) struct Logs {
    /// How log lines are written: text or json.
    #[arg(long)]
    logging_format: Option<String>,
    /// How much is logged: 0 for what an operator should know, 3 and more for every request, 6 and more for traces of
    /// the server's own work.
    #[arg(short = 'v', long = "v")]
    verbosity: Option<String>,
}

impl Logs {
    pub(super) fn read(&self, errors: &mut Errors) -> Config {
        let format = |text: &str| match text {
            "text" => Ok(Format::Text),
            "json" => Ok(Format::Json),
            _ => Err(format!("unknown format {text:?}: give text or json")),
        };
        Config {
            format: errors.value("--logging-format", self.logging_format.as_ref(), format, Format::Text),
            verbosity: errors.value("--v", self.verbosity.as_ref(), |t| value::count(t, i32::MAX as u32), 0),
        }
    }
}
