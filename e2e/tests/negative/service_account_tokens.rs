//! Tokens of service accounts.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::case::{
    Expected, anonymous, bad_request, check, created, forbidden, invalid, is_user, not_found, ok,
};
use crate::case::{status, unauthorized};
use crate::jws::{Key, encode, part, unsigned, with_secret};
use crate::request::{Try, delete, get, post, who_am_i};
use crate::world::{ISSUER, World, world};

const NAMESPACE: &str = "/api/v1/namespaces/tokens";
const ROBOT: &str = "system:serviceaccount:tokens:robot";
const KUBERNETES: &str = "kubernetes.io";

fn me(token: impl AsRef<str>) -> Try {
    who_am_i().token(token.as_ref())
}

fn request(account: &str, spec: Value) -> Try {
    post(format!("{NAMESPACE}/serviceaccounts/{account}/token"), &json!({"spec": spec}))
}

/// A token that the server issues.
fn issue(world: &World, account: &str, spec: Value) -> String {
    let issued = world.must(request(account, spec));
    issued["status"]["token"].as_str().expect("a token").to_owned()
}

fn bound_to(kind: &str, name: &str) -> Value {
    json!({"boundObjectRef": {"apiVersion": "v1", "kind": kind, "name": name}})
}

fn pod(account: &str, name: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {"serviceAccountName": account, "containers": [{"name": "c", "image": "i"}]},
    })
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("time has begun").as_secs()
}

/// The claims with another value at a JSON pointer; without it where the value is null.
fn with(claims: &Value, pointer: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = claims.pointer_mut(parent).and_then(Value::as_object_mut).expect("it is there");
    match value {
        Value::Null => drop(parent.remove(name)),
        value => drop(parent.insert(name.to_owned(), value)),
    }
    claims
}

