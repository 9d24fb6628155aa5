//! Quotas, and those who ask for more at the same time.

use super::*;

const QUOTA: &str = r#"{"metadata":{"name":"q","namespace":"ns","resourceVersion":"1"},
    "status":{"hard":{HARD},"used":{USED}}}"#;

fn quota(hard: &str, used: &str) -> String {
    QUOTA.replace("HARD", hard).replace("USED", used)
}

fn used(bench: &Bench) -> Value {
    let objects = bench.objects.0.lock();
    let quota = &objects[&("resourcequotas", "ns".to_owned(), "q".to_owned())];
    quota.at(&["status", "used"]).cloned().unwrap_or_default()
}

async fn check(hard: &str, already: &str, resource: &str, new: &str, expected: Result<&str, &str>) {
    let bench = Bench::new(&["ResourceQuota"]);
    bench.put("resourcequotas", &quota(hard, already));
    let done = bench.create(resource, new).await;
    let said = done.err().map(|status| status.message().to_owned());
    match expected {
        Ok(after) => {
            assert_eq!(said, None, "{hard} {new}");
            assert_eq!(used(&bench), value(&format!("{{{after}}}")), "{hard} {new}");
        }
        Err(why) => {
            let why_said =
                said.as_deref().and_then(|said| said.split_once(" is forbidden: ")).map(|(_, w)| w);
            assert_eq!(why_said, Some(why), "{hard} {new}: {said:?}");
        }
    }
}

