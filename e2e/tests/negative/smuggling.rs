//! Requests hidden in other requests, over HTTP/1.1: whatever is in a body, or behind a head that can be read in two
//! ways, is never run.
//!
//! What is hidden has an administrator's token and would make a config map. In the end the namespace holds those of the
//! requests that were sent openly, one behind the other, and no others.

use serde_json::json;

use crate::request::{get, post};
use crate::wire::{Connection, Part};
use crate::world::{World, world};

const MAPS: &str = "/api/v1/namespaces/smuggling/configmaps";
const OPEN: &str = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const BY_NOBODY: &str = "Authorization: Bearer nobodytoken\r\n";
const BY_ADMIN: &str = "Authorization: Bearer admintoken\r\n";
const JSON: &str = "Content-Type: application/json\r\n";

/// A request that makes a config map.
fn making(name: &str) -> String {
    let body = json!({"metadata": {"name": name}}).to_string();
    let length = body.len();
    format!(
        "POST {MAPS} HTTP/1.1\r\nHost: localhost\r\n{BY_ADMIN}{JSON}Content-Length: {length}\r\n\r\n{body}"
    )
}

/// The first line of a request with the headers that it needs, and these.
fn head(line: &str, headers: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: localhost\r\n{headers}")
}

/// The statuses of all answers until the server closes the connection.
fn statuses(world: &World, bytes: &str) -> Vec<u16> {
    let mut connection: Connection = world.connect(&get("/")).expect("a connection");
    // The server may close before it has read all.
    let _ = connection.write(bytes.as_bytes());
    let mut statuses = Vec::new();
    while let Ok(Some(answer)) = connection.answer("GET", Part::Whole) {
        statuses.push(answer.status);
    }
    statuses
}

