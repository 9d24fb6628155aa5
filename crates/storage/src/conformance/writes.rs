//! Writes: comparisons, limits, times to live, cancellation.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::join_all;
use keelson_base::clock;

use super::{Case, bytes, until};
use crate::{Error, KeyValue, Start, StorageExt, Updated, Write};

pub(super) async fn create_refuses_a_key_that_exists(case: Case<'_>) {
    let revision = case.create("a", "one").await;
    let again = case.store.create(&case.key("a"), bytes("two"), None).await;
    assert!(matches!(again, Err(Error::Exists)), "{again:?}");
    assert_eq!(case.get("a").await, Some(case.state("a", "one", revision)));
    assert_eq!(case.get("b").await, None);
    let deleted = case.delete("a", revision).await;
    assert!(case.create("a", "three").await > deleted, "a deleted key can be created again");
}

pub(super) async fn update_compares_revisions_and_brings_the_state_on_conflict(case: Case<'_>) {
    let first = case.create("a", "one").await;
    let second = case.update("a", first, "two").await;
    let current = Some(case.state("a", "two", second));
    for expected in [first, second + 1, 0] {
        let stale = case.store.update(&case.key("a"), expected, bytes("three"), None).await;
        let Err(Error::Conflict { current: shown }) = stale else { panic!("{stale:?}") };
        assert_eq!(shown, current);
    }
    assert_eq!(case.get("a").await, current);
    let absent = case.store.update(&case.key("b"), first, bytes("x"), None).await;
    assert!(matches!(absent, Err(Error::Conflict { current: None })), "{absent:?}");
}

pub(super) async fn delete_compares_revisions(case: Case<'_>) {
    let first = case.create("a", "one").await;
    let second = case.update("a", first, "two").await;
    let stale = case.store.delete(&case.key("a"), first).await;
    let Err(Error::Conflict { current }) = stale else { panic!("{stale:?}") };
    assert_eq!(current, Some(case.state("a", "two", second)));
    assert!(case.delete("a", second).await > second);
    assert_eq!(case.get("a").await, None);
    let gone = case.store.delete(&case.key("a"), second).await;
    assert!(matches!(gone, Err(Error::Conflict { current: None })), "{gone:?}");
}

pub(super) async fn revisions_rise_with_every_write(case: Case<'_>) {
    let mut last = case.revision().await;
    for round in 0..20 {
        let created = case.create(&format!("k{round}"), "v").await;
        let updated = case.update(&format!("k{round}"), created, "w").await;
        let deleted = case.delete(&format!("k{round}"), updated).await;
        assert!(last < created && created < updated && updated < deleted);
        assert!(case.revision().await >= deleted);
        last = deleted;
    }
}

pub(super) async fn sixty_four_writers_of_one_key_lose_nothing(case: Case<'_>) {
    const WRITERS: usize = 64;
    const ROUNDS: usize = 3;
    let key = case.key("counter");
    let add = |state: Option<&KeyValue>| {
        let count: usize = state
            .map_or(0, |state| std::str::from_utf8(&state.value).expect("text").parse().expect("a number"));
        Ok::<_, Error>(Some(Write { value: Bytes::from((count + 1).to_string()), ttl: None }))
    };
    let writers = (0..WRITERS).map(|_| async {
        for _ in 0..ROUNDS {
            let updated = case.store.guaranteed_update(&key, Start::Read, add).await.expect("updated");
            assert!(updated.written);
        }
    });
    join_all(writers).await;
    let end = case.get("counter").await.expect("there");
    assert_eq!(end.value, Bytes::from((WRITERS * ROUNDS).to_string()));
}

pub(super) async fn guaranteed_update_checks_a_cached_state_before_it_trusts_it(case: Case<'_>) {
    let key = case.key("a");
    let first = case.create("a", "one").await;
    let second = case.update("a", first, "two").await;
    let stale = || Start::Cached(Some(case.state("a", "one", first)));

    // No change, decided on a stale state: decided again.
    let mut seen = Vec::new();
    let unchanged = case.store.guaranteed_update(&key, stale(), |state| {
        seen.push(state.map(|state| state.revision));
        Ok::<_, Error>(None)
    });
    let now = Some(case.state("a", "two", second));
    assert_eq!(unchanged.await.expect("decided"), Updated { now, written: false });
    assert_eq!(seen, [Some(first), Some(second)]);

    // A failure, decided on a stale state: decided again, and this time it is a write.
    let update = case.store.guaranteed_update(&key, stale(), |state| match state {
        Some(state) if state.revision == first => Err(Error::TooLarge),
        _ => Ok(Some(Write { value: bytes("three"), ttl: None })),
    });
    let third = update.await.expect("written").now.expect("there");
    assert_eq!((&third.value, third.revision > second), (&bytes("three"), true));

    // A write on a stale state conflicts and is decided on what the conflict brought.
    let write = |state: Option<&KeyValue>| {
        let value = [state.map_or(&b""[..], |state| &state.value), b"!"].concat();
        Ok::<_, Error>(Some(Write { value: value.into(), ttl: None }))
    };
    let fourth = case.store.guaranteed_update(&key, stale(), write).await.expect("written");
    assert_eq!(fourth.now.expect("there").value, bytes("three!"));
    let wrong = case.store.guaranteed_update(&key, Start::Cached(None), write).await.expect("written");
    assert_eq!(wrong.now.expect("there").value, bytes("three!!"));
    let fresh = case.store.guaranteed_update(&case.key("b"), Start::Read, write).await.expect("written");
    assert_eq!(fresh.now.expect("there").value, bytes("!"));
}

