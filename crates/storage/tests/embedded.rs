//! The conformance suite over the embedded store.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_storage::Storage;
use keelson_storage::conformance::{self, Harness};
use keelson_storage::embedded::{Embedded, Options};
use tokio::sync::Mutex;

struct EmbeddedHarness {
    directory: tempfile::TempDir,
    store: Mutex<Arc<Embedded>>,
}

impl EmbeddedHarness {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Embedded::open(Options::new(directory.path().join("data"))).await.expect("opened");
        Self { directory, store: Mutex::new(store) }
    }
}

#[async_trait]
impl Harness for EmbeddedHarness {
    async fn store(&self) -> Arc<dyn Storage> {
        self.store.lock().await.clone()
    }

    async fn cut_connections(&self) {}

    async fn restart(&self) -> Arc<dyn Storage> {
        let mut store = self.store.lock().await;
        store.close().await.expect("closed");
        *store =
            Embedded::open(Options::new(self.directory.path().join("data"))).await.expect("opened again");
        store.clone()
    }

    fn restarts_quickly(&self) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_store_conforms() {
    conformance::run(&EmbeddedHarness::new().await).await;
}
