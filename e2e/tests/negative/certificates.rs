//! Client certificates.

use rcgen::ExtendedKeyUsagePurpose::{Any, ClientAuth, EmailProtection, ServerAuth};
use rcgen::{PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

use crate::case::{anonymous, check, forbidden, is_user, no_answer, ok, unauthorized};
use crate::pki::{Authority, client};
use crate::request::{get, who_am_i};
use crate::wire::{Part, Tls};
use crate::world::world;

const SECRETS: &str = "/api/v1/secrets";

#[test]
fn certificates_that_prove_nothing_are_refused() {
    let world = world();
    let ca = &world.clients;
    let ann = ca.sign(client("ann", &["devs"]));
    let stranger = Authority::root("stranger");
    // Of the same name as the real one.
    let double = Authority::root("kubernetes");
    let intermediate = ca.below(client("intermediate", &[]).authority(Some(0)));
    let below = intermediate.sign(client("ben", &[]));
    let too_deep = intermediate.below(client("too deep", &[]).authority(None)).sign(client("ben", &[]));
    let for_servers = ca.below(client("for servers", &[]).authority(None).usages(&[ServerAuth]));
    let outdated = ca.below(client("outdated", &[]).authority(None).years(2000, 2001));
    let of_a_client = ca.below(client("cleo", &[])).sign(client("system:admin", &["system:masters"]));
    let expired = ca.sign(client("ann", &[]).years(2000, 2001));
    let of_stranger = stranger.sign(client("ann", &["system:masters"]));
    let unnamed = ca.sign(client("", &["system:masters"]));
    let me = || who_am_i();

    check(
        &world,
        [
            // Those that are good.
            (
                "of the known authority",
                me().certificate(&ann),
                is_user("ann").holding("/status/userInfo/groups/0", "devs"),
            ),
            (
                "groups are the organizations",
                me().certificate(&ca.sign(client("bea", &["devs", "ops"]))),
                is_user("bea")
                    .holding("/status/userInfo/groups/0", "devs")
                    .holding("/status/userInfo/groups/1", "ops")
                    .holding("/status/userInfo/groups/2", "system:authenticated"),
            ),
            ("over TLS 1.2", me().certificate(&ann).tls(Tls::V12), is_user("ann")),
            (
                "for no purpose in particular",
                me().certificate(&ca.sign(client("ann", &[]).usages(&[]))),
                is_user("ann"),
            ),
            (
                "for servers and clients",
                me().certificate(&ca.sign(client("ann", &[]).usages(&[ServerAuth, ClientAuth]))),
                is_user("ann"),
            ),
            (
                "for any purpose",
                me().certificate(&ca.sign(client("ann", &[]).usages(&[Any]))),
                is_user("ann"),
            ),
            (
                "an Ed25519 key",
                me().certificate(&ca.sign(client("ann", &[]).algorithm(&PKCS_ED25519))),
                is_user("ann"),
            ),
            (
                "a P-384 key",
                me().certificate(&ca.sign(client("ann", &[]).algorithm(&PKCS_ECDSA_P384_SHA384))),
                is_user("ann"),
            ),
            ("an intermediate beside it", me().certificate(&below), is_user("ben")),
            (
                "an extension that may be ignored",
                me().certificate(&ca.sign(client("ann", &[]).unknown_extension(false))),
                is_user("ann"),
            ),
            (
                "the administrators' group",
                get(SECRETS).certificate(&ca.sign(client("root", &["system:masters"]))),
                ok(),
            ),
            ("no certificate where none is needed", get("/healthz"), ok()),
            // When.
            ("expired", me().certificate(&expired), unauthorized()),
            ("expired, over TLS 1.2", me().certificate(&expired).tls(Tls::V12), unauthorized()),
            ("expired, where anyone may go", get("/healthz").certificate(&expired), unauthorized()),
            (
                "not yet valid",
                me().certificate(&ca.sign(client("ann", &[]).years(2090, 2091))),
                unauthorized(),
            ),
            ("never valid", me().certificate(&ca.sign(client("ann", &[]).years(2030, 2020))), unauthorized()),
            (
                "an intermediate that is outdated",
                me().certificate(&outdated.sign(client("ann", &[]))),
                unauthorized(),
            ),
            // By whom.
            ("of another authority", me().certificate(&of_stranger), unauthorized()),
            (
                "of another authority, over TLS 1.2",
                me().certificate(&of_stranger).tls(Tls::V12),
                unauthorized(),
            ),
            (
                "of another authority of the same name",
                me().certificate(&double.sign(client("ann", &["system:masters"]))),
                unauthorized(),
            ),
            (
                "self-signed",
                me().certificate(&client("ann", &["system:masters"]).self_signed()),
                unauthorized(),
            ),
            (
                "self-signed in the authority's name",
                me().certificate(&client("kubernetes", &["system:masters"]).authority(None).self_signed()),
                unauthorized(),
            ),
            ("without its intermediate", me().certificate(&below.alone()), unauthorized()),
            ("below an authority that may have none below it", me().certificate(&too_deep), unauthorized()),
            ("signed by a client", me().certificate(&of_a_client), unauthorized()),
            ("with a damaged signature", me().certificate(&ann.damaged()), unauthorized()),
            // For what.
            (
                "for servers only",
                me().certificate(&ca.sign(client("ann", &[]).usages(&[ServerAuth]))),
                unauthorized(),
            ),
            (
                "for mail only",
                me().certificate(&ca.sign(client("ann", &[]).usages(&[EmailProtection]))),
                unauthorized(),
            ),
            (
                "below an authority for servers only",
                me().certificate(&for_servers.sign(client("ann", &[]))),
                unauthorized(),
            ),
            // Whose. A certificate without a name is not the front proxy's, either: that alone refuses it.
            ("without a name, whatever its groups", me().certificate(&unnamed), unauthorized()),
            ("without a name, for secrets", get(SECRETS).certificate(&unnamed), unauthorized()),
            ("no certificate", me(), anonymous()),
            (
                "the administrators' group in another case",
                get(SECRETS).certificate(&ca.sign(client("root", &["System:Masters"]))),
                forbidden("User \"root\" cannot list resource \"secrets\""),
            ),
            (
                "the administrators' group as a name",
                get(SECRETS).certificate(&ca.sign(client("system:masters", &[]))),
                forbidden("User \"system:masters\" cannot list resource \"secrets\""),
            ),
            (
                "the administrators' group within another",
                get(SECRETS).certificate(&ca.sign(client("root", &["devs,system:masters"]))),
                forbidden("User \"root\" cannot list resource \"secrets\""),
            ),
            (
                "the anonymous user's",
                me().certificate(&ca.sign(client("system:anonymous", &[]))),
                anonymous(),
            ),
            // With what.
            ("with another's key", me().certificate(&ann.with_key_of(&of_stranger)), no_answer()),
            (
                "with another's key, over TLS 1.2",
                me().certificate(&ann.with_key_of(&of_stranger)).tls(Tls::V12),
                no_answer(),
            ),
            ("no certificate at all", me().certificate(&ann.garbage()), no_answer()),
            // With a token beside.
            ("a good one beside a good token", me().certificate(&ann).by("nobody"), is_user("ann")),
            ("a good one beside a bad token", me().certificate(&ann).token("wrong"), is_user("ann")),
            ("a bad one beside a good token", me().certificate(&expired).by("nobody"), is_user("nobody")),
            (
                "one without a name beside a good token",
                me().certificate(&unnamed).by("nobody"),
                is_user("nobody"),
            ),
            ("a bad one beside a bad token", me().certificate(&expired).token("wrong"), unauthorized()),
            (
                "one without a name beside a bad token",
                me().certificate(&unnamed).token("wrong"),
                unauthorized(),
            ),
        ],
    );
}

#[test]
fn certificates_of_an_authority_that_was_taken_out_are_refused() {
    let world = world();
    let (old, ann) = (world.retired.sign(client("old", &[])), world.clients.sign(client("ann", &[])));
    let old = who_am_i().certificate(&old);
    check(
        &world,
        [
            ("of one of two authorities", old.clone(), is_user("old")),
            ("of the other", who_am_i().certificate(&ann), is_user("ann")),
            (
                "of neither",
                who_am_i().certificate(&Authority::root("neither").sign(client("old", &[]))),
                unauthorized(),
            ),
        ],
    );
    let mut kept = world.connect(&old).expect("a connection");
    let asks = |connection: &mut crate::wire::Connection| {
        connection.write(&old.bytes(false)).expect("the connection is open");
        connection.answer("POST", Part::Whole).expect("an answer").expect("an answer").status
    };
    assert_eq!(asks(&mut kept), 201, "a connection is not closed for nothing");
    world.retire();
    world.settle(&old, 401);
    assert_eq!(asks(&mut kept), 401, "a connection that was let in isn't forever");
    check(
        &world,
        [
            ("of the authority that was taken out", old.clone(), unauthorized()),
            ("of the one that was left", who_am_i().certificate(&ann), is_user("ann")),
        ],
    );
}
