//! One test or more for each kind that has columns of its own.

use super::*;

#[test]
fn core() {
    let check = |kind, object, want| check("", kind, object, want);
    check(
        "ComponentStatus",
        r#"{"conditions":[{"type":"Healthy","status":"False","message":"m","error":"e"}]}"#,
        r#"["x","Unhealthy","m","e"]"#,
    );
    check(
        "ComponentStatus",
        r#"{"conditions":[{"type":"Healthy","status":"True"}]}"#,
        r#"["x","Healthy","",""]"#,
    );
    check("ComponentStatus", "{}", r#"["x","Unknown","",""]"#);
    check("ConfigMap", r#"{"data":{"a":"1","b":"2"},"binaryData":{"c":""}}"#, r#"["x",3,"5h"]"#);
    check("Namespace", r#"{"status":{"phase":"Active"}}"#, r#"["x","Active","5h"]"#);
    check(
        "PodTemplate",
        r#"{"template":{"metadata":{"labels":{"b":"2","a":"1"}},"spec":{"containers":[{"name":"c","image":"i"},{"name":"d","image":"j"}]}}}"#,
        r#"["x","c,d","i,j","a=1,b=2"]"#,
    );
    check(
        "ReplicationController",
        r#"{"spec":{"replicas":3,"selector":{"a":"b"},"template":{"spec":{"containers":[{"name":"c","image":"i"}]}}},"status":{"replicas":2,"readyReplicas":1}}"#,
        r#"["x",3,2,1,"5h","c","i","a=b"]"#,
    );
    check(
        "ResourceQuota",
        r#"{"status":{"hard":{"pods":"10","limits.cpu":"2","requests.memory":"1Gi"},"used":{"pods":"3","limits.cpu":"500m"}}}"#,
        r#"["x","pods: 3/10, requests.memory: 0/1Gi","limits.cpu: 500m/2","5h"]"#,
    );
    check("Secret", r#"{"type":"Opaque","data":{"k":"dg=="}}"#, r#"["x","Opaque",1,"5h"]"#);
    check("ServiceAccount", "{}", r#"["x","5h"]"#);
    check("Status", r#"{"status":"Success","reason":"","message":"m"}"#, r#"["Success","","m"]"#);
    assert_eq!(cells("", "ServiceAccount", &parse("{}"), NOW), ["".into(), "<unknown>".into()]);
}

#[test]
fn services() {
    let service = |spec: &str, status: &str, want: &str| {
        check("", "Service", &format!(r#"{{"spec":{spec},"status":{status}}}"#), want);
    };
    service(
        r#"{"type":"ClusterIP","clusterIPs":["10.0.0.1"],"ports":[{"port":80,"protocol":"TCP"},{"port":53,"nodePort":30053,"protocol":"UDP"}],"selector":{"a":"b"}}"#,
        "{}",
        r#"["x","ClusterIP","10.0.0.1","<none>","80/TCP,53:30053/UDP","5h","a=b"]"#,
    );
    service(
        r#"{"type":"NodePort","externalIPs":["1.1.1.1","2.2.2.2"]}"#,
        "{}",
        r#"["x","NodePort","<none>","1.1.1.1,2.2.2.2","<none>","5h","<none>"]"#,
    );
    service(
        r#"{"type":"LoadBalancer"}"#,
        "{}",
        r#"["x","LoadBalancer","<none>","<pending>","<none>","5h","<none>"]"#,
    );
    service(
        r#"{"type":"LoadBalancer","externalIPs":["9.9.9.9"]}"#,
        r#"{"loadBalancer":{"ingress":[{"ip":"2.2.2.2"},{"hostname":"a.example.com"},{"ip":"1.1.1.1"},{"ip":"1.1.1.1"}]}}"#,
        r#"["x","LoadBalancer","<none>","1.1.1.1,2.2.2.2,a.example.com,9.9.9.9","<none>","5h","<none>"]"#,
    );
    service(
        r#"{"type":"ExternalName","externalName":"e.io"}"#,
        "{}",
        r#"["x","ExternalName","<none>","e.io","<none>","5h","<none>"]"#,
    );
    service("{}", "{}", r#"["x","","<none>","<unknown>","<none>","5h","<none>"]"#);

    let endpoints = |subsets: &str, want: &str| {
        check("", "Endpoints", &format!(r#"{{"subsets":{subsets}}}"#), &format!(r#"["x","{want}","5h"]"#));
    };
    endpoints("[]", "<none>");
    endpoints(r#"[{"addresses":[{"ip":"1.1.1.1"},{"ip":"2.2.2.2"}]}]"#, "1.1.1.1,2.2.2.2");
    endpoints(
        r#"[{"addresses":[{"ip":"1.1.1.1"},{"ip":"fd::1"}],"ports":[{"port":80},{"port":81}]}]"#,
        "1.1.1.1:80,[fd::1]:80,1.1.1.1:81 + 1 more...",
    );
    endpoints(r#"[{"notReadyAddresses":[{"ip":"1.1.1.1"}],"ports":[{"port":80}]}]"#, "");
}

#[test]
fn nodes() {
    check(
        "",
        "Node",
        r#"{"metadata":{"labels":{"node-role.kubernetes.io/worker":"","node-role.kubernetes.io/":"","kubernetes.io/role":"edge"}},
            "spec":{"unschedulable":true},
            "status":{"conditions":[{"type":"Ready","status":"True"}],"addresses":[{"type":"InternalIP","address":"10.0.0.2"}],
            "nodeInfo":{"kubeletVersion":"v1.36.2","osImage":"Linux","kernelVersion":"6.1","containerRuntimeVersion":"","architecture":"amd64"}}}"#,
        r#"["x","Ready,SchedulingDisabled","edge,worker","5h","v1.36.2","10.0.0.2","<none>","Linux","6.1 (amd64)","<unknown>"]"#,
    );
    let plain = |status: &str, want: &str| {
        let object = format!(r#"{{"status":{{"conditions":{status}}}}}"#);
        check(
            "",
            "Node",
            &object,
            &format!(
                r#"["x","{want}","<none>","5h","","<none>","<none>","<unknown>","<unknown>","<unknown>"]"#
            ),
        );
    };
    plain("[]", "Unknown");
    plain(r#"[{"type":"Ready","status":"Unknown"}]"#, "NotReady");
}

#[test]
fn volumes() {
    let pv = r#""accessModes":["ReadWriteMany","ReadWriteOnce","ReadWriteOnce"],"persistentVolumeReclaimPolicy":"Retain","storageClassName":"s""#;
    check(
        "",
        "PersistentVolume",
        &format!(
            r#"{{"spec":{{{pv},"capacity":{{"storage":"5Gi"}},"claimRef":{{"namespace":"n","name":"c"}},"volumeMode":"Block","volumeAttributesClassName":"v"}},"status":{{"phase":"Bound","reason":"r"}}}}"#
        ),
        r#"["x","5Gi","RWO,RWX","Retain","Bound","n/c","s","v","r","5h","Block"]"#,
    );
    check(
        "",
        "PersistentVolume",
        &format!(
            r#"{{"metadata":{{"deletionTimestamp":"2026-01-01T00:00:00Z","annotations":{{"volume.beta.kubernetes.io/storage-class":"old"}}}},"spec":{{{pv}}},"status":{{"phase":"Bound"}}}}"#
        ),
        r#"["x","0","RWO,RWX","Retain","Terminating","","old","<unset>","","5h","<unset>"]"#,
    );
    check(
        "",
        "PersistentVolumeClaim",
        r#"{"spec":{"volumeName":"v","storageClassName":"s","volumeMode":"Filesystem"},"status":{"phase":"Bound","capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOncePod","ReadOnlyMany"]}}"#,
        r#"["x","Bound","v","1Gi","ROX,RWOP","s","<unset>","5h","Filesystem"]"#,
    );
    check(
        "",
        "PersistentVolumeClaim",
        r#"{"spec":{},"status":{"phase":"Pending","capacity":{"storage":"1Gi"},"accessModes":["ReadOnlyMany"]}}"#,
        r#"["x","Pending","","","","","<unset>","5h","<unset>"]"#,
    );
}

#[test]
fn events() {
    let object = r#"{"firstTimestamp":"2025-12-31T23:50:00Z","lastTimestamp":"2025-12-31T23:59:00Z","count":4,"type":"Warning","reason":"Started",
        "involvedObject":{"kind":"Pod","name":"p","fieldPath":"spec.c"},"source":{"component":"kubelet","host":"n"},"message":" hello\n"}"#;
    for group in ["", "events.k8s.io"] {
        check(
            group,
            "Event",
            object,
            r#"["60s","Warning","Started","pod/p","spec.c","kubelet, n","hello","10m",4,"x"]"#,
        );
    }
    check(
        "",
        "Event",
        r#"{"eventTime":"2025-12-31T23:59:30.500000Z","firstTimestamp":null,"involvedObject":{"kind":"Pod"},"reportingComponent":"c"}"#,
        r#"["29s","","","pod","","c","","29s",1,"x"]"#,
    );
    check(
        "",
        "Event",
        r#"{"eventTime":"2025-12-31T23:00:00.000000Z","series":{"count":7,"lastObservedTime":"2025-12-31T23:59:58.000000Z"}}"#,
        r#"["2s","","","","","","","60m",7,"x"]"#,
    );
    check("", "Event", "{}", r#"["<unknown>","","","","","","","<unknown>",1,"x"]"#);
}

#[test]
fn apps() {
    let check = |kind, object: &str, want| check("apps", kind, object, want);
    let template = r#""selector":{"matchLabels":{"a":"b"}},"template":{"spec":{"containers":[{"name":"c","image":"i"}],"nodeSelector":{"k":"v"}}}"#;
    check("ControllerRevision", r#"{"revision":3}"#, r#"["x","<none>",3,"5h"]"#);
    let owned = |owner: &str| {
        format!(
            r#"{{"revision":1,"metadata":{{"ownerReferences":[{{"kind":"Other","name":"o"}},{owner}]}}}}"#
        )
    };
    check(
        "ControllerRevision",
        &owned(r#"{"apiVersion":"apps/v1","kind":"DaemonSet","name":"d","controller":true}"#),
        r#"["x","daemonset.apps/d",1,"5h"]"#,
    );
    check(
        "ControllerRevision",
        &owned(r#"{"apiVersion":"v1","kind":"Pod","name":"d","controller":true}"#),
        r#"["x","pod/d",1,"5h"]"#,
    );
    check(
        "DaemonSet",
        &format!(
            r#"{{"spec":{{{template}}},"status":{{"desiredNumberScheduled":5,"currentNumberScheduled":4,"numberReady":3,"updatedNumberScheduled":2,"numberAvailable":1}}}}"#
        ),
        r#"["x",5,4,3,2,1,"k=v","5h","c","i","a=b"]"#,
    );
    check(
        "Deployment",
        &format!(
            r#"{{"spec":{{"replicas":4,{template}}},"status":{{"readyReplicas":1,"updatedReplicas":2,"availableReplicas":3}}}}"#
        ),
        r#"["x","1/4",2,3,"5h","c","i","a=b"]"#,
    );
    check(
        "Deployment",
        r#"{"spec":{"replicas":1,"selector":{"matchExpressions":[{"key":"a","operator":"Bad"}]}}}"#,
        r#"["x","0/1",0,0,"5h","","","<invalid>"]"#,
    );
    check(
        "ReplicaSet",
        &format!(r#"{{"spec":{{"replicas":4,{template}}},"status":{{"replicas":3,"readyReplicas":2}}}}"#),
        r#"["x",4,3,2,"5h","c","i","a=b"]"#,
    );
    check(
        "ReplicaSet",
        r#"{"spec":{"selector":{"matchExpressions":[{"key":"a","operator":"Bad"}]}}}"#,
        r#"["x",0,0,0,"5h","","","<error>"]"#,
    );
    check(
        "StatefulSet",
        &format!(r#"{{"spec":{{"replicas":4,{template}}},"status":{{"readyReplicas":2}}}}"#),
        r#"["x","2/4","5h","c","i"]"#,
    );
}

#[test]
fn batch() {
    let job = |spec: &str, status: &str, want: [&str; 3]| {
        let object = format!(r#"{{"spec":{spec},"status":{status}}}"#);
        let [state, completions, duration] = want;
        check(
            "batch",
            "Job",
            &object,
            &format!(r#"["x","{state}","{completions}","{duration}","5h","","","<none>"]"#),
        );
    };
    job(r#"{"completions":3,"selector":{}}"#, r#"{"succeeded":1}"#, ["Running", "1/3", ""]);
    job(r#"{"parallelism":2}"#, r#"{"startTime":"2025-12-31T23:59:00Z"}"#, ["Running", "0/1 of 2", "60s"]);
    let ended = r#""startTime":"2025-12-31T22:00:00Z","completionTime":"2025-12-31T22:03:05Z""#;
    job(
        "{}",
        &format!(
            r#"{{{ended},"conditions":[{{"type":"Complete","status":"True"}},{{"type":"Suspended","status":"True"}}]}}"#
        ),
        ["Complete", "0/1", "3m5s"],
    );
    job("{}", r#"{"conditions":[{"type":"Failed","status":"True"}]}"#, ["Failed", "0/1", ""]);
    job(
        "{}",
        r#"{"conditions":[{"type":"Complete","status":"False"},{"type":"Suspended","status":"True"}]}"#,
        ["Suspended", "0/1", ""],
    );
    job("{}", r#"{"conditions":[{"type":"FailureTarget","status":"True"}]}"#, ["FailureTarget", "0/1", ""]);
    job(
        "{}",
        r#"{"conditions":[{"type":"SuccessCriteriaMet","status":"True"}]}"#,
        ["SuccessCriteriaMet", "0/1", ""],
    );
    check(
        "batch",
        "Job",
        r#"{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}}"#,
        r#"["x","Terminating","0/1","","5h","","","<none>"]"#,
    );
    check(
        "batch",
        "CronJob",
        r#"{"spec":{"schedule":"* * * * *","timeZone":"Etc/UTC","suspend":false,"jobTemplate":{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"i"}]}}}}},
            "status":{"active":[{},{}],"lastScheduleTime":"2025-12-31T23:59:00Z"}}"#,
        r#"["x","* * * * *","Etc/UTC","False",2,"60s","5h","c","i","<none>"]"#,
    );
    check(
        "batch",
        "CronJob",
        r#"{"spec":{"suspend":true}}"#,
        r#"["x","","<none>","True",0,"<none>","5h","","","<none>"]"#,
    );
    check("batch", "CronJob", "{}", r#"["x","","<none>","<unset>",0,"<none>","5h","","","<none>"]"#);
}

#[test]
fn autoscaling() {
    let hpa = |metrics: &str, current: &str, want: &str| {
        let object = format!(
            r#"{{"spec":{{"scaleTargetRef":{{"kind":"Deployment","name":"d"}},"minReplicas":1,"maxReplicas":4,"metrics":{metrics}}},"status":{{"currentReplicas":2,"currentMetrics":{current}}}}}"#
        );
        let want = format!(r#"["x","Deployment/d","{want}","1",4,2,"5h"]"#);
        check("autoscaling", "HorizontalPodAutoscaler", &object, &want);
    };
    hpa("[]", "[]", "<none>");
    let cpu = r#"{"type":"Resource","resource":{"name":"cpu","target":{"averageUtilization":60}}}"#;
    let memory = r#"{"type":"ContainerResource","containerResource":{"name":"memory","target":{"averageValue":"100Mi"}}}"#;
    hpa(&format!("[{cpu},{memory}]"), "[]", "cpu: <unknown>/60%, memory: <unknown>/100Mi");
    let now = r#"[{"type":"Resource","resource":{"name":"cpu","current":{"averageUtilization":30}}},{"type":"ContainerResource","containerResource":{"current":{"averageValue":"50Mi"}}}]"#;
    hpa(&format!("[{cpu},{memory},{cpu}]"), now, "cpu: 30%/60%, memory: 50Mi/100Mi + 1 more...");
    hpa(r#"[{"type":"Resource","resource":{"name":"cpu","target":{}}}]"#, "[]", "cpu: <unknown>/<auto>");
    let external = r#"{"type":"External","external":{"target":{"value":"10"}}}"#;
    let object = r#"{"type":"Object","object":{"target":{"averageValue":"5"}}}"#;
    hpa(
        &format!("[{external},{object}]"),
        r#"[{"external":{"current":{"value":"3"}}},{"object":{"current":{"averageValue":"2"}}}]"#,
        "3/10, 2/5 (avg)",
    );
    hpa(
        &format!("[{external},{object}]"),
        r#"[{"external":{"current":{}}},{"object":{"current":{}}}]"#,
        "<nil>/10, <unknown>/5 (avg)",
    );
    hpa(
        r#"[{"type":"Pods","pods":{"target":{"averageValue":"7"}}},{"type":"New"}]"#,
        r#"[{"pods":{"current":{"averageValue":"6"}}}]"#,
        "6/7, <unknown type>",
    );
    check("autoscaling", "HorizontalPodAutoscaler", "{}", r#"["x","/","<none>","<unset>",0,0,"5h"]"#);
    check("autoscaling", "Scale", r#"{"spec":{"replicas":3},"status":{"replicas":2}}"#, r#"["x",3,2,"5h"]"#);
}

#[test]
fn networking() {
    let check = |kind, object: &str, want: &str| check("networking.k8s.io", kind, object, want);
    let ingress = |rules: &str, hosts: &str| {
        let object = format!(r#"{{"spec":{{"rules":{rules}}}}}"#);
        check("Ingress", &object, &format!(r#"["x","<none>","{hosts}","","80","5h"]"#));
    };
    ingress("[]", "*");
    ingress("[{}]", "*");
    ingress(r#"[{"host":"a"},{},{"host":"b"}]"#, "a,b");
    ingress(r#"[{"host":"a"},{"host":"b"},{"host":"c"},{},{"host":"d"}]"#, "a,b,c + 2 more...");
    check(
        "Ingress",
        r#"{"spec":{"ingressClassName":"n","tls":[{}]},"status":{"loadBalancer":{"ingress":[{"hostname":"h"},{"ip":"1.1.1.1"}]}}}"#,
        r#"["x","n","*","1.1.1.1,h","80, 443","5h"]"#,
    );
    check("IngressClass", r#"{"spec":{"controller":"c"}}"#, r#"["x","c","<none>","5h"]"#);
    check(
        "IngressClass",
        r#"{"metadata":{"annotations":{"ingressclass.kubernetes.io/is-default-class":"true"}},"spec":{"controller":"c","parameters":{"apiGroup":"x.io","kind":"K","name":"n"}}}"#,
        r#"["x (default)","c","K.x.io/n","5h"]"#,
    );
    check("IngressClass", r#"{"spec":{"parameters":{"kind":"K","name":"n"}}}"#, r#"["x","","K/n","5h"]"#);
    check(
        "IPAddress",
        r#"{"spec":{"parentRef":{"group":"","resource":"services","namespace":"default","name":"kubernetes"}}}"#,
        r#"["x","services/default/kubernetes","5h"]"#,
    );
    check(
        "IPAddress",
        r#"{"spec":{"parentRef":{"group":"X.io","resource":"Things","name":"n"}}}"#,
        r#"["x","things.x.io/n","5h"]"#,
    );
    check("IPAddress", "{}", r#"["x","<none>","5h"]"#);
    check("NetworkPolicy", r#"{"spec":{"podSelector":{"matchLabels":{"a":"b"}}}}"#, r#"["x","a=b","5h"]"#);
    check("NetworkPolicy", r#"{"spec":{"podSelector":{}}}"#, r#"["x","<none>","5h"]"#);
    check(
        "ServiceCIDR",
        r#"{"spec":{"cidrs":["10.0.0.0/24","fd00::/108"]}}"#,
        r#"["x","10.0.0.0/24,fd00::/108","5h"]"#,
    );
}

#[test]
fn discovery() {
    let slice = |ports: &str, endpoints: &str, want: [&str; 2]| {
        let object = format!(r#"{{"addressType":"IPv4","ports":{ports},"endpoints":{endpoints}}}"#);
        let want = format!(r#"["x","IPv4","{}","{}","5h"]"#, want[0], want[1]);
        check("discovery.k8s.io", "EndpointSlice", &object, &want);
    };
    slice("null", "null", ["<unset>", "<unset>"]);
    slice(
        r#"[{"port":80},{"name":"n"},{}]"#,
        r#"[{"addresses":["a","b"]},{"addresses":["c"]}]"#,
        ["80,n,*", "a,b,c"],
    );
    slice(
        r#"[{"port":1},{"port":2},{"port":3},{"port":4}]"#,
        r#"[{"addresses":["a","b","c","d"]},{"addresses":["e"]}]"#,
        ["1,2,3 + 1 more...", "a,b,c + 2 more..."],
    );
}

#[test]
fn policy_and_rbac() {
    let budget = |spec: &str, want: &str| {
        check(
            "policy",
            "PodDisruptionBudget",
            &format!(r#"{{"spec":{spec},"status":{{"disruptionsAllowed":1}}}}"#),
            want,
        );
    };
    budget(r#"{"minAvailable":2}"#, r#"["x","2","N/A",1,"5h"]"#);
    budget(r#"{"maxUnavailable":"10%"}"#, r#"["x","N/A","10%",1,"5h"]"#);
    for kind in ["RoleBinding", "ClusterRoleBinding"] {
        check(
            "rbac.authorization.k8s.io",
            kind,
            r#"{"roleRef":{"kind":"Role","name":"r"},"subjects":[{"kind":"User","name":"u"},{"kind":"User","name":"v"},{"kind":"Group","name":"g"},{"kind":"ServiceAccount","name":"s","namespace":"n"}]}"#,
            r#"["x","Role/r","5h","u, v","g","n/s"]"#,
        );
    }
}

#[test]
fn certificates_and_coordination() {
    let csr = |spec: &str, status: &str, want: &str| {
        check(
            "certificates.k8s.io",
            "CertificateSigningRequest",
            &format!(r#"{{"spec":{spec},"status":{status}}}"#),
            want,
        );
    };
    csr(
        r#"{"signerName":"a/b","username":"u","expirationSeconds":86400}"#,
        "{}",
        r#"["x","5h","a/b","u","24h","Pending"]"#,
    );
    csr(
        "{}",
        r#"{"conditions":[{"type":"Approved"}],"certificate":"Yw=="}"#,
        r#"["x","5h","<none>","","<none>","Approved,Issued"]"#,
    );
    csr(
        "{}",
        r#"{"conditions":[{"type":"Approved"},{"type":"Denied"},{"type":"Failed"}]}"#,
        r#"["x","5h","<none>","","<none>","Denied,Failed"]"#,
    );
    check("coordination.k8s.io", "Lease", r#"{"spec":{"holderIdentity":"me"}}"#, r#"["x","me","5h"]"#);
    check("coordination.k8s.io", "Lease", "{}", r#"["x","","5h"]"#);
}

#[test]
fn storage() {
    let check = |kind, object: &str, want: &str| check("storage.k8s.io", kind, object, want);
    check("CSIDriver", "{}", r#"["x",true,false,false,"<unset>",false,"<none>","5h"]"#);
    check(
        "CSIDriver",
        r#"{"spec":{"attachRequired":false,"podInfoOnMount":true,"storageCapacity":true,"requiresRepublish":true,"tokenRequests":[{"audience":"a"},{"audience":"b"}],"volumeLifecycleModes":["Persistent","Ephemeral"]}}"#,
        r#"["x",false,true,true,"a,b",true,"Persistent,Ephemeral","5h"]"#,
    );
    check("CSINode", r#"{"spec":{"drivers":[{},{}]}}"#, r#"["x",2,"5h"]"#);
    check("StorageClass", r#"{"provisioner":"p"}"#, r#"["x","p","Delete","Immediate",false,"5h"]"#);
    check(
        "StorageClass",
        r#"{"metadata":{"annotations":{"storageclass.kubernetes.io/is-default-class":"true"}},"provisioner":"p","reclaimPolicy":"Retain","volumeBindingMode":"WaitForFirstConsumer","allowVolumeExpansion":true}"#,
        r#"["x (default)","p","Retain","WaitForFirstConsumer",true,"5h"]"#,
    );
    check(
        "VolumeAttachment",
        r#"{"spec":{"attacher":"a","nodeName":"n","source":{"persistentVolumeName":"v"}},"status":{"attached":true}}"#,
        r#"["x","a","v","n",true,"5h"]"#,
    );
    check("VolumeAttributesClass", r#"{"driverName":"d"}"#, r#"["x","d","5h"]"#);
}

#[test]
fn admissionregistration() {
    let check = |kind, object: &str, want: &str| check("admissionregistration.k8s.io", kind, object, want);
    for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
        check(kind, r#"{"webhooks":[{},{}]}"#, r#"["x",2,"5h"]"#);
        check(kind, "{}", r#"["x",0,"5h"]"#);
    }
    check(
        "ValidatingAdmissionPolicy",
        r#"{"spec":{"validations":[{}],"paramKind":{"apiVersion":"v1","kind":"ConfigMap"}}}"#,
        r#"["x",1,"v1/ConfigMap","5h"]"#,
    );
    check("MutatingAdmissionPolicy", r#"{"spec":{"mutations":[{},{}]}}"#, r#"["x",2,"<unset>","5h"]"#);
    for kind in ["ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicyBinding"] {
        let binding = |reference: &str, want: &str| {
            let object = format!(r#"{{"spec":{{"policyName":"p","paramRef":{reference}}}}}"#);
            check(kind, &object, &format!(r#"["x","p","{want}","5h"]"#));
        };
        binding("null", "<unset>");
        binding(r#"{"name":"a"}"#, "*/a");
        binding(r#"{"name":"a","namespace":"n"}"#, "n/a");
        binding(
            r#"{"selector":{"matchLabels":{"a":"b"},"matchExpressions":[{"key":"k","operator":"In","values":["v","w"]}]}}"#,
            "&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[v w],},},}",
        );
    }
}

#[test]
fn flowcontrol() {
    let group = "flowcontrol.apiserver.k8s.io";
    let schema = r#"{"spec":{"priorityLevelConfiguration":{"name":"l"},"matchingPrecedence":9,"distinguisherMethod":{"type":"ByUser"}},"status":{"conditions":[{"type":"Dangling","status":"False"}]}}"#;
    check(group, "FlowSchema", schema, r#"["x","l",9,"ByUser","5h","False"]"#);
    check(group, "FlowSchema", "{}", r#"["x","",0,"<none>","5h","?"]"#);
    check(
        group,
        "PriorityLevelConfiguration",
        r#"{"spec":{"type":"Limited","limited":{"nominalConcurrencyShares":30,"limitResponse":{"queuing":{"queues":64,"handSize":6,"queueLengthLimit":50}}}}}"#,
        r#"["x","Limited",30,64,6,50,"5h"]"#,
    );
    check(
        group,
        "PriorityLevelConfiguration",
        r#"{"spec":{"type":"Exempt"}}"#,
        r#"["x","Exempt","<none>","<none>","<none>","<none>","5h"]"#,
    );
    let order = order(group, "FlowSchema").expect("flow schemas are sorted");
    let schema = |name: &str, precedence: i64| {
        parse(&format!(r#"{{"metadata":{{"name":"{name}"}},"spec":{{"matchingPrecedence":{precedence}}}}}"#))
    };
    assert_eq!(order(&schema("b", 1), &schema("a", 2)), Ordering::Less);
    assert_eq!(order(&schema("b", 2), &schema("a", 2)), Ordering::Greater);
    assert!(super::order("", "Pod").is_none());
}

#[test]
fn scheduling_node_and_resource() {
    check(
        "scheduling.k8s.io",
        "PriorityClass",
        r#"{"value":5,"preemptionPolicy":"Never"}"#,
        r#"["x",5,false,"5h","Never"]"#,
    );
    check(
        "scheduling.k8s.io",
        "PriorityClass",
        r#"{"value":5,"globalDefault":true}"#,
        r#"["x",5,true,"5h",""]"#,
    );
    check("node.k8s.io", "RuntimeClass", r#"{"handler":"h"}"#, r#"["x","h","5h"]"#);
    let check = |kind, object: &str, want: &str| check("resource.k8s.io", kind, object, want);
    check("DeviceClass", "{}", r#"["x","5h"]"#);
    check("ResourceClaimTemplate", "{}", r#"["x","5h"]"#);
    check(
        "ResourceSlice",
        r#"{"spec":{"driver":"d","nodeName":"n","pool":{"name":"p"}}}"#,
        r#"["x","n","d","p","5h"]"#,
    );
    let claim = |deleted: bool, status: &str, want: &str| {
        let deletion = if deleted { r#"{"deletionTimestamp":"2026-01-01T00:00:00Z"}"# } else { "{}" };
        let object = format!(r#"{{"metadata":{deletion},"status":{status}}}"#);
        check("ResourceClaim", &object, &format!(r#"["x","{want}","5h"]"#));
    };
    claim(false, "{}", "pending");
    claim(false, r#"{"allocation":{}}"#, "allocated");
    claim(false, r#"{"allocation":{},"reservedFor":[{}]}"#, "allocated,reserved");
    claim(true, "{}", "deleted");
    claim(true, r#"{"allocation":{}}"#, "deleted,allocated");
    claim(true, r#"{"allocation":{},"reservedFor":[{}]}"#, "deleted,allocated,reserved");
}

#[test]
fn api_services() {
    let service = |spec: &str, conditions: &str, want: [&str; 2]| {
        let object = format!(r#"{{"spec":{spec},"status":{{"conditions":{conditions}}}}}"#);
        let want = format!(r#"["x","{}","{}","5h"]"#, want[0], want[1]);
        check("apiregistration.k8s.io", "APIService", &object, &want);
    };
    service("{}", "[]", ["Local", "Unknown"]);
    service("{}", r#"[{"type":"Available","status":"True","reason":"Local"}]"#, ["Local", "True"]);
    service(
        r#"{"service":{"namespace":"n","name":"s"}}"#,
        r#"[{"type":"Available","status":"False","reason":"MissingEndpoints"}]"#,
        ["n/s", "False (MissingEndpoints)"],
    );
    service("{}", r#"[{"type":"Available","status":"False"}]"#, ["Local", "False"]);
}
