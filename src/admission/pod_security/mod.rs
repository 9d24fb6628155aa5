//! PodSecurity: pods keep to the level that the labels of their namespace ask for.
//!
//! Pods that don't are refused (`enforce`), noted (`audit`) or warned of (`warn`); what makes pods from
//! templates is only noted and warned of. [`policy`] reads the labels, [`checks`] are the levels.

mod checks;
mod config;
mod policy;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keelson_apimachinery::field::FieldError;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Value};
use keelson_base::clock;
use keelson_base::metrics::{IntCounterVec, MetricError, Registry, Spec, Stability};

use self::checks::{PodView, Refusal, details, evaluate, reasons};
pub(super) use self::config::Exemptions;
use self::policy::{Level, LevelVersion, PREFIX, Policy, Version};
use super::objects::{NAMESPACES, PODS};
use super::pod::spec_list;
use super::{Attributes, Objects, Operation, Phase, Plugin};

/// How many pods of a namespace are looked at when it gets stricter.
const MAX_PODS: usize = 3000;

/// How long they are looked at.
const MAX_TIME: Duration = Duration::from_secs(1);

/// The minor version that this is.
const THIS_MINOR: u32 = 36;

/// What makes pods of a template, and where the template is.
const CONTROLLERS: [(&str, &str, &[&str]); 8] = [
    ("", "replicationcontrollers", &["spec", "template"]),
    ("", "podtemplates", &["template"]),
    ("apps", "replicasets", &["spec", "template"]),
    ("apps", "deployments", &["spec", "template"]),
    ("apps", "statefulsets", &["spec", "template"]),
    ("apps", "daemonsets", &["spec", "template"]),
    ("batch", "jobs", &["spec", "template"]),
    ("batch", "cronjobs", &["spec", "jobTemplate", "spec", "template"]),
];

pub(super) struct PodSecurity {
    objects: Arc<dyn Objects>,
    default: Policy,
    exemptions: Exemptions,
    evaluations: IntCounterVec,
    exempted: IntCounterVec,
}

impl PodSecurity {
    /// The plugin with its own configuration, where there is one.
    pub(super) fn new(
        objects: Arc<dyn Objects>,
        own: Option<&Value>,
        metrics: &Registry,
    ) -> Result<Self, String> {
        let (default, exemptions) = config::read(own)?;
        let wrong = |error: MetricError| error.to_string();
        let spec = |name, help, labels| Spec { name, help, stability: Stability::Alpha, labels };
        let evaluations = metrics.counter(&spec(
            "pod_security_evaluations_total",
            "Evaluations of policies, without requests that were ignored or exempt.",
            &[
                "decision",
                "mode",
                "ocp_namespace",
                "policy_level",
                "policy_version",
                "request_operation",
                "resource",
                "subresource",
            ],
        ));
        let exempted = metrics.counter(&spec(
            "pod_security_exemptions_total",
            "Requests that were exempt.",
            &["request_operation", "resource", "subresource"],
        ));
        Ok(PodSecurity {
            objects,
            default,
            exemptions,
            evaluations: evaluations.map_err(wrong)?,
            exempted: exempted.map_err(wrong)?,
        })
    }

    async fn check_namespace(&self, attributes: &Attributes<'_>, namespace: &Object) -> Result<(), Status> {
        let (new, errors) = Policy::of(namespace, &self.default);
        let invalid = |errors: &[FieldError]| Status::invalid("", "Namespace", namespace.name(), errors);
        let exempt = self.exemptions.has_namespace(namespace.name());
        let Some(old) = attributes.old.filter(|_| attributes.operation == Operation::Update) else {
            if !errors.is_empty() {
                return Err(invalid(&errors));
            }
            if exempt {
                self.warn_exempt(attributes, namespace, &new);
            }
            return Ok(());
        };
        let (old, old_errors) = Policy::of(old, &self.default);
        if !errors.is_empty() && errors != old_errors {
            return Err(invalid(&errors));
        }
        let relaxed = new.enforce.version == old.enforce.version && new.enforce.level <= old.enforce.level;
        if new.enforce == old.enforce || new.enforce.level == Level::Privileged || relaxed {
            return Ok(());
        }
        if exempt {
            self.warn_exempt(attributes, namespace, &new);
            return Ok(());
        }
        for warning in self.existing_pods(namespace.name(), new.enforce).await {
            attributes.notes.warn(&warning);
        }
        Ok(())
    }

