//! Static tokens, and `Authorization` headers that aren't one.

use crate::case::{anonymous, check, forbidden, is_user, ok, status, unauthorized};
use crate::request::{Try, get, post, who_am_i};
use crate::world::world;
use serde_json::json;

/// Asks who sends this header.
fn with(value: impl Into<Vec<u8>>) -> Try {
    who_am_i().header("Authorization", value)
}

#[test]
fn only_whole_tokens_in_well_formed_headers_count() {
    let world = world();
    let of_nobody = || is_user("nobody");
    check(
        &world,
        [
            // Those that are good.
            (
                "a token",
                with("Bearer nobodytoken"),
                of_nobody().holding("/status/userInfo/uid", "uid-of-nobody"),
            ),
            ("the scheme in another case", with("bEARER nobodytoken"), of_nobody()),
            ("spaces around", with("   Bearer nobodytoken   "), of_nobody()),
            ("words behind the token", with("Bearer nobodytoken and more"), of_nobody()),
            (
                "the header's name in another case",
                who_am_i().header("aUTHORIZATION", "Bearer nobodytoken"),
                of_nobody(),
            ),
            ("the first of two headers counts", with("Bearer nobodytoken").token("wrong"), of_nobody()),
            ("no token where none is needed", get("/version"), ok()),
            // Tokens that nobody has.
            ("a token that nobody has", with("Bearer wrong"), unauthorized()),
            ("where anyone may go", get("/healthz").token("wrong"), unauthorized()),
            ("where nothing is", get("/nothing").token("wrong"), unauthorized()),
            ("a token's beginning", with("Bearer nobodytoke"), unauthorized()),
            ("more than a token", with("Bearer nobodytokens"), unauthorized()),
            ("a token in another case", with("Bearer NobodyToken"), unauthorized()),
            ("a token in quotes", with("Bearer \"nobodytoken\""), unauthorized()),
            ("a token and a comma", with("Bearer nobodytoken,"), unauthorized()),
            ("a token, encoded", with("Bearer %6eobodytoken"), unauthorized()),
            ("a token, in Base64", with("Bearer bm9ib2R5dG9rZW4="), unauthorized()),
            ("a user's name", with("Bearer nobody"), unauthorized()),
            ("a user's uid", with("Bearer uid-of-nobody"), unauthorized()),
            (
                "a line of the token file",
                with("Bearer nobodytoken,nobody,uid-of-nobody,devs"),
                unauthorized(),
            ),
            ("a tab behind a token", with("Bearer nobodytoken\tmore"), unauthorized()),
            (
                "the first of two headers counts, again",
                with("Bearer wrong").token("nobodytoken"),
                unauthorized(),
            ),
            ("a token of 60 KB", with(format!("Bearer {}", "x".repeat(60_000))), unauthorized()),
            (
                "the administrator's token with one letter less",
                get("/api/v1/secrets").token("admintoke"),
                unauthorized(),
            ),
            ("bytes that are no text", with(b"Bearer nobodytoken\xff".to_vec()), unauthorized()),
            ("only bytes that are no text", with(b"Bearer \xff\xfe".to_vec()), unauthorized()),
            // What is no token at all.
            ("no header", who_am_i(), anonymous()),
            ("an empty header", with(""), anonymous()),
            ("a scheme alone", with("Bearer"), anonymous()),
            ("a scheme and a space", with("Bearer "), anonymous()),
            ("two spaces", with("Bearer  nobodytoken"), anonymous()),
            ("a tab for a space", with("Bearer\tnobodytoken"), anonymous()),
            ("a colon for a space", with("Bearer:nobodytoken"), anonymous()),
            ("a token alone", with("nobodytoken"), anonymous()),
            ("another scheme", with("Token nobodytoken"), anonymous()),
            ("a scheme that begins alike", with("Bearers nobodytoken"), anonymous()),
            ("a password", with("Basic bm9ib2R5Om5vYm9keXRva2Vu"), anonymous()),
            ("a token as password", with("Basic OmFkbWludG9rZW4="), anonymous()),
            ("Negotiate", with("Negotiate nobodytoken"), anonymous()),
            ("bytes for a scheme", with(b"\xff\xfe nobodytoken".to_vec()), anonymous()),
            // Tokens in other places.
            (
                "the header for proxies",
                who_am_i().header("Proxy-Authorization", "Bearer nobodytoken"),
                anonymous(),
            ),
            (
                "a header of one's own",
                who_am_i().header("X-Authorization", "Bearer nobodytoken"),
                anonymous(),
            ),
            ("X-Auth-Token", who_am_i().header("X-Auth-Token", "nobodytoken"), anonymous()),
            (
                "a cookie",
                who_am_i().header("Cookie", "token=nobodytoken; Authorization=Bearer nobodytoken"),
                anonymous(),
            ),
            (
                "an underscore for a hyphen",
                who_am_i().header("Authorization_", "Bearer nobodytoken"),
                anonymous(),
            ),
            ("the query", get("/api/v1/secrets?access_token=admintoken&token=admintoken"), anonymous()),
            (
                "the query, as a header",
                get("/api/v1/secrets?Authorization=Bearer%20admintoken&authorization=Bearer+admintoken"),
                anonymous(),
            ),
            ("a user in the address", get("https://admin:admintoken@localhost/api/v1/secrets"), anonymous()),
            // What belongs to the sender may not be said by the sender.
            (
                "a body that says who one is",
                post(
                    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
                    &json!({"status": {"userInfo": {"username": "admin", "groups": ["system:masters"]}}}),
                )
                .by("nobody"),
                of_nobody(),
            ),
            (
                "a group of the token file is no more than it says",
                get("/api/v1/secrets").by("nobody"),
                forbidden(
                    "secrets is forbidden: User \"nobody\" cannot list resource \"secrets\" in API group \"\"",
                ),
            ),
            ("the same as the administrator", get("/api/v1/secrets").by_admin(), ok()),
            // What is no HTTP.
            ("a NUL in the header", with(b"Bearer nobodytoken\0".to_vec()), status(400)),
            (
                "a space before the colon",
                who_am_i().header("Authorization ", "Bearer nobodytoken"),
                status(400),
            ),
        ],
    );
}
