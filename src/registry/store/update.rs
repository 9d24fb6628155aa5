//! Updating: the loop that reads, changes, admits and writes with a compare on the revision.

use keelson_apimachinery::field::{FieldError, Path};
use keelson_apimachinery::managed_fields::only_times_differ;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status};
use keelson_storage::{Error, KeyValue};

use super::Store;
use super::create::{fill_system_fields, wipe_system_fields};
use super::reads::same_state;
use crate::registry::Stored;
use crate::registry::errors::{MODIFIED, parse_resource_version};
use crate::registry::options::{Admit, Change, Operation, WriteContext};
use crate::registry::strategy::Hold;

/// What one turn of the loop is about.
#[derive(Clone, Copy)]
struct Turned<'a> {
    key: &'a str,
    name: &'a str,
    /// Whether the state is storage's own.
    fresh: bool,
}

/// What one turn of the loop came to.
enum Turn {
    /// The object is written, or was already so; the flag says whether it was created.
    Done(Stored, bool),
    /// The key changed meanwhile.
    Again(Option<KeyValue>),
    /// The write failed, or nobody knows whether it did: it is not tried again.
    Failed(Status),
}

impl Store {
    /// Writes what `change` makes of the object; the flag says whether it was created. `change` and admission
    /// are asked again when the object changed meanwhile. An update that changes nothing writes nothing. One
    /// that empties the finalizers of an object that is being deleted deletes it.
    ///
    /// # Errors
    /// 404 where the object is missing and may not be created so, 409 where it changed since the resource
    /// version that the new object names, 422 for what is invalid, and whatever `change` and admission say.
    pub async fn update(
        &self,
        context: &WriteContext<'_>,
        name: &str,
        change: &mut dyn Change,
        admit: &dyn Admit,
    ) -> Result<(Stored, bool), Status> {
        let key = self.keys.object(context.namespace, name)?;
        let about = self.about("update", name);
        let (mut current, mut fresh) = self.start(&key).await.map_err(|error| about.status(error))?;
        let span = self.span("GuaranteedUpdate etcd3", &key);
        loop {
            let turn = Turned { key: &key, name, fresh };
            match span.hold(self.turn(context, turn, current.clone(), change, admit)).await {
                Ok(Turn::Done(stored, created)) => return Ok((stored, created)),
                Ok(Turn::Again(newer)) => current = newer,
                Ok(Turn::Failed(failure)) => return Err(failure),
                Err(refusal) => match self.newer(turn, current.as_ref()).await? {
                    None => return Err(refusal),
                    Some(newer) => current = newer,
                },
            }
            span.event("the object changed meanwhile, or might have");
            fresh = true;
        }
    }

    /// Storage's own state, where the turn was of another one.
    async fn newer(
        &self,
        turn: Turned<'_>,
        current: Option<&KeyValue>,
    ) -> Result<Option<Option<KeyValue>>, Status> {
        if turn.fresh {
            return Ok(None);
        }
        let own = self.storage.get(turn.key).await;
        let own = own.map_err(|error| self.about("update", turn.name).status(error))?;
        Ok((!same_state(own.as_ref(), current)).then_some(own))
    }

    async fn turn(
        &self,
        context: &WriteContext<'_>,
        turned: Turned<'_>,
        current: Option<KeyValue>,
        change: &mut dyn Change,
        admit: &dyn Admit,
    ) -> Result<Turn, Status> {
        let Turned { key, name, .. } = turned;
        let main = context.subresource.is_empty();
        let may_create = main && (self.strategy.behaviour.create_on_update || context.create_missing);
        if current.is_none() && !may_create {
            return Err(self.about("update", name).not_found());
        }
        let existing = current.as_ref().map(|current| self.decode(current)).transpose()?;
        self.check_uid(key, name, change.precondition_uid(), existing.as_ref())?;
        let mut object = change.apply(existing.as_ref())?;
        let operation = if existing.is_some() { Operation::Update } else { Operation::Create };
        if existing.is_none() {
            wipe_system_fields(&mut object);
            self.match_namespace(context, &mut object)?;
        }
        admit.mutate(operation, &mut object, existing.as_ref()).await?;
        let wanted = parse_resource_version(object.resource_version()).map_err(Status::opaque)?;
        match (current, existing) {
            (Some(current), Some(existing)) => {
                self.check_version(name, wanted, &current, &mut object)?;
                let hold = self.strategy.hooks.begin_update(context, &mut object, &existing).await?;
                let turn = self.replace(context, turned, current, existing, object, admit).await;
                settle(hold, context, &turn).await;
                turn
            }
            _ => {
                fill_system_fields(&mut object);
                let hold = self.strategy.hooks.begin_create(context, &mut object).await?;
                let turn = self.create_missing(context, key, object, admit).await;
                settle(hold, context, &turn).await;
                turn
            }
        }
    }

    /// Refuses a new object that was made from another version than the current one.
    fn check_version(
        &self,
        name: &str,
        wanted: u64,
        current: &KeyValue,
        object: &mut Object,
    ) -> Result<(), Status> {
        let about = self.about("update", name);
        if wanted == 0 {
            if !self.strategy.behaviour.unconditional_update {
                let path = Path::new("metadata").child("resourceVersion");
                let error = FieldError::invalid_int(&path, 0, "must be specified for an update");
                return Err(Status::invalid(about.group, about.plural, name, &[error]));
            }
            object.set_resource_version(&current.revision.to_string());
        } else if wanted != current.revision {
            return Err(Status::conflict(about.group, about.plural, name, MODIFIED));
        }
        Ok(())
    }

