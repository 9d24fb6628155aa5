//! The ranges that services draw addresses from: those of the ServiceCIDR objects that are ready.
//!
//! Source: KEP-1880.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};

use super::network::Cidr;
use crate::registry::options::ListOptions;
use crate::registry::store::Store;

/// Reads the ranges; what it read is kept until an object changes.
#[derive(Clone)]
pub(super) struct Ranges {
    store: Arc<Store>,
    seen: Arc<ArcSwap<Seen>>,
}

/// The ranges as of these revisions of their objects.
#[derive(Debug, Default)]
struct Seen {
    revisions: Vec<u64>,
    known: Arc<Known>,
}

/// The ranges of a cluster, sorted by their objects' names.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// New addresses may come from these.
    ready: Vec<Cidr>,
    /// The others: their objects are being deleted or not ready yet.
    others: Vec<Cidr>,
}

impl Known {
    /// The ranges of a family, such as `IPv4`, that new addresses may come from.
    pub(super) fn of_family<'a>(&'a self, family: &'a str) -> impl Iterator<Item = &'a Cidr> {
        self.ready.iter().filter(move |cidr| cidr.family() == family)
    }

    /// Whether a service can have this address now.
    pub(super) fn offers(&self, address: IpAddr) -> bool {
        self.ready.iter().any(|cidr| cidr.contains(address))
    }

    /// Whether a service may have this address since an earlier time.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.offers(address) || self.others.iter().any(|cidr| cidr.contains(address))
    }
}

impl Ranges {
    /// Ranges of the objects in `store`.
    pub(super) fn new(store: Arc<Store>) -> Self {
        Ranges { store, seen: Arc::default() }
    }

    /// The ranges, as fresh as a cache has them.
    pub(super) async fn cached(&self) -> Result<Arc<Known>, Status> {
        self.read("0").await
    }

    /// The ranges as they are now.
    pub(super) async fn current(&self) -> Result<Arc<Known>, Status> {
        self.read("").await
    }

    async fn read(&self, resource_version: &str) -> Result<Arc<Known>, Status> {
        let options = ListOptions { resource_version: resource_version.to_owned(), ..ListOptions::default() };
        let listing = self.store.list(None, &options).await?;
        let revisions: Vec<u64> = listing.items.iter().map(|item| item.revision).collect();
        let seen = self.seen.load();
        if seen.revisions == revisions {
            return Ok(Arc::clone(&seen.known));
        }
        let mut known = Known::default();
        for item in &listing.items {
            let object = item.decode(self.store.resource().type_id)?;
            let ready = object.deletion_timestamp().is_none() && is_ready(&object);
            let cidrs = object.at(&["spec", "cidrs"]).and_then(Value::as_array).unwrap_or_default();
            for text in cidrs.iter().filter_map(Value::as_str) {
                match Cidr::parse(text) {
                    Ok(cidr) if ready => known.ready.push(cidr),
                    Ok(cidr) => known.others.push(cidr),
                    Err(why) => {
                        tracing::warn!(service_cidr = object.name(), %why, "a service range can't be used");
                    }
                }
            }
        }
        let known = Arc::new(known);
        self.seen.store(Arc::new(Seen { revisions, known: Arc::clone(&known) }));
        Ok(known)
    }
}

fn is_ready(range: &Object) -> bool {
    let conditions = range.at(&["status", "conditions"]).and_then(Value::as_array).unwrap_or_default();
    conditions.iter().any(|c| c.str_at(&["type"]) == "Ready" && c.str_at(&["status"]) == "True")
}
