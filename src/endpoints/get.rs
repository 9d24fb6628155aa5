//! `get`: one object.

use http::StatusCode;
use keelson_apimachinery::Status;

use super::call::Call;
use super::represent::Item;
use crate::request::Response;

/// Answers with the object, as it is now or as the client's resource version allows.
pub(super) async fn serve(call: &Call<'_>) -> Result<Response, Status> {
    let store = call.served.store()?;
    let version = call.query.get("resourceVersion").unwrap_or_default();
    let stored = match version {
        "" => store.get(call.namespace(), &call.info.name).await?,
        version => store.get_at(call.namespace(), &call.info.name, version).await?,
    };
    call.representation()?.answer(StatusCode::OK, Item::Stored(&stored), call.gzip())
}
