//! Writes of roles and bindings by who doesn't hold what they give.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_api::rbac::Rule;
use keelson_apimachinery::Status;

use super::verbs::Cluster;
use crate::authz;
use crate::authz::rbac::{Escalation, Freshness, Policy, Rbac, RoleRef, Roles};
use crate::request::UserInfo;

struct Nothing;

#[async_trait]
impl Freshness for Nothing {
    async fn catch_up(&self) {}
}

#[async_trait]
impl Roles for Nothing {
    async fn rules(&self, _: &RoleRef, _: &str) -> Result<Option<Vec<Rule>>, Status> {
        let all = || vec!["*".into()];
        Ok(Some(vec![Rule { verbs: all(), api_groups: all(), resources: all(), ..Rule::default() }]))
    }
}

/// Of a cluster whose users hold nothing, and whose roles give everything.
pub(super) fn nobody_holds_anything() -> Escalation {
    let held = Rbac::new(Arc::new(Policy::default()), Arc::new(Nothing));
    Escalation::new(authz::Mode::PrivilegedOnly.authorizer(), held, Arc::new(Nothing))
}

#[tokio::test]
async fn rights_are_not_given_by_who_lacks_them_whichever_way() {
    let cluster = Cluster::new().await;
    let rules = r#""rules":[{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}]"#;
    let role = |name: &str| {
        format!(
            r#"{{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{{"name":"{name}"}},{rules}}}"#
        )
    };
    let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/n/roles";
    cluster.ok(&format!("POST {roles}"), &role("r")).await;
    let user = || UserInfo { name: "eve".into(), groups: vec!["g".into()], ..UserInfo::default() };
    let check = async |line: &str, body: &str, refused: &str| {
        let answer = cluster.send_as(user(), line, body).await;
        let message = answer.body.str_at(&["message"]).to_owned();
        assert_eq!(message.split('\n').next(), Some(refused), "{line}");
        assert_eq!(answer.code == 403, !refused.is_empty(), "{line}");
    };
    let why = |what: &str| {
        format!(
            r#"{what} is forbidden: user "eve" (groups=["g"]) is attempting to grant RBAC permissions not currently held:"#
        )
    };
    let (of_r, of_s) =
        (why(r#"roles.rbac.authorization.k8s.io "r""#), why(r#"roles.rbac.authorization.k8s.io "s""#));
    check(&format!("POST {roles}"), &role("s"), &of_s).await;
    check(&format!("POST {roles}?dryRun=All"), &role("s"), &of_s).await;
    let generated = role("").replace(r#""name":"""#, r#""generateName":"s-""#);
    check(&format!("POST {roles}"), &generated, &why("roles.rbac.authorization.k8s.io")).await;
    check(&format!("PUT {roles}/r"), &role("r"), &of_r).await;
    check(&format!("PUT {roles}/s"), &role("s"), &of_s).await;
    for (kind, patch) in [
        ("merge-patch", r#"{"metadata":{"labels":{"a":"b"}}}"#),
        ("strategic-merge-patch", r#"{"metadata":{"labels":{"a":"b"}}}"#),
        ("json-patch", r#"[{"op":"add","path":"/metadata/labels","value":{"a":"b"}}]"#),
    ] {
        check(&format!("PATCH {roles}/r | content-type: application/{kind}+json"), patch, &of_r).await;
    }
    for (name, refused) in [("r", &of_r), ("s", &of_s)] {
        let line = format!(
            "PATCH {roles}/{name}?fieldManager=m&force=true | content-type: application/apply-patch+yaml"
        );
        check(&line, &role(name).replace("\"get\"", "\"get\",\"list\""), refused).await;
    }
    let finalizers = r#"{"metadata":{"finalizers":["a.b/c"]}}"#;
    check(&format!("PATCH {roles}/r | content-type: application/merge-patch+json"), finalizers, "").await;
    let binding = r#"{"metadata":{"name":"b"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"x"}}"#;
    for plural in ["namespaces/n/rolebindings", "clusterrolebindings"] {
        let resource = plural.trim_start_matches("namespaces/n/");
        let refused = why(&format!("{resource}.rbac.authorization.k8s.io \"b\""));
        check(&format!("POST /apis/rbac.authorization.k8s.io/v1/{plural}"), binding, &refused).await;
    }
    cluster.close().await;
}
