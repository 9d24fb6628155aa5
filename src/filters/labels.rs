//! What a request was about, in the words of metrics.

use http::Method;
use http::header::{CONTENT_TYPE, USER_AGENT};
use keelson_api::Resource;

use crate::request::{Query, Request, RequestInfo};
use crate::telemetry::{FieldValidation, RequestLabels, SystemClient};

/// Paths of no resource that are counted, as metrics name them and their component.
const PATHS: [(&str, &str, &str); 6] = [
    ("/healthz", "/healthz", ""),
    ("/livez", "/livez", ""),
    ("/readyz", "/readyz", ""),
    ("/openapi/v3", "openapi/v3", ""),
    ("/api", "/api", COMPONENT),
    ("/apis", "/apis", COMPONENT),
];

/// What is below this is counted as one path.
const DOCUMENTS: &str = "/openapi/v3/";

const COMPONENT: &str = "apiserver";

/// Subresources that connect a client with something else.
const CONNECTS: [&str; 5] = ["log", "exec", "portforward", "attach", "proxy"];

/// What metrics want to know of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counting {
    /// What it is about. Whatever is not served here has empty labels, so that clients can't make up new series.
    pub labels: RequestLabels,
    /// Whether it asks for something whose requests are counted.
    pub counts: bool,
    /// Whether the size of its answer says something.
    pub sized: bool,
    /// Whether what it asks for is deprecated.
    pub deprecated: bool,
    /// Who sent it.
    pub client: SystemClient,
    /// How strictly fields are to be checked.
    pub field_validation: Option<FieldValidation>,
}

/// See [`Counting`].
pub(super) fn counting(request: &Request, info: &RequestInfo) -> Counting {
    let agent = request.headers().get(USER_AGENT).map_or(&b""[..], |agent| agent.as_bytes());
    let mut counting = Counting { client: SystemClient::of(agent), ..Counting::default() };
    if !info.is_resource_request {
        let path = PATHS.iter().find(|(path, ..)| *path == info.path.as_str()).copied();
        let documents = info.path.starts_with(DOCUMENTS).then_some(("", "openapi/v3/", ""));
        counting.labels.verb = method(request.method(), "");
        if let Some((_, name, component)) = path.or(documents) {
            counting.labels.subresource = name;
            counting.labels.component = component;
            (counting.counts, counting.sized) = (true, true);
        }
        return counting;
    }
    counting.labels.component = COMPONENT;
    let scope = scope(request.method(), info);
    counting.labels.verb = method(request.method(), scope);
    let Some(resource) = keelson_api::facts::resource(&info.api_group, &info.api_version, &info.resource)
    else {
        return counting;
    };
    let RequestLabels { verb, group, version, resource: plural, subresource, scope: scoped, dry_run, .. } =
        &mut counting.labels;
    (*group, *version, *plural) =
        (resource.group.as_str(), resource.version.as_str(), resource.plural.as_str());
    *scoped = scope;
    let query = request.uri().query().unwrap_or_default();
    if query.contains("dryRun") {
        *dry_run = self::dry_run(query);
    }
    if query.contains("fieldValidation") {
        counting.field_validation = field_validation(query);
    }
    let known = self::subresource(resource, info);
    *subresource = known.unwrap_or_default();
    let connects = CONNECTS.contains(subresource);
    *verb = match *verb {
        _ if connects => "CONNECT",
        _ if watches(request.method(), info, query) => "WATCH",
        "PATCH" if is_apply(request) => "APPLY",
        verb => verb,
    };
    counting.counts = known.is_some() && *verb != OTHER;
    counting.deprecated = keelson_api::facts::deprecation(resource).is_some();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    counting.sized = reads && !info.verb_in_path() && (!connects || *subresource == "log");
    counting
}

/// The verb of methods that mean nothing here.
const OTHER: &str = "other";

fn method(method: &Method, scope: &str) -> &'static str {
    match *method {
        Method::GET | Method::HEAD if matches!(scope, "namespace" | "cluster") => "LIST",
        Method::GET | Method::HEAD => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => OTHER,
    }
}

/// Whether it is a watch: by its path, or as a parameter of any read says so.
fn watches(method: &Method, info: &RequestInfo, query: &str) -> bool {
    if info.verb == "watch" {
        return true;
    }
    if *method != Method::GET || !query.contains("watch") {
        return false;
    }
    let query = Query::parse(Some(query));
    query.get("watch").is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
}

fn is_apply(request: &Request) -> bool {
    request.headers().get(CONTENT_TYPE).is_some_and(|value| value == "application/apply-patch+yaml")
}

fn dry_run(query: &str) -> &'static str {
    let query = Query::parse(Some(query));
    let mut wishes = query.all("dryRun");
    let (first, others_too) = (wishes.next(), wishes.all(|wish| wish == "All"));
    match first {
        None => "",
        Some("All") if others_too => "All",
        Some(_) => "invalid",
    }
}

fn field_validation(query: &str) -> Option<FieldValidation> {
    let query = Query::parse(Some(query));
    let wishes: Vec<&str> = query.all("fieldValidation").take(2).collect();
    Some(match wishes[..] {
        [] => return None,
        [""] => FieldValidation::Unsaid,
        ["Ignore"] => FieldValidation::Ignore,
        ["Warn"] => FieldValidation::Warn,
        ["Strict"] => FieldValidation::Strict,
        _ => FieldValidation::Invalid,
    })
}

