//! Reads against the history: what was shown was so, at the version that was named, in the time of the call.

use crate::expected::View;
use crate::history::History;
use crate::record::{Freshness, GetCall, Item, ListCall, Listed, Record};
use crate::verify_writes::Windows;

pub(crate) fn verify(record: &Record, history: &History, windows: &Windows) -> Vec<String> {
    let gets = record.gets.lock();
    let gets = gets.iter().filter_map(|call| get(call, history, windows).err());
    let mut faults: Vec<String> = gets.collect();
    for call in record.lists.lock().iter() {
        if let Err(why) = list(call, history, windows, record) {
            faults.push(format!(
                "{why} ({:?}, {:?}, limit {}, behind {:?}, asked at {:?})",
                call.selection, call.freshness, call.limit, call.behind, call.span
            ));
        }
    }
    faults
}

fn get(call: &GetCall, history: &History, windows: &Windows) -> Result<(), String> {
    let low = match call.freshness {
        Freshness::Consistent => windows.low(call.span.begin),
        Freshness::Any => 0,
        Freshness::NotOlderThan(version) | Freshness::Exact(version) => version,
    };
    let high = windows.high(call.span.end);
    let shown = call.item.as_ref();
    let was = history.between(&call.key, low, high).into_iter().any(|state| match (state, shown) {
        (None, None) => true,
        (Some(state), Some(item)) => state.revision == item.revision && state.digest == item.digest,
        _ => false,
    });
    if was { Ok(()) } else { Err(format!("no state of {low}..={high} is the one of {call:?}")) }
}

fn list(call: &ListCall, history: &History, windows: &Windows, record: &Record) -> Result<(), String> {
    let (revision, items, more) = match &call.answer {
        Listed::Page { revision, items, more } => (*revision, items, *more),
        Listed::Expired => return expired(call, record),
    };
    let (low, high) = match call.freshness {
        Freshness::Consistent => (windows.low(call.span.begin), windows.high(call.span.end)),
        Freshness::Any => (0, windows.high(call.span.end)),
        Freshness::NotOlderThan(version) => (version, windows.high(call.span.end)),
        Freshness::Exact(version) => (version, version),
    };
    if revision < low || high < revision {
        return Err(format!("a list shows version {revision}, and should one of {low}..={high}"));
    }
    let mut expected = View::new(history, &call.selection).state(revision);
    if let Some(key) = &call.behind {
        expected.retain(|item| item.key > *key);
    }
    let paged = call.limit > 0;
    if paged && items.len() > call.limit {
        return Err(format!("a page of {} has {} items", call.limit, items.len()));
    }
    if more && !paged {
        return Err("a list without a limit has another page".to_owned());
    }
    if more && expected.len() >= items.len() {
        expected.truncate(items.len());
    }
    same(items, &expected).map_err(|why| format!("a list of version {revision} is wrong: {why}"))
}

fn expired(call: &ListCall, record: &Record) -> Result<(), String> {
    let Freshness::Exact(version) = call.freshness else {
        return Err("410 for a list that names no version".to_owned());
    };
    compacted(record, version, call.span.end)
}

/// Whether a compaction that had begun by the moment took the version away.
pub(crate) fn compacted(record: &Record, version: u64, by: u64) -> Result<(), String> {
    let begun = record.compactions.lock().iter().any(|(begin, revision)| *begin < by && version < *revision);
    if begun { Ok(()) } else { Err(format!("410 for version {version}, which nobody compacted")) }
}

/// Where two states differ first.
pub(crate) fn same(shown: &[Item], expected: &[Item]) -> Result<(), String> {
    let missing = expected.iter().find(|e| !shown.iter().any(|s| s.key == e.key));
    if let Some(missing) = missing {
        return Err(format!("{missing:?} is missing"));
    }
    if let Some(extra) = shown.iter().find(|s| !expected.iter().any(|e| s.key == e.key)) {
        return Err(format!("{extra:?} should not be there"));
    }
    match shown.iter().zip(expected).find(|(s, e)| s != e) {
        Some((shown, expected)) => Err(format!("{shown:?} is there for {expected:?}")),
        None if shown.len() == expected.len() => Ok(()),
        None => Err("an item is there twice".to_owned()),
    }
}
