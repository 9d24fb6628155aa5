//! Services.

use super::kind;
use crate::validation::tests::Kind;

const SERVICE: Kind = kind(
    "services",
    r#"{"metadata":{"name":"a","namespace":"n"},"spec":{"type":"ClusterIP","clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1"],
        "ipFamilies":["IPv4"],"ipFamilyPolicy":"SingleStack","sessionAffinity":"None","internalTrafficPolicy":"Cluster",
        "ports":[{"port":80,"protocol":"TCP","targetPort":80}]}}"#,
);

const BALANCED: &str = r#"{"spec":{"type":"LoadBalancer","externalTrafficPolicy":"Cluster","allocateLoadBalancerNodePorts":true}}"#;

#[test]
fn the_least_of_every_type_is_taken() {
    SERVICE.takes_the_least();
    SERVICE.create(BALANCED, &[]);
    SERVICE.create(r#"{"spec":{"type":"NodePort","externalTrafficPolicy":"Local"}}"#, &[]);
    SERVICE.create(
        r#"{"spec":{"type":"ExternalName","externalName":"a.b.","clusterIP":null,"clusterIPs":null,"ipFamilies":null,"ipFamilyPolicy":null,"internalTrafficPolicy":null,"ports":null}}"#,
        &[],
    );
    SERVICE.create(r#"{"spec":{"clusterIP":"None","clusterIPs":["None"],"ports":null}}"#, &[]);
}

#[test]
fn ports_and_types_are_checked() {
    SERVICE.create(
        r#"{"spec":{"type":"X","ports":null,"sessionAffinity":"Y","internalTrafficPolicy":"Z","trafficDistribution":"Far"}}"#,
        &[
            "spec.ports: Required value",
            "spec.sessionAffinity: Unsupported value: \"Y\": supported values: \"ClientIP\", \"None\"",
            "spec.type: Unsupported value: \"X\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \"NodePort\"",
            "spec.internalTrafficPolicy: Unsupported value: \"Z\": supported values: \"Cluster\", \"Local\"",
            "spec.trafficDistribution: Unsupported value: \"Far\": supported values: \"PreferClose\", \"PreferSameZone\", \"PreferSameNode\"",
        ],
    );
    SERVICE.create(
        r#"{"spec":{"ports":[{"name":"UP","port":0,"protocol":"X","targetPort":"http--x","nodePort":30000},
            {"port":80,"protocol":"TCP","targetPort":70000,"nodePort":30001},{"name":"c","port":80,"protocol":"TCP","targetPort":1,"nodePort":30001}]}}"#,
        &[
            "spec.ports[0].name: Invalid value: \"UP\": a lowercase RFC 1123 label must…",
            "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            "spec.ports[0].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
            "spec.ports[0].targetPort: Invalid value: \"http--x\": must not contain consecutive hyphens",
            "spec.ports[1].name: Required value",
            "spec.ports[1].targetPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
            "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
            "spec.ports[1].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
            "spec.ports[2].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
            "spec.ports[2].nodePort: Duplicate value: 30001",
            "spec.ports[2]: Duplicate value: {\"Name\":\"\",\"Protocol\":\"TCP\",\"AppProtocol\":null,\"Port\":80,\"TargetPort\":0,\"NodePort\":0}",
        ],
    );
    SERVICE.create(
        r#"{"spec":{"type":"ExternalName","ports":null}}"#,
        &[
            "spec.clusterIPs: Forbidden: may not be set for ExternalName services",
            "spec.ipFamilies: Forbidden: may not be set for ExternalName services",
            "spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services",
            "spec.externalName: Required value",
        ],
    );
    SERVICE.create(
        r#"{"spec":{"type":"NodePort","externalTrafficPolicy":"Cluster","clusterIP":"None","clusterIPs":["None"]}}"#,
        &["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"],
    );
}

