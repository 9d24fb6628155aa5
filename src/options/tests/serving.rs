//! Flags about listening, TLS and HTTP.

use rustls::NamedGroup;

use super::*;
use crate::server::config::{Ending, NamedCertificate};

#[test]
fn certificates_with_names_are_read() {
    let check = |text: &str, certificate: &str, key: &str, names: &[&str]| {
        let files = CertificateFiles { certificate: certificate.into(), key: key.into() };
        let names = names.iter().map(ToString::to_string).collect();
        let wanted = [NamedCertificate { files, names }];
        assert_eq!(
            config(&[&format!("--tls-sni-cert-key={text}")]).serving.named_certificates,
            wanted,
            "{text}"
        );
    };
    check("a.crt,a.key", "a.crt", "a.key", &[]);
    check(" a.crt , a.key : *.a.test , b.test", "a.crt", "a.key", &["*.a.test", "b.test"]);
    check("a.crt,a.key:::1", "a.crt", "a.key", &["::1"]);
    let two = config(&["--tls-sni-cert-key=a,b:c", "--tls-sni-cert-key", "d,e"]).serving.named_certificates;
    assert_eq!(two.len(), 2);
    let flag = "--tls-sni-cert-key";
    refused(&["--tls-sni-cert-key=a,b:"], &[&format!("{flag}: empty names list is not allowed")]);
    for wrong in ["", "a", "a,b,c", "a:b,c"] {
        let line = format!("{flag}: expected comma separated certificate and key file paths");
        refused(&[&format!("{flag}={wrong}")], &[&line]);
    }
}

#[test]
fn curves_are_chosen_by_number() {
    use NamedGroup::{X25519, secp256r1, secp384r1};
    let check = |arguments: &[&str], wanted: &[NamedGroup]| {
        let curves = config(arguments).serving.curves;
        assert_eq!(curves.iter().map(|c| c.name()).collect::<Vec<_>>(), wanted, "{arguments:?}");
    };
    check(&[], &[X25519, secp256r1, secp384r1]);
    check(&["--tls-curve-preferences=23"], &[secp256r1]);
    check(&["--tls-curve-preferences=24,29"], &[X25519, secp384r1]);
    check(&["--tls-curve-preferences=24", "--tls-curve-preferences=23"], &[secp256r1, secp384r1]);
    let check = |value: &str, reason: &str| {
        let flag = "--tls-curve-preferences";
        refused(&[&format!("{flag}={value}")], &[&format!("{flag}: {reason}")]);
    };
    check("0", "curve preference 0 is out of range (must be 1-65535)");
    check("70000", "curve preference 70000 is out of range (must be 1-65535)");
    check("29,23,29", "duplicate curve preference 29");
    check("4588,29", "curve preference 4588 is not supported by Keelson: give 23, 24 or 29");
    check("7", "curve preference 7 is not known");
    check("P-256", "invalid value \"P-256\": not a whole number");
}

#[test]
fn suites_that_are_not_spoken_are_told_from_unknown_ones() {
    let check = |name: &str, reason: &str| {
        let flag = "--tls-cipher-suites";
        let line = format!("{flag}: Cipher suite {name} {reason}");
        refused(&[&format!("{flag}=TLS_AES_128_GCM_SHA256,{name}")], &[&line]);
    };
    let outdated = "is insecure or outdated and not spoken by Keelson: leave it out";
    check("TLS_RSA_WITH_AES_128_GCM_SHA256", outdated);
    check("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", outdated);
    check("TLS_RSA_WITH_RC4_128_SHA", outdated);
    check("TLS_NONE", "not supported or doesn't exist");
}

#[test]
fn http2_can_be_left_out() {
    for (flags, spoken) in [
        ([].as_slice(), true),
        (&["--disable-http2-serving"], false),
        (&["--disable-http2-serving=false"], true),
    ] {
        assert_eq!(config(flags).serving.http2, spoken, "{flags:?}");
    }
    config(&["--permit-address-sharing"]);
    refused(
        &["--permit-address-sharing=x"],
        &["--permit-address-sharing: invalid value \"x\": neither true nor false"],
    );
}

