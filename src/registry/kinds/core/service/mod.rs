//! Service: it holds cluster IPs and node ports from its creation to its end.
//!
//! Addresses and ports are taken before the service is written and given back when that fails; what an update
//! no longer needs is given back after it. A server that dies in between leaves them taken, never shared.

mod addresses;
mod network;
mod ports;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::field::{ErrorType, FieldError, Path, quote};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Value};

pub(crate) use addresses::server_user;
pub use network::{Cidr, PortRange, ServiceNetwork};

use self::addresses::{Addresses, Refusal};
use self::ports::NodePorts;
use crate::registry::options::{DeleteOptions, ListOptions, NoAdmission, Warnings, WriteContext};
use crate::registry::strategy::{Hold, member};
use crate::registry::{Hooks, Registry, Store};

/// What is special about services.
pub(in crate::registry) struct Services {
    network: ServiceNetwork,
    addresses: Addresses,
    ports: NodePorts,
    services: Arc<Store>,
    endpoints: Arc<Store>,
}

/// What a service holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Claims {
    addresses: BTreeSet<IpAddr>,
    ports: BTreeSet<u16>,
}

impl Services {
    /// The hooks, where the stores that they need exist.
    pub(in crate::registry) fn new(registry: &Registry) -> Option<Self> {
        let network = registry.config().services.clone();
        Some(Services {
            addresses: Addresses::new(Arc::clone(registry.store("networking.k8s.io", "ipaddresses")?)),
            ports: NodePorts::new(registry.storage(), network.node_ports)?,
            services: Arc::clone(registry.store("", "services")?),
            endpoints: Arc::clone(registry.store("", "endpoints")?),
            network,
        })
    }

    fn invalid(service: &Object, error: FieldError) -> Status {
        Status::invalid("", "Service", service.name(), &[error])
    }

    /// Takes what `service` needs beyond what `held` has; returns what was taken.
    async fn take(&self, service: &mut Object, held: &Claims, dry_run: bool) -> Result<Claims, Status> {
        let mut taken = Claims::default();
        let done = self.take_into(service, held, dry_run, &mut taken).await;
        if let Err(status) = done {
            self.undo(service.namespace(), service.name(), taken).await;
            return Err(status);
        }
        Ok(taken)
    }

    async fn take_into(
        &self,
        service: &mut Object,
        held: &Claims,
        dry_run: bool,
        taken: &mut Claims,
    ) -> Result<(), Status> {
        if needs_cluster_ip(service) {
            set_families(service, &self.network)?;
            if !is_headless(service) {
                self.take_addresses(service, held, dry_run, taken).await?;
            }
        }
        self.take_ports(service, held, dry_run, taken).await
    }

    async fn take_addresses(
        &self,
        service: &mut Object,
        held: &Claims,
        dry_run: bool,
        taken: &mut Claims,
    ) -> Result<(), Status> {
        let (namespace, name) = (service.namespace().to_owned(), service.name().to_owned());
        let mut addresses = strings(service, &["spec", "clusterIPs"]);
        for (i, family) in strings(service, &["spec", "ipFamilies"]).iter().enumerate() {
            let cidr = self.network.of_family(family).ok_or_else(|| not_configured(service, i, family))?;
            match addresses.get(i).filter(|text| !text.is_empty()) {
                Some(text) => {
                    let refused = |why: String| {
                        let shown =
                            format!("[{}]", addresses.iter().map(|a| quote(a)).collect::<Vec<_>>().join(","));
                        let path = Path::new("spec").child("clusterIPs");
                        let detail = format!("failed to allocate IP {text}: {why}");
                        Self::invalid(
                            service,
                            FieldError::new(ErrorType::Invalid, &path, Some(shown), detail),
                        )
                    };
                    let address: IpAddr = text
                        .parse()
                        .map_err(|_| Status::internal(format!("failed to parse service IP {text:?}")))?;
                    if held.addresses.contains(&address) {
                        continue;
                    }
                    if !cidr.contains(address) {
                        return Err(refused(format!(
                            "the provided IP ({text}) is not in the valid range. The range of valid IPs is {cidr}"
                        )));
                    }
                    if dry_run {
                        continue;
                    }
                    match self.addresses.take(address, &namespace, &name).await {
                        Ok(()) => drop(taken.addresses.insert(address)),
                        Err(Refusal::Failed(status)) => return Err(status),
                        Err(_) => return Err(refused("provided IP is already allocated".into())),
                    }
                }
                None => {
                    let address = if dry_run {
                        // Which one it would be is not known before the others are.
                        cidr.first()
                    } else {
                        let any = self.addresses.take_any(cidr, &namespace, &name).await;
                        let address = any.map_err(|refusal| match refusal {
                            Refusal::Failed(status) => status,
                            _ => Status::internal(format!(
                                "failed to allocate a serviceIP for Service {name:?}: range is full"
                            )),
                        })?;
                        taken.addresses.insert(address);
                        address
                    };
                    addresses.truncate(i);
                    addresses.push(address.to_string());
                }
            }
        }
        let spec = member(service.members_mut(), "spec");
        if let Some(first) = addresses.first() {
            spec.insert("clusterIP", first.as_str());
        }
        spec.insert("clusterIPs", Value::Array(addresses.into_iter().map(Value::from).collect()));
        Ok(())
    }

