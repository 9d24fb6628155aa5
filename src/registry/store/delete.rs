//! Deleting: at once, after a grace period, or when the finalizers are gone.

use std::sync::atomic::{AtomicBool, Ordering};

use keelson_apimachinery::Status;
use keelson_apimachinery::field::{FieldError, Path};
use keelson_apimachinery::meta::Object;
use keelson_base::clock;
use keelson_storage::{Error, KeyValue};

use super::Store;
use super::create::at;
use super::reads::same_state;
use crate::registry::Stored;
use crate::registry::options::{Admit, DeleteOptions, Deleted, Operation, WriteContext};
use crate::registry::strategy::GarbageCollection;

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// One try to delete.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    context: &'a WriteContext<'a>,
    key: &'a str,
    /// Whether it was storage's own state that decided, or a write was sent: what came of it stands then.
    settled: &'a AtomicBool,
}

/// What a deletion comes to for one state of the object.
enum Plan {
    /// Its grace period runs already, and is not made longer.
    Pending,
    /// It is written with its deletion's mark, and goes later.
    Mark(Object),
    /// It is written with its mark, and goes at once.
    MarkAndRemove(Object),
    /// It goes at once.
    Remove,
}

impl Store {
    /// Deletes an object, or marks it so where it has a grace period or finalizers.
    ///
    /// # Errors
    /// 404 where there is none, 409 where a precondition fails, 422 for options that contradict each other,
    /// and whatever admission says.
    pub async fn delete(
        &self,
        context: &WriteContext<'_>,
        name: &str,
        options: &DeleteOptions,
        admit: &dyn Admit,
    ) -> Result<Deleted, Status> {
        check_options(options)?;
        self.strategy
            .hooks
            .deletion_warnings(options)
            .into_iter()
            .for_each(|text| context.warnings.add(text));
        self.delete_quietly(context, name, options, admit).await
    }

    pub(super) async fn delete_quietly(
        &self,
        context: &WriteContext<'_>,
        name: &str,
        options: &DeleteOptions,
        admit: &dyn Admit,
    ) -> Result<Deleted, Status> {
        self.strategy.hooks.check_deletion(name)?;
        let key = self.keys.object(context.namespace, name)?;
        let about = self.about("delete", name);
        let (current, fresh) = self.start(&key).await.map_err(|error| about.status(error))?;
        let settled = AtomicBool::new(fresh);
        let attempt = Attempt { context, key: &key, settled: &settled };
        let done = self.delete_state(attempt, name, options, admit, current.clone()).await;
        if settled.load(Ordering::Relaxed) {
            return done;
        }
        // What was refused, or left as it was, was so on a cached state.
        let own = self.storage.get(&key).await.map_err(|error| about.status(error))?;
        if same_state(own.as_ref(), current.as_ref()) {
            return done;
        }
        self.delete_state(attempt, name, options, admit, own).await
    }

