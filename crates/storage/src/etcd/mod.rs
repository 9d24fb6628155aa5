//! The store over etcd (3.5.13 and later), in kube-apiserver's layout: both may serve one cluster at once.
//!
//! A key is `--etcd-prefix`, a slash, and the key of the trait; a revision is etcd's. Each write is one
//! transaction that compares the key's `mod_revision` and, where that failed, reads the key, so that a
//! conflict needs no second request.
//!
//! - `batches`: reads that go together
//! - `version`: what the members can do
//! - `endpoints`: connections, failover and what may be sent again
//! - `tls`: the files of TLS
//! - `failure`: what etcd's errors mean
//! - `watch`: streams that survive broken connections
//! - `leases`: times to live, many keys to a lease
//! - `compaction`: one of several servers compacts

mod batches;
mod compaction;
mod endpoints;
mod failure;
mod leases;
mod options;
mod tls;
mod version;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use etcd_client::proto::{PbKeyValue, PbResponseHeader, PbTxnOpResponse, PbTxnResponse};
use etcd_client::{Compare, CompareOp, GetOptions, PutOptions, Txn, TxnOp};
use futures::{FutureExt, StreamExt};
use keelson_base::shutdown::Shutdown;
use keelson_base::task::{TaskGroup, Unfinished};
use keelson_base::trace;

use self::batches::Batches;
use self::endpoints::{Endpoints, Repeat};
use self::leases::Leases;
pub use self::options::{ConnectError, Options, TlsFiles};
use self::watch::Wanted;
use crate::{Error, KeyValue, ListRange, Page, Storage, Watch};

/// Single keys that are read in one transaction, at most; etcd takes 128 operations by default.
const BATCH_READS: usize = 64;
/// Reads of single keys that are on their way at a time, before others wait for them.
const PARALLEL_READS: usize = 4;

/// A store over etcd.
pub struct Etcd {
    endpoints: Arc<Endpoints>,
    /// `/registry/`: what stands before every key.
    prefix: Arc<str>,
    leases: Leases,
    wanted: Wanted,
    /// Reads of single keys, named in full.
    gets: Batches<Vec<u8>, Option<KeyValue>>,
    revisions: Batches<(), u64>,
    tasks: TaskGroup,
    shutdown: Shutdown,
}

impl Etcd {
    /// Connects, and waits until one of the endpoints answers, for `options.connect_timeout` at most.
    ///
    /// # Errors
    /// [`ConnectError`]: an option makes no sense, a file can't be used, or no endpoint answers; it names each
    /// with its reason.
    pub async fn connect(options: Options) -> Result<Arc<Self>, ConnectError> {
        let prefix = options.key_prefix();
        let leases = Leases::new(options.lease_reuse, options.lease_max_keys, options.lease_keys.clone());
        let endpoints = Endpoints::new(options).await?;
        endpoints.wait_for_one().await?;
        endpoints.learn_versions().await;
        let (endpoints, prefix) = (Arc::new(endpoints), Arc::<str>::from(prefix));
        let (tasks, shutdown) = (TaskGroup::new(), Shutdown::new());
        let (asked, end) = (Arc::clone(&endpoints), shutdown.signal());
        tasks.spawn("etcd-versions", async move { end.unless_begun(version::follow(&asked)).await });
        let (revived, end) = (Arc::clone(&endpoints), shutdown.signal());
        tasks.spawn("etcd-revival", async move { end.unless_begun(Box::pin(revived.revive())).await });
        Ok(Arc::new(Self {
            gets: batched_gets(tasks.clone(), Arc::clone(&endpoints), Arc::clone(&prefix)),
            revisions: batched_revisions(tasks.clone(), Arc::clone(&endpoints), Arc::clone(&prefix)),
            endpoints,
            prefix,
            leases,
            wanted: Wanted::default(),
            tasks,
            shutdown,
        }))
    }

    /// Ends the watches and waits until they have.
    ///
    /// # Errors
    /// Where they did not in 10 seconds.
    pub async fn close(&self) -> Result<(), Unfinished> {
        self.shutdown.begin();
        self.tasks.wait(Duration::from_secs(10)).await
    }

