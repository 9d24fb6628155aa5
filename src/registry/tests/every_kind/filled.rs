//! Objects with every field filled, which lie beside the checkout; where they are absent, the test says so.

use std::path::Path;

use super::*;
use crate::registry::stored_form::StoredForm;

fn filled(of: &Resource) -> Option<Json> {
    let group = if of.group.is_empty() { "core" } else { of.group.as_str() };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/testdata");
    let text = std::fs::read(folder.join(format!("{group}.{}.{}.json", of.version, of.kind))).ok()?;
    Some(serde_json::from_slice(&text).expect("JSON"))
}

#[tokio::test]
async fn filled_objects_of_any_version_lose_nothing() {
    let cluster = Cluster::new().await;
    let (mut seen, mut accepted) = (0, Vec::new());
    for (key, versions) in kinds() {
        let kind = Kind { cluster: &cluster, key: &key, versions: &versions };
        let resource = kind.store().resource();
        let form = StoredForm::of(resource, false);
        for of in &versions {
            let Some(mut sent) = filled(of) else { continue };
            seen += 1;
            let mut object = convert(read(of, &sent), of, resource);
            object.set_resource_version("");
            if key == "autoscaling/horizontalpodautoscalers" {
                // Its metrics are of all types at once, and `v1` has fields for what a valid one can have only.
                let v1 = versions.iter().find(|of| of.version == "v1").expect("a version");
                object = convert(convert(object, resource, v1), v1, resource);
            }
            let value = form.encode(object).expect("an object of its kind");
            let stored = Stored { value, revision: 0 };
            for of in &versions {
                let tree = kind.tree(of, &stored);
                assert_eq!(through_protobuf(of, &tree), tree, "{key} as protobuf of {}", of.version);
                let back = convert(read(of, &show(of, &tree)), of, resource);
                let again = Stored { value: form.encode(back).expect("an object of its kind"), revision: 0 };
                let text = |stored| show(resource, &kind.tree(resource, stored)).to_string();
                assert_eq!(text(&again), text(&stored), "{key} through {}", of.version);
                assert!(again == stored, "{key} through {}", of.version);
            }
            // Those that hold for valid are stored, too, under another name.
            let name = format!("filled-{}", of.version);
            sent["metadata"] = kind.named(&name)["metadata"].clone();
            if let Ok(stored) = kind.create(of, &sent, false).await {
                kind.writes_back(&stored).await;
                accepted.push(format!("{key} {}", of.version));
            }
        }
    }
    match seen {
        0 => println!("skipped: there are no filled objects beside the checkout"),
        _ => assert!(accepted.len() >= 5, "only {accepted:?} are valid"),
    }
    println!("of {seen} filled objects, these are valid: {accepted:?}");
    cluster.close().await;
}
