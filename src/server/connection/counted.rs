//! The stream of a connection, with an eye on what goes over it.

use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

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

/// Bytes that are written together at most. What is longer is written by itself.
const TOGETHER: usize = 64 << 10;
/// What may wait in a TLS session for the socket, in bytes: what is written together, and the records' heads.
const SESSION: usize = 2 * TOGETHER;

/// The sending side of a connection over HTTP/2. Its frames are many and small where many watches go over it, and
/// each would be a call of the kernel: they are kept until whoever runs the connection has nothing more to write,
/// and [flushes](Outlet::flush) them.
#[derive(Clone)]
pub(super) struct Outlet(Arc<Mutex<Sending>>);

struct Sending {
    /// Here until the end.
    stream: Option<TlsStream<TcpStream>>,
    /// Bytes that were taken since the last flush; always 0 where frames aren't kept.
    kept: usize,
    keeps: bool,
    /// Whether the flush was put off.
    waited: bool,
    /// Why the last flush failed.
    failure: Option<io::ErrorKind>,
}

impl Outlet {
    /// Writes what was kept, as far as the socket takes it. What it does not take is written when this is called
    /// again: `context` is woken then, as it is where writing failed.
    ///
    /// Where `several` answers are on their way the others may have their next frames soon: their tasks get a turn
    /// first, once.
    pub(super) fn flush(&self, context: &mut Context<'_>, several: bool) {
        let mut sending = self.0.lock();
        sending.waited = several && sending.kept > 0 && !sending.waited;
        if sending.waited {
            context.waker().wake_by_ref();
            return;
        }
        if let Poll::Ready(Err(error)) = sending.poll_flush(context) {
            sending.failure = Some(error.kind());
            context.waker().wake_by_ref();
        }
    }
}

impl Sending {
    fn stream(&mut self) -> io::Result<Pin<&mut TlsStream<TcpStream>>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.kept > 0 {
            ready!(self.stream()?.poll_flush(context))?;
            self.kept = 0;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, context: &mut Context<'_>, data: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let length: usize = data.iter().map(|part| part.len()).sum();
        if self.keeps {
            if let Some(failure) = self.failure.take() {
                return Poll::Ready(Err(failure.into()));
            }
            if self.kept + length > TOGETHER {
                ready!(self.poll_flush(context))?;
            }
            if length <= TOGETHER {
                let (_, session) = self.stream()?.get_mut().get_mut();
                let taken = session.writer().write_vectored(data)?;
                self.kept += taken;
                if taken > 0 {
                    return Poll::Ready(Ok(taken));
                }
            }
        }
        self.stream()?.poll_write_vectored(context, data)
    }
}

/// A stream that counts the bytes that come, and over HTTP/2 the frames. Where a client sends too many of them, reads
/// fail. Where the stream is dropped before the client closed it, it is put aside.
pub(super) struct Counted {
    sending: Outlet,
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
        let mut stream = stream;
        if http2 {
            stream.get_mut().1.set_buffer_limit(Some(SESSION));
        }
        let sending = Sending { stream: Some(stream), kept: 0, keeps: http2, waited: false, failure: None };
        let sending = Outlet(Arc::new(Mutex::new(sending)));
        Counted { sending, activity, guard, flooded: false, ended: false, left }
    }

    /// Where what is written has to be flushed over HTTP/2.
    pub(super) fn outlet(&self) -> Outlet {
        self.sending.clone()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let stream = self.sending.0.lock().stream.take();
        if let Some(stream) = stream.filter(|_| !self.ended) {
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
        let polled = self.sending.0.lock().stream()?.poll_read(context, buffer);
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
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(data)])
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut sending = self.sending.0.lock();
        if sending.keeps { Poll::Ready(Ok(())) } else { sending.stream()?.poll_flush(context) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // This flushes, too.
        self.sending.0.lock().stream()?.poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = self.sending.0.lock().poll_write(context, data);
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
