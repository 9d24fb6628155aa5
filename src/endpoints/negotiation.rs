//! Content negotiation: which media type and shape an answer has, and which a body is in.
//!
//! Source: "Alternate representations of resources" in the API concepts; the rules are those of apiserver's
//! `negotiation` package: clauses in order of their `q`, parameters that an endpoint doesn't know how to honour
//! make it skip the clause, and the first supported type of what is left wins.

use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Uri};
use keelson_apimachinery::Status;

use crate::request::Query;

/// A media type that objects are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaType {
    /// `application/json`.
    Json,
    /// `application/yaml`.
    Yaml,
    /// `application/vnd.kubernetes.protobuf`.
    Protobuf,
}

impl MediaType {
    /// All of them, in the order of preference.
    pub const ALL: [MediaType; 3] = [MediaType::Json, MediaType::Yaml, MediaType::Protobuf];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            MediaType::Json => "application/json",
            MediaType::Yaml => "application/yaml",
            MediaType::Protobuf => "application/vnd.kubernetes.protobuf",
        }
    }

    fn split_name(self) -> (&'static str, &'static str) {
        self.name().split_once('/').unwrap_or_default()
    }
}

/// The names of [`MediaType::ALL`].
pub const MEDIA_TYPES: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
/// The media types of watches.
pub const STREAM_TYPES: &str =
    "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";

/// The shape that a client wants instead of the object or list itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Rows and columns.
    Table,
    /// The metadata alone.
    PartialObjectMetadata,
    /// A list of metadata.
    PartialObjectMetadataList,
}

/// A [`Shape`] in a version of the group `meta.k8s.io`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transform {
    /// The shape.
    pub shape: Shape,
    /// `meta.k8s.io/v1` or `meta.k8s.io/v1beta1`.
    pub api_version: &'static str,
}

/// How to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Accepted {
    /// The media type.
    pub media_type: MediaType,
    /// Whether JSON is indented.
    pub pretty: bool,
    /// The shape, where it is not the plain one.
    pub transform: Option<Transform>,
}

/// Whether a table is wanted.
pub fn wants_table(accepted: &Accepted) -> bool {
    accepted.transform.is_some_and(|t| t.shape == Shape::Table)
}

/// What an endpoint can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restrictions {
    /// It sends its own shape only (errors).
    Plain,
    /// It sends objects, which have metadata, and tables.
    Objects,
}

/// Chooses how to answer a request.
///
/// # Errors
/// 406 with the list of media types.
pub fn accepted(headers: &HeaderMap, uri: &Uri, restrictions: Restrictions) -> Result<Accepted, Status> {
    let mut accepted =
        choose(accept_header(headers), restrictions).ok_or_else(|| Status::not_acceptable(MEDIA_TYPES))?;
    accepted.pretty =
        accepted.media_type == MediaType::Json && (accepted.pretty || wants_pretty(headers, uri));
    Ok(accepted)
}

/// Chooses how to answer a watch.
///
/// # Errors
/// 406 with the list of streaming media types.
pub fn accepted_stream(headers: &HeaderMap) -> Result<Accepted, Status> {
    choose(accept_header(headers), Restrictions::Objects)
        .filter(|a| a.media_type != MediaType::Yaml)
        .ok_or_else(|| Status::not_acceptable(STREAM_TYPES))
}

/// Refuses, before anything else is looked at, a request of whose types none has a name in `produced`.
///
/// # Errors
/// 406 with the router's text.
pub fn check_route_accepts(headers: &HeaderMap, produced: &str) -> Result<(), Status> {
    let header = accept_header(headers);
    let mut wanted = header.split(',').map(|clause| clause.split(';').next().unwrap_or_default().trim());
    let servable = |name: &str| name == "*/*" || MediaType::ALL.iter().any(|m| m.name() == name);
    if header.is_empty() || wanted.any(servable) {
        return Ok(());
    }
    let message = format!("406: Not Acceptable\n\nAvailable representations: {produced}");
    Err(Status::new(406, "NotAcceptable", message).with_details(Default::default()))
}

/// The media type of a body.
///
/// # Errors
/// 415 with the list of media types.
pub fn content_type(headers: &HeaderMap) -> Result<MediaType, Status> {
    let refused = || Status::unsupported_media_type(MEDIA_TYPES);
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(MediaType::Json) };
    let text = value.to_str().map_err(|_| refused())?;
    if text.is_empty() {
        return Ok(MediaType::Json);
    }
    let name = text.split(';').next().unwrap_or_default().trim();
    MediaType::ALL.into_iter().find(|m| m.name().eq_ignore_ascii_case(name)).ok_or_else(refused)
}

