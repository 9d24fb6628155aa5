//! Which credentials count, and in which order.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair,
};
use rustls_pki_types::CertificateDer;

use super::token_file::Tokens;
use super::*;

type Authority = Issuer<'static, KeyPair>;

fn authority(name: &str) -> (Authority, String) {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let pem = params.self_signed(&key).expect("a certificate").pem();
    (Issuer::new(params, key), pem)
}

/// A certificate with these subject attributes.
fn certificate(
    authority: &Authority,
    usage: ExtendedKeyUsagePurpose,
    subject: &[(DnType, &str)],
) -> ClientCertificate {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for (kind, value) in subject {
        params.distinguished_name.push(kind.clone(), *value);
    }
    params.extended_key_usages = vec![usage];
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    ClientCertificate::new(vec![CertificateDer::from(certificate.der().to_vec())])
}

fn authenticator(authorities: &str, anonymous: bool) -> Authenticator {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificates = Arc::new(ClientAuthorities::new(provider));
    certificates.replace(authorities.as_bytes()).expect("authorities");
    let tokens = Tokens::parse("secret,bob,7,team", "tokens").expect("tokens");
    Authenticator::new(certificates, Some(tokens), anonymous)
}

/// The outcome of what can be judged at once.
fn judged(authenticator: &Authenticator, credentials: Credentials<'_>) -> Outcome {
    match authenticator.authenticate(credentials) {
        Authentication::Known(outcome) => outcome,
        Authentication::Asked(_) => panic!("these credentials need no look-up"),
    }
}

/// `name uid groups…`, or why the credentials are refused.
fn outcome(
    authenticator: &Authenticator,
    certificate: Option<&ClientCertificate>,
    header: Option<&str>,
) -> String {
    match judged(authenticator, Credentials { certificate, authorization: header }).user {
        Ok(user) => {
            let uid = if user.uid.is_empty() { "-" } else { &user.uid };
            format!("{} {uid} {}", user.name, user.groups.join(" "))
        }
        Err(Refused::Certificate(_)) => "refused: certificate".to_owned(),
        Err(Refused::Token | Refused::ServiceAccount(_)) => "refused: token".to_owned(),
        Err(Refused::Anonymous) => "refused: anonymous".to_owned(),
    }
}

#[test]
fn subjects_are_users() {
    let (ours, pem) = authority("ours");
    let authenticator = authenticator(&pem, true);
    let check = |subject: &[(DnType, &str)], wanted: &str| {
        let shown = certificate(&ours, ExtendedKeyUsagePurpose::ClientAuth, subject);
        assert_eq!(outcome(&authenticator, Some(&shown), None), wanted, "{subject:?}");
    };
    let (name, group) = (DnType::CommonName, DnType::OrganizationName);
    let uid = DnType::from_oid(&[1, 3, 6, 1, 4, 1, 57683, 2]);
    check(&[(name.clone(), "ann")], "ann - system:authenticated");
    check(
        &[(group.clone(), "system:masters"), (name.clone(), "root")],
        "root - system:masters system:authenticated",
    );
    check(&[(name.clone(), "ann"), (uid.clone(), "u-1")], "ann u-1 system:authenticated");
    check(&[(name.clone(), "ann"), (uid, "")], "refused: certificate");
    check(&[(group, "devs")], "system:anonymous - system:unauthenticated");
}

#[test]
fn the_certificate_shown_is_named() {
    let (ours, pem) = authority("ours");
    let shown = certificate(&ours, ExtendedKeyUsagePurpose::ClientAuth, &[(DnType::CommonName, "ann")]);
    let credentials = Credentials { certificate: Some(&shown), authorization: None };
    let outcome = judged(&authenticator(&pem, true), credentials);
    let user = outcome.user.expect("believed");
    let id = &user.extra["authentication.kubernetes.io/credential-id"][0];
    assert!(id.starts_with("X509SHA256=") && id.len() == 11 + 64, "{id}");
}

#[test]
fn the_first_credential_that_is_believed_counts() {
    let ((ours, pem), (other, _)) = (authority("ours"), authority("other"));
    let authenticator = authenticator(&pem, true);
    let ann = [(DnType::CommonName, "ann")];
    let good = certificate(&ours, ExtendedKeyUsagePurpose::ClientAuth, &ann);
    let foreign = certificate(&other, ExtendedKeyUsagePurpose::ClientAuth, &ann);
    let for_servers = certificate(&ours, ExtendedKeyUsagePurpose::ServerAuth, &ann);
    let check = |certificate: Option<&ClientCertificate>, header: Option<&str>, wanted: &str| {
        assert_eq!(outcome(&authenticator, certificate, header), wanted, "{header:?}");
    };
    let (ann, bob) = ("ann - system:authenticated", "bob 7 team system:authenticated");
    let nobody = "system:anonymous - system:unauthenticated";
    check(None, None, nobody);
    check(None, Some("Bearer secret"), bob);
    check(None, Some("Bearer wrong"), "refused: token");
    check(None, Some("Basic c2VjcmV0"), nobody);
    check(Some(&good), None, ann);
    check(Some(&good), Some("Bearer secret"), ann);
    check(Some(&good), Some("Bearer wrong"), ann);
    check(Some(&foreign), None, "refused: certificate");
    check(Some(&foreign), Some("Bearer secret"), bob);
    check(Some(&foreign), Some("Bearer wrong"), "refused: certificate");
    check(Some(&for_servers), None, "refused: certificate");
}

#[test]
fn extra_spaces_are_warned_of() {
    let (_, pem) = authority("ours");
    let authenticator = authenticator(&pem, true);
    let ask = |header| judged(&authenticator, Credentials { certificate: None, authorization: Some(header) });
    assert_eq!(ask("Bearer  secret").warning, Some(bearer::EXTRA_SPACE_WARNING));
    assert!(ask("Bearer  secret").user.is_ok_and(|user| is_anonymous(&user)));
    assert_eq!(ask("Bearer secret").warning, None);
}

#[test]
fn without_anonymous_requests_credentials_are_a_must() {
    let (_, pem) = authority("ours");
    let authenticator = authenticator(&pem, false);
    assert_eq!(outcome(&authenticator, None, None), "refused: anonymous");
    assert_eq!(outcome(&authenticator, None, Some("Bearer secret")), "bob 7 team system:authenticated");
}

#[test]
fn authorities_may_be_exchanged_while_connections_are_open() {
    let ((ours, pem), (_, other)) = (authority("ours"), authority("other"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let authorities = Arc::new(ClientAuthorities::new(provider));
    let authenticator = Authenticator::new(authorities.clone(), None, true);
    let shown = certificate(&ours, ExtendedKeyUsagePurpose::ClientAuth, &[(DnType::CommonName, "ann")]);
    let check = |wanted: &str| assert_eq!(outcome(&authenticator, Some(&shown), None), wanted);
    check("system:anonymous - system:unauthenticated");
    authorities.replace(pem.as_bytes()).expect("authorities");
    check("ann - system:authenticated");
    authorities.replace(other.as_bytes()).expect("authorities");
    check("refused: certificate");
    for useless in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        authorities.replace(useless.as_bytes()).expect_err(useless);
    }
    check("refused: certificate");
}
