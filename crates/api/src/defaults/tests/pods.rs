use super::check;

fn pod(spec: &str, path: &str, expected: &str) {
    check("v1", "Pod", &format!(r#"{{"metadata":{{"name":"p"}},"spec":{spec}}}"#), path, expected);
}

fn container(container: &str, path: &str, expected: &str) {
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        let spec = format!(r#"{{"{list}":[{container}]}}"#);
        pod(&spec, &format!("spec.{list}.0{path}"), expected);
    }
}

#[test]
fn a_minimal_pod() {
    pod(
        r#"{"containers":[{"name":"c","image":"x"}]}"#,
        "spec",
        r#"{"containers":[{"image":"x","imagePullPolicy":"Always","name":"c","resources":{},
            "terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],
            "dnsPolicy":"ClusterFirst","enableServiceLinks":true,"restartPolicy":"Always",
            "schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30}"#,
    );
}

#[test]
fn what_is_said_stays() {
    let spec = r#"{"containers":null,"dnsPolicy":"None","enableServiceLinks":false,"restartPolicy":"Never",
        "schedulerName":"s","securityContext":{"runAsUser":1},"terminationGracePeriodSeconds":0}"#;
    pod(spec, "spec", spec);
    pod(r#"{"terminationGracePeriodSeconds":-1}"#, "spec.terminationGracePeriodSeconds", "1");
}

#[test]
fn templates_have_less_than_pods() {
    let template = |path, expected| {
        let body = r#"{"metadata":{"name":"t"},"template":{"spec":{"hostNetwork":true,
            "terminationGracePeriodSeconds":-1,"containers":[{"name":"c","image":"x:1","ports":[{"containerPort":1}],
            "resources":{"limits":{"cpu":"1"}}}]}}}"#;
        check("v1", "PodTemplate", body, &format!("template.spec.{path}"), expected);
    };
    template("enableServiceLinks", "");
    template("terminationGracePeriodSeconds", "-1");
    template("containers.0.resources", r#"{"limits":{"cpu":"1"}}"#);
    template("containers.0.ports", r#"[{"containerPort":1,"protocol":"TCP"}]"#);
    template("containers.0.imagePullPolicy", r#""IfNotPresent""#);
    template("dnsPolicy", r#""ClusterFirst""#);
}

#[test]
fn containers() {
    container(r#"{"name":"c"}"#, ".imagePullPolicy", r#""IfNotPresent""#);
    container(r#"{"name":"c","image":"x:latest"}"#, ".imagePullPolicy", r#""Always""#);
    container(r#"{"name":"c","image":"x","imagePullPolicy":"Never"}"#, ".imagePullPolicy", r#""Never""#);
    container(r#"{"name":"c","terminationMessagePath":"/m"}"#, ".terminationMessagePath", r#""/m""#);
    container(
        r#"{"name":"c","ports":[{"containerPort":80},{"containerPort":53,"protocol":"UDP"}]}"#,
        ".ports",
        r#"[{"containerPort":80,"protocol":"TCP"},{"containerPort":53,"protocol":"UDP"}]"#,
    );
    container(
        r#"{"name":"c","env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},
            {"name":"B","valueFrom":{"fileKeyRef":{"volumeName":"v","path":"p","key":"k"}}},
            {"name":"C","valueFrom":{"configMapKeyRef":{"name":"c","key":"k"}}}]}"#,
        ".env",
        r#"[{"name":"A","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"}}},
            {"name":"B","valueFrom":{"fileKeyRef":{"key":"k","optional":false,"path":"p","volumeName":"v"}}},
            {"name":"C","valueFrom":{"configMapKeyRef":{"key":"k","name":"c"}}}]"#,
    );
}

#[test]
fn probes_and_hooks() {
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        container(
            &format!(r#"{{"name":"c","{probe}":{{"httpGet":{{"port":80}}}}}}"#),
            &format!(".{probe}"),
            r#"{"failureThreshold":3,"httpGet":{"path":"/","port":80,"scheme":"HTTP"},"periodSeconds":10,
                "successThreshold":1,"timeoutSeconds":1}"#,
        );
        container(
            &format!(
                r#"{{"name":"c","{probe}":{{"grpc":{{"port":80}},"timeoutSeconds":0,"periodSeconds":7}}}}"#
            ),
            &format!(".{probe}"),
            r#"{"failureThreshold":3,"grpc":{"port":80,"service":""},"periodSeconds":7,"successThreshold":1,
                "timeoutSeconds":1}"#,
        );
    }
    container(
        r#"{"name":"c","lifecycle":{"postStart":{"httpGet":{"port":"p","path":"/x"}},
            "preStop":{"httpGet":{"port":1,"scheme":"HTTPS"}}}}"#,
        ".lifecycle",
        r#"{"postStart":{"httpGet":{"path":"/x","port":"p","scheme":"HTTP"}},
            "preStop":{"httpGet":{"path":"/","port":1,"scheme":"HTTPS"}}}"#,
    );
}

