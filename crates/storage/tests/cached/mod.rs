//! A store that is read through a cacher, so that the suite can be run over it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use keelson_storage::cacher::{CacheEvent, Cacher, Options, Scope, Snapshot};
use keelson_storage::{Error, Event, KeyValue, ListRange, Page, Storage, Watch};

pub(crate) struct Cached {
    storage: Arc<dyn Storage>,
    cacher: Cacher,
    /// A cache remembers more than storage: what the suite compacts is left to storage to refuse.
    compacted: AtomicU64,
}

impl Cached {
    pub(crate) fn new(storage: Arc<dyn Storage>) -> Arc<Self> {
        let cacher = Cacher::new(Arc::clone(&storage), Options::new(""));
        Arc::new(Self { storage, cacher, compacted: AtomicU64::new(0) })
    }

    async fn current(&self) -> Arc<Snapshot> {
        self.cacher.consistent().await.expect("a consistent read")
    }
}

fn event(event: &CacheEvent) -> Event {
    match (event.now.clone(), event.before.clone()) {
        (Some(now), before) => Event::Put { now, before },
        (None, before) => {
            Event::Delete { before: before.expect("a deletion has a state before"), revision: event.revision }
        }
    }
}

fn page(snapshot: &Snapshot, range: &ListRange) -> Page {
    let mut keys = snapshot.range(&range.prefix, &range.start);
    let limit = if range.limit == 0 { usize::MAX } else { range.limit };
    let items = keys.by_ref().take(limit).cloned().collect();
    Page { items, revision: snapshot.revision(), remaining: keys.count() as u64 }
}

#[async_trait]
impl Storage for Cached {
    async fn get(&self, key: &str) -> Result<Option<KeyValue>, Error> {
        Ok(self.current().await.get(key).cloned())
    }

    async fn list(&self, range: &ListRange) -> Result<Page, Error> {
        if range.revision == 0 {
            let mut shown = page(&*self.current().await, range);
            // Others may write meanwhile: a page is of one revision, whichever.
            shown.revision = shown.revision.max(1);
            return Ok(shown);
        }
        if range.revision >= self.compacted.load(Ordering::SeqCst)
            && let Some(snapshot) = self.cacher.at(range.revision).await
        {
            return Ok(page(&snapshot, range));
        }
        self.storage.list(range).await
    }

    async fn create(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<u64, Error> {
        self.storage.create(key, value, ttl).await
    }

    async fn update(
        &self,
        key: &str,
        expected: u64,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<u64, Error> {
        self.storage.update(key, expected, value, ttl).await
    }

    async fn delete(&self, key: &str, expected: u64) -> Result<u64, Error> {
        self.storage.delete(key, expected).await
    }

    async fn count(&self, prefix: &str) -> Result<u64, Error> {
        Ok(self.current().await.range(prefix, "").count() as u64)
    }

    async fn current_revision(&self) -> Result<u64, Error> {
        self.storage.current_revision().await
    }

    async fn watch(&self, prefix: &str, after: u64) -> Result<Watch, Error> {
        if after < self.compacted.load(Ordering::SeqCst) {
            return self.storage.watch(prefix, after).await;
        }
        match self.cacher.watch(Scope::Prefix(prefix.into()), after).await {
            Ok(watch) => {
                let ended = futures::stream::once(async { Err(Error::Unavailable("ended".to_owned())) });
                Ok(watch.map(|item| item.map(|change| event(&change))).chain(ended).boxed())
            }
            Err(_) => self.storage.watch(prefix, after).await,
        }
    }

    async fn request_progress(&self, _: &str, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn supports_progress(&self) -> bool {
        // The watches of a cache show none.
        false
    }

    fn is_local(&self) -> bool {
        self.storage.is_local()
    }

    async fn compact(&self, revision: u64) -> Result<(), Error> {
        self.storage.compact(revision).await?;
        self.compacted.fetch_max(revision, Ordering::SeqCst);
        Ok(())
    }

    async fn run_compactor(&self, interval: Duration) {
        self.storage.run_compactor(interval).await;
    }

    async fn probe(&self) -> Result<(), Error> {
        self.storage.probe().await
    }

    async fn size_bytes(&self) -> Result<u64, Error> {
        self.storage.size_bytes().await
    }
}
