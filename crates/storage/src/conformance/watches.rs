//! Watches: order, replay, isolation, broken connections, progress.

use futures::StreamExt;
use futures::future::join_all;

use super::{Case, Events, in_time};
use crate::{Error, Event};

pub(super) async fn events_come_in_order_without_gap_or_repeat(case: Case<'_>) {
    const WRITERS: usize = 8;
    const ROUNDS: usize = 25;
    let start = case.revision().await;
    let mut events = case.watch(start).await;
    let writers = (0..WRITERS).map(|writer| {
        let case = &case;
        async move {
            let mut written = Vec::new();
            for round in 0..ROUNDS {
                let name = format!("w{writer}/k{}", round % 3);
                let revision = match case.get(&name).await {
                    None => case.create(&name, "v").await,
                    Some(state) if round % 5 == 4 => case.delete(&name, state.revision).await,
                    Some(state) => case.update(&name, state.revision, "w").await,
                };
                written.push(revision);
            }
            written
        }
    });
    let (written, seen) = tokio::join!(join_all(writers), events.revisions(WRITERS * ROUNDS));
    let mut written: Vec<u64> = written.concat();
    written.sort_unstable();
    assert_eq!(seen, written);
}

pub(super) async fn a_watch_from_the_past_replays_and_goes_on(case: Case<'_>) {
    let mut written = Vec::new();
    let mut revision = case.create("a", "v").await;
    let start = revision;
    for round in 0..600 {
        revision = case.update("a", revision, &format!("{round}")).await;
        written.push(revision);
    }
    let mut events = case.watch(start).await;
    // Some are written before the replay is read, some while.
    for round in 0..20 {
        revision = case.update("a", revision, &format!("late {round}")).await;
        written.push(revision);
    }
    let more = async {
        for round in 0..20 {
            revision = case.update("a", revision, &format!("later {round}")).await;
            written.push(revision);
        }
    };
    let (seen, ()) = tokio::join!(events.revisions(640), more);
    assert_eq!(seen, written);
    // Another from the middle.
    assert_eq!(case.watch(written[300]).await.revisions(339).await, written[301..]);
}

pub(super) async fn events_carry_the_state_before(case: Case<'_>) {
    let start = case.revision().await;
    let mut live = case.watch(start).await;
    let created = case.create("a", "one").await;
    let updated = case.update("a", created, "two").await;
    let deleted = case.delete("a", updated).await;
    let again = case.create("a", "three").await;
    let expected = [
        Event::Put { now: case.state("a", "one", created), before: None },
        Event::Put { now: case.state("a", "two", updated), before: Some(case.state("a", "one", created)) },
        Event::Delete { before: case.state("a", "two", updated), revision: deleted },
        Event::Put { now: case.state("a", "three", again), before: None },
    ];
    let mut replayed = case.watch(start).await;
    for event in expected {
        assert_eq!(live.event().await, event, "live");
        assert_eq!(replayed.event().await, event, "replayed");
    }
}

pub(super) async fn a_watch_sees_its_prefix_only(case: Case<'_>) {
    let start = case.revision().await;
    let watch = case.store.watch(&case.key("in/"), start).await.expect("a watch");
    let mut events = Events { watch };
    for name in ["in", "in!", "in/a", "in0", "out/a", "in/b"] {
        case.create(name, "v").await;
    }
    for name in ["in/a", "in/b"] {
        assert_eq!(*events.event().await.key().expect("not progress").to_owned(), *case.key(name));
    }
}

pub(super) async fn watches_survive_cut_connections(case: Case<'_>) {
    let start = case.revision().await;
    let mut events = case.watch(start).await;
    let mut written = Vec::new();
    let mut seen = Vec::new();
    let mut revision = case.create("a", "v").await;
    written.push(revision);
    for round in 0..6 {
        for _ in 0..10 {
            revision = write_through(&case, revision).await;
            written.push(revision);
        }
        // Cut with events delivered, on their way, and not yet read.
        if round % 2 == 0 {
            seen.extend(events.revisions(5).await);
        }
        case.harness.cut_connections().await;
    }
    for _ in 0..10 {
        revision = write_through(&case, revision).await;
        written.push(revision);
    }
    seen.extend(events.revisions(written.len() - seen.len()).await);
    assert_eq!(seen, written);
}

/// Updates `a` past failures of the connection, which may come before or after the write.
async fn write_through(case: &Case<'_>, expected: u64) -> u64 {
    in_time("a write", async {
        loop {
            match case.store.update(&case.key("a"), expected, super::bytes("v"), None).await {
                Ok(revision) => return revision,
                Err(Error::Conflict { current: Some(current) }) => return current.revision,
                Err(Error::Unavailable(_) | Error::Uncertain(_)) => tokio::task::yield_now().await,
                Err(failure) => panic!("{failure:?}"),
            }
        }
    })
    .await
}

pub(super) async fn requested_progress_reaches_the_current_revision(case: Case<'_>) {
    let start = case.revision().await;
    let mut busy = case.watch(start).await;
    let mut quiet = Events { watch: case.store.watch(&case.key("quiet/"), start).await.expect("a watch") };
    for round in 0..3 {
        let written = case.create(&format!("busy/{round}"), "v").await;
        let current = case.revision().await;
        assert!(current >= written);
        if !case.store.supports_progress() {
            return;
        }
        for prefix in [case.prefix.clone(), case.key("quiet/")] {
            case.store.request_progress(&prefix, current).await.expect("asked");
        }
        while quiet.progress().await < written {}
        let mut own = false;
        // Progress never comes before the events that it covers.
        loop {
            match in_time("progress", busy.watch.next()).await.expect("open").expect("no error") {
                Event::Progress { revision } if revision >= written => break,
                Event::Progress { .. } => {}
                event => own |= event.revision() == written,
            }
        }
        assert!(own, "the event of revision {written} came before its progress");
    }
}

pub(super) async fn a_dropped_watch_leaves_the_others(case: Case<'_>) {
    let start = case.revision().await;
    let dropped = case.watch(start).await;
    let mut kept = case.watch(start).await;
    let mut half_read = case.watch(start).await;
    let first = case.create("a", "v").await;
    assert_eq!(half_read.revisions(1).await, [first]);
    drop(dropped);
    drop(half_read);
    let second = case.create("b", "v").await;
    assert_eq!(kept.revisions(2).await, [first, second]);
}

pub(super) async fn a_watch_from_before_the_compaction_is_refused(case: Case<'_>) {
    let first = case.create("a", "1").await;
    let mut revision = first;
    for _ in 0..5 {
        revision = case.update("a", revision, "2").await;
    }
    case.store.compact(revision).await.expect("compacted");
    let next = case.update("a", revision, "3").await;
    let refused = match case.store.watch(&case.prefix, first).await {
        Err(failure) => failure,
        Ok(watch) => {
            let mut events = Events { watch };
            let failure = events.item().await.expect_err("compacted");
            assert!(events.watch.next().await.is_none(), "an error is the last item");
            failure
        }
    };
    assert!(matches!(refused, Error::Compacted { .. }), "{refused:?}");
    assert_eq!(case.watch(revision).await.revisions(1).await, [next]);
}
