//! Answers: the one place that turns a [`Status`] into a response, and bytes into bodies.

use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER, VARY};
use http::{HeaderMap, StatusCode, Uri};
use http_body::Frame;
use http_body_util::BodyExt;
use keelson_apimachinery::codec::{envelope, json, protobuf, yaml};
use keelson_apimachinery::status::Details;
use keelson_apimachinery::{Map, Schema, Status, TypeId, Value};

use super::negotiation::{self, MediaType, Restrictions};
use crate::request::{Body, BoxError, Response, full};

/// From this size on, bodies are compressed for clients that accept gzip.
pub const GZIP_FROM: usize = 128 * 1024;

/// How an answer of the server's own (a `Status`) is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The media type.
    pub media_type: MediaType,
    /// Whether JSON is indented.
    pub pretty: bool,
}

impl Format {
    /// What the client accepts; indented JSON where that is nothing that can be made.
    pub fn of(headers: &HeaderMap, uri: &Uri) -> Self {
        match negotiation::accepted(headers, uri, Restrictions::Plain) {
            Ok(accepted) => Format { media_type: accepted.media_type, pretty: accepted.pretty },
            Err(_) => Format { media_type: MediaType::Json, pretty: true },
        }
    }
}

/// The answer to a request that failed.
pub fn status(status: &Status, format: Format) -> Response {
    let code = StatusCode::from_u16(status.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = status_response(failure_fields(status), code, format);
    let retry_after = status.details().map_or(0, |d| d.retry_after_seconds);
    if retry_after > 0 {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after));
    }
    response
}

/// The tree of a failure, with `apiVersion` and `kind`, and its type.
pub(super) fn status_tree(status: &Status) -> Result<(TypeId, Map), Status> {
    let mut tree = failure_fields(status);
    tree.insert("apiVersion", "v1");
    tree.insert("kind", "Status");
    Ok((status_type()?, tree))
}

fn status_type() -> Result<TypeId, Status> {
    keelson_api::facts::kind("", "v1", "Status").ok_or_else(|| Status::internal("no type Status"))
}

fn failure_fields(status: &Status) -> Map {
    let mut tree = Map::new();
    tree.insert("status", "Failure");
    insert_text(&mut tree, "message", status.message());
    insert_text(&mut tree, "reason", status.reason());
    if let Some(details) = status.details() {
        tree.insert("details", details_tree(details));
    }
    tree.insert("code", i64::from(status.code()));
    let mut metadata = Map::new();
    insert_text(&mut metadata, "continue", status.continue_token());
    tree.insert("metadata", metadata);
    tree
}

/// The answer to a request that succeeded and has no object to show. `shown_code` stands in the body; 0
/// leaves it out.
pub fn success(code: StatusCode, shown_code: u16, details: Option<&Details>, format: Format) -> Response {
    let mut tree = Map::new();
    tree.insert("status", "Success");
    tree.insert("metadata", Map::new());
    if let Some(details) = details {
        tree.insert("details", details_tree(details));
    }
    if shown_code != 0 {
        tree.insert("code", i64::from(shown_code));
    }
    status_response(tree, code, format)
}

