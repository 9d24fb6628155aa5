//! Flags about logs.

use std::time::Duration;

use super::{Errors, value};
use crate::telemetry::{Config, Format, ModuleVerbosity};

#[derive(Debug, clap::Args)]
pub(super) struct Logs {
    /// How long a line may wait before it is written. Lines are written at once, so none waits longer.
    #[arg(long)]
    log_flush_frequency: Option<String>,
    /// How log lines are written: text or json.
    #[arg(long)]
    logging_format: Option<String>,
    /// How much is logged: 0 for what an operator should know, 2 and more for requests that took longer than half a
    /// second, 3 and more for every request, 6 and more for traces of the server's own work, 8 and more for the
    /// libraries under it.
    #[arg(short = 'v', long = "v")]
    verbosity: Option<String>,
    /// pattern=N, parted by commas: how much is logged at least by files whose name without .rs, or modules whose name,
    /// match the pattern (* for anything, ? for one character). For the text format only.
    #[arg(long)]
    vmodule: Vec<String>,
}

impl Logs {
    pub(super) fn read(&self, errors: &mut Errors) -> Config {
        let format = |text: &str| match text {
            "text" => Ok(Format::Text),
            "json" => Ok(Format::Json),
            _ => Err(format!("unknown format {text:?}: give text or json")),
        };
        let flush = |text: &str| match value::duration(text)? {
            Duration::ZERO => Err(format!("invalid value {text:?}: Must be greater than zero")),
            frequency => Ok(frequency),
        };
        errors.value("--log-flush-frequency", self.log_flush_frequency.as_ref(), flush, Duration::ZERO);
        let format = errors.value("--logging-format", self.logging_format.as_ref(), format, Format::Text);
        let modules: Vec<ModuleVerbosity> = value::list(&self.vmodule)
            .iter()
            .filter_map(|item| errors.take("--vmodule", module(item)))
            .collect();
        if format != Format::Text && !modules.is_empty() {
            errors.note("--vmodule", "Only supported for text log format");
        }
        let verbosity = errors.value("--v", self.verbosity.as_ref(), level, 0);
        Config { format, verbosity, modules }
    }
}

fn level(text: &str) -> Result<u32, String> {
    value::count(text, i32::MAX as u32)
}

/// `pattern=N`.
fn module(text: &str) -> Result<ModuleVerbosity, String> {
    let wrong = || format!("invalid value {text:?}: expect comma-separated list of filename=N");
    let (pattern, verbosity) = text.split_once('=').ok_or_else(wrong)?;
    if pattern.is_empty() || verbosity.contains('=') {
        return Err(wrong());
    }
    Ok(ModuleVerbosity { pattern: pattern.to_owned(), verbosity: level(verbosity)? })
}
