//! Repair: what services hold and what is noted as taken are brought back together, as a server may die
//! between the two, or somebody may change either by hand.
//!
//! Every few minutes: an address or port that a service has and nobody noted is noted; one that is noted and
//! no service has is given back once no request can still be about to use it. What can't be mended (two
//! services with one address, an address outside of all ranges) is told in events, once each.
//!
//! Several servers may do this at once: deletions demand the version that was looked at.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};
use keelson_base::{clock, random};

use super::addresses::{Addresses, Holder, Refusal};
use super::network::family;
use super::ports::NodePorts;
use super::ranges::Ranges;
use super::spec::claims;
use crate::registry::options::{ListOptions, NoAdmission};
use crate::registry::{Registry, ServerWriter, Store};

/// How often everything is looked at.
const INTERVAL: Duration = Duration::from_secs(180);
/// How soon it is tried again where that failed.
const AGAIN: Duration = Duration::from_secs(5);

/// After how many seconds an address without its service belongs to no request any more: requests end after
/// 60, and an address may be taken over by another one of the same service for some seconds before.
const LEAKED_AFTER: i64 = 120;

/// How many times a port without its service is seen before it is given back.
const LEAKED_AFTER_SEEN: u8 = 3;

/// Brings addresses and ports of services back together with what is noted of them.
pub struct ServiceRepair {
    services: Arc<Store>,
    addresses: Addresses,
    ranges: Ranges,
    ports: NodePorts,
    events: Arc<Store>,
    /// How often a port was seen without its service.
    suspects: HashMap<u16, u8>,
    /// See [`LEAKED_AFTER`].
    leaked_after: i64,
    /// What was told already: reason, service and subject.
    told: HashSet<(&'static str, String, String)>,
}

/// Services by namespace and name.
type ByName = HashMap<(String, String), Object>;

impl ServiceRepair {
    /// For the services of a registry; `None` where it has none.
    pub fn new(registry: &Registry) -> Option<Self> {
        Some(ServiceRepair {
            services: Arc::clone(registry.store("", "services")?),
            addresses: Addresses::new(Arc::clone(registry.store("networking.k8s.io", "ipaddresses")?)),
            ranges: Ranges::new(Arc::clone(registry.store("networking.k8s.io", "servicecidrs")?)),
            ports: NodePorts::new(registry.storage(), registry.config().services.node_ports)?,
            events: Arc::clone(registry.store("", "events")?),
            suspects: HashMap::new(),
            leaked_after: LEAKED_AFTER,
            told: HashSet::new(),
        })
    }

    /// Repairs now and every three minutes, soon again where that fails; tells each time that it didn't. Ends when it
    /// is dropped.
    pub async fn run(mut self, done: impl Fn()) {
        loop {
            match self.once().await {
                Ok(()) => {
                    done();
                    clock::sleep(INTERVAL).await;
                }
                Err(status) => {
                    tracing::error!(error = %status, "addresses and ports of services can't be checked");
                    clock::sleep(AGAIN).await;
                }
            }
        }
    }

    /// Repairs once.
    ///
    /// # Errors
    /// What storage says.
    pub async fn once(&mut self) -> Result<(), Status> {
        let services = self.services().await?;
        self.addresses_of(&services).await?;
        self.leaked_addresses(&services).await?;
        self.node_ports(&services).await
    }

    async fn services(&self) -> Result<ByName, Status> {
        let listing = self.services.list(None, &ListOptions::default()).await?;
        let mut services = ByName::with_capacity(listing.items.len());
        for item in listing.items {
            let service = item.decode(self.services.resource().type_id)?;
            services.insert((service.namespace().to_owned(), service.name().to_owned()), service);
        }
        Ok(services)
    }

    /// The service as it is now.
    async fn service(&self, namespace: &str, name: &str) -> Result<Option<Object>, Status> {
        match self.services.get(Some(namespace), name).await {
            Ok(stored) => stored.decode(self.services.resource().type_id).map(Some),
            Err(status) if status.code() == 404 => Ok(None),
            Err(status) => Err(status),
        }
    }

