//! Sends some clients away over HTTP/2 (`--goaway-chance`): with every so many requests a connection takes no more
//! of them, and its client, who connects anew, may be led to another server by a load balancer.

use std::convert::Infallible;
use std::task::{Context, Poll};

use keelson_base::random;
use tower::{Layer, Service};

use super::connection::Connection;
use crate::request::{Request, Response};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct GoawayLayer {
    /// With how many of its requests a connection ends, between 0 and 1.
    pub chance: f64,
}

impl<S> Layer<S> for GoawayLayer {
    type Service = Goaway<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Goaway { inner, chance: self.chance }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Goaway<S> {
    inner: S,
    chance: f64,
}

impl<S> Service<Request> for Goaway<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if self.chance > 0.0
            && let Some(connection) = request.extensions().get::<Connection>()
            && connection.is_http2()
            && random::happens(self.chance)
        {
            connection.close();
        }
        self.inner.call(request)
    }
}
