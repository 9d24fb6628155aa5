//! How objects are converted between the versions of a custom resource.

use keelson_apimachinery::content::names::dns_1035_label;

use super::super::certificates::x509::has_certificate;
use super::super::shared::{names, webhook};
use super::super::{Errors, Node};

const REVIEW_VERSIONS: &[&str] = &["v1", "v1beta1"];

/// What is let pass.
#[derive(Clone, Copy)]
pub(super) struct Lenient {
    /// Review versions that the server doesn't speak.
    pub(super) review_versions: bool,
    /// A bundle of authorities without any.
    pub(super) bundle: bool,
}

/// Whether review versions are empty or have one that the server speaks.
pub(super) fn has_known_version(versions: &Node<'_>) -> bool {
    versions.is_empty() || versions.items().any(|version| REVIEW_VERSIONS.contains(&version.text()))
}

/// Whether a client configuration has a bundle of authorities without any.
pub(super) fn has_bad_bundle(config: &Node<'_>) -> bool {
    let bundle = config.child("caBundle");
    !bundle.text().is_empty() && !has_certificate(bundle.text())
}

/// Checks a conversion.
pub(super) fn conversion(conversion: &Node<'_>, lenient: Lenient, errors: &mut Errors) {
    if !conversion.is_set() {
        return;
    }
    let strategy = conversion.child("strategy");
    if strategy.text().is_empty() {
        errors.push(strategy.required(""));
    } else {
        names::one_of(&strategy, &["None", "Webhook"], errors);
    }
    let (config, versions) =
        (conversion.child("webhookClientConfig"), conversion.child("conversionReviewVersions"));
    if strategy.text() != "Webhook" {
        const WHY: &str = "should not be set when strategy is not set to Webhook";
        if config.is_set() {
            errors.push(config.forbidden(WHY));
        }
        if !versions.is_empty() {
            errors.push(versions.forbidden(WHY));
        }
        return;
    }
    if config.is_set() {
        webhook::client_config(&config, errors);
        if !lenient.bundle && has_bad_bundle(&config) {
            let why = "unable to load root certificates: unable to parse bytes as PEM block";
            errors.push(config.child("caBundle").invalid(why));
        }
    } else {
        errors.push(config.required("required when strategy is set to Webhook"));
    }
    review_versions(&versions, lenient, errors);
}

fn review_versions(versions: &Node<'_>, lenient: Lenient, errors: &mut Errors) {
    if versions.is_empty() {
        errors.push(versions.required(""));
        return;
    }
    for (i, version) in versions.items().enumerate() {
        if versions.items().take(i).any(|before| before.text() == version.text()) {
            errors.push(version.invalid("duplicate version"));
        } else {
            names::refuse(&version, dns_1035_label(version.text()), errors);
        }
    }
    if !lenient.review_versions && !has_known_version(versions) {
        let known = REVIEW_VERSIONS.join(", ");
        errors.push(versions.invalid(format!("must include at least one of {known}")));
    }
}
