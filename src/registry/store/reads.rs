//! Where a read is answered from: the watch cache where it is no older than the read may be, else storage.

use std::sync::Arc;
use std::time::Duration;

use keelson_apimachinery::Status;
use keelson_base::clock;
use keelson_storage::cacher::{Snapshot, Unanswered};

use super::{Error, KeyValue, Store};
use crate::registry::errors::too_large_resource_version;

/// How long a request waits for a revision that has not happened.
const REVISION_WAIT: Duration = Duration::from_secs(3);

/// Which revision a read shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// The current one.
    Now,
    /// Whichever is at hand.
    Any,
    /// This one.
    Exactly(u64),
    /// The current one, once it is no older than this.
    NotOlderThan(u64),
}

/// What a read is answered from.
pub(super) enum View {
    /// All objects as of one revision.
    Snapshot(Arc<Snapshot>),
    /// Storage, at this revision; 0 for the current one.
    Storage(u64),
}

impl Store {
    /// What to read from.
    ///
    /// # Errors
    /// 504 where the revision has not happened within three seconds.
    pub(super) async fn view(&self, at: At) -> Result<View, Status> {
        let Some(cache) = &self.cache else { return self.storage_view(at).await };
        let found = match at {
            At::Now => cache.consistent().await,
            // Of a local store the current state costs hardly more than any.
            At::Any if self.storage.is_local() => match cache.consistent().await {
                Err(_) => cache.any().await,
                current => current,
            },
            At::Any => cache.any().await,
            At::Exactly(revision) => cache.at(revision).await.ok_or(Unanswered::NotReady),
            At::NotOlderThan(wanted) => match cache.not_older_than(wanted).await {
                Err(Unanswered::Behind { revision }) => {
                    return Err(too_large_resource_version(wanted, revision, 1));
                }
                found => found,
            },
        };
        match found {
            Ok(snapshot) => Ok(View::Snapshot(snapshot)),
            Err(_) => self.storage_view(at).await,
        }
    }

    async fn storage_view(&self, at: At) -> Result<View, Status> {
        Ok(View::Storage(match at {
            At::Now | At::Any => 0,
            At::Exactly(revision) => revision,
            At::NotOlderThan(revision) => {
                self.wait_for_revision(revision).await?;
                0
            }
        }))
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

    /// The state that a write begins with, and whether it is storage's own. Where storage is far away, what the
    /// cache has saves a read: a write compares the revision anyway. But what is refused or left as it is because
    /// of such a state has to be decided again on storage's own, if that differs.
    pub(super) async fn start(&self, key: &str) -> Result<(Option<KeyValue>, bool), Error> {
        if !self.storage.is_local()
            && let Some(snapshot) = self.cache.as_ref().and_then(|cache| cache.peek())
            && let Some(state) = snapshot.get(key)
        {
            return Ok((Some(state.clone()), false));
        }
        Ok((self.storage.get(key).await?, true))
    }
}

/// Whether two states of a key are the same.
pub(super) fn same_state(one: Option<&KeyValue>, other: Option<&KeyValue>) -> bool {
    one.map(|state| state.revision) == other.map(|state| state.revision)
}
