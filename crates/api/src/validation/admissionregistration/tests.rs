use super::super::tests::Kind;

const fn kind(plural: &'static str, least: &'static str) -> Kind {
    Kind { group: "admissionregistration.k8s.io", plural, least }
}

const WEBHOOKS: Kind = kind(
    "validatingwebhookconfigurations",
    r#"{"metadata":{"name":"w"},"webhooks":[{"name":"a.b.example","clientConfig":{"url":"https://a.example/x"},
        "sideEffects":"None","admissionReviewVersions":["v1"],"failurePolicy":"Fail","matchPolicy":"Equivalent",
        "timeoutSeconds":10,"namespaceSelector":{},"objectSelector":{},
        "rules":[{"operations":["CREATE"],"apiGroups":[""],"apiVersions":["v1"],"resources":["pods"],"scope":"*"}]}]}"#,
);

const POLICY: Kind = kind(
    "validatingadmissionpolicies",
    r#"{"metadata":{"name":"p"},"spec":{"failurePolicy":"Fail","validations":[{"expression":"true"}],
        "matchConstraints":{"matchPolicy":"Equivalent","namespaceSelector":{},"objectSelector":{},
        "resourceRules":[{"operations":["CREATE"],"apiGroups":[""],"apiVersions":["v1"],"resources":["pods"],"scope":"*"}]}}}"#,
);

const BINDING: Kind = kind(
    "validatingadmissionpolicybindings",
    r#"{"metadata":{"name":"b"},"spec":{"policyName":"p","validationActions":["Deny"]}}"#,
);

