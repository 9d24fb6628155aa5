//! `pods/eviction`: a pod is deleted where its disruption budget allows that.
//!
//! The budget's `status.disruptionsAllowed` is lowered before the pod is marked and deleted, so that of two
//! evictions at once, on any server, one finds what the other left.
//!
//! Source: "API-initiated eviction" in the Kubernetes documentation.

use http::StatusCode;
use keelson_apimachinery::field::{FieldError, Path};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::selector::labels;
use keelson_apimachinery::status::{Cause, Details};
use keelson_apimachinery::{Map, Status, Value};
use keelson_base::clock;

use super::call::Call;
use super::decode::{self, Expected};
use super::delete::claimed_version;
use super::respond::{self, Format};
use super::served::Served;
use super::{Endpoints, body, negotiation};
use crate::registry::{
    Admit, Change, DeleteOptions, ListOptions, NoAdmission, Operation, Store, WriteContext,
};
use crate::request::{Body, Response, WriteKind, WriteParameters};

/// A budget that waits for more evictions than this to be seen by its controller allows no others.
const MAX_UNCONFIRMED: usize = 2000;

/// How often a pod that changes meanwhile is looked at again.
const ATTEMPTS: usize = 20;

/// Seconds after which a client should try again while the budget is not settled.
const RETRY_AFTER: u32 = 10;

const VIOLATES: &str = "Cannot evict pod as it would violate the pod's disruption budget.";

/// Evicts the pod that the `Eviction` in the body names.
pub(super) async fn serve(endpoints: &Endpoints, call: &Call<'_>, body: Body) -> Result<Response, Status> {
    let media_type = negotiation::content_type(&call.parts.headers)?;
    let body = body::read(body).await?;
    let parameters = WriteParameters::parse(&call.query, WriteKind::Create)?;
    let ty = keelson_api::facts::kind("policy", "v1", "Eviction")
        .ok_or_else(|| Status::internal("no type Eviction"))?;
    // policy/v1beta1 had the same fields.
    let claimed = claimed_version(media_type, &body);
    let api_version =
        if claimed.as_deref() == Some("policy/v1beta1") { "policy/v1beta1" } else { "policy/v1" };
    let expected = Expected { api_version, kind: "Eviction", ty, go_type: "policy.Eviction" };
    let mut eviction =
        decode::decode(expected, media_type, &body, parameters.field_validation, call.warnings)?;
    call.settle_namespace(&mut eviction)?;
    let manager = call.field_manager(&parameters);
    // What is admitted is the eviction, not what it does to the pod and its budget.
    let context = call.context(&parameters, &manager);
    let admit = endpoints.admit(call, &context);
    admit.mutate(Operation::Create, &mut eviction, None).await?;
    if eviction.name() != call.info.name.as_str() {
        return Err(Status::bad_request("name in URL does not match name in Eviction object"));
    }
    let (options, dry_run) = delete_options(&eviction, parameters.dry_run)?;
    admit.validate(Operation::Create, Some(&eviction), None).await?;
    let budgets = endpoints.stored("policy", "v1", "poddisruptionbudgets")?;
    let evicting = Evicting {
        context: WriteContext { subresource: "status", dry_run, ..context },
        pods: call.served.store()?,
        budgets,
        name: &call.info.name,
        options,
    };
    evicting.evict().await?;
    let format = Format { media_type: call.accepted.media_type, pretty: call.accepted.pretty };
    Ok(respond::success(StatusCode::CREATED, StatusCode::CREATED.as_u16(), None, format))
}

