//! What it costs to say who sends a request, and whether they may: time per decision, beside the design's targets.
//! `make bench WHAT=decisions` runs it; no server is started.
#![allow(missing_docs, reason = "a program")]
#![allow(clippy::disallowed_methods, reason = "a benchmark runs by the real clock")]

mod nodes;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http::header::{AUTHORIZATION, HeaderMap};
use keelson::authn::service_account::{
    Issuer, Kind, PublicKeys, Reference, SigningKey, Subjects, Verifier, Wanted,
};
use keelson::authn::token::{Believed, TokenAuthenticator};
use keelson::authn::token_cache::Cached;
use keelson::authn::token_file::Tokens;
use keelson::authn::{Anonymous, Authentication, Authenticator, ClientAuthorities, Credentials};
use keelson::authz::rbac::{Binding, Freshness, Policy, Rbac, RoleRef, Subject};
use keelson::authz::{Attributes, Authorizer, MASTERS, PrivilegedGroup, Union};
use keelson::request::UserInfo;
use keelson_api::rbac::Rule;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

const ROLES: usize = 1000;
const NAMESPACES: usize = 50;
const BINDINGS: usize = 5000;
/// How many of the bindings are of one user in the cluster, and in each namespace.
const OF_ONE_IN_CLUSTER: usize = 1000;
const OF_ONE_IN_NAMESPACE: usize = 20;

const TOKENS: usize = 1000;
const AUDIENCE: &str = "https://kubernetes.default.svc.cluster.local";

const AUTHORIZATION_TARGET_US: f64 = 10.0;
const AUTHENTICATION_TARGET_US: f64 = 5.0;

fn main() {
    // Cargo runs benches with `--test` in `cargo test`: there is nothing to test here.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    println!("\n## decisions\n{:<58}{:>10}{:>10}", "work", "µs", "target");
    runtime.block_on(authorization());
    runtime.block_on(nodes::authorization());
    runtime.block_on(authentication());
}

fn row(name: &str, target: f64, count: u32, begun: Instant) {
    let each = begun.elapsed().as_secs_f64() * 1e6 / f64::from(count);
    println!("{name:<58}{each:>10.2}{target:>10.1}");
}

/// The policy is as fresh as it gets.
struct Fresh;

#[async_trait]
impl Freshness for Fresh {
    async fn catch_up(&self) {}
}

fn texts<T: From<&'static str>>(list: &[&'static str]) -> Vec<T> {
    list.iter().copied().map(T::from).collect()
}

/// The rules of a role: pods of some kind, a few workloads, and what is called like the role.
fn rules(number: usize) -> Vec<Rule> {
    let verbs = || texts(&["get", "list", "watch", "create", "update", "patch", "delete"]);
    let own = format!("kind{number}");
    vec![
        Rule {
            verbs: texts(&["get", "list"]),
            api_groups: texts(&[""]),
            resources: texts(&["configmaps"]),
            ..Rule::default()
        },
        Rule {
            verbs: verbs(),
            api_groups: texts(&["apps", "batch"]),
            resources: texts(&["deployments", "statefulsets", "jobs", "deployments/scale"]),
            ..Rule::default()
        },
        Rule {
            verbs: verbs(),
            api_groups: texts(&["example.com"]),
            resources: vec![own.as_str().into()],
            ..Rule::default()
        },
    ]
}

/// 1,000 roles, half of them of the cluster, and 5,000 bindings: of `many`, and of users who have four each.
fn policy() -> Policy {
    let policy = Policy::default();
    let mut roles = Vec::with_capacity(ROLES);
    for number in 0..ROLES {
        let cluster = number % 2 == 0;
        let namespace = if cluster { String::new() } else { format!("ns{}", (number / 2) % NAMESPACES) };
        policy.set_role(&namespace, &format!("role{number}"), rules(number));
        roles.push((namespace, RoleRef { cluster, name: format!("role{number}").into() }));
    }
    let of_cluster: Vec<&RoleRef> = roles.iter().map(|(_, role)| role).filter(|role| role.cluster).collect();
    let mut bindings = Vec::with_capacity(BINDINGS);
    let mut bind = |namespace: String, role: &RoleRef, user: String| {
        bindings.push(Binding {
            namespace: namespace.into(),
            name: format!("binding{}", bindings.len()).into(),
            role: role.clone(),
            subjects: vec![Subject::User(user.into())],
        });
    };
    for i in 0..OF_ONE_IN_CLUSTER {
        bind(String::new(), of_cluster[i % of_cluster.len()], "many".into());
    }
    for i in 0..OF_ONE_IN_NAMESPACE * NAMESPACES {
        bind(format!("ns{}", i % NAMESPACES), of_cluster[i % of_cluster.len()], "many".into());
    }
    for i in 0..BINDINGS - OF_ONE_IN_CLUSTER - OF_ONE_IN_NAMESPACE * NAMESPACES {
        let (namespace, role) = &roles[i % roles.len()];
        let namespace = if role.cluster { format!("ns{}", i % NAMESPACES) } else { namespace.clone() };
        bind(namespace, role, format!("user{}", i / 4));
    }
    policy.replace_bindings(true, bindings.extract_if(.., |binding| binding.namespace.is_empty()).collect());
    policy.replace_bindings(false, bindings);
    policy
}

