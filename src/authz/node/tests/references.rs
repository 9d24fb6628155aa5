//! What pods and volumes name.

use keelson_base::metrics::Registry;

use super::*;

#[test]
fn every_volume_of_a_pod_that_names_a_secret_is_known() {
    for (source, secret) in [
        (r#""azureFile":{"secretName":"s"}"#, "s"),
        (r#""cephfs":{"secretRef":{"name":"s"}}"#, "s"),
        (r#""cinder":{"secretRef":{"name":"s"}}"#, "s"),
        (r#""flexVolume":{"secretRef":{"name":"s"}}"#, "s"),
        (r#""rbd":{"secretRef":{"name":"s"}}"#, "s"),
        (r#""scaleIO":{"secretRef":{"name":"s"}}"#, "s"),
        (r#""iscsi":{"secretRef":{"name":"s"}}"#, "s"),
        (r#""storageos":{"secretRef":{"name":"s"}}"#, "s"),
        (r#""csi":{"nodePublishSecretRef":{"name":"s"}}"#, "s"),
        (r#""secret":{"secretName":"s"}"#, "s"),
        (r#""projected":{"sources":[{"downwardAPI":{}},{"secret":{"name":"s"}}]}"#, "s"),
        (r#""secret":{"secretName":""}"#, ""),
        (r#""emptyDir":{}"#, ""),
    ] {
        let pod = object(&format!(r#"{{"spec":{{"volumes":[{{"name":"v",{source}}}]}}}}"#));
        let mut found = Vec::new();
        visit_secrets(&pod, &mut |name| found.push(name.to_owned()));
        assert_eq!(found.join(" "), secret, "{source}");
    }
}

#[test]
fn every_volume_that_names_a_secret_is_known() {
    for (source, place) in [
        (r#""azureFile":{"secretName":"s"}"#, "ns"),
        (r#""azureFile":{"secretName":"s","secretNamespace":"own"}"#, "own"),
        (r#""cephfs":{"secretRef":{"name":"s"}}"#, "ns"),
        (r#""cephfs":{"secretRef":{"name":"s","namespace":"own"}}"#, "own"),
        (r#""cinder":{"secretRef":{"name":"s","namespace":"own"}}"#, "own"),
        (r#""flexVolume":{"secretRef":{"name":"s"}}"#, "ns"),
        (r#""flexVolume":{"secretRef":{"name":"s","namespace":"own"}}"#, "own"),
        (r#""rbd":{"secretRef":{"name":"s"}}"#, "ns"),
        (r#""scaleIO":{"secretRef":{"name":"s","namespace":"own"}}"#, "own"),
        (r#""iscsi":{"secretRef":{"name":"s"}}"#, "ns"),
        (r#""storageos":{"secretRef":{"name":"s","namespace":"own"}}"#, "own"),
        (r#""csi":{"nodePublishSecretRef":{"name":"s","namespace":"own"}}"#, "own"),
        (r#""csi":{"nodeStageSecretRef":{"name":"s","namespace":"own"}}"#, "own"),
        (r#""csi":{"nodeExpandSecretRef":{"name":"s","namespace":"own"}}"#, "own"),
        (r#""csi":{"controllerPublishSecretRef":{"name":"s","namespace":"own"}}"#, ""),
        (r#""csi":{"controllerExpandSecretRef":{"name":"s","namespace":"own"}}"#, ""),
    ] {
        let graph = Graph::default();
        let volume = format!(
            r#"{{"metadata":{{"name":"v"}},"spec":{{"claimRef":{{"namespace":"ns","name":"c"}},{source}}}}}"#
        );
        put(&graph, Feeder::PersistentVolumes, &volume);
        let pod = r#"{"metadata":{"name":"p","namespace":"ns"},"spec":{"nodeName":"one",
                      "volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"c"}}]}}"#;
        put(&graph, Feeder::Pods, pod);
        for namespace in ["ns", "own", ""] {
            let wanted = !place.is_empty() && namespace == place;
            assert_eq!(graph.relates("one", Kind::Secret, namespace, "s"), wanted, "{source}: {namespace}");
        }
        assert!(graph.relates("one", Kind::PersistentVolume, "", "v"), "{source}");
    }
}

#[test]
fn changes_of_the_graph_are_timed_and_what_changes_nothing_is_not() {
    let metrics = Registry::new();
    let graph = Graph::new(&metrics).expect("a new family");
    let pod = r#"{"metadata":{"name":"p","namespace":"ns"},"spec":{"nodeName":"one"},"status":{"phase":"Running"}}"#;
    put(&graph, Feeder::Pods, pod);
    put(&graph, Feeder::Pods, &pod.replace("Running", "Succeeded"));
    graph.remove(Feeder::Pods, &object(pod));
    graph.remove(Feeder::Pods, &object(pod));
    let text = metrics.encode().expect("text");
    for operation in ["AddPod", "DeletePod"] {
        let line =
            format!(r#"node_authorizer_graph_actions_duration_seconds_count{{operation="{operation}"}} 1"#);
        assert!(text.contains(&line), "{text}");
    }
}
