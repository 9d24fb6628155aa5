//! Tokens that browsers bring in the handshake of a WebSocket, as one of the protocols that they offer.

use serde_json::json;

use crate::case::{anonymous, check, forbidden, status, unauthorized};
use crate::jws::encode;
use crate::request::{Try, get, who_am_i};
use crate::world::{token_of, world};

const MAPS: &str = "/api/v1/namespaces/sockets/configmaps?watch=true";
const PROTOCOL: &str = "Sec-WebSocket-Protocol";
const PREFIX: &str = "base64url.bearer.authorization.k8s.io.";

fn handshake(path: &str) -> Try {
    get(path)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Origin", "https://localhost")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
}

#[test]
fn only_whole_tokens_in_well_formed_handshakes_count() {
    let world = world();
    world.namespace("sockets");
    let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]);
    world.grant("socketeer", Some("sockets"), "socketeer", rules);
    world.settle(&get("/api/v1/namespaces/sockets/configmaps").by("socketeer"), 200);
    let offer = |protocols: &str| handshake(MAPS).header(PROTOCOL, protocols);
    let good = format!("{PREFIX}{}", encode(token_of("socketeer")));
    let nobodys = format!("{PREFIX}{}", encode(token_of("nobody")));
    let other = "v4.channel.k8s.io";
    let with = |token: &str| offer(&format!("{token}, {other}"));

    check(
        &world,
        [
            ("a token beside another protocol", with(&good), status(101)),
            ("a token behind another protocol", offer(&format!("{other},{good}")), status(101)),
            ("in two headers", offer(other).header(PROTOCOL, good.as_str()), status(101)),
            ("a token in the header", handshake(MAPS).by("socketeer"), status(101)),
            (
                "a bad one beside a good one in the header",
                with(&format!("{PREFIX}{}", encode("wrong"))).by("socketeer"),
                status(101),
            ),
            ("a token alone", offer(&good), unauthorized()),
            ("two tokens", offer(&format!("{good}, {nobodys}, {other}")), unauthorized()),
            ("the same token twice", offer(&format!("{good}, {good}, {other}")), unauthorized()),
            ("a token that nobody has", with(&format!("{PREFIX}{}", encode("wrong"))), unauthorized()),
            ("a token that isn't encoded", with(&format!("{PREFIX}socketeer.token")), unauthorized()),
            (
                "a token with padding",
                with(&format!("{PREFIX}{}==", encode(token_of("socketeer")))),
                unauthorized(),
            ),
            ("a token that is no text", with(&format!("{PREFIX}{}", encode(b"\xff\xfe"))), unauthorized()),
            ("no token in its place", with(PREFIX), anonymous()),
            ("the prefix in capitals", with(&good.replace("base64url", "BASE64URL")), anonymous()),
            ("no token", handshake(MAPS), anonymous()),
            (
                "another's token",
                with(&nobodys),
                forbidden("User \"nobody\" cannot watch resource \"configmaps\""),
            ),
            (
                "what one may not",
                handshake("/api/v1/secrets?watch=true").header(PROTOCOL, format!("{good}, {other}")),
                forbidden("User \"socketeer\" cannot watch resource \"secrets\""),
            ),
            ("no WebSocket", who_am_i().header(PROTOCOL, format!("{good}, {other}")), anonymous()),
            (
                "no WebSocket, by another word",
                who_am_i()
                    .header("Connection", "close")
                    .header("Upgrade", "websocket")
                    .header(PROTOCOL, format!("{good}, {other}")),
                anonymous(),
            ),
        ],
    );
}
