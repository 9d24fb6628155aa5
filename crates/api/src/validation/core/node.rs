//! Node.

use keelson_apimachinery::Value;
use keelson_apimachinery::codec::json;
use keelson_apimachinery::content::ip::{Cidr, cidr_warnings, legacy_cidr};
use keelson_apimachinery::content::keys::config_map_key;
use keelson_apimachinery::content::names::{NameRule, dns_label, dns_subdomain, label_value};
use keelson_apimachinery::field::{ErrorType, FieldError};

use crate::validation::metadata::validate_again;
use crate::validation::shared::names::{qualified, refuse};
use crate::validation::shared::render::{Shape, render};
use crate::validation::shared::resources::resource_quantity;
use crate::validation::{Errors, Node, Rules};

pub(super) const RULES: Rules =
    Rules::new("", "nodes", create, update).subresources(&[("status", changes)]).warnings(warn);

/// The annotation that taints once were in, as JSON.
const TAINTS_ANNOTATION: &str = "scheduler.alpha.kubernetes.io/taints";

/// The annotation of pods that a node would rather not have, as JSON.
const AVOID_PODS_ANNOTATION: &str = "scheduler.alpha.kubernetes.io/preferAvoidPods";

const TAINT: Shape = Shape::Struct(&[
    ("key", "Key", Shape::Text),
    ("value", "Value", Shape::Text),
    ("effect", "Effect", Shape::Text),
    ("timeAdded", "TimeAdded", Shape::Json),
]);

const ADDRESS: Shape = Shape::Struct(&[("type", "Type", Shape::Text), ("address", "Address", Shape::Text)]);

const CONFIG_SOURCE: Shape = Shape::Struct(&[(
    "configMap",
    "ConfigMap",
    Shape::Pointer(&Shape::Struct(&[
        ("namespace", "Namespace", Shape::Text),
        ("name", "Name", Shape::Text),
        ("uid", "UID", Shape::Text),
        ("resourceVersion", "ResourceVersion", Shape::Text),
        ("kubeletConfigKey", "KubeletConfigKey", Shape::Text),
    ])),
)]);

fn create(object: &Node<'_>, errors: &mut Errors) {
    let (spec, status) = (object.child("spec"), object.child("status"));
    annotations(object, errors);
    spec_taints(object, errors);
    amounts(&status, errors);
    let metadata = object.child("metadata");
    // Swap is of the status, but errors say otherwise.
    let capacity = status.at(&["nodeInfo", "swap", "capacity"]);
    if let Some(bytes) = capacity.and_then(Value::as_i64).filter(|bytes| *bytes <= 0) {
        let place = metadata.child("nodeSwapStatus");
        errors.push(FieldError::invalid_int(&place.child("capacity"), bytes, "must be greater than zero"));
    }
    declared_features(&status.child("declaredFeatures"), errors);
    pod_cidrs(&spec.child("podCIDRs"), errors);
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    validate_again(object, false, NameRule::Subdomain, errors);
    create(object, errors);
    changes(object, old, errors);
}

/// What every update is checked for, through the status, too: some of it a second time.
fn changes(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let (spec, status, before) = (object.child("spec"), object.child("status"), old.child("spec"));
    annotations(object, errors);
    amounts(&status, errors);
    declared_features(&status.child("declaredFeatures"), errors);
    let addresses = status.child("addresses");
    for (i, address) in addresses.items().enumerate() {
        if addresses.array()[..i].iter().any(|other| Some(other) == address.value()) {
            errors.push(render(&address, &ADDRESS).duplicate());
        }
    }
    let (cidrs, assigned) = (spec.child("podCIDRs"), before.array_at(&["podCIDRs"]));
    if !assigned.is_empty() {
        let why = "node updates may not change podCIDR except from \"\" to valid";
        let changed = match assigned.len() == cidrs.array().len() {
            true => assigned.iter().zip(cidrs.array()).filter(|(was, now)| was != now).count(),
            false => 1,
        };
        errors.extend((0..changed).map(|_| cidrs.forbidden(why)));
    }
    let (provider, was) = (spec.child("providerID"), before.text_at(&["providerID"]));
    if !was.is_empty() && was != provider.text() {
        let why = "node updates may not change providerID except from \"\" to valid";
        errors.push(provider.forbidden(why));
    }
    let source = spec.child("configSource");
    if source.is_set() {
        config_source(&source, false, errors);
    }
    let config = status.child("config");
    for member in ["assigned", "active", "lastKnownGood"] {
        let source = config.child(member);
        if source.is_set() {
            config_source(&source, true, errors);
        }
    }
    spec_taints(object, errors);
    if spec.text_at(&["externalID"]) != before.text_at(&["externalID"]) {
        errors.push(spec.child("externalID").forbidden("may not be updated"));
    }
}

