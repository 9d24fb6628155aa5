//! Keeps answers out of shared caches, unless their handler says otherwise.

use http::HeaderValue;
use http::header::CACHE_CONTROL;
use tower::util::{MapResponse, MapResponseLayer};

use crate::request::Response;

/// See the module.
pub type CacheControlLayer = MapResponseLayer<fn(Response) -> Response>;

/// See the module.
pub type CacheControl<S> = MapResponse<S, fn(Response) -> Response>;

/// See the module.
pub fn layer() -> CacheControlLayer {
    MapResponseLayer::new(with_cache_control)
}

fn with_cache_control(mut response: Response) -> Response {
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache, private"));
    response
}
