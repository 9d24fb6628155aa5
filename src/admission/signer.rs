//! Who may do what with the certificates of a signer.

use super::Attributes;
use crate::authz::{self, Authorizer};

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
            group: "certificates.k8s.io",
            version: "*",
            resource: "signers",
            name,
            ..authz::Attributes::on_resources(attributes.user, verb)
        };
        // An authorizer that can't decide does not allow.
        if authorizer.authorize(&asked).await.is_allowed() {
            return true;
        }
    }
    false
}
