//! What a request was about, in the words of metrics.

use http::Uri;

use crate::request::{Query, RequestInfo};
use crate::telemetry::RequestLabels;

/// Paths of no resource that are counted by their path.
const PATHS: [&str; 7] = ["/healthz", "/livez", "/readyz", "/version", "/metrics", "/api", "/apis"];

/// The labels of a request. Whatever is not served here has empty ones, so that clients can't make up new
/// series.
pub(super) fn labels_of(info: &RequestInfo, uri: &Uri) -> RequestLabels {
    let mut labels = RequestLabels { verb: verb(info), ..RequestLabels::default() };
    if !info.is_resource_request {
        labels.subresource = PATHS.iter().find(|path| **path == info.path).copied().unwrap_or_default();
        return labels;
    }
    let Some(resource) = keelson_api::facts::resource(&info.api_group, &info.api_version, &info.resource)
    else {
        return labels;
    };
    labels.group = resource.group.as_str();
    labels.version = resource.version.as_str();
    labels.resource = resource.plural.as_str();
    labels.subresource = subresource(info);
    labels.scope = scope(info);
    let query = uri.query().filter(|q| q.contains("dryRun"));
    if query.is_some_and(|q| Query::parse(Some(q)).get("dryRun") == Some("All")) {
        labels.dry_run = "All";
    }
    labels
}

fn verb(info: &RequestInfo) -> &'static str {
    match info.verb.as_str() {
        "get" => "GET",
        "list" => "LIST",
        "watch" => "WATCH",
        "create" | "post" => "POST",
        "update" | "put" => "PUT",
        "patch" => "PATCH",
        "delete" => "DELETE",
        "deletecollection" => "DELETECOLLECTION",
        "proxy" => "CONNECT",
        "head" => "HEAD",
        "options" => "OPTIONS",
        _ => "other",
    }
}

fn subresource(info: &RequestInfo) -> &'static str {
    const KNOWN: [&str; 15] = [
        "approval",
        "attach",
        "binding",
        "ephemeralcontainers",
        "eviction",
        "exec",
        "finalize",
        "log",
        "portforward",
        "proxy",
        "resize",
        "scale",
        "status",
        "token",
        "",
    ];
    KNOWN.iter().find(|known| **known == info.subresource).copied().unwrap_or_default()
}

fn scope(info: &RequestInfo) -> &'static str {
    match (info.name.is_empty(), info.namespace.is_empty(), info.verb.as_str()) {
        (false, _, _) | (_, _, "create") => "resource",
        (true, false, _) => "namespace",
        (true, true, _) => "cluster",
    }
}