    fn warn_exempt(&self, attributes: &Attributes<'_>, namespace: &Object, policy: &Policy) {
        if policy.is_fully_privileged() || policy.is_like(&self.default) {
            return;
        }
        let said = |mode: &str| {
            let has = |label: &str| namespace.label(&format!("{PREFIX}{label}")).is_some();
            has(mode) || has(&format!("{mode}-version"))
        };
        let modes = [("enforce", policy.enforce), ("audit", policy.audit), ("warn", policy.warn)];
        let modes = modes.into_iter().filter(|(mode, of)| of.level != Level::Privileged && said(mode));
        let modes: Vec<String> = modes.map(|(mode, of)| format!("{mode}={of}")).collect();
        attributes.notes.warn(&format!(
            "namespace {:?} is exempt from Pod Security, and the policy ({}) will be ignored",
            namespace.name(),
            modes.join(", ")
        ));
    }

    /// Warnings of pods that are there and would be refused now.
    async fn existing_pods(&self, namespace: &str, enforce: LevelVersion) -> Vec<String> {
        let deadline = clock::monotonic() + MAX_TIME;
        let Ok(pods) = self.objects.list_now(PODS, namespace).await else {
            return vec!["failed to list pods while checking new PodSecurity enforce level".into()];
        };
        let pods = self.prioritized(&pods);
        let (total, mut checked) = (pods.len(), pods.len().min(MAX_PODS));
        // By warning: the first pod that has it, and how many do.
        let mut found: BTreeMap<String, (&str, usize)> = BTreeMap::new();
        for (i, pod) in pods.iter().take(MAX_PODS).enumerate() {
            let refusals = view(pod, &[]).map(|view| evaluate(enforce, view)).unwrap_or_default();
            if !refusals.is_empty() {
                let entry = found.entry(reasons(&refusals)).or_insert((pod.name(), 0));
                *entry = (entry.0.min(pod.name()), entry.1 + 1);
            }
            if clock::monotonic() > deadline {
                checked = i + 1;
                break;
            }
        }
        let mut warnings = Vec::new();
        if checked < total {
            warnings.push(format!(
                "new PodSecurity enforce level only checked against the first {checked} of {total} existing pods"
            ));
        }
        if !found.is_empty() {
            warnings.push(format!(
                "existing pods in namespace {namespace:?} violate the new PodSecurity enforce level \"{enforce}\""
            ));
        }
        let mut of_pods: Vec<String> = found
            .into_iter()
            .map(|(warning, (pod, count))| match count {
                1 => format!("{pod}: {warning}"),
                2 => format!("{pod} (and 1 other pod): {warning}"),
                _ => format!("{pod} (and {} other pods): {warning}", count - 1),
            })
            .collect();
        of_pods.sort_unstable();
        warnings.extend(of_pods);
        warnings
    }