/// The options in the eviction, and whether it is a dry run: said there or in the query.
fn delete_options(eviction: &Object, dry_run: bool) -> Result<(DeleteOptions, bool), Status> {
    let Some(sent) = eviction.get("deleteOptions") else { return Ok((DeleteOptions::default(), dry_run)) };
    if sent.get("ignoreStoreReadErrorWithClusterBreakingPotential").and_then(Value::as_bool) == Some(true) {
        let path = Path::new("deleteOptions").child("ignoreStoreReadErrorWithClusterBreakingPotential");
        let why = "can not be set for pod eviction, try after removing the option";
        let error =
            FieldError::new(keelson_apimachinery::field::ErrorType::Invalid, &path, Some("true".into()), why);
        return Err(Status::invalid("policy", "Eviction", eviction.name(), &[error]));
    }
    let text = |path: &[&str]| sent.at(path).and_then(Value::as_str).map(str::to_owned);
    let options = DeleteOptions {
        grace_period_seconds: sent.get("gracePeriodSeconds").and_then(Value::as_i64),
        precondition_uid: text(&["preconditions", "uid"]),
        precondition_resource_version: text(&["preconditions", "resourceVersion"]),
        orphan_dependents: sent.get("orphanDependents").and_then(Value::as_bool),
        propagation_policy: text(&["propagationPolicy"]),
    };
    let sent_dry_run = sent.get("dryRun").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    Ok((options, dry_run || sent_dry_run))
}

/// What the budget says of a pod.
enum Verdict {
    /// It may go.
    Evict,
    /// It is not among the healthy ones: it may go as it is now.
    EvictAsIs,
}

struct Evicting<'a> {
    context: WriteContext<'a>,
    pods: &'a Store,
    budgets: &'a Served,
    name: &'a str,
    options: DeleteOptions,
}

impl Evicting<'_> {
    async fn evict(&self) -> Result<(), Status> {
        let versioned = self.options.precondition_resource_version.is_some();
        let mut attempt = 1;
        loop {
            let pod = self.pod().await?;
            if !needs_no_budget(&pod) {
                return self.evict_guarded(&pod).await;
            }
            // A pod that may become ready has to be deleted in the state that was looked at.
            let as_is = !versioned && !has_ended(&pod);
            match self.delete(as_is.then_some(&pod)).await {
                Err(status) if status.code() == 409 && !versioned && attempt < ATTEMPTS => attempt += 1,
                done => return done,
            }
        }
    }

    async fn evict_guarded(&self, pod: &Object) -> Result<(), Status> {
        let mut of_pod = self.budgets_of(pod).await?;
        let budget = match (of_pod.pop(), of_pod.is_empty()) {
            (None, _) => return self.delete(None).await,
            (Some(budget), true) => budget,
            (Some(_), false) => {
                let why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not \
                           support.";
                return Err(Status::new(500, "", why));
            }
        };
        match self.ask(pod, &budget).await? {
            Verdict::Evict => self.delete(None).await,
            Verdict::EvictAsIs => match self.delete(Some(pod)).await {
                Err(status)
                    if status.code() == 409 && self.options.precondition_resource_version.is_none() =>
                {
                    Err(not_settled(budget.name()))
                }
                done => done,
            },
        }
    }

    async fn pod(&self) -> Result<Object, Status> {
        self.pods.get(self.context.namespace, self.name).await?.decode(self.pods.resource().type_id)
    }

    /// The budgets whose selectors match the pod; those that can't be read match nothing.
    async fn budgets_of(&self, pod: &Object) -> Result<Vec<Object>, Status> {
        let store = self.budgets.store()?;
        let all = store.list(self.context.namespace, &ListOptions::default()).await?;
        let mut matching = Vec::new();
        for stored in all.items {
            let budget = stored.decode(store.resource().type_id)?;
            let selector = budget.at(&["spec", "selector"]).filter(|s| !s.is_null());
            let matches = selector
                .and_then(|selector| labels::from_label_selector(selector).ok())
                .is_some_and(|selector| selector.matches(|key| pod.label(key)));
            if matches {
                matching.push(budget);
            }
        }
        Ok(matching)
    }

    /// Asks the budget, and takes one of the disruptions that it allows where the pod counts.
    async fn ask(&self, pod: &Object, budget: &Object) -> Result<Verdict, Status> {
        if !is_ready(pod) {
            let always = budget.str_at(&["spec", "unhealthyPodEvictionPolicy"]) == "AlwaysAllow";
            let (current, desired) = (count(budget, "currentHealthy"), count(budget, "desiredHealthy"));
            if always || (current >= desired && desired > 0) {
                return Ok(Verdict::EvictAsIs);
            }
        }
        let mut change = TakeDisruption { budget: budget.name().to_owned(), pod: self.name };
        let store = self.budgets.store()?;
        store.update(&self.context, budget.name(), &mut change, &NoAdmission).await?;
        Ok(Verdict::Evict)
    }

    /// Marks the pod as a target of disruption and deletes it; `as_is` refuses a pod that changed.
    async fn delete(&self, as_is: Option<&Object>) -> Result<(), Status> {
        let mut options = self.options.clone();
        if let Some(pod) = as_is {
            options.precondition_resource_version = Some(pod.resource_version().to_owned());
        }
        if !self.context.dry_run {
            let mut mark = MarkTarget { options: &options };
            let (marked, _) = self.pods.update(&self.context, self.name, &mut mark, &NoAdmission).await?;
            if options.precondition_resource_version.is_some() {
                options.precondition_resource_version = Some(marked.revision.to_string());
            }
        }
        let context = WriteContext { subresource: "", ..self.context };
        self.pods.delete(&context, self.name, &options, &NoAdmission).await.map(|_| ())
    }
}

