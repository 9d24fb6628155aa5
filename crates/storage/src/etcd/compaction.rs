//! Compaction, by one of all the servers over an etcd.
//!
//! They meet at the key `compact_rev_key` (without the prefix; kube-apiserver uses the same). Its version is a
//! clock: a server whose clock agrees with it moves it on and compacts; one that finds it moved on sets its own
//! clock and leaves the work to the other. So each interval has one compaction, and where the server that did
//! it is gone another follows within two.

use std::time::Duration;

use etcd_client::proto::PbTxnOpResponse;
use etcd_client::{Compare, CompareOp, Txn, TxnOp};
use keelson_base::clock;

use crate::Error;
use crate::etcd::endpoints::{Endpoints, Repeat};
use crate::etcd::revision_of;

const KEY: &str = "compact_rev_key";

/// What a server knows from its last turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Turn {
    /// The key's version then.
    version: i64,
    /// The revision then: what the next turn compacts.
    revision: u64,
}

pub(super) async fn run(endpoints: &Endpoints, interval: Duration) {
    let mut turn = Turn::default();
    loop {
        clock::sleep(interval).await;
        match take(endpoints, turn).await {
            Ok(next) => turn = next,
            Err(failure) => tracing::error!(%failure, "compacting etcd failed"),
        }
    }
}

/// Compacts if it is this server's turn.
async fn take(endpoints: &Endpoints, turn: Turn) -> Result<Turn, Error> {
    let transaction = Txn::new()
        .when([Compare::version(KEY, CompareOp::Equal, turn.version)])
        .and_then([TxnOp::put(KEY, turn.revision.to_string(), None)])
        .or_else([TxnOp::get(KEY, None)]);
    let response = endpoints
        .call(Repeat::IfNotSent, |mut clients| {
            let transaction = transaction.clone();
            async move { clients.kv.txn(transaction).await }
        })
        .await?
        .0;
    let revision = revision_of(response.header)?;
    if !response.succeeded {
        let version = response.responses.into_iter().find_map(|response| match response.response {
            Some(PbTxnOpResponse::ResponseRange(range)) => range.kvs.first().map(|kv| kv.version),
            _ => None,
        });
        let version = version.ok_or_else(|| Error::Corrupt(format!("etcd did not show {KEY}")))?;
        return Ok(Turn { version, revision });
    }
    let next = Turn { version: turn.version + 1, revision };
    if turn.revision != 0 {
        let compacted = i64::try_from(turn.revision).unwrap_or(i64::MAX);
        if let Err(failure) = compact(endpoints, compacted).await {
            tracing::error!(%failure, revision = turn.revision, "compacting etcd failed");
        } else {
            tracing::debug!(revision = turn.revision, "compacted etcd");
        }
    }
    Ok(next)
}

/// Compacts; a revision that is compacted already is no error.
pub(super) async fn compact(endpoints: &Endpoints, revision: i64) -> Result<(), Error> {
    let done = endpoints
        .call(Repeat::Always, |mut clients| async move { clients.kv.compact(revision, None).await })
        .await;
    match done {
        Ok(_) | Err(Error::Compacted { .. }) => Ok(()),
        Err(failure) => Err(failure),
    }
}
