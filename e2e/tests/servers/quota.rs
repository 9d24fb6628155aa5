//! A quota holds, whichever server the objects are made at.

use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ResourceQuota};
use kube::api::{Api, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::with_servers;

const HARD: usize = 10;
const WRITERS: usize = 24;
const NAMESPACE: &str = "limited";

#[test]
fn two_servers_take_no_more_than_a_quota_allows() {
    with_servers(2, async |clients| {
        let post = PostParams::default();
        let metadata = |name: &str| ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata: metadata(NAMESPACE), ..Namespace::default() };
        Api::all(clients[0].clone()).create(&post, &namespace).await.expect("the namespace is new");
        let quotas: Api<ResourceQuota> = Api::namespaced(clients[0].clone(), NAMESPACE);
        quotas
            .create(&post, &ResourceQuota { metadata: metadata("q"), ..ResourceQuota::default() })
            .await
            .expect("a quota");
        // What the quota controller would do.
        let hard = json!({ "count/configmaps": HARD.to_string() });
        let spec = json!({ "spec": { "hard": hard } });
        let status = json!({ "status": { "hard": hard, "used": { "count/configmaps": "0" } } });
        let patch = PatchParams::default();
        quotas.patch("q", &patch, &Patch::Merge(&spec)).await.expect("the limits are set");
        quotas.patch_status("q", &patch, &Patch::Merge(&status)).await.expect("the status is set");

        let maps =
            |i: usize| -> Api<ConfigMap> { Api::namespaced(clients[i % clients.len()].clone(), NAMESPACE) };
        // Each server hears of the quota in its own time.
        for client in &clients {
            let own: Api<ResourceQuota> = Api::namespaced(client.clone(), NAMESPACE);
            while quota_used(&own).await.as_deref() != Some("0") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let write = async |i: usize| {
            let map = ConfigMap { metadata: metadata(&format!("m-{i}")), ..ConfigMap::default() };
            // A writer that comes second too often is told of a conflict, and tries again.
            loop {
                match maps(i).create(&PostParams::default(), &map).await {
                    Err(kube::Error::Api(status)) if status.code == 409 && status.reason == "Conflict" => {}
                    Err(kube::Error::Api(status)) => {
                        assert_eq!(status.code, 403, "{status:?}");
                        assert!(status.message.contains("exceeded quota: q"), "{status:?}");
                        return false;
                    }
                    done => return done.is_ok(),
                }
            }
        };
        let made = join_all((0..WRITERS).map(write)).await.into_iter().filter(|made| *made).count();
        let there = maps(0).list(&ListParams::default()).await.expect("a list").items.len();
        let used = quota_used(&quotas).await;
        assert_eq!((made, there, used.as_deref()), (HARD, HARD, Some("10")));
    });
}

async fn quota_used(quotas: &Api<ResourceQuota>) -> Option<String> {
    let quota = quotas.get("q").await.ok()?;
    Some(quota.status?.used?.get("count/configmaps")?.0.clone())
}
