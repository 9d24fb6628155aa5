//! Creating.

use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::status::{Details, qualified};
use keelson_base::{clock, random};
use keelson_storage::Error;

use super::Store;
use crate::registry::Stored;
use crate::registry::errors::parse_resource_version;
use crate::registry::options::{Admit, Operation, WriteContext};

/// How often a generated name is tried.
const GENERATED_NAME_ATTEMPTS: usize = 8;

/// The longest prefix of a generated name; five letters follow it.
const MAX_GENERATED_PREFIX: usize = 58;

const VERSION_ON_CREATE: &str = "resourceVersion should not be set on objects to be created";

impl Store {
    /// Writes a new object. `metadata.name` may come from `generateName`. A dry run returns the object with
    /// revision 0.
    ///
    /// # Errors
    /// 400 for a wrong namespace, 409 where the name is taken, 422 for
    /// what is invalid, whatever admission says, and 500 for a resource version.
    pub async fn create(
        &self,
        context: &WriteContext<'_>,
        mut object: Object,
        admit: &dyn Admit,
    ) -> Result<Stored, Status> {
        wipe_system_fields(&mut object);
        self.match_namespace(context, &mut object)?;
        admit.mutate(Operation::Create, &mut object, None).await?;
        let generated = object.name().is_empty() && !object.generate_name().is_empty();
        if !generated {
            return self.create_named(context, object, admit).await.map_err(Failure::into_status);
        }
        let mut attempt = 1;
        loop {
            let mut named = object.clone();
            named.set_name(&generate_name(object.generate_name()));
            match self.create_named(context, named, admit).await {
                Err(Failure::Taken(_)) if attempt < GENERATED_NAME_ATTEMPTS => attempt += 1,
                done => return done.map_err(Failure::into_status),
            }
        }
    }

    async fn create_named(
        &self,
        context: &WriteContext<'_>,
        mut object: Object,
        admit: &dyn Admit,
    ) -> Result<Stored, Failure> {
        fill_system_fields(&mut object);
        let hold = self.strategy.hooks.begin_create(context, &mut object).await?;
        let written = self.write_new(context, object, admit).await;
        if let Some(hold) = hold {
            match &written {
                Ok(_) if !context.dry_run => hold.keep().await,
                _ => hold.release().await,
            }
        }
        written
    }

    async fn write_new(
        &self,
        context: &WriteContext<'_>,
        mut object: Object,
        admit: &dyn Admit,
    ) -> Result<Stored, Failure> {
        self.before_create(context, &mut object)?;
        admit.validate(Operation::Create, Some(&object), None).await?;
        let name = object.name().to_owned();
        let generated = !object.generate_name().is_empty();
        let key = self.keys.object(context.namespace, &name)?;
        if parse_resource_version(object.resource_version()).is_ok_and(|version| version != 0) {
            return Err(Status::opaque(VERSION_ON_CREATE).into());
        }
        let value = self.encode(object)?;
        let about = self.about("create", &name);
        let written = if context.dry_run {
            match self.storage.get(&key).await {
                Ok(None) => Ok((value, 0)),
                Ok(Some(_)) => Err(Error::Exists),
                Err(error) => Err(error),
            }
        } else {
            let span = self.span("Create etcd3", &key);
            let write =
                self.write_fitting(context, value, |value| self.storage.create(&key, value, self.ttl));
            span.hold(write).await
        };
        match written {
            Ok((value, revision)) => {
                self.note_written(revision);
                Ok(Stored { value, revision })
            }
            Err(Error::Exists) => Err(Failure::Taken(self.taken(&key, &name, generated).await)),
            Err(error) => Err(about.status(error).into()),
        }
    }

