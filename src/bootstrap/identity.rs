//! The server's identity: a Lease in `kube-system` that says that it is there, renewed while it runs. Leases
//! of servers that went away are removed when they ran out.
//!
//! Source: "API server identity" in the Kubernetes documentation (KEP-1965).

use std::time::Duration;

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Value};
use keelson_base::{clock, random};
use sha2::{Digest, Sha256};

use super::objects::object;
use super::{Milestones, store};
use crate::registry::{
    Change, DeleteOptions, ListOptions, NoAdmission, Registry, ServerChange, ServerWriter, WriteContext,
};

const NAMESPACE: &str = "kube-system";
const IDENTITY: &str = "apiserver.kubernetes.io/identity";
const COMPONENT: &str = "kube-apiserver";

/// How often the lease is renewed.
const RENEWAL: Duration = Duration::from_secs(10);
/// For how many seconds it holds.
const DURATION: i64 = 3600;
/// How often leases that ran out are looked for, in renewals.
const COLLECTION: u64 = 360;

/// Renews the lease of the server on this host until it is dropped.
pub(super) async fn run(registry: &Registry, milestones: &Milestones) {
    let host = host();
    let name = lease_name(&host);
    let holder = format!("{name}_{}", random::uuid());
    for turn in 0u64.. {
        if let Err(status) = milestones.identity.after(renew(registry, &host, &name, &holder)).await {
            tracing::error!(error = %status, lease = name, "this server's lease can't be renewed");
        }
        if (turn.is_multiple_of(COLLECTION) || !milestones.identities_collected.is_passed())
            && let Err(status) = milestones.identities_collected.after(collect(registry)).await
        {
            tracing::warn!(error = %status, "leases of other servers can't be looked at");
        }
        clock::sleep(RENEWAL).await;
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What the server on this host is called among the servers of its cluster: its lease's name.
pub fn server_name() -> String {
    lease_name(&host())
}

/// `apiserver-` and half of the host name's SHA-256 in base32.
fn lease_name(host: &str) -> String {
    let digest = Sha256::digest(host.as_bytes());
    format!("apiserver-{}", base32(&digest[..16]))
}

/// RFC 4648's base32 in lower case, without padding.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let bit = |i: usize| bytes.get(i / 8).map_or(0, |byte| (byte >> (7 - i % 8)) & 1);
    let groups = (bytes.len() * 8).div_ceil(5);
    let group = |g: usize| (0..5).fold(0u8, |n, i| n << 1 | bit(g * 5 + i));
    (0..groups).map(|g| char::from(ALPHABET[usize::from(group(g))])).collect()
}

pub(super) async fn renew(registry: &Registry, host: &str, name: &str, holder: &str) -> Result<(), Status> {
    let leases = store(registry, "coordination.k8s.io", "leases")?;
    let server = ServerWriter::new();
    let context = WriteContext { create_missing: true, ..server.context(Some(NAMESPACE)) };
    let empty = object(
        registry,
        "coordination.k8s.io",
        "leases",
        &format!(r#"{{"metadata":{{"name":"{name}","namespace":"{NAMESPACE}"}}}}"#),
    );
    let mut change = Renew { host, holder, empty };
    let resource = leases.resource();
    let mut change = ServerChange { change: &mut change, resource, subresource: "" };
    leases.update(&context, name, &mut change, &NoAdmission).await.map(|_| ())
}

struct Renew<'a> {
    host: &'a str,
    holder: &'a str,
    empty: Object,
}

impl Change for Renew<'_> {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let mut lease = current.unwrap_or(&self.empty).clone();
        let mut labels = lease.labels().cloned().unwrap_or_default();
        labels.insert(IDENTITY, COMPONENT);
        labels.insert("kubernetes.io/hostname", self.host);
        lease.set_labels(labels);
        let now = clock::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
        let spec = lease.members_mut().entry("spec", || Value::Object(Map::new()));
        if let Some(spec) = spec.as_object_mut() {
            spec.insert("holderIdentity", self.holder);
            spec.insert("leaseDurationSeconds", DURATION);
            spec.insert("renewTime", now);
        }
        Ok(lease)
    }
}

/// Deletes the leases of servers that ran out.
pub(super) async fn collect(registry: &Registry) -> Result<(), Status> {
    let leases = store(registry, "coordination.k8s.io", "leases")?;
    let options = ListOptions { label_selector: format!("{IDENTITY}={COMPONENT}"), ..ListOptions::default() };
    let server = ServerWriter::new();
    for item in leases.list(Some(NAMESPACE), &options).await?.items {
        let lease = item.decode(leases.resource().type_id)?;
        if !has_run_out(&lease) {
            continue;
        }
        let options = DeleteOptions {
            precondition_resource_version: Some(lease.resource_version().to_owned()),
            ..DeleteOptions::default()
        };
        let context = server.context(Some(NAMESPACE));
        match leases.delete(&context, lease.name(), &options, &NoAdmission).await {
            Err(status) if !matches!(status.code(), 404 | 409) => return Err(status),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a lease holds no more; one without times never held.
fn has_run_out(lease: &Object) -> bool {
    let renewed = lease.str_at(&["spec", "renewTime"]).parse::<clock::Timestamp>();
    let duration = lease.at(&["spec", "leaseDurationSeconds"]).and_then(Value::as_i64);
    match (renewed, duration) {
        (Ok(renewed), Some(duration)) => {
            renewed.as_second().saturating_add(duration) < clock::now().as_second()
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_kube_apiserver() {
        // RFC 4648, section 10.
        assert_eq!(base32(b"foobar"), "mzxw6ytboi");
        assert_eq!(base32(b"f"), "my");
        assert_eq!(lease_name("node-1").len(), "apiserver-".len() + 26);
    }
}
