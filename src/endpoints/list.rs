//! `list`, and the way to `watch`, which shares its options.

use keelson_apimachinery::Status;

use super::call::Call;
use super::{Endpoints, collection, watch};
use crate::request::{ListParameters, Response};

/// Answers with a page of objects, or with a watch of them.
pub(super) async fn serve(endpoints: &Endpoints, call: &Call<'_>) -> Result<Response, Status> {
    if !endpoints.config.watch_list {
        ListParameters::refuse_initial_events(&call.query)?;
    }
    let parameters = ListParameters::parse(&call.query)?;
    let options = call.list_options(&parameters)?;
    if parameters.watch || call.info.verb == "watch" {
        return watch::serve(endpoints, call, &parameters, &options).await;
    }
    let listing = call.served.store()?.list(call.namespace(), &options).await?;
    collection::answer(&call.representation()?, listing, call.gzip())
}