    /// Deletes the object whose state is `current`.
    async fn delete_state(
        &self,
        attempt: Attempt<'_>,
        name: &str,
        options: &DeleteOptions,
        admit: &dyn Admit,
        mut current: Option<KeyValue>,
    ) -> Result<Deleted, Status> {
        let context = attempt.context;
        let about = self.about("delete", name);
        // The mark is this request's own write: its resource version is no longer the client's business.
        let mut marked = None;
        loop {
            let Some(state) = current else {
                return match marked {
                    Some(object) => Ok(self.gone(object)),
                    None => Err(about.not_found()),
                };
            };
            let existing = self.decode(&state)?;
            if marked.is_none() {
                self.check_preconditions(options, &existing)?;
            }
            let stored = Stored { value: state.value.clone(), revision: state.revision };
            if self.strategy.hooks.terminates() {
                let finalized = existing.at(&["spec", "finalizers"]).is_none();
                if existing.deletion_timestamp().is_some() && !finalized {
                    return Ok(Deleted { object: stored, gone: false, answer_object: true });
                }
                if existing.deletion_timestamp().is_none() {
                    admit.validate(Operation::Delete, None, Some(&existing)).await?;
                    match self.terminate(attempt, &state, existing, options).await? {
                        Ok(stored) => {
                            return Ok(Deleted { object: stored, gone: false, answer_object: true });
                        }
                        Err(newer) => {
                            current = newer;
                            continue;
                        }
                    }
                }
            }
            let plan = if marked.is_some() { Plan::Remove } else { self.plan(&existing, options)? };
            if !matches!(plan, Plan::Pending) && marked.is_none() {
                admit.validate(Operation::Delete, None, Some(&existing)).await?;
            }
            let (object, remove) = match plan {
                Plan::Pending => {
                    let answer_object = self.strategy.behaviour.returns_deleted;
                    return Ok(Deleted { object: stored, gone: false, answer_object });
                }
                Plan::Remove => {
                    match self.remove(attempt, &state, &existing).await? {
                        Ok(stored) => return Ok(self.gone(stored)),
                        Err(newer) => current = newer,
                    }
                    continue;
                }
                Plan::Mark(object) => (object, false),
                Plan::MarkAndRemove(object) => (object, true),
            };
            match self.mark(attempt, &state, object).await? {
                Err(newer) => current = newer,
                Ok(stored) if !remove => {
                    return Ok(Deleted { object: stored, gone: false, answer_object: true });
                }
                Ok(stored) if context.dry_run => return Ok(self.gone(stored)),
                Ok(stored) => {
                    let key: std::sync::Arc<str> = state.key;
                    current = Some(KeyValue { key, value: stored.value.clone(), revision: stored.revision });
                    marked = Some(stored);
                }
            }
        }
    }

    fn gone(&self, object: Stored) -> Deleted {
        Deleted { object, gone: true, answer_object: self.strategy.behaviour.returns_deleted }
    }

