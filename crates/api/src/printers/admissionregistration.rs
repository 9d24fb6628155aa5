//! The group `admissionregistration.k8s.io`.

use keelson_apimachinery::Value;

use super::Printer;
use super::column::{AGE, NAME, Spec, integer, string, text};
use super::row::Row;
use super::text::joined;

const GROUP: &str = "admissionregistration.k8s.io";

const WEBHOOKS: Spec =
    integer("Webhooks", text("Webhooks indicates the number of webhooks registered in this configuration"));
const PARAM_KIND: Spec =
    string("ParamKind", text("ParamKind specifies the kind of resources used to parameterize this policy"));
const POLICY_NAME: Spec = string(
    "PolicyName",
    text("PolicyName indicates the policy definition which the policy binding binded to"),
);
const PARAM_REF: Spec =
    string("ParamRef", text("ParamRef indicates the param resource which sets the configuration param"));

pub(super) const PRINTERS: &[Printer] = &[
    Printer {
        group: GROUP,
        kind: "MutatingAdmissionPolicy",
        columns: &[
            NAME,
            integer(
                "Mutations",
                text("Mutation indicates the number of mutations rules defined in this configuration"),
            ),
            PARAM_KIND,
            AGE,
        ],
        cells: |row| policy(row, "mutations"),
    },
    Printer {
        group: GROUP,
        kind: "MutatingAdmissionPolicyBinding",
        columns: &[NAME, POLICY_NAME, PARAM_REF, AGE],
        cells: binding,
    },
    Printer {
        group: GROUP,
        kind: "MutatingWebhookConfiguration",
        columns: &[NAME, WEBHOOKS, AGE],
        cells: webhooks,
    },
    Printer {
        group: GROUP,
        kind: "ValidatingAdmissionPolicy",
        columns: &[
            NAME,
            integer(
                "Validations",
                text("Validations indicates the number of validation rules defined in this configuration"),
            ),
            PARAM_KIND,
            AGE,
        ],
        cells: |row| policy(row, "validations"),
    },
    Printer {
        group: GROUP,
        kind: "ValidatingAdmissionPolicyBinding",
        columns: &[NAME, POLICY_NAME, PARAM_REF, AGE],
        cells: binding,
    },
    Printer {
        group: GROUP,
        kind: "ValidatingWebhookConfiguration",
        columns: &[NAME, WEBHOOKS, AGE],
        cells: webhooks,
    },
];

fn webhooks(row: &Row<'_>) -> Vec<Value> {
    vec![row.name().into(), row.count(&["webhooks"]).into(), row.age().into()]
}

fn policy(row: &Row<'_>, rules: &str) -> Vec<Value> {
    let kind = row.at(&["spec", "paramKind"]);
    let kind = kind.map(|k| format!("{}/{}", k.str_at(&["apiVersion"]), k.str_at(&["kind"])));
    vec![
        row.name().into(),
        row.count(&["spec", rules]).into(),
        kind.unwrap_or_else(|| "<unset>".to_owned()).into(),
        row.age().into(),
    ]
}

fn binding(row: &Row<'_>) -> Vec<Value> {
    let reference = |key| row.str(&["spec", "paramRef", key]);
    let parameters = match (reference("namespace"), reference("name")) {
        (_, "") => match row.at(&["spec", "paramRef", "selector"]) {
            Some(selector) => as_go_prints(selector),
            None => "<unset>".to_owned(),
        },
        // Whether parameters live in namespaces is not known here.
        ("", name) => format!("*/{name}"),
        (namespace, name) => format!("{namespace}/{name}"),
    };
    vec![row.name().into(), row.str(&["spec", "policyName"]).into(), parameters.into(), row.age().into()]
}

/// A label selector as its Go type prints itself, which is what the column shows.
fn as_go_prints(selector: &Value) -> String {
    let mut out = "&LabelSelector{MatchLabels:map[string]string{".to_owned();
    for (key, value) in
        selector.get("matchLabels").and_then(Value::as_object).into_iter().flat_map(|m| m.iter())
    {
        out.push_str(&format!("{key}: {},", value.as_str().unwrap_or_default()));
    }
    out.push_str("},MatchExpressions:[]LabelSelectorRequirement{");
    for expression in selector.get("matchExpressions").and_then(Value::as_array).unwrap_or_default() {
        let values = expression.get("values").and_then(Value::as_array).unwrap_or_default();
        let values = joined(values.iter().filter_map(Value::as_str)).replace(',', " ");
        let (key, operator) = (expression.str_at(&["key"]), expression.str_at(&["operator"]));
        out.push_str(&format!(
            "LabelSelectorRequirement{{Key:{key},Operator:{operator},Values:[{values}],}},"
        ));
    }
    out.push_str("},}");
    out
}
