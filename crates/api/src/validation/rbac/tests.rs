use super::super::tests::Kind;

const fn kind(plural: &'static str, least: &'static str) -> Kind {
    Kind { group: "rbac.authorization.k8s.io", plural, least }
}

const ROLE: Kind = kind(
    "roles",
    r#"{"metadata":{"name":"r:a","namespace":"n"},"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]}"#,
);

const CLUSTER_ROLE: Kind = kind(
    "clusterroles",
    r#"{"metadata":{"name":"r:a"},"rules":[{"nonResourceURLs":["/healthz"],"verbs":["get"]}]}"#,
);

const BINDING: Kind = kind(
    "rolebindings",
    r#"{"metadata":{"name":"b","namespace":"n"},
        "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"r"},
        "subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"u"}]}"#,
);

const CLUSTER_BINDING: Kind = kind(
    "clusterrolebindings",
    r#"{"metadata":{"name":"b"},
        "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"r"}}"#,
);

#[test]
fn rules_name_verbs_and_what_they_are_for() {
    ROLE.takes_the_least();
    CLUSTER_ROLE.takes_the_least();
    ROLE.create(
        r#"{"rules":[{"apiGroups":[""],"resources":["pods"]}]}"#,
        &["rules[0].verbs: Required value: verbs must contain at least one value"],
    );
    ROLE.create(
        r#"{"rules":[{"verbs":["get"]}]}"#,
        &[
            "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
            "rules[0].resources: Required value: resource rules must supply at least one resource",
        ],
    );
    ROLE.create(r#"{"rules":[{"verbs":["get"],"nonResourceURLs":["/"]}]}"#, &[
        "rules[0].nonResourceURLs: Invalid value: [\"/\"]: namespaced rules cannot apply to non-resource URLs",
    ]);
    CLUSTER_ROLE.create(r#"{"rules":[{"verbs":["get"],"nonResourceURLs":["/"],"resources":["pods"]}]}"#, &[
        "rules[0].nonResourceURLs: Invalid value: [\"/\"]: rules cannot apply to both regular resources and non-resource URLs",
    ]);
}

#[test]
fn bindings_keep_their_roles() {
    BINDING.takes_the_least();
    CLUSTER_BINDING.takes_the_least();
    for binding in [BINDING, CLUSTER_BINDING] {
        binding.update("", "{}", r#"{"roleRef":{"name":"s"}}"#, &["roleRef: Invalid value: …"]);
        binding.create(r#"{"roleRef":{"kind":"Foo"}}"#, &["roleRef.kind: Unsupported value: \"Foo\": …"]);
    }
    CLUSTER_BINDING.create(
        r#"{"roleRef":{"kind":"Role"}}"#,
        &["roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\""],
    );
    CLUSTER_BINDING.create(
        r#"{"subjects":[{"kind":"ServiceAccount","name":"s"}]}"#,
        &["subjects[0].namespace: Required value"],
    );
    BINDING.create(
        r#"{"subjects":[{"kind":"User"}]}"#,
        &[
            "subjects[0].name: Required value",
            "subjects[0].apiGroup: Unsupported value: \"\": supported values: \"rbac.authorization.k8s.io\"",
        ],
    );
}
