//! Certificates that one asks for, approves or signs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::case::{bad_request, check, created, forbidden, invalid, ok, status};
use crate::pki::{client, signing_request};
use crate::request::{Try, get, patch, post, put};
use crate::world::world;

const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const CLIENTS: &str = "kubernetes.io/kube-apiserver-client";

fn csr(name: &str, signer: &str, groups: &[&str]) -> Value {
    let request = signing_request(client("requested", groups));
    json!({
        "metadata": {"name": name},
        "spec": {"request": STANDARD.encode(request), "signerName": signer, "usages": ["client auth", "digital signature"]},
    })
}

fn condition(kind: &str) -> Value {
    json!({"status": {"conditions": [{"type": kind, "status": "True", "reason": "Test", "message": "of ways in"}]}})
}

#[test]
fn nobody_gets_a_certificate_past_its_approver_and_signer() {
    let world = world();
    let group = "certificates.k8s.io";
    let rule = |resources: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    let signers = |verb: &str, name: &str| json!({"apiGroups": [group], "resources": ["signers"], "resourceNames": [name], "verbs": [verb]});
    let own = "certificatesigningrequests";
    let (approval, state) = ("certificatesigningrequests/approval", "certificatesigningrequests/status");
    world.grant("requester", None, "requester", json!([rule(&[own], &["create", "get", "patch"])]));
    world.grant(
        "approver",
        None,
        "approver",
        json!([rule(&[approval], &["update", "patch", "get"]), signers("approve", "acme.com/*")]),
    );
    world.grant(
        "signer",
        None,
        "signer",
        json!([rule(&[state], &["update", "patch", "get"]), signers("sign", "acme.com/mine")]),
    );
    for (name, signer) in
        [("of-clients", CLIENTS), ("of-acme", "acme.com/mine"), ("of-acme-too", "acme.com/other")]
    {
        world.must(post(REQUESTS, &csr(name, signer, &["devs"])));
    }
    let at = |name: &str, subresource: &str| format!("{REQUESTS}/{name}{subresource}");
    world.settle(&get(at("of-acme", "")).by("requester"), 200);
    world.settle(&get(at("of-acme", "/approval")).by("approver"), 200);
    world.settle(&get(at("of-acme", "/status")).by("signer"), 200);
    let ask = |csr: &Value| post(REQUESTS, csr).by("requester");
    let approve = |name: &str, user: &str| patch(at(name, "/approval"), &condition("Approved")).by(user);
    let pem = STANDARD.encode(&world.clients.pem);
    let sign = |name: &str, user: &str| {
        patch(at(name, "/status"), &json!({"status": {"certificate": pem}})).by(user)
    };
    let with = |name: &str, pointer: &str, value: Value| {
        let mut csr = csr(name, CLIENTS, &["devs"]);
        let spec = csr["spec"].as_object_mut().expect("a spec");
        spec.insert(pointer.to_owned(), value);
        csr
    };
    let not = |user: &str, what: &str| forbidden(format!("User \"{user}\" cannot {what}"));
    let masters =
        "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed";
    let mut approved = csr("approved", CLIENTS, &["devs"]);
    approved["status"] = condition("Approved")["status"].clone();
    let by_admin = Try::by_admin;

    check(&world, [
        // To ask.
        ("for oneself", ask(&csr("mine", CLIENTS, &["devs"])), created().holding("/spec/username", "requester")),
        ("without the right", post(REQUESTS, &csr("nobodys", CLIENTS, &["devs"])).by("nobody"), not("nobody", "create resource \"certificatesigningrequests\"")),
        ("for the administrators' group", ask(&csr("masters", CLIENTS, &["system:masters"])), forbidden(masters)),
        ("for the administrators' group among others", ask(&csr("masters", CLIENTS, &["devs", "system:masters"])), forbidden(masters)),
        ("for the administrators' group, as administrator", by_admin(post(REQUESTS, &csr("masters", CLIENTS, &["system:masters"]))), forbidden(masters)),
        ("for the administrators' group, of another signer", ask(&csr("masters-of-acme", "acme.com/mine", &["system:masters"])), created()),
        ("in another's name", ask(&with("another", "username", json!("admin"))), created().holding("/spec/username", "requester")),
        ("in another's groups", ask(&with("others", "groups", json!(["system:masters"]))), created().holding("/spec/groups", json!(["devs", "system:authenticated"]))),
        ("with another's uid", ask(&with("uids", "uid", json!("7"))), created().holding("/spec/uid", "uid-of-requester")),
        ("with another's extras", ask(&with("extras", "extra", json!({"scopes": ["all"]}))), created().holding("/spec/extra", Value::Null)),
        ("approved from the start", ask(&approved), created().holding("/status", json!({}))),
        ("with what is no request", ask(&with("none", "request", json!(STANDARD.encode(&world.clients.pem)))), invalid("PEM block type must be CERTIFICATE REQUEST")),
        ("with bytes", ask(&with("none", "request", json!("AAAA"))), invalid("spec.request: Invalid value")),
        ("for a use that isn't one", ask(&with("none", "usages", json!(["everything"]))), invalid("spec.usages[0]: Unsupported value: \"everything\"")),
        ("for no use", ask(&with("none", "usages", json!([]))), invalid("spec.usages: Required value")),
        ("of no signer", ask(&with("none", "signerName", json!(""))), invalid("spec.signerName")),
        ("of a signer without a domain", ask(&with("none", "signerName", json!("mine"))), invalid("must be a fully qualified domain and path of the form 'example.com/signer-name'")),
        ("of the signer of old", ask(&with("none", "signerName", json!("kubernetes.io/legacy-unknown"))), invalid("spec.signerName")),
        ("for too short", ask(&with("none", "expirationSeconds", json!(599))), invalid("may not specify a duration less than 600 seconds (10 minutes)")),
        // To change what was asked for.
        ("another request, later", by_admin(patch(at("of-clients", ""), &json!({"spec": {"username": "admin", "groups": ["system:masters"]}}))), ok().holding("/spec/username", "admin").holding("/spec/groups/0", "system:masters")),
        // To approve.
        ("by whoever asked", approve("of-acme", "requester"), not("requester", "patch resource \"certificatesigningrequests/approval\"")),
        ("by nobody", approve("of-acme", "nobody"), not("nobody", "patch resource \"certificatesigningrequests/approval\"")),
        ("by the signer", approve("of-acme", "signer"), not("signer", "patch resource \"certificatesigningrequests/approval\"")),
        ("for another signer", approve("of-clients", "approver"), forbidden(format!("user not permitted to approve requests with signerName \"{CLIENTS}\""))),
        ("for another signer, dry", patch(at("of-clients", "/approval?dryRun=All"), &condition("Approved")).by("approver"), forbidden("user not permitted to approve requests")),
        ("denied for another signer", patch(at("of-clients", "/approval"), &condition("Denied")).by("approver"), forbidden("user not permitted to approve requests")),
        ("by way of the request", patch(at("of-acme", ""), &condition("Approved")).by("requester"), ok().holding("/status", json!({}))),
        ("by way of the state", by_admin(patch(at("of-acme", "/status"), &condition("Approved"))), invalid("updates may not add a condition of type \"Approved\"")),
        ("by way of the state, by the signer", patch(at("of-acme", "/status"), &condition("Approved")).by("signer"), invalid("updates may not add a condition of type \"Approved\"")),
        ("with a certificate", patch(at("of-acme", "/approval"), &json!({"status": {"certificate": pem}})).by("approver"), ok().holding("/status", json!({}))),
        ("for one's own signers", approve("of-acme", "approver"), ok().holding("/status/conditions/0/type", "Approved")),
        ("taken back", patch(at("of-acme", "/approval"), &json!({"status": {"conditions": []}})).by("approver"), invalid("updates may not remove a condition of type \"Approved\"")),
        ("denied after all", by_admin(patch(at("of-acme", "/approval"), &json!([{"op": "add", "path": "/status/conditions/-", "value": condition("Denied")["status"]["conditions"][0]}])).media_type("application/json-patch+json")), status(422).reason("Invalid")),
        // To sign.
        ("by whoever asked", sign("of-acme", "requester"), not("requester", "patch resource \"certificatesigningrequests/status\"")),
        ("by the approver", sign("of-acme", "approver"), not("approver", "patch resource \"certificatesigningrequests/status\"")),
        ("for another signer", sign("of-acme-too", "signer"), forbidden("user not permitted to sign requests with signerName \"acme.com/other\"")),
        ("for the cluster's signer", sign("of-clients", "signer"), forbidden(format!("user not permitted to sign requests with signerName \"{CLIENTS}\""))),
        ("with what is no certificate", patch(at("of-acme", "/status"), &json!({"status": {"certificate": "AAAA"}})).by("signer"), invalid("status.certificate: Invalid value")),
        ("for one's own signer", sign("of-acme", "signer"), ok().holding("/status/certificate", pem.as_str())),
        ("another certificate", patch(at("of-acme", "/status"), &json!({"status": {"certificate": STANDARD.encode(&world.retired.pem)}})).by("signer"), invalid("status.certificate")),
        ("a request in another's place", put(at("of-acme", ""), &csr("other", CLIENTS, &[])).by_admin(), bad_request("the name of the object (other) does not match the name on the URL (of-acme)")),
    ]);
}
