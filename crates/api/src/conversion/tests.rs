//! Conversions there and back.

use keelson_apimachinery::Value;
use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;
use proptest::prelude::*;

use super::convert;

const V1: (&str, &str) = ("autoscaling", "v1");
const V2: (&str, &str) = ("autoscaling", "v2");

const CORE: (&str, &str) = ("", "v1");
const EVENTS: (&str, &str) = ("events.k8s.io", "v1");

/// The canonical object of a kind in a version.
fn canonical(text: &str, (group, version): (&str, &str), kind: &str) -> Object {
    let ty = crate::facts::kind(group, version, kind).expect("a kind that exists");
    let value = json::decode(crate::schema(), ty, text.as_bytes()).expect("the test's JSON").value;
    let mut object = Object::try_from(value).expect("the test's object");
    object.set_type(&super::joined((group, version)), kind);
    object
}

fn autoscaler(text: &str, version: (&str, &str)) -> Object {
    canonical(text, version, "HorizontalPodAutoscaler")
}

/// Whether the object is what JSON of its version decodes to.
fn is_canonical(object: &Object, version: (&str, &str)) -> bool {
    let mut text = Vec::new();
    json::encode_untyped(object.as_value(), &mut text);
    let again = canonical(std::str::from_utf8(&text).expect("JSON is text"), version, object.kind());
    again == *object
}

#[test]
fn an_autoscaler_keeps_in_annotations_what_v1_has_no_field_for() {
    let v2 = autoscaler(
        r#"{"metadata":{"name":"a"},
        "spec":{"scaleTargetRef":{"kind":"Deployment","name":"web"},"maxReplicas":9,
          "metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":60}}},
            {"type":"Pods","pods":{"metric":{"name":"rps"},"target":{"type":"AverageValue","averageValue":"5"}}}],
          "behavior":{"scaleDown":{"stabilizationWindowSeconds":60,"policies":[{"type":"Pods","value":1,"periodSeconds":30}]}}},
        "status":{"currentMetrics":null,"desiredReplicas":3,"conditions":[{"type":"AbleToScale","status":"True"}]}}"#,
        V2,
    );
    let v1 = convert(v2.clone(), V2, V1).unwrap();
    assert!(is_canonical(&v1, V1));
    assert_eq!(v1.api_version(), "autoscaling/v1");
    assert_eq!(v1.at(&["spec", "targetCPUUtilizationPercentage"]), Some(&Value::Int(60)));
    let annotation =
        |name: &str| v1.annotation(&format!("autoscaling.alpha.kubernetes.io/{name}")).unwrap_or_default();
    assert_eq!(
        annotation("metrics"),
        r#"[{"type":"Pods","pods":{"metricName":"rps","targetAverageValue":"5"}}]"#
    );
    assert_eq!(
        annotation("behavior"),
        r#"{"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":60,"SelectPolicy":null,"Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":30}],"Tolerance":null}}"#
    );
    assert_eq!(
        annotation("conditions"),
        r#"[{"type":"AbleToScale","status":"True","lastTransitionTime":null}]"#
    );
    let back = convert(v1, V1, V2).unwrap();
    let metrics =
        |o: &Object| -> Vec<Value> { o.at(&["spec", "metrics"]).and_then(Value::as_array).unwrap().to_vec() };
    // The CPU's target comes last, as it does upstream.
    let mut reordered = metrics(&v2);
    reordered.reverse();
    assert_eq!(metrics(&back), reordered);
    assert_eq!(back.at(&["spec", "behavior"]), v2.at(&["spec", "behavior"]));
    assert_eq!(back.at(&["status"]), v2.at(&["status"]));
    assert_eq!(back.annotations(), None);
}

#[test]
fn an_autoscaler_of_v1_without_a_target_asks_for_80_percent() {
    let v1 = autoscaler(r#"{"metadata":{"name":"a"},"spec":{"maxReplicas":3}}"#, V1);
    let v2 = convert(v1, V1, V2).unwrap();
    let target = ["resource", "target", "averageUtilization"];
    let metrics = v2.at(&["spec", "metrics"]).and_then(Value::as_array).unwrap();
    assert_eq!(metrics[0].at(&target), Some(&Value::Int(80)));
}

#[test]
fn events_have_other_names_in_their_own_group() {
    let core = canonical(
        r#"{"involvedObject":{"kind":"Pod"},"message":"m","count":2,"source":{"component":"c"},
        "firstTimestamp":"2026-01-01T00:00:00Z","lastTimestamp":null,"reportingComponent":"r","reason":"x"}"#,
        CORE,
        "Event",
    );
    let events = convert(core.clone(), CORE, EVENTS).unwrap();
    assert!(is_canonical(&events, EVENTS));
    assert_eq!(events.api_version(), "events.k8s.io/v1");
    assert_eq!(events.str_at(&["regarding", "kind"]), "Pod");
    assert_eq!((events.str_at(&["note"]), events.str_at(&["reportingController"])), ("m", "r"));
    assert_eq!(convert(events, EVENTS, CORE).unwrap(), core);
}

