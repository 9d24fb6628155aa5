//! Paths of no resource: discovery, OpenAPI, the version, and the index of all paths at `/`.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use keelson_api::Resource;
use keelson_apimachinery::codec::json;
use keelson_apimachinery::{Map, Status, Value};

use super::discovery::Discovery;
use super::openapi::OpenApi;
use super::respond::{self, Format};
use super::version;
use crate::request::Response;

/// What these paths answer from.
pub(super) struct Documents {
    discovery: Discovery,
    openapi: OpenApi,
    index: bytes::Bytes,
}

impl Documents {
    /// The documents of these resources. `others` are paths that the index lists besides; `external` is where
    /// clients outside find the server, with a port.
    ///
    /// # Errors
    /// Where a document does not fit its type: the facts are wrong.
    pub(super) fn new(
        resources: &[&'static Resource],
        others: &[String],
        external: &str,
    ) -> Result<Self, Status> {
        let discovery = Discovery::new(resources, external)?;
        let openapi = OpenApi::new(resources);
        let mut paths: Vec<String> = discovery.paths().map(str::to_owned).collect();
        paths.extend(
            keelson_api::openapi::v3_paths(resources).iter().map(|path| format!("/openapi/v3/{path}")),
        );
        paths.extend(["/openapi/v2", "/openapi/v3", "/openapi/v3/", "/version"].map(str::to_owned));
        paths.extend_from_slice(others);
        paths.sort();
        paths.dedup();
        let mut tree = Map::new();
        tree.insert("paths", paths.into_iter().map(Value::from).collect::<Vec<_>>());
        let (mut compact, mut index) = (Vec::new(), Vec::new());
        json::encode_untyped(&Value::Object(tree), &mut compact);
        respond::indent(&compact, 0, &mut index);
        Ok(Documents { discovery, openapi, index: index.into() })
    }

    /// The answer; plain 404 where nothing is at the path.
    pub(super) async fn respond(&self, request: &Parts) -> Response {
        match request.uri.path() {
            "/" => self.index(request),
            "/version" | "/version/" => version::respond(request),
            _ => match self.discovery.respond(request) {
                Some(response) => response,
                None => self.openapi.respond(request).await.unwrap_or_else(respond::page_not_found),
            },
        }
    }

    fn index(&self, request: &Parts) -> Response {
        let body = match request.method {
            Method::GET => crate::request::full(self.index.clone()),
            Method::HEAD => crate::request::empty(),
            _ => {
                let format = Format::of(&request.headers, &request.uri);
                return respond::status(&Status::method_not_allowed(), format);
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::OK;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}
