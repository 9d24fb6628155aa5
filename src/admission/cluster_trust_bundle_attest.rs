//! ClusterTrustBundleAttest: who writes the trust anchors of a signer may attest for it.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

use super::{Attributes, Phase, Plugin, signer};
use crate::authz::Authorizer;

pub(super) struct ClusterTrustBundleAttest {
    pub(super) authorizer: Arc<dyn Authorizer>,
}

#[async_trait]
impl Plugin for ClusterTrustBundleAttest {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.writes() && attributes.is_any("certificates.k8s.io", "clustertrustbundles")
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let Some(bundle) = object else { return Ok(()) };
        let name = bundle.str_at(&["spec", "signerName"]);
        // The garbage collector and storage migration change nothing that is attested.
        if name.is_empty() || attributes.old.is_some_and(|old| differs_in_owners_alone(bundle, old)) {
            return Ok(());
        }
        if signer::may(&*self.authorizer, attributes, "attest", name).await {
            return Ok(());
        }
        let why = format!("user not permitted to attest for signerName {name:?}");
        Err(attributes.forbidden(object, why))
    }
}

fn differs_in_owners_alone(new: &Object, old: &Object) -> bool {
    let bare = |object: &Object| {
        let mut object = object.clone();
        object.set_owner_references(Vec::new());
        object.set_finalizers(Vec::<String>::new());
        object.set_managed_fields(Vec::new());
        object.set_resource_version("");
        object
    };
    bare(new) == bare(old)
}
