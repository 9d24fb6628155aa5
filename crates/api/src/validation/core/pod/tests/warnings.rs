use super::*;

fn check(pod: &Value, expected: &[&str]) {
    assert_texts(&RULES.warn("", &Node::root(pod), None), expected, &format!("{pod:?}"));
}

fn check_spec(spec: &str, expected: &[&str]) {
    check(&pod(&format!(r#"{{"spec":{spec}}}"#)), expected);
}

#[test]
fn ordinary_pods_have_no_warnings() {
    check(&pod("{}"), &[]);
    assert!(RULES.warn("", &Node::root(&pod("{}")), Some(&Node::root(&pod("{}")))).is_empty());
}

#[test]
fn what_is_deprecated_is_told() {
    check(
        &pod(r#"{"metadata":{"name":"a.b"}}"#),
        &[
            "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
        ],
    );
    check_spec(
        r#"{"nodeSelector":{"beta.kubernetes.io/os":"linux"},"volumes":[{"name":"v","rbd":{}},{"name":"w","storageos":{}}]}"#,
        &[
            "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" instead",
            "spec.volumes[0].rbd: deprecated in v1.28, non-functional in v1.31+",
            "spec.volumes[1].storageOS: deprecated in v1.22, non-functional in v1.25+",
        ],
    );
    check_spec(
        r#"{"terminationGracePeriodSeconds":-1,"overhead":{"memory":"1500m"},
        "topologySpreadConstraints":[{"topologyKey":"beta.kubernetes.io/os"}]}"#,
        &[
            "spec.topologySpreadConstraints[0].topologyKey: beta.kubernetes.io/os is deprecated since v1.14; use \"kubernetes.io/os\" instead",
            "spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod",
            "spec.overhead[memory]: fractional byte value \"1500m\" is invalid, must be an integer",
            "spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1",
        ],
    );
}

#[test]
fn ports_and_variables_that_hide_each_other_are_told() {
    check(
        &pod_with_container(
            r#"{"ports":[{"name":"a","containerPort":80,"protocol":"TCP"},{"name":"a","containerPort":80,"protocol":"TCP"},
                {"containerPort":80,"protocol":"TCP","hostPort":8080},{"containerPort":1,"protocol":"TCP","hostIP":"1.2.3.4"}],
                "env":[{"name":"A","value":"1"},{"name":"A","value":"x$(A)"},{"name":"A","value":"$(A)"}]}"#,
        ),
        &[
            "spec.containers[0].env[2]: hides previous definition of \"A\", which may be dropped when using apply",
            "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",
            "spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[0]",
            "spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[1]",
            "spec.containers[0].ports[3]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:1 Protocol:TCP HostIP:1.2.3.4}",
            "spec.containers[0].ports[1]: duplicate port name \"a\" with spec.containers[0].ports[0], services and probes that select ports by name will use spec.containers[0].ports[0]",
        ],
    );
}

#[test]
fn files_in_each_others_way_are_told() {
    check_spec(
        r#"{"volumes":[{"name":"v","configMap":{"name":"m","items":[{"key":"a","path":"x/y"},{"key":"b","path":"x/"},{"key":"c","path":"xy"}]}},
            {"name":"w","projected":{"sources":[{},{"serviceAccountToken":{"path":"t"}},{"secret":{"name":"s","items":[{"key":"k","path":"t/u"}]}}]}}]}"#,
        &[
            "volume \"v\" (ConfigMap \"m\"): overlapping paths: \"x\" with \"x/y\"",
            "volume \"w\" (Projected) has no sources provided",
            "volume \"w\" (Projected): overlapping paths: \"t/u\" (Secret \"s\") with \"t\" (ServiceAccountToken)",
        ],
    );
}
