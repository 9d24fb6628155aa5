//! CSIDriver.

use keelson_apimachinery::field::FieldError;

use crate::validation::shared::immutable::{IMMUTABLE, immutable};
use crate::validation::shared::names::one_of;
use crate::validation::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new("storage.k8s.io", "csidrivers", create, update).warnings(warn);

/// What the period between looks at a driver's volume limits may not be below, in seconds.
const MIN_PERIOD: i64 = 10;

/// The times for which a token may be asked, in seconds.
const MIN_TOKEN: i64 = 600;
const MAX_TOKEN: i64 = 1 << 32;

fn create(object: &Node<'_>, errors: &mut Errors) {
    let spec = object.child("spec");
    // Errors call the member so.
    let attach = spec.child("attachedRequired").with(spec.at(&["attachRequired"]));
    for required in [attach, spec.child("podInfoOnMount"), spec.child("storageCapacity")] {
        if !required.is_set() {
            errors.push(required.required(""));
        }
    }
    let policy = spec.child("fsGroupPolicy");
    if policy.is_set() {
        one_of(&policy, &["File", "None", "ReadWriteOnceWithFSType"], errors);
    }
    token_requests(&spec.child("tokenRequests"), errors);
    let modes = spec.child("volumeLifecycleModes");
    for mode in modes.items().filter(|mode| !matches!(mode.text(), "Persistent" | "Ephemeral")) {
        errors.push(FieldError::not_supported(&modes, mode.text(), &["Persistent", "Ephemeral"]));
    }
    let relabels = spec.child("seLinuxMount");
    if !relabels.is_set() {
        errors.push(relabels.required(""));
    }
    let period = spec.child("nodeAllocatableUpdatePeriodSeconds");
    if period.int().is_some_and(|seconds| seconds < MIN_PERIOD) {
        errors.push(period.invalid("must be greater than or equal to 10 seconds"));
    }
    let secret = spec.child("serviceAccountTokenInSecrets");
    if secret.is_set() && spec.array_at(&["tokenRequests"]).is_empty() {
        let why = "serviceAccountTokenInSecrets is set but no tokenRequests are specified";
        errors.push(secret.invalid(why));
    }
}

fn token_requests(list: &Node<'_>, errors: &mut Errors) {
    for (i, request) in list.items().enumerate() {
        let audience = request.child("audience");
        if list.array()[..i].iter().any(|other| other.str_at(&["audience"]) == audience.text()) {
            errors.push(audience.duplicate_text(audience.text()));
            continue;
        }
        let expiration = request.child("expirationSeconds");
        match expiration.int() {
            Some(seconds) if seconds < MIN_TOKEN => {
                errors.push(expiration.invalid("may not specify a duration less than 10 minutes"));
            }
            Some(seconds) if seconds > MAX_TOKEN => {
                errors.push(expiration.invalid("may not specify a duration larger than 2^32 seconds"));
            }
            _ => {}
        }
    }
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    create(object, errors);
    let (spec, before) = (object.child("spec"), old.child("spec"));
    let attach = spec.child("attachedRequired").with(spec.at(&["attachRequired"]));
    if !attach.same(&before.child("attachRequired")) {
        errors.push(attach.invalid(IMMUTABLE));
    }
    immutable(&spec.child("volumeLifecycleModes"), &before.child("volumeLifecycleModes"), errors);
}

fn warn(object: &Node<'_>, old: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    let spec = object.child("spec");
    let requests = spec.child("tokenRequests");
    let before = old.and_then(|old| old.at(&["spec", "tokenRequests"]));
    let asked = old.is_none() || !requests.same(&requests.with(before));
    if asked && !requests.array().is_empty() && !spec.child("serviceAccountTokenInSecrets").is_set() {
        warnings.push(
            "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent \
             possible logging of tokens in volume attributes"
                .into(),
        );
    }
}
