//! Flags about how objects are kept, what is served of them, and whose behaviour is shown.

use super::*;
use crate::server::config::Stores;

#[test]
fn how_objects_are_kept_is_chosen() {
    assert_eq!(config(&[]).stores, Stores { as_json: false, delete_workers: 1, garbage_collector: true });
    let given = config(&[
        "--delete-collection-workers=50",
        "--enable-garbage-collector=false",
        "--storage-media-type=application/json",
    ]);
    assert_eq!(given.stores, Stores { as_json: true, delete_workers: 50, garbage_collector: false });
    for few in ["0", "-3", "1"] {
        assert_eq!(config(&["--delete-collection-workers", few]).stores.delete_workers, 1, "{few}");
    }
    let defaults = ["--storage-media-type=application/vnd.kubernetes.protobuf", "--storage-backend="];
    assert_eq!(config(&defaults).stores, Stores::default());
    let reuse = |flags: &[&str]| match config(&[&["--etcd-servers=http://a:1"], flags].concat()).storage {
        Storage::Etcd(etcd) => etcd.lease_reuse.as_secs(),
        Storage::Embedded => panic!("{flags:?}: not etcd"),
    };
    assert_eq!(reuse(&["--storage-backend=etcd3"]), 60);
    assert_eq!(reuse(&["--lease-reuse-duration-seconds=7"]), 7);
    config(&["--lease-reuse-duration-seconds=60"]);
    let check = |argument: &str, reason: &str| {
        let flag = argument.split('=').next().expect("a flag");
        refused(&[argument], &[&format!("{flag}: {reason}")]);
    };
    check("--delete-collection-workers=1001", "1001 is more than Keelson allows: give 1000 at most");
    check("--storage-backend=etcd3", "has no effect without --etcd-servers");
    check("--lease-reuse-duration-seconds=5", "has no effect without --etcd-servers");
    check("--lease-reuse-duration-seconds=-5", "invalid value \"-5\": can not be negative value");
    check(
        "--storage-backend=etcd2",
        "invalid, allowed values: etcd3. If not specified, it will default to 'etcd3'",
    );
    check(
        "--storage-media-type=text/plain",
        "\"text/plain\" invalid, allowed values: application/json, application/yaml, \
         application/vnd.kubernetes.protobuf",
    );
    check(
        "--storage-media-type=application/yaml",
        "\"application/yaml\" is not supported by Keelson: give application/vnd.kubernetes.protobuf or \
         application/json",
    );
}

#[test]
fn all_is_served_unless_it_is_turned_off() {
    let all = keelson_api::resources().len();
    assert_eq!(config(&[]).resources.len(), all);
    let some =
        config(&["--runtime-config=autoscaling/v1=false", "--runtime-config=api/beta=false"]).resources;
    assert_eq!(some.len(), all - 1);
    refused(
        &["--runtime-config=api/all=false"],
        &["--runtime-config: invalid runtime-config with only api/all=false"],
    );
}

#[test]
fn the_behaviour_of_one_version_is_shown() {
    for version in ["1.36", "kube=1.36", "kube=v1.36.0"] {
        config(&[&format!("--emulated-version={version}"), "--min-compatibility-version=kube=1.35"]);
    }
    let check = |argument: &str, reason: &str| {
        let flag = argument.split('=').next().expect("a flag");
        refused(&[argument], &[&format!("{flag}: {reason}")]);
    };
    check("--emulated-version=kube=1.35", &format!("1.35: {}", unsupported::REASON));
    check("--min-compatibility-version=1.36", &format!("1.36: {}", unsupported::REASON));
    check("--emulated-version=1.36.1", "patch version not allowed, got: kube=1.36.1");
    check("--emulated-version=x", "illegal version string \"x\"");
    check("--emulated-version=wardle=1.2", "component not registered: wardle");
    check("--emulated-version=1.36,kube=1.35", "duplicate version flag, kube=1.36 and kube=1.35");
    let gates = config(&["--feature-gates=WatchList=true", "--feature-gates", "MemoryQoS=true"]);
    assert_eq!(gates.notices, [""; 0]);
    check("--feature-gates=NoSuch=true", "unrecognized feature gate: NoSuch");
}