async fn authorization() {
    let rbac = Rbac::new(Arc::new(policy()), Arc::new(Fresh));
    let authorizer = Union::new(vec![Box::new(PrivilegedGroup(MASTERS)), Box::new(rbac)]);
    let groups = || texts(&["system:authenticated", "developers", "team-a", "team-b", "example.com/staff"]);
    for (name, what) in [("nobody", "no"), ("user0", "few"), ("many", "many")] {
        let user = UserInfo { name: name.to_owned(), groups: groups(), ..UserInfo::default() };
        // The first binding of `user0` is of this namespace, and of role 0.
        let asked = |resource| Attributes {
            group: "example.com",
            version: "v1",
            resource,
            namespace: "ns0",
            name: "object",
            ..Attributes::on_resources(&user, "update")
        };
        for (attributes, verdict) in [(asked("kind0"), "allowed"), (asked("nothing"), "refused")] {
            let allowed = authorizer.authorize(&attributes).await.is_allowed();
            if allowed != (verdict == "allowed") {
                // Who has no bindings is allowed nothing.
                continue;
            }
            let (begun, count) = (Instant::now(), 200_000);
            for _ in 0..count {
                black_box(authorizer.authorize(black_box(&attributes)).await.is_allowed());
            }
            let name = format!("authorize, {BINDINGS} bindings, a user with {what}: {verdict}");
            row(&name, AUTHORIZATION_TARGET_US, count, begun);
        }
    }
}

/// Service accounts that are all there.
struct Everyone;

#[async_trait]
impl Subjects for Everyone {
    async fn find(&self, _: Kind, _: &str, name: &str, uid: &str) -> Result<Option<Arc<Object>>, Status> {
        let mut object = Object::default();
        object.set_name(name);
        object.set_uid(uid);
        Ok(Some(Arc::new(object)))
    }

    async fn note_use(&self, _: &Object, _: &str) {}
}

/// Believes one token, slowly.
#[derive(Debug)]
struct Remote;

#[async_trait]
impl TokenAuthenticator for Remote {
    async fn judge(&self, token: &str, audiences: &[String]) -> Result<Option<Believed>, String> {
        tokio::task::yield_now().await;
        let groups = texts(&["devs", "system:authenticated"]);
        let user = UserInfo { name: "remote".to_owned(), groups, ..UserInfo::default() };
        let believed = || Believed { user: Arc::new(user), audiences: audiences.to_vec(), warning: None };
        Ok(token.starts_with("remote").then(believed))
    }
}

async fn authentication() {
    let key = rcgen::KeyPair::generate().expect("a key pair");
    let audiences = vec![AUDIENCE.to_owned()];
    let signing = SigningKey::from_pem(key.serialize_pem().as_bytes()).expect("a key");
    let mut keys = PublicKeys::default();
    keys.add(key.public_key_pem().as_bytes()).expect("a key");
    let issuer = Issuer::new(AUDIENCE.to_owned(), signing, audiences.clone(), None, true);
    let wanted = Wanted {
        namespace: "kube-system".to_owned(),
        account: Reference { name: "robot".to_owned(), uid: "1".to_owned() },
        audiences: audiences.clone(),
        seconds: 3600,
        ..Wanted::default()
    };
    let of_account = issuer.issue(wanted).await.expect("a token");
    let verifier = Verifier::new(audiences.clone(), keys, audiences.clone(), true, Arc::new(Everyone));
    let file: String = (0..TOKENS).map(|i| format!("token-{i},user{i},{i},\"a,b\"\n")).collect();
    let tokens = Tokens::parse(&file, "tokens.csv").expect("a file of tokens");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let authorities = Arc::new(ClientAuthorities::new(provider));
    let hour = Duration::from_secs(3600);
    let remote = Cached::new(Arc::new(Remote), audiences.clone(), hour, hour);
    let authenticator = Authenticator::new(authorities, audiences, Anonymous::Disabled)
        .with_tokens(Arc::new(tokens))
        .with_tokens(Arc::new(verifier))
        .with_tokens(Arc::new(remote));
    let all = [
        ("static", format!("token-{}", TOKENS / 2)),
        ("service account", of_account),
        ("an issuer's or a webhook's, 1 KB", format!("remote{}", "x".repeat(1000))),
    ];
    for (name, token) in all {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().expect("a header"));
        let credentials = Credentials { certificate: None, headers: &headers, path: "/api/v1/pods" };
        let first = authenticator.authenticate(credentials).outcome().await;
        assert!(first.user.is_ok(), "{:?}", first.user);
        let (begun, count) = (Instant::now(), 200_000);
        for _ in 0..count {
            match authenticator.authenticate(black_box(credentials)) {
                Authentication::Known(outcome) => drop(black_box(outcome)),
                Authentication::Asked(asked) => drop(black_box(asked.await)),
            }
        }
        let name = format!("authenticate a cached token, {name}");
        row(&name, AUTHENTICATION_TARGET_US, count, begun);
    }
}