#[test]
fn unknown_pairs_are_refused() {
    let error = convert(canonical("{}", CORE, "Pod"), CORE, ("", "v2")).unwrap_err();
    assert_eq!(error.to_string(), "Pod can't be converted from v1 to v2");
}

fn metric() -> impl Strategy<Value = Value> {
    let name = "[a-z]{1,8}";
    // Canonical as they are.
    let quantity = "[1-9][0-9]{0,2}m?";
    prop_oneof![
        (name, quantity).prop_map(|(n, q)| format!(
            r#"{{"type":"Pods","pods":{{"metric":{{"name":"{n}","selector":{{"matchLabels":{{"a":"b"}}}}}},"target":{{"type":"AverageValue","averageValue":"{q}"}}}}}}"#
        )),
        (name, quantity).prop_map(|(n, q)| format!(
            r#"{{"type":"Object","object":{{"describedObject":{{"kind":"Service","name":"{n}"}},"metric":{{"name":"m"}},"target":{{"type":"Value","value":"{q}"}}}}}}"#
        )),
        (name, quantity).prop_map(|(n, q)| format!(
            r#"{{"type":"External","external":{{"metric":{{"name":"{n}"}},"target":{{"type":"AverageValue","averageValue":"{q}"}}}}}}"#
        )),
        (name, 1..100i64).prop_map(|(n, u)| format!(
            r#"{{"type":"ContainerResource","containerResource":{{"name":"memory","container":"{n}","target":{{"type":"Utilization","averageUtilization":{u}}}}}}}"#
        )),
    ]
    .prop_map(|text| json::decode_untyped(text.as_bytes()).expect("the test's JSON").value)
}

proptest! {
    #[test]
    fn metrics_survive_the_way_to_v1_and_back(metrics in proptest::collection::vec(metric(), 1..5)) {
        let mut v2 = autoscaler(r#"{"metadata":{"name":"a"},"spec":{"maxReplicas":3}}"#, V2);
        let spec = v2.members_mut().get_mut("spec").and_then(Value::as_object_mut).unwrap();
        spec.insert("metrics", metrics);
        let v1 = convert(v2.clone(), V2, V1).unwrap();
        prop_assert!(is_canonical(&v1, V1));
        let back = convert(v1, V1, V2).unwrap();
        prop_assert!(is_canonical(&back, V2));
        prop_assert_eq!(back, v2);
    }

    #[test]
    fn autoscalers_of_v1_survive_the_way_to_v2_and_back(
        target in 1..100i64,
        now in proptest::option::of(1..100i64),
        replicas in 0..9i64,
        annotation in "[a-z]{1,8}",
    ) {
        let now = now.map(|n| format!(r#","currentCPUUtilizationPercentage":{n}"#)).unwrap_or_default();
        let v1 = autoscaler(
            &format!(
                r#"{{"metadata":{{"name":"a","annotations":{{"k":"{annotation}"}}}},
                "spec":{{"maxReplicas":3,"targetCPUUtilizationPercentage":{target}}},
                "status":{{"currentReplicas":{replicas}{now}}}}}"#
            ),
            V1,
        );
        let v2 = convert(v1.clone(), V1, V2).unwrap();
        prop_assert!(is_canonical(&v2, V2));
        let mut back = convert(v2, V2, V1).unwrap();
        // The raw value of a current metric is more than `v1` knows: it comes along as an annotation.
        back.set_annotation("autoscaling.alpha.kubernetes.io/current-metrics", None);
        prop_assert_eq!(back, v1);
    }

    #[test]
    fn events_survive_the_way_to_the_other_group_and_back(
        message in "[a-z]{0,8}",
        count in 0..3i64,
        source in "[a-z]{0,3}",
        controller in "[a-z]{0,3}",
    ) {
        let core = canonical(
            &format!(
                r#"{{"metadata":{{"name":"e"}},"involvedObject":{{"name":"{source}"}},"message":"{message}",
                "count":{count},"source":{{"component":"{source}"}},"reportingComponent":"{controller}"}}"#
            ),
            CORE,
            "Event",
        );
        let events = convert(core.clone(), CORE, EVENTS).unwrap();
        prop_assert!(is_canonical(&events, EVENTS));
        prop_assert_eq!(convert(events, EVENTS, CORE).unwrap(), core);
    }
}
