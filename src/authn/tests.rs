//! Which credentials count, and in which order.

use std::sync::Arc;

use http::header::{HeaderName, HeaderValue};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair,
};
use rustls::crypto::CryptoProvider;
use rustls_pki_types::CertificateDer;

use super::token::ForServer;
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

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn authenticator(authorities: &str, anonymous: Anonymous) -> Authenticator {
    let certificates = Arc::new(ClientAuthorities::new(provider()));
    certificates.replace(authorities.as_bytes()).expect("authorities");
    let tokens = Tokens::parse("secret,bob,7,team\nother,carl,8", "tokens").expect("tokens");
    Authenticator::new(certificates, vec!["api".to_owned()], anonymous)
        .with_tokens(Arc::new(ForServer::new(tokens, vec!["api".to_owned()])))
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name: HeaderName = name.parse().expect("a name");
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }
    headers
}

/// The outcome of what can be judged at once.
fn judged(
    authenticator: &Authenticator,
    certificate: Option<&ClientCertificate>,
    lines: &[(&str, &str)],
) -> Outcome {
    let credentials = Credentials { certificate, headers: &headers(lines), path: "/api" };
    match authenticator.authenticate(credentials) {
        Authentication::Known(outcome) => outcome,
        Authentication::Asked(_) => panic!("these credentials need no look-up"),
    }
}

/// `name uid groups…`, or why the credentials are refused; certificates are told of in general.
fn shown(outcome: Outcome) -> String {
    match outcome.user {
        Ok(user) => {
            let uid = if user.uid.is_empty() { "-" } else { &user.uid };
            format!("{} {uid} {}", user.name, user.groups.join(" "))
        }
        Err(Refused::Credentials(reasons)) => format!("refused: {reasons}"),
        Err(Refused::Anonymous) => "refused: anonymous".to_owned(),
    }
}

fn outcome(
    authenticator: &Authenticator,
    certificate: Option<&ClientCertificate>,
    header: Option<&str>,
) -> String {
    let lines: Vec<_> = header.map(|header| ("authorization", header)).into_iter().collect();
    let shown = shown(judged(authenticator, certificate, &lines));
    match shown.contains("verifying certificate SN=") || shown.contains("UID ") {
        true => "refused: certificate".to_owned(),
        false => shown,
    }
}

#[test]
fn subjects_are_users() {
    let (ours, pem) = authority("ours");
    let authenticator = authenticator(&pem, Anonymous::Everywhere);
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
    let outcome = judged(&authenticator(&pem, Anonymous::Everywhere), Some(&shown), &[]);
    let user = outcome.user.expect("believed");
    let id = &user.extra["authentication.kubernetes.io/credential-id"][0];
    assert!(id.starts_with("X509SHA256=") && id.len() == 11 + 64, "{id}");
}

#[test]
fn the_first_credential_that_is_believed_counts() {
    let ((ours, pem), (other, _)) = (authority("ours"), authority("other"));
    let authenticator = authenticator(&pem, Anonymous::Everywhere);
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
    check(None, Some("Bearer wrong"), "refused: invalid bearer token");
    check(None, Some("Bearer s\u{fc}\u{df}"), "refused: invalid bearer token");
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
    let authenticator = authenticator(&pem, Anonymous::Everywhere);
    let ask = |header| judged(&authenticator, None, &[("authorization", header)]);
    assert_eq!(ask("Bearer  secret").warning, Some(bearer::EXTRA_SPACE_WARNING));
    assert!(ask("Bearer  secret").user.is_ok_and(|user| is_anonymous(&user)));
    assert_eq!(ask("Bearer secret").warning, None);
}

#[test]
fn without_anonymous_requests_credentials_are_a_must() {
    let (_, pem) = authority("ours");
    let authenticator = authenticator(&pem, Anonymous::Disabled);
    assert_eq!(outcome(&authenticator, None, None), "refused: anonymous");
    assert_eq!(outcome(&authenticator, None, Some("Bearer secret")), "bob 7 team system:authenticated");
}

