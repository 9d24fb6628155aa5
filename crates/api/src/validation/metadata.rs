//! Rules for `metadata`: on every write, and for what an update may change.
//!
//! Source: apimachinery's `api/validation`: the order of the errors is its order; where upstream walks a map
//! in random order, ours is sorted.

use keelson_apimachinery::field::{ErrorType, FieldError, Path, quote};
use keelson_apimachinery::meta::{GroupVersion, Object};
use keelson_apimachinery::{Map, Value, codec};

use keelson_apimachinery::content::names::{NameRule, dns_label, label_value, qualified_name};

use super::{Errors, Node};

/// What all annotations of an object may take together, keys and values, in bytes.
const MAX_ANNOTATIONS: usize = 256 * 1024;

const IMMUTABLE: &str = "field is immutable";

/// Checks the metadata of an object that is to be written; its name must have been generated.
pub fn validate(object: &Object, namespaced: bool, rule: NameRule) -> Vec<FieldError> {
    let path = Path::new("metadata");
    let mut errors = Vec::new();
    let prefix = object.generate_name();
    if !prefix.is_empty() {
        let texts = rule.check(prefix, true);
        errors.extend(texts.iter().map(|t| FieldError::invalid(&path.child("generateName"), prefix, t)));
    }
    let name_path = path.child("name");
    if object.name().is_empty() {
        errors.push(FieldError::required(&name_path, "name or generateName is required"));
    } else {
        let texts = rule.check(object.name(), false);
        errors.extend(texts.iter().map(|t| FieldError::invalid(&name_path, object.name(), t)));
    }
    let (namespace, namespace_path) = (object.namespace(), path.child("namespace"));
    match (namespaced, namespace.is_empty()) {
        (true, true) => errors.push(FieldError::required(&namespace_path, "")),
        (true, false) => {
            let texts = dns_label(namespace);
            errors.extend(texts.iter().map(|t| FieldError::invalid(&namespace_path, namespace, t)));
        }
        (false, false) => errors.push(FieldError::forbidden(&namespace_path, "not allowed on this type")),
        (false, true) => {}
    }
    if object.generation() < 0 {
        let why = "must be greater than or equal to 0";
        errors.push(FieldError::invalid_int(&path.child("generation"), object.generation(), why));
    }
    labels(object, &path, &mut errors);
    annotations(object, &path, &mut errors);
    owner_references(object, &path, &mut errors);
    finalizers(object, &path, &mut errors);
    errors
}

/// Refuses finalizers without a domain, but for those that Kubernetes itself has: what most kinds add.
pub fn validate_finalizer_names(object: &Object) -> Vec<FieldError> {
    let path = Path::new("metadata").child("finalizers");
    let own = |name: &str| matches!(name, "kubernetes" | "orphan" | "foregroundDeletion");
    let wrong = object.finalizers().enumerate().filter(|(_, name)| !name.contains('/') && !own(name));
    let why = "name is neither a standard finalizer name nor is it fully qualified";
    wrong.map(|(i, name)| FieldError::invalid(&path.index(i), name, why)).collect()
}

/// As [`validate`] and [`validate_finalizer_names`], for kinds that check an updated object as if it were new,
/// after what is checked of every update. `errors` has what that found: where it found nothing, only the name
/// and the finalizers can be wrong.
pub(super) fn validate_again(object: &Node<'_>, namespaced: bool, rule: NameRule, errors: &mut Errors) {
    let metadata = object.child("metadata");
    let (name, prefix) = (metadata.child("name"), metadata.child("generateName"));
    let prefix = prefix.text();
    let plain = |finalizer: &Value| finalizer.as_str().is_some_and(|name| name.contains('/'));
    if errors.is_empty()
        && rule.check(name.text(), false).is_empty()
        && (prefix.is_empty() || rule.check(prefix, true).is_empty())
        && metadata.array_at(&["finalizers"]).iter().all(plain)
    {
        return;
    }
    let members = metadata.object().into_iter().flat_map(Map::iter);
    let members = members.filter(|(key, _)| *key != "managedFields");
    let members: Map = members.map(|(key, value)| (key.into(), value.clone())).collect();
    let mut map = Map::new();
    map.insert("metadata", members);
    let object = Object::from(map);
    errors.extend(validate(&object, namespaced, rule));
    errors.extend(validate_finalizer_names(&object));
}

