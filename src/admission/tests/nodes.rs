//! What kubelets write, and what their nodes declare.

use super::*;

/// A chain that the kubelet of the node `one` writes through.
fn kubelet() -> Bench {
    let mut bench = Bench::new(&["NodeRestriction"]);
    bench.user.name = "system:node:one".into();
    bench.group("system:nodes");
    bench.put("nodes", r#"{"metadata":{"name":"one","uid":"u"}}"#);
    bench
}

#[tokio::test]
async fn kubelets_change_their_own_node() {
    let mut bench = Bench::new(&["NodeRestriction"]);
    bench.user.name = "system:node:one".into();
    bench.create("nodes", r#"{"metadata":{"name":"two"}}"#).await.expect("not of the group");
    bench.group("system:nodes");
    let node = |rest: &str| format!(r#"{{"metadata":{{"name":"one"{rest}}}}}"#);
    bench
        .create(
            "nodes",
            &node(r#","labels":{"kubernetes.io/os":"linux","acme.com/x":"y","kubelet.kubernetes.io/a":"b"}"#),
        )
        .await
        .expect("its own");
    bench
        .refuses(
            "nodes",
            r#"{"metadata":{"name":"two"}}"#,
            403,
            r#"nodes "two" is forbidden: node "one" is not allowed to modify node "two""#,
        )
        .await;
    let why = "nodes \"one\" is forbidden: node \"one\" is not allowed to set the following labels: foo.k8s.io/x, \
               node-restriction.kubernetes.io/a";
    bench
        .refuses(
            "nodes",
            &node(r#","labels":{"foo.k8s.io/x":"y","node-restriction.kubernetes.io/a":"b"}"#),
            403,
            why,
        )
        .await;
    let why = "nodes \"one\" is forbidden: node \"one\" is not allowed to modify taints";
    bench
        .updates("nodes", r#"{"metadata":{"name":"one"},"spec":{"taints":[{"key":"a"}]}}"#, &node(""), why)
        .await;
    let why = "nodes \"one\" is forbidden: node \"one\" is not allowed to modify ownerReferences";
    bench.updates("nodes", &node(r#","ownerReferences":[{"uid":"u"}]"#), &node(""), why).await;
    bench.create("storage.k8s.io/csinodes", &node("")).await.expect("its own");
    bench
        .refuses(
            "coordination.k8s.io/leases",
            &node(""),
            403,
            "leases.coordination.k8s.io \"one\" is forbidden: can only access leases in the \"kube-node-lease\" system \
             namespace",
        )
        .await;
}

#[tokio::test]
async fn kubelets_create_mirror_pods() {
    let bench = kubelet();
    let pod = |owners: &str, rest: &str| {
        format!(
            r#"{{"metadata":{{"name":"p","annotations":{{"kubernetes.io/config.mirror":"x"}},"ownerReferences":[{owners}]}},
                "spec":{{"nodeName":"one"{rest}}}}}"#
        )
    };
    let owner = r#"{"apiVersion":"v1","kind":"Node","name":"one","uid":"u","controller":true}"#;
    bench.create("pods", &pod(owner, "")).await.expect("a mirror pod");
    for (new, why) in [
        (
            r#"{"metadata":{"name":"p"},"spec":{}}"#.to_owned(),
            "pod does not have \"kubernetes.io/config.mirror\" annotation, node \"one\" can only create mirror pods",
        ),
        (pod("", ""), "node \"one\" can only create pods with an owner reference set to itself"),
        (pod(&owner.replace("\"u\"", "\"v\""), ""), "node one UID mismatch: expected v got u"),
        (
            pod(owner, r#","volumes":[{"name":"v","configMap":{"name":"m"}}]"#),
            "node \"one\" can not create pods that reference configmaps",
        ),
        (
            pod(owner, r#","volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"m"}}]"#),
            "node \"one\" can not create pods that reference persistentvolumeclaims",
        ),
    ] {
        bench.refuses("pods", &new, 403, &format!("pods \"p\" is forbidden: {why}")).await;
    }
    bench.put("pods", r#"{"metadata":{"name":"p","namespace":"ns"},"spec":{"nodeName":"two"}}"#);
    let done = bench.write(Operation::Delete, "pods", None, Some(r#"{"metadata":{"name":"p"}}"#)).await;
    assert_eq!(
        done.expect_err("another's").message(),
        r#"pods "p" is forbidden: node "one" can only delete pods with spec.nodeName set to itself"#
    );
}

#[tokio::test]
async fn labels_of_kubernetes_are_not_for_kubelets_but_for_their_own() {
    let bench = kubelet();
    let node = |label: &str| format!(r#"{{"metadata":{{"name":"one","labels":{{"{label}":"x"}}}}}}"#);
    for (label, allowed) in [
        ("acme.com/x", true),
        ("x", true),
        ("kubernetes.io/hostname", true),
        ("kubernetes.io/arch", true),
        ("topology.kubernetes.io/zone", true),
        ("node.kubernetes.io/instance-type", true),
        ("node.kubernetes.io/anything", true),
        ("sub.node.kubernetes.io/anything", true),
        ("sub.kubelet.kubernetes.io/anything", true),
        ("notkubernetes.io/x", true),
        ("node-restriction.kubernetes.io/x", false),
        ("sub.node-restriction.kubernetes.io/x", false),
        ("kubernetes.io/other", false),
        ("node-role.kubernetes.io/control-plane", false),
        ("k8s.io/x", false),
        ("sub.k8s.io/x", false),
    ] {
        let made = bench.create("nodes", &node(label)).await;
        assert_eq!(made.is_ok(), allowed, "{label}");
        for (new, old) in [(node(label), node("acme.com/y")), (node("acme.com/y"), node(label))] {
            let why = match allowed {
                true => String::new(),
                false => format!(r#"nodes "one" is forbidden: is not allowed to modify labels: {label}"#),
            };
            bench.updates("nodes", &new, &old, &why).await;
        }
        bench.updates("nodes/status", &node(label), &node(label), "").await;
    }
}

#[tokio::test]
async fn kubelets_keep_the_source_of_their_configuration() {
    let bench = kubelet();
    let node = |source: &str| format!(r#"{{"metadata":{{"name":"one"}},"spec":{{{source}}}}}"#);
    let (one, other) =
        (r#""configSource":{"configMap":{"name":"a"}}"#, r#""configSource":{"configMap":{"name":"b"}}"#);
    let why =
        r#"nodes "one" is forbidden: node "one" is not allowed to create pods with a non-nil configSource"#;
    bench.refuses("nodes", &node(one), 403, why).await;
    let why = r#"nodes "one" is forbidden: node "one" is not allowed to update configSource to a new non-nil configSource"#;
    bench.updates("nodes", &node(one), &node(""), why).await;
    bench.updates("nodes/status", &node(one), &node(other), why).await;
    bench.updates("nodes", &node(one), &node(one), "").await;
    bench.updates("nodes", &node(""), &node(one), "").await;
}

#[tokio::test]
async fn kubelets_report_of_their_pods_and_evict_them() {
    let bench = kubelet();
    let pod = |node: &str, metadata: &str, status: &str| {
        format!(
            r#"{{"metadata":{{"name":"p","namespace":"ns"{metadata}}},"spec":{{"nodeName":"{node}"}},"status":{{{status}}}}}"#
        )
    };
    let old = pod("one", r#","labels":{}"#, "");
    let check = async |new: &str, old: &str, why: &str| {
        let why = if why.is_empty() {
            String::new()
        } else {
            format!(r#"pods "p" is forbidden: node "one" {why}"#)
        };
        bench.updates("pods/status", new, old, &why).await;
    };
    check(&pod("one", "", r#""phase":"Running""#), &old, "").await;
    check(
        &pod("two", "", ""),
        &pod("two", "", ""),
        "can only update pod status for pods with spec.nodeName set to itself",
    )
    .await;
    check(&pod("one", r#","labels":{"a":"b"}"#, ""), &old, "cannot update labels through pod status").await;
    let claims = r#""resourceClaimStatuses":[{"name":"a","resourceClaimName":"b"}]"#;
    check(&pod("one", "", claims), &old, "cannot update resource claim statues").await;
    check(&old, &pod("one", "", claims), "cannot update resource claim statues").await;
    check(&pod("one", "", claims), &pod("one", "", claims), "").await;
    let extended = r#""extendedResourceClaimStatus":{"resourceClaimName":"x"}"#;
    check(&pod("one", "", extended), &old, "cannot update extended resource claim status").await;

    bench.refuses("pods/exec", &old, 403, r#"pods "p" is forbidden: unexpected pod subresource "exec", only 'status' and 'eviction' are allowed"#).await;
    bench.updates("pods", &old, &old, r#"pods "p" is forbidden: unexpected operation "UPDATE", node "one" can only create and delete mirror pods"#).await;
    let eviction = r#"{"metadata":{"name":"p"}}"#;
    bench.refuses("pods/eviction", eviction, 404, r#"pod "p" not found"#).await;
    bench.put("pods", &pod("two", "", ""));
    bench
        .refuses(
            "pods/eviction",
            eviction,
            403,
            r#"pods "p" is forbidden: node one can only evict pods with spec.nodeName set to itself"#,
        )
        .await;
    bench.put("pods", &pod("one", "", ""));
    bench.create("pods/eviction", eviction).await.expect("its own pod");
    bench.write(Operation::Delete, "pods", None, Some(&old)).await.expect("its own pod");
}

#[tokio::test]
async fn kubelets_say_how_large_a_claim_became() {
    let bench = kubelet();
    let claim = |metadata: &str, spec: &str, status: &str| {
        format!(r#"{{"metadata":{{"name":"c"{metadata}}},"spec":{{{spec}}},"status":{{{status}}}}}"#)
    };
    let old = claim(r#","resourceVersion":"1","labels":{}"#, r#""volumeName":"v""#, r#""phase":"Bound""#);
    let spec = r#""volumeName":"v""#;
    let grown = r#""phase":"Bound","capacity":{"storage":"2Gi"},"conditions":[{"type":"Resizing"}],
                   "allocatedResources":{"storage":"2Gi"},"allocatedResourceStatuses":{"storage":"x"}"#;
    let status = "persistentvolumeclaims/status";
    bench.updates(status, &claim("", spec, grown), &old, "").await;
    let refused = |what: &str| {
        format!(
            r#"persistentvolumeclaims "c" is forbidden: node "one" is not allowed to update fields other than status.quantity and status.conditions: {what}"#
        )
    };
    for (new, what) in [
        (claim(r#","labels":{"a":"b"}"#, spec, r#""phase":"Bound""#), "metadata"),
        (claim(r#","finalizers":["a"]"#, spec, r#""phase":"Bound""#), "metadata"),
        (claim("", r#""volumeName":"w""#, r#""phase":"Bound""#), "spec"),
        (claim("", spec, r#""phase":"Lost""#), "status"),
        (claim("", spec, grown.replace("Bound", "Lost").as_str()), "status"),
    ] {
        bench.updates(status, &new, &old, &refused(what)).await;
    }
    let why = r#"persistentvolumeclaims "c" is forbidden: may only update PVC status"#;
    bench.updates("persistentvolumeclaims", &old, &old, why).await;
}

#[tokio::test]
async fn leases_csi_nodes_and_slices_are_the_nodes_own() {
    let bench = kubelet();
    let named = |name: &str| format!(r#"{{"metadata":{{"name":"{name}"}}}}"#);
    let csi_nodes = "storage.k8s.io/csinodes";
    bench.create(csi_nodes, &named("one")).await.expect("its own");
    let why = r#"csinodes.storage.k8s.io "two" is forbidden: can only access CSINode with the same name as the requesting node"#;
    bench.refuses(csi_nodes, &named("two"), 403, why).await;
    bench.updates(csi_nodes, &named("two"), &named("two"), why).await;
    let slices = "resource.k8s.io/resourceslices";
    let slice = |node: &str| format!(r#"{{"metadata":{{"name":"s"}},"spec":{{{node}}}}}"#);
    let (own, other) = (slice(r#""nodeName":"one""#), slice(r#""nodeName":"two""#));
    bench.create(slices, &own).await.expect("its own");
    bench.write(Operation::Delete, slices, None, Some(&own)).await.expect("its own");
    // The authorizer saw to it that it is the node's own.
    bench.updates(slices, &other, &other, "").await;
    for wrong in [&other, &slice("")] {
        let why = |verb| {
            format!(
                r#"resourceslices.resource.k8s.io "s" is forbidden: can only {verb} ResourceSlice with the same NodeName as the requesting node"#
            )
        };
        bench.refuses(slices, wrong, 403, &why("create")).await;
        let done = bench.write(Operation::Delete, slices, None, Some(wrong)).await;
        assert_eq!(done.expect_err("another's").message(), why("delete"));
    }
}

#[tokio::test]
async fn kubelets_ask_for_tokens_of_their_pods() {
    let bench = kubelet();
    let pod = |node: &str| {
        format!(
            r#"{{"metadata":{{"name":"p","namespace":"ns","uid":"u"}},"spec":{{"nodeName":"{node}","volumes":[
                {{"name":"a","projected":{{"sources":[{{"serviceAccountToken":{{"path":"t","audience":"vault"}}}}]}}}},
                {{"name":"b","csi":{{"driver":"inline.csi"}}}},
                {{"name":"c","persistentVolumeClaim":{{"claimName":"claim"}}}},
                {{"name":"d","ephemeral":{{"volumeClaimTemplate":{{}}}}}},
                {{"name":"e","cinder":{{"volumeID":"x"}}}}]}}}}"#
        )
    };
    let token = |audiences: &str, bound: &str| {
        format!(
            r#"{{"metadata":{{"name":"robot"}},"spec":{{"audiences":[{audiences}],"boundObjectRef":{bound}}}}}"#
        )
    };
    let bound = r#"{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u"}"#;
    let refused = async |bench: &Bench, request: &str, why: &str| {
        let why = format!(r#"serviceaccounts "robot" is forbidden: {why}"#);
        bench.refuses("serviceaccounts/token", request, 403, &why).await;
    };
    refused(&bench, &token("", "null"), "node requested token not bound to a pod").await;
    for wrong in [("Pod", "Secret"), (r#""p""#, r#""""#)] {
        refused(
            &bench,
            &token("", &bound.replace(wrong.0, wrong.1)),
            "node requested token not bound to a pod",
        )
        .await;
    }
    refused(
        &bench,
        &token("", &bound.replace(r#""u""#, r#""""#)),
        "node requested token with a pod binding without a uid",
    )
    .await;
    bench.refuses("serviceaccounts/token", &token("", bound), 404, r#"pod "p" not found"#).await;
    bench.put("pods", &pod("two"));
    refused(&bench, &token("", bound), "node requested token bound to a pod scheduled on a different node")
        .await;
    refused(&bench, &token("", &bound.replace(r#""u""#, r#""v""#)),
            "the UID in the bound object reference (v) does not match the UID in record. The object might have been \
             deleted and then recreated").await;
    bench.put("pods", &pod("one"));
    refused(&bench, &token(r#""a","b""#, bound), "node may only request 0 or 1 audiences").await;
    bench.create("serviceaccounts/token", &token(r#""vault""#, bound)).await.expect("the pod mounts it");
    refused(
        &bench,
        &token(r#""of-claim""#, bound),
        "error validating audience \"of-claim\": [csidriver.storage.k8s.io \"inline.csi\" not found, \
             persistentvolumeclaim \"claim\" not found, persistentvolumeclaim \"p-d\" not found, \
             csidriver.storage.k8s.io \"cinder.csi.openstack.org\" not found]",
    )
    .await;
    let driver = |name: &str, audience: &str| {
        format!(
            r#"{{"metadata":{{"name":"{name}"}},"spec":{{"tokenRequests":[{{"audience":"{audience}"}}]}}}}"#
        )
    };
    bench.put("csidrivers", &driver("inline.csi", "of-inline"));
    bench.put("csidrivers", &driver("claim.csi", "of-claim"));
    bench.put("csidrivers", &driver("ebs.csi.aws.com", "of-ephemeral"));
    bench.put("csidrivers", &driver("cinder.csi.openstack.org", "of-cinder"));
    for (claim, volume, source) in [
        ("claim", "v", r#""csi":{"driver":"claim.csi"}"#),
        ("p-d", "w", r#""awsElasticBlockStore":{"volumeID":"x"}"#),
    ] {
        bench.put(
            "persistentvolumeclaims",
            &format!(
                r#"{{"metadata":{{"name":"{claim}","namespace":"ns"}},"spec":{{"volumeName":"{volume}"}}}}"#
            ),
        );
        bench.put(
            "persistentvolumes",
            &format!(r#"{{"metadata":{{"name":"{volume}"}},"spec":{{{source}}}}}"#),
        );
    }
    for audience in ["of-inline", "of-claim", "of-ephemeral", "of-cinder"] {
        let request = token(&format!("{audience:?}"), bound);
        bench
            .create("serviceaccounts/token", &request)
            .await
            .unwrap_or_else(|why| panic!("{audience}: {why}"));
    }
    refused(&bench, &token(r#""other""#, bound),
            "audience \"other\" not found in pod spec volume, system:node:one is not authorized to request tokens for \
             this audience").await;
    refused(&bench, &token("", bound),
            "audience \"\" not found in pod spec volume, system:node:one is not authorized to request tokens for this \
             audience").await;
}

#[tokio::test]
async fn kubelets_ask_for_certificates_of_their_own_name() {
    use base64::Engine;
    let bench = kubelet();
    let request = |name: &str, signer: &str| {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().expect("a key");
        let pem = parameters.serialize_request(&key).expect("a request").pem().expect("text");
        let encoded = base64::engine::general_purpose::STANDARD.encode(pem);
        format!(r#"{{"metadata":{{"name":"r"}},"spec":{{"signerName":"{signer}","request":"{encoded}"}}}}"#)
    };
    let requests = "certificates.k8s.io/certificatesigningrequests";
    for signer in ["kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet"] {
        bench.create(requests, &request("system:node:one", signer)).await.expect("its own name");
        let why = r#"certificatesigningrequests.certificates.k8s.io "r" is forbidden: can only create a node CSR with CN=system:node:one"#;
        for name in ["system:node:two", "system:node:on", "admin"] {
            bench.refuses(requests, &request(name, signer), 403, why).await;
        }
    }
    bench.create(requests, &request("admin", "acme.com/x")).await.expect("another signer");
}

#[tokio::test]
async fn kubelets_ask_for_certificates_of_their_pods() {
    let bench = kubelet();
    bench.put("pods", r#"{"metadata":{"name":"p","namespace":"ns","uid":"pu"},"spec":{"nodeName":"one","serviceAccountName":"robot"}}"#);
    bench.put("pods", r#"{"metadata":{"name":"q","namespace":"ns","uid":"qu"},"spec":{"nodeName":"two","serviceAccountName":"robot"}}"#);
    bench.put("pods", r#"{"metadata":{"name":"m","namespace":"ns","uid":"mu","annotations":{"kubernetes.io/config.mirror":"x"}},"spec":{"nodeName":"one"}}"#);
    bench.put("serviceaccounts", r#"{"metadata":{"name":"robot","namespace":"ns","uid":"su"}}"#);
    let request = |change: (&str, &str)| {
        let text = r#"{"metadata":{"name":"r"},"spec":{"nodeName":"one","nodeUID":"u","podName":"p","podUID":"pu",
                       "serviceAccountName":"robot","serviceAccountUID":"su"}}"#;
        text.replace(change.0, change.1)
    };
    let requests = "certificates.k8s.io/podcertificaterequests";
    bench.create(requests, &request(("", ""))).await.expect("its own pod");
    for (change, code, why) in [
        (
            (r#""one""#, r#""two""#),
            403,
            r#"PodCertificateRequest.Spec.NodeName="two", which is not the requesting node "one""#,
        ),
        ((r#""u""#, r#""x""#), 500, r#"names node UID "x", inconsistent with the running node ("u")"#),
        (
            (r#""p""#, r#""x""#),
            500,
            r#"while retrieving pod "ns/x" named in the PodCertificateRequest: pod "x" not found"#,
        ),
        ((r#""pu""#, r#""x""#), 500, r#"contains pod UID ("x") which differs from running pod "pu""#),
        (
            (r#""p","podUID":"pu""#, r#""q","podUID":"qu""#),
            403,
            r#"pod "ns/q" is not running on node "one" named in the PodCertificateRequest"#,
        ),
        ((r#""p","podUID":"pu""#, r#""m","podUID":"mu""#), 403, r#"pod "ns/m" is a mirror pod"#),
        (
            (r#""robot""#, r#""x""#),
            403,
            r#"contains serviceAccountName ("x") that differs from running pod ("robot")"#,
        ),
        (
            (r#""su""#, r#""x""#),
            500,
            r#"names service account UID "x", which differs from the running service account ("su")"#,
        ),
    ] {
        let status = bench.create(requests, &request(change)).await.expect_err(why);
        assert_eq!(status.code(), code, "{change:?}: {status}");
        assert!(status.message().contains(why), "{change:?}: {status}");
    }
}

#[tokio::test]
async fn bound_pods_change_only_in_ways_that_their_node_declares() {
    let bench = Bench::new(&["NodeDeclaredFeatureValidator"]);
    let pod = |generation: u8, cpu: &str, init: &str, whole: &str, rest: &str| {
        format!(
            r#"{{"metadata":{{"name":"p","namespace":"ns","generation":{generation}}},"spec":{{"nodeName":"one","containers":[
                {{"name":"c","resources":{{"requests":{{"cpu":"{cpu}"}}}}}}],"initContainers":[
                {{"name":"i","resources":{{"requests":{{"cpu":"{init}"}}}}}},
                {{"name":"s","restartPolicy":"Always","resources":{{"requests":{{"cpu":"{cpu}"}}}}}}]{whole}}}{rest}}}"#
        )
    };
    let guaranteed = r#","status":{"qosClass":"Guaranteed"}"#;
    let whole = |cpu: &str| format!(r#","resources":{{"requests":{{"cpu":"{cpu}"}}}}"#);
    let refused = |what: &str| {
        format!(
            r#"pods "p" is forbidden: pod update requires features {what} which are not available on node "one""#
        )
    };
    let check = async |new: &str, old: &str, why: &str| {
        for resource in ["pods", "pods/resize"] {
            bench.updates(resource, new, old, why).await;
        }
        bench.updates("pods/status", new, old, "").await;
    };
    let old = pod(1, "1", "1", &whole("1"), guaranteed);
    let larger = pod(2, "2", "1", &whole("1"), guaranteed);
    check(&larger, &old, r#"pods "p" is forbidden: node "one" not found"#).await;
    bench.put("nodes", r#"{"metadata":{"name":"one"},"status":{"declaredFeatures":["Other"]}}"#);
    check(&larger, &old, &refused("GuaranteedQoSPodCPUResize")).await;
    check(&pod(2, "2", "1", &whole("1"), ""), &pod(1, "1", "1", &whole("1"), ""), "").await;
    check(&pod(2, "1000m", "1", &whole("1"), guaranteed), &old, "").await;
    check(
        &pod(2, "1", "2", &whole("1"), guaranteed),
        &old,
        &refused("InPlacePodVerticalScalingInitContainers"),
    )
    .await;
    let all = "GuaranteedQoSPodCPUResize, InPlacePodLevelResourcesVerticalScaling, InPlacePodVerticalScalingInitContainers";
    check(&pod(2, "2", "2", "", guaranteed), &old, &refused(all)).await;
    check(&pod(1, "2", "2", "", guaranteed), &old, "").await;
    bench.put("nodes", r#"{"metadata":{"name":"one"},"status":{"declaredFeatures":["GuaranteedQoSPodCPUResize","InPlacePodLevelResourcesVerticalScaling"]}}"#);
    check(&larger, &old, "").await;
    check(&pod(2, "2", "1", &whole("3"), guaranteed), &old, "").await;
    check(
        &pod(2, "1", "2", &whole("1"), guaranteed),
        &old,
        &refused("InPlacePodVerticalScalingInitContainers"),
    )
    .await;
}