    async fn take_ports(
        &self,
        service: &mut Object,
        held: &Claims,
        dry_run: bool,
        taken: &mut Claims,
    ) -> Result<(), Status> {
        let publishes = matches!(service_type(service), "NodePort" | "LoadBalancer");
        if !publishes {
            return Ok(());
        }
        let range = self.ports.range();
        let initial = self.ports_of_services().await?;
        // Each try begins anew: another server may have been faster.
        let assign = |all: &mut ports::Taken| -> Result<(Object, BTreeSet<u16>), Status> {
            let mut service = service.clone();
            let mut ours = BTreeSet::new();
            assign_node_ports(&mut service, held, all, range, &mut ours)?;
            assign_health_check_port(&mut service, held, all, range, &mut ours)?;
            Ok((service, ours))
        };
        let (assigned, ours) = if dry_run {
            let mut all = self.ports.look(&initial).await?;
            (assign(&mut all)?.0, BTreeSet::new())
        } else {
            self.ports.change(&initial, assign).await?
        };
        *service = assigned;
        taken.ports = ours;
        Ok(())
    }

    /// The ports of the services that exist: what counts as taken where nobody has noted it yet.
    async fn ports_of_services(&self) -> Result<BTreeSet<u16>, Status> {
        if self.ports.is_noted().await? {
            return Ok(BTreeSet::new());
        }
        let mut ports = BTreeSet::new();
        for item in self.services.list(None, &ListOptions::default()).await?.items {
            ports.extend(claims(&item.decode(self.services.resource().type_id)?).ports);
        }
        Ok(ports)
    }

    /// Gives back what was taken for a write that failed, but for the addresses that the service has all the
    /// same: another server may have written it with them.
    async fn undo(&self, namespace: &str, name: &str, mut taken: Claims) {
        if !taken.addresses.is_empty() {
            let current = self.services.get(Some(namespace), name).await;
            match current.and_then(|stored| stored.decode(self.services.resource().type_id)) {
                Ok(service) => {
                    let kept = claims(&service).addresses;
                    taken.addresses.retain(|address| !kept.contains(address));
                }
                Err(status) if status.code() == 404 => {}
                Err(status) => {
                    tracing::error!(service = name, error = %status, "addresses can't be released");
                    taken.addresses.clear();
                }
            }
        }
        self.give_back(&taken).await;
    }

    async fn give_back(&self, claims: &Claims) {
        for address in &claims.addresses {
            self.addresses.give_back(*address).await;
        }
        if !claims.ports.is_empty() {
            let nobody = BTreeSet::new();
            let given = self.ports.change(&nobody, |all| {
                all.give_back(&claims.ports);
                Ok(())
            });
            if let Err(status) = given.await {
                tracing::error!(ports = ?claims.ports, error = %status, "node ports can't be released");
            }
        }
    }

    fn hold(&self, service: &Object, taken: Claims, old: Claims) -> Option<Box<dyn Hold>> {
        if taken == Claims::default() && old == Claims::default() {
            return None;
        }
        let services = Services {
            network: self.network.clone(),
            addresses: self.addresses.clone(),
            ports: self.ports.clone(),
            services: Arc::clone(&self.services),
            endpoints: Arc::clone(&self.endpoints),
        };
        let (namespace, name) = (service.namespace().to_owned(), service.name().to_owned());
        Some(Box::new(Held { services, namespace, name, taken, no_longer_needed: old }))
    }
}

