//! Which certificate a client gets.

use std::path::Path;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

use super::*;

/// Writes a certificate of this common name for these DNS names, and its key.
fn write(directory: &Path, file: &str, common: &str, dns: &[&str]) -> CertificateFiles {
    let dns: Vec<String> = dns.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(dns).expect("names");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    let path = |end: &str| directory.join(format!("{file}.{end}"));
    let files = CertificateFiles { certificate: path("crt"), key: path("key") };
    std::fs::write(&files.certificate, certificate.pem()).expect("written");
    std::fs::write(&files.key, key.serialize_pem()).expect("written");
    files
}

fn first(files: &CertificateFiles) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(&files.certificate).expect("a certificate")
}

fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

#[test]
fn names_choose_certificates() {
    let temporary = tempfile::tempdir().expect("a directory");
    let file = |name, common, dns: &[&str]| write(temporary.path(), name, common, dns);
    let default = file("default", "server", &["api.example.com", "*.default.example.com"]);
    let named = |files: &CertificateFiles, names: &[&str]| NamedCertificate {
        files: files.clone(),
        names: names.iter().map(ToString::to_string).collect(),
    };
    let one = file("one", "cn.one.test", &["one.test", "both.test", "api.example.com"]);
    let two = file("two", "10.0.0.1", &["two.test", "*.two.test", "both.test", "given.test"]);
    let three = file("three", "Not A Domain", &["hidden.test", "*.hidden.test", "explicit.test"]);
    let four = file("four", "*.four.test", &[]);
    let all = [
        named(&one, &[]),
        named(&two, &[]),
        named(&three, &["given.test", "*.given.test", "both-given.test", "10.0.0.7"]),
        named(&four, &[]),
        named(&two, &["both-given.test"]),
    ];
    let shown = ServingCertificates::load(&default, &all, &provider()).expect("loads").expect("loads");
    let check = |name: Option<&str>, files: &CertificateFiles| {
        assert_eq!(shown.for_name(name).cert[0], first(files), "{name:?}");
    };
    check(None, &default);
    check(Some("nobody.test"), &default);
    check(Some("one.test"), &one);
    check(Some("ONE.test"), &one);
    check(Some("cn.one.test"), &one);
    check(Some("both.test"), &one);
    // The default certificate is for it, too, but was not given with the flag.
    check(Some("api.example.com"), &one);
    check(Some("x.default.example.com"), &default);
    check(Some("two.test"), &two);
    check(Some("deep.two.test"), &two);
    check(Some("too.deep.two.test"), &default);
    check(Some("10.0.0.1"), &default);
    check(Some("given.test"), &three);
    check(Some("a.given.test"), &three);
    check(Some("both-given.test"), &three);
    // With names of its own a certificate is not found under those that it brings, but is the only one for this.
    check(Some("hidden.test"), &three);
    check(Some("a.hidden.test"), &three);
    check(Some("a.four.test"), &four);
    let at =
        |address: &str| shown.for_address(address.parse().expect("an address")).map(|k| k.cert[0].clone());
    assert_eq!(at("10.0.0.7"), Some(first(&three)));
    assert_eq!((at("10.0.0.1"), at("::1")), (None, None));
}

#[test]
fn one_certificate_is_exchanged_and_others_stay() {
    let temporary = tempfile::tempdir().expect("a directory");
    let file = |name, dns: &[&str]| write(temporary.path(), name, "server", dns);
    let (default, named, new) = (file("default", &[]), file("named", &["a.test"]), file("new", &["b.test"]));
    let all = [NamedCertificate { files: named.clone(), names: Vec::new() }];
    let shown = ServingCertificates::load(&default, &all, &provider()).expect("loads").expect("loads");
    shown.exchange_named(0, &new, &provider()).expect("a good pair");
    assert_eq!(shown.for_name(Some("b.test")).cert[0], first(&new));
    assert_eq!(shown.for_name(Some("a.test")).cert[0], first(&default), "its names went with it");
    let wrong = CertificateFiles { certificate: new.certificate.clone(), key: named.key.clone() };
    for files in [&wrong, &CertificateFiles { key: "/none".into(), ..new.clone() }] {
        shown.exchange(files, &provider()).expect_err("no pair");
        shown.exchange_named(0, files, &provider()).expect_err("no pair");
    }
    assert_eq!(shown.for_name(None).cert[0], first(&default));
    assert_eq!(shown.for_name(Some("b.test")).cert[0], first(&new));
}

#[test]
fn common_names_are_patterns_where_they_are_domains() {
    let check = |name: &str, pattern: bool| assert_eq!(is_pattern(name), pattern, "{name}");
    for good in ["*", "a", "a.b", "*.a.b", "a-1.b"] {
        check(good, true);
    }
    for bad in ["", "*.", "a.*", "10.0.0.1", "::1", "A.b", "a b", "-a", "a..b", "a_b", "**.a"] {
        check(bad, false);
    }
}
