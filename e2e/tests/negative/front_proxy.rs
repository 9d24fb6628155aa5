//! Headers of a front proxy: they count over its certificate, and over nothing else.

use rcgen::ExtendedKeyUsagePurpose::ServerAuth;
use serde_json::json;

use crate::case::{anonymous, check, forbidden, is_user, ok, unauthorized};
use crate::pki::{Authority, client};
use crate::request::{Try, get, who_am_i};
use crate::wire::Tls;
use crate::world::{PROXY, world};

const USER: &str = "X-Remote-User";
const GROUP: &str = "X-Remote-Group";
const UID: &str = "X-Remote-Uid";
const SCOPES: &str = "X-Remote-Extra-Scopes";
const SECRETS: &str = "/api/v1/secrets";

/// Says that it speaks for an administrator.
fn as_master(tried: Try) -> Try {
    tried.header(USER, "master").header(GROUP, "system:masters")
}

#[test]
fn only_the_front_proxy_speaks_for_others() {
    let world = world();
    let proxy = world.proxies.sign(client(PROXY, &[]));
    let expired = world.proxies.sign(client(PROXY, &[]).years(2000, 2001));
    let for_servers = world.proxies.sign(client(PROXY, &[]).usages(&[ServerAuth]));
    let other_name = world.proxies.sign(client("aggregator", &["system:masters"]));
    let no_name = world.proxies.sign(client("", &["system:masters"]));
    let of_clients = world.clients.sign(client(PROXY, &[]));
    let of_strangers = Authority::root("front-proxy-ca").sign(client(PROXY, &[]));
    let self_signed = client(PROXY, &[]).self_signed();
    let ann = world.clients.sign(client("ann", &["devs"]));
    let by_proxy = || who_am_i().certificate(&proxy);
    let bob = || by_proxy().header(USER, "bob");
    let me = || as_master(who_am_i());

    check(
        &world,
        [
            // What the proxy says is believed.
            (
                "a user",
                bob(),
                is_user("bob").holding("/status/userInfo/groups", json!(["system:authenticated"])),
            ),
            (
                "groups",
                bob().header(GROUP, "one").header(GROUP, "two"),
                is_user("bob")
                    .holding("/status/userInfo/groups", json!(["one", "two", "system:authenticated"])),
            ),
            ("a uid", bob().header(UID, "7"), is_user("bob").holding("/status/userInfo/uid", "7")),
            (
                "extras",
                bob().header(SCOPES, "view").header("x-remote-extra-ACME.com%2fKey", "value"),
                is_user("bob").holding(
                    "/status/userInfo/extra",
                    json!({"acme.com/key": ["value"], "scopes": ["view"]}),
                ),
            ),
            ("an administrator", as_master(get(SECRETS).certificate(&proxy)), ok()),
            ("headers in another case", by_proxy().header("x-REMOTE-user", "bob"), is_user("bob")),
            ("over TLS 1.2", bob().tls(Tls::V12), is_user("bob")),
            ("beside a good token", bob().by("nobody"), is_user("bob")),
            ("beside a bad token", bob().token("wrong"), is_user("bob")),
            ("the first of two users counts", bob().header(USER, "master"), is_user("bob")),
            // What it doesn't say.
            (
                "a group in a group's header",
                bob().header(GROUP, "one,system:masters"),
                is_user("bob").holding("/status/userInfo/groups/0", "one,system:masters"),
            ),
            (
                "secrets, for a user who may not",
                get(SECRETS).certificate(&proxy).header(USER, "bob"),
                forbidden("User \"bob\" cannot list resource \"secrets\""),
            ),
            ("the anonymous user", by_proxy().header(USER, "system:anonymous"), anonymous()),
            ("no user", by_proxy(), unauthorized()),
            ("an empty user", by_proxy().header(USER, ""), unauthorized()),
            ("a group without a user", by_proxy().header(GROUP, "system:masters"), unauthorized()),
            ("a uid without a user", by_proxy().header(UID, "7"), unauthorized()),
            ("an extra without a user", by_proxy().header(SCOPES, "view"), unauthorized()),
            ("no user, beside a good token", by_proxy().by("nobody"), is_user("nobody")),
            ("no user, beside a bad token", by_proxy().token("wrong"), unauthorized()),
            (
                "a header of almost that name",
                by_proxy().header("X-Remote-Users", "master").header("X_Remote_User", "master"),
                unauthorized(),
            ),
            (
                "acting as another",
                bob().header("Impersonate-User", "admin"),
                forbidden(
                    "User \"bob\" cannot impersonate-on:user-info:create resource \"selfsubjectreviews\"",
                ),
            ),
            // Who isn't the proxy says nothing.
            ("no certificate", me(), anonymous()),
            ("no certificate, for secrets", as_master(get(SECRETS)), anonymous()),
            ("no certificate, where anyone may go", as_master(get("/healthz")), ok()),
            ("a token", me().by("nobody"), is_user("nobody")),
            (
                "a token, for secrets",
                as_master(get(SECRETS).by("nobody")),
                forbidden("User \"nobody\" cannot list resource \"secrets\""),
            ),
            ("a bad token", me().token("wrong"), unauthorized()),
            (
                "a client's certificate",
                me().certificate(&ann),
                is_user("ann").holding("/status/userInfo/groups", json!(["devs", "system:authenticated"])),
            ),
            (
                "a client's certificate, for secrets",
                as_master(get(SECRETS).certificate(&ann)),
                forbidden("User \"ann\" cannot list resource \"secrets\""),
            ),
            ("a client's certificate of the proxy's name", me().certificate(&of_clients), is_user(PROXY)),
            ("another name", me().certificate(&other_name), unauthorized()),
            ("no name", me().certificate(&no_name), unauthorized()),
            ("another authority of the same name", me().certificate(&of_strangers), unauthorized()),
            ("a certificate of its own", me().certificate(&self_signed), unauthorized()),
            ("an expired certificate", me().certificate(&expired), unauthorized()),
            ("a server's certificate", me().certificate(&for_servers), unauthorized()),
            (
                "another name, beside a good token",
                me().certificate(&other_name).by("nobody"),
                is_user("nobody"),
            ),
            (
                "an expired certificate, where anyone may go",
                as_master(get("/healthz")).certificate(&expired),
                unauthorized(),
            ),
        ],
    );
}