/// Whether no budget guards a pod in its state: it is gone as far as they are concerned, or never came.
fn needs_no_budget(pod: &Object) -> bool {
    has_ended(pod) || pod.str_at(&["status", "phase"]) == "Pending"
}

fn has_ended(pod: &Object) -> bool {
    matches!(pod.str_at(&["status", "phase"]), "Succeeded" | "Failed") || pod.deletion_timestamp().is_some()
}

fn condition<'a>(object: &'a Object, ty: &str) -> Option<&'a Value> {
    let conditions = object.at(&["status", "conditions"])?.as_array()?;
    conditions.iter().find(|c| c.str_at(&["type"]) == ty)
}

fn is_ready(pod: &Object) -> bool {
    condition(pod, "Ready").is_some_and(|c| c.str_at(&["status"]) == "True")
}

fn count(budget: &Object, key: &str) -> i64 {
    budget.at(&["status", key]).and_then(Value::as_i64).unwrap_or(0)
}

/// 429: the budget's controller has not said yet what it allows.
fn not_settled(budget: &str) -> Status {
    let text = format!("The disruption budget {budget} is still being processed by the server.");
    too_many(RETRY_AFTER, text)
}

fn too_many(retry_after_seconds: u32, cause: String) -> Status {
    let cause = Cause { reason: "DisruptionBudget".into(), message: cause, field: String::new() };
    Status::too_many_requests(VIOLATES, retry_after_seconds).with_details(Details {
        retry_after_seconds,
        causes: vec![cause],
        ..Details::default()
    })
}

/// Why a budget allows no disruption.
fn exhausted(budget: &Object) -> String {
    let name = budget.name();
    let refusal = condition(budget, "DisruptionAllowed")
        .filter(|c| c.str_at(&["status"]) == "False" && !c.str_at(&["message"]).is_empty());
    let (reason, message) = refusal.map_or(("", ""), |c| (c.str_at(&["reason"]), c.str_at(&["message"])));
    let (current, desired) = (count(budget, "currentHealthy"), count(budget, "desiredHealthy"));
    if reason == "SyncFailed" {
        return format!(
            "The disruption budget {name} does not allow evicting pods currently because it failed sync: {message}"
        );
    }
    if current <= desired {
        return format!(
            "The disruption budget {name} needs {desired} healthy pods and has {current} currently"
        );
    }
    match refusal {
        Some(_) => {
            format!(
                "The disruption budget {name} does not allow evicting pods currently ({reason}): {message}"
            )
        }
        None => format!("The disruption budget {name} does not allow evicting pods currently"),
    }
}

/// Lowers what a budget allows by one, and notes whom for.
struct TakeDisruption<'a> {
    budget: String,
    pod: &'a str,
}

