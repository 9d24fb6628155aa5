//! Any headers are understood or refused: what is accepted, what a body is, who asks.
#![no_main]

use std::sync::{Arc, LazyLock};

use http::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_PROTOCOL, UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Uri};
use keelson::authn::{Anonymous, Authentication, Authenticator, ClientAuthorities, Credentials};
use keelson::endpoints::negotiation::{self, MEDIA_TYPES, MediaType, Restrictions};
use keelson_base::trace::Remote;
use libfuzzer_sys::fuzz_target;

static AUTHENTICATOR: LazyLock<Authenticator> = LazyLock::new(|| {
    let authorities = Arc::new(ClientAuthorities::new(Arc::new(rustls::crypto::ring::default_provider())));
    Authenticator::new(authorities, Vec::new(), Anonymous::Everywhere)
});

fuzz_target!(|input: (&str, &str, &str)| {
    let (accept, content_type, other) = input;
    let mut headers = HeaderMap::new();
    for (name, text) in [(ACCEPT, accept), (CONTENT_TYPE, content_type), (USER_AGENT, other)] {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    }
    let uri = Uri::from_static("/api/v1/pods?pretty=true");
    for restrictions in [Restrictions::Plain, Restrictions::Objects] {
        if let Ok(accepted) = negotiation::accepted(&headers, &uri, restrictions) {
            assert!(accepted.transform.is_none() || restrictions == Restrictions::Objects);
        }
    }
    if let Ok(accepted) = negotiation::accepted_stream(&headers) {
        assert_ne!(accepted.media_type, MediaType::Yaml);
    }
    let clauses = negotiation::clauses(accept);
    assert!(clauses.len() <= 1 + accept.matches(',').count());
    // The trace that a request is a part of.
    let _ = Remote::parse(other, Some(accept));
    let _ = negotiation::check_route_accepts(&headers, MEDIA_TYPES);
    let _ = negotiation::content_type(&headers);

    let mut shown = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(other) {
        shown.insert(AUTHORIZATION, value.clone());
        shown.insert(SEC_WEBSOCKET_PROTOCOL, value);
        shown.insert(UPGRADE, HeaderValue::from_static("websocket"));
        shown.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    let credentials = Credentials { certificate: None, headers: &shown, path: "/" };
    let Authentication::Known(outcome) = AUTHENTICATOR.authenticate(credentials) else {
        panic!("there is nobody to ask");
    };
    // Nobody has a token here.
    assert!(outcome.user.is_err() || outcome.user.is_ok_and(|user| keelson::authn::is_anonymous(&user)));
});
