//! Conversions there and back.

use keelson_apimachinery::Value;
use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;
use proptest::prelude::*;

use super::convert;

const V1: (&str, &str) = ("autoscaling", "v1");
const V2: (&str, &str) = ("autoscaling", "v2");

fn object(text: &str) -> Object {
    let value = json::decode_untyped(text.as_bytes()).expect("the test's JSON").value;
    Object::try_from(value).expect("the test's object")
}

#[test]
fn an_autoscaler_keeps_in_annotations_what_v1_has_no_field_for() {
    let v2 = object(
        r#"{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"a"},
        "spec":{"scaleTargetRef":{"kind":"Deployment","name":"web"},"maxReplicas":9,
          "metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":60}}},
            {"type":"Pods","pods":{"metric":{"name":"rps"},"target":{"type":"AverageValue","averageValue":"5"}}}],
          "behavior":{"scaleDown":{"stabilizationWindowSeconds":60,"policies":[{"type":"Pods","value":1,"periodSeconds":30}]}}},
        "status":{"currentMetrics":null,"desiredReplicas":3,"conditions":[{"type":"AbleToScale","status":"True"}]}}"#,
    );
    let v1 = convert(v2.clone(), V2, V1).unwrap();
    assert_eq!(v1.api_version(), "autoscaling/v1");
    assert_eq!(v1.at(&["spec", "targetCPUUtilizationPercentage"]), Some(&Value::Int(60)));
    let annotation = |name: &str| v1.annotation(&format!("autoscaling.alpha.kubernetes.io/{name}")).unwrap_or_default();
    assert_eq!(annotation("metrics"), r#"[{"type":"Pods","pods":{"metricName":"rps","targetAverageValue":"5"}}]"#);
    assert_eq!(
        annotation("behavior"),
        r#"{"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":60,"SelectPolicy":null,"Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":30}],"Tolerance":null}}"#
    );
    assert_eq!(annotation("conditions"), r#"[{"type":"AbleToScale","status":"True"}]"#);
    let back = convert(v1, V1, V2).unwrap();
    let metrics = |o: &Object| -> Vec<Value> { o.at(&["spec", "metrics"]).and_then(Value::as_array).unwrap().to_vec() };
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
    let v1 = object(r#"{"metadata":{"name":"a"},"spec":{"maxReplicas":3}}"#);
    let v2 = convert(v1, V1, V2).unwrap();
    let target = ["resource", "target", "averageUtilization"];
    let metrics = v2.at(&["spec", "metrics"]).and_then(Value::as_array).unwrap();
    assert_eq!(metrics[0].at(&target), Some(&Value::Int(80)));
}

#[test]
fn events_have_other_names_in_their_own_group() {
    let core = object(
        r#"{"apiVersion":"v1","kind":"Event","involvedObject":{"kind":"Pod"},"message":"m","count":2,"source":{"component":"c"},
        "firstTimestamp":"2026-01-01T00:00:00Z","lastTimestamp":null,"reportingComponent":"r","reason":"x"}"#,
    );
    let events = convert(core.clone(), ("", "v1"), ("events.k8s.io", "v1")).unwrap();
    assert_eq!(events.api_version(), "events.k8s.io/v1");
    assert_eq!(events.str_at(&["regarding", "kind"]), "Pod");
    assert_eq!((events.str_at(&["note"]), events.str_at(&["reportingController"])), ("m", "r"));
    assert_eq!(convert(events, ("events.k8s.io", "v1"), ("", "v1")).unwrap(), core);
}

#[test]
fn unknown_pairs_are_refused() {
    let error = convert(object(r#"{"kind":"Pod"}"#), ("", "v1"), ("", "v2")).unwrap_err();
    assert_eq!(error.to_string(), "Pod can't be converted from v1 to v2");
}

fn metric() -> impl Strategy<Value = Value> {
    let name = "[a-z]{1,8}";
    let quantity = "[1-9][0-9]{0,3}m?";
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
        let mut v2 = object(r#"{"metadata":{"name":"a"},"spec":{"maxReplicas":3},"status":{"currentMetrics":null}}"#);
        let spec = v2.members_mut().get_mut("spec").and_then(Value::as_object_mut).unwrap();
        spec.insert("metrics", metrics);
        let back = convert(convert(v2.clone(), V2, V1).unwrap(), V1, V2).unwrap();
        prop_assert_eq!(back, v2);
    }
}
