//! Cluster IPs: whoever creates the IPAddress object of an address has it, over all servers of a store.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Text, Value};
use keelson_base::{clock, random};

use super::network::{Cidr, family};
use crate::registry::Stored;
use crate::registry::options::{DeleteOptions, ListOptions, NoAdmission};
use crate::registry::server_writes::{ServerWriter, note_server};
use crate::registry::store::Store;

/// How many random addresses are tried before the used ones are listed.
const RANDOM_ATTEMPTS: usize = 8;

/// For how many seconds an address without its service is one that a request is about to use.
const YOUNG: i64 = 30;

const IP_FAMILY: &str = "ipaddress.kubernetes.io/ip-family";
const MANAGED_BY: &str = "ipaddress.kubernetes.io/managed-by";
const ALLOCATOR: &str = "ipallocator.k8s.io";

/// Hands out addresses.
#[derive(Clone)]
pub(super) struct Addresses {
    store: Arc<Store>,
}

/// Why an address can't be had.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Somebody has it.
    Taken,
    /// All are taken.
    Full,
    /// The store failed.
    Failed(Status),
}

impl Addresses {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Addresses { store }
    }

    /// Takes this address for a service. One that was just taken for a service of its name, as a server died
    /// before it wrote the service, or as another one is about to, is the service's still; later it is a leak,
    /// which repair clears away.
    pub(super) async fn take(&self, address: IpAddr, namespace: &str, name: &str) -> Result<(), Refusal> {
        let server = ServerWriter::new();
        let context = server.context(None);
        let mut object = ip_address(address, namespace, name);
        note_server(self.store.resource(), "", None, &mut object);
        match self.store.create(&context, object, &NoAdmission).await {
            Ok(_) => Ok(()),
            Err(status) if status.reason() == "AlreadyExists" => {
                let mut holder = self.holder(address).await.map_err(Refusal::Failed)?;
                let own = holder.take_if(|h| {
                    h.is_service(namespace, name) && h.age_seconds().is_some_and(|age| age < YOUNG)
                });
                if own.is_some() { Ok(()) } else { Err(Refusal::Taken) }
            }
            Err(status) => Err(Refusal::Failed(status)),
        }
    }

    /// Who has an address; `None` where nobody has.
    pub(super) async fn holder(&self, address: IpAddr) -> Result<Option<Holder>, Status> {
        match self.store.get(None, &address.to_string()).await {
            Ok(stored) => Holder::read(&self.store, &stored).map(Some),
            Err(status) if status.code() == 404 => Ok(None),
            Err(status) => Err(status),
        }
    }

    /// Who has which address, of all that are taken.
    pub(super) async fn holders(&self) -> Result<Vec<Holder>, Status> {
        let listing = self.store.list(None, &ListOptions::default()).await?;
        listing.items.iter().map(|item| Holder::read(&self.store, item)).collect()
    }

    /// Gives an address back, where its object is still the one that `holder` was read from.
    pub(super) async fn clear(&self, holder: &Holder) -> Result<(), Status> {
        let server = ServerWriter::new();
        let options = DeleteOptions {
            precondition_resource_version: Some(holder.object.resource_version().to_owned()),
            ..DeleteOptions::default()
        };
        let name = holder.object.name();
        match self.store.delete(&server.context(None), name, &options, &NoAdmission).await {
            Err(status) if !matches!(status.code(), 404 | 409) => Err(status),
            _ => Ok(()),
        }
    }

    /// Takes a free address of a range for a service: of the upper part while that has some, as the lower one
    /// is for those who ask for a certain address.
    pub(super) async fn take_any(&self, cidr: &Cidr, namespace: &str, name: &str) -> Result<IpAddr, Refusal> {
        let (reserved, size) = (cidr.reserved(), cidr.size());
        for _ in 0..RANDOM_ATTEMPTS {
            let address = cidr.address(reserved + random::below(size - reserved));
            match self.take(address, namespace, name).await {
                Ok(()) => return Ok(address),
                Err(Refusal::Taken) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        let used = self.used().await.map_err(Refusal::Failed)?;
        let upper = random::below(size - reserved);
        let upper = (0..size - reserved).map(|i| reserved + (upper + i) % (size - reserved));
        for i in upper.chain(0..reserved) {
            let address = cidr.address(i);
            if used.contains(&address) {
                continue;
            }
            match self.take(address, namespace, name).await {
                Ok(()) => return Ok(address),
                Err(Refusal::Taken) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Err(Refusal::Full)
    }

    async fn used(&self) -> Result<HashSet<IpAddr>, Status> {
        let listing = self.store.list(None, &ListOptions::default()).await?;
        let mut used = HashSet::with_capacity(listing.items.len());
        for item in &listing.items {
            used.extend(self.store.name_of(item)?.1.parse::<IpAddr>().ok());
        }
        Ok(used)
    }

    /// Gives an address back. A failure is logged: the address is lost until someone deletes the object.
    pub(super) async fn give_back(&self, address: IpAddr) {
        let server = ServerWriter::new();
        let context = server.context(None);
        let name = address.to_string();
        match self.store.delete(&context, &name, &DeleteOptions::default(), &NoAdmission).await {
            Err(status) if status.code() != 404 => {
                tracing::error!(%address, error = %status, "a service's address can't be released");
            }
            _ => {}
        }
    }
}

/// An address that is taken: its IPAddress object.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) object: Object,
}

impl Holder {
    fn read(store: &Store, stored: &Stored) -> Result<Self, Status> {
        stored.decode(store.resource().type_id).map(|object| Holder { object })
    }

    /// The address; `None` where the object's name is none.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.object.name().parse().ok()
    }

    /// Whether it was taken for a service, whichever.
    pub(super) fn is_of_services(&self) -> bool {
        let text = |key| self.object.str_at(&["spec", "parentRef", key]);
        text("group").is_empty() && text("resource") == "services"
    }

    /// Namespace and name of whom it was taken for.
    pub(super) fn parent(&self) -> (&str, &str) {
        let text = |key| self.object.str_at(&["spec", "parentRef", key]);
        (text("namespace"), text("name"))
    }

    /// Whether it was taken for this service.
    pub(super) fn is_service(&self, namespace: &str, name: &str) -> bool {
        self.is_of_services() && self.parent() == (namespace, name)
    }

    /// Whether it was taken by a server for a service, as its labels say.
    pub(super) fn is_ours(&self) -> bool {
        self.object.label(MANAGED_BY) == Some(ALLOCATOR)
    }

    /// Whether its labels are those that it was made with.
    pub(super) fn has_its_labels(&self) -> bool {
        let family = self.address().map(family);
        self.is_ours() && family.is_some() && self.object.label(IP_FAMILY) == family
    }

    /// Seconds since it was taken.
    pub(super) fn age_seconds(&self) -> Option<i64> {
        let since: clock::Timestamp = self.object.creation_timestamp()?.parse().ok()?;
        Some(clock::now().as_second() - since.as_second())
    }
}

/// The object that says that a service has an address.
fn ip_address(address: IpAddr, namespace: &str, name: &str) -> Object {
    let map = |members: &[(&'static str, &str)]| -> Map {
        members.iter().map(|(key, text)| (Text::const_new(key), Value::from(*text))).collect()
    };
    let parent = map(&[("name", name), ("namespace", namespace), ("resource", "services")]);
    let mut object = Object::default();
    object.set_type("networking.k8s.io/v1", "IPAddress");
    object.set_name(&address.to_string());
    object.set_labels(map(&[(IP_FAMILY, family(address)), (MANAGED_BY, ALLOCATOR)]));
    let mut spec = Map::new();
    spec.insert("parentRef", parent);
    object.members_mut().insert("spec", spec);
    object
}
