//! The stream of a connection, with an eye on what goes over it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::activity::Activity;
use super::frames::Guard;

/// What is left of a connection that the client did not close.
pub(super) struct Left {
    pub(super) stream: TlsStream<TcpStream>,
    /// What is to be sent still, where the client sent too many frames.
    pub(super) farewell: Option<Vec<u8>>,
}

/// A stream that counts the bytes that come, and over HTTP/2 the frames. Where a client sends too many of them, reads
/// fail. Where the stream is dropped before the client closed it, it is put aside.
pub(super) struct Counted {
    /// Here until the end.
    stream: Option<TlsStream<TcpStream>>,
    activity: Arc<Activity>,
    /// Over HTTP/2.
    guard: Option<Guard>,
    flooded: bool,
    /// The client closed it, or is gone.
    ended: bool,
    left: Arc<Mutex<Option<Left>>>,
}

impl Counted {
    /// Watches `stream`, and puts it into `left` in the end.
    pub(super) fn new(
        stream: TlsStream<TcpStream>,
        activity: Arc<Activity>,
        http2: bool,
        left: Arc<Mutex<Option<Left>>>,
    ) -> Self {
        let guard = http2.then(Guard::new);
        Counted { stream: Some(stream), activity, guard, flooded: false, ended: false, left }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TlsStream<TcpStream>>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take().filter(|_| !self.ended) {
            let farewell = self.guard.as_ref().filter(|_| self.flooded).and_then(Guard::farewell);
            *self.left.lock() = Some(Left { stream, farewell });
        }
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        let polled = self.stream()?.poll_read(context, buffer);
        let came = buffer.filled().get(before..).unwrap_or_default();
        self.activity.came(came.len());
        self.ended |= match &polled {
            Poll::Ready(Ok(())) => came.is_empty() && room > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if let Some(guard) = &mut self.guard
            && !guard.came(came)
        {
            self.flooded = true;
            return Poll::Ready(Err(io::Error::other("the client sends too many frames")));
        }
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = self.stream()?.poll_write(context, data);
        if let (Poll::Ready(Ok(sent)), Some(guard)) = (&polled, &mut self.guard) {
            guard.sent(data.get(..*sent).unwrap_or(data));
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = self.stream()?.poll_write_vectored(context, data);
        if let (Poll::Ready(Ok(sent)), Some(guard)) = (&polled, &mut self.guard) {
            let mut rest = *sent;
            for slice in data {
                let part = rest.min(slice.len());
                guard.sent(&slice[..part]);
                rest -= part;
                if rest == 0 {
                    break;
                }
            }
        }
        polled
    }
}
