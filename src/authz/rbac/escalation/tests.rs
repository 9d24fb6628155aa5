use keelson_apimachinery::codec::json;

use super::*;
use crate::authz::Union;
use crate::authz::rbac::{Binding, Freshness, Policy, Subject};

struct Fresh;

#[async_trait]
impl Freshness for Fresh {
    async fn catch_up(&self) {}
}

/// What storage has.
struct Known(Vec<(&'static str, &'static str, Vec<Rule>)>);

#[async_trait]
impl Roles for Known {
    async fn rules(&self, role: &RoleRef, namespace: &str) -> Result<Option<Vec<Rule>>, Status> {
        let namespace = if role.cluster { "" } else { namespace };
        let found = self.0.iter().find(|(ns, name, _)| (*ns, *name) == (namespace, role.name.as_str()));
        Ok(found.map(|(_, _, rules)| rules.clone()))
    }
}

fn object(text: &str) -> Object {
    Object::try_from(json::decode_untyped(text.as_bytes()).expect("the test's JSON").value)
        .expect("an object")
}

fn rules(text: &str) -> Vec<Rule> {
    Rule::read_all(object(&format!(r#"{{"rules":{text}}}"#)).as_value())
}

/// Alice may read pods in `ns`, Bob may `escalate` and `bind` what is called `x`, Carol everything; Dave's role is lost.
fn escalation() -> Escalation {
    let policy = Policy::default();
    let roles = [
        ("ns", "pods", r#"[{"verbs":["get","list"],"apiGroups":[""],"resources":["pods"]}]"#),
        (
            "",
            "giver",
            r#"[{"verbs":["escalate","bind"],"apiGroups":["rbac.authorization.k8s.io"],
                 "resources":["roles","clusterroles"],"resourceNames":["x"]}]"#,
        ),
        (
            "",
            "all",
            r#"[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]},{"verbs":["*"],"nonResourceURLs":["*"]}]"#,
        ),
    ];
    for (namespace, name, text) in roles {
        policy.set_role(namespace, name, rules(text));
    }
    let bindings = [
        ("ns", "pods", false, "alice"),
        ("", "giver", true, "bob"),
        ("", "all", true, "carol"),
        ("ns", "lost", false, "dave"),
    ];
    for (namespace, role, cluster, user) in bindings {
        let role = RoleRef { cluster, name: role.into() };
        let subjects = vec![Subject::User(user.into())];
        policy.set_binding(Binding { namespace: namespace.into(), name: user.into(), role, subjects });
    }
    let rbac = Rbac::new(Arc::new(policy), Arc::new(Fresh));
    let known = roles.map(|(namespace, name, text)| (namespace, name, rules(text)));
    let authorizer = Arc::new(Union::new(vec![Box::new(rbac.clone()) as Box<dyn Authorizer>]));
    Escalation::new(authorizer, rbac, Arc::new(Known(known.into())))
}

/// What is said to a user who makes `new` of `old` (none where it is empty); empty where it may be.
async fn check(name: &str, resource: &str, old: &str, new: &str, expected: &str) {
    let groups = vec!["devs".to_owned(), "system:authenticated".to_owned()];
    let user = UserInfo { name: name.to_owned(), groups, ..UserInfo::default() };
    let (new, old) = (object(new), (!old.is_empty()).then(|| object(old)));
    let grant = Grant {
        user: &user,
        resource,
        namespace: if resource.starts_with("cluster") { "" } else { "ns" },
        name: if old.is_some() { new.name() } else { "" },
        new: &new,
        old: old.as_ref(),
    };
    let said = escalation().check(&grant).await.err().map(|status| status.message().to_owned());
    assert_eq!(said.unwrap_or_default(), expected, "{name} {resource}");
}

fn role(name: &str, rules: &str) -> String {
    format!(r#"{{"metadata":{{"name":"{name}","resourceVersion":"1"}},"rules":{rules}}}"#)
}

fn binding(name: &str, kind: &str, role: &str) -> String {
    format!(
        r#"{{"metadata":{{"name":"{name}","resourceVersion":"1"}},
             "roleRef":{{"apiGroup":"rbac.authorization.k8s.io","kind":"{kind}","name":"{role}"}}}}"#
    )
}

const PODS: &str = r#"[{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}]"#;
const SECRETS: &str = r#"[{"verbs":["list","get"],"apiGroups":[""],"resources":["secrets"]},
    {"verbs":["get"],"apiGroups":[""],"resources":["pods"]}]"#;

fn missing(resource: &str, name: &str, user: &str, what: &str) -> String {
    format!(
        "{resource}.rbac.authorization.k8s.io \"{name}\" is forbidden: user \"{user}\" (groups=[\"devs\" \
         \"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n{what}"
    )
}

