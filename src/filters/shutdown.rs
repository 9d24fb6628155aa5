//! Lets the server end without breaking requests: counts those that have to finish, and ends long-running
//! ones when it is their time.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use keelson_base::clock;
use keelson_base::shutdown::Signal;
use pin_project_lite::pin_project;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::{Layer, Service};

use super::body::{cut_off, holding};
use super::connection::Connection;
use super::request_info::About;
use crate::request::{Request, Response};

/// See the module.
#[derive(Clone, Debug)]
pub struct ShutdownLayer {
    /// Holds a token for each request that has to finish.
    pub in_flight: TaskTracker,
    /// Holds a token for each long-running request.
    pub watches: TaskTracker,
    /// Ends the answers to long-running requests.
    pub end_watches: Signal,
    /// How fast they end then.
    pub pace: Pace,
}

/// How fast answers to long-running requests end, so that their clients don't all come to other servers at once.
/// Clones share it.
#[derive(Clone, Debug)]
pub struct Pace {
    grace: Duration,
    /// How many have had their turn, and how many there were at most.
    turns: Arc<(AtomicUsize, AtomicUsize)>,
}

/// How many end in a second, at least. kube-apiserver's number.
const SLOWEST: f64 = 200.0;

impl Pace {
    /// All of them within `grace`; at once where it is zero.
    pub fn over(grace: Duration) -> Self {
        Pace { grace, turns: Arc::default() }
    }

    /// How long the next one goes on, of `all` that there are.
    fn turn(&self, all: usize) -> Duration {
        if self.grace.is_zero() {
            return Duration::ZERO;
        }
        let (done, most) = &*self.turns;
        let before = done.fetch_add(1, Ordering::AcqRel);
        let most = most.fetch_max(all, Ordering::AcqRel).max(all);
        let fast = SLOWEST.max(most as f64 / self.grace.as_secs_f64());
        Duration::from_secs_f64(before as f64 / fast).min(self.grace)
    }
}

impl<S> Layer<S> for ShutdownLayer {
    type Service = ShutdownFilter<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ShutdownFilter { inner, layer: self.clone() }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct ShutdownFilter<S> {
    inner: S,
    layer: ShutdownLayer,
}

impl<S> Service<Request> for ShutdownFilter<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let kind = if About::of(&request).is_long_running {
            let ShutdownLayer { watches, end_watches, pace, .. } = &self.layer;
            Kind::LongRunning {
                token: watches.token(),
                all: watches.clone(),
                end: end_watches.clone(),
                pace: pace.clone(),
                connection: request.extensions().get::<Connection>().cloned(),
            }
        } else {
            Kind::Finishes(self.layer.in_flight.token())
        };
        ResponseFuture { inner: self.inner.call(request), kind: Some(kind) }
    }
}

enum Kind {
    Finishes(TaskTrackerToken),
    LongRunning {
        token: TaskTrackerToken,
        all: TaskTracker,
        end: Signal,
        pace: Pace,
        connection: Option<Connection>,
    },
}

pin_project! {
    /// See the module.
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        kind: Option<Kind>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(context))?;
        Poll::Ready(Ok(match this.kind.take() {
            Some(Kind::Finishes(token)) => holding(response, token),
            Some(Kind::LongRunning { token, all, end, pace, connection }) => {
                let cut = async move {
                    let _held_with_the_body = token;
                    let left = async {
                        match &connection {
                            Some(connection) => connection.left().await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        () = end.begun() => {}
                        () = left => return,
                    }
                    let turn = pace.turn(all.len());
                    if !turn.is_zero() {
                        clock::sleep(turn).await;
                    }
                };
                cut_off(response, cut, None)
            }
            None => response,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spread_over_the_grace() {
        let check = |grace: u64, all: usize, last: f64| {
            let pace = Pace::over(Duration::from_secs(grace));
            let turns: Vec<Duration> = (0..all).map(|_| pace.turn(all)).collect();
            assert_eq!(turns[0], Duration::ZERO);
            assert!(turns.is_sorted());
            let end = turns[all - 1].as_secs_f64();
            assert!((end - last).abs() < 0.01, "{grace} s, {all}: {end}");
        };
        check(0, 1000, 0.0);
        check(60, 1, 0.0);
        check(60, 401, 2.0);
        check(10, 2000, 9.995);
        check(10, 20_000, 10.0);
    }
}
