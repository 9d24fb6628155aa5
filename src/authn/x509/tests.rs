//! Which certificates are believed, and what they say.

use keelson_apimachinery::field::quote;
use rcgen::string::{BmpString, TeletexString};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SerialNumber,
};

use super::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn root(change: impl FnOnce(&mut CertificateParams)) -> Authority {
    let mut params = params("root");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    CertifiedIssuer::self_signed(params, key()).expect("an authority")
}

fn leaf(authority: &Authority, change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
    let mut params = params("ann");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut params);
    params.signed_by(&key(), authority).expect("a certificate").der().clone()
}

fn authorities(pem: &str) -> ClientAuthorities {
    let authorities = ClientAuthorities::new(Arc::new(rustls::crypto::ring::default_provider()));
    authorities.replace(pem.as_bytes()).expect("authorities");
    authorities
}

/// The user's name, or why there is none, without what names the certificate.
fn judged(authorities: &ClientAuthorities, chain: Vec<CertificateDer<'static>>) -> String {
    match authorities.user_of(&ClientCertificate::new(chain)) {
        Ok(user) => user.map_or("nobody".to_owned(), |user| user.name.clone()),
        Err(why) => {
            let (id, why) = why.split_once(" failed: ").expect("the certificate is named");
            assert!(id.starts_with("verifying certificate SN="), "{id}");
            why.to_owned()
        }
    }
}

const UNKNOWN: &str = "x509: certificate signed by unknown authority";
const USAGE: &str = "x509: certificate specifies an incompatible key usage";
const TIME: &str = "x509: certificate has expired or is not yet valid";

#[test]
fn certificates_are_for_clients_and_for_now() {
    let root = root(|_| {});
    let ours = authorities(&root.pem());
    let check = |change: &dyn Fn(&mut CertificateParams), wanted: &str| {
        let judged = judged(&ours, vec![leaf(&root, change)]);
        assert!(judged.starts_with(wanted), "{judged}, not {wanted}");
    };
    check(&|_| {}, "ann");
    check(&|p| p.extended_key_usages.clear(), "ann");
    check(&|p| p.extended_key_usages.insert(0, ExtendedKeyUsagePurpose::ServerAuth), "ann");
    check(&|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any], "ann");
    check(&|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth], USAGE);
    check(&|p| p.not_after = rcgen::date_time_ymd(2020, 1, 1), TIME);
    check(&|p| p.not_before = rcgen::date_time_ymd(2999, 1, 1), TIME);
    check(&|p| p.distinguished_name = DistinguishedName::new(), "nobody");
}

#[test]
fn a_chain_leads_to_an_authority() {
    let top = root(|p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(1)));
    let issuer = |parent: &Authority, ca: IsCa| {
        let mut params = params("between");
        params.is_ca = ca;
        CertifiedIssuer::signed_by(params, key(), parent).expect("an authority")
    };
    let ca = || IsCa::Ca(BasicConstraints::Unconstrained);
    let (between, no_authority) = (issuer(&top, ca()), issuer(&top, IsCa::ExplicitNoCa));
    let ours = authorities(&top.pem());
    let certificate = leaf(&between, |_| {});
    assert_eq!(judged(&ours, vec![certificate.clone(), between.der().clone()]), "ann");
    assert_eq!(judged(&ours, vec![certificate.clone()]), UNKNOWN);
    assert_eq!(judged(&authorities(&between.pem()), vec![certificate]), "ann");
    let certificate = leaf(&no_authority, |_| {});
    let refused = judged(&ours, vec![certificate, no_authority.der().clone()]);
    assert!(refused.starts_with("x509: "), "{refused}");
    let deep = issuer(&between, ca());
    let deepest = issuer(&deep, ca());
    let chain = [&deepest, &deep, &between].map(|issuer| issuer.der().clone());
    let refused = judged(&ours, [vec![leaf(&deepest, |_| {})], chain.to_vec()].concat());
    assert!(refused.starts_with("x509: "), "{refused}");
}

