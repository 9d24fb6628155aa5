//! Giving oneself or others more than one has, by roles and bindings.

use serde_json::{Value, json};

use crate::case::{Expected, bad_request, check, created, forbidden, not_found, ok, status};
use crate::request::{Try, get, patch, post, put};
use crate::world::world;

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const HERE: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/escalation";

fn rule(group: &str, resource: &str, verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": [resource], "verbs": verbs})
}

fn role(name: &str, rules: &[Value]) -> Value {
    json!({"metadata": {"name": name}, "rules": rules})
}

fn binding(name: &str, kind: &str, role: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "climber"}],
    })
}

/// Server-side apply.
fn apply(path: &str, kind: &str, mut object: Value) -> Try {
    object["apiVersion"] = json!("rbac.authorization.k8s.io/v1");
    object["kind"] = json!(kind);
    patch(format!("{path}?fieldManager=climber&force=true"), &object)
        .media_type("application/apply-patch+yaml")
}

/// What is refused as escalation, naming these rules.
fn escalates(object: &str, user: &str, rules: &[&str]) -> Expected {
    let mut says = format!(
        "{object} is forbidden: user \"{user}\" (groups=[\"devs\" \"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:"
    );
    for rule in rules {
        says.push('\n');
        says.push_str(rule);
    }
    forbidden(says)
}

