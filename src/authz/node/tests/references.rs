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

/// What is read of an object shows all edges that the whole of it does.
#[test]
fn a_part_of_a_pod_makes_the_edges_of_the_whole() {
    let env = |kind: &str| {
        format!(
            r#"[{{"name":"{kind}","envFrom":[{{"secretRef":{{"name":"{kind}-s"}}}},{{"configMapRef":{{"name":"{kind}-c"}}}}],
            "env":[{{"name":"A","value":"b"}},{{"name":"S","valueFrom":{{"secretKeyRef":{{"name":"{kind}-ks","key":"k"}}}}}},
            {{"name":"C","valueFrom":{{"configMapKeyRef":{{"name":"{kind}-kc","key":"k"}}}}}}]}}]"#
        )
    };
    let (init, main, ephemeral) = (env("init"), env("main"), env("ephemeral"));
    let whole = format!(
        r#"{{"metadata":{{"name":"p","namespace":"ns","labels":{{"a":"b"}},"annotations":{{"some":"thing"}},
        "managedFields":[{{"manager":"m","fieldsV1":{{"f:spec":{{}}}}}}]}},
        "spec":{{"nodeName":"one","serviceAccountName":"account","restartPolicy":"Always",
        "initContainers":{init},"containers":{main},"ephemeralContainers":{ephemeral},
        "imagePullSecrets":[{{"name":"pull"}}],
        "volumes":[{{"name":"a","secret":{{"secretName":"vs"}}}},{{"name":"b","configMap":{{"name":"vc"}}}},
        {{"name":"c","persistentVolumeClaim":{{"claimName":"claim"}}}},{{"name":"d","ephemeral":{{}}}},
        {{"name":"e","projected":{{"sources":[{{"secret":{{"name":"ps"}}}},{{"configMap":{{"name":"pc"}}}}]}}}}],
        "resourceClaims":[{{"name":"x","resourceClaimName":"rc"}},{{"name":"y","resourceClaimTemplateName":"t"}}]}},
        "status":{{"phase":"Running","resourceClaimStatuses":[{{"name":"y","resourceClaimName":"made"}}],
        "extendedResourceClaimStatus":{{"resourceClaimName":"extended"}}}}}}"#
    );
    let mirror = whole.replace("\"some\":\"thing\"", "\"kubernetes.io/config.mirror\":\"x\"");
    let edges = |text: &str| part_of(Feeder::Pods, &object(text)).expect("pods are read in part");
    for pod in [&whole, &mirror] {
        let part = edges(pod);
        assert_eq!(Feeder::Pods.edges(&part), Feeder::Pods.edges(&object(pod)));
        assert_eq!(Feeder::Pods.id(&part), Feeder::Pods.id(&object(pod)));
        assert_eq!(part.at(&["spec", "restartPolicy"]), None, "the rest is passed by");
        assert_eq!(part.at(&["metadata", "managedFields"]), None);
    }
    let graph = Graph::default();
    graph.set(Feeder::Pods, &Feeder::Pods.edges(&edges(&whole)));
    let secrets =
        ["init-s", "init-ks", "main-s", "main-ks", "ephemeral-s", "ephemeral-ks", "pull", "vs", "ps"];
    for secret in secrets {
        assert!(graph.relates("one", Kind::Secret, "ns", secret), "{secret}");
    }
    for claim in ["rc", "made", "extended"] {
        assert!(graph.relates("one", Kind::ResourceClaim, "ns", claim), "{claim}");
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
