//! The class of service of a pod.
//!
//! Source: "Pod quality of service classes" in the Kubernetes documentation.

use keelson_apimachinery::Value;
use keelson_apimachinery::scalar::Quantity;

/// Sums of CPU and memory; absent where nobody asks for some.
type Amounts = [Option<Quantity>; 2];

/// The class that a pod's requests and limits of CPU and memory put it into.
pub fn qos_class(pod: &Value) -> &'static str {
    let (mut requests, mut limits) = (Amounts::default(), Amounts::default());
    let mut guaranteed = true;
    let of_pod = pod.at(&["spec", "resources"]).filter(|resources| !resources.is_null());
    if let Some(resources) = of_pod {
        add(&mut requests, resources.get("requests"));
        let given = resources.get("limits").and_then(Value::as_object).is_some_and(|l| !l.is_empty());
        let found = add(&mut limits, resources.get("limits"));
        guaranteed = !given || found == 2;
    } else {
        for list in ["containers", "initContainers"] {
            for container in pod.at(&["spec", list]).and_then(Value::as_array).unwrap_or_default() {
                add(&mut requests, container.at(&["resources", "requests"]));
                guaranteed &= add(&mut limits, container.at(&["resources", "limits"])) == 2;
            }
        }
    }
    match (requests == Amounts::default() && limits == Amounts::default(), guaranteed && requests == limits) {
        (true, _) => "BestEffort",
        (false, true) => "Guaranteed",
        (false, false) => "Burstable",
    }
}

/// Adds the amounts of CPU and memory that are above zero; says how many there are.
fn add(into: &mut Amounts, list: Option<&Value>) -> usize {
    let mut found = 0;
    for (name, sum) in ["cpu", "memory"].into_iter().zip(into) {
        let text = list.and_then(|list| list.get(name)).and_then(Value::as_str);
        let Some(amount) = text.and_then(|text| Quantity::parse(text).ok()) else { continue };
        if amount.is_zero() || amount.is_negative() {
            continue;
        }
        found += 1;
        *sum = Some(match sum {
            Some(sum) => sum.checked_add(&amount).unwrap_or(amount),
            None => amount,
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_apimachinery::codec::json;

    #[test]
    fn the_class_of_service_follows_requests_and_limits() {
        let check = |spec: &str, class: &str| {
            let text = format!(r#"{{"spec":{spec}}}"#);
            let value = json::decode_untyped(text.as_bytes()).expect("the test's JSON").value;
            assert_eq!(qos_class(&value), class, "{spec}");
        };
        let both = r#"{"requests":{"cpu":"1","memory":"1Gi"},"limits":{"cpu":"1000m","memory":"1Gi"}}"#;
        check(r#"{"containers":[{"name":"a"}]}"#, "BestEffort");
        check(r#"{"containers":[{"resources":{"requests":{"cpu":"0"}}}]}"#, "BestEffort");
        check(r#"{"containers":[{"resources":{"requests":{"cpu":"1"}}}]}"#, "Burstable");
        check(&format!(r#"{{"containers":[{{"resources":{both}}}]}}"#), "Guaranteed");
        check(&format!(r#"{{"containers":[{{"resources":{both}}},{{"name":"b"}}]}}"#), "Burstable");
        check(r#"{"containers":[{"resources":{"limits":{"cpu":"1","memory":"1"}}}]}"#, "Burstable");
        check(&format!(r#"{{"resources":{both},"containers":[{{"name":"a"}}]}}"#), "Guaranteed");
        check(r#"{"resources":{},"containers":[{"resources":{"requests":{"cpu":"1"}}}]}"#, "BestEffort");
    }
}
