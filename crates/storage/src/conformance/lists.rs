//! Lists: pages, older revisions, compaction, counts.

use super::{Case, bytes, summary};
use crate::Error;

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(super) async fn pages_show_one_revision_under_writes(case: Case<'_>) {
    let mut revisions = Vec::new();
    for index in 0..10 {
        revisions.push(case.create(&format!("k{index}"), "old").await);
    }
    let first = case.list("", 4, 0).await.expect("a page");
    assert_eq!((first.items.len(), first.remaining), (4, 6));
    assert_eq!(first.revision, case.revision().await);

    // A change, a deletion and a creation behind the first page.
    case.update("k5", revisions[5], "new").await;
    case.delete("k6", revisions[6]).await;
    case.create("k55", "new").await;
    let again = case.create("k6", "again").await;

    let mut items = first.items.clone();
    let mut remaining = first.remaining;
    while remaining > 0 {
        let last = items.last().expect("a page has items");
        let after = last.key.rsplit('/').next().expect("a name").to_owned() + "\0";
        let page = case.list(&after, 4, first.revision).await.expect("a page");
        assert_eq!(page.revision, first.revision);
        assert_eq!(page.items.len() as u64 + page.remaining, remaining);
        remaining = page.remaining;
        items.extend(page.items);
    }
    assert_eq!(items.len(), 10);
    for (index, item) in items.iter().enumerate() {
        assert_eq!(*item, case.state(&format!("k{index}"), "old", revisions[index]));
    }
    let now = case.list("", 0, 0).await.expect("a list");
    assert_eq!((now.items.len(), now.remaining), (11, 0));
    assert_eq!(now.items[7], case.state("k6", "again", again));
}

pub(super) async fn a_page_starts_where_it_is_told(case: Case<'_>) {
    for name in ["a", "b", "b/c", "d"] {
        case.create(name, name).await;
    }
    for (start, limit, expected, remaining) in [
        ("", 0, vec!["a", "b", "b/c", "d"], 0),
        ("b", 0, vec!["b", "b/c", "d"], 0),
        ("b\0", 1, vec!["b/c"], 1),
        ("c", 1, vec!["d"], 0),
        ("d\0", 0, vec![], 0),
        ("e", 5, vec![], 0),
    ] {
        let page = case.list(start, limit, 0).await.expect("a page");
        let values: Vec<&[u8]> = page.items.iter().map(|item| &*item.value).collect();
        let expected: Vec<&[u8]> = expected.iter().map(|value| value.as_bytes()).collect();
        assert_eq!((values, page.remaining), (expected, remaining), "from {start:?}, {limit} at most");
    }
}

pub(super) async fn prefixes_do_not_leak(case: Case<'_>) {
    // Neighbours of `in/` in key order.
    for name in ["in", "in!", "in/a", "in/b", "in0", "in/b/c", "io"] {
        case.create(name, name).await;
    }
    let range = crate::ListRange { prefix: case.key("in/"), ..crate::ListRange::default() };
    let page = case.store.list(&range).await.expect("a list");
    let names: Vec<&str> =
        page.items.iter().map(|item| item.key.strip_prefix(&case.prefix).expect("own")).collect();
    assert_eq!(names, ["in/a", "in/b", "in/b/c"]);
    assert_eq!(case.store.count(&case.key("in/")).await.expect("a count"), 3);
}

pub(super) async fn older_revisions_show_what_was(case: Case<'_>) {
    let start = case.revision().await;
    let created = case.create("a", "a1").await;
    let b = case.create("b", "b1").await;
    let updated = case.update("a", created, "a2").await;
    let deleted = case.delete("b", b).await;
    let again = case.create("b", "b2").await;
    let last = case.delete("a", updated).await;
    for (revision, expected) in [
        (start, pairs(&[])),
        (created, pairs(&[("a", "a1")])),
        (b, pairs(&[("a", "a1"), ("b", "b1")])),
        (updated, pairs(&[("a", "a2"), ("b", "b1")])),
        (deleted, pairs(&[("a", "a2")])),
        (again, pairs(&[("a", "a2"), ("b", "b2")])),
        (last, pairs(&[("b", "b2")])),
    ] {
        let page = case.list("", 0, revision).await.expect("a list");
        assert_eq!((summary(&page), page.revision), (expected, revision));
    }
}

pub(super) async fn a_future_revision_is_refused(case: Case<'_>) {
    let current = case.create("a", "v").await;
    let future = case.list("", 0, current + 1000).await;
    let Err(Error::FutureRevision { current: shown }) = future else { panic!("{future:?}") };
    assert!(shown >= current && shown < current + 1000, "{shown}");
}

pub(super) async fn count_counts_a_prefix(case: Case<'_>) {
    assert_eq!(case.store.count(&case.prefix).await.expect("a count"), 0);
    for index in 0..7 {
        case.create(&format!("in/{index}"), "v").await;
        case.create(&format!("out/{index}"), "v").await;
    }
    let one = case.get("in/0").await.expect("there");
    case.delete("in/0", one.revision).await;
    assert_eq!(case.store.count(&case.key("in/")).await.expect("a count"), 6);
    assert_eq!(case.store.count(&case.prefix).await.expect("a count"), 13);
}

pub(super) async fn compacted_revisions_are_refused(case: Case<'_>) {
    let first = case.create("a", "one").await;
    let gone = case.create("gone", "x").await;
    let second = case.update("a", first, "two").await;
    let deleted = case.delete("gone", gone).await;
    let middle = case.update("a", second, "three").await;
    let last = case.update("a", middle, "four").await;
    case.store.compact(middle).await.expect("compacted");
    case.store.compact(middle).await.expect("compacting again does nothing");
    case.store.compact(first).await.expect("nor does compacting what is gone");
    for revision in [first, second, deleted] {
        let page = case.list("", 0, revision).await;
        assert!(matches!(page, Err(Error::Compacted { .. })), "{revision}: {page:?}");
    }
    for (revision, value) in [(middle, "three"), (last, "four"), (0, "four")] {
        let page = case.list("", 0, revision).await.expect("a list");
        assert_eq!(summary(&page), pairs(&[("a", value)]), "at {revision}");
    }
    let future = case.store.compact(last + 1000).await;
    assert!(matches!(future, Err(Error::FutureRevision { .. })), "{future:?}");
    let updated = case.store.update(&case.key("a"), last, bytes("five"), None).await;
    assert!(updated.is_ok(), "{updated:?}");
}