fn webhook(change: &str, expected: &[&str]) {
    let base = r#""name":"a.b.example","sideEffects":"None","admissionReviewVersions":["v1"],"failurePolicy":"Fail",
        "matchPolicy":"Equivalent","timeoutSeconds":10"#;
    WEBHOOKS.create(&format!(r#"{{"webhooks":[{{{base},{change}}}]}}"#), expected);
}

#[test]
fn webhooks_say_where_they_are() {
    WEBHOOKS.takes_the_least();
    webhook(
        r#""clientConfig":{}"#,
        &["webhooks[0].clientConfig: Required value: exactly one of url or service is required"],
    );
    webhook(
        r#""clientConfig":{"url":"http://a.example"}"#,
        &[
            "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: https://host[/path]",
        ],
    );
    webhook(
        r#""clientConfig":{"service":{"namespace":"n","name":"s","path":"a","port":443}}"#,
        &[
            "webhooks[0].clientConfig.service.path: Invalid value: \"a\": must start with a '/'",
            "webhooks[0].clientConfig.service.path: Invalid value: \"a\": segment[0] may not be empty",
        ],
    );
}

#[test]
fn rules_match_each_thing_once() {
    let at = r#""clientConfig":{"url":"https://a.example"}"#;
    let rule = |rule: &str, expected: &[&str]| webhook(&format!(r#"{at},"rules":[{rule}]"#), expected);
    rule(
        r#"{"operations":["*","CREATE"],"apiGroups":["a"],"apiVersions":["v1"],"resources":["*","pods"],"scope":"*"}"#,
        &[
            "webhooks[0].rules[0].operations: Invalid value: [\"*\",\"CREATE\"]: if '*' is present, must not specify other operations",
            "webhooks[0].rules[0].resources: Invalid value: [\"*\",\"pods\"]: if '*' is present, must not specify other resources without subresources",
        ],
    );
    rule(
        r#"{"operations":["FOO"],"apiGroups":["a"],"apiVersions":["v1"],"resources":["pods"],"scope":"*"}"#,
        &[
            "webhooks[0].rules[0].operations[0]: Unsupported value: \"FOO\": supported values: \"*\", \"CONNECT\", \"CREATE\", \"DELETE\", \"UPDATE\"",
        ],
    );
}

#[test]
fn policies_match_and_validate_something() {
    POLICY.takes_the_least();
    POLICY.create(
        r#"{"spec":{"validations":null}}"#,
        &[
            "spec.validations: Required value: validations or auditAnnotations must contain at least one item",
            "spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item",
        ],
    );
    POLICY.create(
        r#"{"spec":{"matchConstraints":{"resourceRules":null}}}"#,
        &["spec.matchConstraints.resourceRules: Required value"],
    );
    POLICY.create(
        r#"{"spec":{"variables":[{"name":"1","expression":"true"}]}}"#,
        &["spec.variables[0].name: Invalid value: \"1\": must be a valid CEL identifier"],
    );
}

#[test]
fn expressions_are_compiled() {
    let at = r#""clientConfig":{"url":"https://a.example"}"#;
    webhook(
        &format!(
            r#"{at},"matchConditions":[{{"name":"a","expression":" params.x "}},{{"name":"b","expression":"request.uid"}}]"#
        ),
        &[
            "webhooks[0].matchConditions[0].expression: Invalid value: \"params.x\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n | params.x\n | ^",
            "webhooks[0].matchConditions[1].expression: Invalid value: \"request.uid\": compilation failed: ERROR: <input>:1:8: undefined field 'uid'\n | request.uid\n | .......^",
        ],
    );
    let policy =
        |spec: &str, expected: &[&str]| POLICY.create(&format!(r#"{{"spec":{{{spec}}}}}"#), expected);
    policy(
        r#""paramKind":{"apiVersion":"v1","kind":"ConfigMap"},"matchConditions":[{"name":"a","expression":"params.x == object.y"}],
        "variables":[{"name":"n","expression":"object.spec.replicas"},{"name":"s","expression":"'a' + 'b'"},
            {"name":"both","expression":"variables.s.size() + variables.n"}],
        "validations":[{"expression":"variables.both > 3 && authorizer.group('').resource('pods').check('get').allowed()",
            "messageExpression":"variables.s + string(params.m)"}],
        "auditAnnotations":[{"key":"k","valueExpression":"null"},{"key":"l","valueExpression":"variables.s"}]"#,
        &[],
    );
    policy(
        r#""variables":[{"name":"s","expression":"'a'"},{"name":"t","expression":"variables.later"},{"name":"later","expression":"1"}],
        "validations":[{"expression":"variables.s + 1 == 2"}],"auditAnnotations":[{"key":"k","valueExpression":"1"}]"#,
        &[
            "spec.variables[1].expression: Invalid value: \"variables.later\": compilation failed: ERROR: <input>:1:10: undefined field 'later'\n | variables.later\n | .........^",
            "spec.validations[0].expression: Invalid value: \"variables.s + 1 == 2\": compilation failed: ERROR: <input>:1:13: found no matching overload for '_+_' applied to '(string, int)'\n | variables.s + 1 == 2\n | ............^",
            "spec.auditAnnotations[0].valueExpression: Invalid value: \"1\": must evaluate to one of [string null_type] but got int",
        ],
    );
    policy(
        r#""validations":[{"expression":"int('x') == 1"}]"#,
        &[
            "spec.validations[0].expression: Internal error: program instantiation failed: type conversion error from 'string' to 'int'",
        ],
    );
    policy(
        r#""validations":[{"expression":"true","messageExpression":"authorizer.path('/x').check('get').reason()"}]"#,
        &[
            "spec.validations[0].messageExpression: Invalid value: \"authorizer.path('/x').check('get').reason()\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'authorizer' (in container '')\n | authorizer.path('/x').check('get').reason()\n | ^",
        ],
    );
}

#[test]
fn bindings_name_a_policy_and_what_follows() {
    BINDING.takes_the_least();
    BINDING.create(r#"{"spec":{"policyName":null}}"#, &["spec.policyName: Required value"]);
    BINDING.create(r#"{"spec":{"validationActions":["Deny","Warn"]}}"#, &[
        "spec.validationActions: Invalid value: [\"Deny\",\"Warn\"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)",
    ]);
}
