//! Deleting many.

use futures::stream::{self, StreamExt};
use keelson_apimachinery::Status;

use super::Store;
use super::delete::check_options;
use crate::registry::options::{Admit, DeleteOptions, ListOptions, Listing, WriteContext};

/// How many objects are read before they are deleted, where the client set no limit.
const PAGE: i64 = 10_000;

impl Store {
    /// Deletes the objects that `list` selects, and returns them as they were. With a limit, only a page of
    /// them. Objects that are gone already don't matter; the first other failure ends the work.
    ///
    /// # Errors
    /// Those of [`Store::list`] and [`Store::delete`].
    pub async fn delete_collection(
        &self,
        context: &WriteContext<'_>,
        list: &ListOptions,
        options: &DeleteOptions,
        admit: &dyn Admit,
    ) -> Result<Listing, Status> {
        check_options(options)?;
        self.strategy
            .hooks
            .deletion_warnings(options)
            .into_iter()
            .for_each(|text| context.warnings.add(text));
        let mut list = list.clone();
        let limited = list.limit > 0;
        if !limited {
            list.limit = PAGE;
        }
        let mut whole: Option<Listing> = None;
        loop {
            let page = self.list(context.namespace, &list).await?;
            let names: Result<Vec<_>, Status> = page.items.iter().map(|item| self.name_of(item)).collect();
            let mut work = stream::iter(names?)
                .map(|(namespace, name)| async move {
                    let namespace = Some(namespace.as_str()).filter(|n| !n.is_empty());
                    let context = WriteContext { namespace, ..*context };
                    self.delete_quietly(&context, &name, options, admit).await
                })
                .buffer_unordered(self.delete_workers);
            while let Some(done) = work.next().await {
                match done {
                    Err(status) if status.code() != 404 => return Err(status),
                    _ => {}
                }
            }
            drop(work);
            if limited {
                return Ok(page);
            }
            let next = page.continue_token.clone();
            let whole = match &mut whole {
                Some(whole) => {
                    whole.items.extend(page.items);
                    whole
                }
                none => none.insert(Listing { continue_token: String::new(), remaining: None, ..page }),
            };
            if next.is_empty() {
                return Ok(std::mem::take(whole));
            }
            list.continue_token = next;
            (list.resource_version, list.resource_version_match) = Default::default();
        }
    }
}
