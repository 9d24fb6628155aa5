//! Which users claims name.

use proptest::prelude::*;

use super::*;
use crate::request::UserInfo;

/// The user that the rules of an issuer with these parts make of claims.
fn user(jwt: &Value, claims: &Value) -> Result<UserInfo, String> {
    let mut whole = jwt.clone();
    whole["issuer"] = json!({"url": "https://issuer", "audiences": ["a"]});
    let checked = Checked::new(&parsed(&configuration(&[whole])), &[]);
    let checked = checked.unwrap_or_else(|errors| panic!("{jwt}: {}", validation_text(&errors)));
    checked.0[0].user(&Claims::parse(claims.to_string().as_bytes()).expect("claims"))
}

/// A text of the user that the mappings make of claims: name, uid, groups, extra.
fn mapped(mappings: &Value, claims: &Value) -> String {
    match user(&json!({ "claimMappings": mappings }), claims) {
        Ok(user) => format!("{}|{}|{}|{:?}", user.name, user.uid, user.groups.join(","), user.extra),
        Err(why) => why,
    }
}

#[track_caller]
fn check(mappings: Value, claims: Value, wanted: &str) {
    let found = mapped(&mappings, &claims);
    assert!(found.starts_with(wanted), "{mappings} {claims}:\n{found}, not\n{wanted}");
}

#[test]
fn names_come_from_claims() {
    let claim = |name: &str, prefix: &str, claims: Value, wanted: &str| {
        check(json!({"username": {"claim": name, "prefix": prefix}}), claims, wanted);
    };
    claim("sub", "p#", json!({"sub": "me"}), "p#me|||{}");
    claim("sub", "", json!({"sub": ""}), "|||{}");
    claim("sub", "p", json!({"sub": null}), "p|||{}");
    claim(
        "sub",
        "",
        json!({"sub": {}}),
        "oidc: parse username claims \"sub\": json: cannot unmarshal object",
    );
    claim("email", "", json!({"email": "a@b"}), "a@b|||{}");
    claim("email", "", json!({"email": "a@b", "email_verified": true}), "a@b|||{}");
    claim("email", "", json!({"email": "a@b", "email_verified": false}), "oidc: email not verified");
    claim("email", "", json!({"email": "a@b", "email_verified": null}), "oidc: email not verified");
    claim(
        "email",
        "",
        json!({"email": "a@b", "email_verified": "true"}),
        "oidc: parse 'email_verified' claim: json: ",
    );
    claim("sub", "", json!({"sub": "x", "email_verified": false}), "x|||{}");
}

#[test]
fn names_come_from_expressions() {
    let expression = |text: &str, claims: Value, wanted: &str| {
        check(json!({"username": {"expression": text}}), claims, wanted);
    };
    expression("'oidc:' + claims.sub", json!({"sub": "me"}), "oidc:me|||{}");
    expression("claims.sub", json!({"sub": ""}), "oidc: empty username via CEL expression is not allowed");
    expression(
        "claims.sub",
        json!({"sub": 1}),
        "oidc: error evaluating username claim expression: username claim expression must return a string",
    );
    expression(
        "claims.sub",
        json!({"sub": null}),
        "oidc: error evaluating username claim expression: username claim expression must return a string",
    );
    expression(
        "claims.sub",
        json!({}),
        "oidc: error evaluating username claim expression: expression 'claims.sub' resulted in error: no such key: sub",
    );
    expression("claims.a.b[0]", json!({"a": {"b": ["x"]}}), "x|||{}");
    expression("claims.example__dot__com__slash__name", json!({"example.com/name": "x"}), "x|||{}");
    expression("claims['example.com/name']", json!({"example.com/name": "x"}), "x|||{}");
    expression("claims.a.__namespace__.b__dash__c", json!({"a": {"namespace": {"b-c": "x"}}}), "x|||{}");
    expression("claims.n == 3 ? 'three' : 'other'", json!({"n": 3}), "three|||{}");
    expression("claims.n + 0.5 == 3.5 ? 'a double' : 'other'", json!({"n": 3}), "a double|||{}");
}

