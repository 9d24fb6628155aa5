//! The secrets of bootstrap tokens, in memory as the registry has them.

use std::collections::HashMap;
use std::sync::Arc;

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Text};
use parking_lot::RwLock;

use super::follow::{Follower, Following, Target};
use crate::authn::bootstrap_token::{NAMESPACE, SECRET_TYPE, Secrets};
use crate::registry::Registry;

/// See the module.
pub(super) struct BootstrapSecrets(Arc<Follower<Snapshot>>);

#[derive(Default)]
struct Snapshot {
    secrets: RwLock<HashMap<Text, Arc<Object>>>,
}

impl BootstrapSecrets {
    /// Reads the secrets, and follows them.
    ///
    /// # Errors
    /// What the registry says of the first reading.
    pub(super) async fn begin(registry: &Registry, following: &Following<'_>) -> Result<Self, Status> {
        let store = registry.store("", "secrets").ok_or_else(|| Status::internal("there are no secrets"))?;
        let follower = Follower::new(store.clone(), Snapshot::default());
        let follower = Arc::new(follower.only(NAMESPACE, format!("type={SECRET_TYPE}")));
        following.followers.add(&follower);
        let (events, followed, end) = (follower.load().await?, follower.clone(), following.end.clone());
        following
            .tasks
            .spawn("bootstrap-tokens", async move { end.unless_begun(followed.follow(events)).await });
        Ok(BootstrapSecrets(follower))
    }
}

impl Secrets for BootstrapSecrets {
    fn get(&self, name: &str) -> Option<Arc<Object>> {
        self.0.target.secrets.read().get(name).cloned()
    }
}

impl Target for Snapshot {
    type Kept = Object;

    fn keep(&self, object: Object) -> Object {
        object
    }

    fn replace(&self, all: Vec<Object>) {
        let named = |object: Object| (Text::from(object.name()), Arc::new(object));
        *self.secrets.write() = all.into_iter().map(named).collect();
    }

    fn set(&self, object: Object) {
        self.secrets.write().insert(Text::from(object.name()), Arc::new(object));
    }

    fn remove(&self, object: &Object) {
        self.secrets.write().remove(object.name());
    }
}
