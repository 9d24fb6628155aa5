//! Reading and watching more than one may.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::case::{Expected, anonymous, bad_request, check, forbidden, not_found, ok, status};
use crate::request::{Try, delete, get};
use crate::world::world;

const ALL: &str = "/api/v1/secrets";
const MINE: &str = "/api/v1/namespaces/reading-a/secrets";
const OTHERS: &str = "/api/v1/namespaces/reading-b/secrets";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";
const METADATA: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// What a user may not do with secrets; where it is no namespace, in all of them.
fn not(user: &str, verb: &str, namespace: &str) -> Expected {
    let place = match namespace {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace \"{namespace}\""),
    };
    forbidden(format!("User \"{user}\" cannot {verb} resource \"secrets\" in API group \"\" {place}"))
}

fn web_socket(tried: Try) -> Try {
    tried
        .header("Connection", "Upgrade")
        .header("Origin", "https://localhost")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
}

fn token(start: &str) -> String {
    let text = json!({"v": "meta.k8s.io/v1", "rv": 1, "start": start}).to_string();
    URL_SAFE_NO_PAD.encode(text)
}

#[test]
fn nobody_reads_more_than_allowed() {
    let world = world();
    for (namespace, secrets) in
        [("reading-a", &["one", "two", "gone"][..]), ("reading-b", &["three", "four"])]
    {
        world.namespace(namespace);
        for secret in secrets {
            world.secret(namespace, secret);
        }
    }
    let secrets = |verbs: &[&str]| json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": verbs}]);
    let named = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"], "resourceNames": ["one"]}]);
    let a = Some("reading-a");
    world.grant("reader", a, "reader", secrets(&["get", "list", "watch"]));
    world.grant("getter", a, "getter", secrets(&["get"]));
    world.grant("deleter", a, "deleter", secrets(&["delete"]));
    world.grant("namer", a, "namer", named);
    let reader = |path: &str| get(path).by("reader");
    let namer = |path: &str| get(path).by("namer");
    let getter = |path: &str| get(path).by("getter");
    let deleter = |path: &str| delete(path).by("deleter");
    for settled in
        [reader(&format!("{MINE}/one")), getter(&format!("{MINE}/one")), namer(&format!("{MINE}/one"))]
    {
        world.settle(&settled, 200);
    }
    world.settle(&deleter(&format!("{MINE}/gone?dryRun=All")), 200);

    let in_a = |path: &str| format!("{MINE}{path}");
    let of_a = world.must(get(in_a("?limit=1")))["metadata"]["continue"].as_str().expect("more").to_owned();
    let of_b = world.must(get(format!("{OTHERS}?limit=1")))["metadata"]["continue"]
        .as_str()
        .expect("more")
        .to_owned();
    let of_all =
        world.must(get(format!("{ALL}?limit=1")))["metadata"]["continue"].as_str().expect("more").to_owned();
    let truncated = &of_a[..of_a.len() - 5];

    check(
        &world,
        [
            // One namespace's rights.
            ("a list", reader(MINE), ok()),
            ("a secret", reader(&in_a("/one")), ok()),
            ("a watch", reader(&in_a("?watch=true")), ok()),
            ("a watch by its old path", reader("/api/v1/watch/namespaces/reading-a/secrets"), ok()),
            ("a watch over a WebSocket", web_socket(reader(&in_a("?watch=true"))), status(101)),
            ("a table", reader(MINE).header("Accept", TABLE), ok()),
            ("the next page", reader(&in_a(&format!("?limit=1&continue={of_a}"))), ok()),
            ("another namespace", reader(OTHERS), not("reader", "list", "reading-b")),
            (
                "another namespace's secret",
                reader(&format!("{OTHERS}/three")),
                not("reader", "get", "reading-b"),
            ),
            (
                "another namespace's secret that isn't there",
                reader(&format!("{OTHERS}/none")),
                not("reader", "get", "reading-b"),
            ),
            (
                "a namespace that isn't there",
                reader("/api/v1/namespaces/none/secrets"),
                not("reader", "list", "none"),
            ),
            ("all namespaces", reader(ALL), not("reader", "list", "")),
            (
                "all namespaces, from the cache",
                reader(&format!("{ALL}?resourceVersion=0")),
                not("reader", "list", ""),
            ),
            (
                "all namespaces, at a version",
                reader(&format!("{ALL}?resourceVersion=1&resourceVersionMatch=Exact")),
                not("reader", "list", ""),
            ),
            ("all namespaces, by the page", reader(&format!("{ALL}?limit=1")), not("reader", "list", "")),
            (
                "all namespaces, selecting one's own",
                reader(&format!("{ALL}?fieldSelector=metadata.namespace%3Dreading-a")),
                not("reader", "list", ""),
            ),
            (
                "all namespaces, by a parameter",
                reader(&format!("{ALL}?namespace=reading-a")),
                not("reader", "list", ""),
            ),
            (
                "a name in all namespaces",
                reader(&format!("{ALL}?fieldSelector=metadata.name%3Done")),
                not("reader", "list", ""),
            ),
            ("all namespaces, as a table", reader(ALL).header("Accept", TABLE), not("reader", "list", "")),
            (
                "all namespaces, as metadata",
                reader(ALL).header("Accept", METADATA),
                not("reader", "list", ""),
            ),
            ("all namespaces, in protobuf", reader(ALL).header("Accept", PROTOBUF), status(403)),
            ("all namespaces, watched", reader(&format!("{ALL}?watch=true")), not("reader", "watch", "")),
            (
                "all namespaces, watched by another word",
                reader(&format!("{ALL}?watch=1")),
                not("reader", "watch", ""),
            ),
            (
                "all namespaces, watched as a list",
                reader(&format!(
                    "{ALL}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
                )),
                not("reader", "watch", ""),
            ),
            (
                "all namespaces, watched by the old path",
                reader("/api/v1/watch/secrets"),
                not("reader", "watch", ""),
            ),
            (
                "all namespaces, watched over a WebSocket",
                web_socket(reader(&format!("{ALL}?watch=true"))),
                not("reader", "watch", ""),
            ),
            ("all namespaces, over a WebSocket", web_socket(reader(ALL)), not("reader", "list", "")),
            (
                "another namespace, watched by the old path",
                reader("/api/v1/watch/namespaces/reading-b/secrets"),
                not("reader", "watch", "reading-b"),
            ),
            (
                "another namespace's secret, watched by the old path",
                reader("/api/v1/watch/namespaces/reading-b/secrets/three"),
                not("reader", "watch", "reading-b"),
            ),
            (
                "another resource",
                reader("/api/v1/namespaces/reading-a/configmaps"),
                forbidden("cannot list resource \"configmaps\""),
            ),
            (
                "another resource, watched",
                reader("/api/v1/namespaces/reading-a/configmaps?watch=true"),
                forbidden("cannot watch resource \"configmaps\""),
            ),
            (
                "a subresource",
                reader(&in_a("/one/status")),
                forbidden("cannot get resource \"secrets/status\""),
            ),
            (
                "the old proxy",
                reader("/api/v1/proxy/namespaces/reading-a/secrets/one"),
                not("reader", "proxy", "reading-a"),
            ),
            (
                "another group",
                reader("/apis/apps/v1/namespaces/reading-a/secrets"),
                forbidden("cannot list resource \"secrets\" in API group \"apps\""),
            ),
            ("a deletion", delete(in_a("/one")).by("reader"), not("reader", "delete", "reading-a")),
            ("deleting all", delete(in_a("")).by("reader"), not("reader", "deletecollection", "reading-a")),
            ("nobody's", get(MINE).by("nobody"), not("nobody", "list", "reading-a")),
            ("nobody's watch", get(in_a("?watch=true")).by("nobody"), not("nobody", "watch", "reading-a")),
            (
                "nobody's WebSocket",
                web_socket(get(in_a("?watch=true")).by("nobody")),
                not("nobody", "watch", "reading-a"),
            ),
            ("the anonymous user's", get(MINE), anonymous()),
            ("the anonymous user's WebSocket", web_socket(get(in_a("?watch=true"))), anonymous()),
            // Pages.
            (
                "a page of another namespace",
                reader(&format!("{OTHERS}?limit=1&continue={of_a}")),
                not("reader", "list", "reading-b"),
            ),
            (
                "a page of all namespaces",
                reader(&format!("{ALL}?limit=1&continue={of_a}")),
                not("reader", "list", ""),
            ),
            ("a token of another namespace", reader(&in_a(&format!("?limit=1&continue={of_b}"))), ok()),
            (
                "a token of all namespaces",
                reader(&format!("{ALL}?continue={of_all}")),
                not("reader", "list", ""),
            ),
            (
                "a token that leads out",
                reader(&in_a(&format!("?continue={}", token("../reading-b/three")))),
                bad_request("continue key is not valid"),
            ),
            (
                "a token that leads far out",
                reader(&in_a(&format!("?continue={}", token("/../../../x")))),
                bad_request("continue key is not valid"),
            ),
            (
                "a token that was cut",
                reader(&in_a(&format!("?continue={truncated}"))),
                bad_request("continue key is not valid"),
            ),
            (
                "a token that is none",
                reader(&in_a("?continue=nonsense")),
                bad_request("continue key is not valid"),
            ),
            // Rights to one name.
            ("its name", namer(&in_a("/one")), ok()),
            ("a list of its name", namer(&in_a("?fieldSelector=metadata.name%3Done")), ok()),
            ("a watch of its name", namer(&in_a("?watch=true&fieldSelector=metadata.name%3Done")), ok()),
            (
                "a watch of its name by the old path",
                namer("/api/v1/watch/namespaces/reading-a/secrets/one"),
                ok(),
            ),
            ("its name, watched", namer(&in_a("/one?watch=false")), ok()),
            ("another name", namer(&in_a("/two")), not("namer", "get", "reading-a")),
            ("a list without a name", namer(MINE), not("namer", "list", "reading-a")),
            (
                "a list of another name",
                namer(&in_a("?fieldSelector=metadata.name%3Dtwo")),
                not("namer", "list", "reading-a"),
            ),
            (
                "a list of all but another name",
                namer(&in_a("?fieldSelector=metadata.name%21%3Dtwo")),
                not("namer", "list", "reading-a"),
            ),
            (
                "a list by a label for a name",
                namer(&in_a("?labelSelector=metadata.name%3Done")),
                not("namer", "list", "reading-a"),
            ),
            (
                "a list of no possible name",
                namer(&in_a("?fieldSelector=metadata.name%3D.")),
                not("namer", "list", "reading-a"),
            ),
            (
                "its name in all namespaces",
                namer(&format!("{ALL}?fieldSelector=metadata.name%3Done")),
                not("namer", "list", ""),
            ),
            ("a watch without a name", namer(&in_a("?watch=true")), not("namer", "watch", "reading-a")),
            (
                "a watch of another name",
                namer(&in_a("?watch=true&fieldSelector=metadata.name%3Dtwo")),
                not("namer", "watch", "reading-a"),
            ),
            (
                "a watch of another name by the old path",
                namer("/api/v1/watch/namespaces/reading-a/secrets/two"),
                not("namer", "watch", "reading-a"),
            ),
            (
                "a watch without a name by the old path",
                namer("/api/v1/watch/namespaces/reading-a/secrets"),
                not("namer", "watch", "reading-a"),
            ),
            // The right to get.
            ("to get", getter(&in_a("/one")), ok()),
            ("to list", getter(MINE), not("getter", "list", "reading-a")),
            (
                "to list a name",
                getter(&in_a("?fieldSelector=metadata.name%3Done")),
                not("getter", "list", "reading-a"),
            ),
            ("to watch", getter(&in_a("?watch=true")), not("getter", "watch", "reading-a")),
            (
                "to watch a name",
                getter(&in_a("?watch=true&fieldSelector=metadata.name%3Done")),
                not("getter", "watch", "reading-a"),
            ),
            (
                "to watch by the old path",
                getter("/api/v1/watch/namespaces/reading-a/secrets/one"),
                not("getter", "watch", "reading-a"),
            ),
            (
                "to watch over a WebSocket",
                web_socket(getter(&in_a("?watch=true"))),
                not("getter", "watch", "reading-a"),
            ),
            // The right to delete.
            ("to delete all", deleter(MINE), not("deleter", "deletecollection", "reading-a")),
            (
                "to delete all, dry",
                deleter(&in_a("?dryRun=All")),
                not("deleter", "deletecollection", "reading-a"),
            ),
            (
                "to delete all of a name",
                deleter(&in_a("?fieldSelector=metadata.name%3Dgone")),
                not("deleter", "deletecollection", "reading-a"),
            ),
            (
                "to delete in another namespace",
                deleter(&format!("{OTHERS}/three")),
                not("deleter", "delete", "reading-b"),
            ),
            (
                "to read what may be deleted",
                get(in_a("/gone")).by("deleter"),
                not("deleter", "get", "reading-a"),
            ),
            ("to delete", deleter(&in_a("/gone")), ok()),
            ("what was deleted", reader(&in_a("/gone")), not_found("secrets \"gone\" not found")),
        ],
    );
}
