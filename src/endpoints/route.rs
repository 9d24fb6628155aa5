//! Which endpoint a path and method lead to.

use std::sync::Arc;

use http::Method;
use keelson_apimachinery::{Status, Text};

use super::reviews::Review;
use super::served::{Catalogue, Lookup, Served};
use crate::request::RequestInfo;

/// What the router says that collections can be answered in.
pub(super) const LISTS_PRODUCE: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf, \
     application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Get,
    /// A list or a watch.
    List,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
    GetScale,
    UpdateScale,
    PatchScale,
    /// A pod is put on a node.
    Bind,
    /// A pod is deleted where its disruption budget allows it.
    Evict,
    /// The states of components are read: one, or all.
    GetComponent,
    ListComponents,
    /// A pod's log is read.
    Log,
    /// Streams to a pod: `exec`, `attach`, `portforward`.
    Stream,
    /// A service account gets a token.
    IssueToken,
    /// A question is answered that nothing stores.
    Review(Review),
    /// Discovery lists it, and this version can't do it.
    NotSupported,
}

/// A resource and what is to be done with it.
pub(super) struct Target<'a> {
    pub(super) served: &'a Arc<Served>,
    pub(super) action: Action,
}

/// The name of the object in the path; empty for collections.
pub(super) fn name(info: &RequestInfo) -> &str {
    info.parts.get(1).map_or("", Text::as_str)
}

/// Finds the target of a request; `None` where the path belongs to no API group that is served.
///
/// # Errors
/// 404 where the group has no such path, 405 where it has and not for this method, 400 for an empty
/// namespace.
pub(super) fn find<'a>(
    catalogue: &'a Catalogue,
    method: &Method,
    info: &RequestInfo,
) -> Result<Option<Target<'a>>, Status> {
    if info.path.starts_with("//") {
        return Ok(None);
    }
    let served = match catalogue.find(&info.api_group, &info.api_version, &info.resource) {
        Lookup::Found(served) => served,
        Lookup::UnknownResource => return Err(Status::unknown_resource()),
        Lookup::UnknownGroup => return Ok(None),
    };
    check_namespace(served, info)?;
    let action = match info.parts.get(1).map_or("", Text::as_str) {
        // In the path, that is: a selector may have given the request another name.
        "" => collection_action(served, method, info)?,
        _ if info.parts.len() > 2 => subresource_action(served, method, info)?,
        _ => object_action(served, method, info)?,
    };
    Ok(Some(Target { served, action }))
}

fn check_namespace(served: &Served, info: &RequestInfo) -> Result<(), Status> {
    let in_namespace = !info.namespace.is_empty() && info.resource != "namespaces";
    let has_name = info.parts.len() > 1;
    match (served.resource.namespaced, in_namespace) {
        (false, true) => Err(Status::unknown_resource()),
        (true, false) if has_name && info.path.contains("/namespaces//") => {
            Err(Status::bad_request("Namespace parameter required."))
        }
        (true, false) if has_name => Err(Status::unknown_resource()),
        _ => Ok(()),
    }
}

fn collection_action(served: &Served, method: &Method, info: &RequestInfo) -> Result<Action, Status> {
    let has = |verb: &str| served.resource.verbs.iter().any(|v| v == verb);
    let all_namespaces = served.resource.namespaced && info.namespace.is_empty();
    let (lists, creates) = (has("list"), has("create") && !all_namespaces);
    let deletes = has("deletecollection") && !all_namespaces;
    if !(lists || creates || deletes) {
        return Err(Status::unknown_resource());
    }
    match info.verb.as_str() {
        "proxy" => return Err(Status::unknown_resource()),
        "watch" if info.verb_in_path() && !has("watch") => return Err(Status::unknown_resource()),
        "watch" if info.verb_in_path() && method != Method::GET => return Err(Status::method_not_allowed()),
        _ => {}
    }
    match *method {
        Method::GET if lists && served.resource.plural == "componentstatuses" => Ok(Action::ListComponents),
        Method::GET if lists => Ok(Action::List),
        Method::POST if creates => Ok(create_action(served)),
        Method::DELETE if deletes => Ok(Action::DeleteCollection),
        _ => Err(Status::method_not_allowed()),
    }
}

