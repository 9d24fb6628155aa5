//! Projected volumes, and the downward API with which they share their files.

use keelson_apimachinery::content::{names, paths};
use keelson_apimachinery::field::FieldError;

use super::Context;
use super::sources::{key_to_path, mode};
use crate::validation::core::pod::{environment, internal, signer};
use crate::validation::shared::names::{MAX_ANNOTATIONS, one_of, refuse, required};
use crate::validation::shared::render::render;
use crate::validation::shared::seen::Seen;
use crate::validation::shared::selector::{self, Leniency, label_selector};
use crate::validation::{Errors, Node};

/// Fields of pods that files may have.
const FIELDS: &[&str] =
    &["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

const KEY_TYPES: &[&str] = &["RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"];
const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

/// A file of the downward API; `at` is where errors say that it is.
fn downward_file(file: &Node<'_>, at: &Node<'_>, errors: &mut Errors) {
    let (field, resource) = (file.child("fieldRef"), file.child("resourceFieldRef"));
    let path = at.child("path").with(file.child("path").value());
    required(&path, errors);
    refuse(&path, paths::local_non_reserved(path.text()), errors);
    if field.is_set() {
        environment::object_field(&at.child("fieldRef").with(field.value()), FIELDS, errors);
        if resource.is_set() {
            let why = "fieldRef and resourceFieldRef can not be specified simultaneously";
            errors.push(at.invalid_text("resource", why));
        }
    } else if resource.is_set() {
        environment::resource_field(&at.child("resourceFieldRef").with(resource.value()), true, errors);
    } else {
        errors.push(at.required("one of fieldRef and resourceFieldRef is required"));
    }
    mode(&at.child("mode").with(file.child("mode").value()), errors);
}

pub(super) fn downward_api(source: &Node<'_>, _: &Node<'_>, _: Context<'_>, errors: &mut Errors) {
    mode(&source.child("defaultMode"), errors);
    source.child("items").items().for_each(|file| downward_file(&file, source, errors));
}

pub(super) fn projected(volume: &Node<'_>, _: &Node<'_>, context: Context<'_>, errors: &mut Errors) {
    mode(&volume.child("defaultMode"), errors);
    let sources = volume.child("sources");
    let mut files = Files { volume, taken: Seen::default() };
    for source in sources.items() {
        let mut count = 0;
        for (kind, rule) in KINDS {
            if source.child(kind).is_set() {
                count += 1;
                rule(&source, &mut files, context, errors);
            }
        }
        if count > 1 {
            errors.push(source.forbidden("may not specify more than 1 volume type per source"));
        }
    }
}

/// The paths that a volume's files have already.
struct Files<'v, 'a> {
    volume: &'v Node<'v>,
    taken: Seen<'a>,
}

impl<'a> Files<'_, 'a> {
    /// Takes a path; an error shows `shown`.
    fn take(&mut self, path: &'a str, shown: &str, errors: &mut Errors) {
        if !self.taken.insert(path) {
            errors.push(self.volume.invalid_text(shown, "conflicting duplicate paths"));
        }
    }
}

type Rule = for<'a> fn(&Node<'a>, &mut Files<'_, 'a>, Context<'_>, &mut Errors);

const KINDS: &[(&str, Rule)] = &[
    ("secret", |source, files, _, errors| keyed("secret", source, files, errors)),
    ("configMap", |source, files, _, errors| keyed("configMap", source, files, errors)),
    ("downwardAPI", downward),
    ("serviceAccountToken", token),
    ("clusterTrustBundle", trust_bundle),
    ("podCertificate", certificate),
];

fn keyed<'a>(kind: &str, source: &Node<'a>, files: &mut Files<'_, 'a>, errors: &mut Errors) {
    let at = source.child(kind);
    required(&at.child("name"), errors);
    let named = source.text_at(&[kind, "name"]);
    for (item, value) in at.child("items").items().zip(source.array_at(&[kind, "items"])) {
        key_to_path(&item, errors);
        let path = value.str_at(&["path"]);
        if !path.is_empty() {
            files.take(path, named, errors);
        }
    }
}

fn downward<'a>(source: &Node<'a>, files: &mut Files<'_, 'a>, _: Context<'_>, errors: &mut Errors) {
    let at = source.child("downwardAPI");
    for (file, value) in at.child("items").items().zip(source.array_at(&["downwardAPI", "items"])) {
        downward_file(&file, &at, errors);
        let path = value.str_at(&["path"]);
        if !path.is_empty() {
            files.take(path, path, errors);
        }
    }
}