/// Checks what an update changes in the metadata.
pub fn validate_update(new: &Object, old: &Object) -> Vec<FieldError> {
    let path = Path::new("metadata");
    let mut errors = Vec::new();
    if old.deletion_timestamp().is_some() {
        no_new_finalizers(new, old, &path, &mut errors);
    }
    if new.resource_version().is_empty() {
        let why = "must be specified for an update";
        errors.push(FieldError::invalid(&path.child("resourceVersion"), "", why));
    }
    if new.generation() < old.generation() {
        let why = "must not be decremented";
        errors.push(FieldError::invalid_int(&path.child("generation"), new.generation(), why));
    }
    let immutable =
        ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"];
    for key in immutable {
        let (now, before) = (new.at(&["metadata", key]), old.at(&["metadata", key]));
        if now != before {
            errors.push(FieldError::new(
                ErrorType::Invalid,
                &path.child(key),
                Some(shown(key, now)),
                IMMUTABLE,
            ));
        }
    }
    labels(new, &path, &mut errors);
    annotations(new, &path, &mut errors);
    owner_references(new, &path, &mut errors);
    errors
}

/// A metadata member as an error shows it: absent strings are `""`, absent pointers `null`.
fn shown(key: &str, value: Option<&Value>) -> String {
    match (key, value) {
        ("name" | "namespace" | "uid", None) => quote(""),
        (_, None) => "null".to_owned(),
        (_, Some(Value::String(text))) => quote(text),
        (_, Some(value)) => json(value),
    }
}

