//! Answers' bodies that something has to outlive.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use pin_project_lite::pin_project;

use crate::request::{Body, BoxError, Response};

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All of it was handed to the connection.
    Complete,
    /// It broke off, or the client went away.
    Broken,
}

/// Something that waits for the end of a body.
pub trait Watcher: Send + 'static {
    /// The body ended after so many bytes.
    fn ended(&mut self, bytes: u64, end: End);
}

/// Held, and dropped with the body; wants to know nothing more.
pub struct Held<G>(pub G);

impl<G: Send + 'static> Watcher for Held<G> {
    fn ended(&mut self, _: u64, _: End) {}
}

pin_project! {
    /// A body that tells its watcher of its end, once.
    pub struct WatchedBody<B, W: Watcher> {
        #[pin]
        body: B,
        watch: Watch<W>,
    }
}

struct Watch<W: Watcher> {
    watcher: Option<W>,
    bytes: u64,
}

impl<W: Watcher> Watch<W> {
    fn end(&mut self, end: End) {
        if let Some(mut watcher) = self.watcher.take() {
            watcher.ended(self.bytes, end);
        }
    }
}

impl<W: Watcher> Drop for Watch<W> {
    fn drop(&mut self) {
        self.end(End::Broken);
    }
}

impl<B: http_body::Body, W: Watcher> WatchedBody<B, W> {
    /// Watches `body`. A body without bytes has ended already.
    pub fn new(body: B, watcher: W) -> Self {
        let mut watch = Watch { watcher: Some(watcher), bytes: 0 };
        if body.is_end_stream() {
            watch.end(End::Complete);
        }
        WatchedBody { body, watch }
    }
}

impl<B, W> http_body::Body for WatchedBody<B, W>
where
    B: http_body::Body<Data = Bytes, Error = BoxError>,
    W: Watcher,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let polled = this.body.as_mut().poll_frame(context);
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => this.watch.end(End::Complete),
            Poll::Ready(Some(Err(_))) => this.watch.end(End::Broken),
            Poll::Ready(Some(Ok(frame))) => {
                this.watch.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                // The connection may not ask again after the last frame.
                if this.body.is_end_stream() {
                    this.watch.end(End::Complete);
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The answer, whose body's end the watcher is told of.
pub fn watched<W: Watcher>(response: Response, watcher: W) -> Response {
    response.map(|body| WatchedBody::new(body, watcher).boxed_unsync())
}

/// The answer, whose body keeps `guard` until its end.
pub fn holding<G: Send + 'static>(response: Response, guard: G) -> Response {
    watched(response, Held(guard))
}

pin_project! {
    /// A body that ends when a future does.
    pub(super) struct CutBody<F> {
        body: Body,
        #[pin]
        cut: F,
        error: Option<BoxError>,
        done: bool,
        // Frames since `cut` was looked at last.
        frames: u8,
    }
}

/// So many frames of a body that always has the next one ready go out before it is seen that it is cut off.
const FRAMES: u8 = 8;

/// The answer, whose body ends when `cut` is ready: with `error`, or cleanly where there is none.
pub(super) fn cut_off<F>(response: Response, cut: F, error: Option<BoxError>) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    response.map(|body| cut_off_body(body, cut, error))
}

/// The body, which ends when `cut` is ready: with `error`, or cleanly where there is none.
pub(super) fn cut_off_body<F>(body: Body, cut: F, error: Option<BoxError>) -> Body
where
    F: Future<Output = ()> + Send + 'static,
{
    CutBody { body, cut, error, done: false, frames: FRAMES }.boxed_unsync()
}

impl<F: Future<Output = ()>> http_body::Body for CutBody<F> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        if *this.done {
            return Poll::Ready(None);
        }
        // The cut is mostly a signal that many bodies wait for: to ask for it takes longer than to make a frame.
        if *this.frames < FRAMES
            && let Poll::Ready(frame) = Pin::new(&mut *this.body).poll_frame(context)
        {
            *this.frames += 1;
            return Poll::Ready(frame);
        }
        let asked = std::mem::replace(this.frames, 0);
        if this.cut.poll(context).is_ready() {
            *this.done = true;
            *this.body = crate::request::empty();
            return Poll::Ready(this.error.take().map(Err));
        }
        match asked {
            FRAMES => Pin::new(this.body).poll_frame(context),
            _ => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.done || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use http_body_util::StreamBody;
    use keelson_base::shutdown::Shutdown;

    use super::*;

    fn cut<S>(frames: S, shutdown: &Shutdown, error: Option<BoxError>) -> Body
    where
        S: futures::Stream<Item = Bytes> + Send + 'static,
    {
        let body = StreamBody::new(frames.map(|bytes| Ok(Frame::data(bytes)))).boxed_unsync();
        let signal = shutdown.signal();
        cut_off(Response::new(body), async move { signal.begun().await }, error).into_body()
    }

    #[tokio::test]
    async fn a_body_that_always_has_more_is_cut_off() {
        let shutdown = Shutdown::new();
        let endless = futures::stream::repeat(Bytes::from_static(b"x"));
        let mut body = cut(endless, &shutdown, None);
        for _ in 0..100 {
            body.frame().await.unwrap().unwrap();
        }
        shutdown.begin();
        let mut more = 0;
        while let Some(frame) = body.frame().await {
            frame.unwrap();
            more += 1;
        }
        assert!(more <= usize::from(FRAMES), "{more}");
    }

    #[tokio::test]
    async fn a_body_that_waits_is_cut_off() {
        for after in [0, 1, 8, 9, 20] {
            let shutdown = Shutdown::new();
            let frames = futures::stream::iter(vec![Bytes::from_static(b"x"); after]);
            let mut body = cut(frames.chain(futures::stream::pending()), &shutdown, Some("why".into()));
            for _ in 0..after {
                body.frame().await.unwrap().unwrap();
            }
            let (end, ()) = tokio::join!(body.frame(), async {
                tokio::task::yield_now().await;
                shutdown.begin();
            });
            assert_eq!(end.unwrap().unwrap_err().to_string(), "why");
            assert!(body.frame().await.is_none());
        }
    }
}
