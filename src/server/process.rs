//! A server between the signals of its process.

use std::io::{self, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use tokio::signal::unix::{SignalKind, signal};
use tracing::{debug, info, warn};

use super::config::Config;
use super::{Server, StartError};

/// Runs a server until the process is asked to end, and ends it. Says on standard output when it is ready, and to
/// the service manager that started the process, where `NOTIFY_SOCKET` names one.
///
/// SIGTERM and SIGINT ask it to end; a second one ends the process at once, with exit code 1. SIGHUP changes nothing:
/// files that may be exchanged are followed anyway.
///
/// # Errors
/// Where it can't start.
pub async fn run(config: Config) -> Result<(), StartError> {
    for notice in &config.notices {
        warn!("{notice}");
    }
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signals)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(StartError::Signals)?;
    let mut asked = async || {
        loop {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
                _ = hangup.recv() => info!("files that were exchanged are taken over without a signal"),
            }
        }
    };
    // Asked to end while nothing is served yet: there is nothing to finish.
    let server = tokio::select! {
        server = Server::serve(config) => server?,
        () = asked() => {
            info!("asked to end before anything was served");
            return Ok(());
        }
    };
    let started = tokio::select! {
        ready = server.ready() => match ready {
            Ok(()) => {
                tell_ready(&server);
                asked().await;
                Ok(())
            }
            failed => failed,
        },
        () = asked() => Ok(()),
    };
    notify(b"STOPPING=1");
    tokio::select! {
        () = server.stop() => started,
        () = asked() => std::process::exit(1),
    }
}

fn tell_ready(server: &Server) {
    let mut out = io::stdout().lock();
    if let Err(error) = writeln!(out, "{}", server.ready_line()).and_then(|()| out.flush()) {
        warn!(%error, "nobody reads that the server is ready");
    }
    drop(out);
    notify(b"READY=1");
}

/// Tells systemd, or what speaks like it (sd_notify(3)), how it goes.
fn notify(state: &[u8]) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) else { return };
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(&socket),
    };
    let told = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(state, &address));
    if let Err(error) = told {
        debug!(?socket, %error, "the service manager does not listen");
    }
}
