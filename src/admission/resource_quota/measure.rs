//! What objects take of quotas.

use std::collections::{BTreeMap, BTreeSet};

use keelson_apimachinery::Value;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::scalar::{Format, Quantity};
use keelson_base::clock;

use super::scopes::{Facts, is_terminating};
use crate::admission::default_storage_class::class_of;
use crate::admission::pod::{self, Amounts, list, spec_list};
use crate::admission::{Attributes, Operation};

/// Between the name of a storage class and what is counted of it.
const STORAGE_CLASS: &str = ".storageclass.storage.k8s.io/";

/// Behind the name of a class of devices.
const DEVICES: &str = ".deviceclass.resource.k8s.io/devices";

/// How many devices a request for all of them may get.
const ALL_DEVICES: i64 = 32;

/// What quotas count of pods, beside huge pages and extended resources.
const POD: [&str; 11] = [
    "count/pods",
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
];

/// What every container must say where a quota counts it.
const REQUIRED: [&str; 6] =
    ["cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory"];

/// How a resource is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Pods,
    Services,
    Claims,
    ResourceClaims,
    /// Only the objects count, under these names.
    Objects(Vec<String>),
}

/// What an object takes, and what quotas need to know of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    pub(super) usage: Amounts,
    pub(super) facts: Facts,
    /// What the containers of a pod say, by their names; `None` where the pod says it for them.
    pub(super) containers: Option<Vec<(String, BTreeSet<String>)>>,
}

fn one() -> Quantity {
    count(1)
}

fn count(number: usize) -> Quantity {
    Quantity::new(i64::try_from(number).unwrap_or(i64::MAX), Format::DecimalSi)
}

impl Kind {
    pub(super) fn of(group: &str, resource: &str) -> Self {
        match (group, resource) {
            ("", "pods") => Kind::Pods,
            ("", "services") => Kind::Services,
            ("", "persistentvolumeclaims") => Kind::Claims,
            ("resource.k8s.io", "resourceclaims") => Kind::ResourceClaims,
            ("", "configmaps" | "resourcequotas" | "replicationcontrollers" | "secrets") => {
                Kind::Objects(vec![format!("count/{resource}"), resource.to_owned()])
            }
            ("", _) => Kind::Objects(vec![format!("count/{resource}")]),
            _ => Kind::Objects(vec![format!("count/{resource}.{group}")]),
        }
    }

    /// Whether such a write may take more.
    pub(super) fn handles(&self, attributes: &Attributes<'_>) -> bool {
        let update = attributes.operation == Operation::Update;
        match (self, attributes.subresource) {
            (Kind::Pods, "resize") | (Kind::Claims, "status") => update,
            (Kind::Pods | Kind::Services | Kind::Claims | Kind::ResourceClaims, "") => true,
            (Kind::Objects(_), "") => !update,
            _ => false,
        }
    }

    /// Whether this update changes anything that counts.
    pub(super) fn may_change(&self, attributes: &Attributes<'_>, new: &Object) -> bool {
        let Some(old) = attributes.old else { return true };
        match (self, attributes.subresource) {
            (Kind::Pods, "") => is_terminating(new) != is_terminating(old),
            (Kind::Claims, "status") => {
                let same = |path: &[&str]| new.at(path) == old.at(path);
                !(same(&["status", "allocatedResources"])
                    && same(&["status", "currentVolumeAttributesClassName"])
                    && same(&["status", "modifyVolumeStatus"]))
            }
            _ => true,
        }
    }

    /// Which names of a quota count something of such an object.
    pub(super) fn counts(&self, name: &str) -> bool {
        match self {
            Kind::Pods => {
                POD.contains(&name)
                    || name.starts_with("hugepages-")
                    || name.starts_with("requests.hugepages-")
                    || is_extended(name)
            }
            Kind::Services => {
                ["count/services", "services", "services.nodeports", "services.loadbalancers"].contains(&name)
            }
            Kind::Claims => {
                let own = ["persistentvolumeclaims", "requests.storage"];
                let of_class = name.split_once(STORAGE_CLASS).map(|(_, rest)| rest);
                name == "count/persistentvolumeclaims"
                    || own.contains(&name)
                    || of_class.is_some_and(|rest| own.contains(&rest))
            }
            Kind::ResourceClaims => name == "count/resourceclaims.resource.k8s.io" || name.ends_with(DEVICES),
            Kind::Objects(names) => names.iter().any(|own| own == name),
        }
    }

