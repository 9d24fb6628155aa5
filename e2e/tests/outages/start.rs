//! A server that starts while etcd is away.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use keelson_e2e::proxy::Fault;
use keelson_e2e::{Etcd, Server, Store, binary, free_port};

use super::{against, get, proxies};

#[test]
fn it_waits_for_etcd() {
    let Some(mut etcd) = Etcd::start() else { return };
    let (proxies, servers) = proxies(&etcd, 2);
    etcd.endpoint = servers;
    proxies[0].set(Fault::Cut);
    proxies[1].set(Fault::Hang);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Some tries fail.
            std::thread::sleep(Duration::from_secs(2));
            proxies[0].heal();
        });
        let begun = Instant::now();
        let server = Server::start(Store::Etcd(etcd));
        assert!(begun.elapsed() >= Duration::from_secs(2), "etcd was away");
        against(&server, async |client| assert_eq!(get(&client, "/readyz").await.code, 200));
        proxies[1].heal();
        assert_eq!(server.stop(), 0);
    });
}

/// A server whose etcd never comes.
fn without_etcd(directory: &tempfile::TempDir) -> Command {
    let mut command = Command::new(binary());
    command
        .args([
            format!("--etcd-servers=http://127.0.0.1:{}", free_port()),
            format!("--data-dir={}", directory.path().display()),
            format!("--secure-port={}", free_port()),
            "--bind-address=127.0.0.1".to_owned(),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

#[test]
fn it_gives_up_with_one_line_and_says_meanwhile_what_it_waits_for() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ended = without_etcd(&directory).output().expect("it starts");
    let text = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{text}");
    assert!(text.contains("waiting for etcd"), "{text}");
    let last = text.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("--etcd-servers: no etcd endpoint answered within 20 seconds: http://"),
        "{text}"
    );
}

#[test]
fn it_can_be_ended_while_it_waits() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut child = without_etcd(&directory).spawn().expect("it starts");
    let lines = BufReader::new(child.stderr.take().expect("it is piped"));
    let waits = lines.lines().map_while(Result::ok).any(|line| line.contains("waiting for etcd"));
    assert!(waits, "it says what it waits for");
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill starts");
    assert!(sent.success());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}
