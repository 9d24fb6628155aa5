//! VolumeAttachment.

use keelson_apimachinery::content::names::{NameRule, dns_subdomain};
use keelson_apimachinery::field::FieldError;

use super::driver_name;
use crate::validation::core::{VOLUME_SPEC, VolumeContext, volume_spec};
use crate::validation::metadata::validate_again;
use crate::validation::shared::immutable::IMMUTABLE;
use crate::validation::shared::names::{refuse, subdomain};
use crate::validation::shared::render::{Shape, render};
use crate::validation::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new("storage.k8s.io", "volumeattachments", create, update)
    .subresources(&[("status", update)])
    .lenient_metadata(&["", "status"]);

/// What metadata of an attachment, and the message of an error, may take in bytes.
const MAX_METADATA: usize = 256 * 1024;
const MAX_MESSAGE: usize = 1024;

const SPEC: Shape = Shape::Struct(&[
    ("attacher", "Attacher", Shape::Text),
    (
        "source",
        "Source",
        Shape::Struct(&[
            ("persistentVolumeName", "PersistentVolumeName", Shape::Json),
            ("inlineVolumeSpec", "InlineVolumeSpec", Shape::Pointer(&VOLUME_SPEC)),
        ]),
    ),
    ("nodeName", "NodeName", Shape::Text),
]);

fn create(object: &Node<'_>, errors: &mut Errors) {
    let (spec, status) = (object.child("spec"), object.child("status"));
    driver_name(&spec.child("attacher"), errors);
    let source = spec.child("source");
    let (inline, named) = (source.child("inlineVolumeSpec"), source.child("persistentVolumeName"));
    match (inline.is_set(), named.opt_text()) {
        (false, None) => {
            let why = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
            errors.push(source.required(why));
        }
        (true, Some(_)) => {
            let why = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
            errors.push(source.forbidden(why));
        }
        (false, Some("")) => errors.push(named.required("must specify non empty persistentVolumeName")),
        (false, Some(_)) => {}
        (true, None) => {
            let context = VolumeContext { inline: true, name: "", any_label_value: false };
            volume_spec(&inline, context, errors);
        }
    }
    subdomain(&spec.child("nodeName"), errors);
    let metadata = status.child("attachmentMetadata");
    if metadata.entries().map(|(key, value)| key.len() + value.text().len()).sum::<usize>() > MAX_METADATA {
        errors.push(metadata.too_long(MAX_METADATA));
    }
    for member in ["attachError", "detachError"] {
        volume_error(&status.child(member), errors);
    }
    if named.is_set() {
        refuse(&named, dns_subdomain(named.text()), errors);
    }
}

fn volume_error(error: &Node<'_>, errors: &mut Errors) {
    let (message, code) = (error.child("message"), error.child("errorCode"));
    if message.text().len() > MAX_MESSAGE {
        // What is told is the limit of the metadata.
        errors.push(message.too_long(MAX_METADATA));
    }
    if let Some(code_value) = code.int().filter(|code| *code < 0) {
        let why = format!("must be between 0 and {}, inclusive", i32::MAX);
        errors.push(FieldError::invalid_int(&code, code_value, why));
    }
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    validate_again(object, false, NameRule::Subdomain, errors);
    create(object, errors);
    let spec = object.child("spec");
    if !spec.same(&old.child("spec")) {
        errors.push(render(&spec, &SPEC).invalid(IMMUTABLE));
    }
}
