//! Tokens that are believed, and those that are not, end to end.

use super::*;

/// An issuer with an RSA key `rsa` and an elliptic one `ec`.
async fn issuer() -> (TestIssuer, Key, Key) {
    let (rsa, ec) = (Key::rsa(), Key::ec());
    (TestIssuer::start(&[rsa.web_key("rsa"), ec.web_key("ec")]).await, rsa, ec)
}

/// Claims with some of them changed; `null` takes one away.
fn changed(mut claims: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => claims.as_object_mut().expect("an object").remove(name),
            value => claims.as_object_mut().expect("an object").insert(name.clone(), value.clone()),
        };
    }
    claims
}

const JANE: &str = "jane system:authenticated";

#[tokio::test]
async fn tokens_are_judged_by_what_they_say() {
    let (issuer, rsa, _) = issuer().await;
    let running = Running::start(&configuration(&[issuer.config()])).await;
    let check = async |changes: Value, wanted: &str| {
        let token = rsa.token("rsa", &changed(issuer.claims(), &changes));
        let judged = running.judged(&token).await;
        assert!(judged.starts_with(wanted), "{changes}: {judged}, not {wanted}");
    };
    let verify = |why: &str| format!("oidc: verify token: oidc: {why}");
    check(json!({}), JANE).await;
    check(json!({"groups": "one"}), "jane oidc:one,system:authenticated").await;
    check(json!({"groups": ["a", "b"]}), "jane oidc:a,oidc:b,system:authenticated").await;
    check(json!({"groups": []}), JANE).await;
    check(json!({"groups": 1}), "oidc: parse groups claim \"groups\": json: cannot unmarshal number").await;
    check(json!({"groups": ["a", 1]}), "oidc: parse groups claim \"groups\": json: cannot unmarshal array")
        .await;
    check(json!({"username": null}), "oidc: parse username claims \"username\": claim not present").await;
    check(json!({"username": 1}), "oidc: parse username claims \"username\": json: cannot unmarshal").await;
    check(json!({"aud": ["x", CLIENT]}), JANE).await;
    let audience = format!("expected audience in [\"{CLIENT}\"] got");
    for other in [json!("other"), json!(["x"]), json!(null), json!([])] {
        check(json!({ "aud": other }), &verify(&audience)).await;
    }
    check(json!({"exp": now() - 2}), &verify("token is expired (Token Expiry: ")).await;
    check(json!({"exp": null}), &verify("token is expired")).await;
    check(json!({"exp": "x"}), &verify("failed to unmarshal claims: ")).await;
    check(json!({"exp": 1e300}), &verify("failed to unmarshal claims: ")).await;
    check(json!({"exp": i64::MAX}), JANE).await;
    check(json!({"exp": (now() + 60).to_string()}), JANE).await;
    check(json!({"nbf": now() + 290}), JANE).await;
    check(json!({"nbf": now() + 310}), &verify("current time ")).await;
    check(json!({"iat": now() + 1000}), JANE).await;
    check(json!({"iat": "soon"}), &verify("failed to unmarshal claims: ")).await;
    check(json!({"sub": 7}), &verify("failed to unmarshal claims: ")).await;
    check(json!({"iss": "https://somebody-else"}), "nobody's").await;
    check(json!({"iss": 7}), "nobody's").await;
    running.stop().await;
}

#[tokio::test]
async fn signatures_are_those_of_the_issuers_keys() {
    let (issuer, rsa, ec) = issuer().await;
    let running = Running::start(&configuration(&[issuer.config()])).await;
    let claims = issuer.claims();
    let check = async |token: &str, wanted: &str| {
        let judged = running.judged(token).await;
        assert!(judged.contains(wanted), "{judged}, not {wanted}");
    };
    for algorithm in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        check(&rsa.token_with(&json!({"alg": algorithm, "kid": "rsa"}), &claims), JANE).await;
    }
    check(&ec.token("ec", &claims), JANE).await;
    check(&ec.token_with(&json!({"alg": "ES256"}), &claims), JANE).await;

    let unexpected = |name: &str| {
        format!(
            "oidc: verify token: oidc: malformed jwt: unexpected signature algorithm \"{name}\"; expected ["
        )
    };
    check(&signed(&json!({"alg": "none"}), &claims, |_| Vec::new()), &unexpected("none")).await;
    for name in ["None", "rs256", "ES512", "EdDSA", ""] {
        check(&rsa.token_with(&json!({"alg": name, "kid": "rsa"}), &claims), &unexpected(name)).await;
    }
    // The public key is known to all; as a secret it proves nothing.
    let public = rsa.web_key("rsa").to_string();
    for secret in [RSA, &public] {
        let mac = |message: &[u8]| {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
            ring::hmac::sign(&key, message).as_ref().to_vec()
        };
        check(&signed(&json!({"alg": "HS256", "kid": "rsa"}), &claims, mac), &unexpected("HS256")).await;
        // As is a MAC that claims to be a signature.
        check(&signed(&json!({"alg": "RS256", "kid": "rsa"}), &claims, mac), "failed to verify").await;
    }
    // A key of one kind, an algorithm of the other; and a good signature under another key's name.
    check(&rsa.token_with(&json!({"alg": "ES256", "kid": "rsa"}), &claims), "failed to verify").await;
    check(&ec.token_with(&json!({"alg": "RS256", "kid": "ec"}), &claims), "failed to verify").await;
    check(&ec.token("rsa", &claims), "failed to verify").await;
    // Forged: another's key, other claims, extensions that must be understood.
    check(&Key::ec().token("ec", &claims), "failed to verify").await;
    let good = rsa.token("rsa", &claims);
    let mut parts: Vec<&str> = good.split('.').collect();
    let others = URL_SAFE_NO_PAD.encode(changed(claims.clone(), &json!({"username": "admin"})).to_string());
    parts[1] = &others;
    check(&parts.join("."), "failed to verify").await;
    let critical = json!({"alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": false});
    check(&rsa.token_with(&critical, &claims), "malformed jwt").await;
    for broken in
        ["", "a", "a.b", "a.b.c", "..", &good[..good.len() - 5], &format!("{good}."), &format!("{good}=")]
    {
        let judged = running.judge(broken).await;
        assert!(!matches!(judged, Ok(Some(_))), "{broken}");
    }
    running.stop().await;
}

