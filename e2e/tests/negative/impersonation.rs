//! Acting as somebody else.

use serde_json::json;

use crate::case::{anonymous, bad_request, check, forbidden, is_user, ok, unauthorized};
use crate::request::{Try, get, who_am_i};
use crate::world::world;

const USER: &str = "Impersonate-User";
const GROUP: &str = "Impersonate-Group";
const UID: &str = "Impersonate-Uid";
const SCOPES: &str = "Impersonate-Extra-Scopes";

/// What the user `mimic` may not do.
fn not(resource: &str, group: &str, name: &str) -> crate::case::Expected {
    let dot = if group.is_empty() { "" } else { "." };
    let plain = resource.split('/').next().unwrap_or_default();
    forbidden(format!(
        "{plain}{dot}{group}{name} is forbidden: User \"mimic\" cannot impersonate resource \"{resource}\" in API group \"{group}\""
    ))
}

#[test]
fn nobody_acts_as_others_without_the_right() {
    let world = world();
    world.namespace("mimicry");
    let core = |resource: &str, names: &[&str]| json!({"apiGroups": [""], "resources": [resource], "verbs": ["impersonate"], "resourceNames": names});
    let authentication = |resource: &str, names: &[&str]| json!({"apiGroups": ["authentication.k8s.io"], "resources": [resource], "verbs": ["impersonate"], "resourceNames": names});
    world.grant(
        "mimic",
        None,
        "mimic",
        json!([
            core("users", &["target"]),
            core("groups", &["team"]),
            authentication("uids", &["7"]),
            authentication("userextras/scopes", &["view"]),
        ]),
    );
    world.grant("mimic", Some("mimicry"), "mimic", json!([core("serviceaccounts", &["robot"])]));
    let mimic = || who_am_i().by("mimic");
    let target = || mimic().header(USER, "target");
    world.settle(&mimic().header(USER, "system:serviceaccount:mimicry:robot"), 201);
    world.settle(&target(), 201);

    let as_target = || is_user("target");
    check(
        &world,
        [
            // What the right is for.
            (
                "a user",
                target(),
                as_target().holding("/status/userInfo/groups", json!(["system:authenticated"])),
            ),
            (
                "a group",
                target().header(GROUP, "team"),
                as_target().holding("/status/userInfo/groups", json!(["team", "system:authenticated"])),
            ),
            ("a uid", target().header(UID, "7"), as_target().holding("/status/userInfo/uid", "7")),
            (
                "an extra",
                target().header(SCOPES, "view"),
                as_target().holding("/status/userInfo/extra", json!({"scopes": ["view"]})),
            ),
            ("an extra in capitals", target().header("IMPERSONATE-EXTRA-SCOPES", "view"), as_target()),
            (
                "a service account",
                mimic().header(USER, "system:serviceaccount:mimicry:robot"),
                is_user("system:serviceaccount:mimicry:robot").holding(
                    "/status/userInfo/groups",
                    json!([
                        "system:serviceaccounts",
                        "system:serviceaccounts:mimicry",
                        "system:authenticated"
                    ]),
                ),
            ),
            ("headers in another case", mimic().header("iMPERSONATE-uSER", "target"), as_target()),
            ("the first of two users counts", target().header(USER, "admin"), as_target()),
            ("an empty user is none", mimic().header(USER, ""), is_user("mimic")),
            (
                "the administrator as an administrator",
                get("/api/v1/secrets").by_admin().header(USER, "x").header(GROUP, "system:masters"),
                ok(),
            ),
            // Others than those named.
            ("another user", mimic().header(USER, "admin"), not("users", "", " \"admin\"")),
            (
                "the first of two users counts, again",
                mimic().header(USER, "admin").header(USER, "target"),
                not("users", "", " \"admin\""),
            ),
            (
                "a user whose name only begins alike",
                mimic().header(USER, "target2"),
                not("users", "", " \"target2\""),
            ),
            ("a user in another case", mimic().header(USER, "Target"), not("users", "", " \"Target\"")),
            ("a user with spaces around", mimic().header(USER, "  admin  "), not("users", "", " \"admin\"")),
            ("a user encoded", mimic().header(USER, "%74arget"), not("users", "", " \"%74arget\"")),
            (
                "a user in letters that look alike",
                mimic().header(USER, "tаrget"),
                not("users", "", " \"tаrget\""),
            ),
            (
                "a user in bytes that are no text",
                mimic().header(USER, b"target\xff".to_vec()),
                not("users", "", " \"target\u{fffd}\""),
            ),
            ("a star", mimic().header(USER, "*"), not("users", "", " \"*\"")),
            ("oneself", mimic().header(USER, "mimic"), not("users", "", " \"mimic\"")),
            ("a node", mimic().header(USER, "system:node:n1"), not("users", "", " \"system:node:n1\"")),
            (
                "the anonymous user",
                mimic().header(USER, "system:anonymous"),
                not("users", "", " \"system:anonymous\""),
            ),
            (
                "a component",
                mimic().header(USER, "system:kube-scheduler"),
                not("users", "", " \"system:kube-scheduler\""),
            ),
            (
                "a service account by half its name",
                mimic().header(USER, "system:serviceaccount:mimicry"),
                not("users", "", " \"system:serviceaccount:mimicry\""),
            ),
            (
                "another service account",
                mimic().header(USER, "system:serviceaccount:mimicry:default"),
                not("serviceaccounts", "", " \"default\"").saying("in the namespace \"mimicry\""),
            ),
            (
                "a service account of another namespace",
                mimic().header(USER, "system:serviceaccount:kube-system:robot"),
                not("serviceaccounts", "", " \"robot\"").saying("in the namespace \"kube-system\""),
            ),
            // More than the user.
            (
                "the administrators' group",
                target().header(GROUP, "system:masters"),
                not("groups", "", " \"system:masters\""),
            ),
            (
                "the nodes' group",
                target().header(GROUP, "system:nodes"),
                not("groups", "", " \"system:nodes\""),
            ),
            (
                "the group of all users",
                target().header(GROUP, "system:authenticated"),
                not("groups", "", " \"system:authenticated\""),
            ),
            (
                "a good group and another",
                target().header(GROUP, "team").header(GROUP, "system:masters"),
                not("groups", "", " \"system:masters\""),
            ),
            (
                "a good group and another in another case",
                target().header(GROUP, "team").header("impersonate-group", "system:masters"),
                not("groups", "", " \"system:masters\""),
            ),
            (
                "two groups in one header",
                target().header(GROUP, "team,system:masters"),
                not("groups", "", " \"team,system:masters\""),
            ),
            ("an empty group", target().header(GROUP, ""), not("groups", "", "")),
            (
                "a service account with a group",
                mimic().header(USER, "system:serviceaccount:mimicry:robot").header(GROUP, "system:masters"),
                not("groups", "", " \"system:masters\""),
            ),
            ("another uid", target().header(UID, "8"), not("uids", "authentication.k8s.io", " \"8\"")),
            (
                "another extra's value",
                target().header(SCOPES, "edit"),
                not("userextras/scopes", "authentication.k8s.io", " \"edit\""),
            ),
            (
                "a good value of an extra and another",
                target().header(SCOPES, "view").header(SCOPES, "edit"),
                not("userextras/scopes", "authentication.k8s.io", " \"edit\""),
            ),
            (
                "two values in one header",
                target().header(SCOPES, "view,edit"),
                not("userextras/scopes", "authentication.k8s.io", " \"view,edit\""),
            ),
            (
                "another extra",
                target().header("Impersonate-Extra-Roles", "view"),
                not("userextras/roles", "authentication.k8s.io", " \"view\""),
            ),
            (
                "an extra below one",
                target().header("Impersonate-Extra-Scopes%2fmore", "view"),
                not("userextras/scopes/more", "authentication.k8s.io", " \"view\""),
            ),
            (
                "an extra with a letter encoded in capitals",
                target().header("Impersonate-Extra-%53copes", "view"),
                not("userextras/Scopes", "authentication.k8s.io", " \"view\""),
            ),
            (
                "an extra without a name",
                target().header("Impersonate-Extra-", "view"),
                not("userextras", "authentication.k8s.io", " \"view\""),
            ),
            // Groups, uids and extras alone.
            (
                "a group without a user",
                mimic().header(GROUP, "system:masters"),
                bad_request("without impersonating a user name"),
            ),
            (
                "a uid without a user",
                mimic().header(UID, "7"),
                bad_request("without impersonating a user name"),
            ),
            (
                "an extra without a user",
                mimic().header(SCOPES, "view"),
                bad_request("without impersonating a user name"),
            ),
            (
                "a group with an empty user",
                mimic().header(USER, "").header(GROUP, "system:masters"),
                bad_request("without impersonating a user name"),
            ),
            (
                "a group without a user, as administrator",
                get("/api/v1/secrets").by_admin().header(GROUP, "devs"),
                bad_request("without impersonating a user name"),
            ),
            // Acting as somebody gives that one's rights, and no others.
            (
                "secrets as one who may not",
                get("/api/v1/secrets").by("mimic").header(USER, "target"),
                forbidden("User \"target\" cannot list resource \"secrets\""),
            ),
            (
                "an administrator who acts as one who may not",
                get("/api/v1/secrets").by_admin().header(USER, "nobody"),
                forbidden("User \"nobody\" cannot list resource \"secrets\""),
            ),
            (
                "an administrator who acts as nobody",
                who_am_i().by_admin().header(USER, "system:anonymous"),
                anonymous(),
            ),
            // Without any right.
            (
                "one who may act as nobody",
                who_am_i().by("nobody").header(USER, "target"),
                forbidden(
                    "User \"nobody\" cannot impersonate-on:user-info:create resource \"selfsubjectreviews\"",
                ),
            ),
            (
                "one who would be administrator",
                get("/api/v1/secrets").by("nobody").header(USER, "admin").header(GROUP, "system:masters"),
                forbidden(
                    "secrets is forbidden: User \"nobody\" cannot impersonate-on:user-info:list resource \"secrets\"",
                ),
            ),
            (
                "one who would be a service account",
                get("/api/v1/secrets").by("nobody").header(USER, "system:serviceaccount:mimicry:robot"),
                forbidden("User \"nobody\" cannot impersonate-on:serviceaccount:list resource \"secrets\""),
            ),
            (
                "one who would be a node",
                get("/api/v1/nodes/n1").by("nobody").header(USER, "system:node:n1"),
                forbidden(
                    "nodes \"n1\" is forbidden: User \"nobody\" cannot impersonate-on:arbitrary-node:get resource \"nodes\"",
                ),
            ),
            (
                "on a path that anyone may read",
                get("/healthz").by("nobody").header(USER, "admin"),
                forbidden("User \"nobody\" cannot impersonate-on:user-info:get path \"/healthz\""),
            ),
            (
                "the anonymous user",
                get("/api/v1/secrets").header(USER, "admin"),
                forbidden(
                    "User \"system:anonymous\" cannot impersonate-on:user-info:list resource \"secrets\"",
                ),
            ),
            ("a bad token", get("/api/v1/secrets").token("wrong").header(USER, "admin"), unauthorized()),
        ],
    );
}

