//! CertificateSigningRequest: the request itself, who decides about it, and what may come back.

use super::super::core::signer_name;
use super::super::shared::names;
use super::super::{Errors, Node, Rules};
use super::x509::{wrong_certificates, wrong_request};

pub(super) const RULES: Rules = Rules::new(
    "certificates.k8s.io",
    "certificatesigningrequests",
    |object, errors| check(object, None, errors),
    |object, old, errors| update(object, old, Through::Itself, errors),
)
.subresources(&[
    ("approval", |object, old, errors| update(object, old, Through::Approval, errors)),
    ("status", |object, old, errors| update(object, old, Through::Status, errors)),
]);

/// What an update goes through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Through {
    Itself,
    Approval,
    Status,
}

/// The name that the first version gave to requests without a signer's.
const LEGACY_SIGNER: &str = "kubernetes.io/legacy-unknown";

/// The shortest life that may be asked for, in seconds.
const MIN_EXPIRATION: i64 = 600;

const USAGES: &[&str] = &[
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

fn check(object: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    let spec = object.child("spec");
    let old_spec = old.map(|old| old.child("spec"));
    let request = spec.child("request");
    if let Some(why) = wrong_request(request.text()) {
        errors.push(request.invalid(why));
    }
    check_usages(&spec.child("usages"), old_spec.as_ref(), errors);
    let signer = spec.child("signerName");
    let legacy = old_spec.as_ref().is_some_and(|old| old.child("signerName").text() == LEGACY_SIGNER);
    if !legacy && signer.text() == LEGACY_SIGNER {
        errors.push(signer.invalid("the legacy signerName is not allowed via this API version"));
    } else {
        signer_name(&signer, errors);
    }
    let expiration = spec.child("expirationSeconds");
    if expiration.int().is_some_and(|seconds| seconds < MIN_EXPIRATION) {
        errors.push(expiration.invalid("may not specify a duration less than 600 seconds (10 minutes)"));
    }
    let (status, old_status) = (object.child("status"), old.map(|old| old.child("status")));
    check_conditions(&status.child("conditions"), old_status.as_ref(), errors);
    check_certificate(&status.child("certificate"), old_status.as_ref(), errors);
}

fn check_usages(usages: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    if usages.is_empty() {
        errors.push(usages.required(""));
    }
    let before = old.map(|old| old.child("usages"));
    let unknown = |usage: &Node<'_>| !USAGES.contains(&usage.text());
    let repeats =
        |list: &Node<'_>, i: usize| list.items().take(i).any(|before| before.text() == list.index(i).text());
    if !before.as_ref().is_some_and(|list| list.items().any(|usage| unknown(&usage))) {
        for usage in usages.items() {
            names::one_of(&usage, USAGES, errors);
        }
    }
    if !before.as_ref().is_some_and(|list| (0..list.len()).any(|i| repeats(list, i))) {
        for (_, usage) in usages.items().enumerate().filter(|(i, _)| repeats(usages, *i)) {
            errors.push(usage.duplicate());
        }
    }
}

/// The types of conditions, in their order.
fn types<'a>(conditions: &'a Node<'a>) -> impl Iterator<Item = String> + 'a {
    conditions.items().map(|condition| condition.child("type").text().to_owned())
}

fn count(conditions: &Node<'_>, kind: &str) -> usize {
    types(conditions).filter(|other| other == kind).count()
}

fn check_conditions(list: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    let before = old.map(|old| old.child("conditions"));
    let had = |kind: &str| before.as_ref().is_some_and(|list| count(list, kind) > 0);
    let had_twice = before.as_ref().is_some_and(|list| types(list).any(|kind| count(list, &kind) > 1));
    let (mut approved, mut denied) = (false, false);
    for (i, condition) in list.items().enumerate() {
        let (kind, status) = (condition.child("type"), condition.child("status"));
        if kind.text().is_empty() && !had("") {
            errors.push(kind.required(""));
        }
        let statuses: &[&str] = match kind.text() {
            "Approved" | "Denied" | "Failed" => &["True"],
            _ => &["False", "True", "Unknown"],
        };
        if status.text().is_empty() {
            errors.push(status.required(""));
        } else {
            names::one_of(&status, statuses, errors);
        }
        approved |= kind.text() == "Approved";
        denied |= kind.text() == "Denied";
        if matches!(kind.text(), "Approved" | "Denied")
            && approved
            && denied
            && !(had("Approved") && had("Denied"))
        {
            let why = "Approved and Denied conditions are mutually exclusive";
            errors.push(list.invalid_text(kind.text(), why));
        }
        if !had_twice && types(list).take(i).any(|before| before == kind.text()) {
            errors.push(kind.duplicate_text(kind.text()));
        }
    }
}

fn check_certificate(certificate: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    let before = old.map(|old| old.child("certificate"));
    let tolerated = |before: &Node<'_>| {
        before.text() == certificate.text() || wrong_certificates(before.text()).is_some()
    };
    if before.as_ref().is_some_and(tolerated) {
        return;
    }
    if let Some(why) = wrong_certificates(certificate.text()) {
        errors.push(certificate.invalid_text("<certificate data>", why));
    }
}

fn update(object: &Node<'_>, old: &Node<'_>, through: Through, errors: &mut Errors) {
    check(object, Some(old), errors);
    let (status, before) = (object.child("status"), old.child("status"));
    let (conditions, old_conditions) = (status.child("conditions"), before.child("conditions"));
    let counts = |kind: &str| (count(&conditions, kind), count(&old_conditions, kind));
    for kind in ["Approved", "Denied", "Failed"] {
        let (now, then) = counts(kind);
        if now < then {
            errors
                .push(conditions.forbidden(format!("updates may not remove a condition of type \"{kind}\"")));
        }
    }
    if through != Through::Approval {
        for kind in ["Approved", "Denied"] {
            let (now, then) = counts(kind);
            let of = |list: &Node<'_>| -> Vec<_> {
                list.array().iter().filter(|condition| condition.str_at(&["type"]) == kind).cloned().collect()
            };
            if now > then {
                let why = format!("updates may not add a condition of type \"{kind}\"");
                errors.push(conditions.forbidden(why));
            } else if now == then && of(&conditions) != of(&old_conditions) {
                let why = format!("updates may not modify a condition of type \"{kind}\"");
                errors.push(conditions.forbidden(why));
            }
        }
    }
    let (certificate, old_certificate) = (status.child("certificate"), before.child("certificate"));
    if certificate.text() != old_certificate.text() {
        if through != Through::Status {
            errors.push(certificate.forbidden("updates may not set certificate content"));
        } else if !old_certificate.text().is_empty() {
            errors.push(certificate.forbidden("updates may not modify existing certificate content"));
        }
    }
}
