//! ResourceClaim and ResourceClaimTemplate.

use keelson_apimachinery::content::ip::interface_address;

use super::super::shared::immutable::immutable;
use super::super::shared::node_selector::node_selector;
use super::super::shared::numbers::int;
use super::super::shared::render::{Shape, render};
use super::super::shared::{conditions, names};
use super::super::{Errors, Node, Rules};
use super::configuration::{binding_conditions, json_object, opaque, selectors, toleration};
use super::device_class::MAX_CONFIGS;
use super::formats::{driver, fully_qualified_name, pool, uid};
use super::lists::{bounded, set};

pub(super) const CLAIM: Rules = Rules::new(
    super::GROUP,
    "resourceclaims",
    |object, errors| {
        let spec = object.child("spec");
        check_devices(&spec.child("devices"), errors);
    },
    |object, old, errors| immutable(&object.child("spec"), &old.child("spec"), errors),
)
.subresources(&[("status", update_status)]);

pub(super) const TEMPLATE: Rules = Rules::new(
    super::GROUP,
    "resourceclaimtemplates",
    |object, errors| {
        let spec = object.child("spec");
        let metadata = spec.child("metadata");
        names::labels(&metadata.child("labels"), errors);
        names::annotations(&metadata.child("annotations"), errors);
        let spec = spec.child("spec");
        check_devices(&spec.child("devices"), errors);
    },
    |object, old, errors| immutable(&object.child("spec"), &old.child("spec"), errors),
);

const MAX_REQUESTS: usize = 32;
const MAX_CONSTRAINTS: usize = 32;
const MAX_ALTERNATIVES: usize = 8;
const MAX_RESERVED: usize = 256;
const MAX_CONDITIONS: usize = 8;
const MAX_IPS: usize = 16;
const MAX_INTERFACE: usize = 256;
const MAX_HARDWARE: usize = 128;

/// What names of requests must be.
const NO_REQUEST: &str =
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

/// Whether a claim has a request of this name, or one with an alternative of it behind a slash.
fn has_request(devices: &Node<'_>, name: &str) -> bool {
    let (name, alternative) = name.split_once('/').map_or((name, None), |(a, b)| (a, Some(b)));
    devices.child("requests").items().any(|request| {
        request.child("name").text() == name
            && alternative.is_none_or(|wanted| {
                request.child("firstAvailable").items().any(|one| one.child("name").text() == wanted)
            })
    })
}

fn request_ref(node: &Node<'_>, devices: &Node<'_>, errors: &mut Errors) {
    use keelson_apimachinery::content::names::dns_label;
    let name = node.text();
    if name.split('/').count() > 2 {
        errors.push(node.invalid_text(name, NO_REQUEST));
        return;
    }
    for part in name.split('/') {
        errors.extend(dns_label(part).into_iter().map(|why| node.invalid_text(part, why)));
    }
    if !has_request(devices, name) {
        errors.push(node.invalid_text(name, NO_REQUEST));
    }
}

fn check_devices(devices: &Node<'_>, errors: &mut Errors) {
    set(&devices.child("requests"), MAX_REQUESTS, "name", errors, check_request);
    let reference = |node: &Node<'_>, errors: &mut Errors| request_ref(node, devices, errors);
    bounded(&devices.child("constraints"), MAX_CONSTRAINTS, errors, |constraint, errors| {
        set(&constraint.child("requests"), MAX_REQUESTS, "", errors, reference);
        let (matching, distinct) =
            (constraint.child("matchAttribute"), constraint.child("distinctAttribute"));
        if matching.is_set() {
            fully_qualified_name(&matching, errors);
        } else if distinct.is_set() {
            fully_qualified_name(&distinct, errors);
        } else {
            errors.push(constraint.required(
                "exactly one of \"matchAttribute\" or \"distinctAttribute\" is required, but multiple fields are \
                 set",
            ));
        }
    });
    bounded(&devices.child("config"), MAX_CONFIGS, errors, |config, errors| {
        set(&config.child("requests"), MAX_REQUESTS, "", errors, reference);
        opaque(config, false, errors);
    });
}

fn check_request(request: &Node<'_>, errors: &mut Errors) {
    names::label(&request.child("name"), errors);
    let (exactly, alternatives) = (request.child("exactly"), request.child("firstAvailable"));
    const ONE: &str = "exactly one of `exactly` or `firstAvailable` is required";
    match (exactly.is_set(), !alternatives.is_empty()) {
        (false, false) => errors.push(request.required(ONE)),
        (true, true) => {
            errors.push(request.with(None).invalid(format!("{ONE}, but multiple fields are set")));
        }
        (true, false) => check_exact(&exactly, errors),
        (false, true) => set(&alternatives, MAX_ALTERNATIVES, "name", errors, |one, errors| {
            names::label(&one.child("name"), errors);
            check_exact(one, errors);
        }),
    }
}