    /// How many bytes the database of each endpoint takes on its disk, by its URL; of those that answer.
    pub async fn database_sizes(&self) -> Vec<(String, u64)> {
        self.endpoints.database_sizes().await
    }

    fn full(&self, key: &str) -> Vec<u8> {
        [self.prefix.as_bytes(), key.as_bytes()].concat()
    }

    async fn transact(&self, transaction: Txn) -> Result<PbTxnResponse, Error> {
        let sent = self.endpoints.call(Repeat::IfNotSent, |mut clients| {
            let transaction = transaction.clone();
            async move { clients.kv.txn(transaction).await.map(|response| response.0) }
        });
        trace::client_span("etcdserverpb.KV/Txn").hold(sent).await
    }

    async fn range(&self, key: Vec<u8>, options: GetOptions) -> Result<etcd_client::GetResponse, Error> {
        trace::client_span("etcdserverpb.KV/Range").hold(range(&self.endpoints, key, options)).await
    }

    /// A put under a condition, with the lease that `ttl` needs. A lease that ended before the put came is
    /// granted anew, once.
    async fn put(
        &self,
        key: &str,
        value: &Bytes,
        ttl: Option<Duration>,
        expected: i64,
        otherwise: Vec<TxnOp>,
    ) -> Result<PbTxnResponse, Error> {
        let full = self.full(key);
        for attempt in 0.. {
            let mut options = PutOptions::new();
            if let Some(ttl) = ttl {
                options = options.with_lease(self.leases.lease(&self.endpoints, ttl).await?);
            }
            let transaction = Txn::new()
                .when([Compare::mod_revision(full.clone(), CompareOp::Equal, expected)])
                .and_then([TxnOp::put(full.clone(), value.to_vec(), Some(options))])
                .or_else(otherwise.clone());
            match self.transact(transaction).await {
                Err(Error::Unavailable(reason))
                    if ttl.is_some() && attempt == 0 && failure::is_lost_lease(&reason) =>
                {
                    self.leases.forget();
                }
                other => return other,
            }
        }
        Err(Error::Unavailable("no lease could be had".to_owned()))
    }

    /// The conflict that a failed comparison's read shows.
    fn conflict(&self, response: PbTxnResponse) -> Error {
        let range = response.responses.into_iter().find_map(|response| match response.response {
            Some(PbTxnOpResponse::ResponseRange(range)) => Some(range),
            _ => None,
        });
        match range {
            None => Error::Corrupt("etcd did not answer the read of a failed comparison".to_owned()),
            Some(range) => {
                match range.kvs.into_iter().next().map(|kv| key_value(&self.prefix, kv)).transpose() {
                    Ok(current) => Error::Conflict { current },
                    Err(failure) => failure,
                }
            }
        }
    }

