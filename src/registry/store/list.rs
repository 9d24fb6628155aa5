//! Reading many objects, in pages.

use std::sync::Arc;

use keelson_apimachinery::Status;
use keelson_storage::cacher::Snapshot;
use keelson_storage::{Error, KeyValue, ListRange, Page};

use super::Store;
use super::reads::{At, View};
use crate::registry::errors::{LIST_EXPIRED, parse_resource_version, too_large_resource_version};
use crate::registry::options::{ListOptions, Listing};
use crate::registry::selection::Selection;
use crate::registry::{Stored, paging};

/// How many keys one read of storage brings where the client set no limit: some ten megabytes of pods.
const CHUNK: usize = 2000;

/// The most keys that one read brings while selectors drop most of them.
const MAX_CHUNK: usize = 10_000;

const CONTINUE_EXPIRED: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/// Objects of a snapshot that are looked at before others get their turn.
const TURN: usize = 8192;

impl Store {
    /// A page of the objects that `options` select, in key order.
    ///
    /// # Errors
    /// 400 for bad selectors, versions and tokens; 410 where the revision is gone; 504 where it has not
    /// happened.
    pub async fn list(&self, namespace: Option<&str>, options: &ListOptions) -> Result<Listing, Status> {
        let selection = self.selection(&options.label_selector, &options.field_selector)?;
        let limit = usize::try_from(options.limit).unwrap_or(0);
        let paged = !options.continue_token.is_empty();
        // A selector on the namespace reads no more than that.
        let narrowed = if paged { None } else { selection.namespace() };
        let namespace = namespace.filter(|n| !n.is_empty()).or(narrowed);
        if let (Some(name), false) = (selection.name(), paged)
            && let Ok(key) = self.keys.object(namespace, name)
        {
            return self.list_one(key, &selection, at(options, false)?).await;
        }
        let prefix = self.keys.directory_of(namespace)?;
        if paged && !matches!(options.resource_version.as_str(), "" | "0") {
            let why = "specifying resource version is not allowed when using continue";
            paging::decode(&options.continue_token, &prefix)?;
            return Err(Status::bad_request(why));
        }
        let (start, at) = if paged {
            let start = paging::decode(&options.continue_token, &prefix)?;
            let at = if start.revision > 0 { At::Exactly(start.revision) } else { At::Now };
            (start.key, at)
        } else {
            (String::new(), at(options, limit > 0)?)
        };
        let asked = if let At::Exactly(revision) = at { revision } else { 0 };
        let mut walk = Walk { prefix, start, limit, paged, asked };
        let view = {
            let span = self.span("cacher.GetList", &walk.prefix);
            span.hold(self.view(at)).await?
        };
        match view {
            View::Snapshot(snapshot) => {
                // What comes from memory anyway is not parted, as in kube-apiserver.
                walk.limit = if at == At::Any { 0 } else { limit };
                self.list_snapshot(&walk, &selection, &snapshot).await
            }
            View::Storage(revision) => {
                let span = self.span("List(recursive=true) etcd3", &walk.prefix);
                span.number("limit", limit as u64);
                span.hold(self.list_storage(walk, &selection, revision)).await
            }
        }
    }

    async fn list_one(&self, key: String, selection: &Selection, at: At) -> Result<Listing, Status> {
        let about = self.about("list", "");
        let revision = match self.view(at).await? {
            View::Storage(revision) => revision,
            View::Snapshot(snapshot) => {
                let mut listing = Listing { revision: snapshot.revision(), ..Listing::default() };
                if let Some(item) = snapshot.get(&key) {
                    self.select(item.clone(), selection, &mut listing.items)?;
                }
                return Ok(listing);
            }
        };
        let range = ListRange { prefix: key.clone(), start: key.clone(), limit: 1, revision };
        let page = self.storage.list(&range).await.map_err(|error| about.status(error))?;
        let mut listing = Listing { revision: page.revision, ..Listing::default() };
        for item in page.items.into_iter().filter(|item| *item.key == *key) {
            self.select(item, selection, &mut listing.items)?;
        }
        Ok(listing)
    }

    async fn list_snapshot(
        &self,
        walk: &Walk,
        selection: &Selection,
        snapshot: &Arc<Snapshot>,
    ) -> Result<Listing, Status> {
        let mut looked_at = 0;
        let listed = self.walk_snapshot(walk, selection, snapshot, &mut looked_at).await;
        let returned = listed.as_ref().map_or(0, |listing| listing.items.len());
        let indexed = self.index_value(selection).is_some();
        self.reads.cached[usize::from(indexed)].note(looked_at, returned);
        listed
    }

    async fn walk_snapshot(
        &self,
        walk: &Walk,
        selection: &Selection,
        snapshot: &Arc<Snapshot>,
        looked_at: &mut usize,
    ) -> Result<Listing, Status> {
        let mut listing = Listing { revision: snapshot.revision(), ..Listing::default() };
        let mut items = self.items(snapshot, selection, &walk.prefix, &walk.start);
        let mut last: Option<&KeyValue> = None;
        while let Some(item) = items.next() {
            if walk.limit > 0
                && listing.items.len() >= walk.limit
                && let Some(last) = last
            {
                let shown = i64::try_from(listing.revision).unwrap_or(i64::MAX);
                listing.continue_token = paging::encode(&last.key, &walk.prefix, shown);
                if selection.is_everything() {
                    listing.remaining = i64::try_from(items.count()).ok().map(|more| more.saturating_add(1));
                }
                if let Some(cache) = &self.cache {
                    cache.pin(snapshot);
                }
                return Ok(listing);
            }
            self.select(item.clone(), selection, &mut listing.items)?;
            last = Some(item);
            *looked_at += 1;
            if looked_at.is_multiple_of(TURN) {
                tokio::task::yield_now().await;
            }
        }
        Ok(listing)
    }

