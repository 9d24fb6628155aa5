//! Certificates, tokens, accounts and roles, as far as controllers make them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::json;

use crate::world::{World, same};

pub(crate) fn a_certificate_is_approved_and_signed(world: &World) {
    let space = "certificate";
    world.namespace(space);
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "carol");
    params.distinguished_name.push(DnType::OrganizationName, "carols");
    let request = params.serialize_request(&key).expect("a request").pem().expect("PEM");
    let object = json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": "carol"},
        "spec": {
            "request": STANDARD.encode(request),
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth", "digital signature"],
            "expirationSeconds": 3600,
        },
    });
    world.create(space, &object.to_string());
    world.kubectl.run(&["certificate", "approve", "carol"]);
    let path = "/apis/certificates.k8s.io/v1/certificatesigningrequests/carol";
    let certificate = world.until("it is signed", || {
        let issued = world.get(path)?["status"]["certificate"].as_str().map(str::to_owned);
        issued.ok_or_else(|| "no certificate".to_owned())
    });
    let directory = world.cluster.directory();
    let (certificate_file, key_file) = (directory.join("carol.crt"), directory.join("carol.key"));
    std::fs::write(&certificate_file, STANDARD.decode(certificate).expect("base64"))
        .expect("it can be written");
    std::fs::write(&key_file, key.serialize_pem()).expect("it can be written");
    // Without a kubeconfig of its own, so that nothing but the certificate counts.
    let flags = [
        format!("--server={}", world.cluster.url()),
        format!("--certificate-authority={}", world.cluster.pki().path("pki/ca.crt").display()),
        format!("--client-certificate={}", certificate_file.display()),
        format!("--client-key={}", key_file.display()),
        "--kubeconfig=/dev/null".to_owned(),
    ];
    let mut args = vec!["auth", "whoami", "--output=json"];
    args.extend(flags.iter().map(String::as_str));
    let shown = world.kubectl.json(&args);
    let user = &shown["status"]["userInfo"];
    assert_eq!(user["username"], "carol");
    assert_eq!(user["groups"], json!(["carols", "system:authenticated"]));
}

pub(crate) fn cluster_info_is_signed_and_tokens_expire(world: &World) {
    let space = "kube-public";
    let kubeconfig = "apiVersion: v1\nkind: Config\n";
    world.kubectl.run(&[
        "create",
        "configmap",
        "cluster-info",
        "-n",
        space,
        "--from-literal",
        &format!("kubeconfig={kubeconfig}"),
    ]);
    let token = |id: &str, expiration: &str| {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": format!("bootstrap-token-{id}")},
            "type": "bootstrap.kubernetes.io/token",
            "stringData": {
                "token-id": id,
                "token-secret": "0123456789abcdef",
                "expiration": expiration,
                "usage-bootstrap-signing": "true",
                "usage-bootstrap-authentication": "true",
            },
        })
        .to_string()
    };
    world.create("kube-system", &token("abcdef", "2099-01-01T00:00:00Z"));
    world.until("cluster-info is signed", || {
        let map = world.get("/api/v1/namespaces/kube-public/configmaps/cluster-info")?;
        same("signed", map["data"]["jws-kubeconfig-abcdef"].is_string(), true)
    });
    world.create("kube-system", &token("fedcba", "2020-01-01T00:00:00Z"));
    world.until("the token that has expired goes", || {
        world.is_gone("/api/v1/namespaces/kube-system/secrets/bootstrap-token-fedcba")
    });
}

pub(crate) fn service_accounts_get_what_pods_need(world: &World) {
    let space = "accounts";
    world.namespace(space);
    let root = format!("/api/v1/namespaces/{space}/configmaps/kube-root-ca.crt");
    let ca = std::fs::read_to_string(world.cluster.pki().path("pki/ca.crt")).expect("it was written");
    world.until("the root certificate is published", || {
        same("ca.crt", world.get(&root)?["data"]["ca.crt"].as_str(), Some(ca.as_str()))
    });
    world.run(space, "delete configmap kube-root-ca.crt");
    world.until("it is published again", || world.get(&root));
    world.run(space, "delete serviceaccount default");
    world.until("the account is made again", || {
        world.get(&format!("/api/v1/namespaces/{space}/serviceaccounts/default"))
    });

    world.run(space, "create serviceaccount robot");
    world.create(
        space,
        "apiVersion: v1
kind: Secret
metadata: {name: robot, annotations: {kubernetes.io/service-account.name: robot}}
type: kubernetes.io/service-account-token
",
    );
    let secret = format!("/api/v1/namespaces/{space}/secrets/robot");
    let token = world.until("the secret is filled", || {
        let token = world.get(&secret)?["data"]["token"].as_str().map(str::to_owned);
        token.ok_or_else(|| "no token".to_owned())
    });
    let token = String::from_utf8(STANDARD.decode(token).expect("base64")).expect("a token is text");
    for token in [token, world.run(space, "create token robot").trim().to_owned()] {
        let flags = [
            format!("--server={}", world.cluster.url()),
            format!("--certificate-authority={}", world.cluster.pki().path("pki/ca.crt").display()),
            format!("--token={token}"),
            "--kubeconfig=/dev/null".to_owned(),
        ];
        let mut args = vec!["auth", "whoami", "--output=json"];
        args.extend(flags.iter().map(String::as_str));
        let shown = world.kubectl.json(&args);
        assert_eq!(shown["status"]["userInfo"]["username"], format!("system:serviceaccount:{space}:robot"));
    }
    world.run(space, "delete serviceaccount robot");
    world.until("its secret goes along", || world.is_gone(&secret));

    world.run(space, "run pod --image=app:1");
    world.run(space, "wait --for=condition=Ready pod/pod --timeout=120s");
    let pod = world.get(&format!("/api/v1/namespaces/{space}/pods/pod")).expect("the pod");
    let volume = pod["spec"]["volumes"][0]["name"].as_str().unwrap_or_default();
    assert!(volume.starts_with("kube-api-access-"), "{}", pod["spec"]);
}

pub(crate) fn aggregated_roles_follow_labels(world: &World) {
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "gadgets", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
        "rules": [{"apiGroups": ["example.com"], "resources": ["gadgets"], "verbs": ["get"]}],
    });
    world.create("default", &role.to_string());
    let view = "/apis/rbac.authorization.k8s.io/v1/clusterroles/view";
    let has_gadgets = |wanted: bool| {
        world.until("the role follows", || {
            same("gadgets", world.get(view)?["rules"].to_string().contains("gadgets"), wanted)
        });
    };
    has_gadgets(true);
    world.kubectl.run(&["delete", "clusterrole", "gadgets"]);
    has_gadgets(false);
}