pub(super) async fn guaranteed_delete_asks_again_on_conflict(case: Case<'_>) {
    let key = case.key("a");
    let first = case.create("a", "one").await;
    let second = case.update("a", first, "two").await;
    let stale = || Start::Cached(Some(case.state("a", "one", first)));
    let refused = case.store.guaranteed_delete(&key, stale(), |_| Err::<(), _>(Error::TooLarge)).await;
    assert!(matches!(refused, Err(Error::TooLarge)), "{refused:?}");
    let mut seen = Vec::new();
    let deleted = case.store.guaranteed_delete(&key, stale(), |state| {
        seen.push(state.revision);
        Ok::<_, Error>(())
    });
    let (before, revision) = deleted.await.expect("deleted");
    assert_eq!(before, case.state("a", "two", second));
    assert!(revision > second);
    assert_eq!(seen, [first, second]);
    let gone = case.store.guaranteed_delete(&key, stale(), |_| Ok::<_, Error>(())).await;
    assert!(matches!(gone, Err(Error::NotFound)), "{gone:?}");
}

pub(super) async fn values_up_to_the_limit_are_kept_and_larger_ones_refused(case: Case<'_>) {
    const LIMIT: usize = 1_572_864;
    // etcd counts the whole request; leave it room for what is around the value.
    let large = Bytes::from(vec![7; LIMIT - 1024]);
    let revision =
        case.store.create(&case.key("large"), large.clone(), None).await.expect("within the limit");
    assert_eq!(case.get("large").await.expect("there").value, large);
    for size in [LIMIT + 1, 2 * LIMIT, 3 * LIMIT] {
        let value = Bytes::from(vec![7; size]);
        let created = case.store.create(&case.key("larger"), value.clone(), None).await;
        assert!(matches!(created, Err(Error::TooLarge)), "{size}: {created:?}");
        let updated = case.store.update(&case.key("large"), revision, value, None).await;
        assert!(matches!(updated, Err(Error::TooLarge)), "{size}: {updated:?}");
    }
    assert_eq!(Error::TooLarge.to_string(), "etcdserver: request is too large");
    case.delete("large", revision).await;
}

pub(super) async fn dropped_writes_happen_whole_or_not_at_all(case: Case<'_>) {
    let mut last = case.revision().await;
    for round in 0..60_u32 {
        let name = format!("k{round}");
        let key = case.key(&name);
        let mut write = case.store.create(&key, bytes("whole"), None);
        // Given up before it was sent, while it is on its way, or when it is done.
        let mut done = write.as_mut().now_or_never().is_some();
        if !done && round % 3 > 0 {
            tokio::task::yield_now().await;
            clock::sleep(Duration::from_micros(u64::from(round % 8) * 200)).await;
            done = write.as_mut().now_or_never().is_some();
        }
        if done {
            assert!(case.get(&name).await.is_some());
        }
        drop(write);
        // A write after it settles what became of it.
        let fence = case.create(&format!("fence{round}"), "f").await;
        match case.get(&name).await {
            Some(state) => {
                assert_eq!(state.value, bytes("whole"));
                assert!(state.revision > last);
            }
            None => assert!(case.revision().await >= fence),
        }
        last = fence;
    }
}

pub(super) async fn keys_expire(case: Case<'_>) {
    let before = case.revision().await;
    let mut events = case.watch(before).await;
    let ttl = Some(Duration::from_secs(1));
    let revision = case.store.create(&case.key("short"), bytes("v"), ttl).await.expect("created");
    let also = case.store.create(&case.key("also"), bytes("v"), ttl).await.expect("created");
    case.create("stays", "v").await;
    assert_eq!(events.revisions(3).await.len(), 3);
    let mut ended = Vec::new();
    for _ in 0..2 {
        match events.event().await {
            crate::Event::Delete { before, revision } => ended.push((before.revision, revision)),
            other => panic!("{other:?}"),
        }
    }
    ended.sort_unstable();
    assert_eq!(ended.iter().map(|(state, _)| *state).collect::<Vec<_>>(), [revision, also]);
    assert!(case.get("short").await.is_none() && case.get("also").await.is_none());
    assert!(case.get("stays").await.is_some());
}

pub(super) async fn update_replaces_the_time_to_live(case: Case<'_>) {
    let ttl = Some(Duration::from_secs(1));
    let a = case.store.create(&case.key("a"), bytes("v"), ttl).await.expect("created");
    let b = case.create("b", "v").await;
    case.store.update(&case.key("b"), b, bytes("w"), ttl).await.expect("updated");
    case.update("a", a, "w").await;
    let (store, key) = (Arc::clone(&case.store), case.key("b"));
    until("b expires", || async { store.get(&key).await.expect("read").is_none() }).await;
    // Its end would have been before b's.
    assert!(case.get("a").await.is_some(), "a lost its time to live and its life");
}

pub(super) async fn revisions_rise_over_a_restart(case: Case<'_>) {
    let created = case.create("a", "one").await;
    let gone = case.create("b", "two").await;
    let last = case.delete("b", gone).await;
    let ttl = Some(Duration::from_secs(2));
    let short = case.store.create(&case.key("short"), bytes("v"), ttl).await.expect("created");
    // The last write is a deletion that a compaction may forget.
    case.store.compact(short).await.expect("compacted");
    let store = case.harness.restart().await;
    let case = Case { store, ..case };
    assert!(case.revision().await >= short);
    assert_eq!(case.get("a").await, Some(case.state("a", "one", created)));
    assert_eq!(case.get("b").await, None);
    assert!(case.create("c", "three").await > last.max(short));
    let (store, key) = (Arc::clone(&case.store), case.key("short"));
    until("a time to live survives", || async { store.get(&key).await.expect("read").is_none() }).await;
    let page = case.list("", 0, 0).await.expect("listed");
    assert_eq!(page.items.len(), 2);
}
