//! Namespaces, nodes, classes.

use super::*;

#[tokio::test]
async fn namespaces_must_exist_and_not_terminate() {
    let bench = Bench::new(&["NamespaceLifecycle"]);
    bench.create("configmaps", r#"{"metadata":{"name":"a"}}"#).await.expect("an active namespace");
    bench.put("namespaces", r#"{"metadata":{"name":"ns"},"status":{"phase":"Terminating"}}"#);
    let why = "unable to create new content in namespace ns because it is being terminated";
    for (new, name) in [
        (r#"{"metadata":{"name":"a"}}"#, "a"),
        (r#"{"metadata":{"generateName":"a-"}}"#, "a-"),
        (r#"{"metadata":{}}"#, "Unknown"),
    ] {
        let status = bench.create("configmaps", new).await.expect_err("it terminates");
        assert_eq!(status.message(), format!("configmaps {name:?} is forbidden: {why}"));
        let cause = &status.details().expect("details").causes[0];
        assert_eq!(
            (cause.reason.as_str(), cause.message.as_str(), cause.field.as_str()),
            ("NamespaceTerminating", "namespace ns is being terminated", "metadata.namespace")
        );
    }
    bench.updates("configmaps", r#"{"metadata":{"name":"a"}}"#, r#"{"metadata":{"name":"a"}}"#, "").await;
    bench.create("authorization.k8s.io/localsubjectaccessreviews", "{}").await.expect("a review");
    bench.objects.0.lock().clear();
    bench.refuses("configmaps", r#"{"metadata":{"name":"a"}}"#, 404, r#"namespaces "ns" not found"#).await;
}

#[tokio::test]
async fn some_namespaces_stay() {
    let bench = Bench::new(&["NamespaceLifecycle"]);
    for (name, message) in [
        ("default", r#"namespaces "default" is forbidden: this namespace may not be deleted"#),
        ("kube-system", r#"namespaces "kube-system" is forbidden: this namespace may not be deleted"#),
        ("kube-public", r#"namespaces "kube-public" is forbidden: this namespace may not be deleted"#),
        ("kube-node-lease", ""),
    ] {
        let old = format!(r#"{{"metadata":{{"name":"{name}"}}}}"#);
        let done = bench.write(Operation::Delete, "namespaces", None, Some(&old)).await;
        assert_eq!(done.err().map(|s| s.message().to_owned()).unwrap_or_default(), message);
    }
}

#[tokio::test]
async fn new_nodes_are_tainted_once() {
    let bench = Bench::new(&["TaintNodesByCondition"]);
    let taint = r#"[{"effect":"NoSchedule","key":"node.kubernetes.io/not-ready"}]"#;
    bench.creates("nodes", r#"{"metadata":{"name":"n"}}"#, &["spec", "taints"], taint).await;
    bench.creates("nodes", &format!(r#"{{"spec":{{"taints":{taint}}}}}"#), &["spec", "taints"], taint).await;
}

#[tokio::test]
async fn only_one_priority_class_is_the_default() {
    let bench = Bench::new(&["Priority"]);
    let classes = "scheduling.k8s.io/priorityclasses";
    let class = r#"{"metadata":{"name":"one"},"value":5,"globalDefault":true}"#;
    bench.create(classes, class).await.expect("the first");
    bench.put("priorityclasses", class);
    let why = "PriorityClass one is already marked as default. Only one default can exist";
    let other = r#"{"metadata":{"name":"two"},"globalDefault":true}"#;
    let message = format!("priorityclasses.scheduling.k8s.io \"two\" is forbidden: {why}");
    bench.refuses(classes, other, 403, &message).await;
    bench.updates(classes, class, class, "").await;
    bench.updates(classes, other, other, &message).await;
}

#[tokio::test]
async fn claims_and_ingresses_get_the_newest_default_class() {
    let bench = Bench::new(&["DefaultStorageClass", "DefaultIngressClass"]);
    let class = |name: &str, time: &str, key: &str, value: &str| {
        format!(
            r#"{{"metadata":{{"name":"{name}","creationTimestamp":"{time}","annotations":{{"{key}":"{value}"}}}}}}"#
        )
    };
    let key = "storageclass.kubernetes.io/is-default-class";
    let (old, new) = ("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z");
    bench.creates("persistentvolumeclaims", "{}", &["spec"], "null").await;
    for (name, time, value) in [("a", old, "true"), ("b", new, "true"), ("c", new, "true"), ("d", new, "no")]
    {
        bench.put("storageclasses", &class(name, time, key, value));
    }
    bench.creates("persistentvolumeclaims", "{}", &["spec", "storageClassName"], r#""b""#).await;
    let none = r#"{"spec":{"storageClassName":""}}"#;
    bench.creates("persistentvolumeclaims", none, &["spec", "storageClassName"], r#""""#).await;
    let ingresses = "networking.k8s.io/ingresses";
    bench.put("ingressclasses", &class("i", old, "ingressclass.kubernetes.io/is-default-class", "true"));
    bench.creates(ingresses, "{}", &["spec", "ingressClassName"], r#""i""#).await;
    let annotated = r#"{"metadata":{"annotations":{"kubernetes.io/ingress.class":"x"}}}"#;
    bench.creates(ingresses, annotated, &["spec"], "null").await;
}

#[tokio::test]
async fn storage_in_use_is_protected() {
    let bench = Bench::new(&["StorageObjectInUseProtection"]);
    for (resource, finalizer) in [
        ("persistentvolumes", "kubernetes.io/pv-protection"),
        ("persistentvolumeclaims", "kubernetes.io/pvc-protection"),
        ("storage.k8s.io/volumeattributesclasses", "kubernetes.io/vac-protection"),
    ] {
        let one = format!(r#"["{finalizer}"]"#);
        bench.creates(resource, "{}", &["metadata", "finalizers"], &one).await;
        let with = format!(r#"{{"metadata":{{"finalizers":{one}}}}}"#);
        bench.creates(resource, &with, &["metadata", "finalizers"], &one).await;
    }
}

#[tokio::test]
async fn claims_grow_where_their_class_allows_it() {
    let bench = Bench::new(&["PersistentVolumeClaimResize"]);
    bench.put("storageclasses", r#"{"metadata":{"name":"grows"},"allowVolumeExpansion":true}"#);
    bench.put("storageclasses", r#"{"metadata":{"name":"stays"}}"#);
    let claim = |class: &str, size: &str, phase: &str| {
        format!(
            r#"{{"metadata":{{"name":"c"}},"spec":{{"storageClassName":"{class}","resources":{{"requests":{{"storage":"{size}"}}}}}},"status":{{"phase":"{phase}"}}}}"#
        )
    };
    let refused = "persistentvolumeclaims \"c\" is forbidden: ";
    let class = format!(
        "{refused}only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must \
         support resize"
    );
    let bound = format!("{refused}Only bound persistent volume claims can be expanded");
    for (of, new, phase, why) in [
        ("grows", "2Gi", "Bound", ""),
        ("grows", "1Mi", "Pending", ""),
        ("grows", "2Gi", "Pending", bound.as_str()),
        ("stays", "2Gi", "Bound", class.as_str()),
        ("", "2Gi", "Bound", class.as_str()),
    ] {
        bench.updates("persistentvolumeclaims", &claim(of, new, phase), &claim(of, "1Gi", phase), why).await;
    }
}

#[tokio::test]
async fn services_get_no_new_external_addresses() {
    let bench = Bench::new(&["DenyServiceExternalIPs"]);
    let service = |list: &str| format!(r#"{{"metadata":{{"name":"s"}},"spec":{{"externalIPs":[{list}]}}}}"#);
    let why = r#"services "s" is forbidden: Use of external IPs is denied by admission control"#;
    bench.refuses("services", &service(r#""1.1.1.1""#), 403, why).await;
    bench.updates("services", &service(r#""1.1.1.1""#), &service(r#""1.1.1.1","2.2.2.2""#), "").await;
    bench.updates("services", &service(r#""1.1.1.1","3.3.3.3""#), &service(r#""1.1.1.1""#), why).await;
}

#[tokio::test]
async fn namespaces_are_provided_or_required() {
    let bench = Bench::new(&["NamespaceAutoProvision", "NamespaceExists"]);
    bench.objects.0.lock().clear();
    bench.create("configmaps", r#"{"metadata":{"name":"a"}}"#).await.expect("the namespace is made");
    assert!(bench.objects.0.lock().contains_key(&("namespaces", String::new(), "ns".to_owned())));
    let bench = Bench::new(&["NamespaceExists"]);
    bench.objects.0.lock().clear();
    bench.refuses("configmaps", "{}", 404, r#"namespaces "ns" not found"#).await;
}

#[tokio::test]
async fn events_are_limited_by_their_origin() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("admission.yaml");
    let write = |limits: &str| {
        let text = format!(
            "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n- name: EventRateLimit\n  \
             configuration:\n    apiVersion: eventratelimit.admission.k8s.io/v1alpha1\n    kind: Configuration\n    \
             limits: {limits}\n"
        );
        std::fs::write(&file, text).expect("a file");
        Config { plugins: vec!["EventRateLimit"], file: Some(file.clone()), ..Config::default() }
    };
    let bench = Bench::with(write("[{type: SourceAndObject, qps: 1, burst: 2}]"));
    let event = |name: &str| format!(r#"{{"metadata":{{"name":"e"}},"involvedObject":{{"name":"{name}"}}}}"#);
    for _ in 0..2 {
        bench.create("events", &event("a")).await.expect("within the burst");
    }
    let why = "Too many requests: limit reached on type SourceAndObject for key a";
    bench.refuses("events", &event("a"), 429, why).await;
    bench.create("events", &event("b")).await.expect("another origin");
    let dependencies = Dependencies {
        objects: Arc::new(Fake::default()),
        authorizer: Mode::PrivilegedOnly.authorizer(),
        metrics: Registry::new(),
    };
    let config = write("[{type: Server, qps: 0, burst: 1}]");
    let error = super::super::build(&config, &dependencies).err().expect("no rate").to_string();
    assert!(error.contains("limits[0].qps: Invalid value: 0: must be positive"), "{error}");
}

#[tokio::test]
async fn owners_are_given_by_those_who_may_delete() {
    let mut bench = Bench::new(&["OwnerReferencesPermissionEnforcement"]);
    let owned = |block: bool| {
        format!(
            r#"{{"metadata":{{"name":"a","ownerReferences":[{{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"r","uid":"u","blockOwnerDeletion":{block}}}]}}}}"#
        )
    };
    let bare = r#"{"metadata":{"name":"a"}}"#;
    bench.create("pods", &owned(false)).await.expect("who creates may");
    let refused = "pods \"a\" is forbidden: cannot set";
    let why = format!("{refused} an ownerRef on a resource you can't delete: , <nil>");
    bench.updates("pods", &owned(false), bare, &why).await;
    let why = format!(
        "{refused} blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>"
    );
    bench.refuses("pods", &owned(true), 403, &why).await;
    bench.updates("pods", &owned(true), &owned(true), "").await;
    bench.group("system:masters");
    bench.updates("pods", &owned(true), bare, "").await;
}

#[tokio::test]
async fn everything_can_be_denied() {
    let bench = Bench::new(&["AlwaysDeny"]);
    let why = r#"configmaps "a" is forbidden: admission control is denying all modifications"#;
    bench.refuses("configmaps", r#"{"metadata":{"name":"a"}}"#, 403, why).await;
}
