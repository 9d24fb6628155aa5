//! Any file is an `AdmissionConfiguration` with what its plugins know, or is refused.
#![no_main]

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use keelson::admission::config::Config;
use keelson::admission::objects::{Objects, Resource};
use keelson::admission::plugins::{self, Dependencies};
use keelson::authz::Mode;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;
use keelson_base::metrics::Registry;
use libfuzzer_sys::fuzz_target;

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

/// There is nothing.
struct Nothing;

#[async_trait]
impl Objects for Nothing {
    async fn get(&self, _: Resource, _: &str, _: &str) -> Result<Option<Arc<Object>>, Status> {
        Ok(None)
    }

    async fn list(&self, _: Resource, _: &str) -> Result<Vec<Arc<Object>>, Status> {
        Ok(Vec::new())
    }

    async fn get_now(&self, _: Resource, _: &str, _: &str) -> Result<Option<Arc<Object>>, Status> {
        Ok(None)
    }

    async fn list_now(&self, _: Resource, _: &str) -> Result<Vec<Arc<Object>>, Status> {
        Ok(Vec::new())
    }

    async fn create(&self, _: Resource, _: Object) -> Result<(), Status> {
        Ok(())
    }

    async fn update_status(&self, _: Resource, object: &Object) -> Result<Object, Status> {
        Ok(object.clone())
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    // The file itself, or one for each plugin that reads one.
    let configured =
        ["PodSecurity", "ResourceQuota", "EventRateLimit", "PodNodeSelector", "PodTolerationRestriction"];
    let file = FOLDER.path().join("admission.yaml");
    match configured.get(usize::from(kind)) {
        None => std::fs::write(&file, bytes).expect("written"),
        Some(plugin) => {
            std::fs::write(FOLDER.path().join("plugin.yaml"), bytes).expect("written");
            let all = format!(
                "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n- name: {plugin}\n  path: plugin.yaml\n"
            );
            std::fs::write(&file, all).expect("written");
        }
    }
    let enabled: Vec<String> = configured.iter().map(ToString::to_string).collect();
    let config = Config { plugins: plugins::select(&enabled, &[]), file: Some(file), ..Config::default() };
    let dependencies = Dependencies {
        objects: Arc::new(Nothing),
        authorizer: Mode::AlwaysAllow.authorizer(),
        metrics: Registry::new(),
    };
    if let Err(why) = plugins::build(&config, &dependencies) {
        assert!(!why.to_string().is_empty());
    }
});