#[test]
fn constrained_rights_hold_for_what_they_name() {
    let world = world();
    let group = "authentication.k8s.io";
    world.grant(
        "constrained",
        None,
        "constrained",
        json!([
            {"apiGroups": [group], "resources": ["selfsubjectreviews"],
             "verbs": ["impersonate-on:user-info:create", "impersonate-on:arbitrary-node:create"]},
            {"apiGroups": [group], "resources": ["users"], "resourceNames": ["target"], "verbs": ["impersonate:user-info"]},
            {"apiGroups": [group], "resources": ["groups"], "verbs": ["impersonate:user-info"]},
        ]),
    );
    let constrained = |tried: Try| tried.by("constrained");
    let target = || constrained(who_am_i()).header(USER, "target");
    world.settle(&target(), 201);
    let masters = "impersonating the system:masters group is not allowed";
    check(
        &world,
        [
            ("what is named", target(), is_user("target")),
            ("any group", target().header(GROUP, "team"), is_user("target")),
            ("the administrators' group", target().header(GROUP, "system:masters"), forbidden(masters)),
            (
                "the administrators' group among others",
                target()
                    .header(GROUP, "a")
                    .header(GROUP, "b")
                    .header(GROUP, "c")
                    .header(GROUP, "system:masters"),
                forbidden(masters),
            ),
            (
                "an empty group",
                target().header(GROUP, ""),
                forbidden("impersonating the empty string group is not allowed"),
            ),
            (
                "another request",
                constrained(get("/api/v1/secrets")).header(USER, "target"),
                forbidden("User \"constrained\" cannot impersonate-on:user-info:list resource \"secrets\""),
            ),
            (
                "another user",
                constrained(who_am_i()).header(USER, "admin"),
                forbidden(
                    "users.authentication.k8s.io \"admin\" is forbidden: User \"constrained\" cannot impersonate:user-info resource \"users\" in API group \"authentication.k8s.io\"",
                ),
            ),
            (
                "a uid",
                target().header(UID, "7"),
                forbidden(
                    "User \"constrained\" cannot impersonate:user-info resource \"uids\" in API group \"authentication.k8s.io\"",
                ),
            ),
            (
                "a node, by half the rights",
                constrained(who_am_i()).header(USER, "system:node:n1"),
                forbidden(
                    "nodes.authentication.k8s.io \"n1\" is forbidden: User \"constrained\" cannot impersonate:arbitrary-node resource \"nodes\"",
                ),
            ),
            (
                "a node that isn't one by its name",
                constrained(who_am_i()).header(USER, "system:node:"),
                forbidden("User \"constrained\" cannot impersonate:user-info resource \"users\""),
            ),
            (
                "a service account",
                constrained(who_am_i()).header(USER, "system:serviceaccount:kube-system:default"),
                forbidden(
                    "User \"constrained\" cannot impersonate-on:serviceaccount:create resource \"selfsubjectreviews\"",
                ),
            ),
        ],
    );
}
