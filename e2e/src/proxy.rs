//! TCP proxies on loopback that stand for a network: one can be cut, go silent, or become slow while connections
//! are open.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// How much is read at a time.
const CHUNK: usize = 16 * 1024;
/// How many such pieces may be on their way in one direction of one connection.
const UNDER_WAY: usize = 64;

/// What a network does to the connections that go over it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// It works.
    #[default]
    None,
    /// Connections are reset, open ones and new ones.
    Cut,
    /// Nothing gets through in either direction, and nobody is told: not even that the peer has closed. What was
    /// sent before and meanwhile arrives after the network is whole again, as TCP would send it again. New
    /// connections are accepted and stay silent.
    Hang,
    /// Everything takes this much longer in each direction; what is on its way keeps its order.
    Delay(Duration),
}

#[derive(Clone, Copy, Debug)]
struct State {
    fault: Fault,
    target: SocketAddr,
    /// How often connections have been reset.
    cuts: u64,
}

/// A proxy before one target. Ends, with all its connections, when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    _thread: Thread,
}

impl Proxy {
    /// Listens on a free loopback port and hands every connection on to `target`.
    ///
    /// # Panics
    /// Where loopback has no free port.
    pub fn start(target: SocketAddr) -> Proxy {
        let (state, follow) = watch::channel(State { fault: Fault::None, target, cuts: 0 });
        let (address, thread) = Thread::serve("proxy", move |listener| accept(listener, follow));
        Proxy { address, state, _thread: thread }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What happens from now on, to open connections, too.
    pub fn set(&self, fault: Fault) {
        self.state.send_modify(|state| {
            state.fault = fault;
            state.cuts += u64::from(fault == Fault::Cut);
        });
    }

    /// The same as `set(Fault::None)`.
    pub fn heal(&self) {
        self.set(Fault::None);
    }

    /// Where connections that come from now on go.
    pub fn retarget(&self, target: SocketAddr) {
        self.state.send_modify(|state| state.target = target);
    }
}

async fn accept(listener: TcpListener, state: watch::Receiver<State>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    connections.spawn(connection(client, state.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(mut client: TcpStream, state: watch::Receiver<State>) {
    let cuts = state.borrow().cuts;
    let mut cut = state.clone();
    if !is_open(&mut state.clone(), cuts).await {
        return reset(&client);
    }
    let target = state.borrow().target;
    let Ok(mut server) = TcpStream::connect(target).await else {
        return reset(&client);
    };
    // That a peer is gone already shows as soon as it is read.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ended_well = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let both = async {
            tokio::try_join!(
                relay(from_client, to_server, state.clone(), cuts),
                relay(from_server, to_client, state.clone(), cuts)
            )
        };
        tokio::select! {
            _ = cut.wait_for(|now| now.cuts != cuts) => false,
            ended = both => ended.is_ok(),
        }
    };
    if !ended_well {
        reset(&client);
        reset(&server);
    }
}

/// Brings bytes from one side to the other until the end, which is brought over, too.
async fn relay(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    state: watch::Receiver<State>,
    cuts: u64,
) -> io::Result<()> {
    // An empty piece stands for the end.
    let (send, mut under_way) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let mut reading = state.clone();
    let mut writing = state;
    let read = async move {
        loop {
            let mut piece = vec![0; CHUNK];
            let length = from.read(&mut piece).await?;
            piece.truncate(length);
            let delay = match reading.borrow_and_update().fault {
                Fault::Delay(delay) => delay,
                Fault::None | Fault::Cut | Fault::Hang => Duration::ZERO,
            };
            if send.send((Instant::now() + delay, piece)).await.is_err() || length == 0 {
                return Ok::<(), io::Error>(());
            }
        }
    };
    let write = async move {
        while let Some((due, piece)) = under_way.recv().await {
            tokio::time::sleep_until(due).await;
            if !is_open(&mut writing, cuts).await {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if piece.is_empty() {
                return to.shutdown().await;
            }
            to.write_all(&piece).await?;
        }
        Ok(())
    };
    tokio::try_join!(read, write).map(|_| ())
}

/// Waits while nothing gets through; whether the connection still exists then.
async fn is_open(state: &mut watch::Receiver<State>, cuts: u64) -> bool {
    let now = state.wait_for(|now| now.fault != Fault::Hang || now.cuts != cuts).await;
    now.is_ok_and(|now| now.fault != Fault::Cut && now.cuts == cuts)
}

/// Lets the connection end with a reset when it is dropped.
fn reset(stream: &TcpStream) {
    // It fails where the peer has ended it before.
    let _ = stream.set_zero_linger();
}

/// A thread with a runtime of its own, so that those who use a proxy need none; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Thread {
    end: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Thread {
    /// Runs what serves a listener on a free loopback port; the port's address.
    pub(crate) fn serve<F: Future<Output = ()>>(
        name: &str,
        serve: impl FnOnce(TcpListener) -> F + Send + 'static,
    ) -> (SocketAddr, Thread) {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        listener.set_nonblocking(true).expect("a new socket takes options");
        let address = listener.local_addr().expect("it is bound");
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime starts").block_on(async {
                let listener = TcpListener::from_std(listener).expect("it is a listener");
                tokio::select! {
                    () = serve(listener) => {}
                    _ = ended => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run).expect("a thread starts");
        (address, Thread { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::TcpStream;

    use super::*;

    /// A server that sends back what it gets, for as many connections as the test makes.
    fn echo() -> SocketAddr {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
            }
        });
        address
    }

    fn connect(proxy: &Proxy) -> TcpStream {
        let stream = TcpStream::connect(proxy.address()).expect("the proxy listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("it is not zero");
        stream
    }

    fn ask(stream: &mut TcpStream, text: &str) -> io::Result<String> {
        stream.write_all(text.as_bytes())?;
        let mut answer = vec![0; text.len()];
        stream.read_exact(&mut answer)?;
        Ok(String::from_utf8(answer).expect("it is what was sent"))
    }

    #[test]
    fn passes_bytes_and_their_end_on() {
        let proxy = Proxy::start(echo());
        let mut stream = connect(&proxy);
        let sent: Vec<u8> = (0..1_000_000).map(|i: u32| i.to_le_bytes()[0]).collect();
        let mut writing = stream.try_clone().expect("it is open");
        let expected = sent.clone();
        let writer = std::thread::spawn(move || {
            writing.write_all(&sent).expect("it is read");
            writing.shutdown(std::net::Shutdown::Write).expect("it is open");
        });
        let mut received = Vec::new();
        stream.read_to_end(&mut received).expect("the other side ends well");
        writer.join().expect("it wrote");
        assert!(received == expected, "{} bytes came back", received.len());
    }

    #[test]
    fn a_cut_resets_open_connections_and_new_ones_until_it_heals() {
        let proxy = Proxy::start(echo());
        let mut old = connect(&proxy);
        assert_eq!(ask(&mut old, "one").expect("it works"), "one");
        proxy.set(Fault::Cut);
        let error = old.read_exact(&mut [0]).expect_err("it is cut");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(ask(&mut connect(&proxy), "two").is_err(), "a new connection is cut as well");
        proxy.heal();
        assert_eq!(ask(&mut connect(&proxy), "three").expect("it works again"), "three");
    }

    #[test]
    fn what_was_sent_into_silence_arrives_after_it() {
        let proxy = Proxy::start(echo());
        let mut old = connect(&proxy);
        assert_eq!(ask(&mut old, "one").expect("it works"), "one");
        proxy.set(Fault::Hang);
        let mut new = connect(&proxy);
        for stream in [&mut old, &mut new] {
            stream.write_all(b"two").expect("nobody tells that it does not arrive");
            stream.set_read_timeout(Some(Duration::from_millis(50))).expect("it is not zero");
            let error = stream.read(&mut [0; 3]).expect_err("nothing comes");
            assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
            stream.set_read_timeout(Some(Duration::from_secs(30))).expect("it is not zero");
        }
        proxy.heal();
        for stream in [&mut old, &mut new] {
            let mut answer = [0; 3];
            stream.read_exact(&mut answer).expect("it comes now");
            assert_eq!(&answer, b"two");
        }
    }

    #[test]
    fn a_delay_counts_in_each_direction() {
        let proxy = Proxy::start(echo());
        let mut stream = connect(&proxy);
        proxy.set(Fault::Delay(Duration::from_millis(40)));
        let start = std::time::Instant::now();
        assert_eq!(ask(&mut stream, "slow").expect("it works"), "slow");
        assert!(start.elapsed() >= Duration::from_millis(80), "{:?}", start.elapsed());
    }

    #[test]
    fn connections_go_where_the_target_is_now() {
        let proxy = Proxy::start(echo());
        let gone = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let nobody = gone.local_addr().expect("it is bound");
        drop(gone);
        proxy.retarget(nobody);
        assert!(ask(&mut connect(&proxy), "one").is_err());
        proxy.retarget(echo());
        assert_eq!(ask(&mut connect(&proxy), "two").expect("it works"), "two");
    }
}