    pub(super) fn measure(&self, object: &Object) -> Measured {
        match self {
            Kind::Pods => Measured {
                usage: pod_usage(object),
                facts: Facts::of_pod(object),
                containers: container_names(object),
            },
            Kind::Services => Measured { usage: service_usage(object), ..Measured::default() },
            Kind::Claims => {
                Measured { usage: claim_usage(object), facts: Facts::of_claim(object), containers: None }
            }
            Kind::ResourceClaims => Measured { usage: device_usage(object), ..Measured::default() },
            Kind::Objects(names) => {
                let usage = names.iter().map(|name| (name.clone(), one())).collect();
                Measured { usage, ..Measured::default() }
            }
        }
    }
}

impl Measured {
    /// What containers must say and don't, of the names that a quota counts.
    pub(super) fn missing(&self, counted: &[String]) -> Option<String> {
        let containers = self.containers.as_ref()?;
        let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for name in counted.iter().filter(|name| REQUIRED.contains(&name.as_str())) {
            for (container, said) in containers.iter().filter(|(_, said)| !said.contains(name)) {
                let _ = said;
                missing.entry(name).or_default().insert(container);
            }
        }
        if missing.is_empty() {
            return None;
        }
        let texts: Vec<String> = missing
            .into_iter()
            .map(|(name, of)| format!("{name} for: {}", of.into_iter().collect::<Vec<_>>().join(",")))
            .collect();
        Some(format!("must specify {}", texts.join("; ")))
    }
}

/// Whether a quota's name is that of requests for an extended resource.
fn is_extended(name: &str) -> bool {
    let Some(resource) = name.strip_prefix("requests.") else { return false };
    let native = !name.contains('/') || name.contains("kubernetes.io/");
    !native || resource.starts_with("deviceclass.resource.kubernetes.io/")
}

/// What requests and limits are called in quotas.
fn compute(requests: &Amounts, limits: &Amounts) -> Amounts {
    let mut usage = Amounts::new();
    usage.insert("pods".into(), one());
    for name in ["cpu", "memory", "ephemeral-storage"] {
        if let Some(request) = requests.get(name) {
            usage.insert(name.into(), request.clone());
            usage.insert(format!("requests.{name}"), request.clone());
        }
        if let Some(limit) = limits.get(name) {
            usage.insert(format!("limits.{name}"), limit.clone());
        }
    }
    for (name, request) in requests {
        if name.starts_with("hugepages-") {
            usage.insert(name.clone(), request.clone());
        }
        let extended = crate::admission::extended_resource_toleration::is_extended(name)
            || name.starts_with("deviceclass.resource.kubernetes.io/");
        if name.starts_with("hugepages-") || extended {
            usage.insert(format!("requests.{name}"), request.clone());
        }
    }
    usage
}

fn pod_usage(pod: &Object) -> Amounts {
    let mut usage = Amounts::from([("count/pods".to_owned(), one())]);
    if is_over(pod) {
        return usage;
    }
    let overhead = pod::amounts(pod.at(&["spec", "overhead"]));
    let mut requests = pod::total(pod, "requests", pod::is_pod_level);
    pod::add(&mut requests, &overhead);
    let mut limits = pod::total(pod, "limits", pod::is_pod_level);
    // Overhead limits nothing that is not limited.
    let limited = overhead.into_iter().filter(|(name, _)| limits.get(name).is_some_and(|l| !l.is_zero()));
    let limited: Amounts = limited.collect();
    pod::add(&mut limits, &limited);
    usage.extend(compute(&requests, &limits));
    usage
}

/// Whether a pod has ended, or should have.
fn is_over(pod: &Object) -> bool {
    if matches!(pod.str_at(&["status", "phase"]), "Failed" | "Succeeded") {
        return true;
    }
    let (Some(time), Some(grace)) = (pod.deletion_timestamp(), pod.deletion_grace_period_seconds()) else {
        return false;
    };
    let time = time.parse::<clock::Timestamp>().map_or(i64::MAX, clock::Timestamp::as_second);
    clock::now().as_second() > time.saturating_add(grace)
}