#[tokio::test]
async fn objects_are_counted() {
    let new = r#"{"metadata":{"name":"a"}}"#;
    check(r#""configmaps":"1""#, r#""configmaps":"0""#, "configmaps", new, Ok(r#""configmaps":"1""#)).await;
    check(
        r#""configmaps":"1""#,
        r#""configmaps":"1""#,
        "configmaps",
        new,
        Err("exceeded quota: q, requested: configmaps=1, used: configmaps=1, limited: configmaps=1"),
    )
    .await;
    check(
        r#""count/deployments.apps":"2""#,
        r#""count/deployments.apps":"1""#,
        "apps/deployments",
        new,
        Ok(r#""count/deployments.apps":"2""#),
    )
    .await;
    check(
        r#""configmaps":"1""#,
        "",
        "configmaps",
        new,
        Err("status unknown for quota: q, resources: configmaps"),
    )
    .await;
    // Other kinds don't count, and neither does what no quota speaks of.
    check(r#""configmaps":"0""#, r#""configmaps":"0""#, "secrets", new, Ok(r#""configmaps":"0""#)).await;
    check(r#""pods":"0""#, r#""pods":"0""#, "events", new, Ok(r#""pods":"0""#)).await;
}

#[tokio::test]
async fn pods_take_what_they_request() {
    let new = r#"{"metadata":{"name":"p"},"spec":{"containers":[
        {"name":"c","resources":{"requests":{"cpu":"100m","memory":"1Gi","example.com/gpu":"2"},"limits":{"cpu":"1"}}},
        {"name":"d","resources":{"requests":{"cpu":"200m","memory":"1Gi"}}}],"overhead":{"cpu":"10m"}}}"#;
    check(
        r#""pods":"5","cpu":"1","requests.memory":"4Gi","requests.example.com/gpu":"2","count/pods":"9""#,
        r#""pods":"1","cpu":"0","requests.memory":"0","requests.example.com/gpu":"0","count/pods":"1""#,
        "pods",
        new,
        Ok(r#""pods":"2","cpu":"310m","requests.memory":"2Gi","requests.example.com/gpu":"2","count/pods":"2""#),
    )
    .await;
    check(
        r#""limits.cpu":"4","limits.memory":"1""#,
        r#""limits.cpu":"0","limits.memory":"0""#,
        "pods",
        new,
        Err("failed quota: q: must specify limits.cpu for: d; limits.memory for: c,d"),
    )
    .await;
    check(
        r#""requests.cpu":"300m""#,
        r#""requests.cpu":"0""#,
        "pods",
        new,
        Err("exceeded quota: q, requested: requests.cpu=310m, used: requests.cpu=0, limited: requests.cpu=300m"),
    )
    .await;
}

#[tokio::test]
async fn services_and_claims_take_ports_and_storage() {
    let service =
        r#"{"metadata":{"name":"s"},"spec":{"type":"LoadBalancer","ports":[{"port":1},{"port":2}]}}"#;
    check(
        r#""services":"1","services.nodeports":"2","services.loadbalancers":"1""#,
        r#""services":"0","services.nodeports":"0","services.loadbalancers":"0""#,
        "services",
        service,
        Ok(r#""services":"1","services.nodeports":"2","services.loadbalancers":"1""#),
    )
    .await;
    let claim = r#"{"metadata":{"name":"c"},"spec":{"storageClassName":"gold","resources":{"requests":{"storage":"3Gi"}}}}"#;
    let of_gold = "gold.storageclass.storage.k8s.io/requests.storage";
    check(
        &format!(r#""requests.storage":"9Gi","{of_gold}":"2Gi""#),
        &format!(r#""requests.storage":"0","{of_gold}":"0""#),
        "persistentvolumeclaims",
        claim,
        Err(&format!(
            "exceeded quota: q, requested: {of_gold}=3Gi, used: {of_gold}=0, limited: {of_gold}=2Gi"
        )),
    )
    .await;
}

#[tokio::test]
async fn scopes_say_which_pods_count() {
    let check = async |spec: &str, pod: &str, counts: bool| {
        let bench = Bench::new(&["ResourceQuota"]);
        let text = format!(
            r#"{{"metadata":{{"name":"q","namespace":"ns","resourceVersion":"1"}},"spec":{spec},
                "status":{{"hard":{{"pods":"0"}},"used":{{"pods":"0"}}}}}}"#
        );
        bench.put("resourcequotas", &text);
        let refused = bench.create("pods", &format!(r#"{{"spec":{pod}}}"#)).await.is_err();
        assert_eq!(refused, counts, "{spec} {pod}");
    };
    let scopes = |scope: &str| format!(r#"{{"scopes":["{scope}"]}}"#);
    let selector = |operator: &str| {
        format!(
            r#"{{"scopeSelector":{{"matchExpressions":[{{"scopeName":"PriorityClass","operator":"{operator}","values":["high"]}}]}}}}"#
        )
    };
    let deadline = r#"{"activeDeadlineSeconds":5}"#;
    let requests = r#"{"containers":[{"resources":{"requests":{"cpu":"1"}}}]}"#;
    let (high, low) = (r#"{"priorityClassName":"high"}"#, r#"{"priorityClassName":"low"}"#);
    let crossing = r#"{"affinity":{"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"namespaces":["x"]}]}}}"#;
    for (spec, pod, counts) in [
        (scopes("Terminating"), deadline, true),
        (scopes("Terminating"), "{}", false),
        (scopes("NotTerminating"), "{}", true),
        (scopes("BestEffort"), "{}", true),
        (scopes("BestEffort"), requests, false),
        (scopes("NotBestEffort"), requests, true),
        (scopes("CrossNamespacePodAffinity"), crossing, true),
        (scopes("CrossNamespacePodAffinity"), "{}", false),
        (selector("In"), high, true),
        (selector("In"), low, false),
        (selector("NotIn"), low, true),
        (selector("NotIn"), "{}", true),
        (selector("Exists"), low, true),
        (selector("DoesNotExist"), low, false),
    ] {
        check(&spec, pod, counts).await;
    }
}

#[tokio::test]
async fn updates_take_the_difference() {
    let bench = Bench::new(&["ResourceQuota"]);
    bench.put("resourcequotas", &quota(r#""services.nodeports":"3""#, r#""services.nodeports":"1""#));
    let service = |ports: &str| {
        format!(
            r#"{{"metadata":{{"name":"s","resourceVersion":"5"}},"spec":{{"type":"NodePort","ports":[{ports}]}}}}"#
        )
    };
    let (one, three, four) = (service("{}"), service("{},{},{}"), service("{},{},{},{}"));
    bench.update("services", &three, &one).await.expect("two more fit");
    assert_eq!(used(&bench), value(r#"{"services.nodeports":"3"}"#));
    let status = bench.update("services", &four, &three).await.expect_err("no more");
    assert!(
        status.message().contains("requested: services.nodeports=1, used: services.nodeports=3"),
        "{status}"
    );
    bench.update("services", &one, &three).await.expect("less always fits");
    assert_eq!(used(&bench), value(r#"{"services.nodeports":"3"}"#), "the controller gives back");
}

#[tokio::test]
async fn asks_at_the_same_time_take_no_more_than_there_is() {
    let bench = Arc::new(Bench::new(&["ResourceQuota"]));
    bench.put("resourcequotas", &quota(r#""configmaps":"5""#, r#""configmaps":"0""#));
    let new = r#"{"metadata":{"name":"a"}}"#;
    let done = futures::future::join_all((0..20).map(|_| bench.create("configmaps", new))).await;
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 5);
    assert_eq!(used(&bench), value(r#"{"configmaps":"5"}"#));
}

#[tokio::test]
async fn what_is_limited_by_default_needs_a_quota() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("admission.yaml");
    let text = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n- name: ResourceQuota\n  \
                configuration:\n    apiVersion: apiserver.config.k8s.io/v1\n    kind: ResourceQuotaConfiguration\n    \
                limitedResources:\n    - resource: pods\n      matchContains: [requests.cpu]\n      matchScopes:\n      \
                - {scopeName: PriorityClass, operator: In, values: [high]}\n";
    std::fs::write(&file, text).expect("a file");
    let bench = Bench::with(Config { plugins: vec!["ResourceQuota"], file: Some(file), ..Config::default() });
    let asking =
        r#"{"metadata":{"name":"p"},"spec":{"containers":[{"resources":{"requests":{"cpu":"1"}}}]}}"#;
    let why = r#"pods "p" is forbidden: insufficient quota to consume: requests.cpu"#;
    bench.refuses("pods", asking, 403, why).await;
    let why = "insufficient quota to match these scopes: [{PriorityClass In [high]}]";
    bench.refuses("pods", r#"{"spec":{"priorityClassName":"high"}}"#, 500, why).await;
    bench.create("pods", r#"{"spec":{"priorityClassName":"low"}}"#).await.expect("not limited");
}