fn create_action(served: &Served) -> Action {
    // What can be created and not be read is a question or an order.
    if served.resource.verbs.iter().any(|v| v == "get") {
        return Action::Create;
    }
    match served.resource.plural.as_str() {
        "bindings" => Action::Bind,
        plural => Review::of(plural).map_or(Action::NotSupported, Action::Review),
    }
}

fn object_action(served: &Served, method: &Method, info: &RequestInfo) -> Result<Action, Status> {
    let has = |verb: &str| served.resource.verbs.iter().any(|v| v == verb);
    if info.verb_in_path() {
        return match *method {
            _ if info.verb != "watch" || !has("watch") => Err(Status::unknown_resource()),
            Method::GET => Ok(Action::List),
            _ => Err(Status::method_not_allowed()),
        };
    }
    if !["get", "update", "patch", "delete"].iter().any(|verb| has(verb)) {
        return Err(Status::unknown_resource());
    }
    match *method {
        Method::GET if has("get") && served.resource.plural == "componentstatuses" => {
            Ok(Action::GetComponent)
        }
        Method::GET if has("get") => Ok(Action::Get),
        Method::PUT if has("update") => Ok(Action::Update),
        Method::PATCH if has("patch") => Ok(Action::Patch),
        Method::DELETE if has("delete") => Ok(Action::Delete),
        _ => Err(Status::method_not_allowed()),
    }
}