    /// The pods that count, one of each controller in front.
    fn prioritized<'a>(&self, pods: &'a [Arc<Object>]) -> Vec<&'a Object> {
        let (mut first, mut others, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        for pod in pods {
            if self.exemptions.has_runtime_class(pod.str_at(&["spec", "runtimeClassName"])) {
                continue;
            }
            let controls = |owner: &&Value| owner.get("controller").and_then(Value::as_bool) == Some(true);
            let controller = pod.owner_references().iter().find(controls);
            match controller.map(|owner| owner.str_at(&["uid"])) {
                Some(uid) if !seen.insert(uid) => others.push(&**pod),
                _ => first.push(&**pod),
            }
        }
        first.extend(others);
        first
    }

    async fn check_pod(&self, attributes: &Attributes<'_>, object: &Object) -> Result<(), Status> {
        let is_pod = attributes.resource == "pods";
        if self.exemptions.has_namespace(attributes.namespace) {
            return self.exempt(attributes, "namespace");
        }
        if self.exemptions.has_user(&attributes.user.name) {
            return self.exempt(attributes, "user");
        }
        let namespace = match self.objects.get(NAMESPACES, "", attributes.namespace).await? {
            Some(found) => Some(found),
            None => self.objects.get_now(NAMESPACES, "", attributes.namespace).await?,
        };
        let Some(namespace) = namespace else {
            let why = format!("failed to lookup namespace {:?}", attributes.namespace);
            if is_pod {
                return Err(Status::internal(why));
            }
            attributes.notes.audit(&format!("{PREFIX}error"), &why);
            return Ok(());
        };
        let (policy, errors) = Policy::of(&namespace, &self.default);
        let lenient = [policy.audit, policy.warn].iter().all(|mode| mode.level == Level::Privileged);
        if errors.is_empty() && lenient && (!is_pod || policy.enforce.level == Level::Privileged) {
            if is_pod {
                self.count(attributes, "allow", policy.enforce, "enforce");
            }
            return Ok(());
        }
        let unchanged = |old| is_pod && !is_significant(object, old);
        if attributes.operation == Operation::Update && attributes.old.is_some_and(unchanged) {
            return Ok(());
        }
        let template: &[&str] = match CONTROLLERS.iter().find(|(_, plural, _)| *plural == attributes.resource)
        {
            Some((_, _, path)) if !is_pod => path,
            _ => &[],
        };
        let Some(pod) = view(object, template) else { return Ok(()) };
        if self.exemptions.has_runtime_class(pod.spec.str_at(&["runtimeClassName"])) {
            return self.exempt(attributes, "runtimeClass");
        }
        if !errors.is_empty() {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            let why = format!("Failed to parse policy: {}", super::attributes::aggregate(&texts));
            attributes.notes.audit(&format!("{PREFIX}error"), &why);
        }
        self.judge(attributes, &policy, pod, is_pod)
    }

    /// Checks a pod against the three modes.
    fn judge(
        &self,
        attributes: &Attributes<'_>,
        policy: &Policy,
        pod: PodView<'_>,
        enforced: bool,
    ) -> Result<(), Status> {
        let mut known: Vec<(LevelVersion, Vec<Refusal>)> = Vec::with_capacity(3);
        let mut refusals = |mode: LevelVersion| {
            let at = known.iter().position(|(of, _)| *of == mode).unwrap_or_else(|| {
                known.push((mode, evaluate(mode, pod)));
                known.len() - 1
            });
            known[at].1.clone()
        };
        let mut verdict = Ok(());
        if enforced {
            attributes.notes.audit(&format!("{PREFIX}enforce-policy"), &policy.enforce.to_string());
            let refused = refusals(policy.enforce);
            if refused.is_empty() {
                self.count(attributes, "allow", policy.enforce, "enforce");
            } else {
                self.count(attributes, "deny", policy.enforce, "enforce");
                let why = format!("violates PodSecurity \"{}\": {}", policy.enforce, details(&refused));
                verdict = Err(attributes.forbidden(None, why));
            }
        }
        let audited = refusals(policy.audit);
        if !audited.is_empty() {
            self.count(attributes, "deny", policy.audit, "audit");
            let text = format!("would violate PodSecurity \"{}\": {}", policy.audit, details(&audited));
            attributes.notes.audit(&format!("{PREFIX}audit-violations"), &text);
        }
        if verdict.is_ok() {
            let warned = refusals(policy.warn);
            if !warned.is_empty() {
                self.count(attributes, "deny", policy.warn, "warn");
                let text = format!("would violate PodSecurity \"{}\": {}", policy.warn, details(&warned));
                attributes.notes.warn(&text);
            }
        }
        verdict
    }

    fn exempt(&self, attributes: &Attributes<'_>, why: &str) -> Result<(), Status> {
        attributes.notes.audit(&format!("{PREFIX}exempt"), why);
        let labels = [operation(attributes), resource(attributes), attributes.subresource];
        self.exempted.with_label_values(&labels).inc();
        Ok(())
    }

    fn count(&self, attributes: &Attributes<'_>, decision: &str, mode: LevelVersion, name: &str) {
        let version = match mode.version {
            Version::Minor(minor) if mode.level != Level::Privileged && minor > THIS_MINOR => {
                "future".to_owned()
            }
            version if mode.level != Level::Privileged => version.to_string(),
            _ => "latest".to_owned(),
        };
        let labels = [
            decision,
            name,
            own_namespace(attributes.namespace),
            mode.level.as_str(),
            &version,
            operation(attributes),
            resource(attributes),
            attributes.subresource,
        ];
        self.evaluations.with_label_values(&labels).inc();
    }
}

