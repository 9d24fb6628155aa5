//! A pod as a workload controller makes them: about 5.8 KB in JSON as the server answers it, with the
//! managed fields that it adds.

/// The pod's JSON.
pub(crate) fn json(name: &str) -> String {
    let environment: Vec<String> = (0..13)
        .map(|i| format!(r#"{{"name":"SETTING_{i:02}","value":"the value of the setting number {i:02} of this program"}}"#))
        .collect();
    let containers: Vec<String> = ["server"]
        .iter()
        .map(|container| {
            format!(
                r#"{{"name":"{container}","image":"registry.example/team/{container}:1.27.3","imagePullPolicy":"IfNotPresent","args":["--listen=0.0.0.0:8080","--level=info"],"ports":[{{"name":"http","containerPort":8080,"protocol":"TCP"}}],"env":[{}],"resources":{{"requests":{{"cpu":"250m","memory":"256Mi"}},"limits":{{"cpu":"1","memory":"512Mi"}}}},"livenessProbe":{{"httpGet":{{"path":"/healthz","port":8080,"scheme":"HTTP"}},"periodSeconds":10,"timeoutSeconds":1,"successThreshold":1,"failureThreshold":3}},"volumeMounts":[{{"name":"config","mountPath":"/etc/config"}},{{"name":"cache","mountPath":"/var/cache"}}],"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}}"#,
                environment.join(",")
            )
        })
        .collect();
    format!(
        r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{name}","labels":{{"app":"web","tier":"front","release":"stable"}},"annotations":{{"example/checksum":"0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"}},"ownerReferences":[{{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-7d9c6bd4f","uid":"5c0ffee0-0000-4000-8000-000000000001","controller":true,"blockOwnerDeletion":true}}]}},"spec":{{"containers":[{}],"volumes":[{{"name":"config","configMap":{{"name":"web"}}}},{{"name":"cache","emptyDir":{{}}}}],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"default","nodeName":"node-17","securityContext":{{}},"schedulerName":"default-scheduler","tolerations":[{{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}},{{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}}]}}}}"#,
        containers.join(",")
    )
}

/// A small one, for tests of selection: one of a hundred applications, on one of five hundred nodes.
pub(crate) fn small_json(i: usize) -> String {
    format!(
        r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"pod-{i:05}","labels":{{"app":"app-{}"}}}},"spec":{{"nodeName":"node-{}","containers":[{{"name":"c","image":"registry.example/team/server:1.27.3"}}]}}}}"#,
        i % 100,
        i % 500
    )
}

/// What a controller applies to a pod.
pub(crate) fn applied(name: &str, round: usize) -> String {
    format!(
        r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{name}","labels":{{"applied":"r{round}","tier":"front"}},"annotations":{{"example/applied-by":"bench"}}}},"spec":{{"containers":[{{"name":"server","image":"registry.example/team/server:1.27.3"}}]}}}}"#
    )
}
