//! JSON patch (RFC 6902), with the leniencies that kube-apiserver's library has and clients rely on.
//!
//! - What stands before a path's first `/` is ignored, so `data/k` means `/k`.
//! - `replace` of an absent member adds it; `copy` of one adds null; `test` of one against null passes.
//! - A list index may be negative (from the end; -1 behind the last element for `add`) and may have a sign
//!   or leading zeros.
//! - `replace` may replace the whole document, with an object or a list; no other operation may.
//! - A member `value` that is missing is null.

use super::{PatchError, go_json_type, raw};
use crate::codec::{MAX_DEPTH, StrictError};
use crate::{Map, Value};

/// The most operations that a patch may have.
pub const MAX_OPERATIONS: usize = 10_000;

/// How many bytes of JSON `copy` operations may add to an object in one patch: 3 MiB.
pub const MAX_COPY_BYTES: usize = 3 << 20;

/// The most values that one patch's operations may walk over, to measure or compare them, before it is
/// refused: a patch in reason walks over a few times its object's.
const MAX_WALKED: usize = 16 << 20;

/// The target as the patch's operations change it, in order. The patch is decoded JSON.
///
/// # Errors
/// [`PatchError::Malformed`] for what is no list of objects, [`PatchError::TooLarge`] for more than
/// [`MAX_OPERATIONS`], [`PatchError::Inapplicable`] for the first operation that fails, for copies beyond
/// [`MAX_COPY_BYTES`] and for values nested deeper than [`MAX_DEPTH`].
pub fn json_patch(target: Value, patch: &Value) -> Result<Value, PatchError> {
    let operations =
        operations(patch, "jsonpatch.Patch", "jsonpatch.Operation").map_err(PatchError::Malformed)?;
    if operations.len() > MAX_OPERATIONS {
        let found = operations.len();
        return Err(PatchError::TooLarge(format!(
            "The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {found}"
        )));
    }
    let mut run = Run { document: target, copied: 0, walked: 0 };
    for operation in operations.iter().copied() {
        run.apply(operation).map_err(PatchError::Inapplicable)?;
    }
    Ok(run.document)
}

/// What strict field validation finds in a JSON patch: operations' members that no operation has. To be
/// asked before [`json_patch`] where field validation is Strict or Warn.
///
/// # Errors
/// [`PatchError::Malformed`] for what is no list of objects, and for members of a wrong type.
pub fn json_patch_strict_errors(patch: &Value) -> Result<Vec<StrictError>, PatchError> {
    let malformed = |text: String| PatchError::Malformed(format!("error decoding patch: {text}"));
    let operations =
        operations(patch, "[]handlers.jsonPatchOp", "handlers.jsonPatchOp").map_err(malformed)?;
    let mut errors = Vec::new();
    for (i, operation) in operations.iter().enumerate() {
        for (key, value) in operation.iter() {
            match (key, value) {
                ("op" | "path" | "from", Value::String(_) | Value::Null) | ("value", _) => {}
                ("op" | "path" | "from", wrong) => {
                    let found = go_json_type(wrong);
                    return Err(malformed(format!(
                        "json: cannot unmarshal {found} into Go struct field jsonPatchOp.{key} of type string"
                    )));
                }
                (unknown, _) if errors.len() < 100 => {
                    errors.push(StrictError(format!("json patch unknown field \"[{i}].{unknown}\"")));
                }
                _ => {}
            }
        }
    }
    Ok(errors)
}

static EMPTY: Map = Map::new();

fn operations<'a>(patch: &'a Value, list: &str, item: &str) -> Result<Vec<&'a Map>, String> {
    let wrong = |value: &Value, ty: &str| {
        format!("json: cannot unmarshal {} into Go value of type {ty}", go_json_type(value))
    };
    let items = match patch {
        Value::Array(items) => items.as_slice(),
        Value::Null => &[],
        other => return Err(wrong(other, list)),
    };
    let operation = |value: &'a Value| match value {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(&EMPTY),
        other => Err(wrong(other, item)),
    };
    items.iter().map(operation).collect()
}

/// A patch being applied.
struct Run {
    document: Value,
    copied: usize,
    walked: usize,
}