/// A clause of an `Accept` header.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause<'a> {
    /// The type, such as `application`, or `*`.
    pub main: &'a str,
    /// The subtype, such as `json`, or `*`.
    pub sub: &'a str,
    /// Parameters other than `q`.
    pub parameters: Vec<(&'a str, &'a str)>,
    quality: f32,
}

impl Clause<'_> {
    /// Whether the clause names this media type, or all.
    pub fn matches(&self, media_type: MediaType) -> bool {
        let (main, sub) = media_type.split_name();
        (self.main == main && (self.sub == sub || self.sub == "*")) || (self.main == "*" && self.sub == "*")
    }

    fn before(&self, other: &Self) -> bool {
        self.quality > other.quality
            || (self.main != "*" && other.main == "*")
            || (self.sub != "*" && other.sub == "*")
    }
}

/// The clauses of an `Accept` header, best first.
pub fn clauses(header: &str) -> Vec<Clause<'_>> {
    let mut list: Vec<Clause<'_>> = Vec::new();
    for part in header.split(',') {
        let mut pieces = part.trim().split(';');
        let name = pieces.next().unwrap_or_default();
        let (main, sub) = match name.split_once('/') {
            Some((main, sub)) if !sub.is_empty() && !sub.contains('/') => (main.trim(), sub.trim()),
            _ if name.trim_end_matches('/').trim() == "*" => ("*", "*"),
            _ => continue,
        };
        let mut clause = Clause { main, sub, parameters: Vec::new(), quality: 1.0 };
        for (key, value) in pieces.filter_map(|p| p.split_once('=')) {
            match key.trim() {
                _ if value.is_empty() || value.contains('=') => {}
                "q" => clause.quality = value.trim().parse().unwrap_or(0.0),
                key => clause.parameters.push((key, value.trim())),
            }
        }
        // An insertion sort, as the order is none that sorts may rely on.
        let mut at = list.len();
        while at > 0 && clause.before(&list[at - 1]) {
            at -= 1;
        }
        list.insert(at, clause);
    }
    list
}