    fn check_preconditions(&self, options: &DeleteOptions, existing: &Object) -> Result<(), Status> {
        let mut failed = None;
        let terminates = self.strategy.hooks.terminates();
        if let Some(wanted) = options.precondition_uid.as_deref().filter(|w| *w != existing.uid()) {
            let found = existing.uid();
            failed = Some(if terminates {
                format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}")
            } else {
                format!(
                    "the UID in the precondition ({wanted}) does not match the UID in record ({found}). The object \
                     might have been deleted and then recreated"
                )
            });
        } else if let Some(wanted) =
            options.precondition_resource_version.as_deref().filter(|w| *w != existing.resource_version())
        {
            let found = existing.resource_version();
            failed = Some(if terminates {
                format!(
                    "Precondition failed: ResourceVersion in precondition: {wanted}, ResourceVersion in object \
                     meta: {found}"
                )
            } else {
                format!(
                    "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in \
                     record ({found}). The object might have been modified"
                )
            });
        }
        match failed {
            None => Ok(()),
            Some(why) => {
                let what = if terminates { &self.served.plural } else { &self.served.kind };
                Err(Status::conflict(&self.served.group, what, existing.name(), why))
            }
        }
    }

    /// What the options and the object's state ask for.
    fn plan(&self, existing: &Object, options: &DeleteOptions) -> Result<Plan, Status> {
        let mut object = existing.clone();
        let now = clock::now().as_second();
        // Negative periods count as one second, stored ones too.
        let requested = options.grace_period_seconds.map(|period| if period < 0 { 1 } else { period });
        if object.deletion_grace_period_seconds().is_some_and(|period| period < 0) {
            object.set_deletion_grace_period_seconds(Some(1));
        }
        let period = match self.strategy.hooks.grace_period(&object, requested) {
            None => None,
            Some(period) => match begin_grace(&mut object, requested, period, now) {
                Grace::None => None,
                Grace::Pending => return Ok(Plan::Pending),
                Grace::For(period) => Some(period),
            },
        };
        if self.garbage_collector {
            self.set_finalizers(&mut object, options);
        }
        let waits = object.finalizers().next().is_some();
        Ok(match period {
            None if !waits => Plan::Remove,
            None => {
                mark_as_deleting(&mut object, now);
                Plan::Mark(object)
            }
            Some(0) if !waits => Plan::MarkAndRemove(object),
            Some(_) => Plan::Mark(object),
        })
    }

    /// Sets or removes the finalizers that the garbage collector works off.
    fn set_finalizers(&self, object: &mut Object, options: &DeleteOptions) {
        let default = self.strategy.behaviour.garbage_collection;
        let (orphan, foreground) = dependents(object, options, default);
        let wanted = |name: &str| match name {
            ORPHAN => orphan,
            FOREGROUND => foreground,
            _ => true,
        };
        let mut finalizers: Vec<String> =
            object.finalizers().filter(|f| !matches!(*f, ORPHAN | FOREGROUND)).map(str::to_owned).collect();
        finalizers.extend(orphan.then(|| ORPHAN.to_owned()));
        finalizers.extend(foreground.then(|| FOREGROUND.to_owned()));
        let has = |name: &str| object.finalizers().any(|f| f == name);
        if object.finalizers().any(|f| !wanted(f)) || finalizers.iter().any(|f| !has(f)) {
            object.set_finalizers(finalizers);
        }
    }

    /// Writes the object with its mark; the inner error is the newer state where it changed meanwhile.
    async fn mark(
        &self,
        attempt: Attempt<'_>,
        state: &KeyValue,
        object: Object,
    ) -> Result<Result<Stored, Option<KeyValue>>, Status> {
        let name = object.name().to_owned();
        let value = self.encode(object)?;
        if attempt.context.dry_run || value == state.value {
            return Ok(Ok(Stored { value, revision: state.revision }));
        }
        attempt.settled.store(true, Ordering::Relaxed);
        match self.storage.update(attempt.key, state.revision, value.clone(), self.ttl).await {
            Ok(revision) => {
                self.note_written(revision);
                Ok(Ok(Stored { value, revision }))
            }
            Err(Error::Conflict { current }) => Ok(Err(current)),
            Err(Error::NotFound) => Ok(Err(None)),
            Err(error) => Err(self.about("delete", &name).status(error)),
        }
    }

    /// Removes the object; the inner error is the newer state where it changed meanwhile.
    async fn remove(
        &self,
        attempt: Attempt<'_>,
        state: &KeyValue,
        existing: &Object,
    ) -> Result<Result<Stored, Option<KeyValue>>, Status> {
        let value = state.value.clone();
        if attempt.context.dry_run {
            return Ok(Ok(Stored { value, revision: state.revision }));
        }
        attempt.settled.store(true, Ordering::Relaxed);
        match self.storage.delete(attempt.key, state.revision).await {
            Ok(revision) => {
                self.note_written(revision);
                self.strategy.hooks.after_delete(existing).await;
                Ok(Ok(Stored { value, revision }))
            }
            Err(Error::Conflict { current }) => Ok(Err(current)),
            Err(Error::NotFound) => Ok(Err(None)),
            Err(error) => Err(self.about("delete", existing.name()).status(error)),
        }
    }

    /// The first deletion of a namespace: it is marked, and its content goes before it does.
    async fn terminate(
        &self,
        attempt: Attempt<'_>,
        state: &KeyValue,
        mut object: Object,
        options: &DeleteOptions,
    ) -> Result<Result<Stored, Option<KeyValue>>, Status> {
        object.set_deletion_timestamp(Some(&super::create::now()));
        crate::registry::strategy::member(object.members_mut(), "status").insert("phase", "Terminating");
        let has = |name: &str| object.finalizers().any(|f| f == name);
        let policy = |name: &str| options.propagation_policy.as_deref().map(|policy| policy == name);
        let orphan = options.orphan_dependents.or(policy("Orphan")).unwrap_or(has(ORPHAN));
        let foreground =
            options.orphan_dependents.map(|o| !o).or(policy("Foreground")).unwrap_or(has(FOREGROUND));
        let mut finalizers: Vec<String> =
            object.finalizers().filter(|f| !matches!(*f, ORPHAN | FOREGROUND)).map(str::to_owned).collect();
        finalizers.extend(orphan.then(|| ORPHAN.to_owned()));
        finalizers.extend(foreground.then(|| FOREGROUND.to_owned()));
        if orphan != has(ORPHAN) || foreground != has(FOREGROUND) {
            object.set_finalizers(finalizers);
        }
        self.mark(attempt, state, object).await
    }
}

