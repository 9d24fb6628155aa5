//! The group `networking.k8s.io`.

use keelson_apimachinery::Value;

use super::Printer;
use super::column::{AGE, NAME, field, string, text};
use super::row::Row;
use super::text::{joined, label_selector, load_balancer};

const GROUP: &str = "networking.k8s.io";

pub(super) const PRINTERS: &[Printer] = &[
    Printer {
        group: GROUP,
        kind: "Ingress",
        columns: &[
            NAME,
            string(
                "Class",
                text(
                    "The name of the IngressClass resource that should be used for additional configuration",
                ),
            ),
            string("Hosts", text("Hosts that incoming requests are matched against before the ingress rule")),
            string("Address", text("Address is a list containing ingress points for the load-balancer")),
            string("Ports", text("Ports of TLS configurations that open")),
            AGE,
        ],
        cells: ingress,
    },
    Printer {
        group: GROUP,
        kind: "IngressClass",
        columns: &[
            NAME,
            string("Controller", text("Controller that is responsible for handling this class")),
            string("Parameters", text("A reference to a resource with additional parameters")),
            AGE,
        ],
        cells: ingress_class,
    },
    Printer {
        group: GROUP,
        kind: "IPAddress",
        // There is no column for the age, though rows have it.
        columns: &[NAME, string("ParentRef", field("networking.v1.IPAddressSpec", "parentRef"))],
        cells: |row| vec![row.name().into(), parent(row).into(), row.age().into()],
    },
    Printer {
        group: GROUP,
        kind: "NetworkPolicy",
        columns: &[
            NAME,
            string("Pod-Selector", field("networking.v1.NetworkPolicySpec", "podSelector")),
            AGE,
        ],
        cells: |row| {
            // An absent selector is an empty one here: the field is no pointer.
            let empty = Value::Object(Default::default());
            let selector = label_selector(row.at(&["spec", "podSelector"]).or(Some(&empty)));
            vec![row.name().into(), selector.into(), row.age().into()]
        },
    },
    Printer {
        group: GROUP,
        kind: "ServiceCIDR",
        columns: &[NAME, string("CIDRs", field("networking.v1.ServiceCIDRSpec", "cidrs")), AGE],
        cells: |row| {
            let cidrs = joined(row.list(&["spec", "cidrs"]).iter().filter_map(Value::as_str));
            vec![row.name().into(), cidrs.into(), row.age().into()]
        },
    },
];

fn ingress(row: &Row<'_>) -> Vec<Value> {
    let ports = if row.list(&["spec", "tls"]).is_empty() { "80" } else { "80, 443" };
    vec![
        row.name().into(),
        row.str_or(&["spec", "ingressClassName"], "<none>").into(),
        hosts(row.list(&["spec", "rules"])).into(),
        load_balancer(row.list(&["status", "loadBalancer", "ingress"])).into(),
        ports.into(),
        row.age().into(),
    ]
}

/// The first three hosts. Where rules follow the third, all rules beyond three count as more, those without
/// a host too.
fn hosts(rules: &[Value]) -> String {
    let (mut shown, mut more) = (Vec::new(), false);
    for rule in rules {
        more |= shown.len() == 3;
        let host = rule.str_at(&["host"]);
        if !more && !host.is_empty() {
            shown.push(host);
        }
    }
    match shown.join(",") {
        list if list.is_empty() => "*".to_owned(),
        list if more => format!("{list} + {} more...", rules.len() - 3),
        list => list,
    }
}

fn ingress_class(row: &Row<'_>) -> Vec<Value> {
    let default = row.annotation("ingressclass.kubernetes.io/is-default-class") == Some("true");
    let name = format!("{}{}", row.name(), if default { " (default)" } else { "" });
    let parameters = row.at(&["spec", "parameters"]).map(|parameters| {
        let group = parameters.get("apiGroup").and_then(Value::as_str);
        let group = group.map(|g| format!(".{g}")).unwrap_or_default();
        format!("{}{group}/{}", parameters.str_at(&["kind"]), parameters.str_at(&["name"]))
    });
    let parameters = parameters.unwrap_or_else(|| "<none>".to_owned());
    vec![name.into(), row.str(&["spec", "controller"]).into(), parameters.into(), row.age().into()]
}

/// What the address belongs to, as `resource.group/namespace/name`.
fn parent(row: &Row<'_>) -> String {
    let Some(parent) = row.at(&["spec", "parentRef"]) else {
        return "<none>".to_owned();
    };
    let text = |key: &str| parent.str_at(&[key]);
    let resource = match text("group") {
        "" => text("resource").to_lowercase(),
        group => format!("{}.{group}", text("resource")).to_lowercase(),
    };
    match text("namespace") {
        "" => format!("{resource}/{}", text("name")),
        namespace => format!("{resource}/{namespace}/{}", text("name")),
    }
}
