//! `componentstatuses`: whether the scheduler, the controller manager and the stores are well, asked for each
//! request and stored nowhere. Deprecated, and still read by `kubectl get componentstatuses`.

use async_trait::async_trait;
use futures::future::join_all;
use http::StatusCode;
use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::selector::{fields, labels};
use keelson_apimachinery::{Map, Status, Value};

use super::call::Call;
use super::represent::Item;
use super::{Endpoints, collection};
use crate::registry::{Listing, Stored};
use crate::request::{ListParameters, Response};

/// How a component is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComponentHealth {
    /// Whether it is well; `None` where that can't be told.
    pub healthy: Option<bool>,
    /// What it said, or why it said nothing.
    pub message: String,
    /// Why it can't be told.
    pub error: String,
}

/// The components beside the server.
#[async_trait]
pub trait Components: Send + Sync {
    /// Their names, sorted.
    fn names(&self) -> Vec<String>;

    /// How one is now; `None` for names that there are not. Bounded in time; cancel safe.
    async fn check(&self, name: &str) -> Option<ComponentHealth>;
}

/// Answers with one.
pub(super) async fn get(endpoints: &Endpoints, call: &Call<'_>) -> Result<Response, Status> {
    let name = call.info.name.as_str();
    let health = endpoints.config.components.check(name).await;
    let health = health.ok_or_else(|| Status::not_found("", "componentstatus", name))?;
    let object = object(call, name, &health)?;
    call.representation()?.answer(StatusCode::OK, Item::Tree(&object, call.served.ty()), call.gzip())
}

/// Answers with those that the selectors select.
pub(super) async fn list(endpoints: &Endpoints, call: &Call<'_>) -> Result<Response, Status> {
    let parameters = ListParameters::parse(&call.query)?;
    let options = call.list_options(&parameters)?;
    let of_labels = labels::parse(&options.label_selector).map_err(Status::bad_request)?;
    let of_fields = fields::parse(&options.field_selector).map_err(Status::bad_request)?;
    let selected = |name: &str| {
        of_labels.matches(|_| None)
            && of_fields.requirements().iter().all(|requirement| {
                let value = if requirement.field == "metadata.name" { name } else { "" };
                (value == requirement.value) == (requirement.operator == fields::Operator::Equals)
            })
    };
    let components = &endpoints.config.components;
    let names: Vec<String> = components.names().into_iter().filter(|name| selected(name)).collect();
    let found = join_all(names.iter().map(|name| components.check(name))).await;
    let mut listing = Listing::default();
    for (name, health) in names.iter().zip(found) {
        let Some(health) = health else { continue };
        let mut value = Vec::new();
        json::encode(
            keelson_api::schema(),
            call.served.ty(),
            object(call, name, &health)?.as_value(),
            &mut value,
        );
        listing.items.push(Stored { value: value.into(), revision: 0 });
    }
    collection::answer(&call.representation()?, listing, call.gzip())
}

fn object(call: &Call<'_>, name: &str, health: &ComponentHealth) -> Result<Object, Status> {
    let status = match health.healthy {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    let mut condition = Map::new();
    for (key, text) in [("type", "Healthy"), ("status", status)] {
        condition.insert(key, text);
    }
    for (key, text) in [("message", &health.message), ("error", &health.error)] {
        if !text.is_empty() {
            condition.insert(key, text.as_str());
        }
    }
    let mut object = Object::default();
    object.set_name(name);
    object.members_mut().insert("conditions", Value::Array(vec![Value::Object(condition)]));
    let served = call.served;
    let canonical = json::canonicalize(keelson_api::schema(), served.ty(), object.into());
    let mut object = Object::try_from(canonical.map_err(Status::internal)?.value)
        .map_err(|_| Status::internal("a component's status is no object"))?;
    object.set_type(&served.api_version, &served.resource.kind);
    Ok(object)
}