#[test]
fn addresses_are_checked() {
    let check = |addresses: &str, families: &str, expected: &[&str]| {
        let first = addresses.split('"').nth(1).unwrap_or("");
        SERVICE.create(
            &format!(
                r#"{{"spec":{{"clusterIP":"{first}","clusterIPs":{addresses},"ipFamilies":{families}}}}}"#
            ),
            expected,
        );
    };
    check(r#"["10.0.0.1","fd00::1"]"#, r#"["IPv4","IPv6"]"#, &[]);
    check(r#"[]"#, r#"[]"#, &[]);
    check(
        r#"["x","::ffff:1.2.3.4"]"#,
        r#"["IPv4","IPv4"]"#,
        &[
            "spec.ipFamilies[1]: Duplicate value: \"IPv4\"",
            "spec.clusterIPs[0]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            "spec.clusterIPs[1]: Invalid value: \"::ffff:1.2.3.4\": must not be an IPv4-mapped IPv6 address",
        ],
    );
    check(
        r#"["10.0.0.1","10.0.0.2"]"#,
        r#"["IPv6","IPv4"]"#,
        &[
            "spec.clusterIPs: Invalid value: [\"10.0.0.1\",\"10.0.0.2\"]: may specify no more than one IP for each IP family",
            "spec.clusterIPs[0]: Invalid value: \"10.0.0.1\": expected an IPv6 value as indicated by `ipFamilies[0]`",
        ],
    );
    SERVICE.create(
        r#"{"spec":{"clusterIP":"10.0.0.2","externalIPs":["127.0.0.1","010.1.1.1"]}}"#,
        &[
            "spec.clusterIPs: Invalid value: [\"10.0.0.1\"]: first value must match `clusterIP`",
            "spec.externalIPs[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
            "spec.externalIPs[1]: Invalid value: \"010.1.1.1\": must not have leading 0s",
            "spec.externalTrafficPolicy: Required value",
        ],
    );
}

#[test]
fn load_balancers_have_fields_of_their_own() {
    SERVICE.create(
        r#"{"spec":{"loadBalancerSourceRanges":["10.0.0.0/8"],"allocateLoadBalancerNodePorts":true,"loadBalancerClass":"a/b","externalTrafficPolicy":"Local","healthCheckNodePort":30000}}"#,
        &[
            "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
            "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
            "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
            "spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for externally-accessible services",
            "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
        ],
    );
    SERVICE.create(
        r#"{"spec":{"type":"LoadBalancer","externalTrafficPolicy":"Local","loadBalancerSourceRanges":[" 10.0.0.0/8","x"],"loadBalancerClass":"a b"}}"#,
        &[
            "spec.LoadBalancerSourceRanges[1]: Invalid value: \"x\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
            "allocateLoadBalancerNodePorts: Required value",
            "spec.loadBalancerClass: Invalid value: \"a b\": name part must consist of…",
            "spec.healthCheckNodePort: Required value",
        ],
    );
    let ranges = "metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]";
    SERVICE.create(
        r#"{"metadata":{"annotations":{"service.beta.kubernetes.io/load-balancer-source-ranges":"10.0.0.0/8, y"}}}"#,
        &[
            &format!("{ranges}: Forbidden: may only be used when `type` is 'LoadBalancer'"),
            &format!("{ranges}: Invalid value: \"y\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"),
        ],
    );
}

#[test]
fn updates_keep_addresses_and_what_was_valid_once() {
    SERVICE.update(
        "",
        "{}",
        r#"{"spec":{"clusterIP":"10.0.0.2","clusterIPs":["10.0.0.2"]}}"#,
        &["spec.clusterIPs[0]: Invalid value: [\"10.0.0.2\"]: may not change once set"],
    );
    SERVICE.update(
        "",
        "{}",
        r#"{"spec":{"clusterIP":null,"clusterIPs":null,"ipFamilies":["IPv6"]}}"#,
        &[
            "spec.clusterIPs[0]: Invalid value: null: primary clusterIP can not be unset",
            "spec.ipFamilies[0]: Invalid value: [\"IPv6\"]: may not change once set",
        ],
    );
    let dual = r#"{"spec":{"clusterIPs":["10.0.0.1","fd00::1"],"ipFamilies":["IPv4","IPv6"],"ipFamilyPolicy":"PreferDualStack"}}"#;
    SERVICE.update("", "{}", dual, &[]);
    SERVICE.update("", dual, "{}", &[]);
    SERVICE.update(
        "",
        dual,
        r#"{"spec":{"ipFamilyPolicy":"PreferDualStack"}}"#,
        &[
            "spec.ipFamilyPolicy: Invalid value: \"PreferDualStack\": must be set to 'SingleStack' when releasing the secondary clusterIP",
            "spec.ipFamilyPolicy: Invalid value: \"PreferDualStack\": must be set to 'SingleStack' when releasing the secondary ipFamily",
        ],
    );
    let old = r#"{"spec":{"clusterIP":"010.0.0.1","clusterIPs":["010.0.0.1"]}}"#;
    SERVICE.update("", old, old, &[]);
    let class = |class: &str| {
        format!(
            r#"{{"spec":{{"type":"LoadBalancer","externalTrafficPolicy":"Cluster","allocateLoadBalancerNodePorts":true,"loadBalancerClass":"{class}"}}}}"#
        )
    };
    SERVICE.update(
        "",
        &class("a/b"),
        &class("a/c"),
        &["spec.loadBalancerClass: Invalid value: \"a/c\": may not change once set"],
    );
    SERVICE.update("", BALANCED, "{}", &[]);
}

#[test]
fn what_load_balancers_say_is_checked() {
    let status = |ingress: &str, kind: &str| {
        format!(r#"{{"spec":{{"type":"{kind}"}},"status":{{"loadBalancer":{{"ingress":{ingress}}}}}}}"#)
    };
    SERVICE.update(
        "status",
        "{}",
        &status(r#"[{"ip":"1.2.3.4","ipMode":"VIP"},{"hostname":"a.b"}]"#, "LoadBalancer"),
        &[],
    );
    SERVICE.update(
        "status",
        "{}",
        &status(r#"[{"ip":"1.2.3.4"}]"#, "NodePort"),
        &["status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"],
    );
    SERVICE.update(
        "status",
        "{}",
        &status(r#"[{"ip":"x"},{"ipMode":"VIP","hostname":"1.2.3.4"},{"ip":"1.1.1.1","ipMode":"Y"}]"#, "LoadBalancer"),
        &[
            "status.loadBalancer.ingress[0].ip: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            "status.loadBalancer.ingress[0].ipMode: Required value: must be specified when `ip` is set",
            "status.loadBalancer.ingress[1].ipMode: Forbidden: may not be specified when `ip` is not set",
            "status.loadBalancer.ingress[1].hostname: Invalid value: \"1.2.3.4\": must be a DNS name, not an IP address",
            "status.loadBalancer.ingress[2].ipMode: Unsupported value: \"Y\": supported values: \"Proxy\", \"VIP\"",
        ],
    );
}

#[test]
fn users_are_warned() {
    SERVICE.warn("{}", &[]);
    SERVICE.warn(
        r#"{"spec":{"clusterIP":"None","clusterIPs":["None"],"loadBalancerIP":"01.2.3.4","externalIPs":["1.2.3.4"],"sessionAffinity":"ClientIP","externalName":"x","trafficDistribution":"PreferClose"}}"#,
        &[
            "spec.loadBalancerIP is ignored for headless services",
            "spec.externalIPs is ignored for headless services",
            "spec.SessionAffinity is ignored for headless services",
            "spec.loadBalancerIP: non-standard IP address \"01.2.3.4\" is invalid: use \"1.2.3.4\"",
            "spec.externalName is ignored when spec.type is not \"ExternalName\"",
            "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"",
        ],
    );
    SERVICE.warn(
        r#"{"metadata":{"annotations":{"service.kubernetes.io/topology-aware-hints":"auto"}},"spec":{"externalIPs":["FD00::1"],"loadBalancerSourceRanges":["10.0.0.1/8"]}}"#,
        &[
            "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead",
            "spec.externalIPs[0]: IPv6 address \"FD00::1\" should be in RFC 5952 canonical format (\"fd00::1\")",
            "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
            "spec.loadBalancerSourceRanges[0]: CIDR value \"10.0.0.1/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or \"10.0.0.1/32\"?)",
        ],
    );
}