fn token<'a>(source: &Node<'a>, files: &mut Files<'_, 'a>, context: Context<'_>, errors: &mut Errors) {
    let at = source.child("serviceAccountToken");
    let expiration = at.child("expirationSeconds");
    let seconds = expiration.int().unwrap_or(0);
    if seconds < HOUR / 6 {
        let why = "may not specify a duration less than 10 minutes";
        errors.push(FieldError::invalid_int(&expiration, seconds, why));
    }
    if seconds > 1 << 32 {
        errors.push(expiration.invalid("may not specify a duration larger than 2^32 seconds"));
    }
    let path = files.volume.child("path").with(at.child("path").value());
    if path.text().is_empty() {
        errors.push(path.required(""));
    } else if !context.options.token_paths {
        refuse(&path, paths::local_non_reserved(path.text()), errors);
    }
}

fn trust_bundle<'a>(source: &Node<'a>, files: &mut Files<'_, 'a>, _: Context<'_>, errors: &mut Errors) {
    let at = source.child("clusterTrustBundle");
    let (name, signer) = (at.child("name"), at.child("signerName"));
    let selector = at.child("labelSelector");
    match (name.is_set(), signer.is_set()) {
        (true, true) => {
            let why = "only one of name and signerName may be used";
            errors.push(render(&at, &internal::CLUSTER_TRUST_BUNDLE_PROJECTION).invalid(why));
        }
        (true, false) => {
            if name.text().is_empty() {
                errors.push(name.required("must be a valid object name"));
            }
            let wrong = signer::trust_bundle_name(name.text()).into_iter();
            refuse(&name, wrong.map(|w| format!("not a valid clustertrustbundlename: {w}")), errors);
            if selector.is_set() {
                errors.push(selector::invalid(&selector, "labelSelector must be unset if name is specified"));
            }
        }
        (false, true) => {
            if signer.text().is_empty() {
                errors.push(signer.required("must be a valid signer name"));
            }
            signer::signer_name(&signer, errors);
            label_selector(&selector, Leniency::default(), errors);
        }
        (false, false) => errors.push(at.required("either name or signerName must be specified")),
    }
    let path_at = at.child("path");
    required(&path_at, errors);
    refuse(&path_at, paths::local_non_reserved(path_at.text()), errors);
    let path = source.text_at(&["clusterTrustBundle", "path"]);
    files.take(path, path, errors);
}

fn certificate<'a>(source: &Node<'a>, files: &mut Files<'_, 'a>, _: Context<'_>, errors: &mut Errors) {
    let at = source.child("podCertificate");
    let signer = at.child("signerName");
    signer::signer_name(&signer, errors);
    user_annotations(&at.child("userAnnotations"), errors);
    one_of(&at.child("keyType"), KEY_TYPES, errors);
    let expiration = at.child("maxExpirationSeconds");
    if let Some(seconds) = expiration.int() {
        if seconds < HOUR {
            errors.push(expiration.invalid("if provided, maxExpirationSeconds must be >= 3600"));
        }
        let max = if signer::is_kubernetes(signer.text()) { DAY } else { 91 * DAY };
        if seconds > max {
            errors.push(expiration.invalid(format!("if provided, maxExpirationSeconds must be <= {max}")));
        }
    }
    let mut any = false;
    for member in ["credentialBundlePath", "keyPath", "certificateChainPath"] {
        let path = source.text_at(&["podCertificate", member]);
        if !path.is_empty() {
            any = true;
            refuse(&at.child(member), paths::local_non_reserved(path), errors);
            files.take(path, path, errors);
        }
    }
    if !any {
        let why = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath";
        errors.push(at.required(why));
    }
}

/// Annotations whose keys must have a domain.
fn user_annotations(map: &Node<'_>, errors: &mut Errors) {
    let mut size = 0;
    for (key, value) in map.entries() {
        let lower = key.to_lowercase();
        let wrong = names::qualified_name(&lower);
        if lower.is_empty() {
            errors.push(map.required(""));
        } else if !wrong.is_empty() {
            errors.extend(wrong.into_iter().map(|text| map.invalid_text(&lower, text)));
        } else if !lower.contains('/') {
            let why = "must be a domain-prefixed key (such as \"acme.io/foo\")";
            errors.push(map.invalid_text(&lower, why));
        }
        size += key.len() + value.text().len();
    }
    if size > MAX_ANNOTATIONS {
        errors.push(map.too_long(MAX_ANNOTATIONS));
    }
}
