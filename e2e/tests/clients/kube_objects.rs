//! kube-rs: reading and writing objects.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, PropagationPolicy};
use kube::core::{ApiResource, DynamicObject};
use kube::discovery::Discovery;
use kube::{Error, ResourceExt};
use serde_json::json;

use crate::rust::{colour, config_map, config_maps, fill, on_each_store};

#[test]
fn objects_are_made_changed_and_deleted() {
    on_each_store(|client| async move {
        let maps = config_maps(&client, "objects").await;
        let make = PostParams::default();
        let made = maps.create(&make, &config_map("one", true, "blue")).await.expect("the name is free");
        assert_eq!(refused(maps.create(&make, &config_map("one", true, "red")).await), "AlreadyExists");

        let mut stale = made.clone();
        let patch = Patch::Merge(json!({"data": {"colour": "red"}}));
        let patched = maps.patch("one", &PatchParams::default(), &patch).await.expect("it is there");
        assert_eq!((colour(&patched), patched.uid()), ("red", made.uid()));
        stale.data = None;
        assert_eq!(refused(maps.replace("one", &make, &stale).await), "Conflict");
        let mut fresh = maps.get("one").await.expect("it is there");
        fresh.data = Some([("colour".to_owned(), "green".to_owned())].into());
        let replaced = maps.replace("one", &make, &fresh).await.expect("nobody came between");
        assert_eq!(colour(&replaced), "green");

        let dry = DeleteParams { dry_run: true, ..DeleteParams::default() };
        maps.delete("one", &dry).await.expect("it is there");
        let gone = maps.delete("one", &DeleteParams::default()).await.expect("a dry run deletes nothing");
        assert!(gone.is_right(), "what is gone at once is answered with a status");
        assert_eq!(refused(maps.get("one").await), "NotFound");
        assert!(maps.get_opt("one").await.expect("a read").is_none());
        assert!(maps.get_metadata_opt("one").await.expect("a read").is_none());
    });
}

#[test]
fn patches_of_each_kind_are_applied() {
    on_each_store(|client| async move {
        config_maps(&client, "patches").await;
        let deployments: Api<Deployment> = Api::namespaced(client.clone(), "patches");
        let configuration = |image: &str, replicas: i32| {
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                "spec": {
                    "replicas": replicas,
                    "selector": {"matchLabels": {"app": "web"}},
                    "template": {
                        "metadata": {"labels": {"app": "web"}},
                        "spec": {"containers": [{"name": "web", "image": image}]},
                    },
                },
            })
        };
        let by = PatchParams::apply;
        let apply = Patch::Apply(configuration("web:1", 2));
        let made = deployments.patch("web", &by("one"), &apply).await.expect("apply makes it");
        assert_eq!(images(&made), ["web:1"]);
        let again = deployments.patch("web", &by("one"), &apply).await.expect("it is there");
        assert_eq!(again.resource_version(), made.resource_version(), "nothing was to change");
        let theirs = Patch::Apply(configuration("web:2", 2));
        assert_eq!(refused(deployments.patch("web", &by("two"), &theirs).await), "Conflict");
        let forced = deployments.patch("web", &by("two").force(), &theirs).await.expect("force takes it");
        assert_eq!(images(&forced), ["web:2"]);

        let side =
            json!({"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "side:1"}]}}}});
        let plain = PatchParams::default();
        let strategic =
            deployments.patch("web", &plain, &Patch::Strategic(&side)).await.expect("it is there");
        assert_eq!(images(&strategic), ["side:1", "web:2"], "lists are merged by name");
        let merged = deployments.patch("web", &plain, &Patch::Merge(&side)).await.expect("it is there");
        assert_eq!(images(&merged), ["side:1"], "lists are replaced");
        let dry = PatchParams { dry_run: true, ..PatchParams::default() };
        let tried = deployments.patch("web", &dry, &Patch::Merge(json!({"spec": {"replicas": 7}}))).await;
        assert_eq!(tried.expect("it is there").spec.and_then(|s| s.replicas), Some(7));
        let scale = deployments.get_scale("web").await.expect("it is there");
        assert_eq!(scale.spec.and_then(|s| s.replicas), Some(2), "a dry run changes nothing");
        let status = json!({"status": {"replicas": 3}});
        let stated =
            deployments.patch_status("web", &plain, &Patch::Merge(status)).await.expect("it is there");
        assert_eq!(stated.status.and_then(|s| s.replicas), Some(3));
        let background = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            ..DeleteParams::default()
        };
        deployments.delete("web", &background).await.expect("it is there");
    });
}

