//! Flags about the service `kubernetes`.

use super::{Errors, value};
use crate::registry::PortRange;
use crate::server::config::{KubernetesService as Config, Reconciler};

#[derive(Debug, clap::Args)]
pub(super) struct KubernetesService {
    /// Who keeps the addresses of the servers behind the service kubernetes: lease (the servers, by leases) or none
    /// (not the servers).
    #[arg(long)]
    endpoint_reconciler_type: Option<String>,
    /// The port on which nodes lead to the service kubernetes, which is of type NodePort then; 0 for none.
    #[arg(long)]
    kubernetes_service_node_port: Option<String>,
}

impl KubernetesService {
    pub(super) fn read(&self, node_ports: PortRange, errors: &mut Errors) -> Config {
        let given = self.endpoint_reconciler_type.as_ref();
        let default = Reconciler::default();
        Config {
            reconciler: errors.value("--endpoint-reconciler-type", given, reconciler, default),
            node_port: errors.value(
                "--kubernetes-service-node-port",
                self.kubernetes_service_node_port.as_ref(),
                |text| node_port(text, node_ports),
                None,
            ),
        }
    }
}

fn reconciler(text: &str) -> Result<Reconciler, String> {
    match text {
        "lease" => Ok(Reconciler::Lease),
        "none" => Ok(Reconciler::None),
        "master-count" => Err(
            "master-count is deprecated and not supported by Keelson: give lease, which needs no count of servers"
                .to_owned(),
        ),
        _ => Err(format!("unknown endpoint reconciler: {text:?}: give lease or none")),
    }
}

fn node_port(text: &str, range: PortRange) -> Result<Option<u16>, String> {
    let port = value::integer(text)?;
    let number = u16::try_from(port).map_err(|_| {
        format!(
            "{port} must be between 0 and 65535, inclusive. If 0, the Kubernetes master service will be of type ClusterIP"
        )
    })?;
    if number != 0 && !range.contains(port) {
        return Err(format!("kubernetes service node port range {range} doesn't contain {port}"));
    }
    Ok((number != 0).then_some(number))
}
