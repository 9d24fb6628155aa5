//! Lists and maps as the language has them: index, membership, size, and what macros build maps with.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Row;
use super::operators::unreached;
use crate::meter::{Meter, Outcome};
use crate::value::{Key, List, Map, Val, error, no_overload};

pub(super) const TABLE: &[Row] = &[
    ("_[_]", "index_list", "(list(A), int) -> A", unreached),
    ("_[_]", "index_map", "(map(A, B), A) -> B", unreached),
    ("_[_]", "optional_list_index_value", "(optional(list(A)), int) -> optional(A)", unreached),
    ("_[_]", "optional_map_index_value", "(optional(map(A, B)), A) -> optional(B)", unreached),
    ("_[?_]", "list_optindex_optional_int", "(list(A), int) -> optional(A)", unreached),
    ("_[?_]", "optional_list_optindex_optional_int", "(optional(list(A)), int) -> optional(A)", unreached),
    ("_[?_]", "map_optindex_optional_value", "(map(A, B), A) -> optional(B)", unreached),
    ("_[?_]", "optional_map_optindex_optional_value", "(optional(map(A, B)), A) -> optional(B)", unreached),
    ("@in", "in_list", "(A, list(A)) -> bool", contains),
    ("@in", "in_map", "(A, map(A, B)) -> bool", contains),
    ("size", "size_bytes", "(bytes) -> int", size),
    ("size", "bytes_size", "bytes.() -> int", size),
    ("size", "size_list", "(list(A)) -> int", size),
    ("size", "list_size", "list(A).() -> int", size),
    ("size", "size_map", "(map(A, B)) -> int", size),
    ("size", "map_size", "map(A, B).() -> int", size),
    ("size", "size_string", "(string) -> int", size),
    ("size", "string_size", "string.() -> int", size),
    ("cel.@mapInsert", "@mapInsert_map_map", "(map(A, B), map(A, B)) -> map(A, B)", insert_all),
    ("cel.@mapInsert", "@mapInsert_map_key_value", "(map(A, B), A, B) -> map(A, B)", insert_one),
];

fn contains<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [element, Val::List(list)] => Ok(Val::Bool(list_contains(meter, list, element)?)),
        [key, Val::Map(map)] => Ok(Val::Bool(map.get(key).is_some())),
        _ => no_overload(),
    }
}

/// Whether one of a list's elements equals `element`.
pub(super) fn list_contains(meter: &mut Meter, list: &List<'_>, element: &Val<'_>) -> Outcome<bool> {
    for other in list.iter() {
        if element.equals(&other?, meter)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn size<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    if let [Val::String(text)] = args {
        meter.work(text.len() as u64 / 64)?;
    }
    match args {
        [value @ (Val::String(_) | Val::Bytes(_) | Val::List(_) | Val::Map(_))] => {
            Ok(Val::Int(i64::try_from(value.size()).unwrap_or(i64::MAX)))
        }
        _ => no_overload(),
    }
}

type Entries<'a> = BTreeMap<Key, (Val<'a>, Val<'a>)>;

/// The entries of a map that grows: in place where nobody else holds it.
fn grow<'a>(meter: &mut Meter, map: Map<'a>) -> Outcome<Arc<Entries<'a>>> {
    match map {
        Map::Made(mut entries) => {
            if Arc::get_mut(&mut entries).is_none() {
                meter.allocate(entries.len() * size_of::<(Key, Val<'_>, Val<'_>)>())?;
            }
            Ok(entries)
        }
        Map::Json(..) => {
            let mut entries = Entries::new();
            for (key, value) in map.entries() {
                put(meter, &mut entries, key, value?)?;
            }
            Ok(Arc::new(entries))
        }
    }
}

fn put<'a>(meter: &mut Meter, entries: &mut Entries<'a>, key: Val<'a>, value: Val<'a>) -> Outcome<()> {
    let Some(at) = key.key() else {
        return error(format!("unsupported key type: {}", key.type_name()));
    };
    meter.allocate(size_of::<(Key, Val<'_>, Val<'_>)>())?;
    if entries.contains_key(&at) {
        return error(format!("insert failed: key {key} already exists"));
    }
    entries.insert(at, (key, value));
    Ok(())
}

/// A map with one more entry.
pub(crate) fn insert<'a>(meter: &mut Meter, map: Val<'a>, key: Val<'a>, value: Val<'a>) -> Outcome<Val<'a>> {
    let Val::Map(map) = map else {
        return no_overload();
    };
    let mut entries = grow(meter, map)?;
    put(meter, Arc::make_mut(&mut entries), key, value)?;
    Ok(Val::Map(Map::Made(entries)))
}

/// A map with the entries of another one.
pub(crate) fn merge<'a>(meter: &mut Meter, map: Val<'a>, more: &Val<'a>) -> Outcome<Val<'a>> {
    let (Val::Map(map), Val::Map(more)) = (map, more) else {
        return no_overload();
    };
    let mut entries = grow(meter, map)?;
    for (key, value) in more.entries() {
        put(meter, Arc::make_mut(&mut entries), key, value?)?;
    }
    Ok(Val::Map(Map::Made(entries)))
}

fn insert_one<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [map, key, value] => insert(meter, map.clone(), key.clone(), value.clone()),
        _ => no_overload(),
    }
}

fn insert_all<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [map, more] => merge(meter, map.clone(), more),
        _ => no_overload(),
    }
}