fn images(deployment: &Deployment) -> Vec<&str> {
    let template = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let containers = template.map_or(&[][..], |pod| pod.containers.as_slice());
    containers.iter().map(|container| container.image.as_deref().unwrap_or_default()).collect()
}

#[test]
fn pages_show_one_version() {
    on_each_store(|client| async move {
        let maps = config_maps(&client, "pages").await;
        fill(&maps, 12).await;
        let mut options = ListParams::default().limit(5);
        let (mut names, mut versions) = (Vec::new(), Vec::new());
        loop {
            let page = maps.list(&options).await.expect("a page");
            names.extend(page.iter().map(ResourceExt::name_any));
            versions.push(page.metadata.resource_version.clone());
            // What happens between two pages is in none of them.
            let later = format!("m-{}-later", names.len());
            maps.create(&PostParams::default(), &config_map(&later, false, "")).await.expect("it is free");
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => options = options.continue_token(&token),
                None => break,
            }
        }
        let expected: Vec<String> = (0..12).map(|number| format!("m-{number:02}")).collect();
        assert_eq!(names, expected);
        versions.dedup();
        assert_eq!(versions.len(), 1, "{versions:?}");

        let exact = ListParams {
            resource_version: versions[0].clone(),
            version_match: Some(kube::api::VersionMatch::Exact),
            ..ListParams::default()
        };
        assert_eq!(maps.list(&exact).await.expect("it is kept").items.len(), 12);
        let odd = ListParams::default().labels("odd=true");
        assert_eq!(maps.list_metadata(&odd).await.expect("a list").items.len(), 6);
        let one = ListParams::default().fields("metadata.name=m-03");
        assert_eq!(maps.list(&one).await.expect("a list").items.len(), 1);
        maps.delete_collection(&DeleteParams::default(), &odd).await.expect("it is served");
        assert_eq!(maps.list(&odd).await.expect("a list").items.len(), 0);
    });
}

#[test]
fn kinds_are_discovered_and_served_without_types() {
    on_each_store(|client| async move {
        config_maps(&client, "dynamic").await;
        let version = client.apiserver_version().await.expect("it says its version");
        assert_eq!(version.minor, "36");
        let discovery = Discovery::new(client.clone()).run().await.expect("groups and resources");
        let group = discovery.get("apps").expect("the group apps");
        let (resource, _) = group.recommended_kind("Deployment").expect("its kind");
        assert_eq!(resource, ApiResource::erase::<Deployment>(&()));
        let aggregated = Discovery::new(client.clone()).run_aggregated().await.expect("one document");
        assert_eq!(aggregated.groups().count(), discovery.groups().count());

        let resource = ApiResource::erase::<ConfigMap>(&());
        let objects: Api<DynamicObject> = Api::namespaced_with(client.clone(), "dynamic", &resource);
        let object = DynamicObject::new("settings", &resource).data(json!({"data": {"colour": "blue"}}));
        let made = objects.create(&PostParams::default(), &object).await.expect("the name is free");
        assert_eq!(made.data["data"]["colour"], "blue");
        assert_eq!(objects.list(&ListParams::default()).await.expect("a list").items.len(), 1);
    });
}

/// The reason of a refusal.
fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Api(status)) => status.reason.clone(),
        other => panic!("{other:?} is no refusal"),
    }
}
