//! Configurations that are refused, and what is said of them.

use super::*;

/// A good issuer.
fn good() -> Value {
    json!({
        "issuer": {"url": "https://issuer", "audiences": ["a"]},
        "claimMappings": {"username": {"claim": "sub", "prefix": "p:"}},
    })
}

/// The good issuer with a part of it changed.
fn with(path: &str, value: Value) -> Value {
    let mut jwt = good();
    let mut at = &mut jwt;
    for name in path.split('.') {
        at = &mut at[name];
    }
    *at = value;
    jwt
}

fn errors(config: &Value) -> Vec<String> {
    let found = Checked::new(&parsed(config), &["https://accounts".to_owned(), "https://a".to_owned()]);
    found.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// Checks what is said of one issuer: each error begins with `jwt[0].` and one of these.
#[track_caller]
fn check(jwt: &Value, wanted: &[&str]) {
    let found = errors(&configuration(std::slice::from_ref(jwt)));
    let same = found.len() == wanted.len()
        && found.iter().zip(wanted).all(|(found, wanted)| found.starts_with(&format!("jwt[0].{wanted}")));
    assert!(same, "{jwt}:\n{found:#?}\nnot {wanted:#?}");
}

#[test]
fn issuers_are_checked() {
    check(&good(), &[]);
    let url = |url: &str, wanted: &[&str]| check(&with("issuer.url", url.into()), wanted);
    url("", &["issuer.url: Required value"]);
    url("http://issuer", &["issuer.url: Invalid value: \"http://issuer\": URL scheme must be https"]);
    url(
        "https://u:p@issuer",
        &["issuer.url: Invalid value: \"https://u:p@issuer\": URL must not contain a username or password"],
    );
    url(
        "https://issuer?q=1",
        &["issuer.url: Invalid value: \"https://issuer?q=1\": URL must not contain a query"],
    );
    url(
        "https://issuer#f",
        &["issuer.url: Invalid value: \"https://issuer#f\": URL must not contain a fragment"],
    );
    url(
        "https:// issuer",
        &[
            "issuer.url: Invalid value: \"https:// issuer\": parse \"https:// issuer\": invalid character \" \" in host name",
        ],
    );
    url(
        "https://accounts",
        &[
            "issuer.url: Invalid value: \"https://accounts\": URL must not overlap with disallowed issuers: [https://a https://accounts]",
        ],
    );
    url(
        "ftp://u@issuer?q#f",
        &[
            "issuer.url: Invalid value: \"ftp://u@issuer?q#f\": URL scheme must be https",
            "issuer.url: Invalid value: \"ftp://u@issuer?q#f\": URL must not contain a username",
            "issuer.url: Invalid value: \"ftp://u@issuer?q#f\": URL must not contain a query",
            "issuer.url: Invalid value: \"ftp://u@issuer?q#f\": URL must not contain a fragment",
        ],
    );
    let discovery = |url: &str, wanted: &[&str]| check(&with("issuer.discoveryURL", url.into()), wanted);
    discovery("https://issuer/x", &[]);
    discovery("https://accounts", &[]);
    discovery(
        "https://issuer/",
        &["issuer.discoveryURL: Invalid value: \"https://issuer/\": discoveryURL must be different from URL"],
    );
    discovery("http://x", &["issuer.discoveryURL: Invalid value: \"http://x\": URL scheme must be https"]);
    let authority =
        |pem: &str, wanted: &[&str]| check(&with("issuer.certificateAuthority", pem.into()), wanted);
    authority(
        "nothing",
        &[
            "issuer.certificateAuthority: Invalid value: \"<omitted>\": data does not contain any valid RSA or ECDSA certificates",
        ],
    );
    let egress = |name: &str, wanted: &[&str]| check(&with("issuer.egressSelectorType", name.into()), wanted);
    egress(
        "etcd",
        &[
            "issuer.egressSelectorType: Invalid value: \"etcd\": egress selector must be either controlplane or cluster",
        ],
    );
    egress(
        "cluster",
        &[
            "issuer.egressSelectorType: Invalid value: \"cluster\": this version of Keelson has no egress selectors",
        ],
    );
}

#[test]
fn audiences_are_checked() {
    let audiences = |list: Value, policy: &str, wanted: &[&str]| {
        let mut jwt = with("issuer.audiences", list);
        jwt["issuer"]["audienceMatchPolicy"] = policy.into();
        check(&jwt, wanted);
    };
    audiences(json!(["a"]), "", &[]);
    audiences(json!(["a"]), "MatchAny", &[]);
    audiences(json!(["a", "b"]), "MatchAny", &[]);
    audiences(
        json!([]),
        "",
        &["issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required"],
    );
    audiences(
        json!(["", "a", "a"]),
        "MatchAny",
        &["issuer.audiences[0]: Required value", "issuer.audiences[2]: Duplicate value: \"a\""],
    );
    audiences(
        json!(["a"]),
        "MatchAll",
        &[
            "issuer.audienceMatchPolicy: Invalid value: \"MatchAll\": audienceMatchPolicy must be empty or MatchAny for single audience",
        ],
    );
    audiences(
        json!(["a", "b"]),
        "",
        &[
            "issuer.audienceMatchPolicy: Invalid value: \"\": audienceMatchPolicy must be MatchAny for multiple audiences",
        ],
    );
}

#[test]
fn claim_rules_are_checked() {
    let rules = |rules: Value, wanted: &[&str]| check(&with("claimValidationRules", rules), wanted);
    rules(json!([{"claim": "a", "requiredValue": "b"}, {"claim": "b"}]), &[]);
    rules(json!([{"expression": "claims.a == 'x'", "message": "m"}]), &[]);
    rules(json!([{}]), &["claimValidationRules[0]: Required value: claim or expression is required"]);
    rules(
        json!([{"claim": "a", "expression": "true"}]),
        &["claimValidationRules[0]: Invalid value: \"a\": claim and expression can't both be set"],
    );
    rules(
        json!([{"claim": "a", "message": "m"}]),
        &["claimValidationRules[0].message: Invalid value: \"m\": may not be specified when claim is set"],
    );
    rules(
        json!([{"claim": "a"}, {"claim": "a"}]),
        &["claimValidationRules[1].claim: Duplicate value: \"a\""],
    );
    rules(
        json!([{"expression": "true", "requiredValue": "v"}]),
        &[
            "claimValidationRules[0].requiredValue: Invalid value: \"v\": may not be specified when expression is set",
        ],
    );
    rules(
        json!([{"expression": "true"}, {"expression": "true"}]),
        &["claimValidationRules[1].expression: Duplicate value: \"true\""],
    );
    rules(
        json!([{"expression": "claims.a"}]),
        &["claimValidationRules[0].expression: Invalid value: \"claims.a\": must evaluate to bool"],
    );
    rules(
        json!([{"expression": "user.uid == ''"}]),
        &[
            "claimValidationRules[0].expression: Invalid value: \"user.uid == ''\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'user'",
        ],
    );
    rules(
        json!([{"expression": "claims."}]),
        &[
            "claimValidationRules[0].expression: Invalid value: \"claims.\": compilation failed: ERROR: <input>:1:8: Syntax error",
        ],
    );
}

#[test]
fn mappings_are_checked() {
    let mappings = |mappings: Value, wanted: &[&str]| check(&with("claimMappings", mappings), wanted);
    let name = |name: Value, wanted: &[&str]| mappings(json!({ "username": name }), wanted);
    name(json!({"expression": "claims.sub"}), &[]);
    name(json!({}), &["claimMappings.username: Required value: claim or expression is required"]);
    name(
        json!({"claim": "sub"}),
        &[
            "claimMappings.username.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing",
        ],
    );
    name(
        json!({"claim": "sub", "prefix": "", "expression": "'a'"}),
        &["claimMappings.username: Invalid value: \"\": claim and expression can't both be set"],
    );
    name(
        json!({"prefix": "p", "expression": "'a'"}),
        &["claimMappings.username.prefix: Invalid value: \"p\": may not be specified when expression is set"],
    );
    name(
        json!({"expression": "foo"}),
        &[
            "claimMappings.username.expression: Invalid value: \"foo\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo\n | ^",
        ],
    );
    let more = |field: &str, value: Value, wanted: &[&str]| {
        mappings(json!({"username": {"claim": "sub", "prefix": ""}, field: value}), wanted);
    };
    more("groups", json!({}), &[]);
    more("groups", json!({"claim": "g"}), &["claimMappings.groups.prefix: Required value"]);
    more(
        "groups",
        json!({"expression": "claims."}),
        &["claimMappings.groups.expression: Invalid value: \"claims.\": compilation failed: "],
    );
    more("uid", json!({"claim": "g"}), &[]);
    more(
        "uid",
        json!({"claim": "g", "expression": "'a'"}),
        &["claimMappings.uid: Invalid value: \"\": claim and expression can't both be set"],
    );
    more(
        "uid",
        json!({"expression": "x"}),
        &["claimMappings.uid.expression: Invalid value: \"x\": compilation failed: "],
    );
    let extra = |key: &str, wanted: &[&str]| {
        more("extra", json!([{"key": key, "valueExpression": "'a'"}]), wanted);
    };
    extra("example.org/foo", &[]);
    extra("", &["claimMappings.extra[0].key: Required value"]);
    extra(
        "foo",
        &[
            "claimMappings.extra[0].key: Invalid value: \"foo\": must be a domain-prefixed path (such as \"acme.io/foo\")",
        ],
    );
    extra("/foo", &["claimMappings.extra[0].key: Invalid value: \"/foo\": must be a domain-prefixed path"]);
    extra(
        "a_b.org/foo",
        &[
            "claimMappings.extra[0].key: Invalid value: \"a_b.org\": a lowercase RFC 1123 subdomain must consist of",
        ],
    );
    extra(
        "example.org/f oo",
        &[
            "claimMappings.extra[0].key: Invalid value: \"f oo\": Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
        ],
    );
    extra(
        "example.org/Foo",
        &["claimMappings.extra[0].key: Invalid value: \"example.org/Foo\": must be lowercase"],
    );
    for reserved in ["k8s.io/a", "x.k8s.io/a", "kubernetes.io/a", "x.kubernetes.io/a"] {
        extra(
            reserved,
            &[&format!(
                "claimMappings.extra[0].key: Invalid value: \"{reserved}\": k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use"
            )],
        );
    }
    extra("myk8s.io/a", &[]);
    more(
        "extra",
        json!([{"key": "e.org/a", "valueExpression": "'a'"}, {"key": "e.org/a"}, {"key": "e.org/b"}, {"key": "e.org/c", "valueExpression": "x"}]),
        &[
            "claimMappings.extra[1].key: Duplicate value: \"e.org/a\"",
            "claimMappings.extra[2].valueExpression: Required value",
            "claimMappings.extra[3].valueExpression: Invalid value: \"x\": compilation failed: ",
        ],
    );
}

#[test]
fn an_email_has_to_be_verified() {
    const RULE: &str = "claimMappings.username.expression: Invalid value: \"claims.email\": claims.email_verified must be used";
    let email = || with("claimMappings.username", json!({"expression": "claims.email"}));
    check(&email(), &[RULE]);
    let mut rule = email();
    rule["claimValidationRules"] = json!([{"expression": "claims.?email_verified.orValue(true) == true"}]);
    check(&rule, &[]);
    let mut extra = email();
    extra["claimMappings"]["extra"] =
        json!([{"key": "e.org/v", "valueExpression": "string(claims.email_verified)"}]);
    check(&extra, &[]);
    let mut other = email();
    other["claimValidationRules"] = json!([{"expression": "claims.other == 'claims.email_verified'"}]);
    check(&other, &[RULE]);
    let alone = |text: &str, wanted: &[&str]| {
        check(&with("claimMappings.username", json!({ "expression": text })), wanted)
    };
    alone("has(claims.email) && claims.email_verified ? claims.email : 'x'", &[]);
    alone("[claims.email][0]", &["claimMappings.username.expression: "]);
    alone("claims.?email.orValue('x')", &["claimMappings.username.expression: "]);
    alone("claims.email.name", &["claimMappings.username.expression: "]);
    alone("claims.emails", &[]);
    check(&with("claimMappings.username", json!({"claim": "email", "prefix": ""})), &[]);
}

#[test]
fn user_rules_are_checked() {
    let rules = |rules: Value, wanted: &[&str]| check(&with("userValidationRules", rules), wanted);
    rules(json!([{"expression": "!user.username.startsWith('system:')", "message": "m"}]), &[]);
    rules(
        json!([{"expression": "user.groups.all(g, g != 'a') && user.uid == '' && user.extra['a'][0] == 'b'"}]),
        &[],
    );
    rules(json!([{}]), &["userValidationRules[0].expression: Required value"]);
    rules(
        json!([{"expression": "true"}, {"expression": "true"}]),
        &["userValidationRules[1].expression: Duplicate value: \"true\""],
    );
    rules(
        json!([{"expression": "user.name == 'a'"}]),
        &[
            "userValidationRules[0].expression: Invalid value: \"user.name == 'a'\": compilation failed: ERROR: <input>:1:5: undefined field 'name'",
        ],
    );
    rules(
        json!([{"expression": "user.username"}]),
        &["userValidationRules[0].expression: Invalid value: \"user.username\": must evaluate to bool"],
    );
    rules(
        json!([{"expression": "claims.a == 'b'"}]),
        &[
            "userValidationRules[0].expression: Invalid value: \"claims.a == 'b'\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'claims'",
        ],
    );
}

#[test]
fn all_issuers_are_checked_at_once() {
    let mut twice = with("issuer.discoveryURL", "https://d".into());
    let found = errors(&configuration(&[twice.clone(), twice.clone()]));
    let wanted = [
        "jwt[1].issuer.url: Duplicate value: \"https://issuer\"",
        "jwt[1].issuer.discoveryURL: Duplicate value: \"https://d\"",
    ];
    assert_eq!(found, wanted);
    let many = vec![good(); 65];
    assert_eq!(errors(&configuration(&many)), ["jwt: Too many: 65: must have at most 64 items"]);
    assert!(errors(&configuration(&[])).is_empty());

    twice["issuer"]["audiences"] = json!([]);
    twice["claimMappings"]["username"] = json!({});
    let mut config = configuration(&[twice]);
    config["anonymous"] = json!({"enabled": false, "conditions": [{"path": "/livez"}]});
    let wrong = Checked::new(&parsed(&config), &[]).expect_err("wrong");
    assert_eq!(
        validation_text(&wrong),
        "[jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required, \
         jwt[0].claimMappings.username: Required value: claim or expression is required, \
         anonymous.conditions: Invalid value: [{\"Path\":\"/livez\"}]: enabled should be set to true when \
         conditions are defined]"
    );
}

#[test]
fn files_of_all_versions_are_read_strictly() {
    let check = |text: &str, wanted: Result<usize, &str>| {
        let read = AuthenticationConfiguration::parse(text.as_bytes()).map(|config| config.jwt.len());
        match (&read, wanted) {
            (Ok(found), Ok(wanted)) => assert_eq!(*found, wanted, "{text}"),
            (Err(found), Err(wanted)) => assert!(found.contains(wanted), "{text}: {found}, not {wanted}"),
            _ => panic!("{text}: {read:?}, not {wanted:?}"),
        }
    };
    for version in ["v1", "v1beta1", "v1alpha1"] {
        let head =
            format!("apiVersion: apiserver.config.k8s.io/{version}\nkind: AuthenticationConfiguration\n");
        check(&head, Ok(0));
        check(
            &format!("{head}jwt: null\nanonymous: {{enabled: true, conditions: [{{path: /livez}}]}}\n"),
            Ok(0),
        );
        check(&format!("{head}jwt: [{{issuer: {{url: null}}}}, {{}}]\n"), Ok(2));
        check(&format!("{head}jwt: [{{issuers: {{}}}}]\n"), Err("unknown field \"jwt[0].issuers\""));
        check(&format!("{head}jwt: []\njwt: []\n"), Err("already set in map"));
        check(&format!("{head}jwt: {{}}\n"), Err("jwt"));
        check(&format!("{head}jwt: [{{issuer: {{url: 1}}}}]\n"), Err("jwt[0].issuer.url"));
    }
    check("apiVersion: apiserver.config.k8s.io/v2\nkind: AuthenticationConfiguration\n", Err("v2"));
    check(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\n",
        Err("AuthorizationConfiguration"),
    );
}
