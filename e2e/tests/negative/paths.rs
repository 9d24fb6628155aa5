//! Paths and methods that would slip past authorization.

use serde_json::json;

use crate::case::{Expected, anonymous, bad_request, check, forbidden, not_found, ok, status};
use crate::request::{Try, delete, get, post, send};
use crate::world::world;

/// Refused to `stray`, who may get secrets by name in one namespace, and configmaps' subresources, and no more.
fn shut() -> Expected {
    forbidden("User \"stray\" cannot ")
}

/// Plain text says that nothing is there.
fn nothing() -> Expected {
    status(404)
}

#[test]
fn no_spelling_of_a_path_leads_around_authorization() {
    let world = world();
    world.namespace("paths-a");
    world.namespace("paths-b");
    world.secret("paths-a", "own");
    world.secret("paths-b", "other");
    world.grant(
        "stray",
        Some("paths-a"),
        "stray",
        json!([
            {"apiGroups": [""], "resources": ["secrets", "configmaps/status"], "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
        ]),
    );
    let own = "/api/v1/namespaces/paths-a/secrets/own";
    let stray = |path: &str| get(path).by("stray");
    let with = |method: &str, path: &str| send(method, path).by("stray");
    let admin = |path: &str| get(path).by_admin();
    world.settle(&stray(own), 200);

    check(
        &world,
        [
            // What may be read.
            ("a secret", stray(own), ok()),
            ("a secret, a letter encoded", stray("/api/v1/namespaces/paths-a/%73ecrets/own"), ok()),
            ("a secret, by an absolute address", stray(&format!("https://localhost{own}")), ok()),
            ("a secret, its slashes encoded", stray("/api/v1/namespaces/paths-a%2Fsecrets%2fown"), ok()),
            // The same spellings of what may not.
            ("another's secret", stray("/api/v1/namespaces/paths-b/secrets/other"), shut()),
            ("a letter encoded", stray("/api/v1/namespaces/paths-b/%73ecrets/other"), shut()),
            (
                "all letters encoded",
                stray("/%61%70%69/v1/namespaces/paths-b/%73%65%63%72%65%74%73/other"),
                shut(),
            ),
            ("slashes encoded", stray("/api/v1/namespaces/paths-b%2Fsecrets%2fother"), shut()),
            ("all slashes encoded", stray("/api%2Fv1%2Fnamespaces%2Fpaths-b%2Fsecrets%2Fother"), shut()),
            ("encoded twice", stray("/api/v1/namespaces/paths-b/%2573ecrets/other"), shut()),
            (
                "by an absolute address",
                stray("https://localhost/api/v1/namespaces/paths-b/secrets/other"),
                shut(),
            ),
            (
                "by another host's address",
                stray("http://elsewhere/api/v1/namespaces/paths-b/secrets/other"),
                shut(),
            ),
            // Ways up.
            (
                "up and down",
                stray(&format!("{own}/../../../paths-b/secrets/other")),
                shut().saying("\"secrets/..\""),
            ),
            (
                "up and down, encoded",
                stray(&format!("{own}/%2e%2e/%2e%2e/%2e%2e/paths-b/secrets/other")),
                shut(),
            ),
            (
                "up and down, slashes encoded",
                stray(&format!("{own}/..%2f..%2f..%2fpaths-b%2fsecrets%2fother")),
                shut(),
            ),
            (
                "up at the name",
                stray("/api/v1/namespaces/paths-a/secrets/.."),
                bad_request("Name parameter invalid"),
            ),
            ("up from the namespace", stray("/api/v1/namespaces/paths-a/../paths-b/secrets/other"), shut()),
            ("up from the version", stray("/api/v1/../v1/namespaces/paths-b/secrets/other"), shut()),
            ("a dot", stray("/api/v1/./namespaces/paths-b/secrets/other"), shut()),
            ("a dot for the namespace", stray("/api/v1/namespaces/./secrets/other"), shut()),
            ("backslashes", stray("/api/v1\\namespaces\\paths-b\\secrets\\other"), nothing()),
            ("up from what anyone may read", get("/healthz/../api/v1/secrets"), anonymous()),
            ("up from what anyone may read, encoded", get("/version/%2e%2e/api/v1/secrets"), anonymous()),
            ("up from what anyone may read, slashes encoded", get("/livez%2f..%2fmetrics"), anonymous()),
            ("below what anyone may read", get("/readyz/../metrics"), anonymous()),
            ("up from what all users may read", stray("/openapi/../metrics"), nothing()),
            ("up from discovery", stray("/apis/../metrics"), nothing()),
            ("up from discovery, encoded", stray("/apis/%2e%2e/metrics"), nothing()),
            ("far up", stray("/../../../../etc/passwd"), shut()),
            ("far up from discovery", stray("/apis/../../../../etc/passwd"), shut()),
            // Slashes.
            ("two slashes first", stray("//api/v1/namespaces/paths-b/secrets/other"), shut()),
            ("two slashes within", stray("/api//v1/namespaces/paths-b/secrets/other"), shut()),
            ("two slashes before the resource", stray("/api/v1//secrets"), shut()),
            ("no namespace", stray("/api/v1/namespaces//secrets/other"), shut()),
            ("a slash last", stray("/api/v1/namespaces/paths-b/secrets/other/"), shut()),
            ("slashes last", stray("/api/v1/secrets///"), shut()),
            ("a slash last, encoded", stray("/api/v1/secrets%2f"), shut()),
            // Letters.
            ("a kind", stray("/api/v1/namespaces/paths-b/Secret/other"), shut()),
            ("capitals", stray("/api/v1/namespaces/paths-b/SECRETS/other"), shut()),
            ("capitals in the prefix", stray("/API/v1/secrets"), shut()),
            ("capitals in the version", stray("/api/V1/secrets"), shut()),
            ("a version that isn't there", stray("/api/v2/secrets"), shut()),
            ("the core group by a name", stray("/apis/core/v1/secrets"), shut()),
            ("no group", stray("/apis//v1/secrets"), shut()),
            ("a parameter within", stray("/api/v1/secrets;v=1"), shut()),
            ("a fragment", stray("/api/v1/secrets#/healthz"), shut()),
            ("a query within", stray("/api/v1/secrets%3f/healthz"), shut()),
            ("a NUL", stray("/api/v1/secrets%00"), shut()),
            ("a NUL before what may be read", stray("/api/v1/secrets%00/healthz"), shut()),
            ("a line's end", stray("/api/v1/secrets%0d%0aX-Remote-User:admin"), shut()),
            ("a space", stray("/api/v1/secrets%20"), shut()),
            ("no UTF-8", stray("/api/v1/secrets%ff"), shut()),
            ("too long a slash", stray("/api/v1/namespaces/paths-b%c0%afsecrets/other"), shut()),
            // Subresources.
            ("another subresource", stray(&format!("{own}/status")), shut().saying("\"secrets/status\"")),
            ("a subresource that isn't there", stray(&format!("{own}/nothing")), shut()),
            (
                "below a subresource",
                stray("/api/v1/namespaces/paths-a/configmaps/c/status/../../../secrets"),
                nothing(),
            ),
            (
                "a subresource's right for its object",
                stray("/api/v1/namespaces/paths-a/configmaps/c"),
                shut(),
            ),
            (
                "a subresource's right for an object of its name",
                stray("/api/v1/namespaces/paths-a/status/configmaps"),
                shut(),
            ),
            (
                "a subresource by an encoded slash",
                stray("/api/v1/namespaces/paths-a/configmaps%2fstatus/c"),
                shut(),
            ),
            ("a namespace's own right for what is in it", stray("/api/v1/namespaces/paths-b"), shut()),
            ("its own namespace", stray("/api/v1/namespaces/paths-a"), ok()),
            (
                "a namespace's end",
                send("PUT", "/api/v1/namespaces/paths-a/finalize").by("stray"),
                shut().saying("\"namespaces/finalize\""),
            ),
            (
                "a namespace's state",
                send("PUT", "/api/v1/namespaces/paths-a/status").by("stray"),
                shut().saying("\"namespaces/status\""),
            ),
            // Methods.
            ("a write", with("PUT", own), shut().saying("cannot update")),
            ("a patch", with("PATCH", own), shut().saying("cannot patch")),
            ("a deletion", with("DELETE", own), shut().saying("cannot delete")),
            ("a creation in an object's place", with("POST", own), shut().saying("cannot create")),
            ("a method that nobody knows", with("STEAL", own), shut()),
            ("a known method in small letters", with("get", own), shut()),
            ("OPTIONS", with("OPTIONS", own), shut()),
            ("TRACE", with("TRACE", own), shut()),
            (
                "HEAD of another's secret",
                send("HEAD", "/api/v1/namespaces/paths-b/secrets/other").by("stray"),
                status(403),
            ),
            ("OPTIONS, as administrator", send("OPTIONS", own).by_admin(), status(405)),
            ("TRACE, as administrator", send("TRACE", own).by_admin(), status(405)),
            ("STEAL, as administrator", send("STEAL", own).by_admin(), status(405)),
            ("HEAD, as administrator", send("HEAD", own).by_admin(), status(405)),
            // Other methods by other means: each reads what it says, and does nothing.
            ("a method by a header", stray(own).header("X-HTTP-Method-Override", "DELETE"), ok()),
            ("a method by another header", stray(own).header("X-Method-Override", "DELETE"), ok()),
            ("a method by a third", stray(own).header("X-HTTP-Method", "PUT"), ok()),
            ("a method by the query", stray(&format!("{own}?_method=DELETE&method=DELETE")), ok()),
            (
                "a method by the body",
                post(own, &json!({"_method": "GET"})).by("stray"),
                shut().saying("cannot create"),
            ),
            (
                "a path by a header",
                stray("/version").header("X-Original-URL", own),
                ok().holding("/kind", json!(null)),
            ),
            (
                "another's path by a header",
                stray(own)
                    .header("X-Original-URL", "/api/v1/namespaces/paths-b/secrets/other")
                    .header("X-Rewrite-URL", "/api/v1/namespaces/paths-b/secrets/other")
                    .header("X-Forwarded-Prefix", "/api/v1/namespaces/paths-b"),
                ok().holding("/metadata/namespace", "paths-a"),
            ),
            (
                "an address by a header",
                get("/api/v1/secrets")
                    .header("X-Forwarded-For", "127.0.0.1")
                    .header("X-Real-Ip", "127.0.0.1")
                    .header("Forwarded", "for=127.0.0.1"),
                anonymous(),
            ),
            // A body that names another place.
            (
                "another namespace in the body",
                post(
                    "/api/v1/namespaces/paths-a/secrets",
                    &json!({"metadata": {"name": "moved", "namespace": "paths-b"}}),
                )
                .by_admin(),
                status(400).reason("BadRequest").saying(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ),
            ),
            (
                "another name in the body",
                crate::request::put(own, &json!({"metadata": {"name": "other", "namespace": "paths-a"}}))
                    .by_admin(),
                status(400)
                    .reason("BadRequest")
                    .saying("the name of the object (other) does not match the name on the URL (own)"),
            ),
            (
                "another namespace in a patch",
                crate::request::patch(own, &json!({"metadata": {"namespace": "paths-b"}})).by_admin(),
                status(400).reason("BadRequest").saying(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ),
            ),
            // All is still there, and where it was.
            ("what was to be deleted", admin(own), ok()),
            (
                "what was to be moved",
                admin("/api/v1/namespaces/paths-b/secrets/moved"),
                not_found("secrets \"moved\" not found"),
            ),
            (
                "the administrator goes where nobody may",
                admin("/api/v1/namespaces/paths-b%2Fsecrets"),
                ok().holding("/items/0/metadata/name", "other"),
            ),
            ("the administrator finds nothing by two slashes", admin("/api/v1//secrets"), nothing()),
            ("the administrator finds nothing by capitals", admin("/api/v1/SECRETS"), nothing()),
            (
                "the administrator finds nothing by an encoded percent sign",
                admin("/api/v1/%2573ecrets"),
                nothing(),
            ),
            ("the administrator finds nothing by going up", admin("/api/v1/../v1/secrets"), nothing()),
            (
                "the administrator finds nothing by the old proxy",
                admin("/api/v1/proxy/namespaces/paths-b/secrets/other"),
                nothing(),
            ),
            (
                "a deletion by a path that goes up",
                delete("/api/v1/namespaces/paths-b/secrets/x/../other").by_admin(),
                nothing(),
            ),
            ("which does nothing", admin("/api/v1/namespaces/paths-b/secrets/other"), ok()),
        ],
    );
}

#[test]
fn nothing_but_health_and_version_is_for_anyone() {
    let world = world();
    let nobody = |path: &str| get(path).by("nobody");
    let path = |tried: Try| {
        let says = format!("forbidden: User \"system:anonymous\" cannot get path \"{}\"", tried.path);
        (tried, forbidden(says))
    };
    let closed = [
        "/",
        "/api",
        "/apis",
        "/api/v1",
        "/apis/apps",
        "/apis/apps/v1",
        "/openapi/v2",
        "/openapi/v3",
        "/metrics",
        "/metrics/slis",
        "/logs",
        "/debug/pprof/",
        "/debug/pprof/profile",
        "/debug/flags/v",
        "/configz",
        "/flagz",
        "/statusz",
        "/.well-known/openid-configuration",
        "/openid/v1/jwks",
        "/healthz/etcd",
        "/livez/ping",
        "/readyz/ping",
        "/nothing",
        "/index.html",
        "/swagger.json",
        "/swaggerapi",
        "/ui",
        "/version/x",
    ];
    check(
        &world,
        closed
            .into_iter()
            .map(|closed| {
                let (tried, expected) = path(get(closed));
                (closed, tried, expected)
            })
            .chain(["/healthz", "/livez", "/readyz", "/version"].map(|open| (open, get(open), ok()))),
    );
    check(
        &world,
        [
            ("discovery", nobody("/api"), ok()),
            ("discovery of a group", nobody("/apis/apps/v1"), ok()),
            ("documents", nobody("/openapi/v3"), ok()),
            ("metrics", nobody("/metrics"), forbidden("User \"nobody\" cannot get path \"/metrics\"")),
            (
                "profiles",
                nobody("/debug/pprof/heap"),
                forbidden("User \"nobody\" cannot get path \"/debug/pprof/heap\""),
            ),
            ("logs", nobody("/logs/"), forbidden("User \"nobody\" cannot get path \"/logs/\"")),
            (
                "single checks",
                nobody("/livez/ping"),
                forbidden("User \"nobody\" cannot get path \"/livez/ping\""),
            ),
            (
                "writing where one may read",
                send("POST", "/version").by("nobody"),
                forbidden("cannot post path \"/version\""),
            ),
            (
                "deleting where one may read",
                send("DELETE", "/healthz"),
                forbidden("cannot delete path \"/healthz\""),
            ),
            ("metrics as administrator", get("/metrics").by_admin(), ok()),
        ],
    );
}