#[test]
fn nobody_gives_what_they_do_not_have() {
    let world = world();
    world.namespace("escalation");
    world.namespace("escalation-elsewhere");
    let rbac = "rbac.authorization.k8s.io";
    let writing = ["get", "list", "create", "update", "patch", "delete"];
    let here = Some("escalation");
    let resource = |resources: &[&str], verbs: &[&str]| json!({"apiGroups": [rbac], "resources": resources, "verbs": verbs});
    let pods = rule("", "pods", &["get", "list"]);
    let nodes = rule("", "nodes", &["get"]);
    world.grant("climber", here, "climber", json!([pods, resource(&["roles", "rolebindings"], &writing)]));
    world.grant(
        "climber",
        None,
        "climber",
        json!([resource(&["clusterroles", "clusterrolebindings"], &writing)]),
    );
    world.grant("escalator", here, "escalator", json!([resource(&["roles"], &["create", "escalate"])]));
    let bind = json!({"apiGroups": [rbac], "resources": ["clusterroles"], "resourceNames": ["edit"], "verbs": ["bind"]});
    world.grant("binder", here, "binder", json!([resource(&["rolebindings"], &["create"]), bind]));
    world.grant("roler", here, "roler", json!([resource(&["roles"], &["get", "patch"])]));
    for (name, rules) in [("weak", &pods), ("strong", &nodes)] {
        world.must(post(format!("{HERE}/roles"), &role(name, std::slice::from_ref(rules))));
        let mut bound = binding(&format!("{name}-bound"), "Role", name);
        bound["subjects"][0]["name"] = json!("somebody");
        world.must(post(format!("{HERE}/rolebindings"), &bound));
    }
    world.must(post(format!("{RBAC}/clusterroles"), &role("escalation-weak", &[])));
    let by = |tried: Try| tried.by("climber");
    let dry = |path: &str| format!("{HERE}/{path}?dryRun=All");
    for user in ["climber", "binder"] {
        let harmless = post(
            dry("rolebindings"),
            &binding("x", "ClusterRole", if user == "binder" { "edit" } else { "escalation-weak" }),
        );
        world.settle(&harmless.by(user), 201);
    }
    world.settle(&post(dry("roles"), &role("x", &[])).by("escalator"), 201);
    world.settle(&by(get(format!("{RBAC}/clusterroles/edit"))), 200);
    world.settle(&by(get("/api/v1/namespaces/escalation/pods")), 200);
    world.settle(&get(format!("{HERE}/roles/weak")).by("roler"), 200);

    let roles = format!("{HERE}/roles");
    let bindings = format!("{HERE}/rolebindings");
    let cluster_roles = format!("{RBAC}/clusterroles");
    let cluster_bindings = format!("{RBAC}/clusterrolebindings");
    let (weak, strong) = (format!("{roles}/weak"), format!("{roles}/strong"));
    let make = |name: &str, rule: Value| by(post(&roles, &role(name, &[rule])));
    let role_text = |name: &str| format!("roles.{rbac} \"{name}\"");
    let binding_text = |name: &str| format!("rolebindings.{rbac} \"{name}\"");
    let no_role = |name: &str, rules: &[&str]| escalates(&role_text(name), "climber", rules);
    let no_binding = |name: &str, rules: &[&str]| escalates(&binding_text(name), "climber", rules);
    const NODES: &str = "{APIGroups:[\"\"], Resources:[\"nodes\"], Verbs:[\"get\"]}";
    const ALL: &str = "{APIGroups:[\"*\"], Resources:[\"*\"], Verbs:[\"*\"]}";
    let is_aggregated = "must have cluster-admin privileges to use the aggregationRule";
    let aggregation = json!({"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]});

    check(
        &world,
        [
            // Roles.
            ("what one has", make("same", pods.clone()), created()),
            (
                "less than one has",
                make(
                    "less",
                    json!({"apiGroups": [""], "resources": ["pods"], "resourceNames": ["one"], "verbs": ["get"]}),
                ),
                created(),
            ),
            ("nothing", by(post(&roles, &role("nothing", &[]))), created()),
            ("a label on what one has", by(patch(&weak, &json!({"metadata": {"labels": {"a": "b"}}}))), ok()),
            ("a resource that one hasn't", make("more", nodes.clone()), no_role("more", &[NODES])),
            (
                "the same, dry",
                by(post(dry("roles"), &role("more", std::slice::from_ref(&nodes)))),
                no_role("more", &[NODES]),
            ),
            ("everything", make("all", rule("*", "*", &["*"])), no_role("all", &[ALL])),
            (
                "a verb that one hasn't",
                make("more", rule("", "pods", &["get", "delete"])),
                no_role("more", &["{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"delete\"]}"]),
            ),
            (
                "every verb",
                make("more", rule("", "pods", &["*"])),
                no_role("more", &["{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"*\"]}"]),
            ),
            (
                "every group",
                make("more", rule("*", "pods", &["get"])),
                no_role("more", &["{APIGroups:[\"*\"], Resources:[\"pods\"], Verbs:[\"get\"]}"]),
            ),
            (
                "a subresource",
                make("more", rule("", "pods/exec", &["get"])),
                no_role("more", &["{APIGroups:[\"\"], Resources:[\"pods/exec\"], Verbs:[\"get\"]}"]),
            ),
            (
                "every subresource",
                make("more", rule("", "pods/*", &["get"])),
                no_role("more", &["{APIGroups:[\"\"], Resources:[\"pods/*\"], Verbs:[\"get\"]}"]),
            ),
            (
                "a resource in capitals",
                make("more", rule("", "Pods", &["get"])),
                no_role("more", &["{APIGroups:[\"\"], Resources:[\"Pods\"], Verbs:[\"get\"]}"]),
            ),
            (
                "a verb in capitals",
                make("more", rule("", "pods", &["GET"])),
                no_role("more", &["{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"GET\"]}"]),
            ),
            (
                "the right to escalate",
                make("more", rule(rbac, "roles", &["escalate"])),
                no_role(
                    "more",
                    &[
                        "{APIGroups:[\"rbac.authorization.k8s.io\"], Resources:[\"roles\"], Verbs:[\"escalate\"]}",
                    ],
                ),
            ),
            (
                "the right to act as others",
                make("more", rule("", "users", &["impersonate"])),
                no_role("more", &["{APIGroups:[\"\"], Resources:[\"users\"], Verbs:[\"impersonate\"]}"]),
            ),
            (
                "a made-up name",
                by(post(&roles, &json!({"metadata": {"generateName": "more-"}, "rules": [nodes]}))),
                forbidden("is attempting to grant RBAC permissions not currently held:"),
            ),
            (
                "more into a role, by PUT",
                by(put(&weak, &role("weak", std::slice::from_ref(&nodes)))),
                no_role("weak", &[NODES]),
            ),
            (
                "more into a role, by PUT, dry",
                by(put(format!("{weak}?dryRun=All"), &role("weak", std::slice::from_ref(&nodes)))),
                no_role("weak", &[NODES]),
            ),
            (
                "a new role, by PUT",
                by(put(format!("{roles}/put"), &role("put", std::slice::from_ref(&nodes)))),
                no_role("put", &[NODES]),
            ),
            (
                "more into a role, by a merge patch",
                by(patch(&weak, &json!({"rules": [nodes]}))),
                no_role("weak", &[NODES]),
            ),
            (
                "more into a role, by a JSON patch",
                by(patch(&weak, &json!([{"op": "add", "path": "/rules/-", "value": nodes}]))
                    .media_type("application/json-patch+json")),
                no_role("weak", &[NODES]),
            ),
            (
                "more into a role, by a strategic merge patch",
                by(patch(&weak, &json!({"rules": [nodes]}))
                    .media_type("application/strategic-merge-patch+json")),
                no_role("weak", &[NODES]),
            ),
            (
                "more into a role, by apply",
                by(apply(&weak, "Role", role("weak", std::slice::from_ref(&nodes)))),
                no_role("weak", &[NODES]),
            ),
            (
                "a new role, by apply",
                by(apply(&format!("{roles}/applied"), "Role", role("applied", std::slice::from_ref(&nodes)))),
                no_role("applied", &[NODES]),
            ),
            (
                "a label on more than one has",
                by(patch(&strong, &json!({"metadata": {"labels": {"a": "b"}}}))),
                no_role("strong", &[NODES]),
            ),
            (
                "more into what is more already",
                by(patch(&strong, &json!({"rules": [nodes, rule("", "secrets", &["get"])]}))),
                no_role("strong", &[NODES, "{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\"]}"]),
            ),
            (
                "elsewhere",
                by(post(format!("{RBAC}/namespaces/escalation-elsewhere/roles"), &role("x", &[]))),
                forbidden("in the namespace \"escalation-elsewhere\""),
            ),
            (
                "what one has nowhere, as one who may change roles only",
                patch(&weak, &json!({"metadata": {"labels": {"c": "d"}}})).by("roler"),
                escalates(
                    &role_text("weak"),
                    "roler",
                    &["{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"get\" \"list\"]}"],
                ),
            ),
            (
                "with the right to escalate",
                post(&roles, &role("escalated", std::slice::from_ref(&nodes))).by("escalator"),
                created(),
            ),
            (
                "which is no right to bind",
                post(&bindings, &binding("escalated", "Role", "escalated")).by("escalator"),
                forbidden("User \"escalator\" cannot create resource \"rolebindings\""),
            ),
            // Bindings.
            ("a role that one has", by(post(&bindings, &binding("mine", "Role", "weak"))), created()),
            (
                "a role that one hasn't",
                by(post(&bindings, &binding("more", "Role", "strong"))),
                no_binding("more", &[NODES]),
            ),
            (
                "the same, dry",
                by(post(dry("rolebindings"), &binding("more", "Role", "strong"))),
                no_binding("more", &[NODES]),
            ),
            (
                "the administrator's role",
                by(post(&bindings, &binding("more", "ClusterRole", "cluster-admin"))),
                no_binding("more", &[ALL, "{NonResourceURLs:[\"*\"], Verbs:[\"*\"]}"]),
            ),
            (
                "a role that isn't there",
                by(post(&bindings, &binding("more", "Role", "none"))),
                status(404).reason("NotFound"),
            ),
            (
                "a new binding, by PUT",
                by(put(format!("{bindings}/put"), &binding("put", "Role", "strong"))),
                no_binding("put", &[NODES]),
            ),
            (
                "a new binding, by apply",
                by(apply(
                    &format!("{bindings}/applied"),
                    "RoleBinding",
                    binding("applied", "Role", "strong"),
                )),
                no_binding("applied", &[NODES]),
            ),
            (
                "a subject of what is more, by a merge patch",
                by(patch(
                    format!("{bindings}/strong-bound"),
                    &json!({"subjects": [{"kind": "User", "name": "x", "apiGroup": rbac}]}),
                )),
                no_binding("strong-bound", &[NODES]),
            ),
            (
                "a subject of what is more, by a JSON patch",
                by(patch(
                    format!("{bindings}/strong-bound"),
                    &json!([{"op": "replace", "path": "/subjects/0/name", "value": "x"}]),
                )
                .media_type("application/json-patch+json")),
                no_binding("strong-bound", &[NODES]),
            ),
            (
                "a subject of what is more, by apply",
                by(apply(
                    &format!("{bindings}/strong-bound"),
                    "RoleBinding",
                    binding("strong-bound", "Role", "strong"),
                )),
                no_binding("strong-bound", &[NODES]),
            ),
            (
                "a subject of what is more, by PUT",
                by(put(format!("{bindings}/strong-bound"), &{
                    let mut binding = binding("strong-bound", "Role", "strong");
                    binding["subjects"][0]["name"] = json!("x");
                    binding
                })),
                no_binding("strong-bound", &[NODES]),
            ),
            (
                "another role for a binding",
                by(patch(format!("{bindings}/weak-bound"), &json!({"roleRef": {"name": "strong"}}))),
                no_binding("weak-bound", &[NODES]),
            ),
            (
                "elsewhere, a role that one has here",
                by(post(
                    format!("{RBAC}/namespaces/escalation-elsewhere/rolebindings"),
                    &binding("x", "ClusterRole", "climber"),
                )),
                forbidden("in the namespace \"escalation-elsewhere\""),
            ),
            (
                "with the right to bind",
                post(&bindings, &binding("bound", "ClusterRole", "edit")).by("binder"),
                created(),
            ),
            (
                "with the right to bind another",
                post(&bindings, &binding("bound2", "ClusterRole", "cluster-admin")).by("binder"),
                escalates(&binding_text("bound2"), "binder", &[ALL]),
            ),
            (
                "with the right to bind a cluster role of that name",
                post(&bindings, &binding("bound3", "Role", "edit")).by("binder"),
                status(404).reason("NotFound"),
            ),
            (
                "with the right to bind in a namespace only",
                post(&cluster_bindings, &binding("bound", "ClusterRole", "edit")).by("binder"),
                forbidden("User \"binder\" cannot create resource \"clusterrolebindings\""),
            ),
            // Of the cluster.
            (
                "a cluster role of nothing",
                by(post(&cluster_roles, &role("escalation-nothing", &[]))),
                created(),
            ),
            (
                "a cluster role of what one has in a namespace",
                by(post(&cluster_roles, &role("escalation-more", std::slice::from_ref(&pods)))),
                escalates(
                    &format!("clusterroles.{rbac} \"escalation-more\""),
                    "climber",
                    &["{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"get\" \"list\"]}"],
                ),
            ),
            (
                "a path",
                by(post(
                    &cluster_roles,
                    &json!({"metadata": {"name": "escalation-more"}, "rules": [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]}),
                )),
                escalates(
                    &format!("clusterroles.{rbac} \"escalation-more\""),
                    "climber",
                    &["{NonResourceURLs:[\"/metrics\"], Verbs:[\"get\"]}"],
                ),
            ),
            (
                "every path",
                by(post(
                    &cluster_roles,
                    &json!({"metadata": {"name": "escalation-more"}, "rules": [{"nonResourceURLs": ["*"], "verbs": ["*"]}]}),
                )),
                escalates(
                    &format!("clusterroles.{rbac} \"escalation-more\""),
                    "climber",
                    &["{NonResourceURLs:[\"*\"], Verbs:[\"*\"]}"],
                ),
            ),
            (
                "a role that others' labels fill",
                by(post(
                    &cluster_roles,
                    &json!({"metadata": {"name": "escalation-more"}, "aggregationRule": aggregation}),
                )),
                forbidden(is_aggregated),
            ),
            (
                "to be filled by others' labels",
                by(patch(
                    format!("{cluster_roles}/escalation-weak"),
                    &json!({"aggregationRule": aggregation}),
                )),
                forbidden(is_aggregated),
            ),
            (
                "to be filled by others' labels, by apply",
                by(apply(
                    &format!("{cluster_roles}/escalation-weak"),
                    "ClusterRole",
                    json!({"metadata": {"name": "escalation-weak"}, "aggregationRule": aggregation}),
                )),
                forbidden(is_aggregated),
            ),
            (
                "what all users may",
                by(patch(
                    format!("{cluster_roles}/system:discovery"),
                    &json!({"rules": [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]}),
                )),
                escalates(
                    &format!("clusterroles.{rbac} \"system:discovery\""),
                    "climber",
                    &["{NonResourceURLs:[\"/metrics\"], Verbs:[\"get\"]}"],
                ),
            ),
            (
                "the administrators' binding",
                by(patch(
                    format!("{cluster_bindings}/cluster-admin"),
                    &json!({"subjects": [{"kind": "User", "name": "climber", "apiGroup": rbac}]}),
                )),
                escalates(&format!("clusterrolebindings.{rbac} \"cluster-admin\""), "climber", &[ALL]),
            ),
            (
                "a binding to the administrators' role",
                by(post(&cluster_bindings, &binding("escalation", "ClusterRole", "cluster-admin"))),
                escalates(&format!("clusterrolebindings.{rbac} \"escalation\""), "climber", &[ALL]),
            ),
            (
                "a binding to a role of nothing",
                by(post(
                    &cluster_bindings,
                    &binding("escalation-nothing", "ClusterRole", "escalation-nothing"),
                )),
                created(),
            ),
            (
                "a binding to a role of a namespace",
                by(post(&cluster_bindings, &binding("escalation", "Role", "weak"))),
                bad_request("Namespace parameter required."),
            ),
            // An older version of the same.
            (
                "a version that is gone",
                post(
                    "/apis/rbac.authorization.k8s.io/v1beta1/namespaces/escalation/roles",
                    &role("old", std::slice::from_ref(&nodes)),
                )
                .by_admin(),
                status(404),
            ),
            // Nothing came of it.
            (
                "nodes",
                by(get("/api/v1/nodes/none")),
                forbidden("User \"climber\" cannot get resource \"nodes\""),
            ),
            (
                "secrets",
                by(get("/api/v1/namespaces/escalation/secrets")),
                forbidden("User \"climber\" cannot list resource \"secrets\""),
            ),
            ("metrics", by(get("/metrics")), forbidden("User \"climber\" cannot get path \"/metrics\"")),
            ("the role that was to be more", get(&weak).by_admin(), ok().holding("/rules", json!([pods]))),
            (
                "the role that was not to be",
                get(format!("{roles}/more")).by_admin(),
                not_found("roles.rbac.authorization.k8s.io \"more\" not found"),
            ),
            ("pods", by(get("/api/v1/namespaces/escalation/pods")), ok()),
        ],
    );
}