#[test]
fn only_authorities_whose_time_it_is_issue_certificates() {
    let check = |change: &dyn Fn(&mut CertificateParams), wanted: &str| {
        let root = root(change);
        assert_eq!(judged(&authorities(&root.pem()), vec![leaf(&root, |_| {})]), wanted);
    };
    check(&|_| {}, "ann");
    check(&|p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign], "ann");
    check(&|p| p.key_usages = vec![KeyUsagePurpose::DigitalSignature], UNKNOWN);
    check(&|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth], UNKNOWN);
    check(&|p| p.is_ca = IsCa::ExplicitNoCa, UNKNOWN);
    check(&|p| p.is_ca = IsCa::NoCa, UNKNOWN);
    check(&|p| p.not_after = rcgen::date_time_ymd(2020, 1, 1), UNKNOWN);
    check(&|p| p.not_before = rcgen::date_time_ymd(2999, 1, 1), UNKNOWN);
    // Others of the bundle are none the worse for it.
    let (past, good) = (root(|p| p.not_after = rcgen::date_time_ymd(2020, 1, 1)), root(|_| {}));
    let both = authorities(&format!("{}{}", past.pem(), good.pem()));
    assert_eq!(judged(&both, vec![leaf(&good, |_| {})]), "ann");
    assert_eq!(judged(&both, vec![leaf(&past, |_| {})]), UNKNOWN);
}

#[test]
fn authorities_that_run_out_are_believed_no_longer() {
    let root = root(|_| {});
    let ours = authorities(&root.pem());
    let certificate = leaf(&root, |_| {});
    assert_eq!(judged(&ours, vec![certificate.clone()]), "ann");
    // As if the time were there.
    let current = ours.current.load_full().expect("some are known");
    let roots = current.roots.iter().map(|root| Root {
        der: root.der.clone(),
        anchor: root.anchor.clone(),
        longest: root.longest,
        not_before: 0,
        not_after: 1,
    });
    let outdated = Trusted {
        generation: current.generation,
        bundle: current.bundle.clone(),
        roots: roots.collect(),
        anchors: current.anchors.clone(),
        longest: current.longest.clone(),
        until: 2,
    };
    ours.current.store(Some(Arc::new(outdated)));
    assert_eq!(judged(&ours, vec![certificate]), UNKNOWN);
}

#[test]
fn names_are_read_in_every_form() {
    let root = root(|_| {});
    let subject = |attributes: Vec<(DnType, DnValue)>| {
        let certificate = leaf(&root, |params| {
            params.distinguished_name = DistinguishedName::new();
            for (kind, value) in attributes {
                params.distinguished_name.push(kind, value);
            }
            params.serial_number = Some(SerialNumber::from(0x0102_u64));
        });
        Subject::parse(&certificate).expect("a certificate")
    };
    let (name, uid) = (DnType::CommonName, DnType::from_oid(&[1, 3, 6, 1, 4, 1, 57683, 2]));
    let check = |value: DnValue, wanted: &str| {
        assert_eq!(subject(vec![(name.clone(), value)]).common_name, wanted, "{}", quote(wanted));
    };
    check(DnValue::Utf8String("jürg".into()), "jürg");
    check(DnValue::PrintableString("ann".try_into().expect("printable")), "ann");
    check(DnValue::BmpString(BmpString::try_from("jürg").expect("characters")), "jürg");
    check(DnValue::TeletexString(TeletexString::try_from("ann").expect("characters")), "ann");
    let of = |uid_value: &str| vec![(name.clone(), "ann".into()), (uid.clone(), uid_value.into())];
    let user = |attributes| subject(attributes).user();
    assert_eq!(user(of("7")).expect("a user").expect("a name").uid, "7");
    assert_eq!(user(of("")), Err("UID cannot be an empty string".to_owned()));
    let named = subject(of("7"));
    assert!(named.identifier.starts_with("SN=258, SKID="), "{}", named.identifier);
    let mut several = named.clone();
    several.uids.push(Some("8".to_owned()));
    assert_eq!(several.user(), Err("expected 1 UID, but found multiple: [7 8]".to_owned()));
    several.uids[1] = None;
    assert_eq!(several.user(), Err("unable to parse UID into a string".to_owned()));
    for broken in [&b""[..], b"x", &[0x30, 0x80], &root.der()[..100]] {
        Subject::parse(broken).expect_err("no certificate");
    }
}
