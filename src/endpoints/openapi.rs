//! `/openapi/v2` and `/openapi/v3`: the documents that `kubectl explain` and code generators read.
//!
//! Source: "OpenAPI schemas" in the API concepts. A document takes tens of milliseconds to make and megabytes
//! as a tree, so it is made on a blocking thread when it is first asked for, and then kept compressed.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, EXPIRES, HeaderValue, IF_NONE_MATCH,
    LOCATION, VARY,
};
use http::request::Parts;
use http::{Method, StatusCode};
use keelson_api::{Resource, openapi};
use keelson_apimachinery::codec::json;
use keelson_apimachinery::{Map, Status, Text, Value};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::negotiation;
use super::respond::{self, GZIP_FROM};
use crate::request::{Query, Response, empty};

const V3_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v3.v1.0+protobuf";
const V2_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
const JSON: &str = "application/json";

/// The OpenAPI documents.
pub(super) struct OpenApi {
    /// The hash of each document of `/openapi/v3`, by its path.
    hashes: HashMap<String, String>,
    v2_hash: String,
    index: Bytes,
    resources: Arc<[&'static Resource]>,
    made: Arc<Mutex<HashMap<Key, Made>>>,
}

/// A document's path (`v2`, or as the index of v3 has it), and whether it is protobuf.
type Key = (String, bool);

/// A document as it was made.
#[derive(Clone)]
struct Made {
    compressed: Bytes,
    size: usize,
}

impl OpenApi {
    /// The documents where these resources are served.
    pub(super) fn new(resources: &[&'static Resource]) -> Self {
        let hashes: HashMap<String, String> = openapi::v3_paths(resources)
            .into_iter()
            .map(|path| (path.clone(), hash(&format!("v3/{path}"), resources)))
            .collect();
        let paths: Map = hashes
            .iter()
            .map(|(path, hash)| {
                let mut url = Map::new();
                url.insert("serverRelativeURL", format!("/openapi/v3/{path}?hash={hash}"));
                (Text::from(path.as_str()), Value::Object(url))
            })
            .collect();
        let mut index = Vec::new();
        json::encode_untyped(
            &Value::Object([(Text::from("paths"), paths.into())].into_iter().collect()),
            &mut index,
        );
        OpenApi {
            hashes,
            v2_hash: hash("v2", resources),
            index: index.into(),
            resources: resources.into(),
            made: Arc::default(),
        }
    }

    /// The answer, where the path is one of OpenAPI's.
    pub(super) async fn respond(&self, request: &Parts) -> Option<Response> {
        let path = request.uri.path();
        let v3 = path.strip_prefix("/openapi/v3");
        if path != "/openapi/v2" && !v3.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            return None;
        }
        if request.method != Method::GET {
            return Some(bare(StatusCode::METHOD_NOT_ALLOWED));
        }
        Some(match v3 {
            None => {
                let Some(protobuf) = wants_protobuf(request, "v2") else {
                    return Some(bare(StatusCode::NOT_ACCEPTABLE));
                };
                self.document(request, "v2", &self.v2_hash, protobuf, false).await
            }
            Some("" | "/") => respond::plain_text(StatusCode::OK, self.index.clone()),
            Some(path) => self.v3(request, &path[1..]).await,
        })
    }

    async fn v3(&self, request: &Parts, path: &str) -> Response {
        let Some(hash) = self.hashes.get(path) else { return bare(StatusCode::NOT_FOUND) };
        let Some(protobuf) = wants_protobuf(request, "v3") else { return bare(StatusCode::NOT_ACCEPTABLE) };
        let query = Query::parse(request.uri.query());
        let asked = query.get("hash").filter(|h| !h.is_empty());
        if asked.is_some_and(|asked| asked != hash) {
            let mut response = bare(StatusCode::MOVED_PERMANENTLY);
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
            if let Ok(url) = HeaderValue::from_str(&format!("/openapi/v3/{path}?hash={hash}")) {
                headers.insert(LOCATION, url);
            }
            return response;
        }
        self.document(request, path, hash, protobuf, asked.is_some()).await
    }