#[test]
fn resources() {
    let of = |list: &str, resources: &str, expected: &str| {
        let spec = format!(r#"{{"{list}":[{{"name":"c","resources":{resources}}}]}}"#);
        pod(&spec, &format!("spec.{list}.0.resources"), expected);
    };
    for list in ["containers", "initContainers"] {
        of(
            list,
            r#"{"limits":{"cpu":"2","memory":"1Gi"},"requests":{"cpu":"1"}}"#,
            r#"{"limits":{"cpu":"2","memory":"1Gi"},"requests":{"cpu":"1","memory":"1Gi"}}"#,
        );
        of(list, r#"{"requests":{"cpu":"1"}}"#, r#"{"requests":{"cpu":"1"}}"#);
        of(list, "{}", "{}");
    }
    // Finer than thousandths there is nothing.
    of(
        "containers",
        r#"{"requests":{"a":"1u","b":"1500u","c":"1n","d":"1.0005","e":"1e-9","f":"100m"}}"#,
        r#"{"requests":{"a":"1m","b":"2m","c":"1m","d":"1001m","e":"1e-3","f":"100m"}}"#,
    );
}

#[test]
fn resources_of_the_whole_pod() {
    let of = |containers: &str, resources: &str, expected: &str| {
        pod(&format!(r#"{{{containers},"resources":{resources}}}"#), "spec.resources", expected);
    };
    let two = r#""containers":[{"name":"a","resources":{"requests":{"cpu":"100m","example.com/x":"1"}}},
        {"name":"b","resources":{"requests":{"cpu":"200m","memory":"1Gi"}}}]"#;
    of(
        two,
        r#"{"limits":{"cpu":"1","memory":"4Gi"}}"#,
        r#"{"limits":{"cpu":"1","memory":"4Gi"},"requests":{"cpu":"300m","memory":"1Gi"}}"#,
    );
    of(
        two,
        r#"{"limits":{"cpu":"1"},"requests":{"cpu":"400m"}}"#,
        r#"{"limits":{"cpu":"1"},"requests":{"cpu":"400m","memory":"1Gi"}}"#,
    );
    of(two, r#"{"requests":{"memory":"2Gi"}}"#, r#"{"requests":{"memory":"2Gi"}}"#);
    of(two, "{}", "{}");
    of(
        r#""containers":[{"name":"a"}]"#,
        r#"{"limits":{"cpu":"1","example.com/x":"1"}}"#,
        r#"{"limits":{"cpu":"1","example.com/x":"1"},"requests":{"cpu":"1"}}"#,
    );
    // Restarting init containers stay; others only need room before.
    of(
        r#""containers":[{"name":"a","resources":{"requests":{"cpu":"1"}}}],"initContainers":[
        {"name":"s","restartPolicy":"Always","resources":{"requests":{"cpu":"1"}}},
        {"name":"i","resources":{"requests":{"cpu":"3"}}}]"#,
        r#"{"limits":{"cpu":"9"}}"#,
        r#"{"limits":{"cpu":"9"},"requests":{"cpu":"4"}}"#,
    );
    let huge = r#""containers":[{"name":"a","resources":{"limits":{"hugepages-2Mi":"4Mi"}}},
        {"name":"b","resources":{"limits":{"hugepages-2Mi":"2Mi"}}}]"#;
    of(
        huge,
        r#"{"limits":{"cpu":"1"}}"#,
        r#"{"limits":{"cpu":"1","hugepages-2Mi":"6Mi"},"requests":{"cpu":"1","hugepages-2Mi":"6Mi"}}"#,
    );
    of(
        huge,
        r#"{"requests":{"cpu":"1","hugepages-2Mi":"8Mi"}}"#,
        r#"{"requests":{"cpu":"1","hugepages-2Mi":"8Mi"}}"#,
    );
}

#[test]
fn the_hosts_network() {
    let spec = |host| {
        format!(
            r#"{{"hostNetwork":{host},"containers":[{{"name":"c","ports":[{{"containerPort":80}},
            {{"containerPort":81,"hostPort":8081}}]}}],"initContainers":[{{"name":"i","ports":[{{"containerPort":1}}]}}]}}"#
        )
    };
    pod(
        &spec(true),
        "spec.containers.0.ports",
        r#"[{"containerPort":80,"hostPort":80,"protocol":"TCP"},{"containerPort":81,"hostPort":8081,"protocol":"TCP"}]"#,
    );
    pod(&spec(true), "spec.initContainers.0.ports", r#"[{"containerPort":1,"hostPort":1,"protocol":"TCP"}]"#);
    pod(&spec(false), "spec.containers.0.ports.0", r#"{"containerPort":80,"protocol":"TCP"}"#);
}

#[test]
fn volumes() {
    let volume = |volume: &str, expected: &str| {
        pod(&format!(r#"{{"containers":null,"volumes":[{volume}]}}"#), "spec.volumes.0", expected);
    };
    for (body, expected) in [
        (r#"{"name":"v"}"#, r#"{"emptyDir":{},"name":"v"}"#),
        (r#"{"name":"v","emptyDir":null}"#, r#"{"emptyDir":{},"name":"v"}"#),
        (r#"{"name":"v","hostPath":{"path":"/x"}}"#, r#"{"hostPath":{"path":"/x","type":""},"name":"v"}"#),
        (
            r#"{"name":"v","secret":{"secretName":"s"}}"#,
            r#"{"name":"v","secret":{"defaultMode":420,"secretName":"s"}}"#,
        ),
        (r#"{"name":"v","secret":{"defaultMode":0}}"#, r#"{"name":"v","secret":{"defaultMode":0}}"#),
        (
            r#"{"name":"v","configMap":{"name":"c"}}"#,
            r#"{"configMap":{"defaultMode":420,"name":"c"},"name":"v"}"#,
        ),
        (
            r#"{"name":"v","downwardAPI":{"items":[{"path":"p","fieldRef":{"fieldPath":"metadata.name"}}]}}"#,
            r#"{"downwardAPI":{"defaultMode":420,"items":[{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"},
                "path":"p"}]},"name":"v"}"#,
        ),
        (
            r#"{"name":"v","projected":{"sources":[{"serviceAccountToken":{"path":"t"}},
                {"downwardAPI":{"items":[{"path":"p","fieldRef":{"fieldPath":"metadata.name"}}]}},{"secret":{"name":"s"}}]}}"#,
            r#"{"name":"v","projected":{"defaultMode":420,"sources":[{"serviceAccountToken":{"expirationSeconds":3600,
                "path":"t"}},{"downwardAPI":{"items":[{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"},
                "path":"p"}]}},{"secret":{"name":"s"}}]}}"#,
        ),
        (
            r#"{"name":"v","iscsi":{"targetPortal":"t","iqn":"i","lun":0}}"#,
            r#"{"iscsi":{"iqn":"i","iscsiInterface":"default","lun":0,"targetPortal":"t"},"name":"v"}"#,
        ),
        (
            r#"{"name":"v","rbd":{"monitors":["m"],"image":"i"}}"#,
            r#"{"name":"v","rbd":{"image":"i","keyring":"/etc/ceph/keyring","monitors":["m"],"pool":"rbd","user":"admin"}}"#,
        ),
        (
            r#"{"name":"v","azureDisk":{"diskName":"d","diskURI":"u"}}"#,
            r#"{"azureDisk":{"cachingMode":"ReadWrite","diskName":"d","diskURI":"u","fsType":"ext4","kind":"Shared",
                "readOnly":false},"name":"v"}"#,
        ),
        (
            r#"{"name":"v","scaleIO":{"gateway":"g","system":"s","secretRef":{}}}"#,
            r#"{"name":"v","scaleIO":{"fsType":"xfs","gateway":"g","secretRef":{},"storageMode":"ThinProvisioned","system":"s"}}"#,
        ),
        (
            r#"{"name":"v","image":{"reference":"x:1"}}"#,
            r#"{"image":{"pullPolicy":"IfNotPresent","reference":"x:1"},"name":"v"}"#,
        ),
        (
            r#"{"name":"v","image":{"reference":"x"}}"#,
            r#"{"image":{"pullPolicy":"Always","reference":"x"},"name":"v"}"#,
        ),
        (
            r#"{"name":"v","ephemeral":{"volumeClaimTemplate":{"spec":{"resources":{"requests":{"storage":"1"}}}}}}"#,
            r#"{"ephemeral":{"volumeClaimTemplate":{"metadata":{},"spec":{"resources":{"requests":{"storage":"1"}},
                "volumeMode":"Filesystem"}}},"name":"v"}"#,
        ),
        (
            r#"{"name":"v","persistentVolumeClaim":{"claimName":"c"}}"#,
            r#"{"name":"v","persistentVolumeClaim":{"claimName":"c"}}"#,
        ),
    ] {
        volume(body, expected);
    }
}

