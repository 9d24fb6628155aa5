//! Labels of nodes that have successors, and who still names them.

use crate::validation::Node;

/// What is to be said of a label, where it has had its time.
pub(crate) fn deprecated(key: &str) -> Option<&'static str> {
    Some(match key {
        "beta.kubernetes.io/arch" => "deprecated since v1.14; use \"kubernetes.io/arch\" instead",
        "beta.kubernetes.io/os" => "deprecated since v1.14; use \"kubernetes.io/os\" instead",
        "failure-domain.beta.kubernetes.io/region" => {
            "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead"
        }
        "failure-domain.beta.kubernetes.io/zone" => {
            "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"
        }
        "beta.kubernetes.io/instance-type" => {
            "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"
        }
        "app.kubernetes.io/created-by" => "deprecated since v1.9",
        "scheduler.alpha.kubernetes.io/preferAvoidPods" => {
            "deprecated since v1.22; use Taints and Tolerations instead"
        }
        "node-role.kubernetes.io/master" => "use \"node-role.kubernetes.io/control-plane\" instead",
        _ => return None,
    })
}

/// Warnings for the expressions of a term of a node selector, or of a label selector of nodes.
pub(crate) fn warn_of_expressions(selector: &Node<'_>, warnings: &mut Vec<String>) {
    for expression in selector.child("matchExpressions").items() {
        let key = expression.child("key");
        warnings.extend(deprecated(key.text()).map(|why| format!("{key}: {} is {why}", key.text())));
    }
}