    /// A document; `lasting` where the URL names its hash, so that the answer never changes.
    async fn document(
        &self,
        request: &Parts,
        path: &str,
        hash: &str,
        protobuf: bool,
        lasting: bool,
    ) -> Response {
        let tag = format!("\"{hash}\"");
        let known = request.headers.get(IF_NONE_MATCH).is_some_and(|t| t.as_bytes() == tag.as_bytes());
        let mut response = if known {
            bare(StatusCode::NOT_MODIFIED)
        } else {
            match self.made((path.to_owned(), protobuf)).await {
                Ok(made) => made.respond(request, content_type(path, protobuf)),
                Err(status) => {
                    return respond::status(&status, respond::Format::of(&request.headers, &request.uri));
                }
            }
        };
        let headers = response.headers_mut();
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(ETAG, tag);
        }
        headers.append(VARY, HeaderValue::from_static("Accept"));
        if lasting {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, immutable"));
            let in_a_year = keelson_base::clock::now() + std::time::Duration::from_secs(365 * 24 * 60 * 60);
            let text = in_a_year.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            if let Ok(expires) = HeaderValue::from_str(&text) {
                headers.insert(EXPIRES, expires);
            }
        }
        response
    }

    async fn made(&self, key: Key) -> Result<Made, Status> {
        if let Some(made) = self.made.lock().get(&key) {
            return Ok(made.clone());
        }
        let (documents, resources) = (self.made.clone(), self.resources.clone());
        let make = move || {
            let made = make(&key.0, key.1, &resources)?;
            documents.lock().insert(key, made.clone());
            Ok(made)
        };
        tokio::task::spawn_blocking(make).await.map_err(Status::internal)?
    }
}

