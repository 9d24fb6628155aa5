//! Cluster IPs: whoever creates the IPAddress object of an address has it, over all servers of a store.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Text, Value};
use keelson_base::random;

use super::network::{Cidr, family};
use crate::registry::options::{DeleteOptions, ListOptions, NoAdmission, Warnings, WriteContext};
use crate::registry::server_writes::{SERVER_MANAGER, note_server};
use crate::registry::store::Store;
use crate::request::UserInfo;

/// How many random addresses are tried before the used ones are listed.
const RANDOM_ATTEMPTS: usize = 8;

/// The user that writes what services imply.
pub(crate) fn server_user() -> UserInfo {
    UserInfo {
        name: "system:apiserver".into(),
        groups: vec!["system:masters".into(), "system:authenticated".into()],
        ..UserInfo::default()
    }
}

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

    /// Takes this address for a service. One that the service has already, as a server died before it wrote
    /// the service, or as another one is about to, is the service's still.
    pub(super) async fn take(&self, address: IpAddr, namespace: &str, name: &str) -> Result<(), Refusal> {
        let (user, warnings) = (server_user(), Warnings::default());
        let context = context(&user, &warnings);
        let mut object = ip_address(address, namespace, name);
        note_server(self.store.resource(), "", None, &mut object);
        match self.store.create(&context, object, &NoAdmission).await {
            Ok(_) => Ok(()),
            Err(status) if status.reason() == "AlreadyExists" => {
                let parent = self.parent(address).await.map_err(Refusal::Failed)?;
                let own = parent.is_some_and(|(space, service)| space == namespace && service == name);
                if own { Ok(()) } else { Err(Refusal::Taken) }
            }
            Err(status) => Err(Refusal::Failed(status)),
        }
    }

    /// Namespace and name of the service that has an address.
    async fn parent(&self, address: IpAddr) -> Result<Option<(String, String)>, Status> {
        let stored = match self.store.get(None, &address.to_string()).await {
            Ok(stored) => stored,
            Err(status) if status.code() == 404 => return Ok(None),
            Err(status) => return Err(status),
        };
        let object = stored.decode(self.store.resource().type_id)?;
        let text = |key| object.str_at(&["spec", "parentRef", key]).to_owned();
        Ok((text("resource") == "services").then(|| (text("namespace"), text("name"))))
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
        let (user, warnings) = (server_user(), Warnings::default());
        let context = context(&user, &warnings);
        let name = address.to_string();
        match self.store.delete(&context, &name, &DeleteOptions::default(), &NoAdmission).await {
            Err(status) if status.code() != 404 => {
                tracing::error!(%address, error = %status, "a service's address can't be released");
            }
            _ => {}
        }
    }
}

fn context<'a>(user: &'a UserInfo, warnings: &'a Warnings) -> WriteContext<'a> {
    WriteContext {
        namespace: None,
        user,
        subresource: "",
        dry_run: false,
        field_manager: SERVER_MANAGER,
        create_missing: false,
        warnings,
    }
}

/// The object that says that a service has an address.
fn ip_address(address: IpAddr, namespace: &str, name: &str) -> Object {
    let map = |members: &[(&'static str, &str)]| -> Map {
        members.iter().map(|(key, text)| (Text::const_new(key), Value::from(*text))).collect()
    };
    let parent = map(&[("group", ""), ("name", name), ("namespace", namespace), ("resource", "services")]);
    let mut object = Object::default();
    object.set_type("networking.k8s.io/v1", "IPAddress");
    object.set_name(&address.to_string());
    object.set_labels(map(&[
        ("ipaddress.kubernetes.io/ip-family", family(address)),
        ("ipaddress.kubernetes.io/managed-by", "ipallocator.k8s.io"),
    ]));
    let mut spec = Map::new();
    spec.insert("parentRef", parent);
    object.members_mut().insert("spec", spec);
    object
}
