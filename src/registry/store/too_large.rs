//! Values that storage finds too large: managed fields are given up before a write is.

use std::future::Future;

use bytes::Bytes;
use keelson_apimachinery::Status;
use keelson_storage::Error;

use super::Store;
use crate::registry::Stored;
use crate::registry::options::WriteContext;

impl Store {
    /// Writes a value and returns what was written, with its revision. One that is too large is tried once
    /// more without its managed fields, unless the request is an apply, which is about them.
    pub(super) async fn write_fitting<F>(
        &self,
        context: &WriteContext<'_>,
        value: Bytes,
        write: impl Fn(Bytes) -> F,
    ) -> Result<(Bytes, u64), Error>
    where
        F: Future<Output = Result<u64, Error>>,
    {
        match write(value.clone()).await {
            Err(Error::TooLarge) if !context.create_missing => {
                let Ok(Some(smaller)) = self.without_managed_fields(value) else {
                    return Err(Error::TooLarge);
                };
                write(smaller.clone()).await.map(|revision| (smaller, revision))
            }
            written => written.map(|revision| (value, revision)),
        }
    }

    /// The value without its managed fields; `None` where it has none.
    fn without_managed_fields(&self, value: Bytes) -> Result<Option<Bytes>, Status> {
        let mut object = Stored { value, revision: 0 }.decode(self.resource.type_id)?;
        if object.managed_fields().is_empty() {
            return Ok(None);
        }
        object.set_managed_fields(Vec::new());
        self.encode(object).map(Some)
    }
}