    /// What is done to every new object before it is validated by admission and written.
    pub(super) fn before_create(
        &self,
        context: &WriteContext<'_>,
        object: &mut Object,
    ) -> Result<(), Status> {
        self.match_namespace(context, object)?;
        self.strategy.prepare_for_create(context, object);
        let errors = self.strategy.validate(context, object);
        if !errors.is_empty() {
            return Err(self.invalid(object.name(), &errors));
        }
        let errors = self.strategy.validate_path_segment(object);
        if !errors.is_empty() {
            return Err(self.invalid(object.name(), &errors));
        }
        let warnings = self.strategy.warnings(context, object, None);
        warnings.into_iter().for_each(|text| context.warnings.add(text));
        Ok(())
    }

    /// 409 for a name that is taken.
    async fn taken(&self, key: &str, name: &str, generated: bool) -> Status {
        let (group, plural) = (self.served.group.as_str(), self.served.plural.as_str());
        let mut message = format!("{} {name:?} already exists", qualified(group, plural));
        if generated {
            message.push_str(", the server was not able to generate a unique name for the object");
        }
        // Whoever waits for the name may want to know that it will become free.
        if let Ok(Some(current)) = self.storage.get(key).await
            && self.decode(&current).is_ok_and(|object| object.deletion_timestamp().is_some())
        {
            message.insert_str(0, "object is being deleted: ");
        }
        Status::new(409, "AlreadyExists", message).with_details(Details {
            name: name.into(),
            group: group.into(),
            kind: plural.into(),
            retry_after_seconds: u32::from(generated),
            ..Details::default()
        })
    }

    /// Sets the namespace of the path on the object.
    ///
    /// # Errors
    /// 400 where the object says another.
    pub(super) fn match_namespace(
        &self,
        context: &WriteContext<'_>,
        object: &mut Object,
    ) -> Result<(), Status> {
        let expected = context.namespace.filter(|_| self.resource.namespaced).unwrap_or("");
        if object.namespace() == expected {
            return Ok(());
        }
        if !object.namespace().is_empty() && !expected.is_empty() {
            let why = "the namespace of the provided object does not match the namespace sent on the request";
            return Err(Status::bad_request(why));
        }
        object.set_namespace(expected);
        Ok(())
    }
}

/// Why a creation failed.
pub(super) enum Failure {
    /// The name is taken: a generated one is tried again.
    Taken(Status),
    /// Anything else.
    Other(Status),
}

impl Failure {
    pub(super) fn into_status(self) -> Status {
        match self {
            Failure::Taken(status) | Failure::Other(status) => status,
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Failure::Other(status)
    }
}

/// Removes what only the server sets.
pub(super) fn wipe_system_fields(object: &mut Object) {
    if object.metadata().is_some() {
        object.set_creation_timestamp(None);
        object.set_uid("");
        object.set_deletion_timestamp(None);
        object.set_deletion_grace_period_seconds(None);
        object.set_self_link("");
    }
}

/// Gives a new object its uid and its time.
pub(super) fn fill_system_fields(object: &mut Object) {
    object.set_creation_timestamp(Some(&now()));
    object.set_uid(&random::uuid().to_string());
}

/// The time now as metadata has it: RFC 3339 to the second.
pub(crate) fn now() -> String {
    at(clock::now().as_second())
}

/// A time in seconds since 1970 as metadata has it.
pub(crate) fn at(seconds: i64) -> String {
    let clamped = seconds.clamp(clock::Timestamp::MIN.as_second(), clock::Timestamp::MAX.as_second());
    clock::Timestamp::from_second(clamped).unwrap_or(clock::Timestamp::UNIX_EPOCH).to_string()
}

/// A name that begins with `prefix`, no longer than a label.
fn generate_name(prefix: &str) -> String {
    let mut end = prefix.len().min(MAX_GENERATED_PREFIX);
    while !prefix.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{}", &prefix[..end], random::name_suffix())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_are_no_longer_than_a_label() {
        for prefix in ["web-".to_owned(), "x".repeat(80), "é".repeat(40)] {
            let name = generate_name(&prefix);
            assert!(name.len() <= 63 && name.starts_with(prefix.chars().next().unwrap()), "{name}");
        }
    }

    #[test]
    fn times_have_no_fraction() {
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(now().len(), "1970-01-01T00:00:00Z".len());
    }
}
