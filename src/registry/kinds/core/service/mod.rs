//! Service: it holds cluster IPs and node ports from its creation to its end.
//!
//! Addresses and ports are taken before the service is written and given back when that fails; what an update
//! no longer needs is given back after it. A server that dies in between leaves them taken, never shared.

mod addresses;
mod families;
mod network;
mod ports;
mod ranges;
mod repair;
mod spec;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::field::{ErrorType, FieldError, Path, quote};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};

pub use network::{Cidr, PortRange, ServiceNetwork};
pub use repair::ServiceRepair;

use self::addresses::{Addresses, Refusal};
use self::families::set_families;
use self::ports::NodePorts;
use self::ranges::{Known, Ranges};
use self::spec::{
    Claims, assign_health_check_port, assign_node_ports, claims, drop_internal_policy,
    drop_what_the_type_has_not, is_headless, needs_cluster_ip, normalize_cluster_ips, not_configured,
    patch_allocated, service_type, strings,
};
use crate::registry::options::{DeleteOptions, ListOptions, NoAdmission, WriteContext};
use crate::registry::strategy::{Hold, member};
use crate::registry::{Hooks, Registry, ServerWriter, Store};

/// What is special about services.
pub(in crate::registry) struct Services {
    network: ServiceNetwork,
    addresses: Addresses,
    ranges: Ranges,
    ports: NodePorts,
    services: Arc<Store>,
    endpoints: Arc<Store>,
}

impl Services {
    /// The hooks, where the stores that they need exist.
    pub(in crate::registry) fn new(registry: &Registry) -> Option<Self> {
        let network = registry.config().services.clone();
        Some(Services {
            addresses: Addresses::new(Arc::clone(registry.store("networking.k8s.io", "ipaddresses")?)),
            ranges: Ranges::new(Arc::clone(registry.store("networking.k8s.io", "servicecidrs")?)),
            ports: NodePorts::new(registry.storage(), network.node_ports)?,
            services: Arc::clone(registry.store("", "services")?),
            endpoints: Arc::clone(registry.store("", "endpoints")?),
            network,
        })
    }

    /// Takes what `service` needs beyond what `held`, the claims of `old`, has; returns what was taken.
    async fn take(
        &self,
        service: &mut Object,
        old: Option<&Object>,
        held: &Claims,
        dry_run: bool,
    ) -> Result<Claims, Status> {
        let mut taken = Claims::default();
        let done = self.take_into(service, old, held, dry_run, &mut taken).await;
        if let Err(status) = done {
            self.undo(service.namespace(), service.name(), taken).await;
            return Err(status);
        }
        Ok(taken)
    }

    async fn take_into(
        &self,
        service: &mut Object,
        old: Option<&Object>,
        held: &Claims,
        dry_run: bool,
        taken: &mut Claims,
    ) -> Result<(), Status> {
        set_families(service, old, &self.network)?;
        if gets_addresses(service, old) {
            self.take_addresses(service, held, dry_run, taken).await?;
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
            let own = self.network.of_family(family).ok_or_else(|| not_configured(service, i, family))?;
            match addresses.get(i).filter(|text| !text.is_empty()) {
                Some(text) => {
                    let refused = |why: String| {
                        let shown =
                            format!("[{}]", addresses.iter().map(|a| quote(a)).collect::<Vec<_>>().join(","));
                        let path = Path::new("spec").child("clusterIPs");
                        let detail = format!("failed to allocate IP {text}: {why}");
                        spec::invalid(
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
                    if !self.ranges_with(|known| known.offers(address)).await?.offers(address) {
                        return Err(refused("the provided network does not match the current range".into()));
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
                        own.first()
                    } else {
                        let address = self.take_any(family, &namespace, &name).await?;
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

    /// Takes a free address of any range of a family that is ready.
    async fn take_any(&self, family: &str, namespace: &str, name: &str) -> Result<IpAddr, Status> {
        let known = self.ranges_with(|known| known.of_family(family).next().is_some()).await?;
        for cidr in known.of_family(family) {
            match self.addresses.take_any(cidr, namespace, name).await {
                Ok(address) => return Ok(address),
                Err(Refusal::Failed(status)) => return Err(status),
                Err(Refusal::Taken | Refusal::Full) => {}
            }
        }
        let why = format!("failed to allocate a serviceIP for Service {name:?}: range is full");
        Err(Status::internal(why))
    }

    /// The service ranges, read anew where those that a cache has lack what is `wanted`.
    async fn ranges_with(&self, wanted: impl Fn(&Known) -> bool) -> Result<Arc<Known>, Status> {
        let known = self.ranges.cached().await?;
        if wanted(&known) { Ok(known) } else { self.ranges.current().await }
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

    /// Gives back what was taken for a write that failed, but for what the service has all the same: another
    /// server may have written it, and a write that storage did not answer may have happened.
    async fn undo(&self, namespace: &str, name: &str, mut taken: Claims) {
        if taken == Claims::default() {
            return;
        }
        let current = self.services.get(Some(namespace), name).await;
        match current.and_then(|stored| stored.decode(self.services.resource().type_id)) {
            Ok(service) => {
                let kept = claims(&service);
                taken.addresses.retain(|address| !kept.addresses.contains(address));
                taken.ports.retain(|port| !kept.ports.contains(port));
            }
            Err(status) if status.code() == 404 => {}
            Err(status) => {
                // Better lost than shared.
                tracing::error!(service = name, ?taken, error = %status, "addresses and ports can't be released");
                return;
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
            ranges: self.ranges.clone(),
            ports: self.ports.clone(),
            services: Arc::clone(&self.services),
            endpoints: Arc::clone(&self.endpoints),
        };
        let (namespace, name) = (service.namespace().to_owned(), service.name().to_owned());
        Some(Box::new(Held { services, namespace, name, taken, no_longer_needed: old }))
    }
}

/// Whether a service gets addresses: a new one and one that had another type, and one that has a family more.
/// Others keep theirs, and validation says what may not change.
fn gets_addresses(service: &Object, old: Option<&Object>) -> bool {
    if !needs_cluster_ip(service) || is_headless(service) {
        return false;
    }
    let Some(old) = old.filter(|old| needs_cluster_ip(old)) else { return true };
    let families = |service: &Object| strings(service, &["spec", "ipFamilies"]).len();
    !is_headless(old) && families(old) == 1 && families(service) == 2
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
        drop_internal_policy(service);
        let taken = self.take(service, None, &Claims::default(), context.dry_run).await?;
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
        let taken = self.take(service, Some(old), &held, context.dry_run).await?;
        drop_what_the_type_has_not(service, old);
        drop_internal_policy(service);
        let now = claims(service);
        let gone = Claims {
            addresses: held.addresses.difference(&now.addresses).copied().collect(),
            ports: held.ports.difference(&now.ports).copied().collect(),
        };
        Ok(self.hold(service, taken, gone))
    }

    async fn after_delete(&self, service: &Object) {
        let server = ServerWriter::new();
        let context = server.context(Some(service.namespace()));
        let options = DeleteOptions::default();
        match self.endpoints.delete(&context, service.name(), &options, &NoAdmission).await {
            Err(status) if status.code() != 404 => {
                tracing::error!(service = service.name(), error = %status, "a service's endpoints can't be deleted");
            }
            _ => {}
        }
        self.give_back(&claims(service)).await;
    }
}
