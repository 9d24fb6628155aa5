//! An object as the functions that make its cells read it.

use keelson_apimachinery::Value;
use keelson_apimachinery::scalar::{MicroTime, Time};

use super::text::human_duration;

/// An object, and when it is looked at.
pub(super) struct Row<'a> {
    object: &'a Value,
    now: i64,
}

impl<'a> Row<'a> {
    pub(super) fn new(object: &'a Value, now: i64) -> Self {
        Row { object, now }
    }

    pub(super) fn at(&self, path: &[&str]) -> Option<&'a Value> {
        self.object.at(path).filter(|v| !v.is_null())
    }

    /// The string at a path; empty where there is none.
    pub(super) fn str(&self, path: &[&str]) -> &'a str {
        self.object.str_at(path)
    }

    /// The string at a path, or another one where it is absent.
    pub(super) fn str_or(&self, path: &[&str], absent: &'static str) -> &'a str {
        self.at(path).and_then(Value::as_str).unwrap_or(absent)
    }

    /// The string at a path, or another one where it is absent or empty.
    pub(super) fn filled_or(&self, path: &[&str], empty: &'static str) -> &'a str {
        match self.str(path) {
            "" => empty,
            text => text,
        }
    }

    /// The integer at a path; 0 where there is none.
    pub(super) fn int(&self, path: &[&str]) -> i64 {
        self.at(path).and_then(Value::as_i64).unwrap_or(0)
    }

    /// The boolean at a path; false where there is none.
    pub(super) fn bool(&self, path: &[&str]) -> bool {
        self.at(path).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The list at a path; empty where there is none.
    pub(super) fn list(&self, path: &[&str]) -> &'a [Value] {
        self.at(path).and_then(Value::as_array).unwrap_or_default()
    }

    /// How many members the object or list at a path has.
    pub(super) fn count(&self, path: &[&str]) -> i64 {
        match self.at(path) {
            Some(Value::Object(map)) => map.len() as i64,
            Some(Value::Array(list)) => list.len() as i64,
            _ => 0,
        }
    }

    pub(super) fn name(&self) -> &'a str {
        self.str(&["metadata", "name"])
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.at(&["metadata", "deletionTimestamp"]).is_some()
    }

    pub(super) fn label(&self, key: &str) -> &'a str {
        self.str(&["metadata", "labels", key])
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&'a str> {
        self.at(&["metadata", "annotations", key])?.as_str()
    }

    /// How long ago the object was made.
    pub(super) fn age(&self) -> String {
        self.since(&["metadata", "creationTimestamp"])
    }

    /// How long ago the time at a path was.
    pub(super) fn since(&self, path: &[&str]) -> String {
        self.since_text(self.str(path))
    }

    /// How long ago a time was.
    pub(super) fn since_text(&self, time: &str) -> String {
        micros(time).map_or_else(|| "<unknown>".to_owned(), |then| self.since_micros(then))
    }

    /// How long ago a time was that is given in microseconds since 1970.
    pub(super) fn since_micros(&self, then: i64) -> String {
        human_duration(self.now.saturating_sub(then))
    }

    /// How long it was from one time to another.
    pub(super) fn between(&self, from: &[&str], to: &[&str]) -> Option<String> {
        Some(human_duration(micros(self.str(to))?.saturating_sub(micros(self.str(from))?)))
    }
}

/// A time's microseconds since 1970; `None` for none.
pub(super) fn micros(time: &str) -> Option<i64> {
    if time.is_empty() {
        return None;
    }
    let (seconds, nanos) = match MicroTime::parse(time) {
        Ok(time) => (time.seconds, time.nanos),
        Err(_) => (Time::parse(time).ok().filter(|t| !t.is_zero())?.seconds, 0),
    };
    Some(seconds.saturating_mul(1_000_000).saturating_add(i64::from(nanos / 1_000)))
}

/// The status of the condition of a type in a list of conditions.
pub(super) fn condition<'a>(conditions: &'a [Value], ty: &str) -> Option<&'a str> {
    conditions.iter().find(|c| c.str_at(&["type"]) == ty).map(|c| c.str_at(&["status"]))
}
