//! Any configuration applies to any pod or is refused; applied once more it changes nothing. Two
//! documents, each in a line.
#![no_main]

use keelson_api::{facts, schema};
use keelson_apimachinery::codec::json;
use keelson_apimachinery::managed_fields::{FieldManager, Filter, Versions};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::schema::TypeId;
use keelson_apimachinery::{Status, Value};
use libfuzzer_sys::fuzz_target;

struct OneVersion(TypeId);

impl Versions for OneVersion {
    fn type_of(&self, api_version: &str) -> Option<TypeId> {
        (api_version == "v1").then_some(self.0)
    }

    fn convert(&self, _: &Value, _: &str, _: &str) -> Result<Value, String> {
        Err("there is one version".into())
    }
}

fuzz_target!(|input: &str| {
    let Some(input) = input.split_once('\n') else { return };
    let pod = facts::kind("", "v1", "Pod").expect("pods are built in");
    let decode = |merged: Value| {
        let canonical = json::canonicalize(schema(), pod, merged).map_err(Status::internal)?.value;
        Object::try_from(canonical).map_err(|_| Status::internal("no object"))
    };
    let [Ok(live), Ok(config)] = [input.0, input.1].map(|text| json::decode_untyped(text.as_bytes())) else {
        return;
    };
    let Ok(mut live) = decode(live.value) else { return };
    let mut config = config.value;
    let Some(members) = config.as_object_mut() else { return };
    members.insert("apiVersion", "v1");
    members.insert("kind", "Pod");
    let versions = OneVersion(pod);
    let manager = FieldManager {
        schema: schema(),
        versions: &versions,
        api_version: "v1",
        kind: "Pod",
        ty: pod,
        subresource: "",
        filter: &Filter::All,
        now: "2026-01-01T00:00:00Z",
    };
    manager.update(None, &mut live, false, "writer");
    let _ = manager.apply(Some(&live), &config, "applier", false, &decode);
    let Ok(applied) = manager.apply(Some(&live), &config, "applier", true, &decode) else { return };
    let again = manager.apply(Some(&applied), &config, "applier", true, &decode);
    assert_eq!(again.expect("what was applied"), applied);
});