struct Held {
    services: Services,
    namespace: String,
    name: String,
    taken: Claims,
    no_longer_needed: Claims,
}

#[async_trait]
impl Hold for Held {
    async fn keep(self: Box<Self>) {
        self.services.give_back(&self.no_longer_needed).await;
    }

    async fn release(self: Box<Self>) {
        self.services.undo(&self.namespace, &self.name, self.taken).await;
    }
}

#[async_trait]
impl Hooks for Services {
    async fn begin_create(
        &self,
        context: &WriteContext<'_>,
        service: &mut Object,
    ) -> Result<Option<Box<dyn Hold>>, Status> {
        normalize_cluster_ips(service, None);
        let taken = self.take(service, &Claims::default(), context.dry_run).await?;
        Ok(self.hold(service, taken, Claims::default()))
    }

    async fn begin_update(
        &self,
        context: &WriteContext<'_>,
        service: &mut Object,
        old: &Object,
    ) -> Result<Option<Box<dyn Hold>>, Status> {
        if !context.subresource.is_empty() {
            return Ok(None);
        }
        patch_allocated(service, old);
        normalize_cluster_ips(service, Some(old));
        let held = claims(old);
        let taken = self.take(service, &held, context.dry_run).await?;
        drop_what_the_type_has_not(service, old);
        let now = claims(service);
        let gone = Claims {
            addresses: held.addresses.difference(&now.addresses).copied().collect(),
            ports: held.ports.difference(&now.ports).copied().collect(),
        };
        Ok(self.hold(service, taken, gone))
    }

    async fn after_delete(&self, service: &Object) {
        let (user, warnings) = (server_user(), Warnings::default());
        let context = WriteContext {
            namespace: Some(service.namespace()),
            user: &user,
            subresource: "",
            dry_run: false,
            field_manager: "kube-apiserver",
            create_missing: false,
            warnings: &warnings,
        };
        let options = DeleteOptions::default();
        match self.endpoints.delete(&context, service.name(), &options, &NoAdmission).await {
            Err(status) if status.code() != 404 => {
                tracing::error!(service = service.name(), error = %status, "a service's endpoints can't be deleted");
            }
            _ => {}
        }
        self.give_back(&claims(service)).await;
    }

    fn validate_update(&self, _: &WriteContext<'_>, service: &Object, old: &Object) -> Vec<FieldError> {
        let (before, now) =
            (strings(old, &["spec", "clusterIPs"]), strings(service, &["spec", "clusterIPs"]));
        let both = needs_cluster_ip(old) && needs_cluster_ip(service);
        match (before.first(), now.first()) {
            (Some(before), now_first) if both && !before.is_empty() && Some(before) != now_first => {
                let shown = format!("[{}]", now.iter().map(|a| quote(a)).collect::<Vec<_>>().join(","));
                let path = Path::new("spec").child("clusterIPs").index(0);
                let why = match now_first {
                    None => "primary clusterIP can not be unset",
                    Some(_) => "may not change once set",
                };
                vec![FieldError::new(ErrorType::Invalid, &path, Some(shown), why)]
            }
            _ => Vec::new(),
        }
    }
}

fn service_type(service: &Object) -> &str {
    match service.str_at(&["spec", "type"]) {
        "" => "ClusterIP",
        text => text,
    }
}

fn needs_cluster_ip(service: &Object) -> bool {
    service_type(service) != "ExternalName"
}

fn is_headless(service: &Object) -> bool {
    service.str_at(&["spec", "clusterIP"]) == "None"
        || strings(service, &["spec", "clusterIPs"]).first().is_some_and(|ip| ip == "None")
}

/// Whether ports that ask for no node port get one.
fn allocates_node_ports(service: &Object) -> bool {
    match service_type(service) {
        "NodePort" => true,
        "LoadBalancer" => {
            service.at(&["spec", "allocateLoadBalancerNodePorts"]).and_then(Value::as_bool) != Some(false)
        }
        _ => false,
    }
}

