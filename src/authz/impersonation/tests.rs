use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::*;
use crate::authz::Verdict;

/// Allows what is listed: `verb group/resource/subresource namespace/name`.
struct Listed {
    rights: &'static [&'static str],
    asked: AtomicUsize,
}

#[async_trait]
impl Authorizer for Listed {
    async fn authorize(&self, a: &Attributes<'_>) -> Verdict {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let wanted =
            format!("{} {}/{}/{} {}/{}", a.verb, a.group, a.resource, a.subresource, a.namespace, a.name);
        let allowed = self.rights.contains(&wanted.as_str());
        if allowed { Verdict::allow() } else { Verdict::no_opinion() }
    }
}

fn user(name: &str, groups: &[&str]) -> UserInfo {
    UserInfo {
        name: name.into(),
        groups: groups.iter().map(|g| (*g).to_owned()).collect(),
        ..UserInfo::default()
    }
}

fn list_pods(user: &UserInfo) -> Attributes<'_> {
    Attributes { version: "v1", resource: "pods", namespace: "ns", ..Attributes::on_resources(user, "list") }
}

async fn check(
    requestor: &UserInfo,
    wanted: &UserInfo,
    rights: &'static [&'static str],
    expected: Result<&[&str], &str>,
) {
    let authorizer = Listed { rights, asked: AtomicUsize::new(0) };
    let impersonation = Impersonation::new(Arc::new(authorizer));
    match (impersonation.act_as(wanted, &list_pods(requestor)).await, expected) {
        (Ok(user), Ok(groups)) => {
            assert_eq!(user.name, wanted.name);
            assert_eq!(user.groups, groups, "{wanted:?}");
        }
        (Err(status), Err(text)) => {
            assert_eq!((status.code(), status.message()), (403, text), "{wanted:?}");
        }
        (found, expected) => panic!("{wanted:?}: {found:?}, expected {expected:?}"),
    }
}

#[tokio::test]
async fn the_old_right_lets_act_as_anybody_named() {
    let robot = user("robot", &[]);
    let rights: &[&str] =
        &["impersonate /users/ /bob", "impersonate /groups/ /devs", "impersonate /serviceaccounts/ ns/sa"];
    check(&robot, &user("bob", &[]), rights, Ok(&[AUTHENTICATED])).await;
    check(&robot, &user("bob", &["devs"]), rights, Ok(&["devs", AUTHENTICATED])).await;
    let groups: &[&str] = &["system:serviceaccounts", "system:serviceaccounts:ns", AUTHENTICATED];
    check(&robot, &user("system:serviceaccount:ns:sa", &[]), rights, Ok(groups)).await;
    let on = r#"pods is forbidden: User "robot" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "ns""#;
    check(&robot, &user("carol", &[]), rights, Err(on)).await;
}

#[tokio::test]
async fn constrained_rights_are_for_certain_requests() {
    let robot = user("robot", &[]);
    let rights: &[&str] = &[
        "impersonate-on:user-info:list /pods/ ns/",
        "impersonate:user-info authentication.k8s.io/users/ /bob",
        "impersonate-on:arbitrary-node:list /pods/ ns/",
        "impersonate:arbitrary-node authentication.k8s.io/nodes/ /n1",
    ];
    check(&robot, &user("bob", &[]), rights, Ok(&[AUTHENTICATED])).await;
    check(&robot, &user("system:node:n1", &[]), rights, Ok(&[NODES, AUTHENTICATED])).await;
    let masters = r#"groups.authentication.k8s.io "system:masters" is forbidden: User "robot" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the system:masters group is not allowed"#;
    check(&robot, &user("bob", &[MASTERS]), rights, Err(masters)).await;
    let other = r#"nodes.authentication.k8s.io "n2" is forbidden: User "robot" cannot impersonate:arbitrary-node resource "nodes" in API group "authentication.k8s.io" at the cluster scope"#;
    check(&robot, &user("system:node:n2", &[]), rights, Err(other)).await;
}

#[tokio::test]
async fn an_agent_may_act_as_its_own_node_alone() {
    let mut agent = user("system:serviceaccount:kube-system:agent", &[]);
    agent.extra.insert(NODE_NAME.into(), vec!["n1".into()]);
    let rights: &[&str] = &[
        "impersonate-on:associated-node:list /pods/ ns/",
        "impersonate:associated-node authentication.k8s.io/nodes/ /*",
    ];
    check(&agent, &user("system:node:n1", &[]), rights, Ok(&[NODES, AUTHENTICATED])).await;
    let other = r#"pods is forbidden: User "system:serviceaccount:kube-system:agent" cannot impersonate-on:arbitrary-node:list resource "pods" in API group "" in the namespace "ns""#;
    check(&agent, &user("system:node:n2", &[]), rights, Err(other)).await;
}

#[tokio::test]
async fn the_mode_that_worked_is_asked_first_and_tells_why_not() {
    let authorizer = Arc::new(Listed { rights: &["impersonate /users/ /bob"], asked: AtomicUsize::new(0) });
    let impersonation = Impersonation::new(authorizer.clone());
    let robot = user("robot", &[]);
    impersonation.act_as(&user("bob", &[]), &list_pods(&robot)).await.unwrap();
    assert_eq!(authorizer.asked.swap(0, Ordering::Relaxed), 2);
    impersonation.act_as(&user("bob", &[]), &list_pods(&robot)).await.unwrap();
    assert_eq!(authorizer.asked.load(Ordering::Relaxed), 1);
    let refused = impersonation.act_as(&user("carol", &[]), &list_pods(&robot)).await.unwrap_err();
    let text = r#"users "carol" is forbidden: User "robot" cannot impersonate resource "users" in API group "" at the cluster scope"#;
    assert_eq!(refused.message(), text);
}
