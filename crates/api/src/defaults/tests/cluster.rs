use super::check;

#[test]
fn services() {
    let service = |spec: &str, path: &str, expected: &str| {
        check("v1", "Service", &format!(r#"{{"spec":{spec}}}"#), path, expected);
    };
    service(
        "{}",
        "spec",
        r#"{"internalTrafficPolicy":"Cluster","sessionAffinity":"None","type":"ClusterIP"}"#,
    );
    service(
        r#"{"ports":[{"port":80},{"port":53,"protocol":"UDP","targetPort":"dns"},{"port":1,"targetPort":""}]}"#,
        "spec.ports",
        r#"[{"port":80,"protocol":"TCP","targetPort":80},{"port":53,"protocol":"UDP","targetPort":"dns"},
            {"port":1,"protocol":"TCP","targetPort":1}]"#,
    );
    service(
        r#"{"sessionAffinity":"ClientIP"}"#,
        "spec.sessionAffinityConfig",
        r#"{"clientIP":{"timeoutSeconds":10800}}"#,
    );
    let kept = r#"{"clientIP":{"timeoutSeconds":5}}"#;
    service(
        &format!(r#"{{"sessionAffinity":"ClientIP","sessionAffinityConfig":{kept}}}"#),
        "spec.sessionAffinityConfig",
        kept,
    );
    service(&format!(r#"{{"sessionAffinityConfig":{kept}}}"#), "spec.sessionAffinityConfig", "");
    service(
        r#"{"type":"ExternalName","externalName":"a.b"}"#,
        "spec",
        r#"{"externalName":"a.b","sessionAffinity":"None","type":"ExternalName"}"#,
    );
    service(r#"{"type":"NodePort"}"#, "spec.externalTrafficPolicy", r#""Cluster""#);
    service(r#"{"externalIPs":["1.2.3.4"]}"#, "spec.externalTrafficPolicy", r#""Cluster""#);
    service(r#"{"type":"LoadBalancer"}"#, "spec.allocateLoadBalancerNodePorts", "true");
    service(
        r#"{"type":"LoadBalancer","allocateLoadBalancerNodePorts":false}"#,
        "spec.allocateLoadBalancerNodePorts",
        "false",
    );
    let body = |kind| {
        format!(
            r#"{{"spec":{{"type":"{kind}"}},"status":{{"loadBalancer":{{"ingress":[{{"ip":"1.2.3.4"}},{{"hostname":"h"}}]}}}}}}"#
        )
    };
    let path = "status.loadBalancer.ingress";
    check(
        "v1",
        "Service",
        &body("LoadBalancer"),
        path,
        r#"[{"ip":"1.2.3.4","ipMode":"VIP"},{"hostname":"h"}]"#,
    );
    check("v1", "Service", &body("ClusterIP"), path, r#"[{"ip":"1.2.3.4"},{"hostname":"h"}]"#);
}

#[test]
fn networks() {
    let policy = |spec: &str, path: &str, expected: &str| {
        check("networking.k8s.io/v1", "NetworkPolicy", &format!(r#"{{"spec":{spec}}}"#), path, expected);
    };
    policy("{}", "spec.policyTypes", r#"["Ingress"]"#);
    policy(r#"{"egress":[{}]}"#, "spec.policyTypes", r#"["Ingress","Egress"]"#);
    policy(r#"{"policyTypes":["Egress"]}"#, "spec.policyTypes", r#"["Egress"]"#);
    policy(
        r#"{"ingress":[{"ports":[{"port":1}]}]}"#,
        "spec.ingress.0.ports",
        r#"[{"port":1,"protocol":"TCP"}]"#,
    );
    let class = r#"{"spec":{"parameters":{"kind":"K","name":"n"}}}"#;
    check("networking.k8s.io/v1", "IngressClass", class, "spec.parameters.scope", r#""Cluster""#);
    check("networking.k8s.io/v1", "IngressClass", "{}", "spec", "{}");
    let body = r#"{"subsets":[{"ports":[{"port":1}]}]}"#;
    check("v1", "Endpoints", body, "subsets.0.ports", r#"[{"port":1,"protocol":"TCP"}]"#);
    let body = r#"{"ports":[{"port":1},{}]}"#;
    let expected = r#"[{"name":"","port":1,"protocol":"TCP"},{"name":"","protocol":"TCP"}]"#;
    check("discovery.k8s.io/v1", "EndpointSlice", body, "ports", expected);
}

#[test]
fn the_core_group() {
    check("v1", "Secret", "{}", "type", r#""Opaque""#);
    check(
        "v1",
        "Namespace",
        r#"{"metadata":{"name":"n"}}"#,
        "metadata.labels",
        r#"{"kubernetes.io/metadata.name":"n"}"#,
    );
    check("v1", "Namespace", r#"{"metadata":{"generateName":"n"}}"#, "metadata.labels", "");
    check("v1", "Namespace", "{}", "status", r#"{"phase":"Active"}"#);
    let node = |body: &str, path: &str, expected: &str| check("v1", "Node", body, path, expected);
    node(r#"{"status":{"capacity":{"cpu":"0.5"}}}"#, "status.allocatable", r#"{"cpu":"500m"}"#);
    node(
        r#"{"status":{"capacity":{"cpu":"1"},"allocatable":{"memory":"1"}}}"#,
        "status.allocatable",
        r#"{"memory":"1"}"#,
    );
    node(r#"{"spec":{"podCIDR":"10.0.0.0/24"}}"#, "spec.podCIDRs", r#"["10.0.0.0/24"]"#);
    node(r#"{"spec":{"podCIDRs":["10.0.0.0/24"]}}"#, "spec.podCIDR", r#""10.0.0.0/24""#);
    node(
        r#"{"spec":{"podCIDR":"10.1.0.0/24","podCIDRs":["10.0.0.0/24","::/64"]}}"#,
        "spec.podCIDRs",
        r#"["10.1.0.0/24"]"#,
    );
    let limits = |item: &str, expected: &str| {
        check("v1", "LimitRange", &format!(r#"{{"spec":{{"limits":[{item}]}}}}"#), "spec.limits.0", expected);
    };
    limits(
        r#"{"type":"Container","max":{"cpu":"4"},"min":{"cpu":"1","memory":"1Mi"},"default":{"memory":"2Mi"}}"#,
        r#"{"default":{"cpu":"4","memory":"2Mi"},"defaultRequest":{"cpu":"4","memory":"2Mi"},"max":{"cpu":"4"},
            "min":{"cpu":"1","memory":"1Mi"},"type":"Container"}"#,
    );
    limits(r#"{"type":"Pod","max":{"cpu":"4"}}"#, r#"{"max":{"cpu":"4"},"type":"Pod"}"#);
    for (kind, path, expected) in [
        ("PersistentVolume", "spec.persistentVolumeReclaimPolicy", r#""Retain""#),
        ("PersistentVolume", "spec.volumeMode", r#""Filesystem""#),
        ("PersistentVolume", "status.phase", r#""Pending""#),
        ("PersistentVolumeClaim", "spec.volumeMode", r#""Filesystem""#),
        ("PersistentVolumeClaim", "status.phase", r#""Pending""#),
        ("ConfigMap", "data", ""),
        ("ResourceQuota", "spec", "{}"),
    ] {
        check("v1", kind, "{}", path, expected);
    }
    let body = r#"{"spec":{"hostPath":{"path":"/x"}}}"#;
    check("v1", "PersistentVolume", body, "spec.hostPath", r#"{"path":"/x","type":""}"#);
    check("v1", "ResourceQuota", r#"{"spec":{"hard":{"cpu":"1u"}}}"#, "spec.hard", r#"{"cpu":"1m"}"#);
    // Amounts of other groups are not rounded.
    let body = r#"{"handler":"h","overhead":{"podFixed":{"cpu":"1u"}}}"#;
    check("node.k8s.io/v1", "RuntimeClass", body, "overhead.podFixed", r#"{"cpu":"1u"}"#);
}

#[test]
fn storage() {
    check("storage.k8s.io/v1", "StorageClass", "{}", "reclaimPolicy", r#""Delete""#);
    check("storage.k8s.io/v1", "StorageClass", "{}", "volumeBindingMode", r#""Immediate""#);
    check(
        "storage.k8s.io/v1",
        "CSIDriver",
        "{}",
        "spec",
        r#"{"attachRequired":true,"fsGroupPolicy":"ReadWriteOnceWithFSType","podInfoOnMount":false,
            "requiresRepublish":false,"seLinuxMount":false,"storageCapacity":false,"volumeLifecycleModes":["Persistent"]}"#,
    );
    let body = r#"{"spec":{"source":{"inlineVolumeSpec":{"iscsi":{"targetPortal":"t","iqn":"i","lun":1},
        "capacity":{"storage":"1u"}}}}}"#;
    let expected = r#"{"capacity":{"storage":"1m"},"iscsi":{"iqn":"i","iscsiInterface":"default","lun":1,"targetPortal":"t"}}"#;
    check("storage.k8s.io/v1", "VolumeAttachment", body, "spec.source.inlineVolumeSpec", expected);
}

#[test]
fn who_may() {
    let group = r#""rbac.authorization.k8s.io""#;
    for kind in ["RoleBinding", "ClusterRoleBinding"] {
        let check = |body, path, expected| check("rbac.authorization.k8s.io/v1", kind, body, path, expected);
        check("{}", "roleRef.apiGroup", group);
        let body = r#"{"subjects":[{"kind":"User","name":"u"},{"kind":"Group","name":"g"},{"kind":"ServiceAccount","name":"s"}]}"#;
        check(body, "subjects.0.apiGroup", group);
        check(body, "subjects.1.apiGroup", group);
        check(body, "subjects.2.apiGroup", "");
    }
    let body = r#"{"spec":{"audiences":["a"]}}"#;
    check("authentication.k8s.io/v1", "TokenRequest", body, "spec.expirationSeconds", "3600");
}

#[test]
fn flow_control() {
    let check =
        |kind, body, path, expected| check("flowcontrol.apiserver.k8s.io/v1", kind, body, path, expected);
    check("FlowSchema", "{}", "spec.matchingPrecedence", "1000");
    let level = "PriorityLevelConfiguration";
    check(
        level,
        r#"{"spec":{"exempt":{}}}"#,
        "spec.exempt",
        r#"{"lendablePercent":0,"nominalConcurrencyShares":0}"#,
    );
    check(level, r#"{"spec":{"exempt":{}}}"#, "spec.limited", "");
    check(
        level,
        r#"{"spec":{"limited":{"limitResponse":{"type":"Queue","queuing":{"queues":5}}}}}"#,
        "spec.limited",
        r#"{"lendablePercent":0,"limitResponse":{"queuing":{"handSize":8,"queueLengthLimit":50,"queues":5},"type":"Queue"},
            "nominalConcurrencyShares":30}"#,
    );
    check(
        level,
        r#"{"spec":{"limited":{"nominalConcurrencyShares":0}}}"#,
        "spec.limited.nominalConcurrencyShares",
        "0",
    );
}

#[test]
fn admission() {
    let hook = r#"{"webhooks":[{"name":"n","clientConfig":{"service":{"namespace":"a","name":"b"}},
        "rules":[{"operations":["*"],"apiGroups":["a"],"apiVersions":["b"],"resources":["c"]}]}]}"#;
    for kind in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] {
        let reinvocation = if kind.starts_with('M') { r#""Never""# } else { "" };
        for (path, expected) in [
            ("clientConfig.service", r#"{"name":"b","namespace":"a","port":443}"#),
            ("failurePolicy", r#""Fail""#),
            ("matchPolicy", r#""Equivalent""#),
            ("namespaceSelector", "{}"),
            ("objectSelector", "{}"),
            ("reinvocationPolicy", reinvocation),
            ("rules.0.scope", r#""*""#),
            ("timeoutSeconds", "10"),
        ] {
            check("admissionregistration.k8s.io/v1", kind, hook, &format!("webhooks.0.{path}"), expected);
        }
    }
    for version in ["v1", "v1beta1"] {
        for kind in ["ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"] {
            let api_version = format!("admissionregistration.k8s.io/{version}");
            let body = r#"{"spec":{"matchConstraints":{"resourceRules":[{"resources":["pods"]}]}}}"#;
            check(&api_version, kind, body, "spec.failurePolicy", r#""Fail""#);
            let expected = r#"{"matchPolicy":"Equivalent","namespaceSelector":{},"objectSelector":{},
                "resourceRules":[{"resources":["pods"],"scope":"*"}]}"#;
            check(&api_version, kind, body, "spec.matchConstraints", expected);
            let body = r#"{"spec":{"matchResources":{}}}"#;
            let expected = r#"{"matchPolicy":"Equivalent","namespaceSelector":{},"objectSelector":{}}"#;
            check(&api_version, &format!("{kind}Binding"), body, "spec.matchResources", expected);
        }
    }
}

#[test]
fn extensions() {
    let definition = |body: &str, path: &str, expected: &str| {
        check("apiextensions.k8s.io/v1", "CustomResourceDefinition", body, path, expected);
    };
    let body = r#"{"spec":{"names":{"kind":"Widget","plural":"widgets"},"versions":[{"name":"v1"},{"name":"v2","storage":true}]}}"#;
    definition(
        body,
        "spec.names",
        r#"{"kind":"Widget","listKind":"WidgetList","plural":"widgets","singular":"widget"}"#,
    );
    definition(body, "spec.conversion", r#"{"strategy":"None"}"#);
    definition(body, "status.storedVersions", r#"["v2"]"#);
    definition(r#"{"spec":{"conversion":{}}}"#, "spec.conversion.strategy", r#""""#);
    let body = r#"{"spec":{"conversion":{"strategy":"Webhook","webhook":{"clientConfig":{"service":{"name":"a","namespace":"b"}}}}}}"#;
    definition(body, "spec.conversion.webhook.clientConfig.service.port", "443");
    definition(r#"{"status":{"storedVersions":["v0"]}}"#, "status.storedVersions", r#"["v0"]"#);
    let service = r#"{"spec":{"service":{"name":"a","namespace":"b"}}}"#;
    check("apiregistration.k8s.io/v1", "APIService", service, "spec.service.port", "443");
    check("apiregistration.k8s.io/v1", "APIService", "{}", "spec.service", "");
    check("scheduling.k8s.io/v1", "PriorityClass", "{}", "preemptionPolicy", r#""PreemptLowerPriority""#);
}

#[test]
fn devices() {
    for (kind, spec) in [("ResourceClaim", "spec"), ("ResourceClaimTemplate", "spec.spec")] {
        let claim = r#"{"devices":{"requests":[{"name":"a","exactly":{"deviceClassName":"c","tolerations":[{"key":"k"}]}},
            {"name":"b","exactly":{"deviceClassName":"c","allocationMode":"All"}},
            {"name":"c","firstAvailable":[{"name":"d","deviceClassName":"c","count":3}]}]}}"#;
        let body = match kind {
            "ResourceClaim" => format!(r#"{{"spec":{claim}}}"#),
            _ => format!(r#"{{"spec":{{"spec":{claim}}}}}"#),
        };
        for (path, expected) in [
            ("0.exactly.allocationMode", r#""ExactCount""#),
            ("0.exactly.count", "1"),
            ("0.exactly.tolerations.0.operator", r#""Equal""#),
            ("1.exactly.count", ""),
            ("2.firstAvailable.0.allocationMode", r#""ExactCount""#),
            ("2.firstAvailable.0.count", "3"),
        ] {
            check("resource.k8s.io/v1", kind, &body, &format!("{spec}.devices.requests.{path}"), expected);
        }
    }
    let body = r#"{"spec":{"devices":[{"name":"d","nodeAllocatableResourceMappings":{"cpu":{}}}]}}"#;
    let path = "spec.devices.0.nodeAllocatableResourceMappings.cpu.allocationMultiplier";
    check("resource.k8s.io/v1", "ResourceSlice", body, path, r#""1""#);
}
