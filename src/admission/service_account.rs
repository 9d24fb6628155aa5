//! ServiceAccount: every pod runs as a service account that exists, and gets its token.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Text, Value};
use keelson_base::{clock, random};

use super::objects::SERVICE_ACCOUNTS;
use super::pod::{self, CONTAINER_LISTS, MIRROR};
use super::{Attributes, Objects, Operation, Phase, Plugin};
use crate::authz::node::visit_secrets;

/// The service account of pods that name none.
const DEFAULT: &str = "default";

/// Where containers find their token.
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What the names of token volumes begin with.
const VOLUME_PREFIX: &str = "kube-api-access-";

/// Pods may use no secrets but those that their service account names.
const ENFORCE_MOUNTABLE: &str = "kubernetes.io/enforce-mountable-secrets";

/// How long a token lasts, in seconds: an hour, and some time that tells it from tokens that ask for an hour.
const TOKEN_SECONDS: i64 = 3607;

/// How often storage is asked for a namespace's default account, which a controller makes.
const DEFAULT_ATTEMPTS: u32 = 10;

pub(super) struct ServiceAccount {
    pub(super) objects: Arc<dyn Objects>,
}

impl ServiceAccount {
    /// The pod's service account, or why there is none.
    async fn account(&self, attributes: &Attributes<'_>, pod: &Object) -> Result<Arc<Object>, Status> {
        let (namespace, name) = (attributes.namespace, pod.str_at(&["spec", "serviceAccountName"]));
        if name.is_empty() {
            let why = format!("no service account specified for pod {namespace}/{}", pod.name());
            return Err(attributes.forbidden(Some(pod), why));
        }
        if let Some(found) = self.objects.get(SERVICE_ACCOUNTS, namespace, name).await? {
            return Ok(found);
        }
        let attempts = if name == DEFAULT { DEFAULT_ATTEMPTS } else { 1 };
        let pause = Duration::from_millis(100 + random::below(100));
        let failed = |why: String| {
            let text = format!("error looking up service account {namespace}/{name}: {why}");
            attributes.forbidden(Some(pod), text)
        };
        for attempt in 0..attempts {
            if attempt > 0 {
                clock::sleep(pause).await;
            }
            match self.objects.get_now(SERVICE_ACCOUNTS, namespace, name).await {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => {}
                Err(status) => return Err(failed(status.message().to_owned())),
            }
        }
        Err(failed(format!("serviceaccount {name:?} not found")))
    }

    async fn check_new(&self, attributes: &Attributes<'_>, pod: &Object) -> Result<(), Status> {
        if pod.annotation(MIRROR).is_some() {
            return check_mirror(pod).map_err(|why| attributes.forbidden(Some(pod), why));
        }
        let account = self.account(attributes, pod).await?;
        if !enforces(&account) {
            return Ok(());
        }
        check_secrets(&account, pod).map_err(|why| attributes.forbidden(Some(pod), why))
    }
}

#[async_trait]
impl Plugin for ServiceAccount {
    fn concerns(&self, phase: Phase, attributes: &Attributes<'_>) -> bool {
        match (phase, attributes.operation) {
            (_, Operation::Create) => attributes.is("", "pods"),
            (Phase::Validate, Operation::Update) => {
                attributes.is_any("", "pods") && attributes.subresource == "ephemeralcontainers"
            }
            _ => false,
        }
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        let Some(pod) = object else { return Ok(()) };
        // The kubelet would not know its own pod if it were changed.
        if pod.annotation(MIRROR).is_some() {
            return self.check_new(attributes, pod).await;
        }
        if pod.str_at(&["spec", "serviceAccountName"]).is_empty() {
            let spec = pod::spec_mut(pod);
            // The old name of the field says the same.
            for field in ["serviceAccountName", "serviceAccount"] {
                spec.insert(Text::const_new(field), Text::const_new(DEFAULT));
            }
        }
        let account = self.account(attributes, pod).await?;
        if mounts_token(&account, pod) {
            mount_token(pod);
        }
        let pull_secrets = pod::list(Some(account.as_value()), "imagePullSecrets");
        if pod::spec_list(pod, "imagePullSecrets").is_empty() && !pull_secrets.is_empty() {
            pod::spec_mut(pod).insert("imagePullSecrets", pull_secrets.to_vec());
        }
        self.check_new(attributes, pod).await
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let Some(pod) = object else { return Ok(()) };
        if attributes.operation == Operation::Create {
            return self.check_new(attributes, pod).await;
        }
        let account = self.account(attributes, pod).await?;
        if !enforces(&account) {
            return Ok(());
        }
        let secrets = Allowed { account: &account, list: "secrets" };
        // Upstream's text is no `Status`, so that clients see an internal error.
        check_environment(&secrets, pod, "ephemeralContainers", "ephemeral container").map_err(Status::opaque)
    }
}

/// The pod's wish counts more than the account's.
fn mounts_token(account: &Object, pod: &Object) -> bool {
    let of_pod = pod.at(&["spec", "automountServiceAccountToken"]).and_then(Value::as_bool);
    let of_account = account.get("automountServiceAccountToken").and_then(Value::as_bool);
    of_pod.or(of_account).unwrap_or(true)
}