#[tokio::test]
async fn keys_may_change() {
    let (old, new) = (Key::ec(), Key::ec());
    let issuer = TestIssuer::start(&[old.web_key("old")]).await;
    let running = Running::start(&configuration(&[issuer.config()])).await;
    let claims = issuer.claims();
    assert_eq!(running.judged(&old.token("old", &claims)).await, JANE);
    let before = issuer.fetches();
    assert_eq!(running.judged(&old.token("old", &claims)).await, JANE);
    assert_eq!(issuer.fetches(), before, "known keys are not fetched");
    issuer.publish(&[new.web_key("new")]);
    // All who need the new key wait for the same fetch.
    let token = new.token("new", &claims);
    let many = join_all((0..20).map(|_| running.judged(&token))).await;
    assert!(many.iter().all(|judged| judged == JANE), "{many:?}");
    assert!(issuer.fetches() <= before + 2, "{} fetches", issuer.fetches());
    assert!(
        running.judged(&old.token("old", &claims)).await.ends_with("failed to verify id token signature")
    );
    running.stop().await;
}

#[tokio::test]
async fn tokens_are_for_the_server_whatever_their_audience() {
    let (issuer, rsa, _) = issuer().await;
    let running = Running::start(&configuration(&[issuer.config()])).await;
    let token = rsa.token("rsa", &changed(issuer.claims(), &json!({"jti": "id-1"})));
    let authenticators = &running.started.authenticators;
    let believed = authenticators.judge(&token, &["x".to_owned(), API.to_owned()]).await;
    let believed = believed.expect("it is believed").expect("somebody's");
    assert_eq!(believed.audiences, [API]);
    let credential = &believed.user.extra["authentication.kubernetes.io/credential-id"];
    assert_eq!(credential, &["JTI=id-1"]);
    let for_another = authenticators.judge(&token, &["x".to_owned()]).await;
    assert!(matches!(for_another, Ok(None)), "{for_another:?}");
    running.stop().await;
}

