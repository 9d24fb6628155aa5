//! What pods get and may not have.

use super::*;

fn pod(spec: &str) -> String {
    format!(r#"{{"metadata":{{"name":"p"}},"spec":{spec}}}"#)
}

#[tokio::test]
async fn pods_stay_on_nodes_in_trouble_for_a_while() {
    let bench = Bench::with(Config {
        plugins: vec!["DefaultTolerationSeconds"],
        not_ready_seconds: 7,
        ..Config::default()
    });
    let at = |key: &str, seconds: u32| {
        format!(
            r#"{{"effect":"NoExecute","key":"node.kubernetes.io/{key}","operator":"Exists","tolerationSeconds":{seconds}}}"#
        )
    };
    let both = format!("[{},{}]", at("not-ready", 7), at("unreachable", 300));
    bench.creates("pods", &pod("{}"), &["spec", "tolerations"], &both).await;
    let all = r#"[{"operator":"Exists"}]"#;
    bench.creates("pods", &pod(&format!(r#"{{"tolerations":{all}}}"#)), &["spec", "tolerations"], all).await;
    let own = format!("[{}]", at("not-ready", 1));
    let after = format!("[{},{}]", at("not-ready", 1), at("unreachable", 300));
    bench
        .creates("pods", &pod(&format!(r#"{{"tolerations":{own}}}"#)), &["spec", "tolerations"], &after)
        .await;
}

#[tokio::test]
async fn priorities_come_from_classes() {
    let bench = Bench::new(&["Priority"]);
    bench.put("priorityclasses", r#"{"metadata":{"name":"high"},"value":77,"preemptionPolicy":"Never"}"#);
    bench.creates("pods", &pod(r#"{"priorityClassName":"high"}"#), &["spec", "priority"], "77").await;
    bench
        .creates("pods", &pod(r#"{"priorityClassName":"high"}"#), &["spec", "preemptionPolicy"], r#""Never""#)
        .await;
    bench
        .creates("pods", &pod("{}"), &["spec"], r#"{"preemptionPolicy":"PreemptLowerPriority","priority":0}"#)
        .await;
    bench
        .refuses(
            "pods",
            &pod(r#"{"priorityClassName":"low"}"#),
            403,
            r#"pods "p" is forbidden: no PriorityClass with name low was found"#,
        )
        .await;
    bench
        .refuses(
            "pods",
            &pod(r#"{"priority":5}"#),
            403,
            r#"pods "p" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name"#,
        )
        .await;
    bench.put("priorityclasses", r#"{"metadata":{"name":"usual"},"value":3,"globalDefault":true}"#);
    bench.creates("pods", &pod("{}"), &["spec", "priorityClassName"], r#""usual""#).await;
    let kept = bench.update("pods", &pod("{}"), &pod(r#"{"priority":9}"#)).await.expect("an update");
    assert_eq!(kept.at(&["spec", "priority"]), Some(&Value::Int(9)));
}

#[tokio::test]
async fn limit_ranges_set_defaults() {
    let bench = Bench::new(&["LimitRanger"]);
    bench.put(
        "limitranges",
        r#"{"metadata":{"name":"lr","namespace":"ns"},"spec":{"limits":[
            {"type":"Container","default":{"cpu":"500m","memory":"256Mi"},"defaultRequest":{"cpu":"100m"}}]}}"#,
    );
    let new = pod(
        r#"{"containers":[{"name":"c"}],"initContainers":[{"name":"i","resources":{"limits":{"cpu":"1"}}}]}"#,
    );
    let made = bench.create("pods", &new).await.expect("within the bounds");
    assert_eq!(
        made.annotation("kubernetes.io/limit-ranger").unwrap_or_default(),
        "LimitRanger plugin set: cpu request for container c; cpu, memory limit for container c; cpu request for \
         init container i; memory limit for init container i"
    );
    let resources =
        made.at(&["spec", "containers"]).and_then(Value::as_array).expect("containers")[0].clone();
    let expected = r#"{"limits":{"cpu":"500m","memory":"256Mi"},"requests":{"cpu":"100m"}}"#;
    assert_eq!(resources.get("resources"), Some(&value(expected)));
}

#[tokio::test]
async fn limit_ranges_bound_containers_pods_and_claims() {
    let check = async |limit: &str, resource: &str, new: &str, why: &str| {
        let bench = Bench::new(&["LimitRanger"]);
        let range =
            format!(r#"{{"metadata":{{"name":"lr","namespace":"ns"}},"spec":{{"limits":[{limit}]}}}}"#);
        bench.put("limitranges", &range);
        let status = bench.create(resource, new).await;
        let message = status.err().map(|status| status.message().to_owned()).unwrap_or_default();
        assert_eq!(message.split_once("is forbidden: ").map_or("", |(_, why)| why), why, "{limit} {new}");
    };
    let one = |resources: &str| pod(&format!(r#"{{"containers":[{{"name":"c","resources":{resources}}}]}}"#));
    let container =
        r#"{"type":"Container","min":{"cpu":"100m"},"max":{"cpu":"1"},"maxLimitRequestRatio":{"cpu":"2"}}"#;
    check(
        container,
        "pods",
        &one(r#"{"limits":{"cpu":"2"},"requests":{"cpu":"50m"}}"#),
        "[minimum cpu usage per Container is 100m, but request is 50m, maximum cpu usage per Container is 1, but limit is 2, cpu max limit to request ratio per Container is 2, but provided ratio is 40.000000]",
    )
    .await;
    check(container, "pods", &one(r#"{"limits":{"cpu":"1"},"requests":{"cpu":"500m"}}"#), "").await;
    check(
        container,
        "pods",
        &one("{}"),
        "[minimum cpu usage per Container is 100m.  No request is specified, maximum cpu usage per Container is 1.  No limit is specified, cpu max limit to request ratio per Container is 2, but no request is specified or request is 0]",
    )
    .await;
    let whole = r#"{"type":"Pod","max":{"cpu":"1500m"}}"#;
    let two = |first: &str, second: &str| {
        pod(&format!(
            r#"{{"containers":[{{"resources":{{"limits":{{"cpu":"{first}"}}}}}}],"initContainers":[{{"restartPolicy":"Always","resources":{{"limits":{{"cpu":"{second}"}}}}}}]}}"#
        ))
    };
    check(whole, "pods", &two("1", "1"), "maximum cpu usage per Pod is 1500m, but limit is 2").await;
    check(whole, "pods", &two("1", "500m"), "").await;
    let claim = |storage: &str| {
        format!(
            r#"{{"metadata":{{"name":"c"}},"spec":{{"resources":{{"requests":{{"storage":"{storage}"}}}}}}}}"#
        )
    };
    let storage = r#"{"type":"PersistentVolumeClaim","min":{"storage":"1Gi"},"max":{"storage":"2Gi"}}"#;
    check(storage, "persistentvolumeclaims", &claim("1500Mi"), "").await;
    check(
        storage,
        "persistentvolumeclaims",
        &claim("3Gi"),
        "maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi",
    )
    .await;
    check(
        storage,
        "persistentvolumeclaims",
        &claim("1Mi"),
        "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi",
    )
    .await;
}

#[tokio::test]
async fn pods_run_as_service_accounts() {
    let bench = Bench::new(&["ServiceAccount"]);
    bench.put(
        "serviceaccounts",
        r#"{"metadata":{"name":"default","namespace":"ns"},"imagePullSecrets":[{"name":"pull"}]}"#,
    );
    let made = bench.create("pods", &pod(r#"{"containers":[{"name":"c"}]}"#)).await.expect("an account");
    assert_eq!(made.str_at(&["spec", "serviceAccountName"]), "default");
    assert_eq!(made.str_at(&["spec", "serviceAccount"]), "default");
    assert_eq!(made.at(&["spec", "imagePullSecrets"]), Some(&value(r#"[{"name":"pull"}]"#)));
    let volume = &made.at(&["spec", "volumes"]).and_then(Value::as_array).expect("volumes")[0];
    let name = volume.str_at(&["name"]);
    assert!(name.starts_with("kube-api-access-") && name.len() == 21, "{name}");
    let sources = r#"{"defaultMode":420,"sources":[
        {"serviceAccountToken":{"expirationSeconds":3607,"path":"token"}},
        {"configMap":{"items":[{"key":"ca.crt","path":"ca.crt"}],"name":"kube-root-ca.crt"}},
        {"downwardAPI":{"items":[{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.namespace"},"path":"namespace"}]}}]}"#;
    assert_eq!(volume.get("projected"), Some(&value(sources)));
    let container = &made.at(&["spec", "containers"]).and_then(Value::as_array).expect("containers")[0];
    let mount = format!(
        r#"[{{"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount","name":"{name}","readOnly":true}}]"#
    );
    assert_eq!(container.get("volumeMounts"), Some(&value(&mount)));
    for spec in [
        r#"{"automountServiceAccountToken":false,"containers":[{"name":"c"}]}"#,
        r#"{"containers":[{"volumeMounts":[{"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}]}]}"#,
    ] {
        bench.creates("pods", &pod(spec), &["spec", "volumes"], "null").await;
    }
    bench
        .refuses(
            "pods",
            &pod(r#"{"serviceAccountName":"other"}"#),
            403,
            r#"pods "p" is forbidden: error looking up service account ns/other: serviceaccount "other" not found"#,
        )
        .await;
}

#[tokio::test]
async fn accounts_may_bound_the_secrets_of_their_pods() {
    let bench = Bench::new(&["ServiceAccount"]);
    bench.put(
        "serviceaccounts",
        r#"{"metadata":{"name":"robot","namespace":"ns","annotations":{"kubernetes.io/enforce-mountable-secrets":"true"}},
            "secrets":[{"name":"ok"}]}"#,
    );
    let check = async |rest: &str, why: &str| {
        let new = pod(&format!(r#"{{"serviceAccountName":"robot",{rest}}}"#));
        let message =
            bench.create("pods", &new).await.err().map(|s| s.message().to_owned()).unwrap_or_default();
        assert_eq!(message.trim_start_matches("pods \"p\" is forbidden: "), why, "{rest}");
    };
    let tail = "is not allowed because service account robot does not reference that";
    check(r#""volumes":[{"name":"v","secret":{"secretName":"ok"}}]"#, "").await;
    check(
        r#""volumes":[{"name":"v","secret":{"secretName":"bad"}}]"#,
        &format!("volume with secret.secretName=\"bad\" {tail} secret"),
    )
    .await;
    check(
        r#""containers":[{"name":"c","env":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"bad"}}}]}]"#,
        &format!("container c with envVar A referencing secret.secretName=\"bad\" {tail} secret"),
    )
    .await;
    check(
        r#""initContainers":[{"name":"i","envFrom":[{"secretRef":{"name":"bad"}}]}]"#,
        &format!("init container i with envFrom referencing secret.secretName=\"bad\" {tail} secret"),
    )
    .await;
    check(
        r#""imagePullSecrets":[{"name":"bad"}]"#,
        &format!("imagePullSecrets[0].name=\"bad\" {tail} imagePullSecret"),
    )
    .await;
}

#[tokio::test]
async fn mirror_pods_name_no_accounts_and_secrets() {
    let bench = Bench::new(&["ServiceAccount"]);
    let mirror = |spec: &str| {
        format!(
            r#"{{"metadata":{{"name":"p","annotations":{{"kubernetes.io/config.mirror":"x"}}}},"spec":{spec}}}"#
        )
    };
    bench.creates("pods", &mirror("{}"), &["spec"], "{}").await;
    for (spec, why) in [
        (r#"{"serviceAccountName":"a"}"#, "a mirror pod may not reference service accounts"),
        (r#"{"volumes":[{"secret":{"secretName":"s"}}]}"#, "a mirror pod may not reference secrets"),
        (
            r#"{"volumes":[{"projected":{"sources":[{"serviceAccountToken":{}}]}}]}"#,
            "a mirror pod may not use ServiceAccountToken volume projections",
        ),
    ] {
        bench.refuses("pods", &mirror(spec), 403, &format!("pods \"p\" is forbidden: {why}")).await;
    }
}

#[tokio::test]
async fn runtime_classes_bring_overhead_and_places() {
    let bench = Bench::new(&["RuntimeClass"]);
    bench.put(
        "runtimeclasses",
        r#"{"metadata":{"name":"kata"},"overhead":{"podFixed":{"cpu":"10m"}},
            "scheduling":{"nodeSelector":{"rt":"x"},"tolerations":[{"key":"rt","operator":"Exists"}]}}"#,
    );
    let made = bench
        .create(
            "pods",
            &pod(
                r#"{"runtimeClassName":"kata","tolerations":[{"key":"rt","operator":"Equal","value":"1"}]}"#,
            ),
        )
        .await
        .expect("a class");
    let expected = r#"{"nodeSelector":{"rt":"x"},"overhead":{"cpu":"10m"},"runtimeClassName":"kata","tolerations":[{"key":"rt","operator":"Exists"}]}"#;
    assert_eq!(made.get("spec"), Some(&value(expected)));
    for (spec, why) in [
        (
            r#"{"runtimeClassName":"kata","nodeSelector":{"rt":"y"}}"#,
            "conflict: runtimeClass.scheduling.nodeSelector[rt] = x; pod.spec.nodeSelector[rt] = y",
        ),
        (
            r#"{"runtimeClassName":"kata","overhead":{"cpu":"20m"}}"#,
            "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        ),
        (r#"{"runtimeClassName":"none"}"#, "pod rejected: RuntimeClass \"none\" not found"),
        (
            r#"{"overhead":{"cpu":"20m"}}"#,
            "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
        ),
    ] {
        bench.refuses("pods", &pod(spec), 403, &format!("pods \"p\" is forbidden: {why}")).await;
    }
}

#[tokio::test]
async fn pods_get_the_labels_of_their_place() {
    let bench = Bench::new(&["PodTopologyLabels"]);
    bench.put(
        "nodes",
        r#"{"metadata":{"name":"n","labels":{"topology.kubernetes.io/zone":"z","topology.kubernetes.io/region":"r","a":"b"}}}"#,
    );
    let labels = r#"{"topology.kubernetes.io/region":"r","topology.kubernetes.io/zone":"z"}"#;
    let path = ["metadata", "labels"];
    bench.creates("pods", &pod(r#"{"nodeName":"n"}"#), &path, labels).await;
    bench.creates("pods/binding", r#"{"target":{"kind":"Node","name":"n"}}"#, &path, labels).await;
    bench.creates("pods/binding", r#"{"target":{"kind":"Node","name":"other"}}"#, &path, "null").await;
    bench.creates("pods", &pod("{}"), &path, "null").await;
}

#[tokio::test]
async fn pods_ask_for_no_more_than_their_node_has() {
    let bench = Bench::new(&["PodResizeValidator"]);
    bench.put("nodes", r#"{"metadata":{"name":"n"},"status":{"allocatable":{"cpu":"1","memory":"1Gi"}}}"#);
    let sized = |generation: u32, cpu: &str| {
        format!(
            r#"{{"metadata":{{"name":"p","generation":{generation}}},"spec":{{"nodeName":"n","containers":[{{"resources":{{"requests":{{"cpu":"{cpu}"}}}}}}]}}}}"#
        )
    };
    bench.updates("pods/resize", &sized(2, "1"), &sized(1, "500m"), "").await;
    bench.updates("pods/resize", &sized(1, "2"), &sized(1, "2"), "").await;
    let why = "pods \"p\" is forbidden: node didn't have enough allocatable resources: cpu, requested: 1500, \
               allocatable: 1000";
    bench.updates("pods/resize", &sized(2, "1500m"), &sized(1, "500m"), why).await;
}

#[tokio::test]
async fn images_are_always_pulled() {
    let bench = Bench::new(&["AlwaysPullImages"]);
    let new = pod(r#"{"containers":[{"image":"a","imagePullPolicy":"Never"}],"volumes":[{"image":{}}]}"#);
    let expected = r#"{"containers":[{"image":"a","imagePullPolicy":"Always"}],"volumes":[{"image":{"pullPolicy":"Always"}}]}"#;
    bench.creates("pods", &new, &["spec"], expected).await;
    bench.updates("pods", &new, &new, "").await;
}

#[tokio::test]
async fn extended_resources_are_tolerated() {
    let bench = Bench::new(&["ExtendedResourceToleration"]);
    let new = pod(
        r#"{"containers":[{"resources":{"requests":{"example.com/gpu":"1","cpu":"1","kubernetes.io/x":"1"}}}]}"#,
    );
    let expected = r#"[{"effect":"NoSchedule","key":"example.com/gpu","operator":"Exists"}]"#;
    bench.creates("pods", &new, &["spec", "tolerations"], expected).await;
}

#[tokio::test]
async fn namespaces_select_nodes_and_tolerations() {
    let bench = Bench::new(&["PodNodeSelector", "PodTolerationRestriction"]);
    bench.put(
        "namespaces",
        r#"{"metadata":{"name":"ns","annotations":{
            "scheduler.alpha.kubernetes.io/node-selector":"env=prod, disk = ssd",
            "scheduler.alpha.kubernetes.io/defaultTolerations":"[{\"key\":\"a\",\"operator\":\"Exists\"}]",
            "scheduler.alpha.kubernetes.io/tolerationsWhitelist":"[{\"key\":\"a\",\"operator\":\"Exists\"}]"}}}"#,
    );
    let made = bench.create("pods", &pod("{}")).await.expect("the defaults");
    assert_eq!(
        made.get("spec"),
        Some(&value(
            r#"{"nodeSelector":{"disk":"ssd","env":"prod"},"tolerations":[{"key":"a","operator":"Exists"}]}"#
        ))
    );
    bench
        .refuses(
            "pods",
            &pod(r#"{"nodeSelector":{"env":"dev"}}"#),
            403,
            "pods \"p\" is forbidden: pod node label selector conflicts with its namespace node label selector",
        )
        .await;
    bench
        .refuses(
            "pods",
            &pod(r#"{"tolerations":[{"key":"b","operator":"Exists"}]}"#),
            500,
            "pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace whitelist",
        )
        .await;
}

#[tokio::test]
async fn pods_keep_others_off_nodes_at_most() {
    let bench = Bench::new(&["LimitPodHardAntiAffinityTopology"]);
    let of = |key: &str| {
        pod(&format!(
            r#"{{"affinity":{{"podAntiAffinity":{{"requiredDuringSchedulingIgnoredDuringExecution":[{{"topologyKey":"{key}"}}]}}}}}}"#
        ))
    };
    bench.create("pods", &of("kubernetes.io/hostname")).await.expect("a node");
    let why = "pods \"p\" is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey zone but only \
               key kubernetes.io/hostname is allowed";
    bench.refuses("pods", &of("zone"), 403, why).await;
}
