//! Tokens that are believed, and those that are not.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use keelson_apimachinery::Map;
use keelson_base::clock;
use parking_lot::Mutex;

use super::issuer::Wanted;
use super::*;
use crate::authn::token::TokenAuthenticator;

const RSA: &[u8] = include_bytes!("testdata/rsa.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("testdata/rsa.pub.pem");
const P384: &[u8] = include_bytes!("testdata/p384.pem");
const P521: &[u8] = include_bytes!("testdata/p521.pem");
/// What `openssl dgst -sha256` says of the public keys' DER.
const RSA_ID: &str = "nPtAIHfIY0Dc2jm1cOwdbDRT4yTQ4_35Meqfx1z2ucU";
const P384_ID: &str = "9NMgNxVeL7xCxeNG9bL43_2iDvlU6bWY0imv3sIXk3s";

const ISSUER: &str = "https://issuer";
const NAMESPACE: &str = "n";

/// Objects, and how often they were looked for.
#[derive(Default)]
struct Cluster {
    objects: Mutex<HashMap<(Kind, String), Arc<Object>>>,
    asked: AtomicUsize,
    used: Mutex<Vec<String>>,
}

impl Cluster {
    fn put(&self, kind: Kind, name: &str, uid: &str, change: impl FnOnce(&mut Object)) {
        let mut object = Object::default();
        object.set_name(name);
        object.set_uid(uid);
        change(&mut object);
        self.objects.lock().insert((kind, name.to_owned()), Arc::new(object));
    }

    fn remove(&self, kind: Kind, name: &str) {
        self.objects.lock().remove(&(kind, name.to_owned()));
    }
}

#[async_trait]
impl Subjects for Cluster {
    async fn find(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        _: &str,
    ) -> Result<Option<Arc<Object>>, Status> {
        assert_eq!(namespace, if kind == Kind::Node { "" } else { NAMESPACE });
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.objects.lock().get(&(kind, name.to_owned())).cloned())
    }

    async fn note_use(&self, secret: &Object, day: &str) {
        self.used.lock().push(format!("{} {day}", secret.name()));
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn key(pem: &[u8]) -> SigningKey {
    SigningKey::from_pem(pem).expect("a key")
}

fn issuer(name: &str, pem: &[u8]) -> Issuer {
    Issuer::new(name.to_owned(), key(pem), strings(&["api", "spare"]), None, true)
}

fn verifier(cluster: &Arc<Cluster>) -> Verifier {
    let mut keys = PublicKeys::default();
    keys.add(RSA_PUBLIC).expect("a key");
    keys.add(P384).expect("a key");
    let subjects: Arc<dyn Subjects> = cluster.clone();
    Verifier::new(strings(&[ISSUER, "https://older"]), keys, strings(&["api", "spare"]), true, subjects)
}

fn reference(name: &str) -> Option<Reference> {
    Some(Reference { name: name.to_owned(), uid: format!("{name}-uid") })
}

fn wanted() -> Wanted {
    Wanted {
        namespace: NAMESPACE.to_owned(),
        account: reference("robot").expect("an account"),
        audiences: strings(&["api"]),
        seconds: 3600,
        ..Wanted::default()
    }
}

/// A cluster in which all is there that the tests' tokens depend on.
fn cluster() -> Arc<Cluster> {
    let cluster = Arc::new(Cluster::default());
    for (kind, name) in
        [(Kind::ServiceAccount, "robot"), (Kind::Pod, "pod"), (Kind::Secret, "secret"), (Kind::Node, "node")]
    {
        cluster.put(kind, name, &format!("{name}-uid"), |_| {});
    }
    cluster
}

/// The user's name, or why there is none.
async fn judged(verifier: &Verifier, token: &str) -> String {
    match verifier.judge(token, &strings(&["api", "spare"])).await {
        Ok(Some(believed)) => believed.user.name.clone(),
        Ok(None) => "nobody".to_owned(),
        Err(why) => why,
    }
}

const ROBOT: &str = "system:serviceaccount:n:robot";

#[tokio::test]
async fn keys_have_the_names_that_upstream_gives_them() {
    for (pem, id, algorithm) in [(RSA, RSA_ID, "RS256"), (P384, P384_ID, "ES384")] {
        assert_eq!(key(pem).public().id(), id);
        let token = issuer(ISSUER, pem).issue(wanted()).await.expect("a token");
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("base64");
        assert_eq!(header, format!(r#"{{"alg":"{algorithm}","kid":"{id}"}}"#).as_bytes());
    }
    let mut keys = PublicKeys::default();
    keys.add(RSA).expect("the public part");
    keys.add(&[RSA_PUBLIC, b"\n", P384].concat()).expect("two keys");
    let ids: Vec<&str> = keys.named("").map(PublicKey::id).collect();
    assert_eq!(ids, [RSA_ID, RSA_ID, P384_ID]);
}

#[test]
fn every_form_of_a_key_is_read() {
    for own in [rcgen::KeyPair::generate(), rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384)] {
        let own = own.expect("a key");
        let mut keys = PublicKeys::default();
        keys.add(own.public_key_pem().as_bytes()).expect("a public key");
        let params = rcgen::CertificateParams::default();
        keys.add(params.self_signed(&own).expect("a certificate").pem().as_bytes()).expect("a certificate");
        let id = key(own.serialize_pem().as_bytes()).public().id().to_owned();
        assert!(keys.named("").all(|key| key.id() == id));
    }
    let none = SigningKey::from_pem(b"nothing").map(|_| ());
    assert_eq!(none, Err(KeyError::NoPrivateKey));
    assert_eq!(SigningKey::from_pem(RSA_PUBLIC).map(|_| ()), Err(KeyError::NoPrivateKey));
    assert_eq!(PublicKeys::default().add(b""), Err(KeyError::NoPublicKey));
    assert_eq!(SigningKey::from_pem(P521).map(|_| ()), Err(KeyError::P521));
    assert_eq!(PublicKeys::default().add(P521), Err(KeyError::P521));
}

#[test]
fn claims_are_those_of_upstream() {
    let issuer = issuer(ISSUER, P384);
    let check = |wanted: Wanted, expected: &str| {
        let mut claims = issuer.claims(wanted, 1000);
        assert_eq!(claims.id.len(), 36);
        claims.id = "ID".to_owned();
        let json = serde_json::to_string(&claims).expect("JSON");
        assert_eq!(json, expected.replace("\n", ""));
        assert_eq!(serde_json::from_str::<Claims>(&json).expect("claims"), claims);
    };
    check(
        wanted(),
        r#"{"aud":["api"],"exp":4600,"iat":1000,"iss":"https://issuer","jti":"ID",
"kubernetes.io":{"namespace":"n","serviceaccount":{"name":"robot","uid":"robot-uid"}},
"nbf":1000,"sub":"system:serviceaccount:n:robot"}"#,
    );
    let on_node = Some(Reference { name: "gone".to_owned(), uid: String::new() });
    let of_pod = Wanted { pod: reference("pod"), node: on_node, seconds: 3607, ..wanted() };
    check(
        of_pod.clone(),
        r#"{"aud":["api"],"exp":31537000,"iat":1000,"iss":"https://issuer","jti":"ID",
"kubernetes.io":{"namespace":"n","node":{"name":"gone"},"pod":{"name":"pod","uid":"pod-uid"},
"serviceaccount":{"name":"robot","uid":"robot-uid"},"warnafter":4607},
"nbf":1000,"sub":"system:serviceaccount:n:robot"}"#,
    );
    // For others than the API, or for another time, it is not extended.
    for other in [
        Wanted { audiences: strings(&["api", "vault"]), ..of_pod.clone() },
        Wanted { seconds: 3600, ..of_pod.clone() },
        Wanted { pod: None, secret: reference("secret"), ..of_pod },
    ] {
        let seconds = other.seconds;
        let claims = issuer.claims(other, 1000);
        assert_eq!((claims.expires, claims.kubernetes.warn_after), (Some(1000 + seconds), None));
    }
}

#[tokio::test]
async fn good_tokens_name_their_users() {
    let cluster = cluster();
    let verifier = verifier(&cluster);
    let check = async |wanted: Wanted, pem: &[u8], extra: &[(&str, &str)]| {
        let token = issuer(ISSUER, pem).issue(wanted).await.expect("a token");
        assert!(verifier.is_concerned(&token));
        let believed =
            verifier.judge(&token, &strings(&["spare", "api"])).await.expect("believed").expect("known");
        assert_eq!(believed.audiences, ["api"]);
        assert_eq!((believed.user.name.as_str(), believed.user.uid.as_str()), (ROBOT, "robot-uid"));
        let groups = ["system:serviceaccounts", "system:serviceaccounts:n", "system:authenticated"];
        assert_eq!(believed.user.groups, groups);
        let mut seen = believed.user.extra.clone();
        let id = seen.remove("authentication.kubernetes.io/credential-id").expect("an id");
        assert!(id[0].starts_with("JTI=") && id[0].len() == 40, "{id:?}");
        let seen: Vec<(&str, &str)> = seen
            .iter()
            .map(|(k, v)| (k.trim_start_matches("authentication.kubernetes.io/"), v[0].as_str()))
            .collect();
        assert_eq!(seen, extra);
    };
    check(wanted(), RSA, &[]).await;
    check(wanted(), P384, &[]).await;
    check(Wanted { secret: reference("secret"), ..wanted() }, P384, &[]).await;
    let node = [("node-name", "node"), ("node-uid", "node-uid")];
    check(Wanted { node: reference("node"), ..wanted() }, P384, &node).await;
    let pod = [("node-name", "node"), ("node-uid", "node-uid"), ("pod-name", "pod"), ("pod-uid", "pod-uid")];
    cluster.remove(Kind::Node, "node");
    check(Wanted { pod: reference("pod"), node: reference("node"), ..wanted() }, P384, &pod).await;
}

#[tokio::test]
async fn tokens_are_refused_for_what_they_say() {
    let verifier = verifier(&cluster());
    let ours = issuer(ISSUER, P384);
    let now = clock::now().as_second();
    let check = async |change: &dyn Fn(&mut Claims), expected: &str| {
        let mut claims = ours.claims(wanted(), now);
        change(&mut claims);
        let token = ours.sign(claims).await.expect("a token");
        assert_eq!(judged(&verifier, &token).await, expected);
    };
    check(&|_| {}, ROBOT).await;
    check(&|c| c.issuer = "https://older".into(), ROBOT).await;
    check(&|c| c.audiences.clear(), ROBOT).await;
    check(&|c| c.expires = Some(now - 50), ROBOT).await;
    check(&|c| c.expires = Some(now - 70), "service account token has expired").await;
    check(&|c| c.expires = Some(i64::MIN), "service account token has expired").await;
    check(&|c| c.not_before = Some(now + 70), "service account token is not valid yet").await;
    check(&|c| c.not_before = Some(i64::MAX), "service account token is not valid yet").await;
    check(&|c| c.issued_at = Some(now + 70), "service account token is issued in the future").await;
    let elsewhere = r#"token audiences ["vault"] is invalid for the target audiences ["api" "spare"]"#;
    check(&|c| c.audiences = strings(&["vault"]), elsewhere).await;
    check(&|c| c.issuer = "https://other".into(), r#"token issuer "https://other" is invalid"#).await;
    check(&|c| c.kubernetes.account.name.clear(), r#"serviceaccounts "" not found"#).await;
    check(&|c| c.kubernetes = Private::default(), r#"serviceaccounts "" not found"#).await;
    check(
        &|c| c.kubernetes.account.uid = "x".into(),
        "service account UID (robot-uid) does not match claim (x)",
    )
    .await;
}

#[tokio::test]
async fn tokens_of_other_keys_and_forged_ones_are_refused() {
    let verifier = verifier(&cluster());
    let foreign = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    let token = issuer(ISSUER, foreign.as_bytes()).issue(wanted()).await.expect("a token");
    assert_eq!(judged(&verifier, &token).await, "invalid signature, no keys found");

    let good = issuer(ISSUER, P384).issue(wanted()).await.expect("a token");
    let parts: Vec<&str> = good.split('.').collect();
    let payload = URL_SAFE_NO_PAD.decode(parts[1]).expect("base64");
    let payload = String::from_utf8(payload).expect("text").replace("robot", "admin");
    let forged = |header: &str, payload: &str, signature: &str| {
        format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
    };
    let failure = "go-jose/go-jose: error in cryptographic primitive";
    let header = |alg: &str| format!(r#"{{"alg":"{alg}","kid":"{P384_ID}"}}"#);
    for (token, why) in [
        (forged(&header("ES384"), &payload, parts[2]), failure),
        (forged(&header("none"), &payload, ""), failure),
        (forged(&header("HS256"), &payload, parts[2]), failure),
        (forged(r#"{"alg":"none"}"#, &payload, ""), failure),
        (forged(r#"{"alg":"ES384","crit":["b64"],"b64":false}"#, &payload, parts[2]), "nobody"),
        (format!("{good}A"), "nobody"),
    ] {
        assert!(verifier.is_concerned(&token));
        assert_eq!(judged(&verifier, &token).await, why, "{token}");
        assert!(verifier.recall(&token).is_none());
    }
    for other in ["", "a.b", "a.b.c", "....", &format!("{good}.x"), &forged("{}", r#"{"iss":"x"}"#, "")] {
        assert!(!verifier.is_concerned(other), "{other}");
    }
}

#[tokio::test]
async fn tokens_end_with_what_they_are_bound_to() {
    let gone = "service account token has been invalidated";
    let check = async |bound: Kind, change: &dyn Fn(&Cluster, &str), expected: &str| {
        let cluster = cluster();
        let verifier = verifier(&cluster);
        let (name, wanted) = match bound {
            Kind::ServiceAccount => ("robot", wanted()),
            Kind::Pod => ("pod", Wanted { pod: reference("pod"), ..wanted() }),
            Kind::Secret => ("secret", Wanted { secret: reference("secret"), ..wanted() }),
            Kind::Node => ("node", Wanted { node: reference("node"), ..wanted() }),
        };
        let token = issuer(ISSUER, P384).issue(wanted).await.expect("a token");
        change(&cluster, name);
        assert_eq!(judged(&verifier, &token).await, expected, "{bound:?}");
    };
    let ending = |kind: Kind, seconds: i64| {
        move |cluster: &Cluster, name: &str| {
            let at = clock::Timestamp::from_second(clock::now().as_second() + seconds).expect("a time");
            let text = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            cluster.put(kind, name, &format!("{name}-uid"), |o| o.set_deletion_timestamp(Some(&text)));
        }
    };
    for kind in [Kind::ServiceAccount, Kind::Pod, Kind::Secret, Kind::Node] {
        let account = kind == Kind::ServiceAccount;
        let missing = if account { r#"serviceaccounts "robot" not found"# } else { gone };
        check(kind, &|cluster, name| cluster.remove(kind, name), missing).await;
        // What is being deleted counts for a minute past its time.
        check(kind, &ending(kind, 30), ROBOT).await;
        check(kind, &ending(kind, -50), ROBOT).await;
        let ended = if account { "service account n/robot has been deleted" } else { gone };
        check(kind, &ending(kind, -70), ended).await;
    }
    let again = |kind| move |cluster: &Cluster, name: &str| cluster.put(kind, name, "new", |_| {});
    for (kind, why) in [
        (Kind::ServiceAccount, "service account UID (new) does not match claim (robot-uid)"),
        (Kind::Pod, "pod UID (new) does not match service account pod ref claim (pod-uid)"),
        (Kind::Secret, "secret UID (new) does not match service account secret ref claim (secret-uid)"),
        (Kind::Node, "node UID (new) does not match service account node ref claim (node-uid)"),
    ] {
        check(kind, &again(kind), why).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_believed_is_believed_for_a_moment() {
    let cluster = cluster();
    let verifier = verifier(&cluster);
    let token = issuer(ISSUER, P384).issue(wanted()).await.expect("a token");
    assert!(verifier.recall(&token).is_none());
    assert_eq!(judged(&verifier, &token).await, ROBOT);
    assert_eq!(cluster.asked.load(Ordering::Relaxed), 1);
    assert!(verifier.recall(&token).is_some());
    // It says nothing of other audiences.
    verifier.judge(&token, &strings(&["vault"])).await.expect_err("another audience");
    assert_eq!(cluster.asked.load(Ordering::Relaxed), 1);

    clock::sleep(ACCEPTED_FOR).await;
    assert!(verifier.recall(&token).is_none());
    assert_eq!(judged(&verifier, &token).await, ROBOT);
    assert_eq!(cluster.asked.load(Ordering::Relaxed), 2, "the account is looked for again");

    cluster.remove(Kind::ServiceAccount, "robot");
    assert!(verifier.recall(&token).is_some(), "for a moment");
    clock::sleep(ACCEPTED_FOR).await;
    assert_eq!(judged(&verifier, &token).await, r#"serviceaccounts "robot" not found"#);
    assert!(verifier.recall(&token).is_none());
}

#[tokio::test]
async fn tokens_in_secrets_are_believed_while_they_are_there() {
    let cluster = cluster();
    let verifier = verifier(&cluster);
    let payload = |account: &str| {
        format!(
            r#"{{"iss":"kubernetes/serviceaccount","sub":"system:serviceaccount:n:{account}",
            "kubernetes.io/serviceaccount/namespace":"n",
            "kubernetes.io/serviceaccount/secret.name":"secret",
            "kubernetes.io/serviceaccount/service-account.name":"robot",
            "kubernetes.io/serviceaccount/service-account.uid":"robot-uid"}}"#
        )
    };
    let sign = |account: &str| key(RSA).sign(payload(account).as_bytes()).expect("a token");
    let token = sign("robot");
    let put = |copy: &str, change: &dyn Fn(&mut Object)| {
        cluster.put(Kind::Secret, "secret", "secret-uid", |secret| {
            let mut data = Map::new();
            data.insert("token", STANDARD.encode(copy));
            secret.members_mut().insert("data", data);
            change(secret);
        });
    };
    let label = |secret: &mut Object, key: &'static str, value: &str| {
        let mut labels = Map::new();
        labels.insert(key, value);
        secret.set_labels(labels);
    };
    assert_eq!(judged(&verifier, &token).await, "Token does not match server's copy");
    put("another", &|_| {});
    assert_eq!(judged(&verifier, &token).await, "Token does not match server's copy");
    put(&token, &|secret| label(secret, "kubernetes.io/legacy-token-invalid-since", "2026-01-01"));
    assert!(judged(&verifier, &token).await.contains("has been marked invalid"));
    assert_eq!(cluster.used.lock().len(), 1, "the use is noted");
    let today = clock::now().strftime("%Y-%m-%d").to_string();
    put(&token, &|secret| label(secret, LAST_USED, &today));
    let believed = verifier.judge(&token, &strings(&["api"])).await.expect("believed").expect("known");
    assert_eq!((believed.user.name.as_str(), believed.warning), (ROBOT, None));
    assert!(believed.user.extra.is_empty());
    assert_eq!(cluster.used.lock().len(), 1, "it was noted today");
    assert_eq!(judged(&verifier, &sign("admin")).await, "sub claim is invalid");
    cluster.remove(Kind::Secret, "secret");
    let again = key(RSA).sign(format!("{} ", payload("robot")).as_bytes()).expect("a token");
    assert_eq!(judged(&verifier, &again).await, "Token has been invalidated");
}

#[test]
fn others_find_the_keys() {
    let mut keys = PublicKeys::default();
    keys.add(RSA).expect("a key");
    keys.add(P384).expect("a key");
    let made = discovery::documents(ISSUER, "https://here/openid/v1/jwks", &keys).expect("documents");
    assert_eq!(
        made.configuration,
        r#"{"issuer":"https://issuer","jwks_uri":"https://here/openid/v1/jwks","response_types_supported":["id_token"],"subject_types_supported":["public"],"id_token_signing_alg_values_supported":["ES384","RS256"]}"#
    );
    let set: serde_json::Value = serde_json::from_str(&made.keys).expect("JSON");
    let first = format!(r#"{{"keys":[{{"use":"sig","kty":"RSA","kid":"{RSA_ID}","alg":"RS256","n":""#);
    assert!(made.keys.starts_with(&first) && made.keys.contains(r#"","e":"AQAB"},{"use":"sig","kty":"EC""#));
    assert!(made.keys.contains(&format!(r#""kid":"{P384_ID}","crv":"P-384","alg":"ES384","x":""#)));
    assert_eq!(set["keys"][1]["x"].as_str().map(str::len), Some(64));
    for (issuer, url) in [("kubernetes", "https://a"), ("https://a?b", "https://a"), (ISSUER, "http://a")] {
        discovery::documents(issuer, url, &keys).expect_err(issuer);
    }
}

proptest::proptest! {
    #[test]
    fn whatever_is_sent_or_lies_in_a_file_is_read(
        token in "[A-Za-z0-9_.=-]{0,120}",
        payload in r#"\{("(aud|exp|nbf|iss|kubernetes.io)":(null|-?[0-9]{1,25}(e9)?|"x"|\["x",1?\]|\{\}),?){0,4}\}"#,
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120),
        at in 0..400_usize,
    ) {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let made = format!("{}.{}.{}", encode(br#"{"alg":"RS256"}"#), encode(payload.as_bytes()), encode(&bytes));
        for token in [&token, &made] {
            let claimed = crate::authn::jws::claimed_issuer(token);
            if let Some(parts) = claims::parse(token) {
                proptest::prop_assert_eq!(Some(parts.claims.issuer), claimed);
            }
        }
        // Made-up files, and a key of which something is broken.
        let file = |content: &[u8]| {
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(content))
        };
        let pem = x509_parser::pem::Pem::iter_from_buffer(RSA).next().expect("a block").expect("a key");
        let mut broken = pem.contents;
        let length = broken.len();
        broken[at % length] ^= bytes.first().copied().unwrap_or(1) | 1;
        for content in [&bytes, &broken] {
            let _ = PublicKeys::default().add(file(content).as_bytes());
            let _ = SigningKey::from_pem(file(content).as_bytes());
        }
    }
}
