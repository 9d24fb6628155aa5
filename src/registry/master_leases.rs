//! Which servers are there: a key with a time to live for each, `masterleases/<address>`, as kube-apiserver
//! keeps them, so that both see each other.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use keelson_apimachinery::codec::{envelope, protobuf};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Text, TypeId, Value};
use keelson_storage::{Error, ListRange, Storage};

use super::errors::About;
use super::stored::{Stored, unreadable};

const DIRECTORY: &str = "masterleases/";
const ABOUT: About<'static> = About { group: "", plural: "masterleases", name: "", verb: "update" };

/// The addresses of the servers over one store.
pub struct MasterLeases {
    storage: Arc<dyn Storage>,
    ty: TypeId,
}

impl MasterLeases {
    pub(super) fn new(storage: Arc<dyn Storage>) -> Option<Self> {
        Some(MasterLeases { storage, ty: keelson_api::facts::kind("", "v1", "Endpoints")? })
    }

    /// The addresses whose leases run, sorted by their texts.
    ///
    /// # Errors
    /// 500 where the store fails.
    pub async fn list(&self) -> Result<Vec<String>, Status> {
        let range = ListRange { prefix: DIRECTORY.into(), ..ListRange::default() };
        let page = self.storage.list(&range).await.map_err(|error| ABOUT.status(error))?;
        let mut addresses = Vec::with_capacity(page.items.len());
        for item in page.items {
            let lease = Stored { value: item.value, revision: item.revision }.decode(self.ty)?;
            let subset = lease.get("subsets").and_then(Value::as_array).and_then(<[Value]>::first);
            let first = subset.and_then(|s| s.get("addresses")?.as_array()?.first());
            addresses.extend(first.map(|a| a.str_at(&["ip"]).to_owned()).filter(|ip| !ip.is_empty()));
        }
        addresses.sort_unstable();
        Ok(addresses)
    }

    /// Lets the lease of an address run for `ttl` from now.
    ///
    /// # Errors
    /// 500 where the store fails.
    pub async fn renew(&self, address: IpAddr, ttl: Duration) -> Result<(), Status> {
        let key = format!("{DIRECTORY}{address}");
        let mut current = self.storage.get(&key).await.map_err(|error| ABOUT.status(error))?;
        loop {
            let generation = match &current {
                None => 0,
                Some(found) => {
                    let stored = Stored { value: found.value.clone(), revision: found.revision };
                    stored.decode(self.ty)?.generation()
                }
            };
            // A lease that looks the same would not be written.
            let value = self.encode(address, generation + 1)?.into();
            let written = match &current {
                None => self.storage.create(&key, value, Some(ttl)).await,
                Some(found) => self.storage.update(&key, found.revision, value, Some(ttl)).await,
            };
            match written {
                Ok(_) => return Ok(()),
                Err(Error::Conflict { current: newer }) => current = newer,
                Err(Error::Exists | Error::NotFound) => {
                    current = self.storage.get(&key).await.map_err(|error| ABOUT.status(error))?;
                }
                Err(error) => return Err(ABOUT.status(error)),
            }
        }
    }

    /// Ends the lease of an address, where it runs.
    ///
    /// # Errors
    /// 500 where the store fails.
    pub async fn end(&self, address: IpAddr) -> Result<(), Status> {
        let key = format!("{DIRECTORY}{address}");
        let mut current = self.storage.get(&key).await.map_err(|error| ABOUT.status(error))?;
        while let Some(found) = current {
            match self.storage.delete(&key, found.revision).await {
                Ok(_) | Err(Error::NotFound) => return Ok(()),
                Err(Error::Conflict { current: newer }) => current = newer,
                Err(error) => return Err(ABOUT.status(error)),
            }
        }
        Ok(())
    }

    fn encode(&self, address: IpAddr, generation: i64) -> Result<Vec<u8>, Status> {
        let one = |key: &'static str, value: Value| -> Value {
            Value::Object([(Text::const_new(key), value)].into_iter().collect::<Map>())
        };
        let addresses = Value::Array(vec![one("ip", address.to_string().into())]);
        let mut lease = Object::default();
        lease.set_generation(generation);
        lease.members_mut().insert("subsets", vec![one("addresses", addresses)]);
        let message =
            protobuf::encode(keelson_api::schema(), self.ty, lease.as_value()).map_err(unreadable)?;
        Ok(envelope::seal("v1", "Endpoints", &message))
    }
}
