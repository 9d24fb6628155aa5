//! Any patch applies to any pod or is refused, and nothing nests deeper than decoders allow. Two documents,
//! each in a line.
#![no_main]

use keelson_api::facts;
use keelson_apimachinery::Value;
use keelson_apimachinery::codec::{MAX_DEPTH, json};
use keelson_apimachinery::patch::{
    check_merge_patch, json_patch, json_patch_strict_errors, merge_patch, strategic,
};
use libfuzzer_sys::fuzz_target;

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.iter().map(|(_, v)| depth(v)).max().unwrap_or(0),
        _ => 0,
    }
}

fuzz_target!(|input: &str| {
    let Some(input) = input.split_once('\n') else { return };
    let [Ok(object), Ok(patch)] = [input.0, input.1].map(|text| json::decode_untyped(text.as_bytes())) else {
        return;
    };
    let (object, patch) = (object.value, patch.value);
    let (schema, pod) = (keelson_api::schema(), facts::kind("", "v1", "Pod").expect("pods are built in"));
    let mut results = Vec::new();
    results.extend(json_patch(object.clone(), &patch));
    let _ = json_patch_strict_errors(&patch);
    if check_merge_patch(&patch, false).is_ok() {
        results.push(merge_patch(object.clone(), patch.clone()));
    }
    results.extend(strategic(schema, pod, object.clone(), patch.clone()));
    if let Ok(canonical) = json::canonicalize(schema, pod, object) {
        results.extend(strategic(schema, pod, canonical.value, patch));
    }
    assert!(results.iter().all(|r| depth(r) <= MAX_DEPTH));
});
