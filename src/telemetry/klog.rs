//! Log lines as Kubernetes' tools expect them.
//!
//! Source: "System logs" in the Kubernetes documentation: klog's text format and the JSON format.

use std::fmt::{self, Write};

use keelson_base::clock::{self, Timestamp};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::Format;

/// Writes one line an event.
pub(super) struct Lines {
    format: Format,
    process: u32,
}

impl Lines {
    pub(super) fn new(format: Format) -> Self {
        Lines { format, process: std::process::id() }
    }
}

/// The line that tells that lines were dropped.
pub(super) fn dropped(format: Format, lines: u64) -> String {
    let message = "log lines were dropped: whoever reads standard error is too slow";
    let now = clock::now();
    match format {
        Format::Text => {
            let time = now.strftime("%m%d %H:%M:%S%.6f");
            let (process, file, line) = (std::process::id(), "klog.rs", line!());
            format!("W{time} {process:>7} {file}:{line}] {} dropped={lines}\n", quoted(message))
        }
        Format::Json => {
            let millis = now.as_microsecond() as f64 / 1000.0;
            format!("{}\n", serde_json::json!({ "ts": millis, "msg": message, "dropped": lines }))
        }
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = match self.format {
            Format::Text => text(event.metadata(), &fields, clock::now(), self.process),
            Format::Json => json(event.metadata(), &fields, clock::now()),
        };
        out.write_str(&line)
    }
}

/// The message and the other fields, in order.
#[derive(Default)]
struct Fields {
    message: String,
    /// klog's verbosity, where it is not that of the event's level.
    verbosity: Option<u32>,
    others: Vec<(&'static str, Value)>,
}

enum Value {
    Text(String),
    /// A number or boolean: the same in both formats.
    Plain(String),
}

impl Fields {
    fn push(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::Text(text) | Value::Plain(text)) => self.message = text,
            // klog's own names.
            ("v", Value::Plain(verbosity)) => self.verbosity = verbosity.parse().ok(),
            ("error", value) => self.others.push(("err", value)),
            (name, value) => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, Value::Text(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, Value::Text(value.to_owned()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, Value::Plain(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, Value::Plain(value.to_string()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, Value::Plain(value.to_string()));
    }
}

/// `I0102 15:04:05.000000    1234 file.rs:12] "message" key="value"` in UTC.
fn text(metadata: &Metadata<'_>, fields: &Fields, now: Timestamp, process: u32) -> String {
    let severity = match *metadata.level() {
        Level::ERROR => 'E',
        Level::WARN => 'W',
        _ => 'I',
    };
    let (file, line) = place(metadata);
    let time = now.strftime("%m%d %H:%M:%S%.6f");
    let mut out = format!("{severity}{time} {process:>7} {file}:{line}] {}", quoted(&fields.message));
    for (name, value) in &fields.others {
        // Writing to a string does not fail.
        let _ = match value {
            Value::Text(text) => write!(out, " {name}={}", quoted(text)),
            Value::Plain(text) => write!(out, " {name}={text}"),
        };
    }
    out.push('\n');
    out
}

/// `{"ts":…,"caller":"file.rs:12","msg":"…","v":0,…}`; warnings and errors have no verbosity.
fn json(metadata: &Metadata<'_>, fields: &Fields, now: Timestamp) -> String {
    let mut object = serde_json::Map::new();
    let millis = now.as_microsecond() as f64 / 1000.0;
    object.insert("ts".to_owned(), millis.into());
    let (file, line) = place(metadata);
    object.insert("caller".to_owned(), format!("{file}:{line}").into());
    object.insert("msg".to_owned(), fields.message.as_str().into());
    let verbosity = match *metadata.level() {
        Level::ERROR | Level::WARN => None,
        Level::INFO => Some(0),
        Level::DEBUG => Some(3),
        Level::TRACE => Some(6),
    };
    if let Some(verbosity) = fields.verbosity.or(verbosity) {
        object.insert("v".to_owned(), verbosity.into());
    }
    for (name, value) in &fields.others {
        let value = match value {
            Value::Text(text) => text.as_str().into(),
            Value::Plain(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        };
        object.insert((*name).to_owned(), value);
    }
    format!("{}\n", serde_json::Value::Object(object))
}

fn place<'a>(metadata: &'a Metadata<'_>) -> (&'a str, u32) {
    let file = metadata.file().unwrap_or("???");
    (file.rsplit('/').next().unwrap_or(file), metadata.line().unwrap_or(0))
}

/// In double quotes, on one line.
fn quoted(text: &str) -> String {
    keelson_apimachinery::field::quote(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(format: Format) -> String {
        use parking_lot::Mutex;
        use std::io;
        use std::sync::Arc;
        use tracing_subscriber::layer::SubscriberExt;

        #[derive(Clone, Default)]
        struct Sink(Arc<Mutex<Vec<u8>>>);
        impl io::Write for Sink {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = tracing_subscriber::fmt::layer()
            .event_format(Lines::new(format))
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::warn!(code = 429, path = "/a\nb", error = "e", v = 2, "too \"many\"");
        });
        let line = String::from_utf8(sink.0.lock().clone()).expect("UTF-8");
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        line
    }

    #[test]
    fn lines_are_klogs() {
        let text = logged(Format::Text);
        let wanted = "] \"too \\\"many\\\"\" code=429 path=\"/a\\nb\" err=\"e\"\n";
        assert!(text.starts_with('W') && text.ends_with(wanted), "{text}");
        let mut json: serde_json::Value = serde_json::from_str(&logged(Format::Json)).expect("JSON");
        let members = json.as_object_mut().expect("an object");
        assert!(members.remove("ts").is_some_and(|ts| ts.is_f64()));
        assert!(members.remove("caller").is_some_and(|caller| caller.to_string().contains("klog.rs:")));
        let wanted =
            serde_json::json!({ "msg": "too \"many\"", "v": 2, "code": 429, "path": "/a\nb", "err": "e" });
        assert_eq!(json, wanted);
        for (format, wanted) in [(Format::Text, " dropped=7\n"), (Format::Json, "\"dropped\":7")] {
            assert!(dropped(format, 7).contains(wanted));
        }
    }
}
