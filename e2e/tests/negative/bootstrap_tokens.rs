//! Bootstrap tokens: with what a new node asks for its certificate.

use serde_json::{Value, json};

use crate::case::{Case, check, forbidden, is_user, unauthorized};
use crate::request::{delete, get, patch, post, who_am_i};
use crate::world::{PLANTED_PLAIN, world};

const SECRETS: &str = "/api/v1/namespaces/kube-system/secrets";

/// The second half of all tokens here.
const SECRET: &str = "0123456789abcdef";

/// What a good token's secret holds, with these changes.
fn held(id: &str, changes: &Value) -> Value {
    let mut data = json!({
        "token-id": id,
        "token-secret": SECRET,
        "usage-bootstrap-authentication": "true",
        "usage-bootstrap-signing": "true",
        "description": PLANTED_PLAIN,
    });
    for (name, value) in changes.as_object().expect("changes") {
        match value {
            Value::Null => drop(data.as_object_mut().expect("an object").remove(name)),
            value => data[name] = value.clone(),
        }
    }
    data
}

#[test]
fn only_good_bootstrap_tokens_let_in() {
    let world = world();
    world.namespace("bootstrap");
    let token = |id: &str| who_am_i().token(&format!("{id}.{SECRET}"));
    let lay = |namespace: &str, name: &str, kind: &str, data: &Value| {
        let secret = json!({"metadata": {"name": name}, "type": kind, "stringData": data});
        world.must(post(format!("/api/v1/namespaces/{namespace}/secrets"), &secret));
    };
    let kind = "bootstrap.kubernetes.io/token";
    // A name, the token's first half, and what differs in what its secret holds.
    let bad = [
        ("no usage", "negusg", json!({"usage-bootstrap-authentication": null})),
        ("a usage that is false", "negfal", json!({"usage-bootstrap-authentication": "false"})),
        ("a usage in capitals", "negcap", json!({"usage-bootstrap-authentication": "TRUE"})),
        ("a usage that is a number", "negone", json!({"usage-bootstrap-authentication": "1"})),
        ("expired", "negexp", json!({"expiration": "2000-01-01T00:00:00Z"})),
        ("expires at a text", "negtxt", json!({"expiration": "never"})),
        ("expires at a date", "negdat", json!({"expiration": "2100-01-01"})),
        ("another secret", "negsec", json!({"token-secret": "fedcba9876543210"})),
        ("half a secret", "neghal", json!({"token-secret": "01234567"})),
        ("no secret", "negnos", json!({"token-secret": null})),
        ("another id", "negidd", json!({"token-id": "other0"})),
        ("no id", "negnoi", json!({"token-id": null})),
        ("the administrators' group", "neggrp", json!({"auth-extra-groups": "system:masters"})),
        (
            "a good group and the administrators'",
            "neggr2",
            json!({"auth-extra-groups": "system:bootstrappers:a,system:masters"}),
        ),
        ("a group that begins alike", "neggr3", json!({"auth-extra-groups": "system:bootstrappersx"})),
        ("a group that ends badly", "neggr4", json!({"auth-extra-groups": "system:bootstrappers:a:"})),
        ("a group in capitals", "neggr5", json!({"auth-extra-groups": "system:bootstrappers:A"})),
        ("a group with a line's end", "neggr6", json!({"auth-extra-groups": "system:bootstrappers:a\n"})),
    ];
    for (_, id, changes) in &bad {
        lay("kube-system", &format!("bootstrap-token-{id}"), kind, &held(id, changes));
    }
    let plain = &json!({});
    lay("kube-system", "bootstrap-token-negtyp", "Opaque", &held("negtyp", plain));
    lay("kube-system", "bootstrap-tokens-negnam", kind, &held("negnam", plain));
    lay("bootstrap", "bootstrap-token-negnsp", kind, &held("negnsp", plain));
    for id in ["negdel", "negend"] {
        lay("kube-system", &format!("bootstrap-token-{id}"), kind, &held(id, plain));
    }
    let finalizers = json!({"metadata": {"finalizers": ["acme.com/keep"]}});
    world.must(patch(format!("{SECRETS}/bootstrap-token-negend"), &finalizers));
    for id in ["negdel", "negend"] {
        world.must(delete(format!("{SECRETS}/bootstrap-token-{id}")));
    }
    lay("kube-system", "bootstrap-token-good01", kind, &held("good01", plain));
    let more = json!({"auth-extra-groups": "system:bootstrappers:a,system:bootstrappers:b-c", "expiration": "2100-01-01T00:00:00Z"});
    lay("kube-system", "bootstrap-token-good02", kind, &held("good02", &more));
    world.settle(&token("good02"), 201);

    let me = |token: String| who_am_i().token(&token);
    let good: Vec<Case> = vec![
        (
            "a good one",
            token("good01"),
            is_user("system:bootstrap:good01")
                .holding("/status/userInfo/groups", json!(["system:bootstrappers", "system:authenticated"])),
        ),
        (
            "one with groups",
            token("good02"),
            is_user("system:bootstrap:good02").holding(
                "/status/userInfo/groups",
                json!([
                    "system:bootstrappers",
                    "system:bootstrappers:a",
                    "system:bootstrappers:b-c",
                    "system:authenticated"
                ]),
            ),
        ),
        ("another type", token("negtyp"), unauthorized()),
        ("another name", token("negnam"), unauthorized()),
        ("another namespace", token("negnsp"), unauthorized()),
        ("deleted", token("negdel"), unauthorized()),
        ("being deleted", token("negend"), unauthorized()),
        ("nobody's", token("nobody"), unauthorized()),
        ("another's secret", me("good01.fedcba9876543210".to_owned()), unauthorized()),
        ("no secret at all", me("good01.".to_owned()), unauthorized()),
        ("a secret alone", me(SECRET.to_owned()), unauthorized()),
        ("a secret in capitals", me(format!("good01.{}", SECRET.to_uppercase())), unauthorized()),
        ("an id in capitals", me(format!("GOOD01.{SECRET}")), unauthorized()),
        ("a longer secret", me(format!("good01.{SECRET}0")), unauthorized()),
        ("a shorter secret", me(format!("good01.{}", &SECRET[1..])), unauthorized()),
        ("a third part", me(format!("good01.{SECRET}.x")), unauthorized()),
        ("an id that leads elsewhere", me(format!("../../.{SECRET}")), unauthorized()),
        (
            "secrets",
            get(SECRETS).token(&format!("good01.{SECRET}")),
            forbidden("User \"system:bootstrap:good01\" cannot list resource \"secrets\""),
        ),
        (
            "its own secret",
            get(format!("{SECRETS}/bootstrap-token-good01")).token(&format!("good01.{SECRET}")),
            forbidden("User \"system:bootstrap:good01\" cannot get resource \"secrets\""),
        ),
        (
            "nodes",
            post("/api/v1/nodes", &json!({"metadata": {"name": "x"}})).token(&format!("good01.{SECRET}")),
            forbidden("User \"system:bootstrap:good01\" cannot create resource \"nodes\""),
        ),
    ];
    check(&world, good.into_iter().chain(bad.iter().map(|(name, id, _)| (*name, token(id), unauthorized()))));
    world.must(delete(format!("{SECRETS}/bootstrap-token-good01")));
    world.settle(&token("good01"), 401);
}
