//! How families are written: Prometheus' text format and OpenMetrics, with numbers as Go writes them, so that the
//! bounds of buckets are the same series whichever server counted.
//!
//! The labels of a metric are rendered once and copied for each of its lines: a histogram has dozens.

use std::fmt::Write as _;

use prometheus::proto::{Metric, MetricFamily, MetricType};

/// A text format of metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text format, version 0.0.4.
    #[default]
    Text,
    /// [OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/), version 1.0.0, without the times at
    /// which series were created.
    OpenMetrics,
}

impl Format {
    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
            Format::OpenMetrics => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
            }
        }
    }

    /// What the value of an `Accept` header prefers: the text format unless it prefers OpenMetrics.
    pub fn preferred(accept: &str) -> Self {
        let mut best = (Format::Text, 0.0);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut version, mut quality) = ("", 1.0);
            for (name, value) in parts.filter_map(|part| part.split_once('=')) {
                match name.trim() {
                    "version" => version = value.trim(),
                    "q" => quality = value.trim().parse::<f64>().unwrap_or(0.0),
                    _ => {}
                }
            }
            let format = match (media_type.as_str(), version) {
                ("application/openmetrics-text", "" | "1.0.0") => Format::OpenMetrics,
                ("text/plain", "" | "0.0.4") | ("text/*" | "*/*", _) => Format::Text,
                _ => continue,
            };
            if quality > best.1 {
                best = (format, quality);
            }
        }
        best.0
    }
}

/// The families as a document.
pub(super) fn write(families: &[MetricFamily], format: Format) -> String {
    let mut writer = Writer { format, out: String::new(), labels: String::new(), bounds: Vec::new() };
    families.iter().for_each(|family| writer.family(family));
    if format == Format::OpenMetrics {
        writer.out.push_str("# EOF\n");
    }
    writer.out
}

struct Writer {
    format: Format,
    out: String,
    /// Those of the metric at hand, without braces.
    labels: String,
    /// The bounds of the buckets at hand, as written.
    bounds: Vec<(f64, String)>,
}

impl Writer {
    fn family(&mut self, family: &MetricFamily) {
        let (name, kind) = (family.name(), family.get_field_type());
        // OpenMetrics names a counter without its suffix, and knows none without one.
        let (title, type_name) = match (self.format, kind, name.strip_suffix("_total")) {
            (Format::OpenMetrics, MetricType::COUNTER, Some(title)) => (title, "counter"),
            (Format::OpenMetrics, MetricType::COUNTER, None)
            | (Format::OpenMetrics, MetricType::UNTYPED, _) => (name, "unknown"),
            (_, MetricType::COUNTER, _) => (name, "counter"),
            (_, MetricType::GAUGE, _) => (name, "gauge"),
            (_, MetricType::HISTOGRAM, _) => (name, "histogram"),
            (_, MetricType::SUMMARY, _) => (name, "summary"),
            (_, MetricType::UNTYPED, _) => (name, "untyped"),
        };
        self.parts(&["# HELP ", title, " "]);
        escape(family.help(), self.format == Format::OpenMetrics, &mut self.out);
        self.parts(&["\n# TYPE ", title, " ", type_name, "\n"]);
        self.bounds.clear();
        for metric in family.get_metric() {
            self.labels.clear();
            for pair in metric.get_label() {
                if !self.labels.is_empty() {
                    self.labels.push(',');
                }
                self.labels.push_str(pair.name());
                self.labels.push_str("=\"");
                escape(pair.value(), true, &mut self.labels);
                self.labels.push('"');
            }
            match kind {
                MetricType::COUNTER => self.sample(name, "", metric.get_counter().get_value()),
                MetricType::GAUGE => self.sample(name, "", metric.get_gauge().get_value()),
                MetricType::HISTOGRAM => self.histogram(name, metric),
                MetricType::SUMMARY => self.summary(name, metric),
                MetricType::UNTYPED => {}
            }
        }
    }