#[tokio::test]
async fn the_flags_alone_configure_an_issuer() {
    let (issuer, rsa, ec) = issuer().await;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ca_file = directory.path().join("ca.pem");
    std::fs::write(&ca_file, &issuer.peer.authority).expect("written");
    let flags = Flags {
        issuer_url: issuer.url(),
        client_id: CLIENT.to_owned(),
        username_claim: "sub".to_owned(),
        groups_claim: "groups".to_owned(),
        groups_prefix: "g:".to_owned(),
        required_claims: [("tier".to_owned(), "gold".to_owned())].into(),
        signing_algorithms: vec!["RS256"],
        ca_file: Some(ca_file),
        ..Flags::default()
    };
    let (around, registry) = (surroundings(), Registry::new());
    let (tasks, end) = (around.tasks.clone(), around.end.clone());
    let started = start(&Source::Flags(Box::new(flags)), around, &registry).expect("good").expect("some");
    assert!(started.reloader.is_none());
    let authenticators = started.authenticators;
    authenticators.current.load().issuers[0].provider().ready().await;
    let check = async |token: &str, wanted: &str| {
        let judged = authenticators.judge(token, &[API.to_owned()]).await;
        let judged =
            judged.map(|found| found.map(|found| (found.user.name.clone(), found.user.groups.clone())));
        assert!(format!("{judged:?}").contains(wanted), "{judged:?}, not {wanted}");
    };
    let claims = changed(issuer.claims(), &json!({"sub": "7", "groups": ["a"], "tier": "gold"}));
    let name = format!("({:?}, [\"g:a\", \"system:authenticated\"])", format!("{}#7", issuer.url()));
    check(&rsa.token("rsa", &claims), &name).await;
    check(&ec.token("ec", &claims), r#"unexpected signature algorithm \"ES256\"; expected [\"RS256\"]"#)
        .await;
    let tier = |value: Value| changed(claims.clone(), &json!({ "tier": value }));
    check(&rsa.token("rsa", &tier(json!("silver"))), "Got = silver, want = gold").await;
    check(&rsa.token("rsa", &tier(json!(null))), "required claim tier not present in ID token").await;
    check(&rsa.token("rsa", &tier(json!(1))), "parse claim tier: json: cannot unmarshal number").await;
    end.begin();
    tasks.wait(Duration::from_secs(20)).await.expect("all ended");
}

#[tokio::test]
async fn what_is_judged_is_counted() {
    let (issuer, rsa, _) = issuer().await;
    let running = Running::start(&configuration(&[issuer.config()])).await;
    running.judged(&rsa.token("rsa", &issuer.claims())).await;
    running.judged(&rsa.token("rsa", &changed(issuer.claims(), &json!({"aud": "x"})))).await;
    running.judged(&rsa.token("rsa", &changed(issuer.claims(), &json!({"iss": "https://x"})))).await;
    let text = running.registry.encode().expect("text");
    let hash = metrics::hash(issuer.url().as_bytes());
    let server = metrics::hash(b"apiserver-test");
    let keys = metrics::hash(issuer.keys.lock().as_bytes());
    for line in [
        format!("latency_seconds_count{{jwt_issuer_hash=\"{hash}\",result=\"failure\"}} 1"),
        format!("latency_seconds_count{{jwt_issuer_hash=\"{hash}\",result=\"success\"}} 1"),
        format!(
            "jwks_fetch_last_timestamp_seconds{{apiserver_id_hash=\"{server}\",jwt_issuer_hash=\"{hash}\",result=\"success\"}} "
        ),
        format!(
            "jwks_fetch_last_key_set_info{{apiserver_id_hash=\"{server}\",hash=\"{keys}\",jwt_issuer_hash=\"{hash}\"}} 1"
        ),
    ] {
        assert!(
            text.contains(&format!("apiserver_authentication_jwt_authenticator_{line}")),
            "no {line} in\n{text}"
        );
    }
    running.stop().await;
}

#[tokio::test]
async fn groups_may_be_elsewhere() {
    let holder_key = Key::ec();
    let holder = TestIssuer::start(&[holder_key.web_key("h")]).await;
    let (issuer, rsa, _) = issuer().await;
    // Both are asked with the same authorities.
    let mut config = issuer.config();
    config["issuer"]["certificateAuthority"] =
        format!("{}{}", issuer.peer.authority, holder.peer.authority).into();
    let held = holder_key.token("h", &changed(holder.claims(), &json!({"groups": ["far", "away"]})));
    let endpoint = Peer::start(move |_, asked| match asked.head.uri.path() {
        "/groups" if asked.header("authorization") == "Bearer let-me-in" => Reply::ok(held.clone()),
        "/moved" => Reply::With(302, vec![("location", "/groups")], String::new()),
        "/empty" => Reply::ok(""),
        _ => Reply::Answer(403, String::new()),
    });
    let endpoint = endpoint.await;
    config["issuer"]["certificateAuthority"] =
        format!("{}{}", config["issuer"]["certificateAuthority"].as_str().expect("text"), endpoint.authority)
            .into();
    let running = Running::start(&configuration(&[config])).await;
    let token = |sources: Value| {
        let names = json!({"_claim_names": {"groups": "src"}, "_claim_sources": sources});
        rsa.token("rsa", &changed(issuer.claims(), &names))
    };
    let source =
        |path: &str, token: &str| json!({"src": {"endpoint": endpoint.url(path), "access_token": token}});
    let good = token(source("/groups", "let-me-in"));
    // Whoever holds the groups is discovered when it is met first.
    let first = running.judged(&good).await;
    assert!(first.contains("verifier not initialized for issuer"), "{first}");
    let believed = "jane oidc:far,oidc:away,system:authenticated";
    let again = async {
        while running.judged(&good).await != believed {
            clock::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), again).await.expect("believed in time");
    assert_eq!(running.judged(&token(source("/moved", "let-me-in"))).await, believed);
    let check = async |sources: Value, wanted: &str| {
        let judged = running.judged(&token(sources)).await;
        assert!(judged.contains(wanted), "{judged}, not {wanted}");
    };
    check(source("/groups", "wrong"), "error while getting distributed claim JWT: 403").await;
    check(source("/empty", ""), "malformed token").await;
    check(json!({}), "_claim_names contained a source src missing in _claims_sources").await;
    check(json!({"src": {"JWT": "x"}}), JANE).await;
    check(json!({"src": {"endpoint": "http://127.0.0.1/groups"}}), "URL scheme must be https").await;
    let unsourced = rsa.token("rsa", &changed(issuer.claims(), &json!({"_claim_names": {"groups": "src"}})));
    assert!(running.judged(&unsourced).await.contains("oidc: no claim sources"));
    running.stop().await;
}