impl Made {
    fn respond(&self, request: &Parts, content_type: &'static str) -> Response {
        if self.size > GZIP_FROM && respond::accepts_gzip(&request.headers) {
            let mut response = respond::whole(StatusCode::OK, content_type, self.compressed.clone(), false);
            let headers = response.headers_mut();
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
            return response;
        }
        let mut plain = Vec::with_capacity(self.size);
        match GzDecoder::new(&self.compressed[..]).read_to_end(&mut plain) {
            Ok(_) => respond::whole(StatusCode::OK, content_type, plain.into(), false),
            Err(_) => bare(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

fn make(path: &str, protobuf: bool, resources: &[&'static Resource]) -> Result<Made, Status> {
    let descriptions = keelson_api::facts::descriptions();
    let document = match path {
        "v2" => openapi::v2(resources, &descriptions),
        path => openapi::v3(path, resources, &descriptions).ok_or_else(Status::unknown_resource)?,
    };
    let written = match (path, protobuf) {
        ("v2", true) => openapi::protobuf::v2(&document),
        (_, true) => openapi::protobuf::v3(&document),
        (_, false) => {
            let mut text = Vec::new();
            json::encode_untyped(&document, &mut text);
            text
        }
    };
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&written).map_err(Status::internal)?;
    let compressed = encoder.finish().map_err(Status::internal)?;
    Ok(Made { compressed: compressed.into(), size: written.len() })
}

/// Documents change with the tables that they are made from, with what of them is served, and with this program.
fn hash(path: &str, resources: &[&'static Resource]) -> String {
    let mut digest = Sha256::new();
    digest.update(env!("CARGO_PKG_VERSION"));
    digest.update(keelson_api::facts::bytes());
    for resource in resources {
        digest.update(format!("{}/{}/{}\n", resource.group, resource.version, resource.plural));
    }
    digest.update(path);
    digest.finalize().iter().map(|byte| format!("{byte:02X}")).collect()
}

fn content_type(path: &str, protobuf: bool) -> &'static str {
    match (path, protobuf) {
        (_, false) => JSON,
        ("v2", true) => V2_PROTOBUF,
        (_, true) => V3_PROTOBUF,
    }
}

/// Whether the client wants protobuf; `None` where it wants nothing that is served.
fn wants_protobuf(request: &Parts, version: &str) -> Option<bool> {
    let header = request.headers.get(ACCEPT).and_then(|h| h.to_str().ok()).unwrap_or_default();
    if header.is_empty() {
        return Some(false);
    }
    negotiation::clauses(header).iter().find_map(|clause| match (clause.main, clause.sub) {
        ("*", "*") | ("application", "*" | "json") => Some(false),
        ("application", sub) => {
            let rest = sub.strip_prefix("com.github.proto-openapi.spec.")?.strip_prefix(version)?;
            matches!(rest, "@v1.0+protobuf" | ".v1.0+protobuf").then_some(true)
        }
        _ => None,
    })
}

/// An answer of headers alone.
fn bare(code: StatusCode) -> Response {
    let mut response = Response::new(empty());
    *response.status_mut() = code;
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn request(path: &str, headers: &[(http::HeaderName, &str)]) -> Parts {
        let mut request = http::Request::get(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    async fn get(openapi: &OpenApi, path: &str, headers: &[(http::HeaderName, &str)]) -> (Parts2, Bytes) {
        let response = openapi.respond(&request(path, headers)).await.expect("a path of OpenAPI");
        let (parts, body) = response.into_parts();
        (parts, body.collect().await.unwrap().to_bytes())
    }

    type Parts2 = http::response::Parts;

    #[tokio::test]
    async fn the_index_leads_to_documents_that_may_be_cached_for_ever() {
        let openapi = OpenApi::new(&keelson_api::resources().iter().collect::<Vec<_>>());
        let (parts, body) = get(&openapi, "/openapi/v3", &[]).await;
        assert_eq!(parts.headers[CONTENT_TYPE], "text/plain; charset=utf-8");
        let index: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let url = index["paths"]["apis/apps/v1"]["serverRelativeURL"].as_str().unwrap();
        let (parts, body) = get(&openapi, url, &[]).await;
        assert_eq!(parts.headers[CACHE_CONTROL], "public, immutable");
        let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(document["openapi"], "3.0.0");
        let tag = parts.headers[ETAG].to_str().unwrap().to_owned();
        let (parts, body) = get(&openapi, "/openapi/v3/apis/apps/v1", &[(IF_NONE_MATCH, &tag)]).await;
        assert_eq!((parts.status, body.len()), (StatusCode::NOT_MODIFIED, 0));
        let (parts, _) = get(&openapi, "/openapi/v3/apis/apps/v1?hash=WRONG", &[]).await;
        assert_eq!(
            (parts.status, parts.headers[LOCATION].to_str().unwrap()),
            (StatusCode::MOVED_PERMANENTLY, url)
        );
    }

    #[tokio::test]
    async fn media_types() {
        let openapi = OpenApi::new(&keelson_api::resources().iter().collect::<Vec<_>>());
        for (path, accept, content_type) in [
            (
                "/openapi/v3/version",
                "application/com.github.proto-openapi.spec.v3@v1.0+protobuf",
                V3_PROTOBUF,
            ),
            (
                "/openapi/v3/version",
                "application/com.github.proto-openapi.spec.v3.v1.0+protobuf",
                V3_PROTOBUF,
            ),
            ("/openapi/v3/version", "application/xml, */*;q=0.1", JSON),
        ] {
            let (parts, _) = get(&openapi, path, &[(ACCEPT, accept)]).await;
            assert_eq!(parts.headers[CONTENT_TYPE], content_type, "{accept}");
        }
        let (parts, _) = get(&openapi, "/openapi/v3/version", &[(ACCEPT, "application/xml")]).await;
        assert_eq!(parts.status, StatusCode::NOT_ACCEPTABLE);
        let (parts, _) = get(&openapi, "/openapi/v3/apis/apps/v9", &[]).await;
        assert_eq!(parts.status, StatusCode::NOT_FOUND);
    }
}
