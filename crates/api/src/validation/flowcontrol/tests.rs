use super::super::tests::Kind;

const fn kind(plural: &'static str, least: &'static str) -> Kind {
    Kind { group: "flowcontrol.apiserver.k8s.io", plural, least }
}

const SCHEMA: Kind = kind(
    "flowschemas",
    r#"{"metadata":{"name":"s"},"spec":{"matchingPrecedence":50,"priorityLevelConfiguration":{"name":"p"},
        "distinguisherMethod":{"type":"ByUser"},
        "rules":[{"subjects":[{"kind":"User","user":{"name":"u"}}],
            "resourceRules":[{"verbs":["*"],"apiGroups":["*"],"resources":["*"],"namespaces":["*"]}]}]}}"#,
);

const LEVEL: Kind = kind(
    "prioritylevelconfigurations",
    r#"{"metadata":{"name":"l"},"spec":{"type":"Limited","limited":{"nominalConcurrencyShares":5,"lendablePercent":0,
        "limitResponse":{"type":"Reject"}}}}"#,
);

#[test]
fn schemas_have_precedence_and_subjects() {
    SCHEMA.takes_the_least();
    SCHEMA.create(
        r#"{"spec":{"matchingPrecedence":0}}"#,
        &["spec.matchingPrecedence: Invalid value: 0: must be a positive value"],
    );
    SCHEMA.create(r#"{"spec":{"matchingPrecedence":1}}"#, &[
        "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
    ]);
    SCHEMA.create(
        r#"{"spec":{"matchingPrecedence":10001}}"#,
        &["spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000"],
    );
    SCHEMA.create(
        r#"{"spec":{"priorityLevelConfiguration":{"name":null}}}"#,
        &["spec.priorityLevelConfiguration.name: Required value: must reference a priority level"],
    );
    SCHEMA.create(r#"{"spec":{"rules":[{"subjects":[{"kind":"User"}],"nonResourceRules":[{"verbs":["get"],"nonResourceURLs":["/"]}]}]}}"#, &[
        "spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'",
    ]);
}

#[test]
fn levels_limit_by_queues_or_refusal() {
    LEVEL.takes_the_least();
    LEVEL.create(r#"{"spec":{"limited":{"limitResponse":{"type":"Queue"}}}}"#, &[
        "spec.limited.limitResponse.queuing: Required value: must not be empty if limited.limitResponse.type is Limited",
    ]);
    LEVEL.create(
        r#"{"spec":{"limited":{"nominalConcurrencyShares":-1,"lendablePercent":101}}}"#,
        &[
            "spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer",
            "spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive",
        ],
    );
    LEVEL.create(
        r#"{"spec":{"limited":null}}"#,
        &["spec.limited: Required value: must not be empty when type is Limited"],
    );
    let queues = |queues: &str, expected: &[&str]| {
        LEVEL.create(
            &format!(r#"{{"spec":{{"limited":{{"limitResponse":{{"type":"Queue","queuing":{queues}}}}}}}}}"#),
            expected,
        );
    };
    queues(r#"{"queues":64,"handSize":6,"queueLengthLimit":50}"#, &[]);
    queues(
        r#"{"queues":4,"handSize":6,"queueLengthLimit":0}"#,
        &[
            "spec.limited.limitResponse.queuing.queueLengthLimit: Invalid value: 0: must be positive",
            "spec.limited.limitResponse.queuing.handSize: Invalid value: 6: should not be greater than queues (4)",
        ],
    );
}

#[test]
fn mandatory_objects_stay_as_they_are() {
    SCHEMA.create(r#"{"metadata":{"name":"exempt"}}"#, &["spec: Invalid value: …"]);
    LEVEL.create(r#"{"metadata":{"name":"catch-all"}}"#, &[]);
    LEVEL.create(
        r#"{"metadata":{"name":"catch-all"},"spec":{"limited":{"nominalConcurrencyShares":6}}}"#,
        &["spec: Invalid value: …"],
    );
}
