//! What a request's method and path ask for.

use http::{Method, Uri};
use keelson_apimachinery::selector::fields;
use keelson_apimachinery::{Status, Text};

use super::query::percent_decoded;
use super::{Query, Selectors};

/// What a request asks for, as authorization, audit, metrics and the endpoints see it. Whether such a
/// resource exists is not known here.
///
/// Source: "Request Information" in the Kubernetes API concepts, and `RequestInfo` of apiserver.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RequestInfo {
    /// Whether the path is one of a resource.
    pub is_resource_request: bool,
    /// The decoded path.
    pub path: Text,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, `proxy`; for
    /// requests of no resource the method in lower case; empty for methods that no verb maps to.
    pub verb: Text,
    /// `api` or `apis`.
    pub api_prefix: Text,
    /// The group; empty for the core group.
    pub api_group: Text,
    /// The version.
    pub api_version: Text,
    /// The namespace; for the resource `namespaces` the name of the object.
    pub namespace: Text,
    /// The resource's plural.
    pub resource: Text,
    /// The subresource.
    pub subresource: Text,
    /// The object's name, from the path or from a field selector on `metadata.name`.
    pub name: Text,
    /// The path's segments from the resource on.
    pub parts: Vec<Text>,
    /// What the selectors of `list`, `watch` and `deletecollection` demand.
    pub selectors: Selectors,
}

impl RequestInfo {
    /// Reads the method, the path and (for collections) the query.
    ///
    /// # Errors
    /// 400 for a path with broken escapes; 500, as upstream, for `/api/v1/watch` and the like.
    pub fn parse(method: &Method, uri: &Uri) -> Result<Self, Status> {
        let path = percent_decoded(uri.path()).ok_or_else(|| Status::bad_request("invalid URL escape"))?;
        let mut info = RequestInfo {
            path: path.as_ref().into(),
            verb: method.as_str().to_ascii_lowercase().into(),
            ..Self::default()
        };
        let trimmed = path.trim_matches('/');
        let mut segments = trimmed.split('/');
        let group_segments = match segments.next() {
            Some("api") => 0,
            Some("apis") => 1,
            _ => return Ok(info),
        };
        if trimmed.split('/').count() < 3 + group_segments {
            if trimmed.split('/').count() >= 3 {
                info.api_prefix = "apis".into();
            }
            return Ok(info);
        }
        info.is_resource_request = true;
        info.api_prefix = if group_segments == 0 { "api".into() } else { "apis".into() };
        if group_segments == 1 {
            info.api_group = segments.next().unwrap_or_default().into();
        }
        info.api_version = segments.next().unwrap_or_default().into();
        let rest: Vec<&str> = segments.collect();
        info.read_resource(method, &rest).map_err(|()| {
            Status::opaque(format!(
                "failed to create RequestInfo: unable to determine kind and namespace from url, {uri}"
            ))
        })?;
        info.read_query(uri.query());
        Ok(info)
    }

    /// Whether the verb came from a deprecated prefix such as `/watch/`.
    pub fn verb_in_path(&self) -> bool {
        let skip = if self.api_prefix == "apis" { 3 } else { 2 };
        matches!(self.path.trim_matches('/').split('/').nth(skip), Some("watch" | "proxy"))
    }

