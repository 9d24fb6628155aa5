//! Acknowledged writes against the history: each is in it, once, built on the state before it; a refusal has
//! its reason in a state that was there meanwhile.
//!
//! A pod goes in two steps, even without grace: a mark and its end. A deletion that finds the mark or the end
//! made by another is answered all the same; who changes a marked pod ends it instead, and is answered with what
//! the change would have made.

use std::collections::{HashMap, HashSet};

use crate::history::{Entry, History, State};
use crate::record::{Effect, Record, WriteCall};
use crate::selection::{Facts, Key, Kind};

/// Which revisions a call may see, from what was acknowledged before it began and what began after it ended.
pub(crate) struct Windows {
    /// End stamp and highest revision acknowledged by then, rising.
    acknowledged: Vec<(u64, u64)>,
    /// Begin stamp and lowest revision of what began from then on, rising.
    begun: Vec<(u64, u64)>,
}

impl Windows {
    fn new(writes: &[(u64, u64, u64)]) -> Windows {
        let mut acknowledged: Vec<(u64, u64)> = writes.iter().map(|(_, end, rv)| (*end, *rv)).collect();
        acknowledged.sort();
        let mut highest = 0;
        for (_, revision) in &mut acknowledged {
            highest = highest.max(*revision);
            *revision = highest;
        }
        let mut begun: Vec<(u64, u64)> = writes.iter().map(|(begin, _, rv)| (*begin, *rv)).collect();
        begun.sort();
        let mut lowest = u64::MAX;
        for (_, revision) in begun.iter_mut().rev() {
            lowest = lowest.min(*revision);
            *revision = lowest;
        }
        Windows { acknowledged, begun }
    }

    /// The highest revision that was acknowledged before the moment.
    pub(crate) fn low(&self, begin: u64) -> u64 {
        let past = self.acknowledged.partition_point(|(end, _)| *end < begin);
        past.checked_sub(1).map_or(0, |last| self.acknowledged[last].1)
    }

    /// The highest revision that can have been by the moment.
    pub(crate) fn high(&self, end: u64) -> u64 {
        let past = self.begun.partition_point(|(begin, _)| *begin <= end);
        self.begun.get(past).map_or(u64::MAX, |(_, revision)| revision - 1)
    }
}

/// Checks all writes; the windows of the time that they tell.
pub(crate) fn verify(record: &Record, history: &History) -> (Windows, Vec<String>) {
    let writes = record.writes.lock();
    let mut faults = Vec::new();
    let (mut placed, mut unplaced) = place_by_version(&writes, history, &mut faults);
    let spans = |placed: &[(&WriteCall, u64)]| -> Vec<(u64, u64, u64)> {
        placed.iter().map(|(call, revision)| (call.span.begin, call.span.end, *revision)).collect()
    };
    let windows = Windows::new(&spans(&placed));
    faults.extend(place_endings(&writes, history, &windows));
    place_by_time(&windows, history, &mut unplaced, &mut placed, &mut faults);
    let windows = Windows::new(&spans(&placed));
    for (call, revision) in &placed {
        let (low, high) = (windows.low(call.span.begin), windows.high(call.span.end));
        if *revision <= low || *revision > high {
            faults.push(format!("revision {revision} is outside of {low}..={high}: {call:?}"));
        }
        let entry = history.by_revision(*revision).expect("it was placed there");
        if let Err(why) = transition(call, entry) {
            faults.push(format!("{why}: {call:?} made {:?} of {:?}", entry.after, entry.before));
        }
    }
    let explained: HashSet<u64> = placed.iter().map(|(_, revision)| *revision).collect();
    for entry in history.entries.iter().filter(|e| e.of_the_model()) {
        // The end of what was marked may be anybody's who came upon it.
        let known = match entry {
            entry if explained.contains(&entry.revision) || is_end(entry) => true,
            entry => is_mark(entry) && mark_is_asked_for(entry, &writes, &windows),
        };
        if !known {
            faults.push(format!("nobody was told that they did {entry:?}"));
        }
    }
    for call in writes.iter().filter(|call| !call.acknowledged()) {
        if let Err(why) = refusal(call, history, &windows) {
            faults.push(format!("{why}: {call:?}"));
        }
    }
    (windows, faults)
}

type Placed<'a> = Vec<(&'a WriteCall, u64)>;

