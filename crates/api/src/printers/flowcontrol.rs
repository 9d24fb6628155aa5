//! The group `flowcontrol.apiserver.k8s.io`.

use std::cmp::Ordering;

use keelson_apimachinery::Value;

use super::Printer;
use super::column::{AGE, NAME, field, string, text};
use super::row::{Row, condition};

const GROUP: &str = "flowcontrol.apiserver.k8s.io";

pub(super) const PRINTERS: &[Printer] = &[
    Printer {
        group: GROUP,
        kind: "FlowSchema",
        columns: &[
            NAME,
            string("PriorityLevel", field("flowcontrol.v1.PriorityLevelConfigurationReference", "name")),
            string("MatchingPrecedence", field("flowcontrol.v1.FlowSchemaSpec", "matchingPrecedence")),
            string("DistinguisherMethod", field("flowcontrol.v1.FlowSchemaSpec", "distinguisherMethod")),
            AGE,
            string("MissingPL", text("references a broken or non-existent PriorityLevelConfiguration")),
        ],
        cells: flow_schema,
    },
    Printer {
        group: GROUP,
        kind: "PriorityLevelConfiguration",
        columns: &[
            NAME,
            string("Type", field("flowcontrol.v1.PriorityLevelConfigurationSpec", "type")),
            string(
                "NominalConcurrencyShares",
                field("flowcontrol.v1.LimitedPriorityLevelConfiguration", "nominalConcurrencyShares"),
            ),
            string("Queues", field("flowcontrol.v1.QueuingConfiguration", "queues")),
            string("HandSize", field("flowcontrol.v1.QueuingConfiguration", "handSize")),
            string("QueueLengthLimit", field("flowcontrol.v1.QueuingConfiguration", "queueLengthLimit")),
            AGE,
        ],
        cells: priority_level,
    },
];

fn flow_schema(row: &Row<'_>) -> Vec<Value> {
    vec![
        row.name().into(),
        row.str(&["spec", "priorityLevelConfiguration", "name"]).into(),
        row.int(&["spec", "matchingPrecedence"]).into(),
        row.str_or(&["spec", "distinguisherMethod", "type"], "<none>").into(),
        row.age().into(),
        condition(row.list(&["status", "conditions"]), "Dangling").unwrap_or("?").into(),
    ]
}

/// Flow schemas are tried in this order.
pub(super) fn precedence(a: &Value, b: &Value) -> Ordering {
    let key =
        |schema: &'_ Value| schema.at(&["spec", "matchingPrecedence"]).and_then(Value::as_i64).unwrap_or(0);
    key(a).cmp(&key(b)).then_with(|| a.str_at(&["metadata", "name"]).cmp(b.str_at(&["metadata", "name"])))
}

fn priority_level(row: &Row<'_>) -> Vec<Value> {
    let number = |within: &[&str], path: &[&str]| match row.at(within) {
        Some(_) => Value::Int(row.int(path)),
        None => "<none>".into(),
    };
    let queuing = &["spec", "limited", "limitResponse", "queuing"];
    let queue = |key| number(queuing, &["spec", "limited", "limitResponse", "queuing", key]);
    vec![
        row.name().into(),
        row.str(&["spec", "type"]).into(),
        number(&["spec", "limited"], &["spec", "limited", "nominalConcurrencyShares"]),
        queue("queues"),
        queue("handSize"),
        queue("queueLengthLimit"),
        row.age().into(),
    ]
}