#[test]
fn only_what_the_server_signed_is_believed() {
    let world = world();
    let namespace = "tokens-forged";
    world.namespace(namespace);
    world.service_account(namespace, "robot");
    let robot = "system:serviceaccount:tokens-forged:robot";
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/robot/token");
    let issued = world.must(post(path, &json!({})));
    let token = issued["status"]["token"].as_str().expect("a token");
    let (header, claims) = (part(token, 0), part(token, 1));
    let signer = &world.signer;
    let thief = Key::new();

    // What differs in the header: signed by the right key, unless it says otherwise.
    let head = |changes: Value| {
        let mut header = header.clone();
        for (name, value) in changes.as_object().expect("changes") {
            header[name] = value.clone();
        }
        header
    };
    let none = |alg: &str| me(unsigned(&head(json!({"alg": alg})).to_string(), &claims.to_string()) + ".");
    let secret = |alg: &str, secret: &[u8]| {
        me(with_secret(&head(json!({"alg": alg})).to_string(), &claims.to_string(), secret))
    };
    let signed = |header: &Value| me(signer.token(header, &claims));
    let claimed = |pointer: &str, value: Value| me(signer.token(&header, &with(&claims, pointer, value)));
    let stolen = |changes: Value| me(thief.token(&head(changes), &claims));
    let text = unsigned(&header.to_string(), &claims.to_string());
    let [head_text, claims_text, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    let twice = |name: &str, value: &Value| {
        let claims = claims.to_string();
        let claims = format!("{{\"{name}\":{value},{}", &claims[1..]);
        me(signer.sign(&unsigned(&header.to_string(), &claims)))
    };

    check(
        &world,
        [
            // What is good.
            ("as it was issued", me(token), is_user(robot)),
            ("signed again", me(signer.token(&header, &claims)), is_user(robot)),
            ("without a key's name", me(signer.token(&json!({"alg": "ES256"}), &claims)), is_user(robot)),
            ("for others, too", claimed("/aud", json!(["elsewhere", ISSUER])), is_user(robot)),
            ("for nobody in particular", claimed("/aud", Value::Null), is_user(robot)),
            ("expired less than a minute ago", claimed("/exp", json!(now() - 30)), is_user(robot)),
            ("a claim that nobody knows", claimed("/admin", json!(true)), is_user(robot)),
            (
                "another's name for its subject",
                claimed("/sub", json!("system:serviceaccount:kube-system:admin")),
                is_user(robot),
            ),
            // No signature.
            ("none", none("none"), unauthorized()),
            ("None", none("None"), unauthorized()),
            ("NONE", none("NONE"), unauthorized()),
            ("nOnE", none("nOnE"), unauthorized()),
            (
                "none, with the signature",
                me(format!("{}.{claims_text}.{signature}", encode(head(json!({"alg": "none"})).to_string()))),
                unauthorized(),
            ),
            ("no algorithm", me(unsigned("{}", &claims.to_string()) + "."), unauthorized()),
            ("an empty algorithm", none(""), unauthorized()),
            ("no signature", me(format!("{head_text}.{claims_text}.")), unauthorized()),
            ("no third part", me(format!("{head_text}.{claims_text}")), unauthorized()),
            ("a signature of zeros", me(format!("{text}.{}", encode([0; 64]))), unauthorized()),
            ("a signature of ones", me(format!("{text}.{}", encode([255; 64]))), unauthorized()),
            ("half a signature", me(&token[..token.len() - 43]), unauthorized()),
            ("a signature and more", me(format!("{token}AAAA")), unauthorized()),
            (
                "another token's signature",
                me(format!(
                    "{head_text}.{}.{signature}",
                    encode(with(&claims, "/sub", json!("x")).to_string())
                )),
                unauthorized(),
            ),
            ("a signature in ASN.1", me(signer.sign_in_asn1(&text)), unauthorized()),
            // The public key for a secret.
            ("HS256 with the public key", secret("HS256", signer.public_pem.as_bytes()), unauthorized()),
            (
                "HS256 with the public key in one line",
                secret("HS256", signer.public_pem.trim_end().as_bytes()),
                unauthorized(),
            ),
            ("HS256 with the public key's bytes", secret("HS256", &signer.public_der), unauthorized()),
            ("HS256 with nothing", secret("HS256", b""), unauthorized()),
            ("HS256, said to be ES256", secret("ES256", signer.public_pem.as_bytes()), unauthorized()),
            // Other keys.
            ("another key", stolen(json!({})), unauthorized()),
            ("another key with a name of its own", stolen(json!({"kid": "thief"})), unauthorized()),
            (
                "another key without a name",
                me(thief.token(&json!({"alg": "ES256"}), &claims)),
                unauthorized(),
            ),
            ("another key that it brings", stolen(json!({"jwk": thief.jwk()})), unauthorized()),
            (
                "another key that it brings, and no name",
                me(thief.token(&json!({"alg": "ES256", "jwk": thief.jwk()}), &claims)),
                unauthorized(),
            ),
            (
                "another key elsewhere",
                stolen(json!({"jku": "https://127.0.0.1:1/keys", "kid": "thief"})),
                unauthorized(),
            ),
            (
                "another key's certificate",
                stolen(json!({"x5c": ["AAAA"], "x5u": "https://127.0.0.1:1/"})),
                unauthorized(),
            ),
            ("the right key by another name", signed(&head(json!({"kid": "other"}))), unauthorized()),
            ("a key's name that is a path", stolen(json!({"kid": "../../../../dev/null"})), unauthorized()),
            ("a key's name that is a query", stolen(json!({"kid": "' OR 1=1 --"})), unauthorized()),
            // Other algorithms.
            ("ES384 with a key for ES256", signed(&head(json!({"alg": "ES384"}))), unauthorized()),
            ("RS256 with a key for ES256", signed(&head(json!({"alg": "RS256"}))), unauthorized()),
            ("PS256 with a key for ES256", signed(&head(json!({"alg": "PS256"}))), unauthorized()),
            ("EdDSA with a key for ES256", signed(&head(json!({"alg": "EdDSA"}))), unauthorized()),
            ("es256", signed(&head(json!({"alg": "es256"}))), unauthorized()),
            ("a list of algorithms", signed(&head(json!({"alg": ["ES256"]}))), unauthorized()),
            (
                "two algorithms",
                me(signer.sign(&unsigned("{\"alg\":\"none\",\"alg\":\"ES256\"}", &claims.to_string()))),
                unauthorized(),
            ),
            ("what has to be understood, and isn't", signed(&head(json!({"crit": ["exp"]}))), unauthorized()),
            (
                "what has to be understood, and is unknown",
                signed(&head(json!({"crit": ["thief"], "thief": true}))),
                unauthorized(),
            ),
            // The form.
            ("a fourth part", me(format!("{token}.{signature}")), unauthorized()),
            ("an empty fourth part", me(format!("{token}.")), unauthorized()),
            ("two points", me(format!("{head_text}..{claims_text}.{signature}")), unauthorized()),
            ("points alone", me(".."), unauthorized()),
            ("padding", me(format!("{token}==")), unauthorized()),
            ("no base64url", me(token.replacen('.', ".+/", 1)), unauthorized()),
            (
                "a header that is no JSON",
                me(signer.sign(&unsigned("ES256", &claims.to_string()))),
                unauthorized(),
            ),
            (
                "a header that is a list",
                me(signer.sign(&unsigned("[\"ES256\"]", &claims.to_string()))),
                unauthorized(),
            ),
            (
                "claims that are no JSON",
                me(signer.sign(&unsigned(&header.to_string(), "robot"))),
                unauthorized(),
            ),
            ("claims that are null", me(signer.sign(&unsigned(&header.to_string(), "null"))), unauthorized()),
            (
                "claims behind claims",
                me(signer.sign(&unsigned(&header.to_string(), &format!("{claims}{claims}")))),
                unauthorized(),
            ),
            (
                "deep claims",
                me(signer.sign(&unsigned(&header.to_string(), &"[".repeat(20_000)))),
                unauthorized(),
            ),
            (
                "many claims",
                me(thief.token(&header, &with(&claims, "/fill", json!("x".repeat(45_000))))),
                unauthorized(),
            ),
            (
                "the whole as JSON",
                me(json!({"payload": claims_text, "protected": head_text, "signature": signature})
                    .to_string()),
                unauthorized(),
            ),
            ("an issuer twice", twice("iss", &json!("thief")), unauthorized()),
            ("an audience twice", twice("aud", &json!("elsewhere")), unauthorized()),
            ("an account twice", twice(KUBERNETES, &json!({"namespace": "kube-system"})), unauthorized()),
            // The claims.
            ("another issuer", claimed("/iss", json!("https://elsewhere")), unauthorized()),
            ("an issuer that begins alike", claimed("/iss", json!(format!("{ISSUER}/"))), unauthorized()),
            ("an issuer in capitals", claimed("/iss", json!(ISSUER.to_uppercase())), unauthorized()),
            ("no issuer", claimed("/iss", Value::Null), unauthorized()),
            ("issuers", claimed("/iss", json!([ISSUER])), unauthorized()),
            ("another audience", claimed("/aud", json!(["elsewhere"])), unauthorized()),
            (
                "an audience that begins alike",
                claimed("/aud", json!([format!("{ISSUER}.elsewhere")])),
                unauthorized(),
            ),
            ("an empty audience", claimed("/aud", json!([""])), unauthorized()),
            ("an audience that is a number", claimed("/aud", json!(7)), unauthorized()),
            ("expired", claimed("/exp", json!(now() - 3600)), unauthorized()),
            ("expired long ago", claimed("/exp", json!(1)), unauthorized()),
            ("expires at a text", claimed("/exp", json!("never")), unauthorized()),
            ("not yet valid", claimed("/nbf", json!(now() + 3600)), unauthorized()),
            ("issued in the future", claimed("/iat", json!(now() + 3600)), unauthorized()),
            ("no account", claimed("/kubernetes.io", Value::Null), unauthorized()),
            ("an account that is a text", claimed("/kubernetes.io", json!("robot")), unauthorized()),
            ("no namespace", claimed("/kubernetes.io/namespace", Value::Null), unauthorized()),
            ("another namespace", claimed("/kubernetes.io/namespace", json!("kube-system")), unauthorized()),
            (
                "a namespace that leads elsewhere",
                claimed("/kubernetes.io/namespace", json!("../tokens-forged")),
                unauthorized(),
            ),
            (
                "another account",
                claimed("/kubernetes.io/serviceaccount/name", json!("default")),
                unauthorized(),
            ),
            (
                "an account that isn't there",
                claimed("/kubernetes.io/serviceaccount/name", json!("none")),
                unauthorized(),
            ),
            ("no account's name", claimed("/kubernetes.io/serviceaccount/name", Value::Null), unauthorized()),
            (
                "another uid",
                claimed("/kubernetes.io/serviceaccount/uid", json!("00000000-0000-0000-0000-000000000000")),
                unauthorized(),
            ),
            ("no uid", claimed("/kubernetes.io/serviceaccount/uid", Value::Null), unauthorized()),
            (
                "a pod that isn't there",
                claimed("/kubernetes.io/pod", json!({"name": "none", "uid": "x"})),
                unauthorized(),
            ),
            (
                "a secret that isn't there",
                claimed("/kubernetes.io/secret", json!({"name": "none", "uid": "x"})),
                unauthorized(),
            ),
            (
                "a node that isn't there",
                claimed("/kubernetes.io/node", json!({"name": "none", "uid": "x"})),
                unauthorized(),
            ),
            // In other places.
            (
                "a password",
                who_am_i()
                    .header("Authorization", format!("Basic {}", STANDARD.encode(format!("robot:{token}")))),
                anonymous(),
            ),
            ("the query", get(format!("/api/v1/secrets?access_token={token}")), anonymous()),
            // What it may.
            (
                "secrets",
                get("/api/v1/secrets").token(token),
                forbidden(format!("User \"{robot}\" cannot list resource \"secrets\"")),
            ),
        ],
    );
}

#[test]
fn tokens_end_with_what_they_are_bound_to() {
    let world = world();
    world.namespace("tokens");
    for account in ["robot", "doomed", "again"] {
        world.service_account("tokens", account);
    }
    for (account, name) in [("robot", "kept"), ("robot", "gone")] {
        world.must(post(format!("{NAMESPACE}/pods"), &pod(account, name)));
    }
    for name in ["kept", "gone"] {
        world.secret("tokens", name);
        world.must(post("/api/v1/nodes", &json!({"metadata": {"name": format!("tokens-{name}")}})));
    }
    let issue = |account: &str, spec: Value| issue(&world, account, spec);
    let gone = [
        ("its account", issue("doomed", json!({}))),
        ("its account, which is there again", issue("again", json!({}))),
        ("its pod", issue("robot", bound_to("Pod", "gone"))),
        ("its secret", issue("robot", bound_to("Secret", "gone"))),
        ("its node", issue("robot", bound_to("Node", "tokens-gone"))),
    ];
    let kept = [
        ("its account is there", issue("robot", json!({}))),
        ("its pod is there", issue("robot", bound_to("Pod", "kept"))),
        ("its secret is there", issue("robot", bound_to("Secret", "kept"))),
        ("its node is there", issue("robot", bound_to("Node", "tokens-kept"))),
    ];
    let elsewhere = issue("robot", json!({"audiences": ["elsewhere"]}));
    for path in [
        format!("{NAMESPACE}/serviceaccounts/doomed"),
        format!("{NAMESPACE}/serviceaccounts/again"),
        format!("{NAMESPACE}/pods/gone?gracePeriodSeconds=0"),
        format!("{NAMESPACE}/secrets/gone"),
        "/api/v1/nodes/tokens-gone".to_owned(),
    ] {
        world.must(delete(path));
    }
    world.service_account("tokens", "again");
    world.must(post(format!("{NAMESPACE}/pods"), &pod("robot", "gone")));
    world.secret("tokens", "gone");

    check(
        &world,
        kept.iter()
            .map(|(name, token)| (*name, me(token), is_user(ROBOT)))
            .chain([
                ("it is for others", me(&elsewhere), unauthorized()),
                (
                    "the new account's",
                    me(issue("again", json!({}))),
                    is_user("system:serviceaccount:tokens:again"),
                ),
            ])
            .chain(gone.iter().map(|(name, token)| (*name, me(token), unauthorized()))),
    );
}

#[test]
fn tokens_in_secrets_are_believed_while_they_lie_there() {
    let world = world();
    let namespace = "tokens-legacy";
    world.namespace(namespace);
    let robot = world.service_account(namespace, "robot");
    world.service_account(namespace, "other");
    let secrets = format!("/api/v1/namespaces/{namespace}/secrets");
    let prefix = "kubernetes.io/serviceaccount";
    let claims = |secret: &str| {
        json!({
            "iss": "kubernetes/serviceaccount",
            "sub": format!("system:serviceaccount:{namespace}:robot"),
            format!("{prefix}/namespace"): namespace,
            format!("{prefix}/secret.name"): secret,
            format!("{prefix}/service-account.name"): "robot",
            format!("{prefix}/service-account.uid"): robot["metadata"]["uid"],
        })
    };
    let header = json!({"alg": "ES256"});
    let sign = |claims: &Value| world.signer.token(&header, claims);
    // A secret that holds a token, of which these claims differ.
    let lay = |name: &str, labels: Value, changes: Value| {
        let mut claims = claims(name);
        for (name, value) in changes.as_object().expect("changes") {
            claims[name] = value.clone();
        }
        let token = sign(&claims);
        let secret = json!({
            "metadata": {"name": name, "labels": labels, "annotations": {"kubernetes.io/service-account.name": "robot"}},
            "type": "kubernetes.io/service-account-token",
            "data": {"token": STANDARD.encode(&token)},
        });
        world.must(post(&secrets, &secret));
        token
    };
    let none = || json!({});
    let good = lay("good", none(), none());
    let removed = lay("removed", none(), none());
    world.must(delete(format!("{secrets}/removed")));
    let marked = lay("marked", json!({"kubernetes.io/legacy-token-invalid-since": "2026-01-01"}), none());
    let subject = lay("subject", none(), json!({"sub": format!("system:serviceaccount:{namespace}:other")}));
    let nameless = lay("nameless", none(), json!({"sub": ""}));
    let account = lay(
        "account",
        none(),
        json!({format!("{prefix}/service-account.name"): "other", "sub": format!("system:serviceaccount:{namespace}:other")}),
    );
    let uid = lay("uid", none(), json!({format!("{prefix}/service-account.uid"): "x"}));
    let issuer = lay("issuer", none(), json!({"iss": ISSUER}));
    let elsewhere = lay(
        "elsewhere",
        none(),
        json!({format!("{prefix}/namespace"): "kube-system", "sub": "system:serviceaccount:kube-system:robot"}),
    );
    // Signed rightly, but it lies nowhere.
    let mut nowhere = claims("good");
    nowhere["fresh"] = json!(true);
    let thief = Key::new();

    check(
        &world,
        [
            ("it lies there", me(&good), is_user(&format!("system:serviceaccount:{namespace}:robot"))),
            ("another in its place", me(sign(&nowhere)), unauthorized()),
            ("no such secret", me(sign(&claims("none"))), unauthorized()),
            ("its secret is gone", me(&removed), unauthorized()),
            ("marked as invalid", me(&marked), unauthorized()),
            ("another subject", me(&subject), unauthorized()),
            ("no subject", me(&nameless), unauthorized()),
            ("another account", me(&account), unauthorized()),
            ("another uid", me(&uid), unauthorized()),
            ("another namespace", me(&elsewhere), unauthorized()),
            ("the issuer of the others", me(&issuer), unauthorized()),
            ("another key", me(thief.token(&header, &claims("good"))), unauthorized()),
            (
                "no signature",
                me(unsigned("{\"alg\":\"none\"}", &claims("good").to_string()) + "."),
                unauthorized(),
            ),
        ],
    );
}

#[test]
fn tokens_are_issued_to_whom_they_belong() {
    let world = world();
    let namespace = "tokens-issued";
    world.namespace(namespace);
    world.namespace("tokens-issued-elsewhere");
    for account in ["robot", "other"] {
        world.service_account(namespace, account);
    }
    let place = format!("/api/v1/namespaces/{namespace}");
    world.must(post(format!("{place}/pods"), &pod("robot", "pod")));
    world.service_account("tokens-issued-elsewhere", "robot");
    world.must(post("/api/v1/namespaces/tokens-issued-elsewhere/pods", &pod("robot", "elsewhere")));
    world.secret("tokens-issued-elsewhere", "elsewhere");
    world.secret(namespace, "tie");
    let path = |account: &str| format!("{place}/serviceaccounts/{account}/token");
    let request = |account: &str, spec: Value| post(path(account), &json!({"spec": spec}));
    let robot =
        world.must(request("robot", json!({})))["status"]["token"].as_str().expect("a token").to_owned();
    let core =
        |resource: &str, verb: &str| json!({"apiGroups": [""], "resources": [resource], "verbs": [verb]});
    let mut named = core("serviceaccounts/token", "create");
    named["resourceNames"] = json!(["robot"]);
    world.grant(
        "issuer",
        Some(namespace),
        "issuer",
        json!([named, core("serviceaccounts", "create"), core("serviceaccounts", "get")]),
    );
    world.settle(&request("robot", json!({})).by("issuer"), 201);
    let not = |user: &str, account: &str| -> Expected {
        forbidden(format!(
            "serviceaccounts \"{account}\" is forbidden: User \"{user}\" cannot create resource \"serviceaccounts/token\" in API group \"\" in the namespace \"{namespace}\""
        ))
    };
    let bound = |spec: Value| request("robot", spec).by("issuer");
    let for_seconds = |seconds: i64| request("robot", json!({"expirationSeconds": seconds})).by("issuer");
    let review = |token: &str, audiences: Value| {
        post(
            "/apis/authentication.k8s.io/v1/tokenreviews",
            &json!({"spec": {"token": token, "audiences": audiences}}),
        )
    };

    check(
        &world,
        [
            ("by whom it may be", request("robot", json!({})).by("issuer"), created()),
            ("for another account", request("other", json!({})).by("issuer"), not("issuer", "other")),
            ("by nobody", request("robot", json!({})).by("nobody"), not("nobody", "robot")),
            ("by the anonymous user", request("robot", json!({})), anonymous()),
            (
                "by the account itself",
                request("robot", json!({})).token(&robot),
                not(&format!("system:serviceaccount:{namespace}:robot"), "robot"),
            ),
            (
                "for another account, by one",
                request("other", json!({})).token(&robot),
                not(&format!("system:serviceaccount:{namespace}:robot"), "other"),
            ),
            (
                "in another namespace",
                post("/api/v1/namespaces/kube-system/serviceaccounts/default/token", &json!({})).by("issuer"),
                forbidden("in the namespace \"kube-system\""),
            ),
            (
                "for an account that isn't there",
                request("none", json!({})).by_admin(),
                not_found("serviceaccounts \"none\" not found"),
            ),
            (
                "for another name in the body",
                post(path("robot"), &json!({"metadata": {"name": "other"}})).by("issuer"),
                invalid("must match the service account name if specified"),
            ),
            (
                "for another namespace in the body",
                post(path("robot"), &json!({"metadata": {"namespace": "kube-system"}})).by("issuer"),
                bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ),
            ),
            ("for ten minutes", for_seconds(600), created()),
            ("for too short", for_seconds(599), invalid("may not specify a duration less than 10 minutes")),
            ("for no time", for_seconds(0), invalid("may not specify a duration less than 10 minutes")),
            (
                "for less than no time",
                for_seconds(-3600),
                invalid("may not specify a duration less than 10 minutes"),
            ),
            (
                "for too long",
                for_seconds((1 << 32) + 1),
                invalid("may not specify a duration larger than 2^32 seconds"),
            ),
            ("bound to its pod", bound(bound_to("Pod", "pod")), created()),
            (
                "bound to a pod of another namespace",
                bound(bound_to("Pod", "elsewhere")),
                not_found("pods \"elsewhere\" not found"),
            ),
            (
                "bound to a secret of another namespace",
                bound(bound_to("Secret", "elsewhere")),
                not_found("secrets \"elsewhere\" not found"),
            ),
            (
                "bound to a node that isn't there",
                bound(bound_to("Node", "none")),
                not_found("nodes \"none\" not found"),
            ),
            (
                "bound to a pod of another account",
                request("other", bound_to("Pod", "pod")).by_admin(),
                bad_request(
                    "cannot bind token for serviceaccount \"other\" to pod running with different serviceaccount name.",
                ),
            ),
            (
                "bound to a config map",
                bound(bound_to("ConfigMap", "none")),
                bad_request("cannot bind token to object of type /v1, Kind=ConfigMap"),
            ),
            (
                "bound to a secret with another uid",
                bound(
                    json!({"boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": "tie", "uid": "00000000-0000-0000-0000-000000000001"}}),
                ),
                status(409).reason("Conflict").saying("does not match the UID in record"),
            ),
            (
                "read",
                get(path("robot")).by("issuer"),
                forbidden("cannot get resource \"serviceaccounts/token\""),
            ),
            ("read, as administrator", get(path("robot")).by_admin(), status(405)),
            ("deleted, as administrator", delete(path("robot")).by_admin(), status(405)),
            // Who may ask whose a token is.
            (
                "asked about",
                review(&robot, json!([])).by_admin(),
                created().holding("/status/authenticated", true),
            ),
            (
                "asked about by nobody",
                review(&robot, json!([])).by("nobody"),
                forbidden("User \"nobody\" cannot create resource \"tokenreviews\""),
            ),
            (
                "asked about by its account",
                review(&robot, json!([])).token(&robot),
                forbidden("cannot create resource \"tokenreviews\""),
            ),
            (
                "asked about for others",
                review(&robot, json!(["elsewhere"])).by_admin(),
                created().holding("/status/authenticated", Value::Null).holding("/status/user", json!({})),
            ),
            (
                "asked about, though forged",
                review(&(robot.clone() + "x"), json!([])).by_admin(),
                created().holding("/status/authenticated", Value::Null),
            ),
            (
                "asked about, though empty",
                review("", json!([])).by_admin(),
                bad_request("token is required for TokenReview in authentication"),
            ),
            ("its account", get(format!("{place}/serviceaccounts/robot")).by("issuer"), ok()),
        ],
    );
}