/// Writes whose answer has a version; the others are handed back.
fn place_by_version<'a>(
    writes: &'a [WriteCall],
    history: &History,
    faults: &mut Vec<String>,
) -> (Placed<'a>, Vec<&'a WriteCall>) {
    let (mut placed, mut unplaced) = (Placed::new(), Vec::new());
    let mut taken = HashSet::new();
    for call in writes.iter().filter(|call| call.acknowledged()) {
        let versioned = !matches!(call.effect, Effect::Delete { .. } | Effect::Bind { .. });
        if call.key.kind == Kind::Pod && matches!(call.effect, Effect::Delete { .. }) {
            place_pod_deletion(call, history, &mut taken, &mut placed, faults);
            continue;
        }
        let Some(item) = call.written.as_ref().filter(|_| versioned) else {
            if versioned {
                faults.push(format!("the answer is no object: {call:?}"));
            }
            unplaced.push(call);
            continue;
        };
        match history.by_revision(item.revision) {
            Some(entry)
                if entry.key == item.key
                    && entry.key == call.key
                    && entry.after.as_ref().is_some_and(|a| a.digest == item.digest) =>
            {
                if taken.insert(item.revision) {
                    placed.push((call, item.revision));
                } else {
                    faults.push(format!("two writes were told one version: {call:?}"));
                }
            }
            // It ended a marked pod: `place_endings` looks for that.
            Some(entry) if entry.key == call.key && is_mark(entry) => {}
            other => faults.push(format!("an acknowledged write is lost: {call:?}; there is {other:?}")),
        }
    }
    (placed, unplaced)
}

/// Whether the change is the second step of a pod's deletion.
fn is_end(entry: &Entry) -> bool {
    entry.after.is_none() && entry.before.as_ref().is_some_and(|before| before.facts.ending)
}

/// Whether the change is the first step of a pod's deletion.
fn is_mark(entry: &Entry) -> bool {
    let ending = |state: &Option<State>| state.as_ref().map(|s| s.facts.ending);
    ending(&entry.before) == Some(false) && ending(&entry.after) == Some(true)
}

/// A pod's deletion, which is answered with the end, or with the mark where another brings the end.
fn place_pod_deletion<'a>(
    call: &'a WriteCall,
    history: &History,
    taken: &mut HashSet<u64>,
    placed: &mut Placed<'a>,
    faults: &mut Vec<String>,
) {
    let item = call.written.as_ref();
    let entry = item.and_then(|item| history.by_revision(item.revision)).filter(|e| e.key == call.key);
    let digest = item.map(|item| item.digest);
    let shows = |state: &Option<State>| state.as_ref().map(|s| s.digest) == digest;
    match entry {
        Some(end) if is_end(end) && shows(&end.before) => {
            if taken.insert(end.revision) {
                placed.push((call, end.revision));
            } else {
                faults.push(format!("two deletions were told one version: {call:?}"));
            }
        }
        Some(mark) if is_mark(mark) && shows(&mark.after) => {}
        other => faults.push(format!("an acknowledged deletion is lost: {call:?}; there is {other:?}")),
    }
}

/// Whether the mark is that of a deletion that was acknowledged.
fn mark_is_asked_for(mark: &Entry, writes: &[WriteCall], windows: &Windows) -> bool {
    writes.iter().filter(|call| call.acknowledged() && call.key == mark.key).any(|call| {
        let in_time =
            windows.low(call.span.begin) < mark.revision && mark.revision <= windows.high(call.span.end);
        in_time && matches!(call.effect, Effect::Delete { .. }) && transition(call, mark).is_ok()
    })
}

/// Whether marked pods were gone before those who ended them were answered.
fn place_endings(writes: &[WriteCall], history: &History, windows: &Windows) -> Vec<String> {
    let mut faults = Vec::new();
    for call in writes.iter().filter(|call| call.acknowledged() && call.key.kind == Kind::Pod) {
        let Some(item) = &call.written else { continue };
        if !history.by_revision(item.revision).is_some_and(|e| e.key == call.key && is_mark(e)) {
            continue;
        }
        let end = history.changes(&call.key).find(|e| e.revision > item.revision);
        let high = windows.high(call.span.end);
        let gone = end.is_some_and(|e| e.after.is_none() && e.revision <= high);
        // Of several deletions only the first waits for the end.
        if !gone && !matches!(call.effect, Effect::Delete { .. }) {
            faults.push(format!("it neither changed the pod nor ended it by {high}: {call:?}; but {end:?}"));
        }
    }
    faults
}