    /// The objects below `prefix`, from `start` on, that can be selected, in key order.
    pub(super) fn items<'a>(
        &self,
        snapshot: &'a Snapshot,
        selection: &Selection,
        prefix: &'a str,
        start: &str,
    ) -> Box<dyn Iterator<Item = &'a KeyValue> + Send + 'a> {
        match self.index_value(selection) {
            Some(value) => Box::new(snapshot.by_index(value, prefix, start)),
            None => Box::new(snapshot.range(prefix, start)),
        }
    }

    /// The index value that a selection demands, where the cache has that index.
    pub(super) fn index_value<'s>(&self, selection: &'s Selection) -> Option<&'s str> {
        selection.value_at(self.strategy.behaviour.index?)
    }

    async fn list_storage(
        &self,
        walk: Walk,
        selection: &Selection,
        revision: u64,
    ) -> Result<Listing, Status> {
        let mut fetched = 0;
        let listed = self.walk_storage(walk, selection, revision, &mut fetched).await;
        let returned = listed.as_ref().map_or(0, |listing| listing.items.len());
        self.reads.stored.note(fetched, returned);
        listed
    }

    async fn walk_storage(
        &self,
        walk: Walk,
        selection: &Selection,
        mut revision: u64,
        all_fetched: &mut usize,
    ) -> Result<Listing, Status> {
        let mut listing = Listing::default();
        let mut start = walk.start.clone();
        let mut chunk = if walk.limit > 0 { walk.limit.min(MAX_CHUNK) } else { CHUNK };
        loop {
            let range =
                ListRange { prefix: walk.prefix.clone(), start: start.clone(), limit: chunk, revision };
            let page = match self.storage.list(&range).await {
                Ok(page) => page,
                Err(error) => return Err(self.list_error(error, &walk, &start).await),
            };
            (revision, listing.revision) = (page.revision, page.revision);
            let Page { items, remaining, .. } = page;
            let fetched = items.len();
            *all_fetched += fetched;
            let mut last = None;
            let mut left = 0;
            for (i, item) in items.into_iter().enumerate() {
                if walk.limit > 0 && listing.items.len() >= walk.limit {
                    left = fetched - i;
                    break;
                }
                last = Some(item.key.clone());
                self.select(item, selection, &mut listing.items)?;
            }
            let Some(last) = last else { return Ok(listing) };
            let more = remaining > 0 || left > 0;
            if !more {
                return Ok(listing);
            }
            if walk.limit > 0 && listing.items.len() >= walk.limit {
                let shown = i64::try_from(revision).unwrap_or(i64::MAX);
                listing.continue_token = paging::encode(&last, &walk.prefix, shown);
                if selection.is_everything() {
                    listing.remaining = i64::try_from(remaining).ok().map(|n| n.saturating_add(left as i64));
                }
                return Ok(listing);
            }
            start = format!("{last}\0");
            chunk = if walk.limit > 0 { (chunk * 2).min(MAX_CHUNK) } else { CHUNK };
        }
    }

    /// Adds an item where it is selected.
    pub(super) fn select(
        &self,
        item: KeyValue,
        selection: &Selection,
        into: &mut Vec<Stored>,
    ) -> Result<(), Status> {
        let Some((namespace, name)) = self.keys.parse(&item.key) else { return Ok(()) };
        let stored = Stored { value: item.value, revision: item.revision };
        if selection.matches(namespace, name, &stored)? {
            into.push(stored);
        }
        Ok(())
    }

    async fn list_error(&self, error: Error, walk: &Walk, start: &str) -> Status {
        match error {
            Error::Compacted { .. } if walk.paged => {
                let token = paging::encode_inconsistent(start, &walk.prefix);
                Status::expired(CONTINUE_EXPIRED).with_continue(token)
            }
            Error::Compacted { .. } => Status::expired(LIST_EXPIRED),
            Error::FutureRevision { current } => {
                too_large_resource_version(walk.asked.max(current + 1), current, 0)
            }
            error => self.about("list", "").status(error),
        }
    }
}

/// What a list walks over.
struct Walk {
    prefix: String,
    start: String,
    limit: usize,
    /// Whether a token said where to start.
    paged: bool,
    /// The revision that was asked for; 0 for none.
    asked: u64,
}

fn at(options: &ListOptions, limited: bool) -> Result<At, Status> {
    let text = options.resource_version.as_str();
    let revision = parse_resource_version(text).map_err(|why| {
        let value = keelson_apimachinery::field::quote(text);
        Status::bad_request(format!(
            "invalid resource version: resourceVersion: Invalid value: {value}: {why}"
        ))
    })?;
    Ok(match (options.resource_version_match.as_str(), revision) {
        (_, 0) if text.is_empty() => At::Now,
        (_, 0) => At::Any,
        ("Exact", revision) => At::Exactly(revision),
        ("", revision) if limited => At::Exactly(revision),
        (_, revision) => At::NotOlderThan(revision),
    })
}
