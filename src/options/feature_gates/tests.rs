//! Gates that may be set, and those that may not.

use super::*;

fn errors(given: &[&str]) -> Vec<String> {
    let gates = FeatureGates { feature_gates: given.iter().map(ToString::to_string).collect() };
    let mut errors = Errors::default();
    gates.check(&mut errors);
    errors.list.iter().map(ToString::to_string).collect()
}

#[test]
fn what_keelson_does_may_be_said() {
    for given in [
        [].as_slice(),
        &[""],
        &["WatchList=true,,StorageVersionHash=T"],
        &["kube:WatchList=T", "kube: StorageVersionHash = 1 "],
        &["AllAlpha=false", "ComponentFlagz=false"],
        &["WatchList=false,WatchList=true"],
        &["MemoryQoS=true,AtomicFIFO=false"],
    ] {
        assert_eq!(errors(given), [""; 0], "{given:?}");
    }
}

#[test]
fn watch_lists_can_be_turned_off() {
    for (given, on) in [("", true), ("WatchList=true", true), ("WatchList=false", false)] {
        let gates = FeatureGates { feature_gates: vec![given.to_owned()] };
        let features = gates.check(&mut Errors::default());
        assert_eq!(chosen(&features).watch_list, on, "{given}");
    }
}

#[test]
fn gates_that_go_are_told_of() {
    let gates = FeatureGates { feature_gates: vec!["MutatingAdmissionPolicy=true,KMSv1=false".to_owned()] };
    let mut errors = Errors::default();
    gates.check(&mut errors);
    assert_eq!(
        errors.notices,
        [
            "--feature-gates: KMSv1 is deprecated: a later release won't know the gate",
            "--feature-gates: MutatingAdmissionPolicy is stable: a later release won't know the gate",
        ]
    );
}

#[test]
fn what_it_does_not_is_refused() {
    let check = |given: &[&str], reasons: &[&str]| {
        let wanted: Vec<String> = reasons.iter().map(|reason| format!("--feature-gates: {reason}")).collect();
        assert_eq!(errors(given), wanted, "{given:?}");
    };
    check(&["NoSuch=true"], &["unrecognized feature gate: NoSuch"]);
    check(&["WatchList"], &["missing bool value for WatchList"]);
    let why = "invalid value of WatchList=x, err: strconv.ParseBool: parsing \"x\": invalid syntax";
    check(&["WatchList=x"], &[why]);
    check(&["StorageVersionHash=false"], &["StorageVersionHash=false is not supported yet by Keelson"]);
    check(
        &["CBORServingAndStorage=true,NoSuch=false"],
        &["CBORServingAndStorage=true is not supported yet by Keelson", "unrecognized feature gate: NoSuch"],
    );
    check(&["AllAlpha=true"], &["AllAlpha=true is not supported yet by Keelson"]);
    check(&["AllBeta=false"], &["AllBeta=false is not supported yet by Keelson"]);
    check(&["wardle:A=true"], &["component not registered: wardle"]);
    let mixed =
        "set kube feature gates with default empty prefix or kube: prefix consistently, do not mix use";
    check(&["kube:WatchList=true,WatchList=true"], &[mixed]);
    let locked = GATES.iter().find(|gate| gate.locked && gate.default).expect("some are locked");
    let why = format!("cannot set feature gate {0} to false, feature is locked to true", locked.name);
    check(&[&format!("{}=false", locked.name)], &[&why]);
}

#[test]
fn the_table_is_in_order_and_tells_stages_from_defaults() {
    assert!(GATES.is_sorted_by(|a, b| a.name < b.name), "sorted, none twice");
    assert!(GATES.len() > 200);
    for gate in GATES {
        assert!(gate.stage != Stage::Alpha || !gate.default, "{} is in alpha and on", gate.name);
    }
    for name in ABSENT {
        assert!(GATES.iter().any(|gate| gate.name == *name && gate.default), "{name}");
    }
}