/// Deletions and bindings, whose answers have no version: each to the earliest change of its kind that is in
/// its time and that nobody else made.
fn place_by_time<'a>(
    windows: &Windows,
    history: &History,
    unplaced: &mut Vec<&'a WriteCall>,
    placed: &mut Placed<'a>,
    faults: &mut Vec<String>,
) {
    let taken: HashSet<u64> = placed.iter().map(|(_, revision)| *revision).collect();
    let mut waiting: HashMap<&Key, Vec<&WriteCall>> = HashMap::new();
    for call in unplaced.drain(..) {
        waiting.entry(&call.key).or_default().push(call);
    }
    for (key, mut calls) in waiting {
        // Those that have to be early first.
        calls.sort_by_key(|call| windows.high(call.span.end));
        for entry in history.changes(key).filter(|e| !taken.contains(&e.revision)) {
            let fits = |call: &&WriteCall| {
                windows.low(call.span.begin) < entry.revision
                    && entry.revision <= windows.high(call.span.end)
                    && transition(call, entry).is_ok()
            };
            if let Some(at) = calls.iter().position(fits) {
                placed.push((calls.remove(at), entry.revision));
            }
        }
        faults.extend(calls.iter().map(|call| format!("an acknowledged write is lost: {call:?}")));
    }
}

/// Whether the change is what the write was to do to the state before.
fn transition(call: &WriteCall, entry: &Entry) -> Result<(), String> {
    let same_version = |wanted: &Option<u64>, before: &State| match wanted {
        Some(version) if *version != before.revision => {
            Err(format!("it was to change version {version} and changed {}", before.revision))
        }
        _ => Ok(()),
    };
    let (before, after) = (entry.before.as_ref(), entry.after.as_ref());
    let mut wanted = match before {
        Some(before) => (*before.facts).clone(),
        None => Facts::default(),
    };
    match (&call.effect, before) {
        (Effect::Create { .. }, Some(_)) => return Err("it made what was there".to_owned()),
        (Effect::Create { field, tier, node }, None) => {
            wanted.fields = [field.clone()].into();
            (wanted.tier, wanted.node) = (tier.clone(), node.clone());
        }
        (Effect::Apply { field }, _) => {
            wanted.fields.insert(field.0.clone(), field.1.clone());
        }
        (_, None) => return Err("it changed what was not there".to_owned()),
        (Effect::Overwrite { field, tier }, Some(_)) => {
            (wanted.fields, wanted.tier) = ([field.clone()].into(), tier.clone());
        }
        (Effect::Set { field, tier, based_on }, Some(before)) => {
            same_version(based_on, before)?;
            wanted.fields.insert(field.0.clone(), field.1.clone());
            if let Some(tier) = tier {
                wanted.tier.clone_from(tier);
            }
        }
        (Effect::Bind { node }, Some(before)) => {
            if !before.facts.node.is_empty() {
                return Err("the pod had a node".to_owned());
            }
            wanted.node.clone_from(node);
        }
        // What the precondition was about is what was marked.
        (Effect::Delete { .. }, Some(before)) if before.facts.ending && after.is_none() => return Ok(()),
        (Effect::Delete { based_on }, Some(before)) => {
            same_version(based_on, before)?;
            return match after {
                None => Ok(()),
                Some(after) => {
                    wanted.ending = true;
                    if *after.facts == wanted { Ok(()) } else { Err("it is still there".to_owned()) }
                }
            };
        }
    }
    let Some(after) = after else { return Err("it is gone".to_owned()) };
    if before.is_none() {
        wanted.uid.clone_from(&after.facts.uid);
    }
    if *after.facts == wanted { Ok(()) } else { Err(format!("it should be {wanted:?}")) }
}

/// Whether a refusal has a reason.
fn refusal(call: &WriteCall, history: &History, windows: &Windows) -> Result<(), String> {
    let (low, high) = (windows.low(call.span.begin), windows.high(call.span.end));
    let states = history.between(&call.key, low, high);
    let any = |reason: &dyn Fn(Option<&State>) -> bool| states.iter().any(|state| reason(*state));
    let justified = match (call.code, &call.effect) {
        (404, Effect::Create { .. } | Effect::Apply { .. }) => false,
        (404, _) => any(&|state| state.is_none()),
        (409, Effect::Create { .. }) => call.reason == "AlreadyExists" && any(&|state| state.is_some()),
        (409, Effect::Bind { .. }) => any(&|s| s.is_some_and(|s| s.facts.ending || !s.facts.node.is_empty())),
        (409, Effect::Set { based_on: Some(version), .. } | Effect::Delete { based_on: Some(version) }) => {
            any(&|s| s.is_none_or(|s| s.revision != *version))
        }
        // Without a version a conflict is with somebody who wrote meanwhile.
        (409, _) => states.len() > 1,
        _ => false,
    };
    if justified { Ok(()) } else { Err(format!("no state of {low}..={high} is a reason to refuse")) }
}
