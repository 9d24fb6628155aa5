use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::codec::json;
use crate::meta::Object;
use crate::schema::{Field, Kind, ListType, Omit, StructType};
use crate::{Map, Schema, Status, TypeId, Value};

const THING: TypeId = TypeId(0);

/// A kind with every way to merge.
fn schema() -> Schema {
    let optional = |name: &str, number, kind| Field { omit: Omit::Empty, ..Field::new(name, number, kind) };
    let list = |name: &str, number, of: Kind, list_type, keys: &[&str]| {
        let mut field = optional(name, number, Kind::List(Box::new(of)));
        field.merge.list_type = Some(list_type);
        field.merge.list_map_keys = keys.iter().map(|k| (*k).into()).collect();
        field
    };
    let strings = || Kind::Map(Box::new(Kind::String));
    let mut protocol = optional("protocol", 2, Kind::String);
    protocol.default = Some("TCP".into());
    let mut selector = optional("selector", 6, strings());
    selector.merge.atomic_map = true;
    Schema::new(vec![
        StructType::new(
            "Thing",
            "v1.Thing",
            vec![
                optional("kind", 0, Kind::String),
                optional("apiVersion", 0, Kind::String),
                optional("metadata", 1, Kind::Struct(TypeId(1))),
                optional("spec", 2, Kind::Struct(TypeId(2))),
                optional("data", 3, strings()),
                optional("status", 4, Kind::Struct(TypeId(4))),
            ],
        ),
        StructType::new(
            "Meta",
            "v1.ObjectMeta",
            vec![
                optional("name", 1, Kind::String),
                optional("labels", 2, strings()),
                optional("annotations", 3, strings()),
                list("finalizers", 4, Kind::String, ListType::Set, &[]),
                optional("uid", 5, Kind::String),
                optional("managedFields", 6, Kind::List(Box::new(Kind::Any))),
            ],
        ),
        StructType::new(
            "Spec",
            "v1.Spec",
            vec![
                optional("replicas", 1, Kind::Int32),
                list("ports", 2, Kind::Struct(TypeId(3)), ListType::Map, &["port", "protocol"]),
                optional("args", 3, Kind::List(Box::new(Kind::String))),
                Field { pointer: true, ..optional("raw", 4, Kind::RawExtension) },
                selector,
            ],
        ),
        StructType::new(
            "Port",
            "v1.Port",
            vec![optional("port", 1, Kind::Int32), protocol, optional("name", 3, Kind::String)],
        ),
        StructType::new("Status", "v1.Status", vec![optional("ready", 1, Kind::Bool)]),
    ])
}

struct OneVersion;

impl Versions for OneVersion {
    fn type_of(&self, api_version: &str) -> Option<TypeId> {
        (api_version == "v1").then_some(THING)
    }

    fn convert(&self, _: &Value, _: &str, _: &str) -> Result<Value, String> {
        Err("there is one version".into())
    }
}

fn tree(text: &str) -> Value {
    json::decode_untyped(text.as_bytes()).unwrap().value
}

fn object(text: &str) -> Object {
    Object::try_from(json::decode(&schema(), THING, text.as_bytes()).unwrap().value).unwrap()
}

/// An object and its writers.
struct Server {
    schema: Schema,
    filter: Filter,
    subresource: &'static str,
    clock: u32,
    object: Option<Object>,
}

impl Server {
    fn new() -> Self {
        Server { schema: schema(), filter: Filter::All, subresource: "", clock: 0, object: None }
    }