fn spec_taints(object: &Node<'_>, errors: &mut Errors) {
    // Errors name them as if they were metadata.
    let metadata = object.child("metadata");
    let list = metadata.child("taints").with(object.at(&["spec", "taints"]));
    taints(&list, errors);
}

fn taints(list: &Node<'_>, errors: &mut Errors) {
    for (i, taint) in list.items().enumerate() {
        qualified(&taint.child("key"), errors);
        let value = taint.child("value");
        let wrong = label_value(value.text());
        if !wrong.is_empty() {
            errors.push(value.invalid_text(value.text(), wrong.join(";")));
        }
        let effect = taint.child("effect");
        match effect.text() {
            "" => errors.push(effect.required("")),
            "NoSchedule" | "PreferNoSchedule" | "NoExecute" => {}
            _ => errors.push(effect.not_supported(&["NoSchedule", "PreferNoSchedule", "NoExecute"])),
        }
        let id = |taint: &Value| (taint.str_at(&["effect"]).to_owned(), taint.str_at(&["key"]).to_owned());
        let this = taint.value().map(id);
        if list.array()[..i].iter().any(|other| Some(id(other)) == this) {
            let mut error = render(&taint, &TAINT).duplicate();
            error.detail = "taints must be unique by key and effect pair".into();
            errors.push(error);
        }
    }
}

/// Annotations from before there were fields.
fn annotations(object: &Node<'_>, errors: &mut Errors) {
    let metadata = object.child("metadata");
    let place = metadata.child("annotations");
    let old_taints = place.key(TAINTS_ANNOTATION);
    if !old_taints.text().is_empty() {
        match json::decode_untyped(old_taints.text().as_bytes()) {
            Ok(decoded) => {
                taints(&place.child(TAINTS_ANNOTATION).with(Some(&decoded.value)), errors);
            }
            Err(error) => errors.push(place.invalid_text(TAINTS_ANNOTATION, error.to_string())),
        }
    }
    let avoided = place.key(AVOID_PODS_ANNOTATION);
    if !avoided.text().is_empty() {
        match json::decode_untyped(avoided.text().as_bytes()) {
            Ok(decoded) => avoided_pods(&place, &decoded.value, errors),
            Err(error) => {
                let at = place.child("AvoidPods");
                errors.push(at.invalid_text(AVOID_PODS_ANNOTATION, error.to_string()));
            }
        }
    }
}

fn avoided_pods(annotations: &Node<'_>, value: &Value, errors: &mut Errors) {
    let list = annotations.child(AVOID_PODS_ANNOTATION).with(value.get("preferAvoidPods"));
    for entry in list.items() {
        let signature = entry.child("PodSignature");
        let controller = entry.at(&["podSignature", "podController"]);
        match controller.map(|owner| owner.get("controller").and_then(Value::as_bool)) {
            None => errors.push(signature.required("")),
            Some(Some(true)) => {}
            Some(_) => {
                let owner = signature.child("PodController");
                errors.push(FieldError::new(
                    ErrorType::Invalid,
                    &owner.child("Controller"),
                    Some("false".into()),
                    "must point to a controller",
                ));
            }
        }
    }
}

