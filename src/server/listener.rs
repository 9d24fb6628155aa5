//! The listening socket.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, SockFilter, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 4096;
/// How often a silent peer is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(180);

/// An address that is this server's, though nobody listens on it yet: connections are refused, or led to another
/// process that shares the port.
pub(super) struct Bound {
    socket: Socket,
}

/// Takes `address`. With `share_port` other processes may listen on it as well, if they say so too; the kernel then
/// spreads connections over those that listen.
///
/// # Errors
/// Where the address can't be had.
pub(super) fn bind(address: SocketAddr, share_port: bool) -> io::Result<Bound> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if share_port {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        // `::` stands for every address of both families, as it does for Go.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    Ok(Bound { socket })
}

impl Bound {
    /// The address, with the port that was found where none was asked for.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        let address = self.socket.local_addr()?;
        address.as_socket().ok_or_else(|| io::Error::other("not an internet address"))
    }

    /// Begins to listen.
    ///
    /// # Errors
    /// Where somebody else began to, meanwhile.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(super) fn listen(self) -> io::Result<TcpListener> {
        self.socket.listen(BACKLOG)?;
        TcpListener::from_std(self.socket.into())
    }
}

/// Has the kernel overlook those who ask for a new connection, while handshakes that have begun are finished: when
/// the queue is empty then, the listener can be closed without resetting anybody. Who was overlooked asks again
/// after a second, and finds another process on the port or is refused.
///
/// # Errors
/// Where the kernel has no such filters.
pub(super) fn overlook_new(listener: &TcpListener) -> io::Result<()> {
    // Classic BPF over the TCP header: the byte of flags; SYN without more is dropped.
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_SET: u16 = 0x45;
    const RETURN: u16 = 0x06;
    let program = [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(JUMP_IF_SET, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ];
    SockRef::from(listener).attach_filter(&program)
}

/// Sends small answers at once, and finds out when the peer is gone.
///
/// # Errors
/// Where the peer is gone already.
pub(super) fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn who_has_connected_is_served_and_who_comes_later_finds_another_process() {
        let one = bind("127.0.0.1:0".parse().expect("an address"), true).expect("a free port");
        let address = one.address().expect("an address");
        let one = one.listen().expect("listens");
        let waiting = TcpStream::connect(address).await.expect("the queue takes it");
        let two = bind(address, true).expect("a shared port");
        overlook_new(&one).expect("a kernel with filters");
        // Nobody else listens: it asks again after a second.
        let late = TcpStream::connect(address);
        let mut late = std::pin::pin!(late);
        assert!(tokio::time::timeout(Duration::from_millis(300), &mut late).await.is_err());
        let (accepted, _) = one.accept().await.expect("the one that waited");
        assert!(tokio::time::timeout(Duration::from_millis(100), one.accept()).await.is_err());
        let two = two.listen().expect("listens");
        drop(one);
        let (outcome, accepted_late) = tokio::join!(late, two.accept());
        let mut late = outcome.expect("connects to the second");
        drop(accepted);
        let mut waiting = waiting;
        assert_eq!(waiting.read(&mut [0; 1]).await.expect("an orderly end"), 0);
        drop(accepted_late.expect("accepted"));
        assert_eq!(late.read(&mut [0; 1]).await.expect("an orderly end"), 0);
    }

    #[tokio::test]
    async fn a_port_is_refused_to_who_does_not_share_it() {
        let one = bind("127.0.0.1:0".parse().expect("an address"), false).expect("a free port");
        let address = one.address().expect("an address");
        let _listening = one.listen().expect("listens");
        assert!(bind(address, false).is_err());
        assert!(bind(address, true).is_err());
    }
}