#[test]
fn what_is_hidden_in_a_request_is_not_run() {
    let world = world();
    world.namespace("smuggling");
    let hidden = making("hidden");
    let length = format!("Content-Length: {}\r\n", hidden.len());
    let chunk = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    let chunked = "Transfer-Encoding: chunked\r\n";
    let version = |headers: &str| head("GET /version", headers);
    let create = |headers: &str| head(&format!("POST {MAPS}"), headers);

    // As the body of another: the length says so, and the next request is what comes behind it.
    let whole = |name: &'static str, head: String, statuses: &'static [u16]| {
        (name, format!("{head}{length}\r\n{hidden}{OPEN}"), statuses)
    };
    // In a chunk of another's body.
    let in_chunks = |name: &'static str, head: String, statuses: &'static [u16]| {
        (name, format!("{head}{chunked}\r\n{chunk}{OPEN}"), statuses)
    };
    // Behind a head that isn't one: the connection ends with the refusal.
    let behind = |name: &'static str, headers: &str, body: &str| {
        (name, format!("{}\r\n{body}{hidden}{OPEN}", version(&format!("{BY_NOBODY}{headers}"))), &[400][..])
    };
    let broken = |name: &'static str, body: &str| {
        let head = create(&format!("{BY_ADMIN}{JSON}{chunked}"));
        (name, format!("{head}\r\n{body}{hidden}{OPEN}"), &[400][..])
    };
    let unread = |name: &'static str, body: &str| {
        let head = version(&format!("{BY_NOBODY}{chunked}"));
        (name, format!("{head}\r\n{body}{hidden}{OPEN}"), &[200][..])
    };
    let cases = [
        // In bodies.
        whole("the body of a GET", version(BY_NOBODY), &[200, 200]),
        whole("the body of a GET without credentials", version(""), &[200, 200]),
        whole("the body of a GET with a bad token", version("Authorization: Bearer wrong\r\n"), &[401, 200]),
        whole("the body of what is refused", create(&format!("{BY_NOBODY}{JSON}")), &[403, 200]),
        whole("the body of the anonymous user's", create(JSON), &[403, 200]),
        whole(
            "the body of a bad token's",
            create(&format!("Authorization: Bearer wrong\r\n{JSON}")),
            &[401, 200],
        ),
        whole("a body that is no JSON", create(&format!("{BY_ADMIN}{JSON}")), &[400, 200]),
        whole(
            "a body of another type",
            create(&format!("{BY_ADMIN}Content-Type: text/plain\r\n")),
            &[415, 200],
        ),
        whole("the body of what isn't there", head("POST /nothing", BY_ADMIN), &[404, 200]),
        whole(
            "the body of a method that isn't allowed",
            head(&format!("PUT {MAPS}"), &format!("{BY_ADMIN}{JSON}")),
            &[405, 200],
        ),
        whole("the body of an OPTIONS", head(&format!("OPTIONS {MAPS}"), BY_ADMIN), &[405, 200]),
        whole(
            "the body of a deletion",
            head(&format!("DELETE {MAPS}/none"), &format!("{BY_ADMIN}{JSON}")),
            &[400, 200],
        ),
        in_chunks("a chunk of a GET", version(BY_NOBODY), &[200, 200]),
        in_chunks("a chunk of what is refused", create(&format!("{BY_NOBODY}{JSON}")), &[403, 200]),
        in_chunks(
            "a chunk of a bad token's",
            create(&format!("Authorization: Bearer wrong\r\n{JSON}")),
            &[401, 200],
        ),
        in_chunks("a chunk that is no JSON", create(&format!("{BY_ADMIN}{JSON}")), &[400, 200]),
        // Behind lengths that contradict each other, or are none.
        behind("two lengths", "Content-Length: 0\r\nContent-Length: 5\r\n", ""),
        behind("two lengths, the longer first", &format!("{length}Content-Length: 0\r\n"), ""),
        behind("a list of lengths", "Content-Length: 0, 5\r\n", ""),
        behind("a length with a sign", "Content-Length: +0\r\n", ""),
        behind("a length below nothing", "Content-Length: -1\r\n", ""),
        behind("a length in hexadecimal", "Content-Length: 0x0\r\n", ""),
        behind("a length of two words", "Content-Length: 0 0\r\n", ""),
        behind("a length of letters", "Content-Length: zero\r\n", ""),
        behind("a length that no number holds", "Content-Length: 99999999999999999999\r\n", ""),
        behind("a space before a length's colon", "Content-Length : 0\r\n", ""),
        behind("a space before an encoding's colon", "Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
        behind("a header that goes on", "X-Header: a\r\n Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        behind("a header without a colon", "Transfer-Encoding chunked\r\n", "0\r\n\r\n"),
        behind("a header without a name", ": chunked\r\n", ""),
        behind("a NUL in a header", "X-Header: a\0b\r\n", ""),
        behind("a NUL in a header's name", "X-Hea\0der: a\r\n", ""),
        behind("a carriage return in a header", "X-Header: a\rTransfer-Encoding: chunked\r\n", ""),
        behind("a second host", "Host: elsewhere\r\n", ""),
        // Behind chunks that are none: who reads the body refuses it, who doesn't ends the connection after the answer.
        broken("chunks of no size", "\r\n\r\n"),
        broken("chunks of a size that isn't one", "zero\r\n\r\n"),
        broken("chunks of a size with a sign", "-1\r\n\r\n"),
        broken("chunks of a size in another form", "0x0\r\n\r\n"),
        broken("chunks of a size that no number holds", "10000000000000000\r\n\r\n"),
        broken("a chunk longer than it says", "1\r\nab\r\n0\r\n\r\n"),
        unread("chunks of no size, unread", "\r\n\r\n"),
        unread("chunks of a size that isn't one, unread", "zero\r\n\r\n"),
        unread("chunks of a size that no number holds, unread", "10000000000000000\r\n\r\n"),
        unread("a chunk longer than it says, unread", "1\r\nab\r\n0\r\n\r\n"),
        // One behind the other, openly.
        (
            "a request behind another",
            format!("{}\r\n{}{OPEN}", version(BY_NOBODY), making("open-one")),
            &[200, 201, 200],
        ),
        (
            "a request behind one that was refused",
            format!(
                "{}Content-Length: 2\r\n\r\n{{}}{}{OPEN}",
                create(&format!("{BY_NOBODY}{JSON}")),
                making("open-two")
            ),
            &[403, 201, 200],
        ),
        (
            "a request behind one with a bad token",
            format!("{}\r\n{}{OPEN}", version("Authorization: Bearer wrong\r\n"), making("open-three")),
            &[401, 201, 200],
        ),
        (
            "a request that has no credentials of its own",
            format!("{}\r\n{}{OPEN}", version(BY_ADMIN), making("lent").replace(BY_ADMIN, "")),
            &[200, 403, 200],
        ),
        (
            "a request that has another's",
            format!("{}\r\n{}{OPEN}", version(BY_ADMIN), making("lent").replace(BY_ADMIN, BY_NOBODY)),
            &[200, 403, 200],
        ),
        (
            "a request behind one that acted as an administrator",
            format!(
                "{}\r\n{}{OPEN}",
                head(
                    "GET /api/v1/secrets",
                    &format!("{BY_ADMIN}Impersonate-User: x\r\nImpersonate-Group: system:masters\r\n")
                ),
                making("lent").replace(BY_ADMIN, BY_NOBODY)
            ),
            &[200, 403, 200],
        ),
        (
            "a request behind one that ends the connection",
            format!("{}\r\n{hidden}", version(&format!("{BY_NOBODY}Connection: close\r\n"))),
            &[200],
        ),
        (
            "a request behind one of HTTP/1.0",
            format!("GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n{hidden}"),
            &[200],
        ),
    ];
    let mut wrong = Vec::new();
    for (name, bytes, expected) in &cases {
        let got = statuses(&world, bytes);
        if got != *expected {
            wrong.push(format!("{name}: {got:?}, and not {expected:?}"));
        }
    }
    let made = world.must(get(MAPS));
    let names =
        made["items"].as_array().expect("a list").iter().filter_map(|map| map["metadata"]["name"].as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["open-one", "open-three", "open-two"], "nothing else was run");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    // What was hidden would have done what it says.
    assert_eq!(statuses(&world, &format!("{hidden}{OPEN}")), [201, 200]);
    world.must(post(MAPS, &json!({"metadata": {"name": "still-served"}})));
}