fn subresource_action(served: &Served, method: &Method, info: &RequestInfo) -> Result<Action, Status> {
    let name = info.parts.get(2).map_or("", Text::as_str);
    let subresource = served.subresource(name).ok_or_else(Status::unknown_resource)?;
    let proxies = name == "proxy";
    if info.verb_in_path() || (info.parts.len() > 3 && !proxies) {
        return Err(Status::unknown_resource());
    }
    let verb = match *method {
        Method::GET => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ if proxies => "get",
        _ => return Err(Status::method_not_allowed()),
    };
    if !subresource.verbs.iter().any(|v| v == verb) {
        return Err(Status::method_not_allowed());
    }
    Ok(match (name, verb) {
        ("scale", "get") => Action::GetScale,
        ("scale", "update") => Action::UpdateScale,
        ("scale", "patch") => Action::PatchScale,
        ("binding", "create") => Action::Bind,
        ("eviction", "create") => Action::Evict,
        ("log", "get") => Action::Log,
        ("exec" | "attach" | "portforward", _) => Action::Stream,
        ("token", "create") => Action::IssueToken,
        ("status" | "approval" | "finalize" | "ephemeralcontainers" | "resize", "get") => Action::Get,
        ("status" | "approval" | "finalize" | "ephemeralcontainers" | "resize", "update") => Action::Update,
        ("status" | "approval" | "finalize" | "ephemeralcontainers" | "resize", "patch") => Action::Patch,
        _ => Action::NotSupported,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(request: &str, expected: Result<Option<Action>, u16>) {
        let (method, uri) = request.split_once(' ').unwrap();
        let method: Method = method.parse().unwrap();
        let info = RequestInfo::parse(&method, &uri.parse().unwrap()).unwrap();
        let catalogue = Catalogue::new(&keelson_api::resources().iter().collect::<Vec<_>>(), |_| None);
        let found = find(&catalogue, &method, &info);
        let shown = found.map(|t| t.map(|t| t.action)).map_err(|status| status.code());
        assert_eq!(shown, expected, "{request}");
    }

    #[test]
    fn verbs_of_objects_and_collections() {
        let ok = |action| Ok(Some(action));
        check("GET /api/v1/namespaces/d/pods/a", ok(Action::Get));
        check("GET /api/v1/namespaces/d/pods/a/", ok(Action::Get));
        check("PUT /api/v1/namespaces/d/pods/a", ok(Action::Update));
        check("PATCH /api/v1/namespaces/d/pods/a", ok(Action::Patch));
        check("DELETE /api/v1/namespaces/d/pods/a", ok(Action::Delete));
        check("POST /api/v1/namespaces/d/pods/", ok(Action::Create));
        check("GET /api/v1/namespaces/d/pods", ok(Action::List));
        check("GET /api/v1/pods?fieldSelector=metadata.name%3Da", ok(Action::List));
        check("DELETE /api/v1/namespaces/d/pods", ok(Action::DeleteCollection));
        check("GET /api/v1/namespaces/d", ok(Action::Get));
        check("GET /api/v1/watch/namespaces/d/pods/a", ok(Action::List));
        check("GET /apis/apps/v1/watch/deployments", ok(Action::List));
    }

    #[test]
    fn subresources() {
        let ok = |action| Ok(Some(action));
        check("GET /apis/apps/v1/namespaces/d/deployments/a/status", ok(Action::Get));
        check("PUT /apis/apps/v1/namespaces/d/deployments/a/status", ok(Action::Update));
        check("PATCH /apis/apps/v1/namespaces/d/deployments/a/scale", ok(Action::PatchScale));
        check("GET /api/v1/namespaces/d/replicationcontrollers/a/scale", ok(Action::GetScale));
        check("PUT /api/v1/namespaces/d/finalize", ok(Action::Update));
        check("POST /api/v1/namespaces/d/pods/a/binding", ok(Action::Bind));
        check("POST /api/v1/namespaces/d/bindings", ok(Action::Bind));
        check("POST /api/v1/namespaces/d/pods/a/eviction", ok(Action::Evict));
        check("GET /api/v1/namespaces/d/pods/a/log", ok(Action::Log));
        check("POST /api/v1/namespaces/d/pods/a/exec", ok(Action::Stream));
        check("DELETE /api/v1/nodes/n/proxy/a/b/c", ok(Action::NotSupported));
        check(
            "POST /apis/authentication.k8s.io/v1/selfsubjectreviews",
            ok(Action::Review(Review::SelfSubject)),
        );
        check("POST /apis/authentication.k8s.io/v1/tokenreviews", ok(Action::Review(Review::Token)));
        check("POST /api/v1/namespaces/d/serviceaccounts/a/token", ok(Action::IssueToken));
    }

    #[test]
    fn what_is_not_there() {
        check("GET /apis/nosuch.example.com/v1/things", Ok(None));
        check("GET //api/v1/namespaces/d/pods/a", Ok(None));
        for path in [
            "/api/v1/nosuch",
            "/api/v7/configmaps",
            "/apis/apps/v1beta1/deployments",
            "/apis/apps/v1/namespaces/d/deployments/x/nosuch",
            "/api/v1/namespaces/d/configmaps/a/b/c",
            "/api/v1/namespaces/d/configmaps/a%2Fb",
            "/api/v1/namespaces/d/nodes",
            "/api/v1/configmaps/a",
            "/api/v1//namespaces/d/configmaps/a",
            "/api/v1/watch/namespaces/d/nosuch",
            "/api/v1/watch/namespaces/d/pods/a/status",
            "/api/v1/proxy/namespaces/d/pods/a",
            "/api/v1/namespaces/d/bindings/a",
        ] {
            check(&format!("GET {path}"), Err(404));
        }
        check("GET /api/v1/namespaces//configmaps/a", Err(400));
    }

    #[test]
    fn methods_that_a_path_does_not_have() {
        for request in [
            "HEAD /api/v1/namespaces/d/pods/a",
            "OPTIONS /api/v1/namespaces/d/pods",
            "POST /api/v1/namespaces/d/pods/a",
            "PUT /api/v1/namespaces/d/pods/",
            "POST /api/v1/pods",
            "POST /apis/apps/v1/namespaces/d/deployments/a/status",
            "GET /api/v1/namespaces/d/finalize",
            "GET /api/v1/namespaces/d/bindings",
            "GET /api/v1/namespaces/d/pods/a/binding",
            "POST /api/v1/componentstatuses",
            "DELETE /api/v1/componentstatuses/etcd-0",
            "POST /api/v1/watch/namespaces/d/pods",
        ] {
            check(request, Err(405));
        }
    }
}
