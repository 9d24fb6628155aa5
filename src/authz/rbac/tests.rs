use keelson_apimachinery::codec::json;
use keelson_apimachinery::{Text, Value};
use proptest::prelude::{Just, Strategy, prop_assert_eq, prop_oneof, proptest};

use super::*;
use crate::authz::Decision;

struct Fresh;

#[async_trait]
impl Freshness for Fresh {
    async fn catch_up(&self) {}
}

fn rules(text: &str) -> Vec<Rule> {
    let value = json::decode_untyped(format!(r#"{{"rules":{text}}}"#).as_bytes()).expect("JSON").value;
    Rule::read_all(&value)
}

fn binding(namespace: &str, name: &str, role: (&str, &str), subject: &str) -> Binding {
    let value: Value = json::decode_untyped(subject.as_bytes()).expect("JSON").value;
    Binding {
        namespace: namespace.into(),
        name: name.into(),
        role: RoleRef { cluster: role.0 == "ClusterRole", name: role.1.into() },
        subjects: vec![Subject::read(&value, namespace).expect("a subject")],
    }
}

fn user(name: &str, groups: &[&str]) -> UserInfo {
    UserInfo {
        name: name.into(),
        groups: groups.iter().map(|g| (*g).to_owned()).collect(),
        ..UserInfo::default()
    }
}

fn policy() -> Arc<Policy> {
    let policy = Policy::default();
    policy.set_role(
        "",
        "reader",
        rules(
            r#"[{"verbs":["get","list"],"apiGroups":[""],"resources":["pods","pods/log"]},
                {"verbs":["get"],"nonResourceURLs":["/healthz","/metrics/*"]}]"#,
        ),
    );
    policy.set_role(
        "ns",
        "editor",
        rules(r#"[{"verbs":["*"],"apiGroups":["apps"],"resources":["*/scale"],"resourceNames":["web"]}]"#),
    );
    policy.set_binding(binding(
        "",
        "readers",
        ("ClusterRole", "reader"),
        r#"{"kind":"Group","name":"devs"}"#,
    ));
    let account = r#"{"kind":"ServiceAccount","name":"robot"}"#;
    policy.set_binding(binding("ns", "robots", ("Role", "editor"), account));
    policy.set_binding(binding("ns", "lost", ("Role", "gone"), r#"{"kind":"User","name":"bob"}"#));
    Arc::new(policy)
}

async fn judge(policy: &Arc<Policy>, user: &UserInfo, what: &str) -> Verdict {
    let rbac = Rbac::new(Arc::clone(policy), Arc::new(Fresh));
    let mut words = what.split(' ');
    let (verb, what) = (words.next().unwrap(), words.next().unwrap());
    let path = what.starts_with('/');
    let (group, resource) = what.split_once(':').unwrap_or(("", what));
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let attributes = Attributes {
        is_resource_request: !path,
        group,
        version: "v1",
        resource: if path { "" } else { resource },
        subresource: if path { "" } else { subresource },
        namespace: words.next().unwrap_or(""),
        name: words.next().unwrap_or(""),
        path: if path { what } else { "" },
        ..Attributes::on_resources(user, verb)
    };
    rbac.authorize(&attributes).await
}

#[tokio::test]
async fn roles_allow_what_they_say_to_whom_they_are_bound() {
    let policy = policy();
    let check = async |user: &UserInfo, what: &str, reason: &str| {
        let verdict = judge(&policy, user, what).await;
        let allowed = verdict.decision == Decision::Allow;
        assert_eq!((allowed, &*verdict.reason), (reason.contains("allowed"), reason), "{what}");
    };
    let dev = user("alice", &["devs", "system:authenticated"]);
    let readers = r#"RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to Group "devs""#;
    check(&dev, "get pods ns p", readers).await;
    check(&dev, "list pods", readers).await;
    check(&dev, "get pods/log ns p", readers).await;
    check(&dev, "get pods/exec ns p", "").await;
    check(&dev, "delete pods ns p", "").await;
    check(&dev, "get apps:pods ns p", "").await;
    check(&dev, "get /healthz", readers).await;
    check(&dev, "get /metrics/slis", readers).await;
    check(&dev, "get /metrics", "").await;
    let robot = user("system:serviceaccount:ns:robot", &[]);
    let robots = r#"RBAC: allowed by RoleBinding "robots/ns" of Role "editor" to ServiceAccount "robot/ns""#;
    check(&robot, "update apps:deployments/scale ns web", robots).await;
    check(&robot, "update apps:deployments/scale ns other", "").await;
    check(&robot, "update apps:deployments/scale other web", "").await;
    check(&robot, "update apps:deployments ns web", "").await;
    let lost = r#"RBAC: role.rbac.authorization.k8s.io "gone" not found"#;
    check(&user("bob", &[]), "get pods ns p", lost).await;
}

#[tokio::test]
async fn the_policy_follows_its_objects() {
    let policy = policy();
    let dev = user("alice", &["devs"]);
    let allowed =
        async |policy: &Arc<Policy>| judge(policy, &dev, "get pods ns p").await.decision == Decision::Allow;
    policy.remove_role("", "reader");
    assert!(!allowed(&policy).await);
    let reader = rules(r#"[{"verbs":["get"],"apiGroups":["*"],"resources":["*"]}]"#);
    policy.replace_roles(true, vec![(Text::default(), "reader".into(), reader)]);
    assert!(allowed(&policy).await);
    let robot = user("system:serviceaccount:ns:robot", &[]);
    let scale = "get apps:deployments/scale ns web";
    assert_eq!(judge(&policy, &robot, scale).await.decision, Decision::Allow, "roles of namespaces stay");
    policy.set_binding(binding("", "readers", ("ClusterRole", "reader"), r#"{"kind":"User","name":"x"}"#));
    assert!(!allowed(&policy).await, "the binding has other subjects now");
    policy.remove_binding("", "readers");
    assert!(judge(&policy, &user("x", &[]), "get pods ns p").await.decision != Decision::Allow);
    policy.replace_bindings(false, Vec::new());
    assert_eq!(judge(&policy, &robot, scale).await.decision, Decision::NoOpinion);
}

#[tokio::test]
async fn the_rules_of_a_user_are_told() {
    let rbac = Rbac::new(policy(), Arc::new(Fresh));
    let found = rbac.rules_for(&user("system:serviceaccount:ns:robot", &["devs"]), "ns").await;
    assert_eq!((found.rules.len(), found.errors.len()), (3, 0));
    let found = rbac.rules_for(&user("bob", &[]), "ns").await;
    assert_eq!(found.errors, [r#"role.rbac.authorization.k8s.io "gone" not found"#]);
}

/// Words that requests and rules share, so that some meet.
const WORDS: [&str; 5] = ["*", "a", "b", "a/s", "*/s"];

fn words() -> impl Strategy<Value = Vec<Text>> {
    proptest::collection::vec(proptest::sample::select(&WORDS[..]).prop_map(Text::from), 0..3)
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let paths = prop_oneof![8 => Just(Vec::new()), 1 => words()];
    (words(), words(), words(), words(), paths).prop_map(
        |(verbs, api_groups, resources, resource_names, non_resource_urls)| Rule {
            verbs,
            api_groups,
            resources,
            resource_names,
            non_resource_urls,
        },
    )
}

proptest! {
    #[test]
    fn a_table_decides_as_its_rules(
        roles in proptest::collection::vec(proptest::collection::vec(any_rule(), 0..4), 0..4),
        asked in proptest::collection::vec(proptest::sample::select(&WORDS[..]), 4),
        subresource in proptest::sample::select(&["", "s"][..]),
    ) {
        let user = UserInfo::default();
        let bindings: Vec<Arc<Binding>> = (0..roles.len() + 1)
            .map(|i| Arc::new(binding("", &format!("b{i}"), ("ClusterRole", &format!("r{i}")), r#"{"kind":"User"}"#)))
            .collect();
        let rules = |i: usize| roles.get(i).map(Vec::as_slice);
        let table = table::Table::new(bindings.iter().enumerate().map(|(i, binding)| (binding, rules(i))));
        let [verb, group, resource, name] = asked[..] else { unreachable!("four words") };
        let resource_request = Attributes { group, resource, subresource, name, ..Attributes::on_resources(&user, verb) };
        let path_request = Attributes { is_resource_request: false, path: resource, ..Attributes::on_resources(&user, verb) };
        for attributes in [resource_request, path_request] {
            let first = roles.iter().position(|rules| rules.iter().any(|rule| allows(rule, &attributes)));
            let found = table.allows(&attributes).map(|binding| binding.name.as_str());
            prop_assert_eq!(found.map(str::to_owned), first.map(|i| format!("b{i}")));
        }
        prop_assert_eq!(table.lost().count(), 1);
    }
}

#[tokio::test]
async fn many_bindings_follow_their_objects_too() {
    let policy = Arc::new(Policy::default());
    let alice = user("alice", &["devs"]);
    let pods = || rules(r#"[{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}]"#);
    for i in 0..100 {
        policy.set_role(
            "",
            &format!("r{i}"),
            rules(r#"[{"verbs":["get"],"apiGroups":[""],"resources":["x"]}]"#),
        );
        let subject = if i % 2 == 0 {
            r#"{"kind":"User","name":"alice"}"#
        } else {
            r#"{"kind":"Group","name":"devs"}"#
        };
        policy.set_binding(binding("", &format!("b{i}"), ("ClusterRole", &format!("r{i}")), subject));
    }
    let check = async |expected: &str| {
        assert_eq!(judge(&policy, &alice, "get pods ns p").await.reason, expected);
    };
    check("").await;
    policy.set_role("", "r51", pods());
    check(r#"RBAC: allowed by ClusterRoleBinding "b51" of ClusterRole "r51" to Group "devs""#).await;
    policy.remove_role("", "r51");
    check(r#"RBAC: clusterrole.rbac.authorization.k8s.io "r51" not found"#).await;
    policy.remove_binding("", "b51");
    check("").await;
    policy.replace_roles(true, vec![(Text::default(), "r4".into(), pods())]);
    check(r#"RBAC: allowed by ClusterRoleBinding "b4" of ClusterRole "r4" to User "alice""#).await;
    policy.replace_bindings(true, Vec::new());
    check("").await;
}

#[tokio::test]
async fn each_binding_counts_once_and_names_its_first_subject() {
    let policy = Arc::new(Policy::default());
    policy.set_role(
        "",
        "r",
        rules(r#"[{"verbs":["get"],"apiGroups":[""],"resources":["pods","*/s","a/b"]}]"#),
    );
    let mut both = binding("", "b", ("ClusterRole", "r"), r#"{"kind":"Group","name":"devs"}"#);
    both.subjects.push(Subject::User("alice".into()));
    policy.set_binding(both);
    let alice = user("alice", &["devs", "devs"]);
    let reason = judge(&policy, &alice, "get pods ns p").await.reason;
    assert_eq!(reason, r#"RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to Group "devs""#);
    let found = Rbac::new(Arc::clone(&policy), Arc::new(Fresh)).rules_for(&alice, "ns").await;
    assert_eq!(found.rules.len(), 1);
    let nobody: Value = json::decode_untyped(br#"{"kind":"ServiceAccount","name":"x"}"#).expect("JSON").value;
    assert_eq!(Subject::read(&nobody, ""), None);
    // A resource may be asked for with its subresource behind it, in a review.
    let asked = Attributes { resource: "a/b", ..Attributes::on_resources(&alice, "get") };
    assert!(Rbac::new(policy, Arc::new(Fresh)).authorize(&asked).await.is_allowed());
}
