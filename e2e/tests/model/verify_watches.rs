//! Watches against the history: the events behind the start, as the selector sees them, in order, without gap
//! or repeat.

use crate::expected::{View, replay};
use crate::history::History;
use crate::record::{Change, Event, Freshness, From, Item, Record, Session};
use crate::verify_reads::{compacted, same};
use crate::verify_writes::Windows;

pub(crate) fn verify(record: &Record, history: &History, windows: &Windows) -> Vec<String> {
    let check = |session: &Session| {
        verify_session(session, record, history, windows).err().map(|why| {
            format!(
                "watcher {} of {:?} from {:?} at {:?}: {why}",
                session.watcher, session.selection, session.from, session.span
            )
        })
    };
    record.sessions.lock().iter().filter_map(check).collect()
}

fn verify_session(
    session: &Session,
    record: &Record,
    history: &History,
    windows: &Windows,
) -> Result<(), String> {
    let view = View::new(history, &session.selection);
    let high = windows.high(session.span.end);
    if let Some(event) = session.events.iter().find(|e| revision(e) > high) {
        return Err(format!("{event:?} is of the future: nothing past {high} had begun"));
    }
    match session.from {
        From::Version(version) => {
            if session.expired {
                compacted(record, version.max(last(&session.events)), session.span.end)?;
            }
            follow(version, &session.events, view.after(version))
        }
        From::State(freshness) => {
            let marks = |event: &Event| matches!(event, Event::Bookmark { ends_initial_events: true, .. });
            if let Some(at) = session.events.iter().position(marks) {
                let mark = revision(&session.events[at]);
                if let Some(low) = low(freshness, session, windows).filter(|low| mark < *low) {
                    return Err(format!("the initial events are of {mark}, and should be of {low} or later"));
                }
                let state: Vec<Item> = replay(session.events[..at].iter()).into_values().collect();
                same(&state, &view.state(mark))
                    .map_err(|why| format!("the initial events end at {mark} with a wrong state: {why}"))?;
            }
            from_state(freshness, session, &view, windows)
        }
        From::Legacy(freshness) => {
            if let Some(event) = session.events.iter().find(|e| matches!(e, Event::Bookmark { .. })) {
                return Err(format!("{event:?} was not asked for"));
            }
            from_state(freshness, session, &view, windows)
        }
    }
}

/// The lowest version that the state of a watch may have.
fn low(freshness: Freshness, session: &Session, windows: &Windows) -> Option<u64> {
    match freshness {
        Freshness::Consistent => Some(windows.low(session.span.begin)),
        Freshness::NotOlderThan(version) | Freshness::Exact(version) => Some(version),
        Freshness::Any => None,
    }
}

/// Whether the events are those behind `start`.
fn follow(start: u64, events: &[Event], expected: &[(Change, Item)]) -> Result<(), String> {
    let (mut reached, mut rest) = (start, expected.iter().peekable());
    for event in events {
        match event {
            Event::Bookmark { revision, .. } => {
                if let Some(missed) = rest.peek().filter(|(_, item)| item.revision <= *revision) {
                    return Err(format!("a bookmark of {revision} comes before {missed:?}"));
                }
                if *revision < reached {
                    return Err(format!("a bookmark of {revision} comes after version {reached}"));
                }
                reached = *revision;
            }
            Event::Object(change, item) => match rest.next() {
                Some(next) if *next == (*change, item.clone()) => reached = item.revision,
                Some(next) => return Err(format!("{:?} comes, and {next:?} should", (change, item))),
                None => return Err(format!("{:?} comes, and nothing should", (change, item))),
            },
        }
    }
    Ok(())
}

/// Whether there is a state that the events start with, in order of its keys, and are the history behind.
fn from_state(
    freshness: Freshness,
    session: &Session,
    view: &View<'_>,
    windows: &Windows,
) -> Result<(), String> {
    // What was there before the clients came is in every state.
    let low = low(freshness, session, windows).unwrap_or(0).max(view.begins());
    let high = windows.high(session.span.end);
    let objects = || session.events.iter().filter(|e| matches!(e, Event::Object(..)));
    // The state changes nowhere else.
    let points = view.events.iter().map(|(_, item)| item.revision);
    let mut starts = std::iter::once(low).chain(points.filter(|at| low < *at && *at <= high));
    let fits = |start: &u64| {
        let mut expected = view.beginning_at(*start);
        objects().all(|event| expected.next().as_ref() == Some(event)) && {
            // Bookmarks, where the start is known.
            let initial = view.state(*start).len();
            let object = |event: &Event| matches!(event, Event::Object(..));
            let at = session.events.iter().enumerate().filter(|(_, e)| object(e)).nth(initial);
            let behind = at.map_or(&[][..], |(at, _)| &session.events[at..]);
            follow(*start, behind, view.after(*start)).is_ok()
        }
    };
    match starts.any(|start| fits(&start)) {
        true => Ok(()),
        false => Err(format!(
            "no state of {low}..={high} begins these {} events: {:?}",
            session.events.len(),
            session.events.iter().take(20).collect::<Vec<_>>()
        )),
    }
}

fn revision(event: &Event) -> u64 {
    match event {
        Event::Object(_, item) => item.revision,
        Event::Bookmark { revision, .. } => *revision,
    }
}

fn last(events: &[Event]) -> u64 {
    events.iter().map(revision).max().unwrap_or(0)
}
