//! Volumes and claims, without a provisioner.

use crate::world::{World, same};

pub(crate) fn a_claim_finds_its_volume(world: &World) {
    let space = "volumes";
    world.namespace(space);
    for (name, size) in [("small", "1Gi"), ("fitting", "5Gi"), ("large", "50Gi")] {
        world.create(
            space,
            &format!(
                "apiVersion: v1
kind: PersistentVolume
metadata: {{name: {name}}}
spec:
  capacity: {{storage: {size}}}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: manual
  hostPath: {{path: /tmp/{name}}}
"
            ),
        );
    }
    world.create(
        space,
        "apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  storageClassName: manual
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 3Gi}}
",
    );
    let claim = format!("/api/v1/namespaces/{space}/persistentvolumeclaims/data");
    let phase = |path: &str, wanted: &str| {
        world.until(&format!("{path} is {wanted}"), || {
            same("phase", world.get(path)?["status"]["phase"].as_str(), Some(wanted))
        });
    };
    phase(&claim, "Bound");
    assert_eq!(
        world.get(&claim).expect("the claim")["spec"]["volumeName"],
        "fitting",
        "the smallest that fits"
    );
    phase("/api/v1/persistentvolumes/fitting", "Bound");
    phase("/api/v1/persistentvolumes/small", "Available");

    world.create(
        space,
        "apiVersion: v1
kind: Pod
metadata: {name: user}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: main, image: \"app:1\", volumeMounts: [{name: data, mountPath: /data}]}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
",
    );
    world.run(space, "wait --for=condition=Ready pod/user --timeout=120s");
    world.run(space, "delete pvc data --wait=false");
    let kept = world.get(&claim).expect("a claim in use is protected");
    assert_eq!(kept["metadata"]["finalizers"][0], "kubernetes.io/pvc-protection");
    assert!(kept["metadata"]["deletionTimestamp"].is_string());
    world.run(space, "delete pod user");
    world.until("the claim goes", || world.is_gone(&claim));
    phase("/api/v1/persistentvolumes/fitting", "Released");
    world.kubectl.run(&["delete", "pv", "small", "fitting", "large"]);
}
