//! Logs of and streams to pods, up to their kubelets.

use super::verbs::Cluster;

#[tokio::test]
async fn pods_on_no_node_have_no_logs_and_no_streams() {
    let cluster = Cluster::new().await;
    let pod = |name: &str, containers: &str| {
        format!(
            r#"{{"metadata":{{"name":"{name}"}},"spec":{{"initContainers":[{{"name":"i","image":"i"}}],"containers":[{containers}]}}}}"#
        )
    };
    let pods = "POST /api/v1/namespaces/n/pods";
    cluster.ok(pods, &pod("one", r#"{"name":"c","image":"i"}"#)).await;
    cluster.ok(pods, &pod("two", r#"{"name":"c","image":"i"},{"name":"d","image":"i"}"#)).await;
    let check = async |line: &str, code: u16, message: &str| {
        let (method, rest) = line.split_once(' ').unwrap();
        let answer = cluster.send(&format!("{method} /api/v1/namespaces/n/pods/{rest}"), "").await;
        assert_eq!((answer.code, answer.body.str_at(&["message"])), (code, message), "{line}");
    };
    check("GET one/log", 204, "").await;
    check("GET two/log?container=i", 204, "").await;
    let choose = "a container name must be specified for pod two, choose one of: [i c d]";
    check("GET two/log", 400, choose).await;
    check("POST two/exec?command=ls", 400, choose).await;
    check("GET one/log?container=x", 400, "container x is not valid for pod one").await;
    check("GET none/log", 404, "pods \"none\" not found").await;
    let unassigned = "pod one does not have a host assigned";
    for stream in ["exec", "attach", "portforward"] {
        check(&format!("POST one/{stream}"), 400, unassigned).await;
    }
    check(
        "GET one/log?tailLines=-1&limitBytes=0",
        422,
        "PodLogOptions \"one\" is invalid: [tailLines: Invalid value: -1: must be greater than or equal to 0, limitBytes: Invalid value: 0: must be greater than 0]",
    )
    .await;
    let binding = r#"{"metadata":{"name":"one"},"target":{"kind":"Node","name":"n1"}}"#;
    cluster.ok("POST /api/v1/namespaces/n/pods/one/binding", binding).await;
    check("GET one/log", 501, "pods/log of a pod that is on a node is not supported by this version").await;
    cluster.close().await;
}
