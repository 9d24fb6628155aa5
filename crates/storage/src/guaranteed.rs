//! The loops that write what depends on what is there: read, decide, compare and swap, again on a conflict.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

use crate::{Error, KeyValue, Storage};

/// What a loop starts from.
#[derive(Clone, Debug, Default)]
pub enum Start {
    /// The store's state; read it first.
    #[default]
    Read,
    /// A state that was true once, such as a cache's (`None`: the key was absent). It saves the read where it
    /// still is; a decision on it that would not write anything is made again on the store's own state.
    Cached(Option<KeyValue>),
}

/// What to write.
#[derive(Clone, Debug)]
pub struct Write {
    /// The new value.
    pub value: Bytes,
    /// The new time to live; `None` for no end.
    pub ttl: Option<Duration>,
}

/// How [`StorageExt::guaranteed_update`] left the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updated {
    /// The key's state; `None` where it is absent and the decision was to leave it so.
    pub now: Option<KeyValue>,
    /// Whether a write happened.
    pub written: bool,
}

/// The loops over [`Storage`], for every implementation of it.
///
/// They try until they succeed or the decision fails; a caller bounds them by dropping the future. A write
/// that was sent when that happens may have happened.
pub trait StorageExt: Storage {
    /// Writes what `decide` makes of the key's state (`None` where the key is absent); `Ok(None)` from it
    /// leaves the key as it is. `decide` is called again with the newer state when the key changed meanwhile,
    /// so it must not have effects.
    ///
    /// # Errors
    /// What `decide` says of the store's own state, or why the store failed.
    fn guaranteed_update<E, F>(
        &self,
        key: &str,
        start: Start,
        mut decide: F,
    ) -> impl Future<Output = Result<Updated, E>> + Send
    where
        E: From<Error> + Send,
        F: FnMut(Option<&KeyValue>) -> Result<Option<Write>, E> + Send,
    {
        async move {
            let (mut state, mut fresh) = match start {
                Start::Read => (self.get(key).await?, true),
                Start::Cached(state) => (state, false),
            };
            loop {
                let write = match decide(state.as_ref()) {
                    Ok(Some(write)) => write,
                    undecided if !fresh => {
                        let current = self.get(key).await?;
                        fresh = true;
                        if revision_of(&current) == revision_of(&state) {
                            return undecided.map(|_| Updated { now: current, written: false });
                        }
                        state = current;
                        continue;
                    }
                    undecided => return undecided.map(|_| Updated { now: state, written: false }),
                };
                let Write { value, ttl } = write;
                let attempt = match &state {
                    None => self.create(key, value.clone(), ttl).await,
                    Some(current) => self.update(key, current.revision, value.clone(), ttl).await,
                };
                match attempt {
                    Ok(revision) => {
                        let now = Some(KeyValue { key: name(key, state.as_ref()), value, revision });
                        return Ok(Updated { now, written: true });
                    }
                    Err(Error::Conflict { current }) => state = current,
                    Err(Error::Exists) => state = self.get(key).await?,
                    Err(failure) => return Err(failure.into()),
                }
                fresh = true;
            }
        }
    }

    /// Deletes the key where `permit` agrees to its state, and returns that state and the deletion's revision.
    /// `permit` is called again with the newer state when the key changed meanwhile.
    ///
    /// # Errors
    /// `NotFound` where the key is absent, what `permit` says of the store's own state, or why the store
    /// failed.
    fn guaranteed_delete<E, F>(
        &self,
        key: &str,
        start: Start,
        mut permit: F,
    ) -> impl Future<Output = Result<(KeyValue, u64), E>> + Send
    where
        E: From<Error> + Send,
        F: FnMut(&KeyValue) -> Result<(), E> + Send,
    {
        async move {
            let (mut state, mut fresh) = match start {
                Start::Read => (self.get(key).await?, true),
                Start::Cached(state) => (state, false),
            };
            loop {
                let verdict = match &state {
                    Some(current) => permit(current),
                    None => Err(Error::NotFound.into()),
                };
                if let Err(refusal) = verdict {
                    if fresh {
                        return Err(refusal);
                    }
                    let current = self.get(key).await?;
                    if revision_of(&current) == revision_of(&state) {
                        return Err(refusal);
                    }
                    (state, fresh) = (current, true);
                    continue;
                }
                // A permitted state is a present one.
                let Some(current) = state else { return Err(Error::NotFound.into()) };
                match self.delete(key, current.revision).await {
                    Ok(revision) => return Ok((current, revision)),
                    Err(Error::Conflict { current: newer }) => (state, fresh) = (newer, true),
                    Err(failure) => return Err(failure.into()),
                }
            }
        }
    }
}

impl<S: Storage + ?Sized> StorageExt for S {}

fn revision_of(state: &Option<KeyValue>) -> Option<u64> {
    state.as_ref().map(|current| current.revision)
}

fn name(key: &str, state: Option<&KeyValue>) -> std::sync::Arc<str> {
    state.map_or_else(|| key.into(), |current| std::sync::Arc::clone(&current.key))
}
