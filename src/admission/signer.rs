//! Who may do what with the certificates of a signer.

use super::Attributes;
use crate::authz::{self, Authorizer, Decision};

/// Whether the user may `verb` for a signer: that one, or all of its domain.
pub(super) async fn may(
    authorizer: &dyn Authorizer,
    attributes: &Attributes<'_>,
    verb: &str,
    signer: &str,
) -> bool {
    let domain = signer.split('/').next().unwrap_or_default();
    for name in [signer, &format!("{domain}/*")] {
        let asked = authz::Attributes {
            user: attributes.user,
            verb,
            is_resource_request: true,
            group: "certificates.k8s.io",
            version: "*",
            resource: "signers",
            subresource: "",
            namespace: "",
            name,
            path: "",
            field_selector: "",
            label_selector: "",
        };
        // An authorizer that can't decide does not allow.
        if authorizer.authorize(&asked).await.is_ok_and(|verdict| verdict.decision == Decision::Allow) {
            return true;
        }
    }
    false
}
