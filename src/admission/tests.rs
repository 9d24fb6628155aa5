//! The plugins over objects in a map.

mod images;
mod nodes;
mod pods;
mod quotas;
mod security;
mod writes;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};
use keelson_base::metrics::Registry;
use parking_lot::Mutex;

use super::plugins::PLUGINS;
use super::{Attributes, Chain, Config, Dependencies, Notes, Objects, Operation, Reinvocation, Resource};
use crate::authz::Mode;
use crate::request::UserInfo;

/// The objects of a test, by resource, namespace and name.
#[derive(Default)]
struct Fake(Mutex<BTreeMap<Key, Arc<Object>>>);

type Key = (&'static str, String, String);

#[async_trait]
impl Objects for Fake {
    async fn get(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<Object>>, Status> {
        let key = (resource.plural, namespace.to_owned(), name.to_owned());
        Ok(self.0.lock().get(&key).cloned())
    }

    async fn list(&self, resource: Resource, namespace: &str) -> Result<Vec<Arc<Object>>, Status> {
        let objects = self.0.lock();
        let found = objects.iter().filter(|((plural, of, _), _)| {
            *plural == resource.plural && (namespace.is_empty() || of == namespace)
        });
        Ok(found.map(|(_, object)| object.clone()).collect())
    }

    async fn get_now(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<Object>>, Status> {
        self.get(resource, namespace, name).await
    }

    async fn list_now(&self, resource: Resource, namespace: &str) -> Result<Vec<Arc<Object>>, Status> {
        self.list(resource, namespace).await
    }

    async fn create(&self, resource: Resource, object: Object) -> Result<(), Status> {
        self.put(resource.plural, object);
        Ok(())
    }

    /// Every change raises the resource version by one.
    async fn update_status(&self, resource: Resource, object: &Object) -> Result<Object, Status> {
        let mut objects = self.0.lock();
        let key = (resource.plural, object.namespace().to_owned(), object.name().to_owned());
        let current =
            objects.get(&key).ok_or_else(|| Status::not_found("", resource.plural, object.name()))?;
        if current.resource_version() != object.resource_version() {
            return Err(Status::conflict("", resource.plural, object.name(), "it changed"));
        }
        let mut new = object.clone();
        let version: u64 = object.resource_version().parse().unwrap_or(0);
        new.set_resource_version(&(version + 1).to_string());
        objects.insert(key, Arc::new(new.clone()));
        Ok(new)
    }
}

impl Fake {
    fn put(&self, plural: &'static str, object: Object) {
        let key = (plural, object.namespace().to_owned(), object.name().to_owned());
        self.0.lock().insert(key, Arc::new(object));
    }
}

/// Warnings and audit annotations that plugins made.
#[derive(Default)]
struct Said {
    warnings: Mutex<Vec<String>>,
    audit: Mutex<Vec<(String, String)>>,
}

impl Notes for Said {
    fn warn(&self, text: &str) {
        self.warnings.lock().push(text.to_owned());
    }

    fn audit(&self, key: &str, value: &str) {
        self.audit.lock().push((key.to_owned(), value.to_owned()));
    }
}

/// A chain over a few objects.
struct Bench {
    chain: Chain,
    objects: Arc<Fake>,
    user: UserInfo,
    said: Said,
}

fn value(text: &str) -> Value {
    json::decode_untyped(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}")).value
}

fn object(text: &str) -> Object {
    Object::try_from(value(text)).unwrap_or_else(|_| panic!("{text}: no object"))
}

/// A resource and its subresource: `pods`, `pods/binding`, `apps/deployments`.
struct About<'a>(&'a str, &'a str, &'a str);

fn about(text: &str) -> About<'_> {
    let (group, rest) = match text.split_once('/') {
        Some((group, rest)) if group.contains('.') || matches!(group, "apps" | "batch") => (group, rest),
        _ => ("", text),
    };
    let (resource, subresource) = rest.split_once('/').unwrap_or((rest, ""));
    About(group, resource, subresource)
}

impl Bench {
    /// A chain of these plugins.
    fn new(plugins: &[&'static str]) -> Self {
        Self::with(Config { plugins: plugins.to_vec(), ..Config::default() })
    }

    fn with(config: Config) -> Self {
        let objects = Arc::new(Fake::default());
        let dependencies = Dependencies {
            objects: objects.clone(),
            authorizer: Mode::PrivilegedOnly.authorizer(),
            metrics: Registry::new(),
        };
        let chain = super::build(&config, &dependencies).expect("a chain");
        let user = UserInfo { name: "alice".into(), ..UserInfo::default() };
        let bench = Bench { chain, objects, user, said: Said::default() };
        bench.put("namespaces", r#"{"metadata":{"name":"ns"},"status":{"phase":"Active"}}"#);
        bench
    }

    fn put(&self, plural: &'static str, text: &str) {
        self.objects.put(plural, object(text));
    }

    fn group(&mut self, group: &str) {
        self.user.groups.push(group.into());
    }

    /// Admits and validates a write in the namespace `ns`; returns the object as the plugins leave it.
    async fn write(
        &self,
        operation: Operation,
        resource: &str,
        new: Option<&str>,
        old: Option<&str>,
    ) -> Result<Object, Status> {
        let About(group, resource, subresource) = about(resource);
        let mut new = new.map(object);
        let old = old.map(object);
        let cluster = matches!(
            resource,
            "namespaces"
                | "nodes"
                | "persistentvolumes"
                | "priorityclasses"
                | "certificatesigningrequests"
                | "clustertrustbundles"
                | "csinodes"
                | "resourceslices"
        );
        let name = new.as_ref().or(old.as_ref()).map(|object| object.name().to_owned()).unwrap_or_default();
        let reinvocation = Reinvocation::default();
        let attributes = Attributes {
            operation,
            group,
            version: "v1",
            resource,
            subresource,
            kind: "Kind",
            namespace: if cluster { "" } else { "ns" },
            name: &name,
            old: old.as_ref(),
            field_manager: "test",
            dry_run: false,
            user: &self.user,
            notes: &self.said,
            reinvocation: &reinvocation,
        };
        self.chain.admit(&attributes, new.as_mut()).await?;
        self.chain.validate(&attributes, new.as_ref()).await?;
        Ok(new.unwrap_or_default())
    }

    async fn create(&self, resource: &str, new: &str) -> Result<Object, Status> {
        self.write(Operation::Create, resource, Some(new), None).await
    }

    async fn update(&self, resource: &str, new: &str, old: &str) -> Result<Object, Status> {
        self.write(Operation::Update, resource, Some(new), Some(old)).await
    }

    /// A creation that is admitted, after which the object has `value` at `path`.
    async fn creates(&self, resource: &str, new: &str, path: &[&str], expected: &str) {
        let made = self.create(resource, new).await.unwrap_or_else(|status| panic!("{new}: {status}"));
        assert_eq!(made.at(path).cloned().unwrap_or_default(), value(expected), "{new}");
    }

    /// A creation that is refused with this code and text.
    async fn refuses(&self, resource: &str, new: &str, code: u16, message: &str) {
        let status = self.create(resource, new).await.expect_err(new);
        assert_eq!((status.code(), status.message()), (code, message), "{new}");
    }

    /// An update that is refused with this text, or admitted where it is empty.
    async fn updates(&self, resource: &str, new: &str, old: &str, message: &str) {
        let done = self.update(resource, new, old).await;
        assert_eq!(done.err().map(|s| s.message().to_owned()).unwrap_or_default(), message, "{new}");
    }

    fn warned(&self) -> Vec<String> {
        std::mem::take(&mut self.said.warnings.lock())
    }
}

#[test]
fn the_table_is_upstreams() {
    let on = PLUGINS.iter().filter(|entry| entry.on).count();
    assert_eq!((PLUGINS.len(), on), (41, 27));
    let mut names: Vec<_> = PLUGINS.iter().map(|entry| entry.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), PLUGINS.len(), "each once");
    let first = super::plugins::select(&["AlwaysAdmit".into()], &["Priority".into()]);
    assert_eq!(first[0], "AlwaysAdmit");
    assert!(!first.contains(&"Priority") && first.len() == 27);
}

#[tokio::test]
async fn plugins_are_timed_by_phase_operation_and_verdict() {
    let metrics = Registry::new();
    let dependencies = Dependencies {
        objects: Arc::new(Fake::default()),
        authorizer: Mode::PrivilegedOnly.authorizer(),
        metrics: metrics.clone(),
    };
    let chain = super::build(&Config::default(), &dependencies).expect("a chain");
    let said = Said::default();
    let (user, reinvocation) = (UserInfo::default(), Reinvocation::default());
    let attributes = Attributes {
        operation: Operation::Delete,
        group: "",
        version: "v1",
        resource: "namespaces",
        subresource: "",
        kind: "Namespace",
        namespace: "",
        name: "default",
        old: None,
        field_manager: "",
        dry_run: false,
        user: &user,
        notes: &said,
        reinvocation: &reinvocation,
    };
    chain.admit(&attributes, None).await.expect_err("it may not be deleted");
    let text = metrics.encode().expect("text");
    for line in [
        r#"apiserver_admission_controller_admission_duration_seconds_count{name="NamespaceLifecycle",operation="DELETE",rejected="true",type="admit"} 1"#,
        r#"apiserver_admission_step_admission_duration_seconds_count{operation="DELETE",rejected="true",type="admit"} 1"#,
    ] {
        assert!(text.contains(line), "no {line}");
    }
}
