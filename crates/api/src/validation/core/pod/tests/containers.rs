use super::*;

#[test]
fn names_and_images_are_required_and_unique() {
    check_container(r#"{"name":"","image":""}"#, &["name: Required value", "image: Required value"]);
    check_container(
        r#"{"name":"A.b","image":" i"}"#,
        &[
            "name: Invalid value: \"A.b\": a lowercase RFC 1123 label...",
            "image: Invalid value: \" i\": must not have leading or trailing whitespace",
        ],
    );
    check_container(
        r#"{"terminationMessagePolicy":"x","imagePullPolicy":"y"}"#,
        &[
            "terminationMessagePolicy: Unsupported value: \"x\": supported values: \"File\", \"FallbackToLogsOnError\"",
            "imagePullPolicy: Unsupported value: \"y\": supported values: \"Always\", \"IfNotPresent\", \"Never\"",
        ],
    );
    let c = r#"{"name":"c","image":"i","terminationMessagePolicy":"File","imagePullPolicy":"Always"}"#;
    check_spec(
        &format!(r#"{{"containers":[{c},{c}],"initContainers":[{c}]}}"#),
        &[
            "spec.containers[1].name: Duplicate value: \"c\"",
            "spec.initContainers[0].name: Duplicate value: \"c\"",
        ],
    );
}

#[test]
fn ports_are_checked() {
    check_container(
        r#"{"ports":[{"name":"a","containerPort":80,"protocol":"TCP","hostPort":80},
            {"name":"a","containerPort":0,"protocol":"x","hostPort":80},
            {"name":"80","containerPort":70000,"protocol":"TCP","hostPort":80}]}"#,
        &[
            "ports[1].name: Duplicate value: \"a\"",
            "ports[1].containerPort: Required value",
            "ports[1].protocol: Unsupported value: \"x\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
            "ports[2].name: Invalid value: \"80\": must contain at least one letter (a-z)",
            "ports[2].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
            "ports[2].hostPort: Duplicate value: \"TCP//80\"",
        ],
    );
}

#[test]
fn ports_on_the_hosts_network_are_the_hosts() {
    let port = pod_with_container(r#"{"ports":[{"containerPort":80,"protocol":"TCP"}]}"#);
    assert_texts(
        &create(&with(port, value(r#"{"spec":{"hostNetwork":true}}"#))),
        &[
            "spec.containers[0].ports[0].hostPort: Invalid value: 0: must match `containerPort` when `hostNetwork` is true",
        ],
        "host network",
    );
}

#[test]
fn environments_are_checked() {
    check_container(
        r#"{"env":[{"name":""},{"name":"a=b"},{"name":"ok ok","value":"x"},
            {"name":"A","value":"x","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"}}},
            {"name":"B","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"status.phase"}}},
            {"name":"C","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.labels['-x']"}}},
            {"name":"D","valueFrom":{"fieldRef":{"apiVersion":"v2","fieldPath":"metadata.name"}}},
            {"name":"E","valueFrom":{"configMapKeyRef":{"name":"A","key":""}}},
            {"name":"F","valueFrom":{"resourceFieldRef":{"resource":"limits.memory","divisor":"3"}}},
            {"name":"G","valueFrom":{"fileKeyRef":{"volumeName":"v","key":"k","path":"../x"}}}]}"#,
        &[
            "env[0].name: Required value",
            "env[1].name: Invalid value: \"a=b\": a valid environment variable name must consist only of printable ASCII characters other than '='",
            "env[3].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty",
            "env[4].valueFrom.fieldRef.fieldPath: Unsupported value: \"status.phase\": supported values: \"metadata.name\", \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", \"spec.serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", \"status.podIP\", \"status.podIPs\"",
            "env[5].valueFrom.fieldRef: Invalid value: \"-x\": name part must consist of alphanumeric...",
            "env[6].valueFrom.fieldRef.fieldPath: Invalid value: \"metadata.name\": error converting fieldPath: unsupported pod version: v2",
            "env[7].valueFrom.configMapKeyRef.name: Invalid value: \"A\": a lowercase RFC 1123 subdomain...",
            "env[7].valueFrom.configMapKeyRef.key: Required value",
            "env[8].valueFrom.resourceFieldRef.divisor: Invalid value: \"limits.memory\": only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the memory resource",
            "env[9].valueFrom.fileKeyRef.path: Invalid value: \"../x\": must not contain '..'",
            "env[9].valueFrom.fileKeyRef.volumeName: Not found: \"v\"",
        ],
    );
    check_container(
        r#"{"envFrom":[{"prefix":"a=","configMapRef":{"name":""}},{},{"configMapRef":{"name":"a"},"secretRef":{"name":"b"}}]}"#,
        &[
            "envFrom[0].prefix: Invalid value: \"a=\": a valid environment variable name must consist only...",
            "envFrom[0].configMapRef.name: Required value",
            "envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`",
            "envFrom: Invalid value: \"\": may not have more than one field specified at a time",
        ],
    );
}

