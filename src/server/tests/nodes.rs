//! Kubelets, each with a certificate of its node.

use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::client::{Client, Protocol};
use super::*;

const ADMIN: (&str, &str) = ("authorization", "Bearer admintoken");

/// Signs `NAME.crt` of the node of this name with the authority of the server in `directory`.
fn certify(directory: &Path, node: &str) {
    let authority = CertificateDer::from_pem_file(directory.join("client-ca.crt")).expect("an authority");
    let key = std::fs::read_to_string(directory.join("client-ca.key")).expect("its key");
    let key = KeyPair::from_pem(&key).expect("a key");
    let issuer = Issuer::from_ca_cert_der(&authority, key).expect("an issuer");
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::OrganizationName, "system:nodes");
    parameters.distinguished_name.push(DnType::CommonName, format!("system:node:{node}"));
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().expect("a key");
    let certificate = parameters.signed_by(&key, &issuer).expect("a certificate");
    for (file, text) in [("crt", certificate.pem()), ("key", key.serialize_pem())] {
        std::fs::write(directory.join(format!("{node}.{file}")), text).expect("a writable directory");
    }
}

/// A server with kubeadm's flags about nodes, its administrator, and the kubelets of the nodes `one` and `two`.
async fn cluster(directory: &Path) -> (Server, Client, [Client; 2]) {
    let mut config = config(directory);
    config.authorization = vec![Mode::Node, Mode::Rbac].into();
    config.admission.plugins =
        crate::admission::plugins::select(&["NodeRestriction".into()], &["ServiceAccount".into()]);
    let server = Box::pin(Server::start(config)).await.expect("a server");
    certify(directory, "one");
    certify(directory, "two");
    let admin = Client::connect(&server, directory, Protocol::Http2, None).await;
    let one = Client::connect(&server, directory, Protocol::Http2, Some("one")).await;
    let two = Client::connect(&server, directory, Protocol::Http2, Some("two")).await;
    (server, admin, [one, two])
}

/// Sends what an administrator does, which goes well.
async fn done(admin: &mut Client, request: &str, body: &str) -> serde_json::Value {
    let answer = admin.send(request, &[ADMIN], body.to_owned()).await.expect("an answer");
    assert!(answer.code < 300, "{request}: {}", answer.text);
    serde_json::from_str(&answer.text).expect("JSON")
}

async fn check(kubelet: &mut Client, request: &str, body: &str, code: u16, text: &str) {
    let answer = kubelet.send(request, &[], body.to_owned()).await.expect("an answer");
    assert_eq!(answer.code, code, "{request}: {}", answer.text);
    assert!(answer.text.contains(text), "{request}: {}", answer.text);
}

const PODS: &str = "/api/v1/namespaces/default/pods";
const SECRETS: &str = "/api/v1/namespaces/default/secrets";