    fn read_resource(&mut self, method: &Method, mut rest: &[&str]) -> Result<(), ()> {
        match rest {
            ["watch" | "proxy"] => return Err(()),
            [verb @ ("watch" | "proxy"), behind @ ..] => {
                self.verb = (*verb).into();
                rest = behind;
            }
            _ => {
                self.verb = match method.as_str() {
                    "POST" => "create",
                    "GET" | "HEAD" => "get",
                    "PUT" => "update",
                    "PATCH" => "patch",
                    "DELETE" => "delete",
                    _ => "",
                }
                .into();
            }
        }
        if let ["namespaces", namespace, behind @ ..] = rest {
            self.namespace = (*namespace).into();
            // What follows is a resource in the namespace, but for the namespace's own subresources.
            if !matches!(behind, [] | ["status" | "finalize", ..]) {
                rest = behind;
            }
        }
        self.parts = rest.iter().map(|&p| p.into()).collect();
        if let Some(resource) = self.parts.first() {
            self.resource = resource.clone();
        }
        if let Some(name) = self.parts.get(1) {
            self.name = name.clone();
        }
        if let Some(subresource) = self.parts.get(2)
            && self.verb != "proxy"
        {
            self.subresource = subresource.clone();
        }
        Ok(())
    }

    fn read_query(&mut self, query: Option<&str>) {
        let nameless = self.name.is_empty();
        if nameless && self.verb == "delete" {
            self.verb = "deletecollection".into();
        }
        let by_path = self.verb_in_path();
        let reads_collection = nameless && self.verb == "get";
        if !reads_collection
            && (by_path || !matches!(self.verb.as_str(), "deletecollection" | "watch" | "list"))
        {
            return;
        }
        let query = Query::parse(query);
        let (field_selector, label_selector) = (query.get("fieldSelector"), query.get("labelSelector"));
        if reads_collection {
            self.verb = if query.flag("watch").unwrap_or(false) { "watch" } else { "list" }.into();
            if let Some(name) = selected_name(field_selector, label_selector, &query) {
                self.name = name;
            }
        }
        if !by_path {
            self.selectors =
                Selectors::parse(field_selector.unwrap_or_default(), label_selector.unwrap_or_default());
        }
    }
}

