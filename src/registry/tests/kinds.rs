use super::*;

fn strings(object: &Object, path: &[&str]) -> Vec<String> {
    let list = object.at(path).and_then(Value::as_array).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[tokio::test]
async fn objects_are_well_formed_when_they_are_born() {
    let cluster = Cluster::new().await;
    let check = async |resource: &str, namespace: &str, text: &str, path: &[&str], expected: &str| {
        let object = cluster.create(resource, namespace, text).await.unwrap();
        assert_eq!(object.str_at(path), expected, "{resource} {path:?}");
        object
    };
    let named = r#"{"metadata":{"name":"a"}}"#;
    let pod = check("pods", "ns", named, &["status", "phase"], "Pending").await;
    assert_eq!(pod.str_at(&["status", "qosClass"]), "BestEffort");
    let namespace = check("namespaces", "", named, &["status", "phase"], "Active").await;
    assert_eq!(strings(&namespace, &["spec", "finalizers"]), ["kubernetes"]);
    assert_eq!(namespace.label("kubernetes.io/metadata.name"), Some("a"));
    let secret = r#"{"metadata":{"name":"a"},"data":{"x":"Yg=="},"stringData":{"x":"a","y":"c"}}"#;
    let secret = check("secrets", "ns", secret, &["type"], "Opaque").await;
    assert_eq!((secret.str_at(&["data", "x"]), secret.str_at(&["data", "y"])), ("YQ==", "Yw=="));
    assert_eq!(secret.get("stringData"), None);
    let volume = check("persistentvolumes", "", named, &["status", "phase"], "Pending").await;
    assert!(!volume.str_at(&["status", "lastPhaseTransitionTime"]).is_empty());
    let job =
        check("batch/jobs", "ns", named, &["spec", "template", "metadata", "labels", "job-name"], "a").await;
    assert_eq!(
        job.str_at(&["spec", "selector", "matchLabels", "batch.kubernetes.io/controller-uid"]),
        job.uid()
    );
    let template_generation = ["metadata", "annotations", "deprecated.daemonset.template.generation"];
    check("apps/daemonsets", "ns", named, &template_generation, "1").await;
    let crd = r#"{"metadata":{"name":"as.g.io"},"spec":{"group":"g.io","scope":"Cluster",
        "names":{"plural":"as","singular":"a","kind":"A","listKind":"AList"},
        "versions":[{"name":"v1","schema":{"openAPIV3Schema":{"type":"object"}}},
        {"name":"v2","storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}"#;
    let crd = cluster.create("apiextensions.k8s.io/customresourcedefinitions", "", crd).await.unwrap();
    assert_eq!(strings(&crd, &["status", "storedVersions"]), ["v2"]);
    let service = r#"{"metadata":{"name":"v1.g"},"spec":{"group":"g","version":"v1","groupPriorityMinimum":1,"versionPriority":1}}"#;
    let service = cluster.create("apiregistration.k8s.io/apiservices", "", service).await.unwrap();
    let condition = &service.at(&["status", "conditions"]).unwrap().as_array().unwrap()[0];
    assert_eq!((condition.str_at(&["type"]), condition.str_at(&["reason"])), ("Available", "Local"));
    let csr = signing_request(r#""username":"root","groups":["system:masters"]"#);
    let resource = "certificates.k8s.io/certificatesigningrequests";
    let csr = check(resource, "", &csr, &["spec", "username"], "alice").await;
    assert_eq!(strings(&csr, &["spec", "groups"]), ["devs", "system:authenticated"]);
    let unnamed = cluster.create("limitranges", "ns", r#"{"metadata":{}}"#).await.unwrap();
    assert_eq!(unnamed.name().len(), 36);
    cluster.close().await;
}

#[tokio::test]
async fn daemon_sets_count_the_changes_of_their_template() {
    let cluster = Cluster::new().await;
    cluster.create("apps/daemonsets", "ns", r#"{"metadata":{"name":"a"}}"#).await.unwrap();
    let check = async |path: &'static [&'static str], text: &str, generation: i64, template: &str| {
        let object = cluster
            .patch("apps/daemonsets", cluster.context("ns"), "a", |o| set(o, path, text))
            .await
            .unwrap();
        let counted = object.annotation("deprecated.daemonset.template.generation").unwrap();
        assert_eq!((object.generation(), counted), (generation, template));
    };
    check(&["spec", "minReadySeconds"], "5", 2, "1").await;
    check(&["spec", "template", "metadata", "labels"], r#"{"a":"b","c":"d"}"#, 3, "2").await;
    cluster.close().await;
}

#[tokio::test]
async fn pods_keep_what_subresources_may_not_change() {
    let cluster = Cluster::new().await;
    let text = r#"{"metadata":{"name":"p","labels":{"l":"old"}},
        "spec":{"containers":[{"name":"c","image":"i","resources":{"requests":{"cpu":"1"}}}]}}"#;
    cluster.create("pods", "ns", text).await.unwrap();
    let change = async |subresource: &'static str| {
        let context = WriteContext { subresource, ..cluster.context("ns") };
        cluster
            .patch("pods", context, "p", |object| {
                set(object, &["metadata", "labels"], r#"{"l":"new"}"#);
                set(
                    object,
                    &["metadata", "ownerReferences"],
                    r#"[{"apiVersion":"v1","kind":"Node","name":"n","uid":"u"}]"#,
                );
                set(
                    object,
                    &["spec", "containers"],
                    r#"[{"name":"c","image":"j","resources":{"requests":{"cpu":"2"}}}]"#,
                );
                set(object, &["spec", "ephemeralContainers"], r#"[{"name":"e","image":"k","resources":{}}]"#);
                set(object, &["status"], r#"{"phase":"Running"}"#);
            })
            .await
            .unwrap()
    };
    let image = |object: &Object| {
        object.at(&["spec", "containers"]).unwrap().as_array().unwrap()[0].str_at(&["image"]).to_owned()
    };
    let ephemeral = change("ephemeralcontainers").await;
    assert_eq!(
        (image(&ephemeral).as_str(), ephemeral.label("l"), ephemeral.generation()),
        ("i", Some("old"), 2)
    );
    assert!(ephemeral.at(&["spec", "ephemeralContainers"]).is_some());
    assert_eq!(ephemeral.str_at(&["status", "phase"]), "Pending");
    let resized = change("resize").await;
    let container = &resized.at(&["spec", "containers"]).unwrap().as_array().unwrap()[0];
    assert_eq!(container.str_at(&["resources", "requests", "cpu"]), "2");
    assert_eq!((image(&resized).as_str(), resized.generation()), ("i", 3));
    let status = change("status").await;
    assert_eq!(
        (status.str_at(&["status", "phase"]), status.str_at(&["status", "qosClass"])),
        ("Running", "Burstable")
    );
    assert_eq!((image(&status).as_str(), status.label("l")), ("i", Some("new")));
    assert!(status.owner_references().is_empty());
    cluster.close().await;
}

/// A signing request whose spec has these members, too.
fn signing_request(more: &str) -> String {
    use base64::Engine;
    let key = rcgen::KeyPair::generate().unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
    let request = base64::engine::general_purpose::STANDARD.encode(request);
    format!(
        r#"{{"metadata":{{"name":"a"}},"spec":{{"request":"{request}","usages":["client auth"],"signerName":"example.com/y",{more}}}}}"#
    )
}

#[tokio::test]
async fn approvals_change_conditions_alone() {
    let cluster = Cluster::new().await;
    let resource = "certificates.k8s.io/certificatesigningrequests";
    cluster.create(resource, "", &signing_request(r#""uid":"x""#)).await.unwrap();
    let context = WriteContext { subresource: "approval", ..cluster.context("") };
    let object = cluster
        .patch(resource, context, "a", |object| {
            set(object, &["spec", "signerName"], r#""other/signer""#);
            set(object, &["status", "certificate"], r#""YQ==""#);
            set(object, &["status", "conditions"], r#"[{"type":"Approved","status":"True"}]"#);
        })
        .await
        .unwrap();
    assert_eq!(object.str_at(&["spec", "signerName"]), "example.com/y");
    assert_eq!(object.at(&["status", "certificate"]), None);
    let condition = &object.at(&["status", "conditions"]).unwrap().as_array().unwrap()[0];
    assert!(!condition.str_at(&["lastUpdateTime"]).is_empty());
    assert!(!condition.str_at(&["lastTransitionTime"]).is_empty());
    cluster.close().await;
}

fn service(name: &str, spec: &str) -> String {
    format!(r#"{{"metadata":{{"name":"{name}"}},"spec":{spec}}}"#)
}

async fn addresses(cluster: &Cluster) -> Vec<String> {
    cluster.names("networking.k8s.io/ipaddresses", "", &ListOptions::default()).await.unwrap()
}

#[tokio::test]
async fn services_hold_an_address_from_birth_to_death() {
    let cluster = Cluster::new().await;
    let object = cluster.create("services", "ns", &service("a", "{}")).await.unwrap();
    let ip = object.str_at(&["spec", "clusterIP"]).to_owned();
    assert!(ip.starts_with("10.0.0."), "{ip}");
    assert_eq!(strings(&object, &["spec", "clusterIPs"]), std::slice::from_ref(&ip));
    assert_eq!(strings(&object, &["spec", "ipFamilies"]), ["IPv4"]);
    assert_eq!(object.str_at(&["spec", "ipFamilyPolicy"]), "SingleStack");
    let address = cluster.get("networking.k8s.io/ipaddresses", "", &ip).await.unwrap();
    assert_eq!(address.label("ipaddress.kubernetes.io/ip-family"), Some("IPv4"));
    assert_eq!(address.label("ipaddress.kubernetes.io/managed-by"), Some("ipallocator.k8s.io"));
    assert_eq!(
        (address.str_at(&["spec", "parentRef", "namespace"]), address.str_at(&["spec", "parentRef", "name"])),
        ("ns", "a")
    );
    // What was sent can be sent again: the address stays.
    let (again, _) = cluster.put("services", cluster.context("ns"), &service("a", "{}")).await.unwrap();
    assert_eq!(again, object);
    let check = async |text: &str, expected: &str| {
        let status = cluster.create("services", "ns", text).await.unwrap_err();
        assert_eq!(status.message(), expected);
    };
    check(
        &service("b", &format!(r#"{{"clusterIP":"{ip}"}}"#)),
        &format!(
            r#"Service "b" is invalid: spec.clusterIPs: Invalid value: ["{ip}"]: failed to allocate IP {ip}: provided IP is already allocated"#
        ),
    )
    .await;
    check(
        &service("b", r#"{"clusterIP":"10.9.0.1"}"#),
        r#"Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.9.0.1"]: failed to allocate IP 10.9.0.1: the provided network does not match the current range"#,
    )
    .await;
    check(
        &service("b", r#"{"ipFamilyPolicy":"RequireDualStack"}"#),
        r#"Service "b" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services"#,
    )
    .await;
    check(
        &service("b", r#"{"ipFamilies":["IPv6"]}"#),
        r#"Service "b" is invalid: spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster"#,
    )
    .await;
    // A write that fails gives back what was taken for it.
    cluster.create("services", "ns", &service("a", "{}")).await.unwrap_err();
    assert_eq!(addresses(&cluster).await, std::slice::from_ref(&ip));
    cluster.create("endpoints", "ns", r#"{"metadata":{"name":"a"}}"#).await.unwrap();
    cluster.delete("services", "ns", "a", &DeleteOptions::default()).await.unwrap();
    assert!(addresses(&cluster).await.is_empty());
    assert_eq!(cluster.get("endpoints", "ns", "a").await.unwrap_err().code(), 404);
    let wanted = service("b", &format!(r#"{{"clusterIP":"{ip}"}}"#));
    assert!(cluster.create("services", "ns", &wanted).await.is_ok());
    cluster.close().await;
}

#[tokio::test]
async fn an_address_that_a_dead_server_took_is_still_the_services() {
    let cluster = Cluster::new().await;
    let left = r#"{"metadata":{"name":"10.0.0.7"},"spec":{"parentRef":{"resource":"services","namespace":"ns","name":"a"}}}"#;
    cluster.create("networking.k8s.io/ipaddresses", "", left).await.unwrap();
    let wanted = r#"{"clusterIP":"10.0.0.7"}"#;
    let status = cluster.create("services", "ns", &service("b", wanted)).await.unwrap_err();
    assert!(status.message().contains("provided IP is already allocated"), "{status}");
    cluster.create("services", "ns", &service("a", wanted)).await.unwrap();
    // Whoever is late with the same service leaves its address alone.
    cluster.create("services", "ns", &service("a", wanted)).await.unwrap_err();
    assert_eq!(addresses(&cluster).await, ["10.0.0.7"]);
    cluster.close().await;
}

#[tokio::test]
async fn addresses_follow_the_type() {
    let cluster = Cluster::new().await;
    for (name, spec) in
        [("a", r#"{"clusterIP":"None"}"#), ("b", r#"{"type":"ExternalName","externalName":"x"}"#)]
    {
        cluster.create("services", "ns", &service(name, spec)).await.unwrap();
    }
    assert!(addresses(&cluster).await.is_empty());
    let headless = cluster.get("services", "ns", "a").await.unwrap();
    assert_eq!(strings(&headless, &["spec", "ipFamilies"]), ["IPv4", "IPv6"]);
    assert_eq!(headless.str_at(&["spec", "ipFamilyPolicy"]), "RequireDualStack");
    let change = async |kind: &str| {
        let kind = format!(r#""{kind}""#);
        let changed =
            cluster.patch("services", cluster.context("ns"), "b", |o| set(o, &["spec", "type"], &kind));
        changed.await.unwrap()
    };
    let object = change("ClusterIP").await;
    let ip = object.str_at(&["spec", "clusterIP"]).to_owned();
    assert_eq!(addresses(&cluster).await, std::slice::from_ref(&ip));
    let status = cluster
        .patch("services", cluster.context("ns"), "b", |o| {
            set(o, &["spec", "clusterIP"], r#""10.0.0.200""#);
            set(o, &["spec", "clusterIPs"], r#"["10.0.0.200"]"#);
        })
        .await
        .unwrap_err();
    assert_eq!(
        status.message(),
        r#"Service "b" is invalid: spec.clusterIPs[0]: Invalid value: ["10.0.0.200"]: may not change once set"#
    );
    assert_eq!(addresses(&cluster).await, [ip]);
    let object = change("ExternalName").await;
    assert_eq!((object.at(&["spec", "clusterIP"]), object.at(&["spec", "ipFamilies"])), (None, None));
    assert!(addresses(&cluster).await.is_empty());
    cluster.close().await;
}

#[tokio::test]
async fn dual_stack_services_have_an_address_of_each_family() {
    let cidrs = ServiceNetwork::parse_cidrs("10.0.0.0/29,fd00::/112").unwrap();
    let cluster = Cluster::with(|config| config.services.cidrs = cidrs).await;
    let object = cluster
        .create("services", "ns", &service("a", r#"{"ipFamilyPolicy":"PreferDualStack"}"#))
        .await
        .unwrap();
    assert_eq!(strings(&object, &["spec", "ipFamilies"]), ["IPv4", "IPv6"]);
    let ips = strings(&object, &["spec", "clusterIPs"]);
    assert!(ips[0].starts_with("10.0.0.") && ips[1].starts_with("fd00::"), "{ips:?}");
    let object = cluster
        .patch("services", cluster.context("ns"), "a", |o| {
            set(o, &["spec", "ipFamilyPolicy"], r#""SingleStack""#)
        })
        .await
        .unwrap();
    assert_eq!(strings(&object, &["spec", "clusterIPs"]), std::slice::from_ref(&ips[0]));
    assert_eq!(addresses(&cluster).await, std::slice::from_ref(&ips[0]));
    // Six addresses are in the range, one is taken.
    let create = async |i: usize| cluster.create("services", "ns", &service(&format!("s{i}"), "{}")).await;
    let made = futures::future::join_all((0..6).map(create)).await;
    let full: Vec<_> = made.iter().filter_map(|m| m.as_ref().err()).collect();
    assert_eq!(full.len(), 1);
    assert!(full[0].message().contains("failed to allocate a serviceIP"), "{}", full[0]);
    let mut ips: Vec<_> =
        made.iter().flatten().map(|s| s.str_at(&["spec", "clusterIP"]).to_owned()).collect();
    ips.sort();
    ips.dedup();
    assert_eq!(ips.len(), 5);
    cluster.close().await;
}

fn node_ports(object: &Object) -> Vec<i64> {
    let ports = object.at(&["spec", "ports"]).unwrap().as_array().unwrap();
    ports.iter().map(|p| p.get("nodePort").and_then(Value::as_i64).unwrap_or(0)).collect()
}

#[tokio::test]
async fn node_ports_are_shared_by_nobody() {
    let cluster = Cluster::new().await;
    let create = async |name: &str, spec: &str| cluster.create("services", "ns", &service(name, spec)).await;
    let dns = r#"{"type":"NodePort","ports":[{"name":"u","port":53,"protocol":"UDP"},{"name":"t","port":53},{"name":"h","port":80,"nodePort":30009}]}"#;
    let object = create("a", dns).await.unwrap();
    let ports = node_ports(&object);
    assert_eq!((ports[0], ports[2]), (ports[1], 30009));
    assert!((30000..=32767).contains(&ports[0]));
    let status =
        create("b", r#"{"type":"NodePort","ports":[{"port":1,"nodePort":30009}]}"#).await.unwrap_err();
    assert_eq!(
        status.message(),
        r#"Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30009: provided port is already allocated"#
    );
    let status = create("b", r#"{"type":"NodePort","ports":[{"port":1,"nodePort":80}]}"#).await.unwrap_err();
    assert_eq!(
        status.message(),
        r#"Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767"#
    );
    assert_eq!(addresses(&cluster).await.len(), 1, "failed writes give addresses back");
    // What was sent can be sent again.
    let (again, _) = cluster.put("services", cluster.context("ns"), &service("a", dns)).await.unwrap();
    assert_eq!(again, object);
    let kept = r#"{"type":"LoadBalancer","allocateLoadBalancerNodePorts":false,"ports":[{"port":1}]}"#;
    assert_eq!(node_ports(&create("c", kept).await.unwrap()), [0]);
    let local = r#"{"type":"LoadBalancer","externalTrafficPolicy":"Local","ports":[{"port":1}]}"#;
    let local = create("d", local).await.unwrap();
    let health = local.at(&["spec", "healthCheckNodePort"]).and_then(Value::as_i64).unwrap();
    assert!((30000..=32767).contains(&health) && health != node_ports(&local)[0]);
    // Another type lets the ports go.
    let object = cluster
        .patch("services", cluster.context("ns"), "a", |o| set(o, &["spec", "type"], r#""ClusterIP""#))
        .await
        .unwrap();
    assert_eq!(node_ports(&object), [0, 0, 0]);
    let spec = r#"{"type":"NodePort","ports":[{"port":1,"nodePort":30009}]}"#;
    assert!(create("b", spec).await.is_ok());
    cluster.delete("services", "ns", "b", &DeleteOptions::default()).await.unwrap();
    assert!(create("e", spec).await.is_ok());
    let many = async |i: usize| {
        create(&format!("m{i}"), r#"{"type":"NodePort","ports":[{"port":1}]}"#).await.unwrap()
    };
    let made = futures::future::join_all((0..40).map(many)).await;
    let ports: std::collections::BTreeSet<i64> = made.iter().flat_map(node_ports).collect();
    assert_eq!(ports.len(), 40);
    cluster.close().await;
}

#[tokio::test]
async fn dry_runs_hold_nothing() {
    let cluster = Cluster::new().await;
    let text = service("a", r#"{"type":"NodePort","ports":[{"port":1,"nodePort":30001}]}"#);
    let context = WriteContext { dry_run: true, ..cluster.context("ns") };
    let store = cluster.store("services");
    for _ in 0..2 {
        let stored = store.create(&context, cluster.object("services", &text), &NoAdmission).await.unwrap();
        assert_eq!(node_ports(&cluster.tree("services", &stored)), [30001]);
    }
    assert!(addresses(&cluster).await.is_empty());
    assert!(cluster.create("services", "ns", &text).await.is_ok());
    cluster.close().await;
}
