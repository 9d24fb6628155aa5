use std::path::Path;

use super::*;

fn object(text: &str) -> Object {
    Object::try_from(json::decode_untyped(text.as_bytes()).expect("the test's JSON").value)
        .expect("an object")
}

fn updated(revision: Option<Revision>) -> Option<Object> {
    match revision {
        Some(Revision::Update(object)) => Some(object),
        Some(Revision::Recreate) => panic!("nothing to be made anew"),
        None => None,
    }
}

const WANTED_ROLE: &str = r#"{"metadata":{"name":"r","annotations":{"rbac.authorization.kubernetes.io/autoupdate":"true"},
    "labels":{"kubernetes.io/bootstrapping":"rbac-defaults"}},
    "rules":[{"verbs":["get","list"],"apiGroups":[""],"resources":["pods"]}]}"#;

#[test]
fn roles_get_what_they_lack_and_keep_what_they_have() {
    let wanted = object(WANTED_ROLE);
    assert!(rbac::revise_role(&wanted, &wanted).is_none());
    let more =
        WANTED_ROLE.replace("\"rules\":[", "\"rules\":[{\"verbs\":[\"*\"],\"nonResourceURLs\":[\"/x\"]},");
    assert!(rbac::revise_role(&object(&more), &wanted).is_none(), "added rules stay");
    let less = WANTED_ROLE.replace(r#""get","list""#, r#""get""#);
    let role = updated(rbac::revise_role(&object(&less), &wanted)).expect("an update");
    let rules = role.get("rules").and_then(Value::as_array).unwrap();
    assert_eq!((rules.len(), rules[1].at(&["verbs"])), (2, Some(&Value::Array(vec!["list".into()]))));
    let protected = less.replace(r#"autoupdate":"true""#, r#"autoupdate":"false""#);
    assert!(rbac::revise_role(&object(&protected), &wanted).is_none());
    let bare =
        object(r#"{"metadata":{"name":"r"},"rules":[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}]}"#);
    let role = updated(rbac::revise_role(&bare, &wanted)).expect("an update");
    assert_eq!(role.label("kubernetes.io/bootstrapping"), Some("rbac-defaults"));
    assert_eq!(role.get("rules"), bare.get("rules"), "all is allowed already");

    let aggregated = r#"{"metadata":{"name":"a"},"aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{"a":"b"}}]},"rules":null}"#;
    let own = aggregated.replace(r#"{"a":"b"}"#, r#"{"own":"x"}"#);
    let role = updated(rbac::revise_role(&object(&own), &object(aggregated))).expect("an update");
    let selectors = role.at(&["aggregationRule", "clusterRoleSelectors"]).and_then(Value::as_array).unwrap();
    assert_eq!(selectors.len(), 2);
}

#[test]
fn roles_that_are_not_to_gather_others_no_more_do() {
    let gathering = WANTED_ROLE.replace(
        "\"rules\"",
        r#""aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{"a":"b"}}]},"rules""#,
    );
    let role = updated(rbac::revise_role(&object(&gathering), &object(WANTED_ROLE))).expect("an update");
    assert_eq!(role, object(WANTED_ROLE));
}

#[test]
fn what_earlier_releases_had_is_moved() {
    let present = |texts: &[&str]| -> Present {
        texts.iter().map(|text| object(text)).map(|object| (key(&object), object)).collect()
    };
    let old = r#"{"metadata":{"name":"view","uid":"1","resourceVersion":"2","labels":{"l":"x"}},"rules":[{"verbs":["get"]}]}"#;
    let moved = |present: &Present| rbac::moved_rules(present, "view", "system:aggregate-to-view");
    let copy = moved(&present(&[old])).expect("a role");
    assert_eq!((copy.name(), copy.uid(), copy.label("l")), ("system:aggregate-to-view", "", Some("x")));
    assert_eq!(copy.get("rules"), object(old).get("rules"));
    assert_eq!(moved(&present(&[])), None);
    assert_eq!(moved(&present(&[old, r#"{"metadata":{"name":"system:aggregate-to-view"}}"#])), None);
    let gathers = old.replace("\"rules\"", r#""aggregationRule":{},"rules""#);
    assert_eq!(moved(&present(&[&gathers])), None);

    let template = object(
        r#"{"metadata":{"name":"system:public-info-viewer"},"roleRef":{"name":"system:public-info-viewer"},"subjects":[{"name":"all"}]}"#,
    );
    let source = r#"{"metadata":{"name":"system:discovery","annotations":{"rbac.authorization.kubernetes.io/autoupdate":"false"}},
        "roleRef":{"name":"system:discovery"},"subjects":[{"name":"some"}]}"#;
    let copy = rbac::split(&present(&[source]), &template).expect("a binding");
    assert_eq!((copy.name(), copy.get("roleRef")), (template.name(), template.get("roleRef")));
    assert_eq!(
        (copy.get("subjects"), copy.annotations()),
        (object(source).get("subjects"), object(source).annotations())
    );
    assert_eq!(rbac::split(&present(&[]), &template), None);
    let there = r#"{"metadata":{"name":"system:public-info-viewer"}}"#;
    assert_eq!(rbac::split(&present(&[source, there]), &template), None);
}

#[test]
fn bindings_get_the_subjects_they_lack_and_are_made_anew_for_another_role() {
    let wanted = r#"{"metadata":{"name":"b"},"roleRef":{"kind":"ClusterRole","name":"r"},"subjects":[{"kind":"Group","name":"g"}]}"#;
    assert!(rbac::revise_binding(&object(wanted), &object(wanted)).is_none());
    let other = wanted.replace("\"g\"", "\"h\"");
    let binding = updated(rbac::revise_binding(&object(&other), &object(wanted))).expect("an update");
    assert_eq!(binding.get("subjects").and_then(Value::as_array).map(<[_]>::len), Some(2));
    let role = wanted.replace("\"r\"", "\"s\"");
    assert!(matches!(rbac::revise_binding(&object(&role), &object(wanted)), Some(Revision::Recreate)));
    let protected = role.replace(
        r#""name":"b""#,
        r#""name":"b","annotations":{"rbac.authorization.kubernetes.io/autoupdate":"false"}"#,
    );
    assert!(rbac::revise_binding(&object(&protected), &object(wanted)).is_none());
}

#[test]
fn flow_schemas_follow_unless_somebody_changed_them() {
    let make = |name: &str, annotation: &str, generation: i64, precedence: i64| {
        let annotation = match annotation {
            "" => String::new(),
            text => format!(r#""annotations":{{"apf.kubernetes.io/autoupdate-spec":"{text}"}},"#),
        };
        object(&format!(
            r#"{{"metadata":{{{annotation}"name":"{name}","generation":{generation}}},"spec":{{"matchingPrecedence":{precedence}}}}}"#
        ))
    };
    let check =
        |name: &str, annotation: &str, generation: i64, precedence: i64, expected: Option<(i64, &str)>| {
            let current = make(name, annotation, generation, precedence);
            let revised = updated(flow_control::revise(&current, &make(name, "true", 1, 10)));
            let seen = revised.as_ref().map(|object| {
                let spec = object.at(&["spec", "matchingPrecedence"]).and_then(Value::as_i64).unwrap();
                (spec, object.annotation("apf.kubernetes.io/autoupdate-spec").unwrap())
            });
            assert_eq!(seen, expected, "{name} {annotation} {generation} {precedence}");
        };
    check("probes", "true", 1, 10, None);
    check("probes", "true", 5, 20, Some((10, "true")));
    check("probes", "false", 5, 20, None);
    check("probes", "", 1, 20, Some((10, "true")));
    check("probes", "", 2, 20, Some((20, "false")));
    check("exempt", "false", 2, 20, Some((10, "true")));
}

#[test]
fn api_services_of_users_are_theirs() {
    let make = |label: &str, priority: i64| {
        object(&format!(
            r#"{{"metadata":{{"name":"v1.","labels":{{{label}}}}},"spec":{{"version":"v1","versionPriority":{priority}}}}}"#
        ))
    };
    let managed = r#""kube-aggregator.kubernetes.io/automanaged":"onstart""#;
    let wanted = make(managed, 1);
    assert!(api_services::revise(&make(managed, 1), &wanted).is_none());
    assert!(updated(api_services::revise(&make(managed, 2), &wanted)).is_some());
    assert!(api_services::revise(&make("", 2), &wanted).is_none());
}

/// What of objects is compared.
const MEMBERS: [&str; 9] = [
    "rules",
    "aggregationRule",
    "roleRef",
    "subjects",
    "spec",
    "value",
    "description",
    "globalDefault",
    "preemptionPolicy",
];

/// The tables and the objects of a real cluster are the same.
#[tokio::test]
async fn the_tables_are_those_of_kube_apiserver() {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/bootstrap");
    if !reference.exists() {
        println!("no reference objects here: skipped");
        return;
    }
    let fresh = super::super::tests::Fresh::new("10.0.0.0/24").await;
    let endpoint = super::super::tests::endpoint("192.0.2.1");
    super::super::create_missing(&fresh.registry, &endpoint, &super::super::Milestones::default())
        .await
        .unwrap();
    let check = async |group: &str, plural: &str, files: &[&str]| {
        let store = fresh.registry.store(group, plural).expect("a resource");
        let listing = store.list(None, &ListOptions::default()).await.unwrap();
        let mut seen: HashMap<(String, String), Object> = HashMap::new();
        for item in listing.items {
            let object = item.decode(store.resource().type_id).unwrap();
            seen.insert(key(&object), object);
        }
        // The reference lacks a role that a real cluster has.
        let reader = ("kube-system".to_owned(), "extension-apiserver-authentication-reader".to_owned());
        let mut count = usize::from(plural == "roles" && seen.contains_key(&reader));
        for file in files {
            let text = std::fs::read(reference.join(format!("{file}.json"))).unwrap();
            let Value::Array(list) = json::decode_untyped(&text).unwrap().value else { panic!("no list") };
            for value in list {
                count += 1;
                let resource = store.resource();
                let canonical = json::canonicalize(keelson_api::schema(), resource.type_id, value).unwrap();
                let wanted = Object::try_from(canonical.value).expect("an object");
                let own = seen.get(&key(&wanted)).unwrap_or_else(|| panic!("no {plural}/{}", wanted.name()));
                for member in MEMBERS {
                    assert_eq!(own.get(member), wanted.get(member), "{plural}/{} {member}", wanted.name());
                }
                assert_eq!(own.labels(), wanted.labels(), "{plural}/{}", wanted.name());
                assert_eq!(own.annotations(), wanted.annotations(), "{plural}/{}", wanted.name());
            }
        }
        assert_eq!(seen.len(), count, "{plural}: nothing more");
    };
    let rbac = "rbac.authorization.k8s.io";
    check(rbac, "clusterroles", &["clusterroles"]).await;
    check(rbac, "clusterrolebindings", &["clusterrolebindings"]).await;
    check(rbac, "roles", &["kube-system-roles", "kube-public-roles"]).await;
    check(rbac, "rolebindings", &["kube-system-rolebindings", "kube-public-rolebindings"]).await;
    check("flowcontrol.apiserver.k8s.io", "flowschemas", &["flowschemas"]).await;
    let levels = "prioritylevelconfigurations";
    check("flowcontrol.apiserver.k8s.io", levels, &[levels]).await;
    check("scheduling.k8s.io", "priorityclasses", &["priorityclasses"]).await;
    check("apiregistration.k8s.io", "apiservices", &["apiservices"]).await;
}
