//! Reading one object.

use keelson_apimachinery::Status;
use keelson_apimachinery::field::{FieldError, Path};

use super::Store;
use super::reads::{At, View};
use crate::registry::Stored;
use crate::registry::errors::parse_resource_version;

impl Store {
    /// The object as it is now.
    ///
    /// # Errors
    /// 404 where there is none.
    pub async fn get(&self, namespace: Option<&str>, name: &str) -> Result<Stored, Status> {
        let key = self.keys.object(namespace, name)?;
        let about = self.about("get", name);
        let span = self.span("cacher.Get", &key);
        match span.hold(self.storage.get(&key)).await.map_err(|error| about.status(error))? {
            Some(found) => Ok(Stored { value: found.value, revision: found.revision }),
            None => Err(about.not_found()),
        }
    }

    /// The object no older than `resource_version`, as the client sent it: empty for the current one, `0` for
    /// whichever is at hand, or a revision.
    ///
    /// # Errors
    /// 404 where there is none, 500 for a version that is no number, 504 for one that has not happened.
    pub async fn get_at(
        &self,
        namespace: Option<&str>,
        name: &str,
        resource_version: &str,
    ) -> Result<Stored, Status> {
        let wanted = parse_resource_version(resource_version).map_err(|why| {
            let path = Path::new("resourceVersion");
            Status::opaque(FieldError::invalid(&path, resource_version, why).to_string())
        })?;
        if resource_version.is_empty() {
            return self.get(namespace, name).await;
        }
        let key = self.keys.object(namespace, name)?;
        let at = if wanted == 0 { At::Any } else { At::NotOlderThan(wanted) };
        match self.view(at).await? {
            View::Storage(_) => self.get(namespace, name).await,
            View::Snapshot(snapshot) => match snapshot.get(&key) {
                Some(found) => Ok(Stored { value: found.value.clone(), revision: found.revision }),
                None => Err(self.about("get", name).not_found()),
            },
        }
    }
}