#[test]
fn authorities_may_be_exchanged_while_connections_are_open() {
    let ((ours, pem), (_, other)) = (authority("ours"), authority("other"));
    let authorities = Arc::new(ClientAuthorities::new(provider()));
    let authenticator = Authenticator::new(authorities.clone(), Vec::new(), Anonymous::Everywhere);
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

/// What a believed proxy's certificate, or another, makes of the headers.
#[test]
fn front_proxies_speak_for_users() {
    let ((ours, pem), (proxies, of_proxies)) = (authority("ours"), authority("proxies"));
    let theirs = Arc::new(ClientAuthorities::of_front_proxies(provider()));
    theirs.replace(of_proxies.as_bytes()).expect("authorities");
    let config = front_proxy::Config {
        allowed_names: vec!["front".to_owned(), "aggregator".to_owned()],
        username_headers: vec!["X-Remote-User".to_owned(), "X-Other-User".to_owned()],
        uid_headers: vec!["X-Remote-Uid".to_owned()],
        group_headers: vec!["X-Remote-Group".to_owned(), "X-Other-Group".to_owned()],
        extra_prefixes: vec!["X-Remote-Extra-".to_owned()],
        ..front_proxy::Config::default()
    };
    let authenticator =
        authenticator(&pem, Anonymous::Everywhere).with_front_proxy(FrontProxy::new(theirs, &config));
    let client = |authority: &Authority, name: &str| {
        certificate(authority, ExtendedKeyUsagePurpose::ClientAuth, &[(DnType::CommonName, name)])
    };
    let (proxy, stranger) = (client(&proxies, "front"), client(&proxies, "else"));
    let (ann, fake) = (client(&ours, "ann"), client(&ours, "front"));
    let for_servers =
        certificate(&proxies, ExtendedKeyUsagePurpose::ServerAuth, &[(DnType::CommonName, "front")]);
    let check = |certificate: Option<&ClientCertificate>, lines: &[(&str, &str)], wanted: &str| {
        let shown = shown(judged(&authenticator, certificate, lines));
        let shown = match (shown.find("verifying certificate"), shown.rfind("failed: ")) {
            (Some(begin), Some(end)) => format!("{}…{}", &shown[..begin], &shown[end + "failed: ".len()..]),
            _ => shown,
        };
        assert_eq!(shown, wanted, "{lines:?}");
    };
    let ursula = ("x-remote-user", "ursula");
    check(Some(&proxy), &[ursula], "ursula - system:authenticated");
    check(
        Some(&proxy),
        &[("X-Other-User", "ursula"), ("x-remote-user", ""), ("x-remote-uid", "9")],
        "ursula 9 system:authenticated",
    );
    let unknown = "x509: certificate signed by unknown authority";
    // Without a name it says nothing, and its certificate is no client's.
    check(Some(&proxy), &[("x-remote-group", "system:masters")], &format!("refused: …{unknown}"));
    check(
        Some(&proxy),
        &[ursula, ("x-remote-group", "a,b"), ("x-other-group", "c"), ("x-remote-group", "")],
        "ursula - a,b c system:authenticated",
    );
    check(Some(&proxy), &[("x-remote-user", "system:anonymous")], "system:anonymous - ");
    check(
        Some(&proxy),
        &[ursula, ("x-remote-group", "system:unauthenticated")],
        "ursula - system:unauthenticated",
    );
    check(Some(&proxy), &[("x-remote-user", "j\u{fc}rg")], "j\u{fc}rg - system:authenticated");
    let not_allowed = "x509: subject with cn=else is not in the allowed list";
    check(Some(&stranger), &[ursula], &format!("refused: [{not_allowed}, …{unknown}]"));
    let usage = "x509: certificate specifies an incompatible key usage";
    check(Some(&for_servers), &[ursula], &format!("refused: [{usage}, …{usage}]"));
    // Clients are themselves, whatever they say.
    check(Some(&ann), &[ursula], "ann - system:authenticated");
    check(Some(&fake), &[ursula], "front - system:authenticated");
    check(None, &[ursula], "system:anonymous - system:unauthenticated");
    let bearer = ("authorization", "Bearer secret");
    check(None, &[ursula, bearer], "bob 7 team system:authenticated");
    check(Some(&proxy), &[ursula, bearer], "ursula - system:authenticated");
    check(Some(&stranger), &[ursula, bearer], "bob 7 team system:authenticated");
    let invalid = "invalid bearer token";
    let wrong = ("authorization", "Bearer wrong");
    check(Some(&stranger), &[ursula, wrong], &format!("refused: [{not_allowed}, …{unknown}, {invalid}]"));
}

#[test]
fn handshakes_may_bring_a_token() {
    let (_, pem) = authority("ours");
    let authenticator = authenticator(&pem, Anonymous::Everywhere);
    let offer = |encoded: &str| format!("base64url.bearer.authorization.k8s.io.{encoded}, v4");
    let check = |header: Option<&str>, offered: &str, wanted: &str| {
        let mut lines =
            vec![("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-protocol", offered)];
        lines.extend(header.map(|header| ("authorization", header)));
        assert_eq!(shown(judged(&authenticator, None, &lines)), wanted, "{header:?} {offered}");
    };
    let (bob, carl) = ("bob 7 team system:authenticated", "carl 8 system:authenticated");
    let (bobs, carls, none) = (offer("c2VjcmV0"), offer("b3RoZXI"), offer("d3Jvbmc"));
    check(None, &bobs, bob);
    check(Some("Bearer other"), &bobs, carl);
    check(Some("Bearer wrong"), &carls, carl);
    check(Some("Bearer wrong"), &none, "refused: invalid bearer token");
    check(None, &none, "refused: invalid bearer token");
    check(None, "v4", "system:anonymous - system:unauthenticated");
    let encoding = "invalid base64.bearer.authorization token encoding";
    check(None, &offer("="), &format!("refused: {encoding}"));
    check(Some("Bearer wrong"), &offer("="), &format!("refused: [invalid bearer token, {encoding}]"));
    check(Some("Bearer secret"), &offer("="), bob);
}

#[test]
fn anonymous_requests_may_be_let_in_to_some_paths() {
    let (_, pem) = authority("ours");
    let authenticator = authenticator(&pem, Anonymous::Paths(["/livez".to_owned()].into()));
    let ask = |path: &str| {
        let credentials = Credentials { certificate: None, headers: &HeaderMap::new(), path };
        match authenticator.authenticate(credentials) {
            Authentication::Known(outcome) => outcome.user.map(|user| user.name.clone()),
            Authentication::Asked(_) => panic!("nobody to ask"),
        }
    };
    assert_eq!(ask("/livez"), Ok(ANONYMOUS.to_owned()));
    assert_eq!(ask("/api"), Err(Refused::Anonymous));
    authenticator.anonymous().store(Arc::new(Anonymous::Everywhere));
    assert_eq!(ask("/api"), Ok(ANONYMOUS.to_owned()));
}

/// Believes `KIND:NAME` tokens of its kind after a look-up, once it recalls them at once.
#[derive(Debug)]
struct Slow(&'static str);

#[async_trait::async_trait]
impl TokenAuthenticator for Slow {
    fn is_concerned(&self, token: &str) -> bool {
        token.starts_with(self.0) || token.starts_with("any:")
    }

    async fn judge(&self, token: &str, audiences: &[String]) -> Result<Option<Believed>, String> {
        match token.split_once(':') {
            Some((_, "unknown")) => Ok(None),
            Some((_, "bad")) => Err(format!("{} refuses", self.0)),
            Some((kind, name)) if kind == self.0 || name == self.0 => {
                let user = UserInfo { name: name.to_owned(), ..UserInfo::default() };
                Ok(Some(Believed { user: Arc::new(user), audiences: audiences.to_vec(), warning: None }))
            }
            _ => Err(format!("{} can't tell", self.0)),
        }
    }
}

#[tokio::test]
async fn authenticators_of_tokens_are_asked_in_their_order() {
    let (_, pem) = authority("ours");
    let authenticator = authenticator(&pem, Anonymous::Everywhere)
        .with_tokens(Arc::new(Slow("one")))
        .with_tokens(Arc::new(Slow("two")));
    let check = async |header: &str, offered: Option<&str>, wanted: &str| {
        let header = format!("Bearer {header}");
        let mut lines = vec![("authorization", header.as_str())];
        if let Some(offered) = offered {
            lines.extend([
                ("upgrade", "websocket"),
                ("connection", "upgrade"),
                ("sec-websocket-protocol", "v4"),
                ("sec-websocket-protocol", offered),
            ]);
        }
        let (headers, certificate) = (headers(&lines), None);
        let asked = authenticator.authenticate(Credentials { certificate, headers: &headers, path: "/" });
        assert_eq!(shown(asked.outcome().await), wanted, "{header}");
    };
    check("secret", None, "bob 7 team system:authenticated").await;
    check("one:ann", None, "ann - system:authenticated").await;
    check("two:ann", None, "ann - system:authenticated").await;
    check("any:one", None, "one - system:authenticated").await;
    check("any:two", None, "two - system:authenticated").await;
    check("any:unknown", None, "refused: invalid bearer token").await;
    check("any:bad", None, "refused: [one refuses, two refuses]").await;
    check("one:bad", None, "refused: one refuses").await;
    let bobs = "base64url.bearer.authorization.k8s.io.c2VjcmV0";
    check("one:ann", Some(bobs), "ann - system:authenticated").await;
    check("one:bad", Some(bobs), "bob 7 team system:authenticated").await;
    let nobodys = "base64url.bearer.authorization.k8s.io.d3Jvbmc";
    check("one:bad", Some(nobodys), "refused: [one refuses, invalid bearer token]").await;

    let review = async |token: &str, audiences: &[&str]| {
        let audiences: Vec<String> = audiences.iter().map(ToString::to_string).collect();
        match authenticator.review(token, &audiences).await {
            Ok(Some(Reviewed { user, audiences })) => format!("{} {}", user.name, audiences.join(" ")),
            Ok(None) => "nobody".to_owned(),
            Err(refused) => refused.to_string(),
        }
    };
    assert_eq!(review("secret", &[]).await, "bob api");
    assert_eq!(review("secret", &["x", "api"]).await, "bob api");
    assert_eq!(review("secret", &["x"]).await, "invalid bearer token");
    assert_eq!(review("two:ann", &["x"]).await, "ann x");
    assert_eq!(review("any:bad", &[]).await, "[one refuses, two refuses]");
}

#[test]
fn nothing_behind_sees_credentials() {
    let (_, pem) = authority("ours");
    let config = front_proxy::Config {
        username_headers: vec!["X-Corp-User".to_owned()],
        extra_prefixes: vec!["X-Corp-Extra-".to_owned()],
        ..front_proxy::Config::default()
    };
    let theirs = Arc::new(ClientAuthorities::of_front_proxies(provider()));
    let authenticator =
        authenticator(&pem, Anonymous::Everywhere).with_front_proxy(FrontProxy::new(theirs, &config));
    let mut headers = headers(&[
        ("authorization", "Bearer secret"),
        ("X-Remote-User", "a"),
        ("X-Remote-Uid", "a"),
        ("X-Remote-Group", "a"),
        ("X-Remote-Group", "b"),
        ("X-Remote-Extra-Scopes", "a"),
        ("X-Corp-User", "a"),
        ("X-Corp-Extra-Team", "a"),
        ("X-Remote-Addr", "stays"),
        ("X-Corp-Uid", "stays"),
        ("sec-websocket-protocol", "base64url.bearer.authorization.k8s.io.c2VjcmV0, v4"),
    ]);
    authenticator.remove_credentials(&mut headers);
    let mut left: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    left.sort_unstable();
    assert_eq!(left, ["sec-websocket-protocol: v4", "x-corp-uid: stays", "x-remote-addr: stays"]);
}