fn json(value: &Value) -> String {
    let mut out = Vec::new();
    codec::json::encode_untyped(value, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn labels(object: &Object, path: &Path, errors: &mut Vec<FieldError>) {
    let path = path.child("labels");
    for (key, value) in object.labels().into_iter().flat_map(|map| map.iter()) {
        errors.extend(qualified_name(key).iter().map(|t| FieldError::invalid(&path, key, t)));
        let value = value.as_str().unwrap_or_default();
        errors.extend(label_value(value).iter().map(|t| FieldError::invalid(&path, value, t)));
    }
}

fn annotations(object: &Object, path: &Path, errors: &mut Vec<FieldError>) {
    let path = path.child("annotations");
    let mut size = 0;
    for (key, value) in object.annotations().into_iter().flat_map(|map| map.iter()) {
        errors.extend(
            qualified_name(&key.to_ascii_lowercase()).iter().map(|t| FieldError::invalid(&path, key, t)),
        );
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > MAX_ANNOTATIONS {
        errors.push(FieldError::too_long(&path, MAX_ANNOTATIONS));
    }
}

fn owner_references(object: &Object, path: &Path, errors: &mut Vec<FieldError>) {
    let path = path.child("ownerReferences");
    let list = object.owner_references();
    let mut controller = None;
    for reference in list {
        let text = |key| reference.get(key).and_then(Value::as_str).unwrap_or_default();
        let parsed = GroupVersion::parse(text("apiVersion")).unwrap_or_default();
        if parsed.version.is_empty() {
            let why = "version must not be empty";
            errors.push(FieldError::invalid(&path.child("apiVersion"), text("apiVersion"), why));
        }
        for key in ["kind", "name", "uid"] {
            if text(key).is_empty() {
                errors.push(FieldError::invalid(&path.child(key), "", "must not be empty"));
            }
        }
        if parsed.group.is_empty() && parsed.version == "v1" && text("kind") == "Event" {
            let why = "/v1, Kind=Event is disallowed from being an owner";
            errors.push(FieldError::new(ErrorType::Invalid, &path, Some(reference_json(reference)), why));
        }
        if reference.get("controller").and_then(Value::as_bool) == Some(true) {
            let this = format!("{}/{}", text("kind"), text("name"));
            match &controller {
                None => controller = Some(this),
                Some(first) => {
                    let why = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"
                    );
                    let all: Vec<String> = list.iter().map(reference_json).collect();
                    let all = format!("[{}]", all.join(","));
                    errors.push(FieldError::new(ErrorType::Invalid, &path, Some(all), why));
                }
            }
        }
    }
}

/// An owner reference as JSON, its members in the order that the type declares them.
fn reference_json(reference: &Value) -> String {
    let all = ["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"];
    let members = all.into_iter().filter_map(|key| Some((key, reference.get(key)?)));
    let members: Vec<String> = members.map(|(key, value)| format!("\"{key}\":{}", json(value))).collect();
    format!("{{{}}}", members.join(","))
}

fn finalizers(object: &Object, path: &Path, errors: &mut Vec<FieldError>) {
    let path = path.child("finalizers");
    let (mut orphan, mut foreground) = (false, false);
    for name in object.finalizers() {
        errors.extend(qualified_name(name).iter().map(|t| FieldError::invalid(&path, name, t)));
        orphan |= name == "orphan";
        foreground |= name == "foregroundDeletion";
    }
    if orphan && foreground {
        let all = json(&Value::Array(object.finalizers().map(Value::from).collect()));
        let why = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(FieldError::new(ErrorType::Invalid, &path, Some(all), why));
    }
}

fn no_new_finalizers(new: &Object, old: &Object, path: &Path, errors: &mut Vec<FieldError>) {
    let mut added: Vec<&str> = new.finalizers().filter(|f| !old.finalizers().any(|o| o == *f)).collect();
    if added.is_empty() {
        return;
    }
    added.sort_unstable();
    added.dedup();
    let list: Vec<String> = added.into_iter().map(quote).collect();
    let why = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
        list.join(", ")
    );
    errors.push(FieldError::forbidden(&path.child("finalizers"), why));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(metadata: &str) -> Object {
        let value = codec::json::decode_untyped(metadata.as_bytes()).expect("the test's JSON").value;
        let mut map = Map::new();
        map.insert("metadata", value);
        Object::from(map)
    }

    #[test]
    fn metadata_is_refused_with_upstreams_texts() {
        let check = |metadata: &str, expected: &[&str]| {
            let errors = validate(&object(metadata), true, NameRule::Subdomain);
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert_eq!(texts, expected, "{metadata}");
        };
        check(r#"{"name":"a","namespace":"n","labels":{"a/b":"c"},"finalizers":["x/y"]}"#, &[]);
        check(
            r#"{}"#,
            &[
                "metadata.name: Required value: name or generateName is required",
                "metadata.namespace: Required value",
            ],
        );
        check(
            r#"{"name":"a","namespace":"n","ownerReferences":[{"apiVersion":"","kind":"","name":"","uid":""}]}"#,
            &[
                "metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty",
                "metadata.ownerReferences.kind: Invalid value: \"\": must not be empty",
                "metadata.ownerReferences.name: Invalid value: \"\": must not be empty",
                "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty",
            ],
        );
        check(
            r#"{"name":"a","namespace":"n","ownerReferences":[{"apiVersion":"v1","kind":"Event","name":"p","uid":"u"}]}"#,
            &[concat!(
                "metadata.ownerReferences: Invalid value: {\"apiVersion\":\"v1\",\"kind\":\"Event\",\"name\":\"p\",",
                "\"uid\":\"u\"}: /v1, Kind=Event is disallowed from being an owner"
            )],
        );
        check(
            r#"{"name":"a","namespace":"n","finalizers":["orphan","foregroundDeletion"]}"#,
            &[concat!(
                "metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: ",
                "finalizer orphan and foregroundDeletion cannot be both set"
            )],
        );
        let long = "x".repeat(MAX_ANNOTATIONS);
        check(
            &format!(r#"{{"name":"a","namespace":"n","annotations":{{"k":"{long}"}}}}"#),
            &["metadata.annotations: Too long: may not be more than 262144 bytes"],
        );
    }

    #[test]
    fn updates_may_not_change_what_is_immutable() {
        let old = object(
            r#"{"name":"a","uid":"u","resourceVersion":"1","deletionTimestamp":"2026-01-01T00:00:00Z","deletionGracePeriodSeconds":5,"finalizers":["a/b"]}"#,
        );
        let check = |metadata: &str, expected: &[&str]| {
            let texts: Vec<String> =
                validate_update(&object(metadata), &old).iter().map(ToString::to_string).collect();
            assert_eq!(texts, expected, "{metadata}");
        };
        check(
            r#"{"name":"b","uid":"v","resourceVersion":"1","deletionTimestamp":"2026-01-01T00:00:01Z","deletionGracePeriodSeconds":3,"finalizers":["a/b","c/d"]}"#,
            &[
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"c/d\"}",
                "metadata.name: Invalid value: \"b\": field is immutable",
                "metadata.uid: Invalid value: \"v\": field is immutable",
                "metadata.deletionTimestamp: Invalid value: \"2026-01-01T00:00:01Z\": field is immutable",
                "metadata.deletionGracePeriodSeconds: Invalid value: 3: field is immutable",
            ],
        );
    }

    #[test]
    fn finalizers_need_a_domain() {
        let texts: Vec<String> =
            validate_finalizer_names(&object(r#"{"finalizers":["x/y","orphan","nodomain"]}"#))
                .iter()
                .map(ToString::to_string)
                .collect();
        assert_eq!(
            texts,
            [
                "metadata.finalizers[2]: Invalid value: \"nodomain\": name is neither a standard finalizer name nor is it fully qualified"
            ]
        );
    }
}