fn needs_health_check_port(service: &Object) -> bool {
    service_type(service) == "LoadBalancer" && service.str_at(&["spec", "externalTrafficPolicy"]) == "Local"
}

fn strings(object: &Object, path: &[&str]) -> Vec<String> {
    let list = object.at(path).and_then(Value::as_array).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn number(value: &Value, key: &str) -> i64 {
    value.get(key).and_then(Value::as_i64).unwrap_or(0)
}

fn port_list(service: &Object) -> &[Value] {
    service.at(&["spec", "ports"]).and_then(Value::as_array).unwrap_or_default()
}

/// What a service holds by what its spec says.
fn claims(service: &Object) -> Claims {
    let mut claims = Claims::default();
    if needs_cluster_ip(service) {
        let mut texts = strings(service, &["spec", "clusterIPs"]);
        texts.push(service.str_at(&["spec", "clusterIP"]).to_owned());
        claims.addresses = texts.iter().filter_map(|text| text.parse().ok()).collect();
    }
    let ports = port_list(service).iter().map(|port| number(port, "nodePort"));
    let health = service.at(&["spec", "healthCheckNodePort"]).and_then(Value::as_i64);
    claims.ports = ports.chain(health).filter(|p| *p > 0).filter_map(|p| u16::try_from(p).ok()).collect();
    claims
}

/// Keeps `clusterIPs` in step with `clusterIP`, for clients that know only the one.
fn normalize_cluster_ips(service: &mut Object, old: Option<&Object>) {
    let one = service.str_at(&["spec", "clusterIP"]).to_owned();
    let all = strings(service, &["spec", "clusterIPs"]);
    let set = |service: &mut Object, list: Vec<String>| {
        let spec = member(service.members_mut(), "spec");
        if list.is_empty() {
            spec.remove("clusterIPs");
        } else {
            spec.insert("clusterIPs", Value::Array(list.into_iter().map(Value::from).collect()));
        }
    };
    let Some(old) = old else {
        if !one.is_empty() && all.is_empty() {
            set(service, vec![one]);
        }
        return;
    };
    let (old_one, old_all) = (old.str_at(&["spec", "clusterIP"]), strings(old, &["spec", "clusterIPs"]));
    if !old_all.is_empty() && all.is_empty() && old_one == one {
        set(service, old_all);
    } else if old_one != one && all == old_all {
        set(service, if one.is_empty() { Vec::new() } else { vec![one] });
    }
}

/// Fills in what the old service was given and the new one leaves out, so that what was once sent can be sent
/// again.
fn patch_allocated(service: &mut Object, old: &Object) {
    if needs_cluster_ip(old) && needs_cluster_ip(service) {
        for key in ["clusterIP", "clusterIPs"] {
            let unset = match service.at(&["spec", key]) {
                None | Some(Value::Null) => true,
                Some(Value::String(text)) => text.is_empty(),
                Some(Value::Array(list)) => list.is_empty(),
                Some(_) => false,
            };
            if let (true, Some(before)) = (unset, old.at(&["spec", key])) {
                let before = before.clone();
                member(service.members_mut(), "spec").insert(key, before);
            }
        }
    }
    if allocates_node_ports(old) && allocates_node_ports(service) {
        let used = |s: &Object| -> BTreeSet<i64> {
            port_list(s).iter().map(|p| number(p, "nodePort")).filter(|p| *p != 0).collect()
        };
        let both: BTreeSet<i64> = used(old).intersection(&used(service)).copied().collect();
        let by_name: BTreeMap<&str, i64> =
            port_list(old).iter().map(|p| (p.str_at(&["name"]), number(p, "nodePort"))).collect();
        if let Some(Value::Array(ports)) = member(service.members_mut(), "spec").get_mut("ports") {
            for port in ports {
                let before = by_name.get(port.str_at(&["name"])).copied().unwrap_or(0);
                if number(port, "nodePort") == 0 && before != 0 && !both.contains(&before) {
                    set_number(port, "nodePort", before);
                }
            }
        }
    }
    if needs_health_check_port(old) && needs_health_check_port(service) {
        let unset = service.at(&["spec", "healthCheckNodePort"]).and_then(Value::as_i64).unwrap_or(0) == 0;
        if let (true, Some(before)) = (unset, old.at(&["spec", "healthCheckNodePort"])) {
            let before = before.clone();
            member(service.members_mut(), "spec").insert("healthCheckNodePort", before);
        }
    }
}

fn set_number(value: &mut Value, key: &'static str, number: i64) {
    if let Value::Object(map) = value {
        map.insert(key, number);
    }
}

/// Sets `ipFamilyPolicy` and `ipFamilies` where they follow from the addresses and the cluster.
fn set_families(service: &mut Object, network: &ServiceNetwork) -> Result<(), Status> {
    let selects = service.at(&["spec", "selector"]).and_then(Value::as_object).is_some_and(|m| !m.is_empty());
    let free = is_headless(service) && !selects;
    let policy = match service.str_at(&["spec", "ipFamilyPolicy"]) {
        "" if free => "RequireDualStack".to_owned(),
        "" => "SingleStack".to_owned(),
        policy => policy.to_owned(),
    };
    let mut families = strings(service, &["spec", "ipFamilies"]);
    for (i, text) in strings(service, &["spec", "clusterIPs"]).iter().enumerate().skip(families.len()) {
        let Ok(address) = text.parse::<IpAddr>() else { break };
        let family = network::family(address);
        if network.of_family(family).is_none() {
            let path = Path::new("spec").child("clusterIPs").index(i);
            let all: Vec<String> =
                strings(service, &["spec", "clusterIPs"]).iter().map(|a| quote(a)).collect();
            let shown = Some(format!("[{}]", all.join(",")));
            let why = format!("{family} is not configured on this cluster");
            return Err(Services::invalid(service, FieldError::new(ErrorType::Invalid, &path, shown, why)));
        }
        families.push(family.to_owned());
    }
    if !free {
        if policy == "RequireDualStack" && network.cidrs.len() < 2 {
            let path = Path::new("spec").child("ipFamilyPolicy");
            let why = "this cluster is not configured for dual-stack services";
            return Err(Services::invalid(service, FieldError::invalid(&path, &policy, why)));
        }
        if let Some((i, family)) = families.iter().enumerate().find(|(_, f)| network.of_family(f).is_none()) {
            return Err(not_configured(service, i, family));
        }
    }
    if families.is_empty() {
        families.extend(network.cidrs.first().map(|cidr| cidr.family().to_owned()));
    }
    if policy != "SingleStack" && families.len() == 1 && (free || network.cidrs.len() == 2) {
        families.push(if families[0] == "IPv4" { "IPv6" } else { "IPv4" }.to_owned());
    }
    if policy == "SingleStack" && families.len() > 1 {
        families.truncate(1);
        let spec = member(service.members_mut(), "spec");
        if let Some(Value::Array(addresses)) = spec.get_mut("clusterIPs") {
            addresses.truncate(1);
        }
    }
    let spec = member(service.members_mut(), "spec");
    spec.insert("ipFamilyPolicy", policy);
    spec.insert("ipFamilies", Value::Array(families.into_iter().map(Value::from).collect()));
    Ok(())
}

fn not_configured(service: &Object, i: usize, family: &str) -> Status {
    let path = Path::new("spec").child("ipFamilies").index(i);
    Services::invalid(service, FieldError::invalid(&path, family, "not configured on this cluster"))
}

/// Gives every port its node port: the one it asks for, the one that the same port has for another protocol,
/// or a free one.
fn assign_node_ports(
    service: &mut Object,
    held: &Claims,
    all: &mut ports::Taken,
    range: PortRange,
    ours: &mut BTreeSet<u16>,
) -> Result<(), Status> {
    let any = allocates_node_ports(service);
    let list = port_list(service).to_vec();
    let asked: BTreeMap<i64, i64> = list
        .iter()
        .rev()
        .map(|port| (number(port, "port"), number(port, "nodePort")))
        .filter(|(_, node_port)| *node_port != 0)
        .collect();
    let mut given: BTreeMap<i64, i64> = BTreeMap::new();
    for (i, port) in list.iter().enumerate() {
        let (number_of_port, asked_here) = (number(port, "port"), number(port, "nodePort"));
        if asked_here == 0 && !any {
            continue;
        }
        let shared = given.get(&number_of_port).copied();
        let wanted = if asked_here != 0 { Some(asked_here) } else { asked.get(&number_of_port).copied() };
        let node_port = match (wanted, shared) {
            (None, Some(shared)) => shared,
            (Some(wanted), Some(shared)) if wanted == shared || asked_here == 0 => shared,
            (Some(wanted), _) if u16::try_from(wanted).is_ok_and(|w| held.ports.contains(&w)) => wanted,
            (Some(wanted), _) => {
                let port = all.take(wanted, range).map_err(|why| {
                    let path = Path::new("spec").child("ports").index(i).child("nodePort");
                    Services::invalid(service, FieldError::invalid_int(&path, wanted, why))
                })?;
                ours.insert(port);
                wanted
            }
            (None, None) => {
                let failed = |why| Status::internal(format!("failed to allocate a nodePort: {why}"));
                let port = all.take_any(range).map_err(failed)?;
                ours.insert(port);
                i64::from(port)
            }
        };
        given.entry(number_of_port).or_insert(node_port);
        if let Some(Value::Array(ports)) = member(service.members_mut(), "spec").get_mut("ports") {
            set_number(&mut ports[i], "nodePort", node_port);
        }
    }
    Ok(())
}

fn assign_health_check_port(
    service: &mut Object,
    held: &Claims,
    all: &mut ports::Taken,
    range: PortRange,
    ours: &mut BTreeSet<u16>,
) -> Result<(), Status> {
    if !needs_health_check_port(service) {
        return Ok(());
    }
    let wanted = service.at(&["spec", "healthCheckNodePort"]).and_then(Value::as_i64).unwrap_or(0);
    if u16::try_from(wanted).is_ok_and(|w| held.ports.contains(&w)) {
        return Ok(());
    }
    let port = if wanted == 0 {
        all.take_any(range).map_err(|why| format!("failed to allocate a HealthCheck NodePort 0: {why}"))
    } else {
        all.take(wanted, range)
            .map_err(|why| format!("failed to allocate requested HealthCheck NodePort {wanted}: {why}"))
    }
    .map_err(Status::internal)?;
    ours.insert(port);
    member(service.members_mut(), "spec").insert("healthCheckNodePort", i64::from(port));
    Ok(())
}

/// Takes from a service whose type changed what the new type has no use for, where the user left it alone.
fn drop_what_the_type_has_not(service: &mut Object, old: &Object) {
    let same = |service: &Object, key: &str| service.at(&["spec", key]) == old.at(&["spec", key]);
    let mut dropped: Vec<&str> = Vec::new();
    if needs_cluster_ip(old) && !needs_cluster_ip(service) {
        if same(service, "clusterIPs") {
            dropped.extend(["clusterIP", "clusterIPs"]);
        }
        dropped.extend(["ipFamilies", "ipFamilyPolicy"].into_iter().filter(|key| same(service, key)));
    }
    if needs_health_check_port(old)
        && !needs_health_check_port(service)
        && same(service, "healthCheckNodePort")
    {
        dropped.push("healthCheckNodePort");
    }
    if service_type(old) == "LoadBalancer" && service_type(service) != "LoadBalancer" {
        let keys = ["allocateLoadBalancerNodePorts", "loadBalancerClass"];
        dropped.extend(keys.into_iter().filter(|key| same(service, key)));
    }
    let published = |s: &Object| matches!(service_type(s), "NodePort" | "LoadBalancer");
    if published(old) && !published(service) && same(service, "externalTrafficPolicy") {
        dropped.push("externalTrafficPolicy");
    }
    let before = claims(old).ports;
    let no_new_ports = claims(service).ports.is_subset(&before);
    let drop_ports = allocates_node_ports(old) && !allocates_node_ports(service) && no_new_ports;
    let spec = member(service.members_mut(), "spec");
    for key in dropped {
        spec.remove(key);
    }
    if let (true, Some(Value::Array(ports))) = (drop_ports, spec.get_mut("ports")) {
        for port in ports {
            if let Value::Object(map) = port {
                map.remove("nodePort");
            }
        }
    }
    if service_type(service) != "LoadBalancer"
        && let Some(Value::Object(status)) = service.members_mut().get_mut("status")
        && status.contains_key("loadBalancer")
    {
        status.insert("loadBalancer", Map::new());
    }
}
