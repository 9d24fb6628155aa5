//! Tokens of other issuers, and requests without any, at a whole server.

use serde_json::json;

use super::client::{Client, Protocol};
use super::*;
use crate::authn::jwt::Source;
use crate::authn::jwt::testing::{Key, TestIssuer, configuration};

const WHO_AM_I: &str = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews";
const ADMIN: &str = "Bearer admintoken";

/// A server, and where its files are.
struct Asked<'a>(&'a Server, &'a Path);

impl Asked<'_> {
    /// Sends a request on a connection of its own: one over which nobody could be told ends.
    async fn send(&self, request: &str, authorization: Option<&str>, body: &str) -> (u16, serde_json::Value) {
        let mut client = Client::connect(self.0, self.1, Protocol::Http1, None).await;
        let headers: Vec<_> = authorization.into_iter().map(|value| ("authorization", value)).collect();
        let answer = client.send(request, &headers, body.to_owned()).await.expect("an answer");
        (answer.code, serde_json::from_str(&answer.text).unwrap_or_default())
    }

    async fn review(&self, token: &str, audiences: &[&str]) -> serde_json::Value {
        let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
            "spec": {"token": token, "audiences": audiences}});
        let path = "POST /apis/authentication.k8s.io/v1/tokenreviews";
        let (code, reviewed) = self.send(path, Some(ADMIN), &body.to_string()).await;
        assert_eq!(code, 201, "{reviewed}");
        reviewed["status"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn issuers_and_paths_of_the_configuration_file_are_let_in() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let key = Key::ec();
    let issuer = TestIssuer::start(&[key.web_key("k")]).await;
    let mut authentication = configuration(&[issuer.config()]);
    authentication["anonymous"] = json!({"enabled": true, "conditions": [{"path": "/livez"}]});
    authentication["jwt"][0]["userValidationRules"] =
        json!([{"expression": "!user.username.startsWith('system:')"}]);
    let file = directory.path().join("authentication.yaml");
    std::fs::write(&file, authentication.to_string()).expect("written");
    let mut config = config(directory.path());
    config.authentication.jwt = Source::File(file);
    let server = Box::pin(Server::start(config.clone())).await.expect("a server");
    let asked = Asked(&server, directory.path());

    let mut claims = issuer.claims();
    claims["groups"] = json!(["devs"]);
    let token = key.token("k", &claims);
    let bearer = format!("Bearer {token}");
    let discovered = async {
        while asked.send("GET /api/v1/secrets", Some(&bearer), "").await.0 == 401 {
            clock::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), discovered)
        .await
        .expect("the issuer is discovered in time");
    let (code, who) = asked.send(WHO_AM_I, Some(&bearer), "{}").await;
    assert_eq!(code, 201, "{who}");
    let user = &who["status"]["userInfo"];
    assert_eq!(user["username"], "jane");
    assert_eq!(user["groups"], json!(["oidc:devs", "system:authenticated"]));
    let (code, _) = asked.send("GET /api/v1/secrets", Some(&bearer), "").await;
    assert_eq!(code, 403);
    for (path, wanted) in [("/livez", 200), ("/livez?verbose", 200), ("/readyz", 401), ("/livez/ping", 401)] {
        let (code, _) = asked.send(&format!("GET {path}"), None, "").await;
        assert_eq!(code, wanted, "{path}");
    }
    let mut forbidden = claims.clone();
    forbidden["username"] = "system:admin".into();
    let other = format!("Bearer {}", key.token("k", &forbidden));
    assert_eq!(asked.send("GET /api/v1/secrets", Some(&other), "").await.0, 401);
    assert_eq!(asked.send("GET /livez", Some(&other), "").await.0, 401);

    let reviewed = asked.review(&token, &[]).await;
    assert_eq!((&reviewed["authenticated"], &reviewed["user"]["username"]), (&json!(true), &json!("jane")));
    assert_eq!(reviewed["audiences"], json!([authn::service_account::DEFAULT_ISSUER]));
    let for_others = asked.review(&token, &["others"]).await;
    assert_ne!(for_others["authenticated"], true, "{for_others}");
    claims["aud"] = "others".into();
    let refused = asked.review(&key.token("k", &claims), &[]).await;
    assert_ne!(refused["authenticated"], true);
    let why = refused["error"].as_str().expect("a reason");
    let wanted = "oidc: verify token: oidc: expected audience in [\"my-client\"] got [\"others\"]";
    assert!(why.contains(wanted), "{why}");

    let mut admin = Client::connect(&server, directory.path(), Protocol::Http1, None).await;
    let metrics = admin.send("GET /metrics", &[("authorization", ADMIN)], "").await.expect("an answer").text;
    for family in ["jwt_authenticator_latency_seconds_count", "config_controller_last_config_info"] {
        assert!(metrics.contains(&format!("apiserver_authentication_{family}")), "no {family}");
    }
    drop(admin);
    server.stop().await;

    // The file and the command line can't both say who may come in without credentials.
    config.authentication.anonymous_is_given = true;
    let failed = Box::pin(Server::start(config)).await.err().expect("a refusal").to_string();
    assert!(failed.starts_with("anonymous: Forbidden: --anonymous-auth flag cannot be set when"), "{failed}");
}
