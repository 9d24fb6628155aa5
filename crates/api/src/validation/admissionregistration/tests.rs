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
fn bindings_name_a_policy_and_what_follows() {
    BINDING.takes_the_least();
    BINDING.create(r#"{"spec":{"policyName":null}}"#, &["spec.policyName: Required value"]);
    BINDING.create(r#"{"spec":{"validationActions":["Deny","Warn"]}}"#, &[
        "spec.validationActions: Invalid value: [\"Deny\",\"Warn\"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)",
    ]);
}