/// What a path names: a place in an object or list that exists.
enum Place<'a> {
    Member(&'a mut Map, String),
    Element(&'a mut Vec<Value>, &'a str),
}

impl Run {
    fn apply(&mut self, operation: &Map) -> Result<(), String> {
        let null = Value::Null;
        let text = |name: &str| operation.get(name).and_then(Value::as_str);
        let kind = text("op").unwrap_or("unknown");
        let path =
            || text("path").ok_or_else(|| format!("{kind} operation failed to decode path: missing value"));
        let from =
            || text("from").ok_or_else(|| format!("{kind} operation failed to decode from: missing value"));
        let value = operation.get("value").unwrap_or(&null);
        match kind {
            "add" => self.insert(path()?, value.clone()),
            "remove" => self.take(path()?).map(drop),
            "replace" => self.replace(path()?, value.clone()),
            "move" => {
                let (from, path) = (from()?, path()?);
                let value = self.take(from)?;
                self.insert(path, value)
            }
            "copy" => {
                let (from, path) = (from()?, path()?);
                let value = self.copied(from)?;
                self.insert(path, value)
            }
            "test" => self.test(path()?, value),
            other => Err(format!("Unexpected kind: {other}")),
        }
    }

    /// The place that a path names, whether or not something is there.
    fn place<'a>(&'a mut self, path: &'a str) -> Result<Place<'a>, String> {
        let missing = || format!("doc is missing path: \"{path}\": missing value");
        let (_, pointer) = path.split_once('/').ok_or_else(missing)?;
        let (parents, last) = pointer.rsplit_once('/').map_or((None, pointer), |(p, l)| (Some(p), l));
        let mut at = &mut self.document;
        for token in parents.into_iter().flat_map(|p| p.split('/')) {
            raw::open(at);
            at = match at {
                Value::Object(map) => map.get_mut(&unescaped(token)),
                Value::Array(list) => index(token, list.len()).ok().and_then(|i| list.get_mut(i)),
                _ => None,
            }
            .ok_or_else(missing)?;
        }
        raw::open(at);
        match at {
            Value::Object(map) => Ok(Place::Member(map, unescaped(last))),
            Value::Array(list) => Ok(Place::Element(list, last)),
            _ => Err(missing()),
        }
    }

