//! The order of merged lists.

use std::collections::HashMap;

use super::super::printed::printed;
use super::{PatchError, no_merge_key, wrong_type};
use crate::{Map, Value};

/// A value that tells elements apart, to look up: scalars compare by value, anything else by its text.
#[derive(PartialEq, Eq, Hash)]
pub(super) enum Identity {
    Null,
    Bool(bool),
    Int(i64),
    Float(u64),
    Text(crate::Text),
    Other(String),
}

impl Identity {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Identity::Null,
            Value::Bool(b) => Identity::Bool(*b),
            Value::Int(i) => Identity::Int(*i),
            Value::Float(f) => Identity::Float((f + 0.0).to_bits()),
            Value::String(s) => Identity::Text(s.clone()),
            other => Identity::Other(printed(other)),
        }
    }
}

/// What tells the elements of a list apart: their merge key's value, or themselves.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    Key(&'a str),
    Value,
}

impl By<'_> {
    pub(super) fn identity(self, item: &Value) -> Result<Identity, PatchError> {
        match self {
            By::Value => Ok(Identity::of(item)),
            By::Key(key) => Ok(Identity::of(key_of(object(item)?, key)?)),
        }
    }
}

/// The object that an element of a keyed list must be.
pub(super) fn object(item: &Value) -> Result<&Map, PatchError> {
    item.as_object().ok_or_else(|| wrong_type("map[string]interface {}", item))
}

/// The merge key's value, which an element of a keyed list must have.
pub(super) fn key_of<'a>(item: &'a Map, key: &str) -> Result<&'a Value, PatchError> {
    item.get(key).ok_or_else(|| no_merge_key(item, key))
}

/// The places of elements in a list, the first of equal ones.
pub(super) struct Places(HashMap<Identity, usize>);

impl Places {
    pub(super) fn of(list: &[Value], by: By<'_>) -> Result<Self, PatchError> {
        let mut places = HashMap::with_capacity(list.len());
        for (i, item) in list.iter().enumerate() {
            places.entry(by.identity(item)?).or_insert(i);
        }
        Ok(Places(places))
    }

    fn get(&self, identity: &Identity) -> Option<usize> {
        self.0.get(identity).copied()
    }
}

struct Element {
    value: Value,
    /// Its place in the list that orders its side.
    rank: Option<usize>,
    /// Its place in the original list.
    original: Option<usize>,
}

/// Puts merged elements in order: those that `wanted` names in its order, the others in the order of
/// `original`. One of the others stands before the first named one behind it in the original list, as far
/// as the two orders allow.
pub(super) fn arrange(
    merged: Vec<Value>,
    wanted: &Places,
    original: &Places,
    by: By<'_>,
) -> Result<Vec<Value>, PatchError> {
    let (mut named, mut others) = (Vec::new(), Vec::new());
    for value in merged {
        let identity = by.identity(&value)?;
        let (rank, original) = (wanted.get(&identity), original.get(&identity));
        match rank {
            Some(_) => named.push(Element { value, rank, original }),
            None => others.push(Element { value, rank: original, original }),
        }
    }
    named.sort_by_key(|e| e.rank);
    others.sort_by_key(|e| e.rank);
    let mut out = Vec::with_capacity(named.len() + others.len());
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    loop {
        let other_first = match (others.peek(), named.peek()) {
            (Some(other), Some(named)) => {
                matches!((other.original, named.original), (Some(a), Some(b)) if a < b)
            }
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => break,
        };
        let next = if other_first { others.next() } else { named.next() };
        out.extend(next.map(|e| e.value));
    }
    Ok(out)
}
