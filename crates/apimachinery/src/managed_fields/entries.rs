//! `metadata.managedFields`: who owns which fields.

use std::collections::BTreeMap;

use super::set::Set;
use crate::{Map, Text, Value};

/// How a manager came to own its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// By applying a configuration.
    Apply,
    /// By any other write.
    Update,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        }
    }
}

/// What tells managers apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// The name.
    pub manager: Text,
    /// How it came to own its fields.
    pub operation: Operation,
    /// The version that it wrote; empty for appliers, who are the same in all versions.
    pub api_version: Text,
    /// The subresource that it wrote; empty for the object itself.
    pub subresource: Text,
}

impl Identity {
    /// The identity of who writes so.
    pub fn new(manager: &str, operation: Operation, api_version: &str, subresource: &str) -> Self {
        let manager = if manager.is_empty() { "unknown" } else { manager };
        let api_version = if operation == Operation::Apply { "" } else { api_version };
        Identity {
            manager: manager.into(),
            operation,
            api_version: api_version.into(),
            subresource: subresource.into(),
        }
    }
}

/// What a manager owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// The fields.
    pub set: Set,
    /// The version whose names the fields have.
    pub api_version: Text,
    /// When it wrote last, as RFC 3339 in UTC; `None` where it never changed anything.
    pub time: Option<Text>,
}

/// All managers of an object.
pub type Managers = BTreeMap<Identity, Owned>;

/// Reads `metadata.managedFields`.
///
/// # Errors
/// A text for the first entry that is none.
pub fn decode(entries: &[Value]) -> Result<Managers, String> {
    let mut managers = Managers::new();
    for (i, entry) in entries.iter().enumerate() {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        let operation = match text("operation") {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return Err("operation must be `Apply` or `Update`".into()),
        };
        let api_version = text("apiVersion");
        if api_version.is_empty() {
            return Err("apiVersion must not be empty".into());
        }
        match text("fieldsType") {
            "FieldsV1" => {}
            "" => return Err(format!("missing fieldsType in managed fields entry {i}")),
            other => return Err(format!("invalid fieldsType {other:?} in managed fields entry {i}")),
        }
        let set = match entry.get("fieldsV1") {
            None | Some(Value::Null) => Set::new(),
            Some(Value::Raw(json)) => Set::parse(json.as_bytes()).map_err(undecodable)?,
            Some(tree) => {
                let mut json = Vec::new();
                crate::codec::json::encode_untyped(tree, &mut json);
                Set::parse(&json).map_err(undecodable)?
            }
        };
        let identity = Identity {
            manager: text("manager").into(),
            operation,
            api_version: if operation == Operation::Apply { Text::default() } else { api_version.into() },
            subresource: text("subresource").into(),
        };
        let time = entry.get("time").and_then(Value::as_str).map(Text::from);
        managers.insert(identity, Owned { set, api_version: api_version.into(), time });
    }
    Ok(managers)
}

fn undecodable(why: String) -> String {
    format!("error decoding set: {why}")
}

/// `metadata.managedFields` of these managers: appliers first, in the order of their times.
pub fn encode(managers: &Managers) -> Vec<Value> {
    let mut sorted: Vec<(&Identity, &Owned)> = managers.iter().collect();
    // Times are all in one form, so that their text has their order.
    sorted.sort_by(|(a, x), (b, y)| {
        let by_time = x.time.as_deref().unwrap_or("").cmp(y.time.as_deref().unwrap_or(""));
        a.operation
            .cmp(&b.operation)
            .then(by_time)
            .then_with(|| a.manager.cmp(&b.manager))
            .then_with(|| x.api_version.cmp(&y.api_version))
            .then_with(|| a.subresource.cmp(&b.subresource))
    });
    sorted.into_iter().map(|(identity, owned)| entry(identity, owned)).collect()
}

fn entry(identity: &Identity, owned: &Owned) -> Value {
    let mut entry = Vec::with_capacity(7);
    let mut add = |key: &'static str, value: Value| entry.push((Text::const_new(key), value));
    add("apiVersion", owned.api_version.clone().into());
    add("fieldsType", "FieldsV1".into());
    add("fieldsV1", Value::Raw(owned.set.to_json().into()));
    if !identity.manager.is_empty() {
        add("manager", identity.manager.clone().into());
    }
    add("operation", identity.operation.name().into());
    if !identity.subresource.is_empty() {
        add("subresource", identity.subresource.clone().into());
    }
    if let Some(time) = &owned.time {
        add("time", time.clone().into());
    }
    Value::Object(entry.into_iter().collect::<Map>())
}

/// Whether entries, as a client sent them, ask to forget all managers: the list has one entry, which is empty.
/// (So does an empty list, which canonical trees don't have.)
pub fn asks_reset(entries: &[Value]) -> bool {
    matches!(entries, [Value::Object(only)] if only.is_empty())
}

/// Whether two lists of entries differ in nothing but their times, and do in those.
pub fn only_times_differ(old: &[Value], new: &[Value]) -> bool {
    let same = |a: &Value, b: &Value| {
        let (Value::Object(a), Value::Object(b)) = (a, b) else { return a == b };
        let timeless = |m: &Map| m.len() - usize::from(m.contains_key("time"));
        timeless(a) == timeless(b) && a.iter().all(|(key, value)| key == "time" || b.get(key) == Some(value))
    };
    old != new && old.len() == new.len() && old.iter().zip(new).all(|(a, b)| same(a, b))
}