/// The subresource, empty for the resource itself; `None` for one that there isn't.
fn subresource(resource: &'static Resource, info: &RequestInfo) -> Option<&'static str> {
    if info.subresource.is_empty() {
        return Some("");
    }
    resource.subresources.iter().find(|s| *s.name == *info.subresource).map(|s| s.name.as_str())
}

/// How much a request is about, by its path.
fn scope(method: &Method, info: &RequestInfo) -> &'static str {
    let named = info.parts.get(1).is_some_and(|name| !name.is_empty());
    if named || *method == Method::POST {
        return "resource";
    }
    if info.namespace.is_empty() { "cluster" } else { "namespace" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::empty;

    /// `verb group version resource subresource scope component dry_run`, `-` for what is empty; `none` for what is
    /// not counted.
    fn check(line: &str, content_type: &str, expected: &str) {
        let (method, uri) = line.split_once(' ').expect("METHOD URI");
        let request = http::Request::builder().method(method).uri(uri).header(CONTENT_TYPE, content_type);
        let request = request.body(empty()).expect("a request");
        let info = RequestInfo::parse(request.method(), request.uri()).expect("a path");
        let Counting { labels, counts, .. } = counting(&request, &info);
        let RequestLabels { verb, group, version, resource, subresource, scope, component, dry_run } = labels;
        let shown = [verb, group, version, resource, subresource, scope, component, dry_run];
        let shown = shown.map(|text| if text.is_empty() { "-" } else { text }).join(" ");
        assert_eq!(if counts { shown.as_str() } else { "none" }, expected, "{line}");
    }

    #[test]
    fn labels_are_upstreams() {
        for (line, expected) in [
            ("GET /api/v1/pods", "LIST - v1 pods - cluster apiserver -"),
            ("HEAD /api/v1/pods", "LIST - v1 pods - cluster apiserver -"),
            ("GET /api/v1/namespaces/d/pods", "LIST - v1 pods - namespace apiserver -"),
            (
                "GET /api/v1/namespaces/d/pods?fieldSelector=metadata.name%3Dx",
                "LIST - v1 pods - namespace apiserver -",
            ),
            ("GET /api/v1/namespaces/d/pods/x", "GET - v1 pods - resource apiserver -"),
            ("GET /api/v1/namespaces/d", "GET - v1 namespaces - resource apiserver -"),
            ("GET /api/v1/pods?watch=1", "WATCH - v1 pods - cluster apiserver -"),
            ("GET /api/v1/pods?watch=false", "LIST - v1 pods - cluster apiserver -"),
            ("GET /api/v1/watch/namespaces/d/pods/x", "WATCH - v1 pods - resource apiserver -"),
            ("POST /api/v1/namespaces/d/pods?dryRun=All", "POST - v1 pods - resource apiserver All"),
            (
                "POST /api/v1/namespaces/d/pods?dryRun=All&dryRun=All",
                "POST - v1 pods - resource apiserver All",
            ),
            ("PUT /api/v1/namespaces/d/pods/x?dryRun=x", "PUT - v1 pods - resource apiserver invalid"),
            ("PATCH /api/v1/namespaces/d/pods/x/status", "PATCH - v1 pods status resource apiserver -"),
            (
                "DELETE /apis/apps/v1/namespaces/d/deployments",
                "DELETE apps v1 deployments - namespace apiserver -",
            ),
            ("GET /api/v1/namespaces/d/pods/x/log", "CONNECT - v1 pods log resource apiserver -"),
            ("POST /api/v1/namespaces/d/pods/x/exec", "CONNECT - v1 pods exec resource apiserver -"),
            ("GET /livez", "GET - - - /livez - - -"),
            ("GET /apis", "GET - - - /apis - apiserver -"),
            ("GET /openapi/v3/apis/apps/v1", "GET - - - openapi/v3/ - - -"),
            ("BREW /readyz", "other - - - /readyz - - -"),
        ] {
            check(line, "", expected);
        }
        for line in [
            "GET /api/v1/madeup",
            "GET /apis/made.up/v1/things",
            "GET /api/v1/namespaces/d/pods/x/madeup",
            "BREW /api/v1/pods",
            "OPTIONS /api/v1/pods",
            "GET /livez/ping",
            "GET /version",
            "GET /metrics",
            "GET /madeup",
        ] {
            check(line, "", "none");
        }
        let apply = "application/apply-patch+yaml";
        check("PATCH /api/v1/nodes/x", apply, "APPLY - v1 nodes - resource apiserver -");
    }

    #[test]
    fn wishes_about_fields_are_few() {
        for (query, expected) in [
            ("fieldValidation=Strict", Some(FieldValidation::Strict)),
            ("fieldValidation=Warn", Some(FieldValidation::Warn)),
            ("fieldValidation=", Some(FieldValidation::Unsaid)),
            ("fieldValidation=Warn&fieldValidation=Warn", Some(FieldValidation::Invalid)),
            ("fieldValidation=anything", Some(FieldValidation::Invalid)),
            ("other=fieldValidation", None),
        ] {
            assert_eq!(field_validation(query), expected, "{query}");
        }
    }
}