/// How a graceful deletion goes on.
enum Grace {
    /// It is over, or was never begun gracefully.
    None,
    /// It runs, and is not made longer.
    Pending,
    /// The object has this many seconds from now.
    For(i64),
}

/// Begins the grace period, or shortens one that runs.
fn begin_grace(object: &mut Object, requested: Option<i64>, period: i64, now: i64) -> Grace {
    let Some(deletion) = object.deletion_timestamp().map(seconds) else {
        object.set_deletion_timestamp(Some(&at(now.saturating_add(period))));
        object.set_deletion_grace_period_seconds(Some(period));
        raise_generation(object);
        return Grace::For(period);
    };
    let running = object.deletion_grace_period_seconds().unwrap_or(0);
    if running == 0 {
        return Grace::None;
    }
    let Some(mut shorter) = requested.filter(|period| *period < running) else { return Grace::Pending };
    let mut ends = deletion.saturating_sub(running).saturating_add(shorter);
    if ends < now {
        // The shorter period is over already: the least that still is graceful.
        ends = now;
        shorter = shorter.min(1);
    }
    object.set_deletion_timestamp(Some(&at(ends)));
    object.set_deletion_grace_period_seconds(Some(shorter));
    Grace::For(shorter)
}

/// Marks an object that goes when its finalizers are gone.
fn mark_as_deleting(object: &mut Object, now: i64) {
    match object.deletion_timestamp().map(seconds) {
        None => {
            raise_generation(object);
            object.set_deletion_timestamp(Some(&at(now)));
        }
        Some(time) if time > now => object.set_deletion_timestamp(Some(&at(now))),
        Some(_) => {}
    }
    object.set_deletion_grace_period_seconds(Some(0));
}

fn raise_generation(object: &mut Object) {
    if object.generation() > 0 {
        object.set_generation(object.generation() + 1);
    }
}

/// A stored time in seconds since 1970; 0 for one that can't be read.
fn seconds(time: &str) -> i64 {
    time.parse::<clock::Timestamp>().map_or(0, clock::Timestamp::as_second)
}

/// Whether dependents are orphaned, and whether the object waits for their deletion.
fn dependents(object: &Object, options: &DeleteOptions, default: GarbageCollection) -> (bool, bool) {
    if default == GarbageCollection::Unsupported {
        return (false, false);
    }
    if let Some(orphan) = options.orphan_dependents {
        return (orphan, false);
    }
    match options.propagation_policy.as_deref() {
        Some("Orphan") => return (true, false),
        Some("Foreground") => return (false, true),
        Some(_) => return (false, false),
        None => {}
    }
    match object.finalizers().find(|f| matches!(*f, ORPHAN | FOREGROUND)) {
        Some(ORPHAN) => (true, false),
        Some(_) => (false, true),
        None => (default == GarbageCollection::OrphanDependents, false),
    }
}

/// Refuses options that contradict each other.
pub(super) fn check_options(options: &DeleteOptions) -> Result<(), Status> {
    let path = Path::new("propagationPolicy");
    let mut errors = Vec::new();
    if let Some(policy) = &options.propagation_policy {
        if options.orphan_dependents.is_some() {
            let why = "orphanDependents and deletionPropagation cannot be both set";
            errors.push(FieldError::invalid(&path, policy, why));
        }
        if !matches!(policy.as_str(), "Foreground" | "Background" | "Orphan") {
            let supported = ["Foreground", "Background", "Orphan", "nil"];
            errors.push(FieldError::not_supported(&path, policy, &supported));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid("meta.k8s.io", "DeleteOptions", "", &errors)) }
}