fn amounts(status: &Node<'_>, errors: &mut Errors) {
    for list in ["capacity", "allocatable"] {
        let map = status.child(list);
        for (name, amount) in map.entries() {
            resource_quantity(name, &map.child(name).with(amount.value()), errors);
        }
    }
}

/// Names of the features that a node declares, sorted, each once.
fn declared_features(list: &Node<'_>, errors: &mut Errors) {
    for (i, feature) in list.items().enumerate() {
        let name = feature.text();
        if name.len() > 253 {
            errors.push(feature.invalid(format!(
                "invalid feature name {}: must be no more than 253 characters",
                feature.shown()
            )));
        } else if !is_feature(name) {
            errors.push(feature.invalid(format!(
                "invalid feature name {}: must start with an UpperCamelCase segment, with subsequent segments \
                 separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric \
                 characters and slashes",
                feature.shown()
            )));
        }
        let next = list.index(i + 1);
        if next.is_set() && name == next.text() {
            errors.push(next.duplicate());
        } else if next.is_set() && name > next.text() {
            errors.push(next.invalid("list must be sorted alphabetically"));
        }
    }
}

/// Segments of letters and digits, of which the first begins with a capital.
fn is_feature(name: &str) -> bool {
    let segment = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(|c| c.is_ascii_alphanumeric())
    };
    name.starts_with(|c: char| c.is_ascii_uppercase()) && name.split('/').all(segment)
}

fn pod_cidrs(list: &Node<'_>, errors: &mut Errors) {
    for cidr in list.items() {
        refuse(&cidr, legacy_cidr(cidr.text()), errors);
    }
    let texts = list.array();
    if texts.len() < 2 {
        return;
    }
    let parsed: Vec<Option<Cidr>> =
        texts.iter().map(|text| Cidr::parse_sloppy(text.as_str().unwrap_or(""))).collect();
    if let Some(i) = parsed.iter().position(Option::is_none) {
        let text = texts[i].as_str().unwrap_or("");
        errors.push(FieldError::new(
            ErrorType::Internal,
            list,
            None,
            format!(
                "invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR address: {text}"
            ),
        ));
    }
    let of = |ipv6: bool| parsed.iter().flatten().any(|cidr| cidr.is_ipv6() == ipv6);
    let dual_stack = parsed.iter().all(Option::is_some) && of(false) && of(true);
    if !dual_stack || texts.len() > 2 {
        errors.push(list.invalid("may specify no more than one CIDR for each IP family"));
    }
}

/// Where a kubelet had its configuration from: who asks for it names no version, who has it does.
fn config_source(source: &Node<'_>, versioned: bool, errors: &mut Errors) {
    let map = source.child("configMap");
    if !map.is_set() {
        let whole = render(source, &CONFIG_SOURCE);
        errors.push(whole.invalid("exactly one reference subfield must be non-nil"));
        return;
    }
    for member in ["uid", "resourceVersion"] {
        let at = map.child(member);
        match (versioned, at.text().is_empty()) {
            (true, true) => errors.push(at.required("")),
            (false, false) => errors.push(at.forbidden(format!("{member} must not be set in spec"))),
            _ => {}
        }
    }
    for member in ["namespace", "name", "kubeletConfigKey"] {
        let at = map.child(member);
        match (member, at.text()) {
            (_, "") => errors.push(at.required("")),
            ("namespace", text) => refuse(&at, dns_label(text), errors),
            ("name", text) => refuse(&at, dns_subdomain(text), errors),
            (_, text) => refuse(&at, config_map_key(text), errors),
        }
    }
}

fn warn(object: &Node<'_>, _: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    let spec = object.child("spec");
    if spec.child("configSource").is_set() {
        warnings.push("spec.configSource: the feature is removed".into());
    }
    if !spec.text_at(&["externalID"]).is_empty() {
        warnings.push("spec.externalID: this field is deprecated, and is unused by Kubernetes".into());
    }
    for cidr in spec.child("podCIDRs").items() {
        warnings.extend(cidr_warnings(cidr.text()).into_iter().map(|text| format!("{cidr}: {text}")));
    }
}