/// Mounts the token into containers that mount nothing in its place.
fn mount_token(pod: &mut Object) {
    let known = pod::spec_list(pod, "volumes").iter().map(|volume| volume.str_at(&["name"]));
    let known = known.into_iter().find(|name| name.starts_with(VOLUME_PREFIX)).map(str::to_owned);
    let needs_volume = known.is_none();
    let volume = known.unwrap_or_else(|| format!("{VOLUME_PREFIX}{}", random::name_suffix()));
    let spec = pod::spec_mut(pod);
    let mut mounted = false;
    for list in CONTAINER_LISTS {
        for container in pod::containers_mut(spec, list) {
            let mounts = container.get("volumeMounts").and_then(Value::as_array).unwrap_or_default();
            if mounts.iter().all(|mount| mount.str_at(&["mountPath"]) != MOUNT_PATH) {
                let mount = tree([
                    ("mountPath", MOUNT_PATH.into()),
                    ("name", volume.as_str().into()),
                    ("readOnly", true.into()),
                ]);
                pod::push(container, "volumeMounts", mount);
                mounted = true;
            }
        }
    }
    if mounted && needs_volume {
        pod::push(spec, "volumes", token_volume(&volume));
    }
}

fn token_volume(name: &str) -> Value {
    let list = |value| Value::Array(vec![value]);
    let token = tree([("expirationSeconds", TOKEN_SECONDS.into()), ("path", "token".into())]);
    let authority = tree([
        ("items", list(tree([("key", "ca.crt".into()), ("path", "ca.crt".into())]))),
        ("name", "kube-root-ca.crt".into()),
    ]);
    let field = tree([("apiVersion", "v1".into()), ("fieldPath", "metadata.namespace".into())]);
    let namespace = tree([("items", list(tree([("fieldRef", field), ("path", "namespace".into())])))]);
    let sources = vec![
        tree([("serviceAccountToken", token)]),
        tree([("configMap", authority)]),
        tree([("downwardAPI", namespace)]),
    ];
    let projected = tree([("defaultMode", Value::Int(0o644)), ("sources", sources.into())]);
    tree([("name", name.into()), ("projected", projected)])
}

fn tree<const N: usize>(members: [(&'static str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(key, value)| (Text::const_new(key), value)).collect::<Map>())
}

/// A mirror pod runs already: it can't be given anything.
fn check_mirror(pod: &Object) -> Result<(), &'static str> {
    if !pod.str_at(&["spec", "serviceAccountName"]).is_empty() {
        return Err("a mirror pod may not reference service accounts");
    }
    if uses_secrets(pod) {
        return Err("a mirror pod may not reference secrets");
    }
    for volume in pod::spec_list(pod, "volumes") {
        for source in pod::list(volume.get("projected"), "sources") {
            if source.get("serviceAccountToken").is_some() {
                return Err("a mirror pod may not use ServiceAccountToken volume projections");
            }
        }
    }
    Ok(())
}

/// Whether any part of a pod names a secret.
pub(super) fn uses_secrets(pod: &Object) -> bool {
    let mut found = false;
    visit_secrets(pod, &mut |_| found = true);
    found
}

/// Calls `visit` with every secret that a container's environment names, and with the variable's name where it
/// is a single one.
fn visit_environment(container: &Value, visit: &mut dyn FnMut(&str, Option<&str>)) {
    for variable in pod::list(Some(container), "env") {
        if let Some(secret) = variable.at(&["valueFrom", "secretKeyRef"]) {
            visit(secret.str_at(&["name"]), Some(variable.str_at(&["name"])));
        }
    }
    for source in pod::list(Some(container), "envFrom") {
        if let Some(secret) = source.get("secretRef") {
            visit(secret.str_at(&["name"]), None);
        }
    }
}

/// Whether the account's pods may use no secrets but its own.
fn enforces(account: &Object) -> bool {
    let value = account.annotation(ENFORCE_MOUNTABLE).unwrap_or_default();
    matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True")
}

/// The secrets that an account names in one of its lists.
struct Allowed<'a> {
    account: &'a Object,
    list: &'static str,
}

impl Allowed<'_> {
    fn has(&self, name: &str) -> bool {
        let secrets = pod::list(Some(self.account.as_value()), self.list);
        secrets.iter().any(|secret| secret.str_at(&["name"]) == name)
    }
}

/// Refuses secrets that the account does not name.
fn check_secrets(account: &Object, pod: &Object) -> Result<(), String> {
    let (secrets, name) = (Allowed { account, list: "secrets" }, account.name());
    for volume in pod::spec_list(pod, "volumes") {
        let secret = volume.str_at(&["secret", "secretName"]);
        if volume.get("secret").is_some() && !secrets.has(secret) {
            return Err(format!(
                "volume with secret.secretName=\"{secret}\" is not allowed because service account {name} does \
                 not reference that secret"
            ));
        }
    }
    check_environment(&secrets, pod, "initContainers", "init container")?;
    check_environment(&secrets, pod, "containers", "container")?;
    let pull = Allowed { account, list: "imagePullSecrets" };
    for (i, secret) in pod::spec_list(pod, "imagePullSecrets").iter().enumerate() {
        let secret = secret.str_at(&["name"]);
        if !pull.has(secret) {
            return Err(format!(
                "imagePullSecrets[{i}].name=\"{secret}\" is not allowed because service account {name} does not \
                 reference that imagePullSecret"
            ));
        }
    }
    Ok(())
}

fn check_environment(secrets: &Allowed<'_>, pod: &Object, list: &str, what: &str) -> Result<(), String> {
    for container in pod::spec_list(pod, list) {
        let mut wrong = None;
        visit_environment(container, &mut |secret, variable| {
            if wrong.is_none() && !secrets.has(secret) {
                let with = match variable {
                    Some(variable) => format!("envVar {variable}"),
                    None => "envFrom".to_owned(),
                };
                wrong = Some(format!(
                    "{what} {} with {with} referencing secret.secretName=\"{secret}\" is not allowed because \
                     service account {} does not reference that secret",
                    container.str_at(&["name"]),
                    secrets.account.name()
                ));
            }
        });
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
    }
    Ok(())
}
