//! What callers of a store ask for, and the callbacks that they hand it.

use std::time::Duration;

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;
use parking_lot::Mutex;

use super::Stored;
use crate::request::UserInfo;

/// Which objects a list or watch selects, and as of when: the query as the client sent it. The store parses
/// and checks it, as it knows the resource.
///
/// Source: the `ListOptions` of the Kubernetes API, and "Resource versions" in the API concepts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// A label selector; empty selects all.
    pub label_selector: String,
    /// A field selector; empty selects all.
    pub field_selector: String,
    /// At most this many items; 0 and less for all.
    pub limit: i64,
    /// Where an earlier page ended; empty for the first page.
    pub continue_token: String,
    /// Empty, `0` or a revision.
    pub resource_version: String,
    /// Empty, `Exact` or `NotOlderThan`.
    pub resource_version_match: String,
    /// Watch only: whether the current state comes as events first.
    pub send_initial_events: Option<bool>,
    /// Watch only: whether bookmarks are wanted.
    pub allow_watch_bookmarks: bool,
    /// Watch only: how long it is read; a bookmark comes shortly before it ends. `None` where that isn't known.
    pub duration: Option<Duration>,
}

/// A page of a list.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The objects in key order.
    pub items: Vec<Stored>,
    /// The revision that the list shows: `metadata.resourceVersion`.
    pub revision: u64,
    /// `metadata.continue`; empty on the last page.
    pub continue_token: String,
    /// `metadata.remainingItemCount`.
    pub remaining: Option<i64>,
}

/// The `DeleteOptions` of a request, apart from `dryRun`, which [`WriteContext`] has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// Seconds until the object is gone, where the kind knows graceful deletion. Negative counts as 1.
    pub grace_period_seconds: Option<i64>,
    /// The uid that the object must have.
    pub precondition_uid: Option<String>,
    /// The resource version that the object must have.
    pub precondition_resource_version: Option<String>,
    /// The old form of `propagation_policy`.
    pub orphan_dependents: Option<bool>,
    /// `Orphan`, `Background` or `Foreground`; the store refuses anything else.
    pub propagation_policy: Option<String>,
}

/// What a deletion did.
#[derive(Clone, Debug)]
pub struct Deleted {
    /// The object as it was last.
    pub object: Stored,
    /// Whether it is gone; otherwise it waits for its grace period or its finalizers.
    pub gone: bool,
    /// Whether the answer is the object; otherwise it is a `Status` that names it.
    pub answer_object: bool,
}

/// Around a write: where, by whom, and how.
#[derive(Clone, Copy, Debug)]
pub struct WriteContext<'a> {
    /// The namespace in the path; `None` for resources without namespaces.
    pub namespace: Option<&'a str>,
    /// Who asked.
    pub user: &'a UserInfo,
    /// The subresource in the path, such as `status`; empty for the object itself.
    pub subresource: &'a str,
    /// Whether everything happens but the write.
    pub dry_run: bool,
    /// The name under which changed fields are noted.
    pub field_manager: &'a str,
    /// Whether an update of a missing object creates it whatever its kind (server-side apply).
    pub create_missing: bool,
    /// Takes the warnings for the client.
    pub warnings: &'a Warnings,
}

/// Warnings for the client, in order, each once.
#[derive(Debug, Default)]
pub struct Warnings(Mutex<Vec<String>>);

impl Warnings {
    /// Adds one, without a prefix such as `Warning:`.
    pub fn add(&self, text: impl Into<String>) {
        let (text, mut list) = (text.into(), self.0.lock());
        if !list.contains(&text) {
            list.push(text);
        }
    }

    /// Takes all of them.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock())
    }
}

/// Makes the new object from the current one.
pub trait Change: Send {
    /// The new object, in the storage version; `current` is `None` where none exists. Called again where
    /// the object changed meanwhile.
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status>;

    /// The uid that the current object must have, where the request names one (as a PUT's body may).
    fn precondition_uid(&self) -> Option<&str> {
        None
    }
}

/// What admission is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// An object is to be created.
    Create,
    /// An object is to be changed.
    Update,
    /// An object is to be deleted.
    Delete,
}

/// Admission, as the registry sees it. Calls may come again for one request, as a write may be tried again.
#[async_trait]
pub trait Admit: Send + Sync {
    /// Changes the object that is to be written; `old` is the current one, where there is one.
    async fn mutate(
        &self,
        operation: Operation,
        object: &mut Object,
        old: Option<&Object>,
    ) -> Result<(), Status>;

    /// Checks what is to be written: `object` is `None` for deletions, `old` is `None` for creations.
    async fn validate(
        &self,
        operation: Operation,
        object: Option<&Object>,
        old: Option<&Object>,
    ) -> Result<(), Status>;
}

/// Admits everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAdmission;

#[async_trait]
impl Admit for NoAdmission {
    async fn mutate(&self, _: Operation, _: &mut Object, _: Option<&Object>) -> Result<(), Status> {
        Ok(())
    }

    async fn validate(&self, _: Operation, _: Option<&Object>, _: Option<&Object>) -> Result<(), Status> {
        Ok(())
    }
}