fn accept_header(headers: &HeaderMap) -> &str {
    headers.get(ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

fn choose(header: &str, restrictions: Restrictions) -> Option<Accepted> {
    if header.is_empty() {
        return Some(Accepted { media_type: MediaType::Json, pretty: false, transform: None });
    }
    clauses(header).iter().find_map(|clause| {
        let fits = MediaType::ALL.into_iter().filter(|m| clause.matches(*m));
        fits.filter_map(|m| honour(clause, m, restrictions)).next()
    })
}

/// How to answer in `media_type` with all the parameters of the clause; `None` where that can't be.
fn honour(clause: &Clause<'_>, media_type: MediaType, restrictions: Restrictions) -> Option<Accepted> {
    let objects = restrictions == Restrictions::Objects;
    let (mut pretty, mut wanted) = (false, None::<(&str, &str, &str)>);
    for &(key, value) in &clause.parameters {
        match key {
            "as" => wanted.get_or_insert_default().0 = value,
            "g" => wanted.get_or_insert_default().1 = value,
            "v" => wanted.get_or_insert_default().2 = value,
            "stream" if !value.is_empty() && (media_type == MediaType::Yaml || value != "watch") => {
                return None;
            }
            "sv" if !(value.is_empty() || (objects && value == "v1")) => return None,
            "pretty" => pretty = value == "1",
            _ => {}
        }
    }
    let transform = match wanted {
        None => None,
        Some(_) if !objects => return None,
        Some((kind, group, version)) => {
            let api_version = match (group, version) {
                ("meta.k8s.io", "v1") => "meta.k8s.io/v1",
                ("meta.k8s.io", "v1beta1") => "meta.k8s.io/v1beta1",
                _ => return None,
            };
            let shape = match kind {
                "Table" if media_type != MediaType::Protobuf => Shape::Table,
                "PartialObjectMetadata" => Shape::PartialObjectMetadata,
                "PartialObjectMetadataList" => Shape::PartialObjectMetadataList,
                _ => return None,
            };
            Some(Transform { shape, api_version })
        }
    };
    Some(Accepted { media_type, pretty, transform })
}

/// Whether the query asks for indented JSON, or the client is one that a person reads.
fn wants_pretty(headers: &HeaderMap, uri: &Uri) -> bool {
    if let Some(query) = uri.query().filter(|q| q.contains("pretty"))
        && let Some(value) = Query::parse(Some(query)).get("pretty").filter(|v| !v.is_empty())
    {
        return matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True");
    }
    let agent = headers.get(USER_AGENT).map_or(&[][..], |v| v.as_bytes());
    [&b"curl"[..], b"Wget", b"Mozilla/5.0"].iter().any(|human| agent.starts_with(human))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(accept: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(ACCEPT, accept.parse().unwrap());
        }
        headers
    }

    fn negotiate(accept: &str, restrictions: Restrictions) -> Result<Accepted, Status> {
        accepted(&headers(accept), &Uri::from_static("/x"), restrictions)
    }

    #[test]
    fn the_first_servable_clause_wins() {
        let check = |accept: &str, media_type: MediaType| {
            let got = negotiate(accept, Restrictions::Objects).unwrap();
            assert_eq!((got.media_type, got.transform), (media_type, None), "{accept}");
        };
        check("", MediaType::Json);
        check("*/*", MediaType::Json);
        check("*", MediaType::Json);
        check("application/json;q=0.2, application/yaml;q=0.9", MediaType::Yaml);
        check("text/html, application/json", MediaType::Json);
        check("application/vnd.kubernetes.protobuf, application/json", MediaType::Protobuf);
        check("application/vnd.kubernetes.protobuf,application/json;q=1", MediaType::Protobuf);
        check("*/*, application/yaml", MediaType::Yaml);
        check(
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList, application/yaml",
            MediaType::Yaml,
        );
        check("application/json;sv=v2, application/yaml", MediaType::Yaml);
        check("application/yaml;stream=watch, application/json", MediaType::Json);
    }

    #[test]
    fn shapes_of_objects() {
        let check = |accept: &str, expected: Option<(Shape, &'static str, MediaType)>| {
            let got = negotiate(accept, Restrictions::Objects).ok();
            let shown = got.and_then(|g| g.transform.map(|t| (t.shape, t.api_version, g.media_type)));
            assert_eq!(shown, expected, "{accept}");
        };
        let v1 = "meta.k8s.io/v1";
        check("application/json;as=Table;v=v1;g=meta.k8s.io", Some((Shape::Table, v1, MediaType::Json)));
        check(
            "application/yaml;as=Table;v=v1beta1;g=meta.k8s.io",
            Some((Shape::Table, "meta.k8s.io/v1beta1", MediaType::Yaml)),
        );
        check("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io", None);
        check(
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
            Some((Shape::PartialObjectMetadata, v1, MediaType::Protobuf)),
        );
        check(
            "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
            Some((Shape::PartialObjectMetadataList, v1, MediaType::Json)),
        );
        check("application/json;as=Table;v=v9;g=meta.k8s.io", None);
        assert!(negotiate("application/json;as=Table;v=v1;g=meta.k8s.io", Restrictions::Plain).is_err());
    }

    #[test]
    fn what_can_not_be_made_is_refused() {
        let status = negotiate("application/json;as=Nothing", Restrictions::Objects).unwrap_err();
        assert_eq!(status.code(), 406);
        assert_eq!(
            status.message(),
            "only the following media types are accepted: application/json, application/yaml, \
             application/vnd.kubernetes.protobuf"
        );
        let status = accepted_stream(&headers("application/yaml")).unwrap_err();
        assert_eq!(
            status.message(),
            "only the following media types are accepted: application/json;stream=watch, \
             application/vnd.kubernetes.protobuf;stream=watch"
        );
        let status = check_route_accepts(&headers("application/*"), MEDIA_TYPES).unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (
                406,
                "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, \
                   application/vnd.kubernetes.protobuf"
            )
        );
        assert!(check_route_accepts(&headers("text/html, */*;q=0.1"), MEDIA_TYPES).is_ok());
    }

    #[test]
    fn pretty_by_query_and_by_agent() {
        let check = |query: &str, agent: &str, pretty: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, agent.parse().unwrap());
            let uri = format!("/x?{query}").parse().unwrap();
            assert_eq!(
                accepted(&headers, &uri, Restrictions::Plain).unwrap().pretty,
                pretty,
                "{query} {agent}"
            );
        };
        check("pretty=true", "k", true);
        check("pretty=1", "k", true);
        check("pretty=yes", "k", false);
        check("pretty=false", "curl/8.0", false);
        check("pretty=", "curl/8.0", true);
        check("", "curl/8.0", true);
        check("", "Mozilla/5.0 (X11)", true);
        check("", "kubectl/1.36", false);
    }

    #[test]
    fn bodies_have_known_types() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, text.parse().unwrap());
            content_type(&headers)
        };
        assert_eq!(of("application/json;charset=utf-8").unwrap(), MediaType::Json);
        assert_eq!(of("application/vnd.kubernetes.protobuf").unwrap(), MediaType::Protobuf);
        assert_eq!(content_type(&HeaderMap::new()).unwrap(), MediaType::Json);
        let status = of("application/cbor").unwrap_err();
        assert_eq!(status.code(), 415);
        assert_eq!(
            status.message(),
            "the body of the request was in an unknown format - accepted media types include: application/json, \
             application/yaml, application/vnd.kubernetes.protobuf"
        );
    }
}
