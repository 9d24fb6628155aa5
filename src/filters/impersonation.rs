//! Lets a request be sent as another user, where its sender may act as that one. What is behind sees the other
//! user and nothing of the headers.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{BoxFuture, Either};
use http::HeaderMap;
use http::header::HeaderName;
use keelson_apimachinery::Status;
use keelson_apimachinery::field::quote;
use keelson_base::clock;
use percent_encoding::percent_decode_str;
use tower::{Layer, Service};
use tracing::{debug, info};

use crate::authz::Attributes;
use crate::authz::impersonation::Impersonation;
use crate::endpoints::respond;
use crate::request::{Authenticated, Request, RequestInfo, Response, UserInfo};
use crate::telemetry::{Filter, Metrics};

const USER: &str = "impersonate-user";
const UID: &str = "impersonate-uid";
const GROUP: &str = "impersonate-group";
const EXTRA: &str = "impersonate-extra-";

/// See the module.
#[derive(Clone)]
pub struct ImpersonationLayer {
    /// Decides.
    pub impersonation: Arc<Impersonation>,
    /// Takes the time.
    pub metrics: Metrics,
}

impl<S> Layer<S> for ImpersonationLayer {
    type Service = ImpersonationFilter<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ImpersonationFilter { inner, layer: self.clone() }
    }
}

/// See the module.
#[derive(Clone)]
pub struct ImpersonationFilter<S> {
    inner: S,
    layer: ImpersonationLayer,
}

impl<S, F> Service<Request> for ImpersonationFilter<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future = F> + Clone + Send + 'static,
    F: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<F, BoxFuture<'static, Result<Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let wanted = match wanted(request.headers()) {
            Ok(None) => return Either::Left(self.inner.call(request)),
            wanted => wanted,
        };
        let begun = clock::monotonic();
        let (mut inner, ImpersonationLayer { impersonation, metrics }) =
            (self.inner.clone(), self.layer.clone());
        Either::Right(Box::pin(async move {
            let format = respond::Format::of(request.headers(), request.uri());
            let acted = match wanted {
                Ok(Some(wanted)) => act(&impersonation, &wanted, request.extensions()).await,
                Ok(None) => Err(Status::internal("nobody to act as")),
                Err(refused) => Err(refused),
            };
            match acted {
                Ok(user) => {
                    remove_headers(request.headers_mut());
                    request.extensions_mut().insert(Authenticated::new(Arc::new(user)));
                    metrics.filtered(Filter::Impersonation, clock::monotonic().duration_since(begun));
                    inner.call(request).await
                }
                Err(refused) => {
                    debug!(error = %refused, "impersonation is refused");
                    Ok(respond::status(&refused, format))
                }
            }
        }))
    }
}

async fn act(
    impersonation: &Impersonation,
    wanted: &UserInfo,
    extensions: &http::Extensions,
) -> Result<UserInfo, Status> {
    let found = (extensions.get::<Authenticated>(), extensions.get::<RequestInfo>());
    let (Some(authenticated), Some(about)) = found else {
        return Err(Status::internal("no User found in the context"));
    };
    let user = impersonation.act_as(wanted, &Attributes::of(authenticated.user(), about)).await?;
    info!(user = authenticated.user().name, acts_as = user.name, "impersonation");
    Ok(user)
}

/// The user whom the headers name; `None` where they name none.
fn wanted(headers: &HeaderMap) -> Result<Option<UserInfo>, Status> {
    if !headers.keys().any(|name| name.as_str().starts_with("impersonate-")) {
        return Ok(None);
    }
    let texts = |name: &str| -> Vec<String> {
        headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()).collect()
    };
    let first = |name| texts(name).into_iter().next().unwrap_or_default();
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in headers.keys().filter(|name| name.as_str().starts_with(EXTRA)) {
        let encoded = &name.as_str()[EXTRA.len()..];
        let key = percent_decode_str(encoded).decode_utf8().map_or(encoded.into(), |key| key.into_owned());
        extra.entry(key).or_default().extend(texts(name.as_str()));
    }
    let user = UserInfo { name: first(USER), uid: first(UID), groups: texts(GROUP), extra };
    if !user.name.is_empty() {
        return Ok(Some(user));
    }
    if user.uid.is_empty() && user.groups.is_empty() && user.extra.is_empty() {
        return Ok(None);
    }
    let list = |texts: &[String]| {
        let quoted: Vec<String> = texts.iter().map(|text| quote(text)).collect();
        format!("[]string{{{}}}", quoted.join(", "))
    };
    let groups = if user.groups.is_empty() { "[]string(nil)".into() } else { list(&user.groups) };
    let extra = match user.extra.is_empty() {
        true => "map[string][]string(nil)".to_owned(),
        false => {
            let pairs: Vec<String> =
                user.extra.iter().map(|(k, v)| format!("{}:{}", quote(k), list(v))).collect();
            format!("map[string][]string{{{}}}", pairs.join(", "))
        }
    };
    Err(Status::bad_request(format!(
        "requested &user.DefaultInfo{{Name:\"\", UID:{}, Groups:{groups}, Extra:{extra}}} without impersonating a user name",
        quote(&user.uid)
    )))
}

fn remove_headers(headers: &mut HeaderMap) {
    let own: Vec<HeaderName> = headers
        .keys()
        .filter(|name| matches!(name.as_str(), USER | UID | GROUP) || name.as_str().starts_with(EXTRA))
        .cloned()
        .collect();
    for name in own {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(HeaderName::from_static(name), value.parse().expect("a value"));
        }
        headers
    }

    #[test]
    fn headers_name_a_user() {
        let list = [
            ("impersonate-user", "bob"),
            ("impersonate-group", "a"),
            ("impersonate-group", "b"),
            ("impersonate-uid", "7"),
            ("impersonate-extra-acme.com%2fproject", "x"),
        ];
        let mut headers = headers(&list);
        let user = wanted(&headers).unwrap().unwrap();
        assert_eq!((user.name.as_str(), user.uid.as_str()), ("bob", "7"));
        assert_eq!(user.groups, ["a", "b"]);
        assert_eq!(user.extra["acme.com/project"], ["x"]);
        remove_headers(&mut headers);
        assert!(headers.is_empty());
        assert_eq!(wanted(&headers).unwrap(), None);
    }

    #[test]
    fn groups_without_a_user_are_refused() {
        let check = |list: &[(&'static str, &'static str)], text: &str| {
            let status = wanted(&headers(list)).unwrap_err();
            assert_eq!((status.code(), status.message()), (400, text));
        };
        check(
            &[("impersonate-group", "one")],
            r#"requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"one"}, Extra:map[string][]string(nil)} without impersonating a user name"#,
        );
        check(
            &[("impersonate-extra-scopes", "one")],
            r#"requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string(nil), Extra:map[string][]string{"scopes":[]string{"one"}}} without impersonating a user name"#,
        );
    }
}
