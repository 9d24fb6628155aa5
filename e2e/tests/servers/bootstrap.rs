//! What a fresh cluster holds, when three servers make it at once.

use std::collections::BTreeMap;
use std::fmt::Debug;

use k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::serde::de::DeserializeOwned;
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt};

use crate::with_servers;

/// The objects of a kind, as one server shows them: their generation or version tells whether a server changed what
/// another one had made.
async fn shown<K>(client: &Client) -> BTreeMap<String, String>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let list = Api::<K>::all(client.clone()).list(&ListParams::default()).await.expect("a list");
    let name = |object: &K| format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
    list.items.iter().map(|object| (name(object), object.resource_version().unwrap_or_default())).collect()
}

async fn policy(client: &Client) -> Vec<BTreeMap<String, String>> {
    vec![
        shown::<ClusterRole>(client).await,
        shown::<ClusterRoleBinding>(client).await,
        shown::<Role>(client).await,
        shown::<RoleBinding>(client).await,
        shown::<PriorityLevelConfiguration>(client).await,
        // Their status is written behind.
        shown::<FlowSchema>(client).await.into_keys().map(|name| (name, String::new())).collect(),
    ]
}

#[test]
fn servers_that_start_at_once_make_one_policy() {
    with_servers(3, async |clients| {
        let first = policy(&clients[0]).await;
        assert!(first.iter().all(|kind| !kind.is_empty()), "{first:?}");
        assert!(first[0].len() > 60, "{}", first[0].len());
        for client in &clients[1..] {
            assert_eq!(policy(client).await, first);
        }
    });
}