#[test]
fn probes_and_hooks_have_one_handler() {
    check_container(
        r#"{"livenessProbe":{"successThreshold":2,"periodSeconds":-1},
            "readinessProbe":{"exec":{},"tcpSocket":{"port":1},"terminationGracePeriodSeconds":5,"successThreshold":2},
            "startupProbe":{"httpGet":{"path":"","port":"A","scheme":"ftp","httpHeaders":[{"name":"a b"}]},"successThreshold":1},
            "lifecycle":{"preStop":{"sleep":{"seconds":31}},"postStart":{},"stopSignal":"SIGTERM"}}"#,
        &[
            "lifecycle.postStart: Required value: must specify a handler type",
            "lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)",
            "lifecycle.stopSignal: Forbidden: may not be set for containers with empty `spec.os.name`",
            "livenessProbe: Required value: must specify a handler type",
            "livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
            "livenessProbe.successThreshold: Invalid value: 2: must be 1",
            "readinessProbe.exec.command: Required value",
            "readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
            "readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes",
            "startupProbe.httpGet.path: Required value",
            "startupProbe.httpGet.port: Invalid value: \"A\": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
            "startupProbe.httpGet.port: Invalid value: \"A\": must contain at least one letter (a-z)",
            "startupProbe.httpGet.scheme: Unsupported value: \"ftp\": supported values: \"HTTP\", \"HTTPS\"",
            "startupProbe.httpGet.httpHeaders: Invalid value: \"a b\": a valid HTTP header must consist...",
        ],
    );
}

#[test]
fn resources_are_checked() {
    check_container(
        r#"{"resources":{"limits":{"cpu":"-1","a/b":"1","hugepages-2Mi":"3Mi"},"requests":{"nope":"1","cpu":"1","x/y":"1"},
            "claims":[{"name":"q"},{"name":"q"}]},
            "resizePolicy":[{"resourceName":"cpu","restartPolicy":"NotRequired"},{"resourceName":"cpu","restartPolicy":"x"}]}"#,
        &[
            "resources.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0",
            "resources.limits[hugepages-2Mi]: Invalid value: \"3Mi\": 3Mi is not positive integer multiple of hugepages-2Mi",
            "resources.requests: Invalid value: \"1\": must be less than or equal to cpu limit of -1",
            "resources.requests[nope]: Invalid value: \"nope\": must be a standard resource type or fully qualified",
            "resources.requests[nope]: Invalid value: \"nope\": must be a standard resource for containers",
            "resources.limits: Required value: Limit must be set for non overcommitable resources",
            "resources.claims[0]: Not found: \"q\": must be one of the names in pod.spec.resourceClaims which is empty",
            "resources.claims[1]: Duplicate value: \"q\"",
            "resources.claims[1]: Not found: \"q\": must be one of the names in pod.spec.resourceClaims which is empty",
            "resizePolicy[1]: Duplicate value: \"cpu\"",
            "resizePolicy: Unsupported value: \"x\": supported values: \"NotRequired\", \"RestartContainer\"",
        ],
    );
}

#[test]
fn security_contexts_of_containers_are_checked() {
    check_container(
        r#"{"securityContext":{"runAsUser":-1,"procMount":"Unmasked","allowPrivilegeEscalation":false,
            "capabilities":{"add":["CAP_SYS_ADMIN"]},"seccompProfile":{"type":"RuntimeDefault","localhostProfile":"x"},
            "windowsOptions":{"runAsUserName":"a\\b\\c"}}}"#,
        &[
            "securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
            "securityContext.procMount: Invalid value: \"Unmasked\": `hostUsers` must be false to use `Unmasked`",
            "securityContext.seccompProfile.localhostProfile: Invalid value: {\"Type\":\"RuntimeDefault\",\"LocalhostProfile\":\"x\"}: can only be set when seccomp type is Localhost",
            "securityContext: Invalid value: {\"Capabilities\":{\"Add\":[\"CAP_SYS_ADMIN\"],\"Drop\":null},...",
            "securityContext.windowsOptions.runAsUserName: Invalid value: \"a\\\\b\\\\c\": runAsUserName cannot contain more than one backslash",
        ],
    );
}

#[test]
fn init_containers_are_no_sidecars_unless_they_restart() {
    let init = |more: &str| {
        let c = r#""name":"i","image":"i","terminationMessagePolicy":"File","imagePullPolicy":"Always""#;
        format!(r#"{{"initContainers":[{{{c},{more}}}]}}"#)
    };
    check_spec(
        &init(r#""lifecycle":{},"startupProbe":{}"#),
        &[
            "spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always",
            "spec.initContainers[0].startupProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
        ],
    );
    check_spec(
        &init(r#""restartPolicy":"Always","startupProbe":{"exec":{"command":["a"]},"successThreshold":1}"#),
        &[],
    );
    check_spec(
        &init(r#""restartPolicyRules":[{"action":"x"}]"#),
        &[
            "spec.initContainers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used",
        ],
    );
    check_spec(
        &init(r#""resizePolicy":[{"resourceName":"cpu","restartPolicy":"RestartContainer"}]"#),
        &[
            "spec.initContainers[0].resizePolicy[0].restartPolicy: Invalid value: \"RestartContainer\": must not be set to 'RestartContainer' for non-sidecar initContainers",
        ],
    );
}

#[test]
fn ephemeral_containers_have_less_and_come_later() {
    let c = r#"{"name":"e","image":"i","terminationMessagePolicy":"File","imagePullPolicy":"Always",
        "targetContainerName":"none","ports":[{"containerPort":1,"protocol":"TCP"}],"lifecycle":{}}"#;
    check_spec(
        &format!(r#"{{"ephemeralContainers":[{c}]}}"#),
        &[
            "spec.ephemeralContainers[0].targetContainerName: Not found: \"none\"",
            "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
            "spec.ephemeralContainers[0].lifecycle: Forbidden: cannot be set for an Ephemeral Container",
            "spec.ephemeralContainers: Forbidden: cannot be set on create",
        ],
    );
}
