//! What objects need to be let in, so that tests say only what they are about.

use keelson_apimachinery::Value;
use keelson_apimachinery::codec::json;

const SELECTS_PODS: &str = r#"{"spec":{"selector":{"matchLabels":{"a":"b"}},
    "template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}"#;

/// The least of an object that a resource takes.
fn least(resource: &str, object: &Value) -> &'static str {
    match resource {
        "apps/deployments" | "apps/daemonsets" | "apps/replicasets" | "apps/statefulsets" => SELECTS_PODS,
        "autoscaling/horizontalpodautoscalers" => {
            r#"{"spec":{"maxReplicas":3,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"d"}}}"#
        }
        "batch/jobs" => {
            r#"{"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}}"#
        }
        "events" => r#"{"involvedObject":{"namespace":"ns"}}"#,
        "events.k8s.io/events" => {
            r#"{"involvedObject":{"namespace":"ns"},"eventTime":"2026-01-02T03:04:05.000000Z","type":"Normal",
                "reportingComponent":"example.com/me","reportingInstance":"i","action":"a","reason":"r"}"#
        }
        "networking.k8s.io/ingresses" => {
            r#"{"spec":{"defaultBackend":{"service":{"name":"s","port":{"number":80}}}}}"#
        }
        "persistentvolumeclaims" => {
            r#"{"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}"#
        }
        "persistentvolumes" => {
            r#"{"spec":{"accessModes":["ReadWriteOnce"],"capacity":{"storage":"1Gi"},"hostPath":{"path":"/x"}}}"#
        }
        "pods" => r#"{"spec":{"containers":[{"name":"c","image":"i"}]}}"#,
        "replicationcontrollers" => {
            r#"{"spec":{"selector":{"a":"b"},
                "template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}"#
        }
        "services" => match object.str_at(&["spec", "type"]) {
            "ExternalName" => r#"{"spec":{"externalName":"e.example.com","ports":[{"port":80}]}}"#,
            _ => r#"{"spec":{"ports":[{"port":80}]}}"#,
        },
        _ => "{}",
    }
}

/// The object with the least that its resource takes.
pub(super) fn well_formed(resource: &str, object: Value) -> Value {
    let least = json::decode_untyped(least(resource, &object).as_bytes()).expect("the table's JSON").value;
    with(least, object)
}

/// `base` with the members of `over` in it or instead of its own.
fn with(base: Value, over: Value) -> Value {
    match (base, over) {
        (Value::Object(mut base), Value::Object(over)) => {
            for (key, value) in over {
                let value = match base.remove(&key) {
                    Some(below) => with(below, value),
                    None => value,
                };
                base.insert(key, value);
            }
            Value::Object(base)
        }
        (_, over) => over,
    }
}
