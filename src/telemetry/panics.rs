//! How panics are told of: where, and what of the message was written by a programmer.
//!
//! What follows a colon in the message of a failed `expect` or `unwrap` is a value's `Debug`; nobody knows what that
//! holds, so it is left out.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::time::Duration;

use tracing::error;

/// How long a panic waits for the reader of logs.
const PATIENCE: Duration = Duration::from_millis(200);

/// Logs panics from now on, in place of what the standard library prints.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current().name().unwrap_or("?").to_owned();
        let trace = Backtrace::capture();
        let captured = trace.status() == BacktraceStatus::Captured;
        let trace = if captured { trace.to_string() } else { String::new() };
        error!(location, thread, trace, "panic: {}", harmless(info));
        // It may be the last line.
        super::flush_logs(PATIENCE);
    }));
}

/// The part of the message that a programmer wrote.
fn harmless<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = info.payload();
    match (payload.downcast_ref::<&'static str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => written(text),
        _ => "no message",
    }
}

fn written(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    line.split_once(": ").map_or(line, |(before, _)| before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_left_out() {
        let check = |text: &str, shown: &str| assert_eq!(written(text), shown);
        check(
            "called `Result::unwrap()` on an `Err` value: Secret(\"planted\")",
            "called `Result::unwrap()` on an `Err` value",
        );
        check("a good reason: Custom { kind: Other, error: \"planted\" }", "a good reason");
        check(
            "assertion `left == right` failed\n  left: \"planted\"\n right: \"b\"",
            "assertion `left == right` failed",
        );
        check("index out of bounds: the len is 3 but the index is 5", "index out of bounds");
        check("no value", "no value");
        check("", "");
    }
}
