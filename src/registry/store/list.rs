//! Reading many objects, in pages.

use std::time::Duration;

use keelson_apimachinery::Status;
use keelson_base::clock;
use keelson_storage::{Error, KeyValue, ListRange, Page};

use super::Store;
use crate::registry::errors::{LIST_EXPIRED, parse_resource_version, too_large_resource_version};
use crate::registry::options::{ListOptions, Listing};
use crate::registry::selection::Selection;
use crate::registry::{Stored, paging};

/// How many keys one read of storage brings where the client set no limit: some ten megabytes of pods.
const CHUNK: usize = 2000;

/// The most keys that one read brings while selectors drop most of them.
const MAX_CHUNK: usize = 10_000;

/// How long a request waits for a revision that has not happened.
const REVISION_WAIT: Duration = Duration::from_secs(3);

const CONTINUE_EXPIRED: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/// Which revision a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// The current one.
    Now,
    /// This one.
    Exactly(u64),
    /// The current one, once it is no older than this.
    NotOlderThan(u64),
}

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
        let revision = if let At::Exactly(revision) = at { revision } else { 0 };
        let walk = Walk { prefix, start, limit, paged, revision };
        self.list_range(walk, &selection, at).await
    }

    async fn list_one(&self, key: String, selection: &Selection, at: At) -> Result<Listing, Status> {
        let about = self.about("list", "");
        let revision = self.settle(at).await?;
        let range = ListRange { prefix: key.clone(), start: key.clone(), limit: 1, revision };
        let page = self.storage.list(&range).await.map_err(|error| about.status(error))?;
        let mut listing = Listing { revision: page.revision, ..Listing::default() };
        for item in page.items.into_iter().filter(|item| *item.key == *key) {
            self.select(item, selection, &mut listing.items)?;
        }
        Ok(listing)
    }

    async fn list_range(&self, walk: Walk, selection: &Selection, at: At) -> Result<Listing, Status> {
        let mut revision = self.settle(at).await?;
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

    /// The revision to ask storage for; 0 for the current one.
    async fn settle(&self, at: At) -> Result<u64, Status> {
        match at {
            At::Now => Ok(0),
            At::Exactly(revision) => Ok(revision),
            At::NotOlderThan(revision) => self.wait_for_revision(revision).await.map(|()| 0),
        }
    }

    /// Waits until `wanted` has happened.
    ///
    /// # Errors
    /// 504 where it has not after three seconds.
    pub(super) async fn wait_for_revision(&self, wanted: u64) -> Result<(), Status> {
        let about = self.about("list", "");
        let deadline = clock::monotonic() + REVISION_WAIT;
        let mut pause = Duration::from_millis(10);
        loop {
            let current = self.storage.current_revision().await.map_err(|error| about.status(error))?;
            if current >= wanted {
                return Ok(());
            }
            if clock::monotonic() + pause > deadline {
                return Err(too_large_resource_version(wanted, current, 1));
            }
            clock::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }

    async fn list_error(&self, error: Error, walk: &Walk, start: &str) -> Status {
        match error {
            Error::Compacted { .. } if walk.paged => {
                let token = paging::encode_inconsistent(start, &walk.prefix);
                Status::expired(CONTINUE_EXPIRED).with_continue(token)
            }
            Error::Compacted { .. } => Status::expired(LIST_EXPIRED),
            Error::FutureRevision { current } => {
                too_large_resource_version(walk.revision.max(current + 1), current, 0)
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
    revision: u64,
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
        (_, 0) => At::Now,
        ("Exact", revision) => At::Exactly(revision),
        ("", revision) if limited => At::Exactly(revision),
        (_, revision) => At::NotOlderThan(revision),
    })
}