/// What each container says of its resources; `None` where the pod says it for all.
fn container_names(pod: &Object) -> Option<Vec<(String, BTreeSet<String>)>> {
    let of_pod = ["requests", "limits"].into_iter().any(|kind| {
        let amounts = pod::amounts(pod.at(&["spec", "resources", kind]));
        amounts.keys().any(|name| pod::is_pod_level(name))
    });
    if of_pod {
        return None;
    }
    let containers = spec_list(pod, "containers").iter().chain(spec_list(pod, "initContainers"));
    let said = |container: &Value| {
        let of = |kind| pod::amounts(container.at(&["resources", kind]));
        let names = compute(&of("requests"), &of("limits")).into_keys().collect();
        (container.str_at(&["name"]).to_owned(), names)
    };
    Some(containers.map(said).collect())
}

fn service_usage(service: &Object) -> Amounts {
    let ports = spec_list(service, "ports");
    let balances = service.str_at(&["spec", "type"]) == "LoadBalancer";
    let allocates =
        service.at(&["spec", "allocateLoadBalancerNodePorts"]).and_then(Value::as_bool) != Some(false);
    let has_port = |port: &&Value| port.get("nodePort").and_then(Value::as_i64).unwrap_or(0) != 0;
    let node_ports = match service.str_at(&["spec", "type"]) {
        "NodePort" => ports.len(),
        "LoadBalancer" if allocates => ports.len(),
        "LoadBalancer" => ports.iter().filter(has_port).count(),
        _ => 0,
    };
    Amounts::from([
        ("count/services".to_owned(), one()),
        ("services".to_owned(), one()),
        ("services.loadbalancers".to_owned(), count(usize::from(balances))),
        ("services.nodeports".to_owned(), count(node_ports)),
    ])
}

fn claim_usage(claim: &Object) -> Amounts {
    let mut usage = Amounts::from([
        ("persistentvolumeclaims".to_owned(), one()),
        ("count/persistentvolumeclaims".to_owned(), one()),
    ]);
    let class = class_of(claim);
    let of_class = |name: &str| format!("{class}{STORAGE_CLASS}{name}");
    if !class.is_empty() {
        usage.insert(of_class("persistentvolumeclaims"), one());
    }
    let whole = |value: &Value| {
        let quantity = pod::quantity(value);
        match quantity.as_i64() {
            Some(_) => quantity,
            None => Quantity::new(quantity.value(), quantity.format()),
        }
    };
    let requested = claim.at(&["spec", "resources", "requests", "storage"]).map(whole);
    let allocated = claim.at(&["status", "allocatedResources", "storage"]).map(whole);
    if let Some(mut storage) = requested {
        if let Some(allocated) = allocated.filter(|allocated| *allocated > storage) {
            storage = allocated;
        }
        if !class.is_empty() {
            usage.insert(of_class("requests.storage"), storage.clone());
        }
        usage.insert("requests.storage".into(), storage);
    }
    usage
}

fn device_usage(claim: &Object) -> Amounts {
    let mut usage = Amounts::from([("count/resourceclaims.resource.k8s.io".to_owned(), one())]);
    let of = |request: &Value| {
        let class = request.str_at(&["deviceClassName"]);
        let wanted = match request.str_at(&["allocationMode"]) {
            "All" => ALL_DEVICES,
            _ => request.get("count").and_then(Value::as_i64).unwrap_or(1),
        };
        Amounts::from([(format!("{class}{DEVICES}"), Quantity::new(wanted, Format::DecimalSi))])
    };
    for request in list(claim.at(&["spec", "devices"]), "requests") {
        let mut most = Amounts::new();
        // One of the alternatives is taken: the largest of each class counts.
        for alternative in list(Some(request), "firstAvailable") {
            pod::raise(&mut most, &of(alternative));
        }
        if let Some(exactly) = request.get("exactly") {
            most = of(exactly);
        }
        pod::add(&mut usage, &most);
    }
    usage
}
