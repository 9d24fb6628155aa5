//! NamespaceLifecycle: nothing is created in namespaces that don't exist or terminate, and the namespaces that
//! Kubernetes itself lives in stay.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::status::{Cause, Details};
use keelson_base::clock::{self, Instant};
use parking_lot::Mutex;

use super::objects::NAMESPACES;
use super::{Attributes, Objects, Operation, Phase, Plugin};

/// The namespaces that may not be deleted.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

/// How long the snapshot is not believed about a namespace that was deleted.
const DOUBT: Duration = Duration::from_secs(30);

/// How many namespaces are doubted at most; the oldest doubt goes first.
const MAX_DOUBTS: usize = 100;

pub(super) struct NamespaceLifecycle {
    objects: Arc<dyn Objects>,
    /// Namespaces that were deleted lately: the snapshot may not know.
    doubts: Mutex<VecDeque<(String, Instant)>>,
}

impl NamespaceLifecycle {
    pub(super) fn new(objects: Arc<dyn Objects>) -> Self {
        NamespaceLifecycle { objects, doubts: Mutex::default() }
    }

    fn doubt(&self, namespace: &str) {
        let mut doubts = self.doubts.lock();
        doubts.retain(|(name, _)| name != namespace);
        if doubts.len() >= MAX_DOUBTS {
            doubts.pop_front();
        }
        doubts.push_back((namespace.to_owned(), clock::monotonic() + DOUBT));
    }

    fn is_doubted(&self, namespace: &str) -> bool {
        let mut doubts = self.doubts.lock();
        if doubts.is_empty() {
            return false;
        }
        let now = clock::monotonic();
        doubts.retain(|(_, end)| *end > now);
        doubts.iter().any(|(name, _)| name == namespace)
    }

    /// The namespace: from the snapshot, unless that may be too old.
    async fn namespace(&self, name: &str) -> Result<Arc<Object>, Status> {
        let known = self.objects.get(NAMESPACES, "", name).await?;
        if let Some(known) = known
            && (known.str_at(&["status", "phase"]) != "Active" || !self.is_doubted(name))
        {
            return Ok(known);
        }
        let found = self.objects.get_now(NAMESPACES, "", name).await.map_err(Status::internal)?;
        found.ok_or_else(|| Status::not_found("", "namespaces", name))
    }
}

#[async_trait]
impl Plugin for NamespaceLifecycle {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        if attributes.is_any("", "namespaces") {
            return attributes.operation == Operation::Delete;
        }
        attributes.writes()
            && !attributes.namespace.is_empty()
            // To tell of the namespace would tell too much.
            && !attributes.is_any("authorization.k8s.io", "localsubjectaccessreviews")
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        if attributes.operation == Operation::Delete {
            if IMMORTAL.contains(&attributes.name) {
                return Err(attributes.forbidden(None, "this namespace may not be deleted"));
            }
            self.doubt(attributes.name);
            return Ok(());
        }
        let name = attributes.namespace;
        let namespace = self.namespace(name).await?;
        if attributes.operation != Operation::Create
            || namespace.str_at(&["status", "phase"]) != "Terminating"
        {
            return Ok(());
        }
        let why = format!("unable to create new content in namespace {name} because it is being terminated");
        let refusal = attributes.forbidden(object.as_deref(), why);
        let cause = Cause {
            reason: "NamespaceTerminating".into(),
            message: format!("namespace {name} is being terminated"),
            field: "metadata.namespace".into(),
        };
        let details = refusal.details().cloned().unwrap_or_default();
        Err(refusal.with_details(Details { causes: vec![cause], ..details }))
    }
}
