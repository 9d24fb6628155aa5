//! What the rules of pods tolerate: what an old pod has already, which newer rules would refuse.
//!
//! Features are as they are by default in 1.36. Of those that are off, an old pod that uses one keeps it.

use keelson_apimachinery::content::{names, paths};

use super::annotations::deletion_cost;
use super::{containers, scheduling, security, spread};
use crate::validation::Node;
use crate::validation::shared::resources;
use crate::validation::shared::selector;

/// What the rules of pods and their templates tolerate.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::validation) struct PodOptions {
    /// The object is a pod and no template.
    pub(super) is_pod: bool,
    /// The annotation of what the pod's deletion costs may be anything.
    pub(super) deletion_cost: bool,
    /// Selectors of affinity terms may have values that are no label values.
    pub(super) affinity_values: bool,
    /// The same for selectors of nodes.
    pub(super) node_affinity_values: bool,
    /// Amounts of huge pages may be no multiples of their size.
    pub(super) indivisible_huge_pages: bool,
    /// Selectors of topology spread constraints are not checked.
    pub(super) spread_selectors: bool,
    /// Keys of topology spread constraints are checked by the rule that came first.
    pub(super) spread_keys: bool,
    /// Paths of projected tokens may lead anywhere.
    pub(super) token_paths: bool,
    /// Sysctls of namespaces that the pod shares with the host.
    pub(super) host_sysctls: bool,
    /// `seLinuxChangePolicy` may be other than `Recursive`.
    pub(super) selinux_policies: bool,
    /// Init containers that are no sidecars may restart for a resize.
    pub(super) init_restart_on_resize: bool,
    /// Block devices in user namespaces.
    pub(super) user_namespace_devices: bool,
    /// The host's network with a user namespace.
    pub(super) user_namespace_host_network: bool,
    /// Tolerations that compare numbers.
    pub(super) comparing_tolerations: bool,
}

impl PodOptions {
    /// For a pod template; `old` is the one that it replaces, and may be absent.
    pub(in crate::validation) fn template(old: Option<&Node<'_>>) -> Self {
        match old.filter(|old| old.is_set()) {
            None => PodOptions::default(),
            Some(old) => Self::tolerating(&old.child("metadata"), &old.child("spec")),
        }
    }

    /// For a pod.
    pub(super) fn pod(old: Option<&Node<'_>>) -> Self {
        PodOptions { is_pod: true, ..Self::template(old) }
    }

    fn tolerating(metadata: &Node<'_>, spec: &Node<'_>) -> Self {
        let security = spec.child("securityContext");
        let in_user_namespace = spec.child("hostUsers").flag() == Some(false);
        let constraints = spec.child("topologySpreadConstraints");
        PodOptions {
            is_pod: false,
            deletion_cost: !deletion_cost(&metadata.child("annotations")),
            affinity_values: invalid_affinity_selector(&spec.child("affinity")),
            node_affinity_values: invalid_node_affinity(&spec.child("affinity")),
            indivisible_huge_pages: indivisible_huge_pages(spec),
            spread_selectors: constraints.items().any(|c| !selector::is_valid(&c.child("labelSelector"))),
            spread_keys: constraints.items().any(|c| {
                let mut errors = Vec::new();
                spread::keys(&c, &mut errors);
                !errors.is_empty()
            }),
            token_paths: spec.child("volumes").items().any(|v| leading_token(&v)),
            host_sysctls: security.child("sysctls").items().any(|s| {
                let mut errors = Vec::new();
                security::host_sysctl(spec, &s.child("name"), &mut errors);
                !errors.is_empty()
            }),
            selinux_policies: security.child("seLinuxChangePolicy").is_set(),
            init_restart_on_resize: spec.child("initContainers").items().any(|c| {
                !containers::is_sidecar(&c)
                    && c.child("resizePolicy").items().any(|p| restarts(&p.child("restartPolicy")))
            }),
            user_namespace_devices: in_user_namespace && any_devices(spec),
            user_namespace_host_network: in_user_namespace && spec.child("hostNetwork").is_true(),
            comparing_tolerations: spec
                .child("tolerations")
                .items()
                .any(|t| matches!(t.child("operator").text(), "Lt" | "Gt")),
        }
    }
}

fn restarts(policy: &Node<'_>) -> bool {
    policy.text() == "RestartContainer"
}

fn any_devices(spec: &Node<'_>) -> bool {
    let mut found = false;
    containers::visit(spec, &mut |c| found |= !c.child("volumeDevices").array().is_empty());
    found
}

fn leading_token(volume: &Node<'_>) -> bool {
    volume.child("projected").child("sources").items().any(|source| {
        let token = source.child("serviceAccountToken");
        token.is_set() && paths::local_non_reserved(token.child("path").text()).next().is_some()
    })
}

fn invalid_affinity_selector(affinity: &Node<'_>) -> bool {
    let mut errors = Vec::new();
    for kind in ["podAffinity", "podAntiAffinity"] {
        let of_pods = affinity.child(kind);
        for term in of_pods.child(scheduling::REQUIRED).items() {
            scheduling::term_selectors(&term, false, &mut errors);
        }
        for weighted in of_pods.child(scheduling::PREFERRED).items() {
            scheduling::term_selectors(&weighted.child("podAffinityTerm"), false, &mut errors);
        }
    }
    !errors.is_empty()
}

fn invalid_node_affinity(affinity: &Node<'_>) -> bool {
    let required = affinity.child("nodeAffinity");
    let required = required.child(scheduling::REQUIRED);
    required.child("nodeSelectorTerms").items().any(|term| {
        term.child("matchExpressions").items().any(|expression| {
            expression.child("values").items().any(|value| !names::label_value(value.text()).is_empty())
        })
    })
}

fn indivisible_huge_pages(spec: &Node<'_>) -> bool {
    let any = |list: &Node<'_>| {
        list.entries().any(|(name, amount)| {
            resources::is_huge_pages(name) && !resources::is_divisible(name, &resources::quantity(&amount))
        })
    };
    let mut found = any(&spec.child("overhead"));
    containers::visit(spec, &mut |container| {
        let of = container.child("resources");
        found |= any(&of.child("limits")) || any(&of.child("requests"));
    });
    found
}
