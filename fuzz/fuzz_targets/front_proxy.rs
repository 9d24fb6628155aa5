//! Whatever headers a front proxy sends, they name a user or are refused, and nothing of them is left behind.
#![no_main]

use std::sync::{Arc, LazyLock};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use keelson::authn::ClientAuthorities;
use keelson::authn::front_proxy::{Config, FrontProxy};
use libfuzzer_sys::fuzz_target;

static PROXY: LazyLock<FrontProxy> = LazyLock::new(|| {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let strings = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    let config = Config {
        username_headers: strings(&["X-Remote-User", "X-User"]),
        uid_headers: strings(&["X-Remote-Uid"]),
        group_headers: strings(&["X-Remote-Group", "X-Group"]),
        extra_prefixes: strings(&["X-Remote-Extra-", "X-"]),
        ..Config::default()
    };
    FrontProxy::new(Arc::new(ClientAuthorities::of_front_proxies(provider)), &config)
});

fuzz_target!(|input: Vec<(u8, &str, &[u8])>| {
    let mut headers = HeaderMap::new();
    for (kind, rest, value) in input.into_iter().take(1000) {
        let name = match kind % 6 {
            0 => "x-remote-user".to_owned(),
            1 => "x-remote-uid".to_owned(),
            2 => "x-remote-group".to_owned(),
            3 => "x-group".to_owned(),
            4 => format!("x-remote-extra-{rest}"),
            _ => rest.to_owned(),
        };
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    if let Ok(Some(user)) = PROXY.user_in(&headers) {
        assert!(!user.name.is_empty());
        assert!(user.groups.iter().all(|group| !group.is_empty()));
        assert!(user.extra.values().all(|values| !values.is_empty()));
    }
    PROXY.clear(&mut headers);
    assert_eq!(PROXY.user_in(&headers), Ok(None));
    assert!(headers.keys().all(|name| !name.as_str().starts_with("x-")));
});