    fn histogram(&mut self, name: &str, metric: &Metric) {
        let histogram = metric.get_histogram();
        let count = histogram.get_sample_count();
        let mut infinite = false;
        for (i, bucket) in histogram.get_bucket().iter().enumerate() {
            let bound = bucket.upper_bound();
            infinite |= bound == f64::INFINITY;
            if self.bounds.get(i).is_none_or(|known| known.0.to_bits() != bound.to_bits()) {
                self.bounds.truncate(i);
                let mut text = String::new();
                self.float_into(bound, &mut text);
                self.bounds.push((bound, text));
            }
            let text = std::mem::take(&mut self.bounds[i].1);
            self.bucket(name, &text, bucket.cumulative_count());
            self.bounds[i].1 = text;
        }
        if !infinite {
            self.bucket(name, "+Inf", count);
        }
        self.sample(name, "_sum", histogram.get_sample_sum());
        self.open(name, "_count");
        self.close();
        self.count(count);
    }

    fn bucket(&mut self, name: &str, bound: &str, count: u64) {
        self.open(name, "_bucket");
        self.separate();
        self.parts(&["le=\"", bound, "\"} "]);
        self.count(count);
    }

    fn summary(&mut self, name: &str, metric: &Metric) {
        let summary = metric.get_summary();
        for quantile in summary.get_quantile() {
            self.open(name, "");
            self.separate();
            self.out.push_str("quantile=\"");
            self.float(quantile.quantile());
            self.out.push_str("\"} ");
            self.float(quantile.value());
            self.out.push('\n');
        }
        self.sample(name, "_sum", summary.sample_sum());
        self.open(name, "_count");
        self.close();
        self.count(summary.sample_count());
    }

    fn sample(&mut self, name: &str, suffix: &str, value: f64) {
        self.open(name, suffix);
        self.close();
        self.float(value);
        self.out.push('\n');
    }

    /// The name, and the labels without what ends them.
    fn open(&mut self, name: &str, suffix: &str) {
        self.out.push_str(name);
        self.out.push_str(suffix);
        if !self.labels.is_empty() {
            self.out.push('{');
            self.out.push_str(&self.labels);
        }
    }

    /// Before one more label.
    fn separate(&mut self) {
        self.out.push(if self.labels.is_empty() { '{' } else { ',' });
    }

    fn close(&mut self) {
        self.out.push_str(if self.labels.is_empty() { " " } else { "} " });
    }

    fn count(&mut self, count: u64) {
        match self.format {
            Format::Text => self.float(count as f64),
            Format::OpenMetrics => self.out.push_str(itoa::Buffer::new().format(count)),
        }
        self.out.push('\n');
    }

    fn float(&mut self, value: f64) {
        let mut out = std::mem::take(&mut self.out);
        self.float_into(value, &mut out);
        self.out = out;
    }

    fn float_into(&self, value: f64, out: &mut String) {
        let start = out.len();
        go_float(value, out);
        if self.format == Format::OpenMetrics && !out[start..].contains(['.', 'e', 'N', 'I']) {
            out.push_str(".0");
        }
    }

    fn parts(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.out.push_str(part));
    }
}

/// A number as Go's `strconv.FormatFloat(value, 'g', -1, 64)` writes it: the shortest digits that give it back,
/// with an exponent from a million on and below a ten-thousandth.
fn go_float(value: f64, out: &mut String) {
    if value.is_nan() {
        return out.push_str("NaN");
    }
    if value.is_infinite() {
        return out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    }
    if value == value.trunc() && value.abs() < 1e6 {
        return out.push_str(itoa::Buffer::new().format(value as i64));
    }
    let start = out.len();
    // Into a string, which never fails.
    let _ = write!(out, "{value:e}");
    let Some(e) = out[start..].find('e').map(|at| start + at) else { return };
    let exponent: i32 = out[e + 1..].parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        out.truncate(start);
        let _ = write!(out, "{value}");
        return;
    }
    out.truncate(e);
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(out, "e{sign}{:02}", exponent.unsigned_abs());
}

