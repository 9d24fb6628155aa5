//! What has to be there before a server is ready. It comes while the server serves, and `/readyz` fails until then.
//!
//! Each thing is a milestone, which health checks show under the name of the post-start hook that does the same in
//! kube-apiserver. Beside them stands `informer-sync`: what the server keeps in memory of resources.

use std::time::Duration;

use keelson_base::clock;
use keelson_base::latch::Latch;
use tracing::warn;

use super::follow::Followers;
use crate::bootstrap::{Milestone, Milestones};
use crate::registry::Registry;

/// How long it takes before caches are looked at again.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// See the module. Clones share it.
#[derive(Clone)]
pub(super) struct Readiness {
    /// Resources are followed.
    pub(super) informers: Milestone,
    /// Others were told whom this server believes.
    pub(super) trust: Milestone,
    /// The watch caches that are in use have their objects, or were waited for long enough.
    pub(super) storage: Milestone,
    pub(super) bootstrap: Milestones,
    pub(super) followers: Followers,
    /// The server was ready once.
    pub(super) ready: Latch,
}

impl Default for Readiness {
    fn default() -> Self {
        Readiness {
            informers: Milestone::new("generic-apiserver-start-informers"),
            trust: Milestone::new("start-cluster-authentication-info-controller"),
            storage: Milestone::new("storage-readiness"),
            bootstrap: Milestones::default(),
            followers: Followers::default(),
            ready: Latch::new(),
        }
    }
}

impl Readiness {
    /// All of them, in the order in which health checks show them.
    pub(super) fn milestones(&self) -> Vec<Milestone> {
        let own = [self.informers.clone(), self.trust.clone(), self.storage.clone()];
        own.into_iter().chain(self.bootstrap.all()).collect()
    }

    /// Waits until the caches that were begun have their objects, for `limit` at most.
    pub(super) async fn await_storage(&self, registry: &Registry, limit: Duration) {
        let caches = async {
            while registry.caches_begin() {
                clock::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(limit, caches).await.is_err() {
            warn!(?limit, "the server may become ready though not all watch caches have their objects");
        }
        self.storage.pass();
    }

    /// Waits until all of it is there.
    pub(super) async fn reached(&self) {
        for milestone in self.milestones() {
            milestone.wait().await;
        }
        self.followers.synced().await;
        self.ready.set();
    }
}
