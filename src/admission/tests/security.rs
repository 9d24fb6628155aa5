//! Pod security, nodes and certificates.

use super::*;

fn label(bench: &Bench, labels: &str) {
    let text =
        format!(r#"{{"metadata":{{"name":"ns","labels":{{{labels}}}}},"status":{{"phase":"Active"}}}}"#);
    bench.put("namespaces", &text);
}

fn spec(text: &str) -> String {
    format!(r#"{{"metadata":{{"name":"p"}},"spec":{text}}}"#)
}

#[tokio::test]
async fn levels_refuse_what_they_know() {
    let check = async |level: &str, pod: &str, why: &str| {
        let bench = Bench::new(&["PodSecurity"]);
        let (level, version) = level.split_once(':').unwrap_or((level, "latest"));
        let prefix = "pod-security.kubernetes.io/enforce";
        label(&bench, &format!(r#""{prefix}":"{level}","{prefix}-version":"{version}""#));
        let said = bench.create("pods", pod).await.err().map(|status| status.message().to_owned());
        let expected = match why {
            "" => None,
            why => Some(format!(r#"pods "p" is forbidden: violates PodSecurity "{level}:{version}": {why}"#)),
        };
        assert_eq!(said, expected, "{level} {pod}");
    };
    let context =
        |context: &str| spec(&format!(r#"{{"containers":[{{"name":"c","securityContext":{context}}}]}}"#));
    let plain = spec(r#"{"containers":[{"name":"c"}]}"#);
    check("privileged", &context(r#"{"privileged":true}"#), "").await;
    check("baseline", &plain, "").await;
    check(
        "baseline",
        &context(r#"{"privileged":true,"capabilities":{"add":["SYS_ADMIN","CHOWN"]},"procMount":"Unmasked"}"#),
        "non-default capabilities (container \"c\" must not include \"SYS_ADMIN\" in securityContext.capabilities.add), \
         privileged (container \"c\" must not set securityContext.privileged=true), \
         procMount (container \"c\" must not set securityContext.procMount to \"Unmasked\")",
    )
    .await;
    let host = spec(
        r#"{"hostNetwork":true,"hostPID":true,"volumes":[{"name":"h","hostPath":{}}],"containers":[
            {"name":"c","ports":[{"hostPort":80},{"hostPort":8080}],"livenessProbe":{"httpGet":{"host":"x"}}}]}"#,
    );
    check(
        "baseline",
        &host,
        "host namespaces (hostNetwork=true, hostPID=true), hostPath volumes (volume \"h\"), \
         hostPort (container \"c\" uses hostPorts 80, 8080), \
         probe or lifecycle host (container \"c\" uses probe or lifecycle host \"x\")",
    )
    .await;
    let probe = spec(r#"{"containers":[{"name":"c","livenessProbe":{"httpGet":{"host":"x"}}}]}"#);
    check("baseline:v1.33", &probe, "").await;
    let pod_context =
        |context: &str| spec(&format!(r#"{{"securityContext":{context},"containers":[{{"name":"c"}}]}}"#));
    check(
        "baseline:v1.28",
        &pod_context(r#"{"sysctls":[{"name":"net.ipv4.tcp_keepalive_time"}],"seLinuxOptions":{"type":"x","user":"u"}}"#),
        "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type \"x\"; user may not be set), \
         forbidden sysctls (net.ipv4.tcp_keepalive_time)",
    )
    .await;
    check(
        "baseline",
        &pod_context(
            r#"{"sysctls":[{"name":"net.ipv4.tcp_keepalive_time"}],"seccompProfile":{"type":"Unconfined"},"appArmorProfile":{"type":"Unconfined"},"windowsOptions":{"hostProcess":true}}"#,
        ),
        "forbidden AppArmor profile (pod must not set AppArmor profile type to \"Unconfined\"), \
         seccompProfile (pod must not set securityContext.seccompProfile.type to \"Unconfined\"), \
         hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
    )
    .await;
    let restricted = "allowPrivilegeEscalation != false (container \"c\" must set \
         securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container \"c\" must set \
         securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot != true (pod or container \"c\" must set \
         securityContext.runAsNonRoot=true), seccompProfile (pod or container \"c\" must set \
         securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")";
    check("restricted", &plain, restricted).await;
    check(
        "restricted:v1.7",
        &plain,
        "runAsNonRoot != true (pod or container \"c\" must set securityContext.runAsNonRoot=true)",
    )
    .await;
    let good = r#""allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"],"add":["NET_BIND_SERVICE"]},"seccompProfile":{"type":"RuntimeDefault"}"#;
    check("restricted", &context(&format!(r#"{{"runAsNonRoot":true,{good}}}"#)), "").await;
    check(
        "restricted",
        &context(&format!(r#"{{"runAsNonRoot":false,"runAsUser":0,{good}}}"#)),
        "runAsNonRoot != true (container \"c\" must not set securityContext.runAsNonRoot=false), runAsUser=0 \
         (container \"c\" must not set runAsUser=0)",
    )
    .await;
    // Root inside of a user namespace is nobody outside.
    let inside = spec(&format!(
        r#"{{"hostUsers":false,"containers":[{{"name":"c","securityContext":{{"runAsUser":0,{good}}}}}]}}"#
    ));
    check("restricted", &inside, "").await;
    let volumes = spec(&format!(
        r#"{{"volumes":[{{"name":"v","nfs":{{}}}},{{"name":"w","hostPath":{{}}}},{{"name":"x","emptyDir":{{}}}}],
            "containers":[{{"name":"c","securityContext":{{"runAsNonRoot":true,{good}}}}}]}}"#
    ));
    check(
        "restricted",
        &volumes,
        "restricted volume types (volumes \"v\", \"w\" use restricted volume types \"hostPath\", \"nfs\")",
    )
    .await;
    let windows = spec(
        r#"{"os":{"name":"windows"},"securityContext":{"runAsNonRoot":true},"containers":[{"name":"c"}]}"#,
    );
    check("restricted", &windows, "").await;
}

#[tokio::test]
async fn labels_of_namespaces_are_checked_and_pods_warned_of() {
    let bench = Bench::new(&["PodSecurity"]);
    let namespace = |labels: &str| format!(r#"{{"metadata":{{"name":"n","labels":{{{labels}}}}}}}"#);
    let wrong = namespace(
        r#""pod-security.kubernetes.io/enforce":"strong","pod-security.kubernetes.io/warn-version":"1.2""#,
    );
    bench
        .refuses(
            "namespaces",
            &wrong,
            422,
            "Namespace \"n\" is invalid: [metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \
             \"strong\": must be one of privileged, baseline, restricted, \
             metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: \"1.2\": must be \"latest\" or \
             \"v1.x\"]",
        )
        .await;
    bench.updates("namespaces", &wrong, &wrong, "").await;
    for pod in ["a", "b"] {
        let text = format!(r#"{{"metadata":{{"name":"{pod}","namespace":"n"}},"spec":{{"hostPID":true}}}}"#);
        bench.put("pods", &text);
    }
    let strict = namespace(r#""pod-security.kubernetes.io/enforce":"baseline""#);
    bench.updates("namespaces", &strict, &namespace(""), "").await;
    assert_eq!(
        bench.warned(),
        [
            "existing pods in namespace \"n\" violate the new PodSecurity enforce level \"baseline:latest\"",
            "a (and 1 other pod): host namespaces"
        ]
    );
    label(
        &bench,
        r#""pod-security.kubernetes.io/enforce":"baseline","pod-security.kubernetes.io/audit":"baseline""#,
    );
    let deployment = r#"{"metadata":{"name":"d"},"spec":{"template":{"spec":{"hostIPC":true}}}}"#;
    bench.create("apps/deployments", deployment).await.expect("only warned of");
    assert_eq!(
        bench.warned(),
        ["would violate PodSecurity \"baseline:latest\": host namespaces (hostIPC=true)"]
    );
    let audit = bench.said.audit.lock().clone();
    assert_eq!(audit[0].0, "pod-security.kubernetes.io/audit-violations");
    // What is not checked may change in pods that would be refused.
    let (old, new) = (spec(r#"{"hostPID":true}"#), spec(r#"{"hostPID":true,"activeDeadlineSeconds":5}"#));
    bench.updates("pods", &new, &old, "").await;
}

#[tokio::test]
async fn exemptions_are_configured() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name), text).expect("a file");
        directory.path().join(name)
    };
    write(
        "security.yaml",
        "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\ndefaults: {enforce: \
         restricted}\nexemptions: {usernames: [alice], namespaces: [], runtimeClasses: [kata]}\n",
    );
    let list = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n";
    let file = write("admission.yaml", &format!("{list}- {{name: PodSecurity, path: security.yaml}}\n"));
    let config = Config { plugins: vec!["PodSecurity"], file: Some(file), ..Config::default() };
    let mut bench = Bench::with(config);
    bench.create("pods", &spec(r#"{"hostPID":true}"#)).await.expect("she is exempt");
    bench.user.name = "bob".into();
    bench.create("pods", &spec(r#"{"hostPID":true,"runtimeClassName":"kata"}"#)).await.expect("it is exempt");
    bench.create("pods", &spec(r#"{"hostPID":true}"#)).await.expect_err("the default is strict");
    let refused = |text: &str, why: &str| {
        let file = write("wrong.yaml", text);
        let dependencies = Dependencies {
            objects: Arc::new(Fake::default()),
            authorizer: Mode::PrivilegedOnly.authorizer(),
            metrics: Registry::new(),
        };
        let config = Config { file: Some(file), ..Config::default() };
        let error = super::super::build(&config, &dependencies).err().expect(text).to_string();
        assert!(error.contains(why), "{error}");
    };
    refused("kind: Other\n", "Object 'apiVersion' is missing");
    refused("kind: Other\napiVersion: v1\n", "no kind \"Other\" is registered for version \"v1\"");
    refused(&format!("{list}- {{name: PodSecurity, path: none.yaml}}\n"), "none.yaml: No such file");
    let inline = |rest: &str| {
        format!(
            "{list}- name: PodSecurity\n  configuration:\n    apiVersion: pod-security.admission.config.k8s.io/v1\n    \
             kind: PodSecurityConfiguration\n    {rest}\n"
        )
    };
    refused(
        &inline("defaults: {enforce: strong}"),
        "defaults.enforce: Invalid value: \"strong\": must be one of",
    );
    refused(&inline("other: 1"), "unknown field \"other\"");
}

#[tokio::test]
async fn certificates_are_for_those_who_may_sign() {
    let mut bench = Bench::new(&["CertificateApproval", "CertificateSigning", "ClusterTrustBundleAttest"]);
    let request = |status: &str| {
        format!(r#"{{"metadata":{{"name":"r"}},"spec":{{"signerName":"x.io/s"}},"status":{status}}}"#)
    };
    let refused = r#"certificatesigningrequests.certificates.k8s.io "r" is forbidden: user not permitted to"#;
    let requests =
        |subresource: &str| format!("certificates.k8s.io/certificatesigningrequests/{subresource}");
    for (subresource, status, why) in [
        ("approval", "{}", format!("{refused} approve requests with signerName \"x.io/s\"")),
        ("status", r#"{"certificate":"x"}"#, format!("{refused} sign requests with signerName \"x.io/s\"")),
        ("status", "{}", String::new()),
    ] {
        bench.updates(&requests(subresource), &request(status), &request("{}"), &why).await;
    }
    let bundle = r#"{"metadata":{"name":"b"},"spec":{"signerName":"x.io/s"}}"#;
    bench
        .refuses(
            "certificates.k8s.io/clustertrustbundles",
            bundle,
            403,
            r#"clustertrustbundles.certificates.k8s.io "b" is forbidden: user not permitted to attest for signerName "x.io/s""#,
        )
        .await;
    bench.group("system:masters");
    bench.updates(&requests("approval"), &request("{}"), &request("{}"), "").await;
    bench.create("certificates.k8s.io/clustertrustbundles", bundle).await.expect("she may");
}

#[tokio::test]
async fn certificates_make_nobody_a_master() {
    use base64::Engine;
    let bench = Bench::new(&["CertificateSubjectRestriction"]);
    let request = |organization: &str, signer: &str| {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::OrganizationName, organization);
        let key = rcgen::KeyPair::generate().expect("a key");
        let pem = parameters.serialize_request(&key).expect("a request").pem().expect("text");
        let encoded = base64::engine::general_purpose::STANDARD.encode(pem);
        format!(r#"{{"metadata":{{"name":"r"}},"spec":{{"signerName":"{signer}","request":"{encoded}"}}}}"#)
    };
    let requests = "certificates.k8s.io/certificatesigningrequests";
    let signer = "kubernetes.io/kube-apiserver-client";
    bench.create(requests, &request("devs", signer)).await.expect("no master");
    bench.create(requests, &request("system:masters", "x.io/s")).await.expect("another signer");
    bench
        .refuses(
            requests,
            &request("system:masters", signer),
            403,
            "certificatesigningrequests.certificates.k8s.io \"r\" is forbidden: use of \
             kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed",
        )
        .await;
}
