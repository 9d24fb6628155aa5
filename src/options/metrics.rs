//! Flags about metrics.

use std::time::Duration;

use keelson_base::metrics::Exposure;

use super::{Errors, path, value};
use crate::server::config;
use crate::telemetry::{allowed_labels, is_metric};

/// The only version whose hidden metrics may be asked for: the one before.
const PREVIOUS: &str = "1.35";

#[derive(Debug, clap::Args)]
pub(super) struct Metrics {
    /// The values that labels of metrics may have, as METRIC,LABEL=VALUE,… Several such pairs are parted by commas, each
    /// in double quotes. Other values are shown as unexpected.
    #[arg(long)]
    allow_metric_labels: Vec<String>,
    /// A YAML file that maps METRIC,LABEL to the values of that label, parted by commas. Not beside
    /// --allow-metric-labels.
    #[arg(long)]
    allow_metric_labels_manifest: Option<String>,
    /// Metrics that are not shown, by their full names, parted by commas.
    #[arg(long)]
    disabled_metrics: Vec<String>,
    /// Show the metrics, too, that were hidden since this version as they are deprecated. It has to be the version
    /// before this one.
    #[arg(long)]
    show_hidden_metrics_for_version: Option<String>,
}

impl Metrics {
    pub(super) fn read(
        &self,
        intervals: config::MetricIntervals,
        features: Vec<config::Feature>,
        errors: &mut Errors,
    ) -> config::Metrics {
        const LABELS: &str = "--allow-metric-labels";
        const MANIFEST: &str = "--allow-metric-labels-manifest";
        let mut exposure = Exposure::default();
        let pairs: Vec<(String, String)> = self
            .allow_metric_labels
            .iter()
            .filter_map(|text| errors.take(LABELS, pairs(text)))
            .flatten()
            .collect();
        let pairs = pairs.iter().map(|(key, values)| (key.as_str(), values.as_str()));
        if let Some(allowed) = errors.take(LABELS, allowed_labels(pairs)) {
            exposure.allowed_labels = allowed;
        }
        let manifest = path(self.allow_metric_labels_manifest.as_ref());
        if manifest.is_some() && !exposure.allowed_labels.is_empty() {
            errors.note(MANIFEST, format!("can't stand beside {LABELS}"));
        }
        for name in value::list(&self.disabled_metrics) {
            if is_metric(&name) {
                exposure.disabled.insert(name);
            } else {
                errors
                    .note("--disabled-metrics", format!("invalid value {name:?}: no full name of a metric"));
            }
        }
        let version = |text: &str| match text {
            PREVIOUS => Ok(true),
            _ => Err(format!(
                "invalid value {text:?}: must be omitted or have the value '{PREVIOUS}'; only the previous minor \
                 version is allowed"
            )),
        };
        let given = self.show_hidden_metrics_for_version.as_ref();
        exposure.show_hidden =
            errors.optional("--show-hidden-metrics-for-version", given, version).unwrap_or(false);
        config::Metrics { exposure, allowed_labels_file: manifest, intervals, features }
    }
}

/// How often is looked at the store for metrics.
pub(super) fn intervals(
    counts: Option<&String>,
    sizes: Option<&String>,
    errors: &mut Errors,
) -> config::MetricIntervals {
    let default = config::MetricIntervals::default();
    let mut interval = |flag, given, default: Duration| errors.value(flag, given, value::duration, default);
    config::MetricIntervals {
        object_counts: interval("--etcd-count-metric-poll-period", counts, default.object_counts),
        database_sizes: interval("--etcd-db-metric-poll-interval", sizes, default.database_sizes),
    }
}

/// Pairs `KEY=VALUE`: one alone, or several as a line of comma-separated values, as upstream reads them.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let fields = match text.matches('=').count() {
        0 | 1 => vec![text.trim_matches('"').to_owned()],
        _ => fields(text)?,
    };
    let pair = |field: String| match field.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(format!("invalid value {text:?}: {field} must be formatted as key=value")),
    };
    fields.into_iter().map(pair).collect()
}

/// The fields of a line of comma-separated values; those with commas stand in double quotes.
fn fields(line: &str) -> Result<Vec<String>, String> {
    let (mut fields, mut rest) = (Vec::new(), line);
    loop {
        let Some(quoted) = rest.strip_prefix('"') else {
            let (field, behind) = rest.split_once(',').map_or((rest, None), |(f, b)| (f, Some(b)));
            if field.contains('"') {
                return Err(format!("invalid value {line:?}: a quote inside of a field without quotes"));
            }
            fields.push(field.to_owned());
            match behind {
                Some(behind) => rest = behind,
                None => return Ok(fields),
            }
            continue;
        };
        let mut field = String::new();
        let mut chars = quoted.char_indices();
        let behind = loop {
            match chars.next() {
                None => return Err(format!("invalid value {line:?}: a quote that does not end")),
                Some((at, '"')) if quoted[at + 1..].starts_with('"') => {
                    field.push('"');
                    chars.next();
                }
                Some((at, '"')) => break &quoted[at + 1..],
                Some((_, c)) => field.push(c),
            }
        };
        fields.push(field);
        match behind.strip_prefix(',') {
            Some(behind) => rest = behind,
            None if behind.is_empty() => return Ok(fields),
            None => return Err(format!("invalid value {line:?}: no comma behind a quote that ends")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_as_upstream_reads_them() {
        let check = |text: &str, expected: Result<&[(&str, &str)], &str>| {
            let found = pairs(text);
            let expected = expected
                .map(|pairs| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect())
                .map_err(|why| format!("invalid value {text:?}: {why}"));
            assert_eq!(found, expected, "{text}");
        };
        check("m,l=a,b", Ok(&[("m,l", "a,b")]));
        check("\"m,l=a,b\"", Ok(&[("m,l", "a,b")]));
        check("\"m,l=a,b\",\"m,k=c\"", Ok(&[("m,l", "a,b"), ("m,k", "c")]));
        check("\"m,l=a\"\"b\",k=c", Ok(&[("m,l", "a\"b"), ("k", "c")]));
        check("m", Err("m must be formatted as key=value"));
        check("m,l=a,k=b", Err("m must be formatted as key=value"));
        check("\"m,l=a,k=b", Err("a quote that does not end"));
        check("\"m,l=a\"x,k=b", Err("no comma behind a quote that ends"));
        check("m,l\"=a,k=b", Err("a quote inside of a field without quotes"));
    }
}