#[test]
fn names_of_two_kinds_are_settled() {
    for spec in [
        r#"{"serviceAccount":"a"}"#,
        r#"{"serviceAccountName":"a"}"#,
        r#"{"serviceAccount":"b","serviceAccountName":"a"}"#,
    ] {
        pod(spec, "spec.serviceAccount", r#""a""#);
        pod(spec, "spec.serviceAccountName", r#""a""#);
    }
    let status = |status: &str, expected: &str| {
        check("v1", "Pod", &format!(r#"{{"status":{status}}}"#), "status", expected);
    };
    status("{}", "{}");
    status(r#"{"podIP":"1.2.3.4"}"#, r#"{"podIP":"1.2.3.4","podIPs":[{"ip":"1.2.3.4"}]}"#);
    status(r#"{"podIPs":[{"ip":"1.2.3.4"}]}"#, r#"{"podIP":"1.2.3.4","podIPs":[{"ip":"1.2.3.4"}]}"#);
    status(
        r#"{"podIP":"1.1.1.1","podIPs":[{"ip":"1.2.3.4"},{"ip":"::1"}]}"#,
        r#"{"podIP":"1.1.1.1","podIPs":[{"ip":"1.1.1.1"}]}"#,
    );
    status(
        r#"{"podIP":"1.1.1.1","podIPs":[{"ip":"1.1.1.1"},{"ip":"::1"}]}"#,
        r#"{"podIP":"1.1.1.1","podIPs":[{"ip":"1.1.1.1"},{"ip":"::1"}]}"#,
    );
}

#[test]
fn init_containers_leave_annotations() {
    let body = r#"{"metadata":{"annotations":{"pod.beta.kubernetes.io/init-containers":"[]","a":"b"}}}"#;
    check("v1", "Pod", body, "metadata.annotations", r#"{"a":"b"}"#);
    let body =
        r#"{"template":{"metadata":{"annotations":{"pod.alpha.kubernetes.io/init-containers":"[]"}}}}"#;
    check("v1", "PodTemplate", body, "template.metadata", "{}");
}
