//! Whether what an object takes fits into the quotas.

use std::sync::Arc;

use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::scalar::Quantity;

use super::config::Limited;
use super::measure::{Kind, Measured};
use super::scopes::Selector;
use super::texts;
use crate::admission::pod::{self, Amounts};

/// A write that takes something.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) new: Measured,
    /// What the object took before; `None` where it did not exist.
    pub(super) old: Option<Measured>,
    pub(super) kind: Kind,
    pub(super) group: String,
    pub(super) resource: String,
    pub(super) create: bool,
    /// Whether only the status is written: what has been taken already is noted, and never refused.
    pub(super) of_status: bool,
}

/// Why it does not fit.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// 403 with this reason.
    Forbidden(String),
    /// Anything else.
    Status(Status),
}

/// A quota, and what is taken of it so far.
#[derive(Clone, Debug)]
pub(super) struct Quota {
    object: Arc<Object>,
    hard: Amounts,
    used: Amounts,
    selectors: Vec<Selector>,
    changed: bool,
}

impl Quota {
    pub(super) fn of(object: Arc<Object>) -> Self {
        Quota {
            hard: pod::amounts(object.at(&["status", "hard"])),
            used: pod::amounts(object.at(&["status", "used"])),
            selectors: Selector::all_of(&object),
            changed: false,
            object,
        }
    }

    pub(super) fn name(&self) -> &str {
        self.object.name()
    }

    /// Whether more is taken than is written.
    pub(super) fn is_changed(&self) -> bool {
        self.changed
    }

    /// The object with all that is taken.
    pub(super) fn charged(&self) -> Object {
        let mut object = (*self.object).clone();
        pod::member_mut(object.members_mut(), "status").insert("used", texts(&self.used));
        object
    }

    /// The names that count something of such objects.
    fn counted(&self, kind: &Kind) -> Vec<String> {
        self.hard.keys().filter(|name| kind.counts(name)).cloned().collect()
    }

    fn matches(&self, kind: &Kind, measured: &Measured) -> bool {
        self.hard.keys().any(|name| kind.counts(name))
            && self.selectors.iter().all(|selector| measured.facts.matches(selector))
    }
}

/// Takes what is asked for of the quotas that count it; says whether that changed any.
///
/// # Errors
/// Where it does not fit, or can't be told; then nothing is taken.
pub(super) fn check(quotas: &mut [Quota], ask: &Ask, limited: &[Limited]) -> Result<bool, Refusal> {
    let mut counting: Vec<(usize, Amounts)> = Vec::new();
    let mut covered: Vec<String> = Vec::new();
    let mut covered_scopes: Vec<&str> = Vec::new();
    for (i, quota) in quotas.iter().enumerate() {
        let matching = quota.selectors.iter().filter(|selector| ask.new.facts.matches(selector));
        covered_scopes.extend(matching.map(|selector| selector.scope.as_str()));
        if !quota.matches(&ask.kind, &ask.new) {
            continue;
        }
        let counted = quota.counted(&ask.kind);
        if let Some(why) = ask.new.missing(&counted) {
            return Err(Refusal::Forbidden(format!("failed quota: {}: {why}", quota.name())));
        }
        if counted.iter().any(|name| !quota.used.contains_key(name)) {
            let names = counted.join(",");
            let why = format!("status unknown for quota: {}, resources: {names}", quota.name());
            return Err(Refusal::Forbidden(why));
        }
        covered.extend(counted);
        counting.push((i, ask.new.usage.clone()));
    }
    let negative: Vec<&str> = ask
        .new
        .usage
        .iter()
        .filter(|(_, amount)| amount.is_negative())
        .map(|(name, _)| name.as_str())
        .collect();
    if !negative.is_empty() {
        let why = format!("quota usage is negative for resource(s): {}", negative.join(","));
        return Err(Refusal::Forbidden(why));
    }
    let mut uncounted = if ask.create { ask.new.usage.clone() } else { Amounts::new() };
    if !ask.create {
        match &ask.old {
            Some(old) => {
                let more = difference(&ask.new.usage, &old.usage);
                for (i, usage) in &mut counting {
                    if quotas[*i].matches(&ask.kind, old) {
                        usage.clone_from(&more);
                    }
                }
                uncounted = more;
            }
            None => uncounted.clone_from(&ask.new.usage),
        }
    }
    let nothing = counting.is_empty() && !has_some(&uncounted);
    let was_counted = !counting.is_empty();
    counting.retain(|(_, usage)| has_some(usage));
    if nothing || (was_counted && counting.is_empty()) {
        return Ok(false);
    }
    check_limited(ask, limited, &covered, &covered_scopes)?;
    take(quotas, ask, counting)
}