    async fn addresses_of(&mut self, services: &ByName) -> Result<(), Status> {
        let ranges = self.ranges.current().await?;
        let holders = self.addresses.holders().await?;
        let holders: HashMap<IpAddr, Holder> =
            holders.into_iter().filter_map(|holder| Some((holder.address()?, holder))).collect();
        for service in services.values() {
            for address in claims(service).addresses {
                let ip_family = family(address);
                if !ranges.contains(address) {
                    let note = format!(
                        "Cluster IP [{ip_family}]: {address} is not within any configured Service CIDR; please recreate service"
                    );
                    self.tell(service, "ClusterIPOutOfRange", "ClusterIPAllocation", address, note).await;
                    continue;
                }
                let of_service =
                    |h: &&Holder| h.is_service(service.namespace(), service.name()) && h.has_its_labels();
                match holders.get(&address) {
                    Some(holder) if of_service(&holder) => {}
                    Some(holder) if self.shares(services, holder, service, address) => {
                        let note = format!(
                            "Cluster IP [{ip_family}]:{address} was assigned to multiple services; please recreate service"
                        );
                        let reason = "ClusterIPAlreadyAllocated";
                        self.tell(service, reason, "ClusterIPAllocation", address, note).await;
                    }
                    holder => self.note_address(service, address, holder).await?,
                }
            }
        }
        Ok(())
    }

    /// Whether the address is rightly another service's.
    fn shares(&self, services: &ByName, holder: &Holder, service: &Object, address: IpAddr) -> bool {
        let (namespace, name) = holder.parent();
        let own = (namespace, name) == (service.namespace(), service.name());
        let other = services.get(&(namespace.to_owned(), name.to_owned()));
        !own && holder.is_of_services() && other.is_some_and(|o| claims(o).addresses.contains(&address))
    }

    /// Notes that a service has an address, in place of whatever is noted of it.
    async fn note_address(
        &mut self,
        service: &Object,
        address: IpAddr,
        wrong: Option<&Holder>,
    ) -> Result<(), Status> {
        let (namespace, name) = (service.namespace(), service.name());
        let now = self.service(namespace, name).await?;
        if !now.is_some_and(|now| claims(&now).addresses.contains(&address)) {
            return Ok(());
        }
        let ip_family = family(address);
        let note = match wrong {
            None => format!("Cluster IP [{ip_family}]: {address} is not allocated; repairing"),
            Some(_) => format!(
                "the ClusterIP [{ip_family}]: {address} for Service {namespace}/{name} has a wrong reference; repairing"
            ),
        };
        self.tell(service, "ClusterIPNotAllocated", "ClusterIPAllocation", address, note).await;
        if let Some(wrong) = wrong {
            self.addresses.clear(wrong).await?;
        }
        match self.addresses.take(address, namespace, name).await {
            Ok(()) | Err(Refusal::Taken | Refusal::Full) => Ok(()),
            Err(Refusal::Failed(status)) => Err(status),
        }
    }

    async fn leaked_addresses(&mut self, services: &ByName) -> Result<(), Status> {
        for holder in self.addresses.holders().await? {
            // A request may be about to write its service.
            let settled = holder.age_seconds().is_some_and(|age| age > self.leaked_after);
            if !holder.is_ours() || !settled {
                continue;
            }
            let Some(address) = holder.address() else { continue };
            let (namespace, name) = holder.parent();
            let has = |service: &Object| claims(service).addresses.contains(&address);
            let key = (namespace.to_owned(), name.to_owned());
            if holder.is_of_services() && services.get(&key).is_some_and(has) {
                continue;
            }
            if holder.is_of_services() && self.service(namespace, name).await?.is_some_and(|s| has(&s)) {
                continue;
            }
            tracing::warn!(%address, namespace, service = name, "an address that no service has is given back");
            self.addresses.clear(&holder).await?;
        }
        Ok(())
    }