    fn with<T>(&mut self, act: impl FnOnce(FieldManager<'_>, Option<&Object>) -> T) -> T {
        self.clock += 1;
        let now = format!("2026-01-01T00:{:02}:{:02}Z", self.clock / 60, self.clock % 60);
        let manager = FieldManager {
            schema: &self.schema,
            versions: &OneVersion,
            api_version: "v1",
            kind: "Thing",
            ty: THING,
            subresource: self.subresource,
            filter: &self.filter,
            now: &now,
        };
        act(manager, self.object.as_ref())
    }

    fn update(&mut self, manager: &str, text: &str) {
        let mut new = object(text);
        if let Some(live) = &self.object {
            new.set_uid(live.uid());
        }
        self.with(|fields, live| fields.update(live, &mut new, false, manager));
        new.set_uid("u");
        self.object = Some(new);
    }

    fn apply(&mut self, manager: &str, text: &str, force: bool) -> Result<(), Status> {
        let mut config = tree(text);
        let members = config.as_object_mut().unwrap();
        members.insert("apiVersion", "v1");
        members.insert("kind", "Thing");
        let decode = |merged: Value| {
            let canonical = json::canonicalize(&schema(), THING, merged).map_err(Status::internal)?.value;
            Object::try_from(canonical).map_err(|_| Status::internal("no object"))
        };
        let mut applied = self.with(|fields, live| fields.apply(live, &config, manager, force, &decode))?;
        applied.set_uid("u");
        self.object = Some(applied);
        Ok(())
    }

    fn refused(&mut self, manager: &str, text: &str) -> Status {
        self.apply(manager, text, false).expect_err("the apply is refused")
    }

    /// The managers with their fields, in the order of the entries.
    fn owners(&self) -> Vec<String> {
        let entries = self.object.as_ref().unwrap().managed_fields();
        let show = |entry: &Value| {
            let fields = match entry.get("fieldsV1") {
                Some(Value::Raw(json)) => json.to_string(),
                _ => "none".into(),
            };
            let time = if entry.get("time").is_some() { "" } else { " (no time)" };
            let text = |key| entry.str_at(&[key]).to_owned();
            format!("{} {}{time} {fields}", text("manager"), text("operation"))
        };
        entries.iter().map(show).collect()
    }

    fn json(&self) -> String {
        let mut object = self.object.clone().unwrap();
        object.set_managed_fields(Vec::new());
        object.set_uid("");
        for key in ["apiVersion", "kind"] {
            object.members_mut().remove(key);
        }
        let mut out = Vec::new();
        json::encode_untyped(object.as_value(), &mut out);
        String::from_utf8(out).unwrap()
    }
}

#[test]
fn sets_are_written_in_the_order_of_their_elements() {
    let check = |text: &str, written: &str| {
        assert_eq!(Set::parse(text.as_bytes()).unwrap().to_json(), written, "{text}");
    };
    check("{}", "{}");
    check("null", "{}");
    check(r#"{"f:b":{},"f:a":{"f:x":{},".":{}}}"#, r#"{"f:a":{".":{},"f:x":{}},"f:b":{}}"#);
    check(
        r#"{"i:1":{},"v:\"x\"":{},"v:10":{},"v:9":{},"k:{\"b\":1,\"a\":\"z\"}":{},"f:z":{}}"#,
        r#"{"f:z":{},"k:{\"a\":\"z\",\"b\":1}":{},"v:9":{},"v:10":{},"v:\"x\"":{},"i:1":{}}"#,
    );
    check(
        r#"{"k:{\"b\":-1}":{},"k:{\"a\":\"x\\\"y\"}":{}}"#,
        r#"{"k:{\"a\":\"x\\\"y\"}":{},"k:{\"b\":-1}":{}}"#,
    );
    check(r#"{"k:{\"b\":true,\"a\":1.5}":{}}"#, r#"{"k:{\"a\":1.5,\"b\":true}":{}}"#);
    check(r#"{"x:later":{"anything":[1]},"f:a":{}}"#, r#"{"f:a":{}}"#);
    check(r#"{"f:a\"\n<b":{}}"#, r#"{"f:a\"\n<b":{}}"#);
    check(r#"{"v:\"a<b\"":{}}"#, r#"{"v:\"a\\u003cb\"":{}}"#);
}

#[test]
fn what_is_no_set_is_refused() {
    for text in
        ["", "[]", "1", "{\"f:a\":1}", "{\"fa\":{}}", "{\"v:{\":{}}", "{\"i:x\":{}}", "{} {}", "{\"k:1\":{}}"]
    {
        assert!(Set::parse(text.as_bytes()).is_err(), "{text}");
    }
    let deep = "{\"f:a\":".repeat(100_000);
    assert!(Set::parse(deep.as_bytes()).is_err());
}

#[test]
fn fields_of_a_value_are_its_leaves_items_and_keys() {
    let check = |value: &str, set: &str| {
        assert_eq!(to_set(&schema(), THING, &tree(value)).to_json(), set, "{value}");
    };
    check(
        r#"{"data":{"k":"v"},"metadata":{"name":"a"}}"#,
        r#"{"f:data":{"f:k":{}},"f:metadata":{"f:name":{}}}"#,
    );
    check(r#"{"data":{}}"#, r#"{"f:data":{}}"#);
    check(r#"{"data":null,"spec":{"ports":null}}"#, r#"{"f:data":{},"f:spec":{"f:ports":{}}}"#);
    check(r#"{"spec":{"ports":[]}}"#, "{}");
    check(
        r#"{"spec":{"ports":[{"port":80,"name":"x"}],"args":["a"],"selector":{"a":"b"}}}"#,
        r#"{"f:spec":{"f:args":{},"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:name":{},"f:port":{}}},"f:selector":{}}}"#,
    );
    check(
        r#"{"metadata":{"finalizers":["a","b","a"]}}"#,
        r#"{"f:metadata":{"f:finalizers":{"v:\"a\"":{},"v:\"b\"":{}}}}"#,
    );
    check(
        r#"{"spec":{"raw":{"a":[1],"b":{"c":true}}}}"#,
        r#"{"f:spec":{"f:raw":{".":{},"f:a":{},"f:b":{".":{},"f:c":{}}}}}"#.replacen("\".\":{},", "", 1).as_str(),
    );
}

#[test]
fn comparisons_tell_added_modified_and_removed() {
    let check = |old: &str, new: &str, added: &str, modified: &str, removed: &str| {
        let found = compare(&schema(), THING, &tree(old), &tree(new));
        let found = [found.added.to_json(), found.modified.to_json(), found.removed.to_json()];
        assert_eq!(found, [added, modified, removed], "{old} {new}");
    };
    check(r#"{"data":{"a":"1"}}"#, r#"{"data":{"a":"1"}}"#, "{}", "{}", "{}");
    check("{}", r#"{"data":{"a":"1"}}"#, r#"{"f:data":{".":{},"f:a":{}}}"#, "{}", "{}");
    check(r#"{"data":{"a":"1"}}"#, "{}", "{}", "{}", r#"{"f:data":{".":{},"f:a":{}}}"#);
    check(
        r#"{"data":{"a":"1","b":"2"}}"#,
        r#"{"data":{"a":"3","c":"2"}}"#,
        r#"{"f:data":{"f:c":{}}}"#,
        r#"{"f:data":{"f:a":{}}}"#,
        r#"{"f:data":{"f:b":{}}}"#,
    );
    check(
        r#"{"spec":{"args":["a"]}}"#,
        r#"{"spec":{"args":["b"]}}"#,
        "{}",
        r#"{"f:spec":{"f:args":{}}}"#,
        "{}",
    );
    // Items that can't be told apart are owned as one.
    let key = r#"k:{\"port\":1,\"protocol\":\"TCP\"}"#;
    check(
        r#"{"spec":{"ports":[{"port":1}]}}"#,
        r#"{"spec":{"ports":[{"port":1},{"port":1,"protocol":"TCP"}]}}"#,
        &format!(r#"{{"f:spec":{{"f:ports":{{"{key}":{{}}}}}}}}"#),
        "{}",
        &format!(r#"{{"f:spec":{{"f:ports":{{"{key}":{{".":{{}},"f:port":{{}}}}}}}}}}"#),
    );
}

#[test]
fn merged_lists_keep_their_order_but_for_what_the_configuration_names() {
    let check = |live: &[&str], config: &[&str], merged: &[&str]| {
        let of = |names: &[&str]| {
            let items: Vec<Value> = names.iter().map(|n| Value::from(*n)).collect();
            let metadata: Map = [("finalizers".into(), Value::Array(items))].into_iter().collect();
            Value::Object([("metadata".into(), Value::Object(metadata))].into_iter().collect())
        };
        let found = merge(&schema(), THING, &of(live), &of(config));
        assert_eq!(found, of(merged), "{live:?} {config:?}");
    };
    check(&["a", "b"], &["c"], &["a", "b", "c"]);
    check(&["a", "b", "c"], &["c", "a"], &["b", "c", "a"]);
    check(&["a", "b"], &["x", "a", "y"], &["x", "a", "b", "y"]);
    check(&["b", "a"], &["x", "a"], &["b", "x", "a"]);
    check(&["a", "b"], &["x", "b", "a"], &["x", "b", "a"]);
    check(&["a", "a"], &["a"], &["a"]);
}

#[test]
fn a_creation_owns_what_it_sets() {
    let mut server = Server::new();
    server.update("creator", r#"{"metadata":{"name":"a","labels":{"l":"1"}},"data":{"k":"v"}}"#);
    let fields = r#"{"f:data":{".":{},"f:k":{}},"f:metadata":{"f:labels":{".":{},"f:l":{}}}}"#;
    assert_eq!(server.owners(), [format!("creator Update {fields}")]);
    server.update("other", r#"{"metadata":{"name":"a"},"data":{"k":"w"}}"#);
    assert_eq!(server.owners(), ["creator Update {\"f:data\":{}}", "other Update {\"f:data\":{\"f:k\":{}}}"]);
}

#[test]
fn what_no_one_owns_any_more_goes() {
    let mut server = Server::new();
    server.apply("one", r#"{"metadata":{"name":"a"},"data":{"k":"v","gone":"x"}}"#, false).unwrap();
    server.apply("two", r#"{"metadata":{"name":"a"},"data":{"k":"v"}}"#, false).unwrap();
    let two = r#"two Apply (no time) {"f:data":{"f:k":{}}}"#;
    assert_eq!(server.owners()[0], two, "equal values are shared, and change nothing");
    server.apply("one", r#"{"metadata":{"name":"a"}}"#, false).unwrap();
    assert_eq!(server.json(), r#"{"data":{"k":"v"},"metadata":{"name":"a"},"spec":{},"status":{}}"#);
    assert_eq!(server.owners(), [two]);
    server.apply("two", r#"{"metadata":{"name":"a"}}"#, false).unwrap();
    assert_eq!(server.json(), r#"{"metadata":{"name":"a"},"spec":{},"status":{}}"#);
    assert!(server.owners().is_empty());
}

#[test]
fn changing_what_others_own_is_a_conflict() {
    let mut server = Server::new();
    server.apply("one", r#"{"data":{"a":"1","b":"2"}}"#, false).unwrap();
    server.update("upd", r#"{"data":{"a":"1","b":"2","c":"3"}}"#);
    // The server keeps what owners it had: the update sent none.
    let refused = server.refused("two", r#"{"data":{"a":"x"}}"#);
    assert_eq!((refused.code(), refused.reason()), (409, "Conflict"));
    assert_eq!(refused.message(), "Apply failed with 1 conflict: conflict with \"one\": .data.a");
    let refused = server.refused("two", r#"{"data":{"a":"x","b":"y","c":"z"}}"#);
    assert_eq!(
        refused.message(),
        "Apply failed with 3 conflicts: conflicts with \"one\":\n- .data.a\n- .data.b\nconflicts with \"upd\" using \
         v1:\n- .data.c"
    );
    let causes = &refused.details().unwrap().causes;
    assert_eq!(causes.len(), 3);
    assert_eq!(causes[2].reason, "FieldManagerConflict");
    assert_eq!(causes[2].message, "conflict with \"upd\" using v1");
    server.apply("two", r#"{"data":{"a":"x","b":"y","c":"z"}}"#, true).unwrap();
    assert_eq!(server.owners(), [r#"two Apply {"f:data":{"f:a":{},"f:b":{},"f:c":{}}}"#]);
}

#[test]
fn objects_without_managers_belong_to_who_was_before() {
    let mut server = Server::new();
    server.apply("one", r#"{"data":{"k":"v"}}"#, false).unwrap();
    let mut object = server.object.clone().unwrap();
    object.set_managed_fields(vec![Value::Object(Map::new())]);
    server.with(|fields, live| fields.update(live, &mut object, false, "reset"));
    assert!(object.managed_fields().is_empty());
    server.object = Some(object);
    let refused = server.refused("two", r#"{"data":{"k":"w"}}"#);
    let text = "Apply failed with 1 conflict: conflict with \"before-first-apply\" using v1: .data.k";
    assert_eq!(refused.message(), text);
}

#[test]
fn entries_that_make_no_sense_count_as_none() {
    let mut server = Server::new();
    server.update("one", r#"{"data":{"k":"v"}}"#);
    let owners = server.owners();
    let mut object = server.object.clone().unwrap();
    object.set_managed_fields(vec![tree(r#"{"manager":"x","operation":"Nonsense"}"#)]);
    server.with(|fields, live| fields.update(live, &mut object, false, "two"));
    server.object = Some(object);
    assert_eq!(server.owners(), owners);
}

#[test]
fn configurations_that_do_not_fit_are_refused() {
    let check = |config: &str, code: u16, text: &str| {
        let refused = Server::new().refused("one", config);
        assert_eq!((refused.code(), refused.message()), (code, text), "{config}");
    };
    let typed = |why: &str| format!("failed to create typed patch object (/a; /v1, Kind=Thing): {why}");
    let check_type = |config: &str, why: &str| {
        check(&config.replacen('{', r#"{"metadata":{"name":"a"},"#, 1), 500, &typed(why));
    };
    check_type(r#"{"nope":1}"#, ".nope: field not declared in schema");
    check_type(r#"{"data":[]}"#, ".data: expected map, got &{[]}");
    check_type(r#"{"data":{"k":1}}"#, ".data.k: expected string, got &value.valueUnstructured{Value:1}");
    check_type(r#"{"spec":{"replicas":"x"}}"#, ".spec.replicas: expected numeric (int or float), got string");
    check_type(r#"{"spec":{"ports":"x"}}"#, ".spec.ports: expected list, got &{x}");
    check_type(
        r#"{"spec":{"ports":[{"port":1},{"port":1}]}}"#,
        ".spec.ports: duplicate entries for key [port=1,protocol=\"TCP\"]",
    );
    check_type(
        r#"{"nope":1,"spec":{"nope":1}}"#,
        "errors:\n  .nope: field not declared in schema\n  .spec.nope: field not declared in schema",
    );
    check(r#"{"metadata":{"managedFields":[]}}"#, 400, "metadata.managedFields must be nil");
}

#[test]
fn kubectl_takes_over_what_it_applied_on_the_clients_side() {
    let mut server = Server::new();
    let last = r#"{\"apiVersion\":\"v1\",\"kind\":\"Thing\",\"data\":{\"k\":\"v\"}}"#;
    let annotation = format!(
        r#""metadata":{{"annotations":{{"kubectl.kubernetes.io/last-applied-configuration":"{last}"}}}}"#
    );
    server.update("kubectl-client-side-apply", &format!(r#"{{{annotation},"data":{{"k":"v","j":"w"}}}}"#));
    assert_eq!(server.refused("other", r#"{"data":{"k":"x"}}"#).code(), 409);
    let refused = server.refused("kubectl", r#"{"data":{"k":"x","j":"y"}}"#);
    assert!(
        refused
            .message()
            .ends_with("1 conflict: conflict with \"kubectl-client-side-apply\" using v1: .data.j")
    );
    server.apply("kubectl", r#"{"data":{"k":"x"}}"#, false).unwrap();
    let kept = server.object.as_ref().unwrap().annotation("kubectl.kubernetes.io/last-applied-configuration");
    assert_eq!(kept, Some("{\"apiVersion\":\"v1\",\"data\":{\"k\":\"x\"},\"kind\":\"Thing\"}\n"));
}

#[test]
fn an_endpoint_owns_nothing_that_it_resets() {
    let mut server = Server::new();
    server.filter = Filter::Exclude(Set::of_fields(&[&["status"]]));
    server.apply("one", r#"{"data":{"k":"v"},"status":{"ready":true}}"#, false).unwrap();
    assert_eq!(server.owners(), [r#"one Apply {"f:data":{"f:k":{}}}"#]);
    let include = Filter::Include(vec![vec![Some("spec"), Some("ports"), None, Some("name")]]);
    let set = to_set(
        &schema(),
        THING,
        &tree(r#"{"data":{"k":"v"},"spec":{"replicas":1,"ports":[{"port":1,"name":"x"}]}}"#),
    );
    let left = r#"{"f:spec":{"f:ports":{"k:{\"port\":1,\"protocol\":\"TCP\"}":{".":{},"f:name":{}}}}}"#;
    assert_eq!(include.apply(set).to_json(), left);
}

#[test]
fn the_oldest_updaters_are_thrown_together() {
    let mut server = Server::new();
    let mut data = BTreeMap::new();
    for i in 0..15 {
        data.insert(format!("k{i:02}"), "v");
        let members: Vec<String> = data.iter().map(|(k, v)| format!("{k:?}:{v:?}")).collect();
        server.update(&format!("m{i:02}"), &format!("{{\"data\":{{{}}}}}", members.join(",")));
    }
    let owners = server.owners();
    assert_eq!(owners.len(), 10);
    assert!(
        owners[0].starts_with("ancient-changes Update {\"f:data\":{\".\":{},\"f:k00\":{}"),
        "{}",
        owners[0]
    );
    assert!(owners[9].starts_with("m14"));
}

#[test]
fn fields_come_out_alone() {
    let value = tree(r#"{"data":{"a":"1","b":"2"},"spec":{"ports":[{"port":1,"name":"x"},{"port":2}]}}"#);
    let set = Set::parse(
        br#"{"f:data":{"f:a":{}},"f:spec":{"f:ports":{"k:{\"port\":1,\"protocol\":\"TCP\"}":{"f:name":{}}}}}"#,
    );
    let set = set.unwrap();
    let extracted = tree(r#"{"data":{"a":"1"},"spec":{"ports":[{"name":"x"}]}}"#);
    assert_eq!(extract_items(&schema(), THING, &value, &set), extracted);
    let left = tree(r#"{"data":{"b":"2"},"spec":{"ports":[{"port":1},{"port":2}]}}"#);
    assert_eq!(remove_items(&schema(), THING, &value, &set), left);
}

#[test]
fn replicas_are_owned_through_the_scale() {
    let mut server = Server::new();
    server.apply("one", r#"{"spec":{"replicas":1,"args":["a"]}}"#, false).unwrap();
    let parent = server.object.as_ref().unwrap().managed_fields().to_vec();
    let scale = to_scale(&parent).unwrap();
    assert_eq!(scale.len(), 1);
    assert_eq!(scale[0].str_at(&["apiVersion"]), "autoscaling/v1");
    assert_eq!(from_scale(&parent, &scale, "v1").unwrap(), parent, "an untouched scale changes nothing");
    let taken = tree(
        r#"[{"apiVersion":"autoscaling/v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:replicas":{}}},
             "manager":"hpa","operation":"Update","subresource":"scale","time":"2026-01-01T00:00:09Z"}]"#,
    );
    let after = from_scale(&parent, taken.as_array().unwrap(), "v1").unwrap();
    let managers = decode(&after).unwrap();
    assert_eq!(managers.len(), 2);
    let hpa = &managers[&Identity::new("hpa", Operation::Update, "v1", "scale")];
    assert_eq!((hpa.set.to_json().as_str(), hpa.time.as_deref()), (r#"{"f:spec":{"f:replicas":{}}}"#, None));
}

#[test]
fn times_alone_are_no_change() {
    let entry = |time: &str, manager: &str| tree(&format!(r#"{{"manager":"{manager}","time":"{time}"}}"#));
    assert!(only_times_differ(&[entry("1", "a")], &[entry("2", "a")]));
    assert!(!only_times_differ(&[entry("1", "a")], &[entry("1", "a")]));
    assert!(!only_times_differ(&[entry("1", "a")], &[entry("2", "b")]));
    assert!(!only_times_differ(&[entry("1", "a")], &[]));
}

/// Configurations of the test kind whose fields are below `prefix`.
fn configs(prefix: &'static str) -> impl Strategy<Value = Value> {
    let name = move || "[a-c]{1,2}".prop_map(move |n| format!("{prefix}{n}"));
    let strings = move || prop::collection::btree_map(name(), "[x-z]{0,2}", 0..4);
    let ports = prop::collection::btree_map(1i64..4, prop::option::of("[x-z]"), 0..3);
    let finalizers = prop::collection::btree_set(name(), 0..3);
    (strings(), strings(), ports, finalizers, prop::option::of(1i64..4)).prop_map(
        move |(data, labels, ports, finalizers, replicas)| {
            let map = |m: BTreeMap<String, String>| -> Map {
                m.into_iter().map(|(k, v)| (k.into(), Value::from(v))).collect()
            };
            let mut spec = Map::new();
            let first = if prefix == "q" { 100 } else { 0 };
            let ports: Vec<Value> = ports
                .into_iter()
                .map(|(port, name)| {
                    let mut item = Map::new();
                    item.insert("port", port + first);
                    if let Some(name) = name {
                        item.insert("name", name);
                    }
                    Value::Object(item)
                })
                .collect();
            if !ports.is_empty() {
                spec.insert("ports", ports);
            }
            if let Some(replicas) = replicas.filter(|_| prefix == "p") {
                spec.insert("replicas", replicas);
            }
            // Who owns an empty map is in the way of who fills it: no one does here.
            let add = |to: &mut Map, key: &str, value: Value| {
                let empty = matches!(&value, Value::Object(m) if m.is_empty())
                    || matches!(&value, Value::Array(a) if a.is_empty());
                if !empty {
                    to.insert(key, value);
                }
            };
            let mut metadata = Map::new();
            add(&mut metadata, "labels", map(labels).into());
            add(
                &mut metadata,
                "finalizers",
                finalizers.into_iter().map(Value::from).collect::<Vec<_>>().into(),
            );
            let mut config = Map::new();
            add(&mut config, "metadata", metadata.into());
            add(&mut config, "data", map(data).into());
            add(&mut config, "spec", spec.into());
            Value::Object(config)
        },
    )
}

fn text(value: &Value) -> String {
    let mut out = Vec::new();
    json::encode_untyped(value, &mut out);
    String::from_utf8(out).unwrap()
}

fn sets() -> impl Strategy<Value = Set> {
    let element = prop_oneof![
        "[a-c]".prop_map(|name| PathElement::field(&name)),
        (0i64..3).prop_map(PathElement::Index),
        "[a-c\"<]".prop_map(|v| PathElement::Value(v.into())),
        (0i64..3, "[a-b]")
            .prop_map(|(n, s)| PathElement::Key(vec![("a".into(), n.into()), ("b".into(), s.into())])),
    ];
    prop::collection::vec(prop::collection::vec(element, 1..4), 0..12).prop_map(|paths| {
        let mut set = Set::new();
        paths.iter().for_each(|path| set.insert(path));
        set
    })
}

proptest! {
    #[test]
    fn sets_come_back_as_they_were_written(set in sets()) {
        prop_assert_eq!(Set::parse(set.to_json().as_bytes()).unwrap(), set);
    }

    #[test]
    fn sets_add_up(a in sets(), b in sets()) {
        let (both, common, only) = (a.union(&b), a.intersection(&b), a.difference(&b));
        for path in both.paths() {
            prop_assert_eq!(common.has(&path), a.has(&path) && b.has(&path));
            prop_assert_eq!(only.has(&path), a.has(&path) && !b.has(&path));
        }
        prop_assert_eq!(both.len() + common.len(), a.len() + b.len());
        prop_assert_eq!(only.union(&common), a.clone());
        prop_assert!(a.leaves().difference(&a).is_empty());
        prop_assert!(a.recursive_difference(&b).difference(&only).is_empty());
    }

    #[test]
    fn any_bytes_are_a_set_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = Set::parse(&bytes);
    }

    #[test]
    fn any_text_of_braces_is_a_set_or_refused(text in "[{}\":,.fkvi0-9a\\\\\\[\\]]{0,40}") {
        let _ = Set::parse(text.as_bytes());
    }

    #[test]
    fn applying_again_changes_nothing(config in configs("p"), update in configs("q")) {
        let mut server = Server::new();
        server.update("before", &text(&update));
        server.apply("one", &text(&config), false).unwrap();
        let once = server.object.clone();
        server.apply("one", &text(&config), false).unwrap();
        prop_assert_eq!(&server.object, &once);
    }

    #[test]
    fn managers_of_different_fields_never_meet(a in configs("p"), b in configs("q"), c in configs("p")) {
        let mut server = Server::new();
        server.apply("one", &text(&a), false).unwrap();
        server.apply("two", &text(&b), false).unwrap();
        server.apply("one", &text(&c), false).unwrap();
        server.apply("two", &text(&b), false).unwrap();
    }

    #[test]
    fn the_last_claim_takes_the_field_along(a in configs("p"), b in configs("q")) {
        let mut server = Server::new();
        server.apply("two", &text(&b), false).unwrap();
        let before = server.json();
        server.apply("one", &text(&a), false).unwrap();
        server.apply("one", "{}", false).unwrap();
        prop_assert_eq!(server.json(), before);
    }

    #[test]
    fn merging_what_is_there_changes_nothing(a in configs("p")) {
        prop_assert_eq!(merge(&schema(), THING, &a, &a), a);
    }
}