/// What is limited by default must be covered by a quota.
fn check_limited(
    ask: &Ask,
    limited: &[Limited],
    covered: &[String],
    covered_scopes: &[&str],
) -> Result<(), Refusal> {
    let of_resource = limited.iter().filter(|l| l.group == ask.group && l.resource == ask.resource);
    let mut names: Vec<&str> = Vec::new();
    for limited in of_resource {
        let contains = |name: &str| limited.contains.iter().any(|part| name.contains(part.as_str()));
        let taken = ask.new.usage.iter().filter(|(_, amount)| !amount.is_zero());
        let missing = taken.filter(|(name, _)| contains(name) && !covered.contains(name));
        names.extend(missing.map(|(name, _)| name.as_str()));
    }
    names.sort_unstable();
    names.dedup();
    if !names.is_empty() {
        let why = format!("insufficient quota to consume: {}", names.join(","));
        return Err(Refusal::Forbidden(why));
    }
    let scopes = limited.iter().flat_map(|limited| &limited.scopes);
    let missing = scopes.filter(|selector| ask.new.facts.matches(selector));
    let missing = missing.filter(|selector| !covered_scopes.contains(&selector.scope.as_str()));
    let missing: Vec<String> = missing.map(Selector::printed).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let why = format!("insufficient quota to match these scopes: [{}]", missing.join(" "));
    Err(Refusal::Status(Status::opaque(why)))
}

fn take(quotas: &mut [Quota], ask: &Ask, counting: Vec<(usize, Amounts)>) -> Result<bool, Refusal> {
    let mut taken: Vec<(usize, Amounts)> = Vec::with_capacity(counting.len());
    for (i, usage) in counting {
        let quota = &quotas[i];
        let asked: Amounts = usage.into_iter().filter(|(name, _)| quota.hard.contains_key(name)).collect();
        let mut used = quota.used.clone();
        pod::add(&mut used, &asked);
        let exceeds = |name: &str| used.get(name).zip(quota.hard.get(name)).is_some_and(|(u, h)| u > h);
        let exceeded: Vec<&String> = asked.keys().filter(|name| exceeds(name)).collect();
        if !ask.of_status && !exceeded.is_empty() {
            let show = |amounts: &Amounts| {
                let of = exceeded.iter().filter_map(|name| Some(format!("{name}={}", amounts.get(*name)?)));
                of.collect::<Vec<_>>().join(",")
            };
            return Err(Refusal::Forbidden(format!(
                "exceeded quota: {}, requested: {}, used: {}, limited: {}",
                quota.name(),
                show(&asked),
                show(&quota.used),
                show(&quota.hard)
            )));
        }
        taken.push((i, used));
    }
    let mut changed = false;
    for (i, used) in taken {
        if quotas[i].used != used {
            quotas[i].used = used;
            quotas[i].changed = true;
            changed = true;
        }
    }
    Ok(changed)
}

fn has_some(usage: &Amounts) -> bool {
    usage.values().any(|amount| !amount.is_zero())
}

/// What `new` takes more than `old`; nothing of what it takes less.
fn difference(new: &Amounts, old: &Amounts) -> Amounts {
    let less = |name: &String, amount: &Quantity| match old.get(name) {
        Some(old) if old >= amount => Quantity::default(),
        Some(old) => amount.checked_sub(old).unwrap_or_else(|| amount.clone()),
        None => amount.clone(),
    };
    new.iter().map(|(name, amount)| (name.clone(), less(name, amount))).collect()
}