/// 404 for paths that no API has: plain text, as Go's server sends it.
pub fn page_not_found() -> Response {
    let mut response = plain_text(StatusCode::NOT_FOUND, "404 page not found\n");
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(http::header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

/// A plain text answer.
pub fn plain_text(code: StatusCode, text: impl Into<Bytes>) -> Response {
    let mut response = Response::new(full(text));
    *response.status_mut() = code;
    let utf8 = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, utf8);
    response
}

/// A tree of the type `ty` in a media type, with `apiVersion` and `kind`, as a whole body.
///
/// # Errors
/// 500 where the tree is not of that type.
pub fn tree(
    ty: TypeId,
    mut tree: Map,
    api_version: &str,
    kind: &str,
    format: Format,
) -> Result<Bytes, Status> {
    let schema = keelson_api::schema();
    tree.insert("apiVersion", api_version);
    tree.insert("kind", kind);
    let tree = Value::Object(tree);
    let mut out = Vec::new();
    match format.media_type {
        MediaType::Json => write_json(schema, ty, &tree, format.pretty, &mut out),
        MediaType::Yaml => write_yaml(schema, ty, &tree, &mut out)?,
        MediaType::Protobuf => {
            let raw = protobuf::encode(schema, ty, &tree).map_err(Status::internal)?;
            out = envelope::seal(api_version, kind, &raw);
        }
    }
    Ok(out.into())
}

/// A tree as a JSON document: with a newline behind it, or indented and without.
pub(super) fn write_json(schema: &Schema, ty: TypeId, tree: &Value, pretty: bool, out: &mut Vec<u8>) {
    if pretty {
        let mut compact = Vec::new();
        json::encode(schema, ty, tree, &mut compact);
        indent(&compact, 0, out);
    } else {
        json::encode(schema, ty, tree, out);
        out.push(b'\n');
    }
}

/// A tree as a YAML document.
pub(super) fn write_yaml(schema: &Schema, ty: TypeId, tree: &Value, out: &mut Vec<u8>) -> Result<(), Status> {
    // The JSON is read back, so that raw parts become values, too.
    let mut compact = Vec::new();
    json::encode(schema, ty, tree, &mut compact);
    write_json_as_yaml(&compact, out)
}

/// JSON text as a YAML document.
pub(super) fn write_json_as_yaml(text: &[u8], out: &mut Vec<u8>) -> Result<(), Status> {
    let untyped = json::decode_untyped(text).map_err(Status::internal)?.value;
    yaml::encode(&untyped, out);
    Ok(())
}

/// Compact JSON with two spaces of indentation a level, as Go's `MarshalIndent`; `depth` is that of its place
/// in the document. The beginning of a document will do.
pub(super) fn indent(compact: &[u8], mut depth: usize, out: &mut Vec<u8>) {
    out.reserve(compact.len() * 2);
    let mut i = 0;
    let newline = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.resize(out.len() + 2 * depth, b' ');
    };
    while let Some(&byte) = compact.get(i) {
        i += 1;
        match byte {
            b'"' => {
                let start = i - 1;
                while let Some(&inner) = compact.get(i) {
                    i += if inner == b'\\' { 2 } else { 1 };
                    if inner == b'"' {
                        break;
                    }
                }
                out.extend_from_slice(&compact[start..i.min(compact.len())]);
            }
            b'{' | b'[' => {
                out.push(byte);
                if let Some(&close @ (b'}' | b']')) = compact.get(i) {
                    out.push(close);
                    i += 1;
                } else {
                    depth += 1;
                    newline(out, depth);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                newline(out, depth);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                newline(out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            b' ' | b'\n' | b'\r' | b'\t' => {}
            other => out.push(other),
        }
    }
}

/// Whether the client takes gzip.
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let header = headers.get(ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
    header.split(',').any(|token| token.trim() == "gzip")
}

/// A whole body of this media type, compressed where it is large and the client takes it.
pub fn whole(code: StatusCode, content_type: &'static str, bytes: Bytes, gzip: bool) -> Response {
    if gzip && bytes.len() > GZIP_FROM {
        return compressed(code, content_type, full(bytes));
    }
    let mut response = Response::new(full(bytes));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A body that comes piece by piece. `gzip` says whether it is worth compressing and the client takes it.
pub fn streamed(code: StatusCode, content_type: &'static str, body: Body, gzip: bool) -> Response {
    if gzip {
        return compressed(code, content_type, body);
    }
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn compressed(code: StatusCode, content_type: &'static str, body: Body) -> Response {
    // Level 1: the others cost far more time for little less size.
    let encoder = GzEncoder::new(Vec::new(), Compression::new(1));
    let mut response = Response::new(Gzip { inner: body, encoder: Some(encoder) }.boxed_unsync());
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    response
}

/// The gzip of another body, frame by frame.
struct Gzip {
    inner: Body,
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl http_body::Body for Gzip {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if self.encoder.is_none() {
                return Poll::Ready(None);
            }
            let frame = ready!(Pin::new(&mut self.inner).poll_frame(context)).transpose()?;
            let Some(encoder) = &mut self.encoder else { return Poll::Ready(None) };
            let data = match frame.map(Frame::into_data) {
                Some(Ok(data)) => {
                    encoder.write_all(&data)?;
                    std::mem::take(encoder.get_mut())
                }
                Some(Err(_)) => continue,
                None => match self.encoder.take() {
                    Some(encoder) => encoder.finish()?,
                    None => return Poll::Ready(None),
                },
            };
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(data.into()))));
            }
        }
    }
}

