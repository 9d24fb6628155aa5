//! Who is behind the service `kubernetes`: its Endpoints and EndpointSlice hold the addresses of all servers
//! whose leases run. Every server renews its own and writes what all of them come to. Somebody else may be charged
//! with that ([`Reconciler::None`]): then nothing of it is written or removed here.
//!
//! Source: `--endpoint-reconciler-type`. Nobody mends a service `kubernetes` that was changed; one that was deleted
//! comes back. The endpoints' port is set when a server starts and when it ends, and left alone between.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Value};
use keelson_base::clock;
use tokio::sync::Mutex;

use super::objects::{KUBERNETES, kubernetes_service, object};
use super::{create, store};
use crate::registry::{
    Change, DeleteOptions, MasterLeases, NoAdmission, Registry, ServerChange, ServerWriter,
};

/// How long a server counts as there after it last said so.
const LEASE: Duration = Duration::from_secs(15);

/// How often a server says that it is there.
const INTERVAL: Duration = Duration::from_secs(10);

const SKIP_MIRROR: &str = "endpointslice.kubernetes.io/skip-mirror";

/// Where this server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `--advertise-address`.
    pub address: IpAddr,
    /// `--secure-port`.
    pub port: u16,
    /// `--kubernetes-service-node-port`, where it is not 0.
    pub node_port: Option<u16>,
}

/// Who keeps the addresses behind the service `kubernetes` (`--endpoint-reconciler-type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reconciler {
    /// The servers, each with a lease of 15 seconds. The default.
    #[default]
    Lease,
    /// Not the servers.
    None,
}

/// Keeps the service `kubernetes` there, and this server among its addresses.
pub struct KubernetesService {
    registry: Arc<Registry>,
    leases: MasterLeases,
    endpoint: Endpoint,
    reconciler: Reconciler,
    /// Whether the endpoints were written once: their port then was this server's.
    announced: AtomicBool,
    /// Held while the addresses are written: withdrawing waits for a write that has begun.
    writing: Mutex<()>,
    withdrawn: AtomicBool,
    /// Whether others were there when this server was announced last.
    others: AtomicBool,
}

impl KubernetesService {
    /// For this server; nothing is written yet.
    ///
    /// # Errors
    /// 500 where the registry has no Endpoints.
    pub fn new(registry: Arc<Registry>, endpoint: Endpoint, reconciler: Reconciler) -> Result<Self, Status> {
        let leases = registry.master_leases().ok_or_else(|| Status::internal("there are no Endpoints"))?;
        Ok(KubernetesService {
            registry,
            leases,
            endpoint,
            reconciler,
            announced: AtomicBool::new(false),
            writing: Mutex::new(()),
            withdrawn: AtomicBool::new(false),
            others: AtomicBool::new(false),
        })
    }

    /// Announces the server now and every ten seconds, and makes the service where it is gone. Ends when it is
    /// dropped, or after [`KubernetesService::withdraw`].
    pub async fn run(&self) {
        while !self.withdrawn.load(Ordering::Acquire) {
            let service = kubernetes_service(&self.registry, &self.endpoint);
            if let Err(error) = create(&self.registry, service).await {
                tracing::error!(%error, "the service kubernetes can't be made");
            }
            if let Err(status) = self.announce().await {
                tracing::error!(error = %status, "can't announce this server at the service kubernetes");
            }
            clock::sleep(INTERVAL).await;
        }
    }

