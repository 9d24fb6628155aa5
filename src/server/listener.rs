//! The listening socket.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 4096;
/// How often a silent peer is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(180);

/// Listens on `address`. With `share_port` other processes may listen on it as well, if they say so too; the
/// kernel then spreads connections over them.
///
/// # Errors
/// Where the address can't be listened on.
///
/// # Panics
/// Outside a tokio runtime.
pub(super) fn listen(address: SocketAddr, share_port: bool) -> io::Result<TcpListener> {
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
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
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