#[test]
fn groups_uid_and_extra_are_mapped() {
    let name = || json!({"expression": "'n'"});
    let groups = |text: &str, claims: Value, wanted: &str| {
        check(json!({"username": name(), "groups": {"expression": text}}), claims, wanted);
    };
    groups("claims.g", json!({"g": "one"}), "n||one|{}");
    groups("claims.g", json!({"g": ["a", "", "b"]}), "n||a,b|{}");
    for none in [json!(""), json!([]), json!([""]), json!(null)] {
        groups("claims.g", json!({ "g": none }), "n|||{}");
    }
    let wrong =
        "oidc: error evaluating group claim expression: expression must return a string or a list of strings";
    for other in [json!(1), json!([1]), json!({}), json!(true), json!(["a", ["b"]])] {
        groups("claims.g", json!({ "g": other }), wrong);
    }
    groups("claims.roles.split(',') + ['x']", json!({"roles": "a,b"}), "n||a,b,x|{}");
    groups("claims.g.map(g, 'p:' + g)", json!({"g": ["a"]}), "n||p:a|{}");
    check(
        json!({"username": name(), "groups": {"claim": "g", "prefix": "p:"}}),
        json!({"g": ["a", ""]}),
        "n||p:a,p:|{}",
    );
    check(json!({"username": name(), "groups": {"claim": "g", "prefix": ""}}), json!({}), "n|||{}");

    check(json!({"username": name(), "uid": {"claim": "u"}}), json!({"u": "1"}), "n|1||{}");
    check(
        json!({"username": name(), "uid": {"claim": "u"}}),
        json!({}),
        "oidc: parse uid claim \"u\": claim not present",
    );
    check(json!({"username": name(), "uid": {"expression": "claims.u"}}), json!({"u": "1"}), "n|1||{}");
    check(
        json!({"username": name(), "uid": {"expression": "claims.u"}}),
        json!({"u": 1}),
        "oidc: error evaluating uid claim expression: uid claim expression must return a string",
    );

    let extra = json!({"username": name(), "extra": [
        {"key": "e.org/a", "valueExpression": "claims.a"},
        {"key": "e.org/b", "valueExpression": "claims.b"},
    ]});
    check(
        extra.clone(),
        json!({"a": "x", "b": ["y", "z"]}),
        r#"n|||{"e.org/a": ["x"], "e.org/b": ["y", "z"]}"#,
    );
    check(
        extra.clone(),
        json!({"a": "", "b": [], "jti": "1"}),
        r#"n|||{"authentication.kubernetes.io/credential-id": ["JTI=1"]}"#,
    );
    check(extra.clone(), json!({"a": "", "b": [], "jti": 1}), "n|||{}");
    check(
        extra,
        json!({"a": "", "b": 1}),
        "oidc: error evaluating extra claim expression: claims.b: expression must return",
    );
}