    fn check_uid(
        &self,
        key: &str,
        name: &str,
        wanted: Option<&str>,
        existing: Option<&Object>,
    ) -> Result<(), Status> {
        let found = existing.map_or("", Object::uid);
        match wanted {
            Some(wanted) if wanted != found => {
                let why = format!(
                    "StorageError: invalid object, Code: 4, Key: {}/{key}, ResourceVersion: 0, AdditionalErrorMsg: \
                     Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}",
                    self.prefix.trim_end_matches('/')
                );
                Err(Status::conflict(&self.served.group, &self.served.plural, name, why))
            }
            _ => Ok(()),
        }
    }

    async fn create_missing(
        &self,
        context: &WriteContext<'_>,
        key: &str,
        mut object: Object,
        admit: &dyn Admit,
    ) -> Result<Turn, Status> {
        self.before_create(context, &mut object)?;
        admit.validate(Operation::Create, Some(&object), None).await?;
        let name = object.name().to_owned();
        let value = self.encode(object)?;
        if context.dry_run {
            return Ok(Turn::Done(Stored { value, revision: 0 }, true));
        }
        let about = self.about("create", &name);
        match self.write_fitting(context, value, |value| self.storage.create(key, value, self.ttl)).await {
            Ok((value, revision)) => {
                self.note_written(revision);
                Ok(Turn::Done(Stored { value, revision }, true))
            }
            Err(Error::Exists) => {
                Ok(Turn::Again(self.storage.get(key).await.map_err(|error| about.status(error))?))
            }
            Err(error) => Err(about.status(error)),
        }
    }

    async fn replace(
        &self,
        context: &WriteContext<'_>,
        turned: Turned<'_>,
        current: KeyValue,
        existing: Object,
        mut object: Object,
        admit: &dyn Admit,
    ) -> Result<Turn, Status> {
        self.before_update(context, &mut object, &existing)?;
        admit.validate(Operation::Update, Some(&object), Some(&existing)).await?;
        let about = self.about("update", existing.name());
        let vanishes = vanishes(&object, &existing) && self.strategy.hooks.may_vanish(&object);
        let gone = vanishes.then(|| object.clone());
        keep_times(&mut object, &existing);
        let value = self.encode(object)?;
        let key = turned.key;
        if context.dry_run || (!vanishes && value == current.value) {
            return Ok(match self.newer(turned, Some(&current)).await? {
                None => Turn::Done(Stored { value, revision: current.revision }, false),
                Some(newer) => Turn::Again(newer),
            });
        }
        let written = if vanishes {
            self.storage.delete(key, current.revision).await.map(|deleted| {
                self.note_written(deleted);
                (value, current.revision)
            })
        } else {
            let write = |value| self.storage.update(key, current.revision, value, self.ttl);
            self.write_fitting(context, value, write).await
        };
        match written {
            Ok((value, revision)) => {
                self.note_written(revision);
                if let Some(object) = gone {
                    self.strategy.hooks.after_delete(&object).await;
                }
                Ok(Turn::Done(Stored { value, revision }, false))
            }
            Err(Error::Conflict { current }) => Ok(Turn::Again(current)),
            Err(Error::NotFound) => Ok(Turn::Again(None)),
            Err(error) => Ok(Turn::Failed(about.status(error))),
        }
    }

    /// What is done to every changed object before it is validated by admission and written.
    fn before_update(
        &self,
        context: &WriteContext<'_>,
        object: &mut Object,
        existing: &Object,
    ) -> Result<(), Status> {
        self.match_namespace(context, object)?;
        object.set_generation(existing.generation());
        self.strategy.prepare_for_update(context, object, existing);
        if object.uid().is_empty() {
            object.set_uid(existing.uid());
        }
        if let Some(time) = existing.creation_timestamp() {
            object.set_creation_timestamp(Some(time));
        }
        if let Some(time) = existing.deletion_timestamp() {
            object.set_deletion_timestamp(Some(time));
        }
        if object.deletion_grace_period_seconds().is_none() {
            object.set_deletion_grace_period_seconds(existing.deletion_grace_period_seconds());
        }
        let errors = self.strategy.validate_update(context, object, existing);
        if !errors.is_empty() {
            return Err(self.invalid(object.name(), &errors));
        }
        let warnings = self.strategy.warnings(context, object, Some(existing));
        warnings.into_iter().for_each(|text| context.warnings.add(text));
        Ok(())
    }
}

/// Takes back the times of managed fields where they are all that changed: a write that changes nothing is none.
fn keep_times(object: &mut Object, existing: &Object) {
    if !only_times_differ(existing.managed_fields(), object.managed_fields()) {
        return;
    }
    let same = |a: &Map, b: &Map, but: &[&str]| {
        let count = |m: &Map| m.keys().filter(|key| !but.contains(key)).count();
        count(a) == count(b) && a.iter().all(|(key, value)| but.contains(&key) || b.get(key) == Some(value))
    };
    let empty = Map::new();
    let metadata = |o: &Object| {
        same(
            o.metadata().unwrap_or(&empty),
            existing.metadata().unwrap_or(&empty),
            &["managedFields", "resourceVersion", "selfLink"],
        )
    };
    if same(object.members(), existing.members(), &["apiVersion", "kind", "metadata"]) && metadata(object) {
        object.set_managed_fields(existing.managed_fields().to_vec());
    }
}

/// Whether this update is the last that an object waited for which is being deleted.
fn vanishes(object: &Object, existing: &Object) -> bool {
    object.finalizers().next().is_none()
        && existing.deletion_timestamp().is_some()
        && existing.deletion_grace_period_seconds().unwrap_or(0) == 0
}

async fn settle(hold: Option<Box<dyn Hold>>, context: &WriteContext<'_>, turn: &Result<Turn, Status>) {
    if let Some(hold) = hold {
        match turn {
            Ok(Turn::Done(..)) if !context.dry_run => hold.keep().await,
            _ => hold.release().await,
        }
    }
}
