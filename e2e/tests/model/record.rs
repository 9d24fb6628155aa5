//! What the clients were told. One clock stamps the begin and the end of every call, so that the record says
//! which calls were over before which began.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde_json::Value;

use crate::selection::{Facts, Key, Kind, Selection};

/// Everything that was done and answered.
#[derive(Default)]
pub(crate) struct Record {
    clock: AtomicU64,
    /// The highest version that any client was told.
    latest: AtomicU64,
    /// What was before is not recorded.
    first: AtomicU64,
    pub(crate) writes: Mutex<Vec<WriteCall>>,
    pub(crate) gets: Mutex<Vec<GetCall>>,
    pub(crate) lists: Mutex<Vec<ListCall>>,
    pub(crate) sessions: Mutex<Vec<Session>>,
    /// Compactions: the stamp before each, and its revision.
    pub(crate) compactions: Mutex<Vec<(u64, u64)>>,
    /// What was found to be wrong at once.
    pub(crate) faults: Mutex<Vec<String>>,
    contents: Mutex<HashMap<u64, Arc<Value>>>,
}

impl Record {
    /// The next moment.
    pub(crate) fn stamp(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn saw(&self, revision: u64) {
        self.latest.fetch_max(revision, Ordering::SeqCst);
    }

    pub(crate) fn latest(&self) -> u64 {
        self.latest.load(Ordering::SeqCst)
    }

    pub(crate) fn begins_at(&self, revision: u64) {
        self.first.store(revision, Ordering::SeqCst);
    }

    /// The revision that was the newest `back` revisions ago, or the first.
    pub(crate) fn earlier(&self, back: u64) -> u64 {
        self.latest().saturating_sub(back).max(self.first.load(Ordering::SeqCst))
    }

    pub(crate) fn fault(&self, text: String) {
        self.faults.lock().push(text);
    }

    /// Notes an object's content, each once.
    pub(crate) fn item(&self, kind: Kind, object: &Value) -> Item {
        let mut content = object.clone();
        if let Some(map) = content.as_object_mut() {
            map.remove("kind");
            map.remove("apiVersion");
        }
        let metadata = &mut content["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let revision = text(&metadata["resourceVersion"]).parse().unwrap_or(0);
        let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
        if let Some(map) = metadata.as_object_mut() {
            map.remove("resourceVersion");
        }
        let mut hasher = DefaultHasher::new();
        hash(&content, &mut hasher);
        let digest = hasher.finish();
        self.contents.lock().entry(digest).or_insert_with(|| Arc::new(content));
        self.saw(revision);
        Item { key: Key { kind, namespace, name }, revision, digest }
    }

    /// A noted content, without its resource version.
    pub(crate) fn content(&self, digest: u64) -> Arc<Value> {
        self.contents.lock().get(&digest).cloned().unwrap_or_default()
    }

    pub(crate) fn facts(&self, digest: u64) -> Facts {
        Facts::of(&self.content(digest))
    }
}

/// Hashes a value whatever the order of its maps.
fn hash(value: &Value, into: &mut DefaultHasher) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            ("{", entries.len()).hash(into);
            for (key, value) in entries {
                key.hash(into);
                hash(value, into);
            }
        }
        Value::Array(items) => {
            ("[", items.len()).hash(into);
            items.iter().for_each(|item| hash(item, into));
        }
        scalar => scalar.to_string().hash(into),
    }
}

/// An object as it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) key: Key,
    pub(crate) revision: u64,
    /// Of its content but for its resource version.
    pub(crate) digest: u64,
}

/// When a call was made, and through which server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) begin: u64,
    pub(crate) end: u64,
    #[expect(dead_code, reason = "it is shown with what is wrong")]
    pub(crate) server: usize,
}

/// What a write is to do.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// The object is new, with this one field.
    Create { field: (String, String), tier: Option<String>, node: String },
    /// The whole object is replaced, whatever it was.
    Overwrite { field: (String, String), tier: Option<String> },
    /// One field is set and, where it says so, the label; where a version is given, of that version alone.
    Set { field: (String, String), tier: Option<Option<String>>, based_on: Option<u64> },
    /// As `Set`, and a missing object is made.
    Apply { field: (String, String) },
    /// A pod is put on a node.
    Bind { node: String },
    /// The object goes, where it has this version.
    Delete { based_on: Option<u64> },
}

/// A write and its answer.
#[derive(Clone, Debug)]
pub(crate) struct WriteCall {
    pub(crate) span: Span,
    pub(crate) key: Key,
    pub(crate) effect: Effect,
    pub(crate) code: u16,
    /// The reason of a refusal.
    pub(crate) reason: String,
    /// The object that was answered, where that was one.
    pub(crate) written: Option<Item>,
}

impl WriteCall {
    pub(crate) fn acknowledged(&self) -> bool {
        (200..300).contains(&self.code)
    }
}

/// Which state a read asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// The one at the time of the call.
    Consistent,
    /// Any that was.
    Any,
    /// One that is no older.
    NotOlderThan(u64),
    /// This one.
    Exact(u64),
}

/// A read of one object; 404 has no item.
#[derive(Clone, Debug)]
pub(crate) struct GetCall {
    pub(crate) span: Span,
    pub(crate) key: Key,
    pub(crate) freshness: Freshness,
    pub(crate) item: Option<Item>,
}

/// A list, or a page of one.
#[derive(Clone, Debug)]
pub(crate) struct ListCall {
    pub(crate) span: Span,
    pub(crate) selection: Selection,
    pub(crate) freshness: Freshness,
    /// Only what is behind this key: it is a page that is not the first.
    pub(crate) behind: Option<Key>,
    pub(crate) limit: usize,
    pub(crate) answer: Listed,
}

#[derive(Clone, Debug)]
pub(crate) enum Listed {
    Page {
        revision: u64,
        items: Vec<Item>,
        /// Whether another page follows.
        more: bool,
    },
    /// 410.
    Expired,
}

/// One connection of a watch.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) watcher: usize,
    pub(crate) span: Span,
    pub(crate) selection: Selection,
    pub(crate) from: From,
    pub(crate) events: Vec<Event>,
    /// It ended with 410.
    pub(crate) expired: bool,
}

/// Where a watch starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// Behind this version.
    Version(u64),
    /// With the state, as initial events, with a mark at their end.
    State(Freshness),
    /// With the state, unmarked: a watch that names no version, or 0.
    Legacy(Freshness),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Added,
    Modified,
    Deleted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Object(Change, Item),
    Bookmark { revision: u64, ends_initial_events: bool },
}