#[test]
fn rules_keep_users_out() {
    let check = |rules: Value, claims: Value, wanted: Result<(), &str>| {
        let mut jwt = rules.clone();
        jwt["claimMappings"] = json!({
            "username": {"claim": "sub", "prefix": ""},
            "groups": {"claim": "groups", "prefix": ""},
            "extra": [{"key": "e.org/a-b", "valueExpression": "'x'"}],
        });
        match (user(&jwt, &claims), wanted) {
            (Ok(_), Ok(())) => {}
            (Err(found), Err(wanted)) => assert_eq!(found, wanted, "{rules}"),
            (found, wanted) => panic!("{rules}: {found:?}, not {wanted:?}"),
        }
    };
    let claim_rule = |text: &str| json!({"claimValidationRules": [{"expression": "true"}, {"expression": text, "message": "no"}]});
    check(claim_rule("claims.hd == 'x'"), json!({"sub": "a", "hd": "x"}), Ok(()));
    check(
        claim_rule("claims.hd == 'x'"),
        json!({"sub": "a", "hd": "y"}),
        Err(
            "oidc: error evaluating claim validation expression: validation expression 'claims.hd == 'x'' failed: no",
        ),
    );
    check(
        claim_rule("claims.hd == 'x'"),
        json!({"sub": "a"}),
        Err(
            "oidc: error evaluating claim validation expression: expression 'claims.hd == 'x'' resulted in error: no such key: hd",
        ),
    );
    check(
        claim_rule("claims.exp - claims.nbf <= 86400.0"),
        json!({"sub": "a", "exp": 86400, "nbf": 0}),
        Ok(()),
    );
    let user_rule = |text: &str| json!({"userValidationRules": [{"expression": text, "message": "no"}]});
    check(user_rule("!user.username.startsWith('system:')"), json!({"sub": "a"}), Ok(()));
    check(
        user_rule("!user.username.startsWith('system:')"),
        json!({"sub": "system:a"}),
        Err(
            "oidc: error evaluating user info validation rule: validation expression '!user.username.startsWith('system:')' failed: no",
        ),
    );
    for holds in [
        "user.groups == ['g']",
        "user.uid == ''",
        "has(user.uid)",
        "user.extra['e.org/a-b'] == ['x']",
        "user.extra.e__dot__org__slash__a__dash__b == ['x']",
    ] {
        check(user_rule(holds), json!({"sub": "a", "groups": ["g"]}), Ok(()));
    }
    let required = json!({"claimValidationRules": [{"claim": "a", "requiredValue": "b"}]});
    check(required.clone(), json!({"sub": "a", "a": "b"}), Ok(()));
    check(
        required,
        json!({"sub": "a", "a": "c"}),
        Err("oidc: required claim a value does not match. Got = c, want = b"),
    );
}

#[test]
fn claims_that_are_nested_too_deeply_are_not_evaluated() {
    let mut deep = json!("x");
    for _ in 0..150 {
        deep = json!([deep]);
    }
    let claims = json!({"sub": "a", "deep": deep});
    check(
        json!({"username": {"expression": "claims.sub"}}),
        claims.clone(),
        "oidc: claims are nested too deeply",
    );
    check(json!({"username": {"claim": "sub", "prefix": ""}}), claims, "a|||{}");
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|n| json!(n)),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_is_claimed_names_a_user_by_the_rules_or_none(
        sub in json_value(), groups in json_value(), other in json_value(), prefix in ".{0,4}",
    ) {
        let claims = json!({"sub": sub, "groups": groups, "other": other, "jti": other});
        let mappings = json!({
            "username": {"claim": "sub", "prefix": prefix},
            "groups": {"claim": "groups", "prefix": prefix},
        });
        let found = user(&json!({ "claimMappings": mappings }), &claims);
        let is_text = |value: &Value| value.is_string() || value.is_null();
        let texts = match &groups {
            Value::Array(values) => values.iter().all(is_text),
            other => is_text(other),
        };
        prop_assert_eq!(found.is_ok(), is_text(&sub) && texts, "{:?}", found);
        if let Ok(user) = found {
            prop_assert_eq!(&user.name, &format!("{prefix}{}", sub.as_str().unwrap_or_default()));
            prop_assert!(user.groups.iter().all(|group| group.starts_with(&prefix)));
            prop_assert_eq!(user.groups.len(), groups.as_array().map_or(usize::from(groups.is_string()), Vec::len));
        }
    }

    #[test]
    fn expressions_give_strings_or_nothing(claim in json_value()) {
        let mappings = json!({
            "username": {"expression": "'n'"},
            "groups": {"expression": "claims.c"},
            "extra": [{"key": "e.org/a", "valueExpression": "claims.c"}],
        });
        let found = user(&json!({ "claimMappings": mappings }), &json!({ "c": claim }));
        let texts = match &claim {
            Value::Array(values) => values.iter().all(Value::is_string),
            other => other.is_string() || other.is_null(),
        };
        prop_assert_eq!(found.is_ok(), texts, "{:?}", found);
        if let Ok(user) = found {
            prop_assert!(user.groups.iter().all(|group| !group.is_empty()));
            prop_assert_eq!(user.groups.is_empty(), user.extra.is_empty());
        }
    }
}
