//! The group `certificates.k8s.io`.

use keelson_apimachinery::Value;

use super::Printer;
use super::column::{AGE, NAME, field, string, text};
use super::row::Row;
use super::text::human_duration;

/// What the column says; the version of the type that documents it upstream is served no more.
const SIGNER: &str = concat!(
    "Requested signer for the request. It is a qualified name in the form: `scope-hostname.io/name`. If empty, it will be defaulted:\n",
    " 1. If it's a kubelet client certificate, it is assigned\n",
    "    \"kubernetes.io/kube-apiserver-client-kubelet\".\n",
    " 2. If it's a kubelet serving certificate, it is assigned\n",
    "    \"kubernetes.io/kubelet-serving\".\n",
    " 3. Otherwise, it is assigned \"kubernetes.io/legacy-unknown\".\n",
    "Distribution of trust for signers happens out of band. You can select on this field using `spec.signerName`."
);

pub(super) const PRINTERS: &[Printer] = &[Printer {
    group: "certificates.k8s.io",
    kind: "CertificateSigningRequest",
    columns: &[
        NAME,
        AGE,
        string("SignerName", text(SIGNER)),
        string("Requestor", text("Base64-encoded PKCS#10 CSR data")),
        string(
            "RequestedDuration",
            field("certificates.v1.CertificateSigningRequestSpec", "expirationSeconds"),
        ),
        string("Condition", text("Conditions applied to the request, such as approval or denial.")),
    ],
    cells: request,
}];

fn request(row: &Row<'_>) -> Vec<Value> {
    let duration = row.at(&["spec", "expirationSeconds"]).and_then(Value::as_i64);
    let duration = duration.map(|seconds| human_duration(seconds.saturating_mul(1_000_000)));
    vec![
        row.name().into(),
        row.age().into(),
        row.filled_or(&["spec", "signerName"], "<none>").into(),
        row.str(&["spec", "username"]).into(),
        duration.unwrap_or_else(|| "<none>".to_owned()).into(),
        condition(row).into(),
    ]
}

fn condition(row: &Row<'_>) -> String {
    let conditions = row.list(&["status", "conditions"]);
    let has = |ty: &str| conditions.iter().any(|c| c.str_at(&["type"]) == ty);
    let decision = ["Denied", "Approved"].into_iter().find(|ty| has(ty)).unwrap_or("Pending");
    let failed = if has("Failed") { ",Failed" } else { "" };
    let issued = if row.str(&["status", "certificate"]).is_empty() { "" } else { ",Issued" };
    format!("{decision}{failed}{issued}")
}
