//! Service accounts that use their tokens.

use super::client::{BOTH, Client, Protocol};
use super::*;

const ADMIN: (&str, &str) = ("authorization", "Bearer admintoken");
const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
const WHO_AM_I: &str = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews";

async fn send(
    client: &mut Client,
    request: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, serde_json::Value) {
    let answer = client.send(request, headers, body.to_owned()).await.expect("an answer");
    (answer.code, serde_json::from_str(&answer.text).expect("JSON"))
}

/// A token of the account `robot`.
async fn issued(client: &mut Client) -> String {
    let (code, made) = send(client, &format!("POST {ACCOUNTS}/robot/token"), &[ADMIN], "{}").await;
    assert_eq!(code, 201, "{made}");
    format!("Bearer {}", made["status"]["token"].as_str().expect("a token"))
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_believed_until_their_account_is_gone() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = Box::pin(Server::start(config(directory.path()))).await.expect("a server");
    let mut admin = Client::connect(&server, directory.path(), Protocol::Http2, None).await;
    let robot = r#"{"metadata":{"name":"robot"}}"#;
    let (code, _) = send(&mut admin, &format!("POST {ACCOUNTS}"), &[ADMIN], robot).await;
    assert_eq!(code, 201);
    let (used, unused) = (issued(&mut admin).await, issued(&mut admin).await);
    for protocol in BOTH {
        let mut client = Client::connect(&server, directory.path(), protocol, None).await;
        // The second time nothing is looked up.
        for _ in 0..2 {
            let (code, who) = send(&mut client, WHO_AM_I, &[("authorization", &used)], "{}").await;
            assert_eq!(code, 201, "{who}");
            assert_eq!(who["status"]["userInfo"]["username"], "system:serviceaccount:default:robot");
        }
        let (code, _) = send(&mut client, "GET /api/v1/secrets", &[("authorization", &used)], "").await;
        assert_eq!(code, 403, "it has no rights of its own");
    }
    // Keys are kept: a server that starts again believes what it issued.
    server.stop().await;
    let server = Box::pin(Server::start(config(directory.path()))).await.expect("a server");
    let mut client = Client::connect(&server, directory.path(), Protocol::Http2, None).await;
    let (code, _) = send(&mut client, WHO_AM_I, &[("authorization", &used)], "{}").await;
    assert_eq!(code, 201);
    let (code, _) = send(&mut client, &format!("DELETE {ACCOUNTS}/robot"), &[ADMIN], "").await;
    assert_eq!(code, 200);
    let (code, refused) = send(&mut client, WHO_AM_I, &[("authorization", &unused)], "{}").await;
    assert_eq!((code, refused["reason"].as_str()), (401, Some("Unauthorized")));
    client.closed().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_find_the_keys() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = Box::pin(Server::start(config(directory.path()))).await.expect("a server");
    let mut client = Client::connect(&server, directory.path(), Protocol::Http2, None).await;
    let mut check = async |request: &str, accept: &'static str, code: u16, shown: &str, text: &str| {
        let answer = client.send(request, &[ADMIN, ("accept", accept)], "").await.expect("an answer");
        assert_eq!(answer.code, code, "{request} {accept}: {}", answer.text);
        assert_eq!(answer.header("content-type"), shown, "{request} {accept}");
        assert!(answer.text.contains(text), "{request} {accept}: {}", answer.text);
        let kept = if code == 200 { "public, max-age=3600" } else { "no-cache, private" };
        assert_eq!(answer.header("cache-control"), kept);
    };
    let (json, keys) = ("application/json", "application/jwk-set+json");
    let issuer = r#"{"issuer":"https://kubernetes.default.svc.cluster.local","jwks_uri":"https://"#;
    for accept in ["*/*", "application/json;q=0.9"] {
        check("GET /.well-known/openid-configuration", accept, 200, json, issuer).await;
    }
    for accept in ["*/*", "text/plain, application/jwk-set+json"] {
        check("GET /openid/v1/jwks", accept, 200, keys, r#"{"keys":[{"use":"sig","kty":"EC","kid":""#).await;
    }
    let refused = "406: Not Acceptable\\n\\nAvailable representations: application/jwk-set+json";
    check("GET /openid/v1/jwks", json, 406, json, refused).await;
    check("POST /openid/v1/jwks", "*/*", 405, json, "does not allow this method").await;
    server.stop().await;
}