impl Change for TakeDisruption<'_> {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let missing = || Status::not_found("policy", "poddisruptionbudgets", &self.budget);
        let budget = current.ok_or_else(missing)?;
        let forbidden = |why: &str| Status::forbidden("policy", "poddisruptionbudget", &self.budget, why);
        if count(budget, "observedGeneration") < budget.generation() {
            return Err(not_settled(&self.budget));
        }
        let allowed = count(budget, "disruptionsAllowed");
        if allowed < 0 {
            return Err(forbidden("pdb disruptions allowed is negative"));
        }
        let unconfirmed = budget.at(&["status", "disruptedPods"]).and_then(Value::as_object);
        if unconfirmed.is_some_and(|map| map.len() > MAX_UNCONFIRMED) {
            let why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller";
            return Err(forbidden(why));
        }
        if allowed == 0 {
            return Err(too_many(0, exhausted(budget)));
        }
        let now = clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut budget = budget.clone();
        let observed = count(&budget, "observedGeneration");
        if let Some(status) = budget.members_mut().get_mut("status").and_then(Value::as_object_mut) {
            status.insert("disruptionsAllowed", allowed - 1);
            let pods = status.entry("disruptedPods", || Value::Object(Map::new()));
            if let Some(pods) = pods.as_object_mut() {
                pods.insert(self.pod, now.as_str());
            }
            if allowed == 1 {
                let fields = [
                    ("status", Value::from("False")),
                    ("reason", "InsufficientPods".into()),
                    ("message", "".into()),
                    ("observedGeneration", observed.into()),
                ];
                set_condition(status, "DisruptionAllowed", &fields, &now);
            }
        }
        Ok(budget)
    }
}

/// Adds the condition `DisruptionTarget`, where the preconditions hold.
struct MarkTarget<'a> {
    options: &'a DeleteOptions,
}

impl Change for MarkTarget<'_> {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let current = current.ok_or_else(|| Status::internal("a missing pod was to be marked"))?;
        let conflict = |what: &str, wanted: &str, found: &str, since: &str| {
            let why = format!(
                "the {what} in the precondition ({wanted}) does not match the {what} in record ({found}). The \
                 object might have been {since}"
            );
            Status::conflict("", "Pod", current.name(), why)
        };
        let wanted = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
        if let Some(uid) = wanted(&self.options.precondition_uid).filter(|uid| uid != current.uid()) {
            return Err(conflict("UID", &uid, current.uid(), "deleted and then recreated"));
        }
        let version = wanted(&self.options.precondition_resource_version);
        if let Some(version) = version.filter(|version| version != current.resource_version()) {
            return Err(conflict("ResourceVersion", &version, current.resource_version(), "modified"));
        }
        let mut pod = current.clone();
        let now = clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let status = pod.members_mut().entry("status", || Value::Object(Map::new()));
        if let Some(status) = status.as_object_mut() {
            let fields = [
                ("status", Value::from("True")),
                ("reason", "EvictionByEvictionAPI".into()),
                ("message", "Eviction API: evicting".into()),
            ];
            set_condition(status, "DisruptionTarget", &fields, &now);
        }
        Ok(pod)
    }
}

/// Sets a condition; its time moves where its status changes.
fn set_condition(status: &mut Map, ty: &'static str, fields: &[(&'static str, Value)], now: &str) {
    let list = status.entry("conditions", || Value::Array(Vec::new()));
    let Value::Array(conditions) = list else { return };
    let i = match conditions.iter().position(|c| c.str_at(&["type"]) == ty) {
        Some(i) => i,
        None => {
            let mut new = Map::new();
            new.insert("type", ty);
            conditions.push(Value::Object(new));
            conditions.len() - 1
        }
    };
    let Value::Object(condition) = &mut conditions[i] else { return };
    let changed = fields.iter().any(|(key, value)| *key == "status" && condition.get(key) != Some(value));
    for (key, value) in fields {
        condition.insert(*key, value.clone());
    }
    if changed || !condition.contains_key("lastTransitionTime") {
        condition.insert("lastTransitionTime", now);
    }
}