fn escape(text: &str, quotes: bool, out: &mut String) {
    if !text.contains(['\\', '\n', '"']) {
        return out.push_str(text);
    }
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Registry, Spec, Stability};

    #[test]
    fn numbers_look_like_gos() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-3.0, "-3"),
            (0.005, "0.005"),
            (1.25, "1.25"),
            (999_999.0, "999999"),
            (1e6, "1e+06"),
            (2_592_000.0, "2.592e+06"),
            (172_800.0, "172800"),
            (1e9, "1e+09"),
            (1_234_567.0, "1.234567e+06"),
            (1_234_567.5, "1.2345675e+06"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e-8, "1e-08"),
            (1e100, "1e+100"),
            (123.456, "123.456"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            let mut out = String::new();
            go_float(value, &mut out);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn the_format_is_what_the_client_prefers() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                          application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, format) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/plain", Format::Text),
            ("application/json", Format::Text),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("Application/OpenMetrics-Text; version=1.0.0", Format::OpenMetrics),
            ("application/openmetrics-text; version=9.0.0", Format::Text),
            ("application/openmetrics-text;q=0.1, text/plain;q=0.2", Format::Text),
            ("text/plain;q=0.1, application/openmetrics-text;q=0.2", Format::OpenMetrics),
            ("application/openmetrics-text;q=x", Format::Text),
            (prometheus, Format::OpenMetrics),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;q=0.5,*/*;q=0.1",
                Format::Text,
            ),
        ] {
            assert_eq!(Format::preferred(accept), format, "{accept}");
        }
    }

    #[test]
    fn both_formats_say_the_same() {
        let registry = Registry::new();
        let spec =
            |name, labels| Spec { name, help: "It\\'s \"so\".\n", stability: Stability::Alpha, labels };
        let counter = registry.counter(&spec("made_total", &["by"])).expect("new");
        counter.with_label_values(&["a\"\\\n"]).inc_by(1_500_000);
        registry.counter(&spec("attempts", &[])).expect("new").with_label_values::<&str>(&[]).inc();
        registry.gauge(&spec("open", &[])).expect("new").with_label_values::<&str>(&[]).set(7);
        let sizes = registry.histogram(&spec("sizes", &["of"]), &[1.0, 1e6]).expect("new");
        sizes.with_label_values(&["x"]).observe(2.5);
        sizes.with_label_values(&["y"]).observe(0.5);
        let text = registry.encode().expect("text");
        assert_eq!(
            text,
            r#"# HELP attempts [ALPHA] It\\'s "so".\n
# TYPE attempts counter
attempts 1
# HELP made_total [ALPHA] It\\'s "so".\n
# TYPE made_total counter
made_total{by="a\"\\\n"} 1.5e+06
# HELP open [ALPHA] It\\'s "so".\n
# TYPE open gauge
open 7
# HELP sizes [ALPHA] It\\'s "so".\n
# TYPE sizes histogram
sizes_bucket{of="x",le="1"} 0
sizes_bucket{of="x",le="1e+06"} 1
sizes_bucket{of="x",le="+Inf"} 1
sizes_sum{of="x"} 2.5
sizes_count{of="x"} 1
sizes_bucket{of="y",le="1"} 1
sizes_bucket{of="y",le="1e+06"} 1
sizes_bucket{of="y",le="+Inf"} 1
sizes_sum{of="y"} 0.5
sizes_count{of="y"} 1
"#
        );
        let open = registry.encode_as(Format::OpenMetrics);
        for line in [
            "# HELP attempts [ALPHA] It\\\\'s \\\"so\\\".\\n\n# TYPE attempts unknown\nattempts 1.0\n",
            "# TYPE made counter\nmade_total{by=\"a\\\"\\\\\\n\"} 1.5e+06\n",
            "# TYPE open gauge\nopen 7.0\n",
            "sizes_bucket{of=\"x\",le=\"1.0\"} 0\n",
            "sizes_bucket{of=\"x\",le=\"+Inf\"} 1\nsizes_sum{of=\"x\"} 2.5\nsizes_count{of=\"x\"} 1\n",
        ] {
            assert!(open.contains(line), "no {line} in\n{open}");
        }
        assert!(open.ends_with("\n# EOF\n"));
    }
}