/// The name that a collection's field selector demands, where all of its options can be read: upstream lets
/// authorization see it as the request's name.
fn selected_name(fields: Option<&str>, labels: Option<&str>, query: &Query<'_>) -> Option<Text> {
    let selector = fields::parse(fields?).ok()?;
    let readable = labels.is_none_or(|l| keelson_apimachinery::selector::labels::parse(l).is_ok())
        && query.integer("limit").is_ok()
        && query.integer("timeoutSeconds").is_ok();
    let name = selector.required_value("metadata.name").filter(|_| readable)?;
    let is_segment = !matches!(name, "." | "..") && !name.contains(['/', '%']);
    is_segment.then(|| name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(request: &str) -> RequestInfo {
        let (method, uri) = request.split_once(' ').unwrap();
        RequestInfo::parse(&method.parse().unwrap(), &uri.parse().unwrap()).unwrap()
    }

    /// `verb prefix group version namespace resource subresource name`, `-` for what is empty.
    fn check(request: &str, expected: &str) {
        let info = parse(request);
        assert!(info.is_resource_request, "{request}");
        let fields = [
            &info.verb,
            &info.api_prefix,
            &info.api_group,
            &info.api_version,
            &info.namespace,
            &info.resource,
            &info.subresource,
            &info.name,
        ];
        let shown: Vec<&str> = fields.iter().map(|f| if f.is_empty() { "-" } else { f.as_str() }).collect();
        assert_eq!(shown.join(" "), expected, "{request}");
    }

    #[test]
    fn resource_paths() {
        check("GET /api/v1/namespaces", "list api - v1 - namespaces - -");
        check("GET /api/v1/namespaces/other", "get api - v1 other namespaces - other");
        check("PUT /api/v1/namespaces/other/finalize", "update api - v1 other namespaces finalize other");
        check("GET /api/v1/namespaces/other/status", "get api - v1 other namespaces status other");
        check("GET /api/v1/namespaces/other/pods", "list api - v1 other pods - -");
        check("GET /api/v1/namespaces/other/pods/", "list api - v1 other pods - -");
        check("GET /api/v1/namespaces/other/pods/foo", "get api - v1 other pods - foo");
        check("HEAD /api/v1/namespaces/other/pods/foo", "get api - v1 other pods - foo");
        check("GET /api/v1/pods", "list api - v1 - pods - -");
        check("GET /api/v1/nodes/n/status", "get api - v1 - nodes status n");
        check("POST /api/v1/namespaces/other/pods", "create api - v1 other pods - -");
        check("PATCH /api/v1/namespaces/other/pods/foo/status", "patch api - v1 other pods status foo");
        check("DELETE /api/v1/namespaces/other/pods/foo", "delete api - v1 other pods - foo");
        check("DELETE /api/v1/namespaces/other/pods", "deletecollection api - v1 other pods - -");
        check("OPTIONS /api/v1/namespaces/other/pods", "- api - v1 other pods - -");
        check("GET /apis/apps/v1/namespaces/d/deployments/a/scale", "get apis apps v1 d deployments scale a");
        check(
            "GET /apis/rbac.authorization.k8s.io/v1/clusterroles",
            "list apis rbac.authorization.k8s.io v1 - clusterroles - -",
        );
        check("GET /api/v1/namespaces/other/pods/a%2Fb", "get api - v1 other pods b a");
    }

    #[test]
    fn watches_by_query_and_by_path() {
        check("GET /api/v1/pods?watch=1", "watch api - v1 - pods - -");
        check("GET /api/v1/pods?watch=true", "watch api - v1 - pods - -");
        check("GET /api/v1/pods?watch", "watch api - v1 - pods - -");
        check("GET /api/v1/pods?watch=false", "list api - v1 - pods - -");
        check("GET /api/v1/namespaces/d/pods/x?watch=1", "get api - v1 d pods - x");
        check("GET /api/v1/watch/pods", "watch api - v1 - pods - -");
        check("GET /api/v1/watch/namespaces/other/pods/foo", "watch api - v1 other pods - foo");
        check("GET /apis/apps/v1/watch/namespaces/d/deployments", "watch apis apps v1 d deployments - -");
        check("GET /api/v1/proxy/namespaces/other/pods/foo/x", "proxy api - v1 other pods - foo");
    }

    #[test]
    fn selectors_of_collections() {
        let info = parse("GET /api/v1/pods?fieldSelector=metadata.name%3Dx&labelSelector=a%3Db&watch=1");
        assert_eq!((info.name.as_str(), info.verb.as_str()), ("x", "watch"));
        assert_eq!(info.selectors, Selectors::parse("metadata.name=x", "a=b"));
        assert!(parse("GET /api/v1/pods?fieldSelector=x").selectors.fields.error.is_some());
        assert_eq!(parse("GET /api/v1/pods?fieldSelector=metadata.name%3Da/b").name, "");
        assert_eq!(parse("GET /api/v1/pods?fieldSelector=metadata.name%3Da&limit=x").name, "");
        for request in
            ["GET /api/v1/watch/pods?labelSelector=a", "GET /api/v1/namespaces/d/pods/x?labelSelector=a"]
        {
            assert_eq!(&parse(request).selectors, Selectors::NONE, "{request}");
        }
        assert_eq!(parse("DELETE /api/v1/pods?labelSelector=a").selectors, Selectors::parse("", "a"));
    }

    #[test]
    fn paths_of_no_resource() {
        for path in
            ["/", "/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/version", "/healthz/ping/x/y"]
        {
            let info = parse(&format!("POST {path}"));
            assert!(!info.is_resource_request, "{path}");
            assert_eq!((info.verb.as_str(), info.path.as_str()), ("post", path));
        }
    }

    #[test]
    fn unreadable_paths_are_errors() {
        for (uri, code) in [("/api/v1/watch", 500), ("/apis/apps/v1/watch", 500), ("/api/v1/%zz", 400)] {
            assert_eq!(
                RequestInfo::parse(&Method::GET, &uri.parse().unwrap()).unwrap_err().code(),
                code,
                "{uri}"
            );
        }
    }
}