    /// A revision to compare with; revision 0 means an absent key to etcd and nothing to this trait.
    async fn comparable(&self, key: &str, expected: u64) -> Result<i64, Error> {
        match i64::try_from(expected) {
            Ok(expected) if expected > 0 => Ok(expected),
            _ => Err(Error::Conflict { current: self.get(key).await? }),
        }
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

#[async_trait]
impl Storage for Etcd {
    async fn get(&self, key: &str) -> Result<Option<KeyValue>, Error> {
        trace::client_span("etcdserverpb.KV/Range").hold(self.gets.read(self.full(key))).await
    }

    async fn list(&self, range: &ListRange) -> Result<Page, Error> {
        let start = self.full(if range.start > range.prefix { &range.start } else { &range.prefix });
        let limit = i64::try_from(range.limit).unwrap_or(i64::MAX);
        let Ok(revision) = i64::try_from(range.revision) else {
            return Err(Error::FutureRevision { current: self.current_revision().await? });
        };
        let options = GetOptions::new()
            .with_range(range_end(&self.full(&range.prefix)))
            .with_limit(limit)
            .with_revision(revision);
        let response = match self.range(start, options).await {
            Ok(response) => response.0,
            Err(Error::FutureRevision { .. }) => {
                return Err(Error::FutureRevision { current: self.current_revision().await? });
            }
            Err(failure) => return Err(failure),
        };
        let shown = if range.revision == 0 { revision_of(response.header)? } else { range.revision };
        let total = u64::try_from(response.count).unwrap_or(0);
        let items =
            response.kvs.into_iter().map(|kv| key_value(&self.prefix, kv)).collect::<Result<Vec<_>, _>>()?;
        let remaining = total.saturating_sub(items.len() as u64);
        Ok(Page { items, revision: shown, remaining })
    }

    async fn create(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<u64, Error> {
        let response = self.put(key, &value, ttl, 0, Vec::new()).await?;
        if response.succeeded { revision_of(response.header) } else { Err(Error::Exists) }
    }

    async fn update(
        &self,
        key: &str,
        expected: u64,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<u64, Error> {
        let expected = self.comparable(key, expected).await?;
        let otherwise = vec![TxnOp::get(self.full(key), None)];
        let response = self.put(key, &value, ttl, expected, otherwise).await?;
        if response.succeeded { revision_of(response.header) } else { Err(self.conflict(response)) }
    }

    async fn delete(&self, key: &str, expected: u64) -> Result<u64, Error> {
        let expected = self.comparable(key, expected).await?;
        let full = self.full(key);
        let transaction = Txn::new()
            .when([Compare::mod_revision(full.clone(), CompareOp::Equal, expected)])
            .and_then([TxnOp::delete(full.clone(), None)])
            .or_else([TxnOp::get(full, None)]);
        let response = self.transact(transaction).await?;
        if response.succeeded { revision_of(response.header) } else { Err(self.conflict(response)) }
    }

    async fn count(&self, prefix: &str) -> Result<u64, Error> {
        let key = self.full(prefix);
        let options = GetOptions::new().with_range(range_end(&key)).with_count_only();
        let response = self.range(key, options).await?;
        Ok(u64::try_from(response.count()).unwrap_or(0))
    }

    async fn current_revision(&self) -> Result<u64, Error> {
        self.revisions.read(()).await
    }

    async fn watch(&self, prefix: &str, after: u64) -> Result<Watch, Error> {
        let (pump, reader) = watch::pump(
            Arc::clone(&self.endpoints),
            Arc::clone(&self.prefix),
            self.full(prefix),
            after,
            self.wanted.listen(prefix),
        );
        let shutdown = self.shutdown.signal();
        self.tasks.spawn("etcd-watch", async move {
            shutdown.unless_begun(Box::pin(pump.run())).await;
        });
        Ok(reader.boxed())
    }

    async fn request_progress(&self, prefix: &str, revision: u64) -> Result<(), Error> {
        self.wanted.ask(prefix, revision);
        Ok(())
    }

    fn supports_progress(&self) -> bool {
        self.endpoints.supports_progress()
    }

    fn is_local(&self) -> bool {
        false
    }

    async fn compact(&self, revision: u64) -> Result<(), Error> {
        let current = self.current_revision().await?;
        match i64::try_from(revision) {
            Ok(revision) if revision.unsigned_abs() <= current => {
                compaction::compact(&self.endpoints, revision).await
            }
            _ => Err(Error::FutureRevision { current }),
        }
    }

    async fn run_compactor(&self, interval: Duration) {
        compaction::run(&self.endpoints, interval).await;
    }

    async fn probe(&self) -> Result<(), Error> {
        self.range(self.full("health"), GetOptions::new()).await.map(drop)
    }

    async fn size_bytes(&self) -> Result<u64, Error> {
        let status = self
            .endpoints
            .call(Repeat::Always, |mut clients| async move { clients.maintenance.status().await })
            .await?;
        Ok(u64::try_from(status.db_size()).unwrap_or(0))
    }
}

async fn range(
    endpoints: &Endpoints,
    key: Vec<u8>,
    options: GetOptions,
) -> Result<etcd_client::GetResponse, Error> {
    endpoints
        .call(Repeat::Always, |mut clients| {
            let (key, options) = (key.clone(), options.clone());
            async move { clients.kv.get(key, Some(options)).await }
        })
        .await
}

/// Reads of single keys: a lone one as a plain range, several as one transaction that only reads.
fn batched_gets(
    tasks: TaskGroup,
    endpoints: Arc<Endpoints>,
    prefix: Arc<str>,
) -> Batches<Vec<u8>, Option<KeyValue>> {
    Batches::new(tasks, PARALLEL_READS, BATCH_READS, move |mut keys: Vec<Vec<u8>>| {
        let (endpoints, prefix) = (Arc::clone(&endpoints), Arc::clone(&prefix));
        async move {
            let found =
                |kvs: Vec<PbKeyValue>| kvs.into_iter().next().map(|kv| key_value(&prefix, kv)).transpose();
            if keys.len() == 1 {
                let key = keys.pop().unwrap_or_default();
                let response = range(&endpoints, key, GetOptions::new()).await?;
                return Ok(vec![found(response.0.kvs)?]);
            }
            let count = keys.len();
            let reads: Vec<TxnOp> = keys.into_iter().map(|key| TxnOp::get(key, None)).collect();
            let transaction = Txn::new().and_then(reads);
            let response = endpoints
                .call(Repeat::Always, |mut clients| {
                    let transaction = transaction.clone();
                    async move { clients.kv.txn(transaction).await.map(|response| response.0) }
                })
                .await?;
            let answers: Vec<_> = response
                .responses
                .into_iter()
                .filter_map(|response| match response.response {
                    Some(PbTxnOpResponse::ResponseRange(range)) => Some(found(range.kvs)),
                    _ => None,
                })
                .collect::<Result<_, _>>()?;
            if answers.len() != count {
                return Err(Error::Corrupt("etcd did not answer all reads of a transaction".to_owned()));
            }
            Ok(answers)
        }
        .boxed()
    })
}

fn batched_revisions(tasks: TaskGroup, endpoints: Arc<Endpoints>, prefix: Arc<str>) -> Batches<(), u64> {
    Batches::new(tasks, 1, usize::MAX, move |asked: Vec<()>| {
        let (endpoints, key) = (Arc::clone(&endpoints), prefix.as_bytes().to_vec());
        async move {
            // A key that is never there: nothing is counted or sent but the revision.
            let response = range(&endpoints, key, GetOptions::new().with_count_only()).await?;
            let revision = revision_of(response.0.header)?;
            Ok(vec![revision; asked.len()])
        }
        .boxed()
    })
}

/// The end of the range of keys that start with `prefix`, as etcd takes it: the prefix with its last byte that
/// can be raised raised, and what is behind that cut off.
fn range_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    // All keys from the prefix on.
    vec![0]
}

fn revision_of(header: Option<PbResponseHeader>) -> Result<u64, Error> {
    header
        .and_then(|header| u64::try_from(header.revision).ok())
        .ok_or_else(|| Error::Corrupt("etcd answered without a revision".to_owned()))
}

fn key_value(prefix: &str, kv: PbKeyValue) -> Result<KeyValue, Error> {
    let key =
        std::str::from_utf8(&kv.key).ok().and_then(|key| key.strip_prefix(prefix)).ok_or_else(|| {
            Error::Corrupt(format!("etcd holds the key {:?}", String::from_utf8_lossy(&kv.key)))
        })?;
    let revision = u64::try_from(kv.mod_revision)
        .map_err(|_| Error::Corrupt(format!("the key {key} has the revision {}", kv.mod_revision)))?;
    Ok(KeyValue { key: key.into(), value: Bytes::from(kv.value), revision })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_behind_every_key_of_its_prefix() {
        for (prefix, end) in [
            (&b"/registry/"[..], &b"/registry0"[..]),
            (b"a", b"b"),
            (b"a\xff", b"b"),
            (b"a\xff\xff", b"b"),
            (b"\xff", b"\0"),
            (b"", b"\0"),
        ] {
            assert_eq!(range_end(prefix), end, "{prefix:?}");
        }
    }

    #[test]
    fn keys_lose_the_prefix_and_foreign_ones_are_refused() {
        let kv = |key: &[u8]| PbKeyValue {
            key: key.to_vec(),
            value: b"v".to_vec(),
            mod_revision: 7,
            ..PbKeyValue::default()
        };
        let read = key_value("/registry/", kv(b"/registry/pods/a")).expect("own");
        assert_eq!((&*read.key, read.revision), ("pods/a", 7));
        for foreign in [&b"/other/a"[..], b"/registry/\xff"] {
            assert!(matches!(key_value("/registry/", kv(foreign)), Err(Error::Corrupt(_))));
        }
    }
}