    /// Renews this server's lease and writes the addresses that run. Does nothing once it was withdrawn, or where
    /// others keep the addresses.
    ///
    /// # Errors
    /// What the registry says.
    pub async fn announce(&self) -> Result<(), Status> {
        let _writing = self.writing.lock().await;
        if self.reconciler == Reconciler::None || self.withdrawn.load(Ordering::Acquire) {
            return Ok(());
        }
        self.leases.renew(self.endpoint.address, LEASE).await?;
        let addresses = self.leases.list().await?;
        if addresses.is_empty() {
            // The own lease was just renewed: something is wrong, and no reason to cut everybody off.
            return Err(Status::internal("storage lists no server, not even this one"));
        }
        self.others.store(addresses.len() > 1, Ordering::Relaxed);
        self.write(addresses, false).await?;
        self.announced.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether other servers, with addresses of their own, were there when this one was announced last.
    pub fn has_others(&self) -> bool {
        self.others.load(Ordering::Relaxed)
    }

    /// Takes this server's address away, for good: clients that come new go to others.
    ///
    /// # Errors
    /// What the registry says.
    pub async fn withdraw(&self) -> Result<(), Status> {
        self.withdrawn.store(true, Ordering::Release);
        if self.reconciler == Reconciler::None {
            return Ok(());
        }
        let _writing = self.writing.lock().await;
        self.leases.end(self.endpoint.address).await?;
        let addresses = self.leases.list().await?;
        self.write(addresses, true).await
    }

    async fn write(&self, addresses: Vec<String>, leaving: bool) -> Result<(), Status> {
        let server = ServerWriter::new();
        let mut context = server.context(Some("default"));
        context.create_missing = !leaving;
        let mut change = SetAddresses {
            addresses: &addresses,
            port: self.endpoint.port,
            keeps_ports: !leaving && self.announced.load(Ordering::Relaxed),
            empty: object(&self.registry, "", "endpoints", &named()),
        };
        let endpoints = store(&self.registry, "", "endpoints")?;
        if leaving && endpoints.get(Some("default"), KUBERNETES).await.is_err_and(|s| s.code() == 404) {
            return Ok(());
        }
        let resource = endpoints.resource();
        let mut change = ServerChange { change: &mut change, resource, subresource: "" };
        let (stored, _) = endpoints.update(&context, KUBERNETES, &mut change, &NoAdmission).await?;
        let written = stored.decode(endpoints.resource().type_id)?;
        let slice = self.slice_of(&written);
        let slices = store(&self.registry, "discovery.k8s.io", "endpointslices")?;
        let current = match slices.get(Some("default"), KUBERNETES).await {
            Ok(stored) => Some(stored.decode(slices.resource().type_id)?),
            Err(status) if status.code() == 404 => None,
            Err(status) => return Err(status),
        };
        // The type of the addresses can't be changed.
        let type_of = |slice: &Object| slice.str_at(&["addressType"]).to_owned();
        if current.as_ref().is_some_and(|current| type_of(current) != type_of(&slice)) {
            slices.delete(&context, KUBERNETES, &DeleteOptions::default(), &NoAdmission).await?;
        }
        let mut change = SetSlice(slice);
        let resource = slices.resource();
        let mut change = ServerChange { change: &mut change, resource, subresource: "" };
        context.create_missing = true;
        slices.update(&context, KUBERNETES, &mut change, &NoAdmission).await.map(|_| ())
    }

    /// The slice that says what the endpoints say.
    fn slice_of(&self, endpoints: &Object) -> Object {
        let list = |value: Option<&Value>| value.and_then(Value::as_array).unwrap_or_default().to_vec();
        let subset = endpoints.get("subsets").and_then(Value::as_array).and_then(<[Value]>::first);
        let addresses: Vec<String> = list(subset.and_then(|s| s.get("addresses")))
            .iter()
            .map(|address| address.str_at(&["ip"]).to_owned())
            .collect();
        let is_v6 = |ip: &String| ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6());
        let v6 = !addresses.is_empty() && addresses.iter().all(is_v6);
        let shown = addresses.iter().filter(|ip| is_v6(ip) == v6);
        let shown: Vec<String> =
            shown.map(|ip| format!(r#"{{"addresses":["{ip}"],"conditions":{{"ready":true}}}}"#)).collect();
        let ports: Vec<String> = list(subset.and_then(|s| s.get("ports")))
            .iter()
            .map(|port| {
                let number = port.get("port").and_then(Value::as_i64).unwrap_or(0);
                let (name, protocol) = (port.str_at(&["name"]), port.str_at(&["protocol"]));
                format!(r#"{{"name":"{name}","port":{number},"protocol":"{protocol}"}}"#)
            })
            .collect();
        let text = format!(
            r#"{{"metadata":{{"name":"{KUBERNETES}","namespace":"default","labels":{{"kubernetes.io/service-name":"{KUBERNETES}"}}}},
                "addressType":"{}","endpoints":[{}],"ports":[{}]}}"#,
            if v6 { "IPv6" } else { "IPv4" },
            shown.join(","),
            ports.join(",")
        );
        object(&self.registry, "discovery.k8s.io", "endpointslices", &text)
    }
}

fn named() -> String {
    format!(r#"{{"metadata":{{"name":"{KUBERNETES}","namespace":"default"}}}}"#)
}

/// Puts the addresses into the endpoints, where they are others.
struct SetAddresses<'a> {
    addresses: &'a [String],
    port: u16,
    /// Whether ports that somebody else wrote stay.
    keeps_ports: bool,
    empty: Object,
}

impl Change for SetAddresses<'_> {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let mut endpoints = current.unwrap_or(&self.empty).clone();
        // No controller makes a slice of these: the server does.
        let mut labels = endpoints.labels().cloned().unwrap_or_default();
        labels.insert(SKIP_MIRROR, "true");
        endpoints.set_labels(labels);
        if self.addresses.is_empty() {
            endpoints.members_mut().remove("subsets");
            return Ok(endpoints);
        }
        let pairs = |pairs: Vec<(&'static str, Value)>| -> Value {
            Value::Object(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect::<Map>())
        };
        let addresses = self.addresses.iter().map(|ip| pairs(vec![("ip", ip.as_str().into())])).collect();
        let port = pairs(vec![
            ("name", "https".into()),
            ("port", Value::Int(self.port.into())),
            ("protocol", "TCP".into()),
        ]);
        let subsets = endpoints.get("subsets").and_then(Value::as_array).unwrap_or_default();
        let ports = match subsets {
            [only] if self.keeps_ports => only.get("ports").and_then(Value::as_array).map(<[Value]>::to_vec),
            _ => None,
        };
        let ports = ports.unwrap_or_else(|| vec![port]);
        let subset = pairs(vec![("addresses", Value::Array(addresses)), ("ports", Value::Array(ports))]);
        endpoints.members_mut().insert("subsets", vec![subset]);
        Ok(endpoints)
    }
}

/// Makes the slice this one, but for what else its metadata has.
struct SetSlice(Object);

impl Change for SetSlice {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let Some(current) = current else { return Ok(self.0.clone()) };
        let mut slice = self.0.clone();
        slice.members_mut().insert("metadata", current.metadata().cloned().unwrap_or_default());
        slice.set_labels(self.0.labels().cloned().unwrap_or_default());
        Ok(slice)
    }
}