/// The namespace where it is one of a cluster's own; others are not told apart, as clients make them.
fn own_namespace(namespace: &str) -> &'static str {
    const OWN: [&str; 5] = ["default", "kube-node-lease", "kube-public", "kube-system", "openshift"];
    OWN.into_iter().find(|own| *own == namespace).unwrap_or_default()
}

fn operation(attributes: &Attributes<'_>) -> &'static str {
    if attributes.operation == Operation::Create { "create" } else { "update" }
}

fn resource(attributes: &Attributes<'_>) -> &'static str {
    match attributes.resource {
        "pods" => "pod",
        "namespaces" => "namespace",
        _ => "controller",
    }
}

/// A pod, or the template at a path; `None` where there is none.
fn view<'a>(object: &'a Object, template: &[&str]) -> Option<PodView<'a>> {
    let pod = object.at(template)?;
    let annotations = pod.at(&["metadata", "annotations"]).and_then(Value::as_object);
    let empty = const { &Value::Object(Map::new()) };
    Some(PodView { annotations, spec: pod.get("spec").unwrap_or(empty) })
}

/// Whether an update of a pod changes what is checked: containers come and go, or get other images.
fn is_significant(pod: &Object, old: &Object) -> bool {
    let image = |container: &Value| container.str_at(&["image"]).to_owned();
    let differ = |list: &str| {
        let (new, old) = (spec_list(pod, list), spec_list(old, list));
        new.len() != old.len() || new.iter().zip(old).any(|(new, old)| image(new) != image(old))
    };
    let is_new = |container: &Value| {
        let old = spec_list(old, "ephemeralContainers").iter();
        let same = old.into_iter().find(|old| old.str_at(&["name"]) == container.str_at(&["name"]));
        same.is_none_or(|old| image(old) != image(container))
    };
    differ("containers")
        || differ("initContainers")
        || spec_list(pod, "ephemeralContainers").iter().any(is_new)
}

#[async_trait]
impl Plugin for PodSecurity {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        if !attributes.writes() {
            return false;
        }
        if attributes.is_any("", "pods") {
            return !matches!(
                attributes.subresource,
                "exec" | "attach" | "binding" | "eviction" | "log" | "portforward" | "proxy" | "status"
            );
        }
        attributes.is("", "namespaces")
            || CONTROLLERS.iter().any(|(group, plural, _)| attributes.is(group, plural))
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        match object {
            None => Ok(()),
            Some(namespace) if attributes.resource == "namespaces" => {
                self.check_namespace(attributes, namespace).await
            }
            Some(object) => self.check_pod(attributes, object).await,
        }
    }
}