#[tokio::test(flavor = "multi_thread")]
async fn a_kubelet_reads_what_its_pods_need_as_long_as_they_are_there() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (server, mut admin, [mut one, mut two]) = cluster(directory.path()).await;
    for name in ["used", "unused"] {
        done(&mut admin, &format!("POST {SECRETS}"), &format!(r#"{{"metadata":{{"name":"{name}"}}}}"#)).await;
    }
    let used = format!("GET {SECRETS}/used");
    let unrelated = "no relationship found between node 'one' and this object";
    check(&mut one, &used, "", 403, unrelated).await;
    let pod = r#"{"metadata":{"name":"p"},"spec":{"nodeName":"one","terminationGracePeriodSeconds":0,"containers":
                  [{"name":"c","image":"i","envFrom":[{"secretRef":{"name":"used"}}]}]}}"#;
    done(&mut admin, &format!("POST {PODS}"), pod).await;
    // At once, not some time later.
    check(&mut one, &used, "", 200, r#""kind":"Secret""#).await;
    check(&mut one, &format!("GET {SECRETS}?fieldSelector=metadata.name%3Dused"), "", 200, "used").await;
    check(&mut one, &format!("GET {SECRETS}/unused"), "", 403, unrelated).await;
    check(&mut one, &format!("GET {SECRETS}"), "", 403, "No Object name found").await;
    check(&mut one, &format!("DELETE {SECRETS}/used"), "", 403, "can only read resources of this type").await;
    check(&mut two, &used, "", 403, "no relationship found between node 'two' and this object").await;
    check(&mut one, &format!("GET {PODS}/p"), "", 200, "used").await;
    check(&mut two, &format!("GET {PODS}/p"), "", 403, "no relationship found").await;
    check(&mut one, "GET /api/v1/pods?fieldSelector=spec.nodeName%3Done", "", 200, "used").await;
    check(&mut one, "GET /api/v1/pods", "", 403, "can only list/watch pods with spec.nodeName").await;
    check(&mut one, "GET /api/v1/services", "", 200, "kubernetes").await;
    check(&mut one, "GET /api/v1/namespaces", "", 403, "cannot list resource").await;

    // What the graph is made of outlives the server.
    server.stop().await;
    let (server, mut admin, [mut one, _]) = cluster(directory.path()).await;
    check(&mut one, &used, "", 200, r#""kind":"Secret""#).await;
    done(&mut admin, &format!("DELETE {PODS}/p?gracePeriodSeconds=0"), "").await;
    let mut attempts = 0;
    while one.send(&used, &[], "").await.expect("an answer").code != 403 {
        attempts += 1;
        assert!(attempts < 1000, "the pod is gone, and what it named with it");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    check(&mut one, &used, "", 403, unrelated).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kubelets_write_what_is_theirs() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (server, mut admin, [mut one, mut two]) = cluster(directory.path()).await;
    let node = |name: &str| format!(r#"{{"metadata":{{"name":"{name}"}}}}"#);
    check(&mut one, "POST /api/v1/nodes", &node("one"), 201, "one").await;
    check(&mut one, "POST /api/v1/nodes", &node("two"), 403, "is not allowed to modify node").await;
    check(&mut two, "GET /api/v1/nodes/one", "", 403, "only its own Node object").await;
    check(&mut one, "DELETE /api/v1/nodes/one", "", 403, "cannot delete resource").await;
    let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
    check(&mut one, &format!("POST {leases}"), &node("one"), 201, "one").await;
    check(&mut one, &format!("POST {leases}"), &node("two"), 403, "can only access node lease").await;

    done(&mut admin, "POST /api/v1/namespaces/default/serviceaccounts", &node("robot")).await;
    done(&mut admin, "POST /api/v1/namespaces/default/serviceaccounts", &node("other")).await;
    let pod = r#"{"metadata":{"name":"p"},"spec":{"nodeName":"one","serviceAccountName":"robot","containers":
                  [{"name":"c","image":"i"}],"volumes":[{"name":"t","projected":{"sources":
                  [{"serviceAccountToken":{"path":"token","audience":"vault"}}]}}]}}"#;
    let made = done(&mut admin, &format!("POST {PODS}"), pod).await;
    let uid = made["metadata"]["uid"].as_str().expect("a uid");
    let request = |audience: &str, bound: &str| {
        format!(r#"{{"spec":{{"audiences":["{audience}"],"boundObjectRef":{bound}}}}}"#)
    };
    let bound = format!(r#"{{"apiVersion":"v1","kind":"Pod","name":"p","uid":"{uid}"}}"#);
    let token = "POST /api/v1/namespaces/default/serviceaccounts/robot/token";
    check(&mut one, token, &request("vault", &bound), 201, r#""token":"#).await;
    check(&mut one, token, &request("vault", "null"), 403, "not bound to a pod").await;
    let missing = "audience \\\"other\\\" not found in pod spec volume, system:node:one is not authorized";
    check(&mut one, token, &request("other", &bound), 403, missing).await;
    check(&mut two, token, &request("vault", &bound), 403, "no relationship found").await;
    let other = "POST /api/v1/namespaces/default/serviceaccounts/other/token";
    check(&mut one, other, &request("vault", &bound), 403, "no relationship found").await;

    let status = r#"{"status":{"phase":"Running"}}"#;
    let patch = async |kubelet: &mut Client, code: u16| {
        let headers = [("content-type", "application/merge-patch+json")];
        let answer =
            kubelet.send(&format!("PATCH {PODS}/p/status"), &headers, status).await.expect("an answer");
        assert_eq!(answer.code, code, "{}", answer.text);
    };
    patch(&mut two, 403).await;
    patch(&mut one, 200).await;
    let eviction = r#"{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"p"}}"#;
    check(&mut two, &format!("POST {PODS}/p/eviction"), eviction, 403, "can only evict pods").await;
    check(&mut two, &format!("DELETE {PODS}/p"), "", 403, "can only delete pods").await;
    check(&mut one, &format!("POST {PODS}/p/eviction"), eviction, 201, "").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kubelets_write_what_their_pods_use() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (server, mut admin, [mut one, mut two]) = cluster(directory.path()).await;
    let claims = "/api/v1/namespaces/default/persistentvolumeclaims";
    let claim = r#"{"metadata":{"name":"c","labels":{"a":"b"}},"spec":{"accessModes":["ReadWriteOnce"],"volumeName":"v",
                    "resources":{"requests":{"storage":"1Gi"}}}}"#;
    done(&mut admin, &format!("POST {claims}"), claim).await;
    let volume = r#"{"metadata":{"name":"v"},"spec":{"accessModes":["ReadWriteOnce"],"capacity":{"storage":"1Gi"},
                     "claimRef":{"namespace":"default","name":"c"},"csi":{"driver":"d","volumeHandle":"h",
                     "nodeStageSecretRef":{"namespace":"kube-system","name":"stage"}}}}"#;
    done(&mut admin, "POST /api/v1/persistentvolumes", volume).await;
    let secret = "/api/v1/namespaces/kube-system/secrets";
    done(&mut admin, &format!("POST {secret}"), r#"{"metadata":{"name":"stage"}}"#).await;
    check(&mut one, "GET /api/v1/persistentvolumes/v", "", 403, "no relationship found").await;
    let pod = r#"{"metadata":{"name":"p"},"spec":{"nodeName":"one","containers":[{"name":"c","image":"i"}],
                  "volumes":[{"name":"d","persistentVolumeClaim":{"claimName":"c"}}]}}"#;
    done(&mut admin, &format!("POST {PODS}"), pod).await;
    for request in [
        "GET /api/v1/persistentvolumes/v".to_owned(),
        format!("GET {secret}/stage"),
        format!("GET {claims}/c"),
    ] {
        check(&mut one, &request, "", 200, "").await;
        check(&mut two, &request, "", 403, "no relationship found").await;
    }
    let patch = async |kubelet: &mut Client, body: &'static str, code: u16| {
        let headers = [("content-type", "application/merge-patch+json")];
        let answer =
            kubelet.send(&format!("PATCH {claims}/c/status"), &headers, body).await.expect("an answer");
        assert_eq!(answer.code, code, "{body}: {}", answer.text);
    };
    patch(&mut one, r#"{"status":{"capacity":{"storage":"2Gi"}}}"#, 200).await;
    patch(&mut one, r#"{"metadata":{"labels":{"x":"y"}},"status":{"capacity":{"storage":"3Gi"}}}"#, 403)
        .await;
    patch(&mut one, r#"{"status":{"phase":"Lost"}}"#, 403).await;
    patch(&mut two, r#"{"status":{"capacity":{"storage":"3Gi"}}}"#, 403).await;

    let slices = "/apis/resource.k8s.io/v1/resourceslices";
    let slice = |name: &str, node: &str| {
        format!(
            r#"{{"metadata":{{"name":"{name}"}},"spec":{{"driver":"d.example","nodeName":"{node}",
                 "pool":{{"name":"p","generation":1,"resourceSliceCount":1}},"devices":[]}}}}"#
        )
    };
    check(&mut one, &format!("POST {slices}"), &slice("of-one", "one"), 201, "").await;
    check(&mut one, &format!("POST {slices}"), &slice("x", "two"), 403, "can only create ResourceSlice")
        .await;
    check(&mut two, &format!("POST {slices}"), &slice("of-two", "two"), 201, "").await;
    check(&mut one, &format!("GET {slices}/of-one"), "", 200, "").await;
    check(&mut one, &format!("GET {slices}/of-two"), "", 403, "no relationship found").await;
    check(&mut one, &format!("DELETE {slices}"), "", 403, "nodeName field selector").await;
    check(&mut one, &format!("DELETE {slices}?fieldSelector=spec.nodeName%3Dtwo"), "", 403, "field selector")
        .await;
    check(&mut one, &format!("DELETE {slices}?fieldSelector=spec.nodeName%3Done"), "", 200, "").await;
    let left = done(&mut admin, &format!("GET {slices}"), "").await;
    assert_eq!(left["items"].as_array().map(Vec::len), Some(1), "{left}");
    server.stop().await;
}