fn check_exact(request: &Node<'_>, errors: &mut Errors) {
    let class = request.child("deviceClassName");
    if class.text().is_empty() {
        errors.push(class.required(""));
    } else {
        names::subdomain(&class, errors);
    }
    selectors(&request.child("selectors"), errors);
    let (mode, count) = (request.child("allocationMode"), request.child("count"));
    match mode.text() {
        "All" if int(&count) != 0 => {
            errors.push(count.invalid("must not be specified when allocationMode is 'All'"));
        }
        "All" => {}
        "ExactCount" if int(&count) <= 0 => {
            errors.push(render(&count, &Shape::Int).invalid("must be greater than zero"));
        }
        "ExactCount" => {}
        _ => errors.push(mode.not_supported(&["All", "ExactCount"])),
    }
    request.child("tolerations").items().for_each(|node| toleration(&node, errors));
}

fn update_status(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let (spec, status, before) = (object.child("spec"), object.child("status"), old.child("status"));
    let requests = spec.child("devices");
    let (reserved, allocation) = (status.child("reservedFor"), status.child("allocation"));
    set(&reserved, MAX_RESERVED, "uid", errors, |consumer, errors| {
        for name in ["resource", "name", "uid"] {
            let node = consumer.child(name);
            if node.text().is_empty() {
                errors.push(node.required(""));
            }
        }
    });
    let devices = status.child("devices");
    devices.items().for_each(|device| check_device_status(&device, &allocation, errors));
    let key = |device: &Node<'_>| {
        ["driver", "pool", "device", "shareID"].map(|n| device.child(n).text().to_owned())
    };
    for (i, device) in devices.items().enumerate() {
        if devices.items().take(i).any(|before| key(&before) == key(&device)) {
            errors.push(device.duplicate());
        }
    }
    if !reserved.is_empty() {
        let metadata = object.child("metadata");
        let old_reserved = before.child("reservedFor");
        let added = |consumer: Node<'_>| !old_reserved.items().any(|old| old.same(&consumer));
        if !allocation.is_set() {
            errors.push(reserved.forbidden("may not be specified when `allocated` is not set"));
        } else if metadata.child("deletionTimestamp").is_set() && reserved.items().any(added) {
            errors.push(reserved.forbidden(
                "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set",
            ));
        }
    }
    let old_allocation = before.child("allocation");
    if allocation.is_set() {
        if old_allocation.is_set() {
            immutable(&allocation, &old_allocation, errors);
        } else {
            check_allocation(&allocation, &requests, errors);
        }
    }
}

fn check_allocation(allocation: &Node<'_>, requests: &Node<'_>, errors: &mut Errors) {
    let devices = allocation.child("devices");
    bounded(&devices.child("results"), MAX_REQUESTS, errors, |result, errors| {
        request_ref(&result.child("request"), requests, errors);
        driver(&result.child("driver"), errors);
        pool(&result.child("pool"), errors);
        names::label(&result.child("device"), errors);
        binding_conditions(result, errors);
        let share = result.child("shareID");
        if share.is_set() {
            uid(&share, errors);
        }
    });
    bounded(&devices.child("config"), 2 * MAX_CONFIGS, errors, |config, errors| {
        let source = config.child("source");
        if source.text().is_empty() {
            errors.push(source.required(""));
        } else {
            names::one_of(&source, &["FromClaim", "FromClass"], errors);
        }
        let reference = |node: &Node<'_>, errors: &mut Errors| request_ref(node, requests, errors);
        set(&config.child("requests"), MAX_REQUESTS, "", errors, reference);
        opaque(config, false, errors);
    });
    let selector = allocation.child("nodeSelector");
    if selector.is_set() {
        node_selector(&selector, false, errors);
    }
}

fn check_device_status(device: &Node<'_>, allocation: &Node<'_>, errors: &mut Errors) {
    driver(&device.child("driver"), errors);
    pool(&device.child("pool"), errors);
    names::label(&device.child("device"), errors);
    let share = device.child("shareID");
    if share.is_set() {
        uid(&share, errors);
    }
    let parts = ["driver", "pool", "device", "shareID"];
    let allocated = allocation
        .child("devices")
        .child("results")
        .items()
        .any(|result| parts.iter().all(|name| result.child(name).text() == device.child(name).text()));
    if !allocated {
        let id = parts[..3].iter().map(|name| device.child(name).text().to_owned()).collect::<Vec<_>>();
        errors.push(device.invalid_text(&id.join("/"), "must be an allocated device in the claim"));
    }
    let list = device.child("conditions");
    if list.len() > MAX_CONDITIONS {
        errors.push(list.too_many(list.len(), MAX_CONDITIONS));
    }
    conditions::conditions(&list, errors);
    let data = device.child("data");
    if data.is_set() {
        json_object(&data, false, errors);
    }
    let network = device.child("networkData");
    for (name, max) in [("interfaceName", MAX_INTERFACE), ("hardwareAddress", MAX_HARDWARE)] {
        let node = network.child(name);
        if node.text().len() > max {
            errors.push(node.too_long(max));
        }
    }
    set(&network.child("ips"), MAX_IPS, "", errors, |address, errors| {
        errors.extend(interface_address(address.text()).map(|why| address.invalid(why)));
    });
}
