//! ResourceQuota: a namespace's objects take no more than its quotas allow.
//!
//! What a write takes is added to `status.used` of every quota that counts it before the write happens. That
//! is a compare-and-swap, so that several servers may do it at once: who comes second looks again. Writes of a
//! namespace that wait for each other are added up and written as one ([`queue`]). What is taken and never used,
//! as the write fails later, the quota controller gives back.
//!
//! - [`measure`]: what an object takes, and what quotas need to know of it.
//! - [`check`]: whether it fits.
//!
//! Source: "Resource Quotas" in the Kubernetes documentation.

mod check;
mod config;
mod measure;
mod queue;
mod scopes;

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Value};

use self::check::{Ask, Quota, Refusal, check};
use self::config::Limited;
use self::measure::Kind;
use self::queue::{Queues, Turn};
use super::objects::RESOURCE_QUOTAS;
use super::{Attributes, Objects, Operation, Phase, Plugin};

/// How often quotas that others changed meanwhile are looked at again.
const RETRIES: usize = 3;

/// What nobody counts: it is not stored, or was never counted.
const IGNORED: [(&str, &str); 10] = [
    ("", "bindings"),
    ("", "componentstatuses"),
    ("", "events"),
    ("authentication.k8s.io", "selfsubjectreviews"),
    ("authentication.k8s.io", "tokenreviews"),
    ("authorization.k8s.io", "localsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
    ("authorization.k8s.io", "subjectaccessreviews"),
    ("events.k8s.io", "events"),
];

pub(super) struct ResourceQuota {
    objects: Arc<dyn Objects>,
    limited: Vec<Limited>,
    queues: Queues,
}

impl ResourceQuota {
    /// The plugin with its own configuration, where there is one.
    pub(super) fn new(objects: Arc<dyn Objects>, own: Option<&Value>) -> Result<Self, String> {
        Ok(ResourceQuota { objects, limited: config::read(own)?, queues: Queues::default() })
    }

    async fn quotas(&self, namespace: &str) -> Result<Vec<Quota>, Status> {
        let found = self.objects.list(RESOURCE_QUOTAS, namespace).await;
        let found = found.map_err(|status| Status::opaque(format!("error resolving quota: {status}")))?;
        Ok(found.into_iter().map(Quota::of).collect())
    }

    /// Charges the quotas, together with the asks of others that wait for the same namespace.
    async fn charge(&self, namespace: &str, ask: Ask) -> Result<(), Refusal> {
        let ask = Arc::new(ask);
        let mut turn = self.queues.join(namespace, ask.clone());
        loop {
            match turn {
                Turn::Lead(leading) => {
                    let mut verdicts = self.charge_all(namespace, &leading.batch()).await.into_iter();
                    let own = verdicts.next().unwrap_or(Ok(()));
                    leading.tell(verdicts);
                    return own;
                }
                Turn::Wait(answer) => match answer.await {
                    Ok(verdict) => return verdict,
                    // Who led is gone, or it is this one's turn to lead.
                    Err(_) => turn = self.queues.join(namespace, ask.clone()),
                },
            }
        }
    }

    async fn charge_all(&self, namespace: &str, asks: &[Arc<Ask>]) -> Vec<Result<(), Refusal>> {
        let mut quotas = match self.quotas(namespace).await {
            Ok(quotas) => quotas,
            Err(status) => return vec![Err(Refusal::Status(status)); asks.len()],
        };
        let mut verdicts: Vec<Result<(), Refusal>> = vec![Ok(()); asks.len()];
        for attempt in 0..=RETRIES {
            // Once covered, always covered: later rounds see only some of the quotas.
            let limited = if attempt == 0 { self.limited.as_slice() } else { &[] };
            // Which asks changed a quota: they depend on its being written.
            let mut waiting = vec![false; asks.len()];
            for (i, ask) in asks.iter().enumerate().filter(|(i, _)| verdicts[*i].is_ok()).collect::<Vec<_>>()
            {
                match check(&mut quotas, ask, limited) {
                    Ok(changed) => waiting[i] = changed,
                    Err(refusal) => verdicts[i] = Err(refusal),
                }
            }
            let mut failed: Vec<String> = Vec::new();
            let mut failure = None;
            for quota in quotas.iter().filter(|quota| quota.is_changed()) {
                if let Err(status) = self.objects.update_status(RESOURCE_QUOTAS, &quota.charged()).await {
                    failed.push(quota.name().to_owned());
                    failure = Some(status);
                }
            }
            let Some(failure) = failure else { return verdicts };
            let current = self.objects.list_now(RESOURCE_QUOTAS, namespace).await;
            match current {
                Ok(current) if attempt < RETRIES => {
                    quotas = current.into_iter().map(Quota::of).collect();
                    quotas.retain(|quota| failed.iter().any(|name| name == quota.name()));
                }
                _ => {
                    for (verdict, _) in verdicts.iter_mut().zip(waiting).filter(|(_, waiting)| *waiting) {
                        *verdict = Err(Refusal::Status(failure.clone()));
                    }
                    return verdicts;
                }
            }
        }
        verdicts
    }
}

#[async_trait]
impl Plugin for ResourceQuota {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.writes()
            && !attributes.namespace.is_empty()
            && !attributes.is_any("", "namespaces")
            && Kind::of(attributes.group, attributes.resource).handles(attributes)
            && !IGNORED.contains(&(attributes.group, attributes.resource))
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let Some(object) = object else { return Ok(()) };
        let kind = Kind::of(attributes.group, attributes.resource);
        if attributes.operation == Operation::Update && !kind.may_change(attributes, object) {
            return Ok(());
        }
        let mut quotas = self.quotas(attributes.namespace).await?;
        if quotas.is_empty() && self.limited.is_empty() {
            return Ok(());
        }
        let ask = Ask {
            new: kind.measure(object),
            // An update that creates has no old object of any version.
            old: attributes.old.filter(|old| !old.resource_version().is_empty()).map(|old| kind.measure(old)),
            kind,
            group: attributes.group.to_owned(),
            resource: attributes.resource.to_owned(),
            create: attributes.operation == Operation::Create,
            of_status: attributes.subresource == "status",
        };
        let verdict = match check(&mut quotas, &ask, &self.limited) {
            // Most writes change nothing, and dry runs must not.
            Ok(changed) if attributes.dry_run || !changed => Ok(()),
            Ok(_) => self.charge(attributes.namespace, ask).await,
            Err(refusal) => Err(refusal),
        };
        verdict.map_err(|refusal| match refusal {
            Refusal::Forbidden(why) => attributes.forbidden(Some(object), why),
            Refusal::Status(status) => status,
        })
    }
}

/// The texts of amounts, as `status.used` has them.
fn texts(amounts: &super::pod::Amounts) -> Map {
    amounts.iter().map(|(name, amount)| (name.as_str().into(), Value::from(amount.to_string()))).collect()
}