    async fn node_ports(&mut self, services: &ByName) -> Result<(), Status> {
        let range = self.ports.range();
        let mut used: BTreeSet<u16> = BTreeSet::new();
        for service in services.values() {
            for port in claims(service).ports {
                if !range.contains(i64::from(port)) {
                    let note =
                        format!("Port {port} is not within the port range {range}; please recreate service");
                    self.tell(service, "PortOutOfRange", "PortAllocation", port, note).await;
                } else if !used.insert(port) {
                    let note =
                        format!("Port {port} was assigned to multiple services; please recreate service");
                    self.tell(service, "PortAlreadyAllocated", "PortAllocation", port, note).await;
                }
            }
        }
        let before = std::mem::take(&mut self.suspects);
        let (missing, suspects) = self
            .ports
            .change(&used, |taken| {
                let missing: BTreeSet<u16> =
                    used.iter().copied().filter(|port| !taken.contains(*port)).collect();
                let mut suspects = HashMap::new();
                let mut leaked = BTreeSet::new();
                for port in taken.iter().filter(|port| !used.contains(port)) {
                    let seen = before.get(&port).map_or(1, |seen| seen + 1);
                    if seen > LEAKED_AFTER_SEEN {
                        leaked.insert(port);
                    } else {
                        suspects.insert(port, seen);
                    }
                }
                taken.give_back(&leaked);
                taken.add(&missing);
                Ok((missing, suspects))
            })
            .await?;
        self.suspects = suspects;
        for service in services.values() {
            for port in claims(service).ports.intersection(&missing) {
                let note = format!("Port {port} is not allocated; repairing");
                self.tell(service, "PortNotAllocated", "PortAllocation", port, note).await;
            }
        }
        Ok(())
    }

    /// Writes an event about a service, once for each reason and subject. A failure is logged.
    async fn tell(
        &mut self,
        service: &Object,
        reason: &'static str,
        action: &str,
        subject: impl ToString,
        note: String,
    ) {
        let (namespace, name) = (service.namespace(), service.name());
        let key = (reason, format!("{namespace}/{name}"), subject.to_string());
        if !self.told.insert(key) {
            return;
        }
        tracing::warn!(namespace, service = name, reason, note);
        if let Err(status) = self.write_event(service, reason, action, &note).await {
            tracing::warn!(error = %status, reason, "an event can't be written");
        }
    }

    async fn write_event(
        &self,
        service: &Object,
        reason: &str,
        action: &str,
        note: &str,
    ) -> Result<(), Status> {
        let (namespace, name) = (service.namespace(), service.name());
        let server = ServerWriter::new();
        let context = server.context(Some(namespace));
        let regarding = object([
            ("kind", "Service"),
            ("namespace", namespace),
            ("name", name),
            ("uid", service.uid()),
            ("apiVersion", "v1"),
            ("resourceVersion", service.resource_version()),
        ]);
        let mut event = Object::default();
        event.set_name(&format!("{name}.{:016x}", random::below(u64::MAX)));
        event.set_namespace(namespace);
        let members = event.members_mut();
        let now = clock::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
        let texts = [
            ("reason", reason),
            ("message", note),
            ("type", "Warning"),
            ("eventTime", &now),
            ("action", action),
            ("reportingComponent", "service-repair"),
            ("reportingInstance", "service-repair-kube-apiserver"),
        ];
        for (key, text) in texts {
            members.insert(key, text);
        }
        members.insert("involvedObject", regarding);
        let resource = self.events.resource();
        let canonical = json::canonicalize(keelson_api::schema(), resource.type_id, event.into());
        let mut event = Object::try_from(canonical.map_err(Status::internal)?.value)
            .map_err(|_| Status::internal("an event is no object"))?;
        event.set_type("v1", "Event");
        self.events.create(&context, event, &NoAdmission).await.map(|_| ())
    }
}

fn object<const N: usize>(members: [(&'static str, &str); N]) -> Value {
    Value::Object(members.into_iter().map(|(key, text)| (key.into(), Value::from(text))).collect())
}