    /// Sets a member, or inserts an element.
    fn insert(&mut self, path: &str, value: Value) -> Result<(), String> {
        self.refuse_depth(path, &value)?;
        match self.place(path)? {
            Place::Member(map, key) => {
                map.insert(key, value);
            }
            Place::Element(list, "-") => list.push(value),
            Place::Element(list, token) => {
                let at = index(token, list.len() + 1)?;
                list.insert(at, value);
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &str) -> Result<Value, String> {
        match self.place(path)? {
            Place::Member(map, key) => map
                .remove(&key)
                .ok_or_else(|| format!("Unable to remove nonexistent key: {key}: missing value")),
            Place::Element(list, token) => {
                let at = index(token, list.len())?;
                Ok(list.remove(at))
            }
        }
    }

    fn replace(&mut self, path: &str, value: Value) -> Result<(), String> {
        self.refuse_depth(path, &value)?;
        if path.is_empty() {
            if !matches!(value, Value::Object(_) | Value::Array(_)) {
                return Err("replace operation value must be object or array".to_owned());
            }
            self.document = value;
            return Ok(());
        }
        match self.place(path)? {
            Place::Member(map, key) => {
                map.insert(key, value);
            }
            Place::Element(list, token) => {
                let at = index(token, list.len())?;
                list[at] = value;
            }
        }
        Ok(())
    }

    fn copied(&mut self, from: &str) -> Result<Value, String> {
        let value = match self.place(from)? {
            Place::Member(map, key) => map.get(&key).cloned().unwrap_or_default(),
            Place::Element(list, token) => list[index(token, list.len())?].clone(),
        };
        self.copied += self.measure(&value)?.bytes;
        if self.copied > MAX_COPY_BYTES {
            let copied = self.copied;
            return Err(format!(
                "Unable to complete the copy, the accumulated size increase of copy is {copied}, exceeding the limit {MAX_COPY_BYTES}"
            ));
        }
        Ok(value)
    }

    fn test(&mut self, path: &str, want: &Value) -> Result<(), String> {
        let walk = self.measure(want)?.values;
        self.walk(walk)?;
        let null = Value::Null;
        let same = if path.is_empty() {
            same(&self.document, want)
        } else {
            match self.place(path)? {
                Place::Member(map, key) => same(map.get(&key).unwrap_or(&null), want),
                Place::Element(list, token) => same(&list[index(token, list.len())?], want),
            }
        };
        if same { Ok(()) } else { Err(format!("testing value {path} failed: test failed")) }
    }

    /// Refuses a value that would nest too deeply at this path.
    fn refuse_depth(&mut self, path: &str, value: &Value) -> Result<(), String> {
        let above = path.bytes().filter(|b| *b == b'/').count();
        if above + self.measure(value)?.depth > MAX_DEPTH {
            return Err(format!("values nest deeper than {MAX_DEPTH}"));
        }
        Ok(())
    }

    fn walk(&mut self, values: usize) -> Result<(), String> {
        self.walked += values;
        if self.walked > MAX_WALKED {
            Err("the patch's operations are too costly".to_owned())
        } else {
            Ok(())
        }
    }

    fn measure(&mut self, value: &Value) -> Result<Measure, String> {
        let measure = Measure::of(value);
        self.walk(measure.values)?;
        Ok(measure)
    }
}

/// The size of a value.
#[derive(Default)]
struct Measure {
    /// How many values it consists of.
    values: usize,
    /// How deep lists and objects nest.
    depth: usize,
    /// About how long its JSON is.
    bytes: usize,
}

impl Measure {
    fn of(value: &Value) -> Self {
        let mut all = Measure { values: 1, depth: 0, bytes: 2 };
        let mut inner = |key: usize, value: &Value| {
            let inner = Measure::of(value);
            all.values += inner.values;
            all.depth = all.depth.max(inner.depth);
            all.bytes += inner.bytes + key + 1;
        };
        match value {
            Value::Null | Value::Bool(_) => all.bytes = 4,
            Value::Int(_) | Value::Float(_) => all.bytes = 8,
            Value::String(text) => all.bytes += text.len(),
            Value::Raw(text) => {
                // A raw value may become a tree; an upper bound of it is good enough here.
                all.bytes = text.len();
                all.values += text.bytes().filter(|b| matches!(b, b',' | b':' | b'{' | b'[')).count();
                all.depth = raw_depth(text);
            }
            Value::Array(list) => {
                list.iter().for_each(|v| inner(0, v));
                all.depth += 1;
            }
            Value::Object(map) => {
                map.iter().for_each(|(k, v)| inner(k.len() + 3, v));
                all.depth += 1;
            }
        }
        all
    }
}

/// How deep brackets nest in JSON text, those in strings counted too.
fn raw_depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for b in text.bytes() {
        match b {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Whether two values are the same; a raw one is what its text says.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Raw(_), _) => same(&raw::tree(a), b),
        (_, Value::Raw(_)) => same(a, &raw::tree(b)),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|((ka, a), (kb, b))| ka == kb && same(a, b))
        }
        (a, b) => a == b,
    }
}

fn unescaped(token: &str) -> String {
    let mut out = String::with_capacity(token.len());
    let mut rest = token;
    while let Some(at) = rest.find('~') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.as_bytes().first() {
            Some(b'0') => out.push('~'),
            Some(b'1') => out.push('/'),
            _ => {
                out.push('~');
                continue;
            }
        }
        rest = &rest[1..];
    }
    out.push_str(rest);
    out
}

/// The index that a token means among `len` places; a negative one counts from behind.
fn index(token: &str, len: usize) -> Result<usize, String> {
    let number: i64 = token.parse().map_err(|_| format!("value was not a proper array index: '{token}'"))?;
    let at = if number < 0 { len as i64 + number } else { number };
    usize::try_from(at)
        .ok()
        .filter(|at| *at < len)
        .ok_or_else(|| format!("Unable to access invalid index: {number}: invalid index referenced"))
}

#[cfg(test)]
mod tests;