#[test]
fn what_is_added_to_http_is_checked() {
    let http = config(&[
        "--strict-transport-security-directives=max-age=31536000,includeSubDomains",
        "--strict-transport-security-directives=preload",
        "--goaway-chance=.02",
        "--cors-allowed-origins=//example\\.com(:|$),^https://a\\.test$",
    ])
    .http;
    let hsts = http.strict_transport_security.expect("a value");
    assert_eq!(
        (hsts.to_str().expect("text"), http.goaway_chance),
        ("max-age=31536000; includeSubDomains; preload", 0.02)
    );
    assert_eq!(http.allowed_origins.len(), 2);
    let nothing = config(&["--cors-allowed-origins=", "--strict-transport-security-directives="]).http;
    assert!(nothing.allowed_origins.is_empty() && nothing.strict_transport_security.is_none());
    let check = |flag: &str, value: &str, reason: &str| {
        let errors = parse_line(&[&format!("{flag}={value}")]).expect_err("refused");
        let text = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(
            text.starts_with(&format!("{flag}: ")) && text.contains(reason) && !text.contains('\n'),
            "{text}"
        );
    };
    let flag = "--goaway-chance";
    for value in ["0.03", "-0.1", "NaN", "inf"] {
        check(flag, value, "can not be less than 0 or greater than 0.02");
    }
    check(flag, "some", "not a number");
    let flag = "--strict-transport-security-directives";
    check(flag, "max-age", "allowed values: max-age=expireTime, includeSubDomains, preload");
    check(flag, "preload,", "empty value in strict-transport-security-directives");
    check(flag, "max-age=\u{7f}", "header value");
    let flag = "--cors-allowed-origins";
    check(flag, "example.com", "does not pin to start/end of host");
    check(flag, "^example", "does not pin");
    check(flag, "^a$,", "empty value");
    check(flag, "^(a$", "invalid regular expression \"^(a$\": unclosed group");
}

#[test]
fn what_is_missing_by_default_is_told_where_it_is_asked_for() {
    let check = |arguments: &[&str], notices: &[&str]| assert_eq!(config(arguments).notices, notices);
    check(
        &["--profiling=false", "--contention-profiling=false", "--enable-priority-and-fairness=false"],
        &["flags without effect, accepted for their defaults: --contention-profiling"],
    );
    check(
        &["--profiling", "--enable-priority-and-fairness"],
        &[
            "--profiling=true: there are no profiles of Go's runtime to serve",
            "--enable-priority-and-fairness=true: not supported yet: --max-requests-inflight and \
         --max-mutating-requests-inflight bound requests",
        ],
    );
    check(&[], &[]);
    refused(&["--contention-profiling"], &[&format!("--contention-profiling: {}", unsupported::REASON)]);
}

#[test]
fn the_end_is_configured() {
    let defaults = config(&[]);
    assert_eq!((defaults.ending, defaults.serving.external_hostname), (Ending::default(), None));
    let given = config(&[
        "--shutdown-send-retry-after",
        "--shutdown-watch-termination-grace-period=1m",
        "--external-hostname=api.example.com:443",
    ]);
    let ending = Ending { send_retry_after: true, watch_grace: Duration::from_secs(60) };
    assert_eq!(given.ending, ending);
    assert_eq!(given.serving.external_hostname.as_deref(), Some("api.example.com:443"));
    for host in ["::1", "[::1]:80", "10.0.0.1", "a"] {
        config(&[&format!("--external-hostname={host}")]);
    }
    let line = "--external-hostname: invalid value \"a b/c\": neither a host nor one with a port";
    refused(&["--external-hostname=a b/c"], &[line]);
    let flag = "--shutdown-watch-termination-grace-period";
    refused(
        &[&format!("{flag}=-1s")],
        &[&format!("{flag}: invalid value \"-1s\": can not be negative value")],
    );
}
