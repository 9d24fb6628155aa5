//! CertificateSigning: who signs a certificate may do so for its signer.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

use super::{Attributes, Operation, Phase, Plugin, signer};
use crate::authz::Authorizer;

pub(super) struct CertificateSigning {
    pub(super) authorizer: Arc<dyn Authorizer>,
}

#[async_trait]
impl Plugin for CertificateSigning {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.operation == Operation::Update
            && attributes.subresource == "status"
            && attributes.is_any("certificates.k8s.io", "certificatesigningrequests")
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let Some(old) = attributes.old else { return Ok(()) };
        let same = |path: &[&str]| object.and_then(|object| object.at(path)) == old.at(path);
        if same(&["status", "certificate"]) && same(&["status", "conditions"]) {
            return Ok(());
        }
        // The signer of the stored request counts: an update can't change it.
        let name = old.str_at(&["spec", "signerName"]);
        if signer::may(&*self.authorizer, attributes, "sign", name).await {
            return Ok(());
        }
        let why = format!("user not permitted to sign requests with signerName {name:?}");
        Err(attributes.forbidden(object, why))
    }
}