#[tokio::test]
async fn roles_give_what_their_writer_has() {
    check("alice", "roles", "", &role("x", PODS), "").await;
    let secrets = r#"{APIGroups:[""], Resources:["secrets"], Verbs:["list" "get"]}"#;
    check("alice", "roles", "", &role("x", SECRETS), &missing("roles", "x", "alice", secrets)).await;
    let pods = r#"{APIGroups:[""], Resources:["pods"], Verbs:["get"]}"#;
    check("alice", "clusterroles", "", &role("x", PODS), &missing("clusterroles", "x", "alice", pods)).await;
    check("carol", "clusterroles", "", &role("x", SECRETS), "").await;
    let said = missing("roles", "x", "dave", pods)
        + "; resolution errors: [roles.rbac.authorization.k8s.io \"lost\" not found]";
    check("dave", "roles", "", &role("x", PODS), &said).await;
    // A name in the path may be what the right is for; a creation has none there.
    check("bob", "roles", &role("x", PODS), &role("x", SECRETS), "").await;
    let both = format!("{pods}\n{secrets}");
    check("bob", "roles", "", &role("x", SECRETS), &missing("roles", "x", "bob", &both)).await;
}

#[tokio::test]
async fn updates_give_what_they_leave() {
    let old = role("x", SECRETS);
    let secrets = r#"{APIGroups:[""], Resources:["secrets"], Verbs:["list" "get"]}"#;
    let said = missing("roles", "x", "alice", secrets);
    check("alice", "roles", &old, &old.replace(r#""name""#, r#""labels":{"a":"b"},"name""#), &said).await;
    check("alice", "roles", &old, &old.replace("\"1\"", "\"\""), &said).await;
    // Garbage collection must come to its end, whoever drives it.
    let collected = r#""finalizers":["x"],"ownerReferences":[],"managedFields":[{"manager":"m"}],"name""#;
    check("alice", "roles", &old, &old.replace(r#""name""#, collected), "").await;
    let bound = binding("b", "ClusterRole", "all");
    check(
        "alice",
        "rolebindings",
        &bound,
        &bound.replace(r#""name":"b""#, r#""finalizers":["x"],"name":"b""#),
        "",
    )
    .await;
}

#[tokio::test]
async fn aggregation_needs_everything() {
    let aggregated =
        r#"{"metadata":{"name":"x"},"aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{"a":"b"}}]}}"#;
    let said = "clusterroles.rbac.authorization.k8s.io \"x\" is forbidden: must have cluster-admin privileges to use \
                the aggregationRule";
    check("alice", "clusterroles", "", aggregated, said).await;
    check("alice", "clusterroles", aggregated, r#"{"metadata":{"name":"x"},"rules":[]}"#, said).await;
    check("carol", "clusterroles", "", aggregated, "").await;
    check("bob", "clusterroles", aggregated, aggregated, "").await;
    let empty = r#"{"metadata":{"name":"x"},"aggregationRule":{"clusterRoleSelectors":[]}}"#;
    check("alice", "clusterroles", "", empty, "").await;
}

#[tokio::test]
async fn bindings_give_what_their_writer_has() {
    check("alice", "rolebindings", "", &binding("b", "Role", "pods"), "").await;
    let pods = r#"{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}"#;
    check(
        "bob",
        "rolebindings",
        "",
        &binding("b", "Role", "pods"),
        &missing("rolebindings", "b", "bob", pods),
    )
    .await;
    let all =
        "{APIGroups:[\"*\"], Resources:[\"*\"], Verbs:[\"*\"]}\n{NonResourceURLs:[\"*\"], Verbs:[\"*\"]}";
    let bound = binding("b", "ClusterRole", "all");
    check("alice", "clusterrolebindings", "", &bound, &missing("clusterrolebindings", "b", "alice", all))
        .await;
    check(
        "alice",
        "rolebindings",
        &binding("b", "ClusterRole", "all"),
        &bound.replace("\"1\"", "\"2\""),
        &missing("rolebindings", "b", "alice", all),
    )
    .await;
    check("carol", "clusterrolebindings", "", &bound, "").await;
    // Who may bind a role may bind it before it is there.
    check("bob", "clusterrolebindings", "", &binding("b", "ClusterRole", "x"), "").await;
    let gone = "rolebindings.rbac.authorization.k8s.io \"gone\" not found";
    check("alice", "rolebindings", "", &binding("b", "Role", "gone"), gone).await;
    check(
        "alice",
        "rolebindings",
        "",
        &binding("b", "Other", "x"),
        "unsupported role reference kind: \"Other\"",
    )
    .await;
}

#[tokio::test]
async fn masters_and_other_resources_are_not_asked() {
    let user = UserInfo { groups: vec![MASTERS.to_owned()], ..UserInfo::default() };
    let new = object(&role("x", SECRETS));
    let grant =
        Grant { user: &user, resource: "clusterroles", namespace: "", name: "", new: &new, old: None };
    assert_eq!(escalation().check(&grant).await, Ok(()));
    let user = UserInfo::default();
    assert_eq!(escalation().check(&Grant { user: &user, resource: "others", ..grant }).await, Ok(()));
}
