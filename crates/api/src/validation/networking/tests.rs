use super::super::tests::Kind;

const INGRESS: Kind = Kind {
    group: "networking.k8s.io",
    plural: "ingresses",
    least: r#"{"metadata":{"name":"i","namespace":"n"},"spec":{"rules":[{"http":{"paths":[{"path":"/",
        "pathType":"Prefix","backend":{"service":{"name":"s","port":{"number":80}}}}]}}]}}"#,
};

const CLASS: Kind = Kind {
    group: "networking.k8s.io",
    plural: "ingressclasses",
    least: r#"{"metadata":{"name":"c"},"spec":{"controller":"a.example/c"}}"#,
};

const POLICY: Kind = Kind {
    group: "networking.k8s.io",
    plural: "networkpolicies",
    least: r#"{"metadata":{"name":"p","namespace":"n"},"spec":{"podSelector":{},"policyTypes":["Ingress"]}}"#,
};

const ADDRESS: Kind = Kind {
    group: "networking.k8s.io",
    plural: "ipaddresses",
    least: r#"{"metadata":{"name":"10.0.0.1"},"spec":{"parentRef":{"resource":"services","namespace":"n","name":"s"}}}"#,
};

const RANGES: Kind = Kind {
    group: "networking.k8s.io",
    plural: "servicecidrs",
    least: r#"{"metadata":{"name":"r"},"spec":{"cidrs":["10.0.0.0/16"]}}"#,
};

fn path(text: &str, expected: &[&str]) {
    INGRESS.create(&format!(r#"{{"spec":{{"rules":[{{"http":{{"paths":[{text}]}}}}]}}}}"#), expected);
}

#[test]
fn ingresses_route_somewhere() {
    INGRESS.takes_the_least();
    INGRESS.create(
        r#"{"spec":{"rules":null}}"#,
        &["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"],
    );
    INGRESS.create(
        r#"{"spec":{"rules":[{"host":"1.2.3.4"}]}}"#,
        &["spec.rules[0].host: Invalid value: \"1.2.3.4\": must be a DNS name, not an IP address"],
    );
    INGRESS.create(
        r#"{"spec":{"tls":[{"hosts":["*.*.a"]}]}}"#,
        &["spec.tls[0].hosts[0]: Invalid value: \"*.*.a\": …"],
    );
}

#[test]
fn paths_are_absolute_and_typed() {
    let to = r#""backend":{"service":{"name":"s","port":{"number":80}}}"#;
    path(
        &format!(r#"{{"path":"a","pathType":"Exact",{to}}}"#),
        &["spec.rules[0].http.paths[0].path: Invalid value: \"a\": must be an absolute path"],
    );
    path(
        &format!(r#"{{"path":"/a/../b","pathType":"Exact",{to}}}"#),
        &["spec.rules[0].http.paths[0].path: Invalid value: \"/a/../b\": must not contain '/../'"],
    );
    path(
        &format!(r#"{{"path":"/",{to}}}"#),
        &["spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"],
    );
    path(
        r#"{"path":"/","pathType":"Prefix","backend":{}}"#,
        &[
            "spec.rules[0].http.paths[0].backend: Invalid value: \"\": resource or service backend is required",
        ],
    );
}

#[test]
fn classes_keep_their_controllers() {
    CLASS.takes_the_least();
    CLASS.update(
        "",
        "{}",
        r#"{"spec":{"controller":"a.example/d"}}"#,
        &["spec.controller: Invalid value: \"a.example/d\": field is immutable"],
    );
    CLASS.create(r#"{"spec":{"controller":null}}"#, &["spec.controller: Required value"]);
    CLASS.create(
        r#"{"spec":{"parameters":{"kind":"k","name":"n","scope":"Namespace"}}}"#,
        &["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
    );
}

#[test]
fn policies_allow_peers_and_ports() {
    POLICY.takes_the_least();
    let ingress = |rule: &str, expected: &[&str]| {
        POLICY.create(&format!(r#"{{"spec":{{"ingress":[{rule}]}}}}"#), expected);
    };
    ingress(r#"{"from":[{}]}"#, &["spec.ingress[0].from[0]: Required value: must specify a peer"]);
    ingress(
        r#"{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["11.0.0.0/16"]}}]}"#,
        &[
            "spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: \"11.0.0.0/16\": must be a strict subset of `cidr`",
        ],
    );
    ingress(
        r#"{"ports":[{"protocol":"TCP","port":80,"endPort":79}]}"#,
        &["spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`"],
    );
    POLICY.create(
        r#"{"spec":{"policyTypes":["Foo"]}}"#,
        &["spec.policyTypes[0]: Unsupported value: \"Foo\": supported values: \"Ingress\", \"Egress\""],
    );
}

#[test]
fn addresses_belong_to_one_object() {
    ADDRESS.takes_the_least();
    ADDRESS
        .create(r#"{"metadata":{"name":"010.0.0.1"}}"#, &["metadata.name: Invalid value: \"010.0.0.1\": …"]);
    ADDRESS.create(r#"{"spec":{"parentRef":null}}"#, &["spec.parentRef: Required value"]);
    ADDRESS.update("", "{}", r#"{"spec":{"parentRef":{"name":"t"}}}"#, &["spec.parentRef: Invalid value: …"]);
}

#[test]
fn ranges_are_one_of_each_family() {
    RANGES.takes_the_least();
    RANGES.create(r#"{"spec":{"cidrs":["10.0.0.0/16","fd00::/112"]}}"#, &[]);
    RANGES.create(r#"{"spec":{"cidrs":["10.0.0.0/16","10.1.0.0/16"]}}"#, &[
        "spec.cidrs: Invalid value: [\"10.0.0.0/16\",\"10.1.0.0/16\"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64",
    ]);
    RANGES.create(
        r#"{"spec":{"cidrs":["10.0.0.1/16"]}}"#,
        &["spec.cidrs[0]: Invalid value: \"10.0.0.1/16\": …"],
    );
    RANGES.update(
        "",
        "{}",
        r#"{"spec":{"cidrs":["10.1.0.0/16"]}}"#,
        &["spec.cidrs[0]: Invalid value: \"10.1.0.0/16\": field is immutable"],
    );
}