fn status_response(fields: Map, code: StatusCode, format: Format) -> Response {
    match status_type().and_then(|ty| tree(ty, fields, "v1", "Status", format)) {
        Ok(bytes) => whole(code, format.media_type.name(), bytes, false),
        // Not to be reached: the tree above is of that type.
        Err(error) => plain_text(StatusCode::INTERNAL_SERVER_ERROR, error.message().to_owned()),
    }
}

fn details_tree(details: &Details) -> Map {
    let mut tree = Map::new();
    for (key, text) in
        [("name", &details.name), ("group", &details.group), ("kind", &details.kind), ("uid", &details.uid)]
    {
        insert_text(&mut tree, key, text);
    }
    if !details.causes.is_empty() {
        let causes = details.causes.iter().map(|cause| {
            let mut tree = Map::new();
            insert_text(&mut tree, "reason", &cause.reason);
            insert_text(&mut tree, "message", &cause.message);
            insert_text(&mut tree, "field", &cause.field);
            Value::Object(tree)
        });
        tree.insert("causes", causes.collect::<Vec<_>>());
    }
    if details.retry_after_seconds > 0 {
        tree.insert("retryAfterSeconds", i64::from(details.retry_after_seconds));
    }
    tree
}

fn insert_text(tree: &mut Map, key: &'static str, text: &str) {
    if !text.is_empty() {
        tree.insert(key, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(response: Response) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn failures_have_gos_field_order() {
        let status = Status::not_found("apps", "deployments", "a");
        let answer = |media_type, pretty| super::status(&status, Format { media_type, pretty });
        assert_eq!(
            text(answer(MediaType::Json, false)).await,
            "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\
             \"message\":\"deployments.apps \\\"a\\\" not found\",\"reason\":\"NotFound\",\
             \"details\":{\"name\":\"a\",\"group\":\"apps\",\"kind\":\"deployments\"},\"code\":404}\n"
        );
        let pretty = text(answer(MediaType::Json, true)).await;
        assert!(
            pretty
                .starts_with("{\n  \"kind\": \"Status\",\n  \"apiVersion\": \"v1\",\n  \"metadata\": {},\n")
        );
        assert!(pretty.ends_with("\n  \"code\": 404\n}"));
        let yaml = text(answer(MediaType::Yaml, false)).await;
        assert!(yaml.starts_with("apiVersion: v1\ncode: 404\ndetails:\n  group: apps\n"), "{yaml}");
    }

    #[tokio::test]
    async fn retry_after_is_a_header_too() {
        let status = Status::too_many_requests("later", 7);
        let format = Format { media_type: MediaType::Json, pretty: false };
        let response = super::status(&status, format);
        assert_eq!(response.headers()[RETRY_AFTER], "7");
        assert!(text(response).await.contains("\"retryAfterSeconds\":7"));
    }

    #[test]
    fn indenting_follows_go() {
        let check = |compact: &str, expected: &str| {
            let mut out = Vec::new();
            indent(compact.as_bytes(), 0, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        check("{}", "{}");
        check("[]", "[]");
        check(
            r#"{"a":1,"b":[],"c":{"d":"x:{,\"}"}}"#,
            "{\n  \"a\": 1,\n  \"b\": [],\n  \"c\": {\n    \"d\": \"x:{,\\\"}\"\n  }\n}",
        );
        check("[1,[2,null]]", "[\n  1,\n  [\n    2,\n    null\n  ]\n]");
    }

    #[tokio::test]
    async fn large_bodies_are_compressed_for_those_who_take_it() {
        use std::io::Read;
        let bytes = Bytes::from(vec![b'x'; GZIP_FROM + 1]);
        let plain = whole(StatusCode::OK, "application/json", bytes.clone(), false);
        assert!(plain.headers().get(CONTENT_ENCODING).is_none());
        let small = whole(StatusCode::OK, "application/json", bytes.slice(1..), true);
        assert!(small.headers().get(CONTENT_ENCODING).is_none());
        let response = whole(StatusCode::OK, "application/json", bytes.clone(), true);
        assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(response.headers()[VARY], "Accept-Encoding");
        let packed = response.into_body().collect().await.unwrap().to_bytes();
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, bytes);
    }
}
