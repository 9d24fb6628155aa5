use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::join_all;
use http_body_util::BodyExt;
use keelson_base::clock;
use keelson_base::shutdown::Shutdown;
use keelson_base::task::TaskGroup;
use parking_lot::Mutex;

use super::*;
use crate::bootstrap::Milestone;

/// Well as long as it is told.
struct Switched(&'static str, Arc<Mutex<bool>>);

#[async_trait]
impl Check for Switched {
    fn name(&self) -> &str {
        self.0
    }

    async fn check(&self) -> Result<(), String> {
        if *self.1.lock() { Ok(()) } else { Err("it is off".to_owned()) }
    }
}

struct Fixture {
    health: Health,
    ending: Shutdown,
    storage: Arc<Mutex<bool>>,
    hook: Milestone,
}

fn fixture(grace: Duration) -> Fixture {
    let (ending, storage, hook) = (Shutdown::new(), Arc::new(Mutex::new(true)), Milestone::new("rbac/first"));
    let checks = Checks {
        always: vec![Arc::new(Ping("ping")), Arc::new(Ping("log"))],
        storage: vec![Arc::new(Switched("etcd", storage.clone()))],
        ready: vec![Arc::new(Switched("etcd-readiness", storage.clone()))],
        hooks: vec![Arc::new(Hook::new(hook.clone()))],
        hooks_live_after: grace,
        ready_last: vec![Arc::new(NotEnding(ending.signal()))],
    };
    Fixture { health: Health::new(checks, Registry::new()).expect("new families"), ending, storage, hook }
}

async fn check(health: &Health, uri: &str, wanted: Option<(u16, &str)>) {
    let (path, query) = uri.split_once('?').map_or((uri, None), |(p, q)| (p, Some(q)));
    let answer = match health.answer(path, query).await {
        None => None,
        Some(answer) => {
            let code = answer.status().as_u16();
            let body = answer.into_body().collect().await.expect("a whole body").to_bytes();
            Some((code, String::from_utf8(body.to_vec()).expect("text")))
        }
    };
    assert_eq!(answer, wanted.map(|(code, text)| (code, text.to_owned())), "{uri}");
}

#[tokio::test]
async fn a_well_server_says_ok() {
    let page_not_found = Some((404, "404 page not found\n"));
    let Fixture { health, hook, .. } = fixture(Duration::ZERO);
    hook.pass();
    for path in [
        "/healthz",
        "/livez",
        "/readyz",
        "/readyz/shutdown",
        "/livez/ping",
        "/healthz/log",
        "/livez/etcd",
        "/readyz/etcd-readiness",
        "/healthz/poststarthook/rbac/first",
    ] {
        check(&health, path, Some((200, "ok"))).await;
    }
    for path in
        ["/readyz/", "/livez/nothing", "/livez/shutdown", "/livez/etcd-readiness", "/readyz/poststarthook"]
    {
        check(&health, path, page_not_found).await;
    }
    for path in ["/", "/healthzz", "/api"] {
        check(&health, path, None).await;
    }
    let verbose = "[+]ping ok\n[+]log ok\n[+]etcd ok\n[+]etcd-readiness ok\n[+]poststarthook/rbac/first ok\n\
                   [+]shutdown ok\nreadyz check passed\n";
    check(&health, "/readyz?verbose", Some((200, verbose))).await;
    let excluded = "[+]ping excluded: ok\n[+]log ok\n[+]etcd excluded: ok\n\
                    [+]poststarthook/rbac/first excluded: ok\n\
                    warn: some health checks cannot be excluded: no matches for \"a\", \"b\"\n\
                    livez check passed\n";
    let query = "verbose&exclude=ping&exclude=b&exclude=etcd&exclude=a&exclude=poststarthook/rbac/first";
    check(&health, &format!("/livez?{query}"), Some((200, excluded))).await;
}

#[tokio::test]
async fn a_server_that_ends_is_not_ready() {
    let Fixture { health, ending, hook, .. } = fixture(Duration::ZERO);
    hook.pass();
    ending.begin();
    check(&health, "/livez", Some((200, "ok"))).await;
    check(&health, "/healthz", Some((200, "ok"))).await;
    let failed = "[+]ping ok\n[+]log ok\n[+]etcd ok\n[+]etcd-readiness ok\n[+]poststarthook/rbac/first ok\n\
                  [-]shutdown failed: reason withheld\nreadyz check failed\n";
    check(&health, "/readyz", Some((500, failed))).await;
    check(&health, "/readyz?exclude=shutdown", Some((200, "ok"))).await;
    check(&health, "/readyz/shutdown", Some((500, "internal server error: process is shutting down\n")))
        .await;
    let slis = health.slis().expect("text");
    assert!(slis.contains(r#"kubernetes_healthcheck{name="shutdown",type="readyz"} 0"#), "{slis}");
}

#[tokio::test]
async fn a_server_without_storage_lives_and_is_not_ready() {
    let Fixture { health, storage, hook, .. } = fixture(Duration::ZERO);
    hook.pass();
    *storage.lock() = false;
    let start = "[+]ping ok\n[+]log ok\n[-]etcd failed: reason withheld\n";
    let hook = "[+]poststarthook/rbac/first ok\n";
    check(&health, "/livez", Some((200, "ok"))).await;
    check(&health, "/livez?verbose", Some((200, &format!("{start}{hook}livez check passed\n")))).await;
    check(&health, "/livez/etcd", Some((500, "internal server error: it is off\n"))).await;
    check(&health, "/healthz", Some((500, &format!("{start}{hook}healthz check failed\n")))).await;
    let readiness = "[-]etcd-readiness failed: reason withheld\n";
    let wanted = format!("{start}{readiness}{hook}[+]shutdown ok\nreadyz check failed\n");
    check(&health, "/readyz", Some((500, &wanted))).await;
    *storage.lock() = true;
    check(&health, "/readyz", Some((200, "ok"))).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_not_finished_is_alive_for_a_while_and_not_ready() {
    let Fixture { health, hook, .. } = fixture(Duration::from_secs(10));
    let failed = |name: &str, end: &str| {
        let ready = if name == "readyz" { "[+]etcd-readiness ok\n" } else { "" };
        let hook = "[-]poststarthook/rbac/first failed: reason withheld\n";
        format!("[+]ping ok\n[+]log ok\n[+]etcd ok\n{ready}{hook}{end}{name} check failed\n")
    };
    check(&health, "/livez", Some((200, "ok"))).await;
    check(&health, "/livez/poststarthook/rbac/first", Some((200, "ok"))).await;
    check(&health, "/readyz", Some((500, &failed("readyz", "[+]shutdown ok\n")))).await;
    check(&health, "/healthz", Some((500, &failed("healthz", "")))).await;
    let not_finished = Some((500, "internal server error: not finished\n"));
    check(&health, "/readyz/poststarthook/rbac/first", not_finished).await;
    clock::sleep(Duration::from_secs(10)).await;
    check(&health, "/livez", Some((500, &failed("livez", "")))).await;
    check(&health, "/livez/poststarthook/rbac/first", not_finished).await;
    hook.pass();
    for path in ["/livez", "/readyz", "/healthz"] {
        check(&health, path, Some((200, "ok"))).await;
    }
}

#[tokio::test(start_paused = true)]
async fn storage_is_asked_once_for_all_who_ask_and_never_piled_upon() {
    let (asked, takes) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Duration::from_millis(100))));
    let probe = {
        let (asked, takes) = (asked.clone(), takes.clone());
        move || {
            asked.fetch_add(1, Ordering::SeqCst);
            let takes = *takes.lock();
            async move {
                clock::sleep(takes).await;
                Ok(())
            }
            .boxed()
        }
    };
    let check = StorageAnswers::with("etcd", probe, Duration::from_secs(2), TaskGroup::new());
    let all = async |count: usize| join_all((0..count).map(|_| check.check())).await;
    assert!(all(20).await.iter().all(Result::is_ok));
    assert!(all(20).await.iter().all(Result::is_ok));
    assert_eq!(asked.load(Ordering::SeqCst), 1, "an answer holds for a while");
    *takes.lock() = Duration::from_secs(3600);
    for turn in 2..5 {
        clock::sleep(Duration::from_secs(1)).await;
        let begun = clock::monotonic();
        let failed = all(20).await;
        let why = "error getting data from etcd: no answer within 2s";
        assert!(failed.iter().all(|outcome| outcome.as_ref().is_err_and(|text| text == why)), "{failed:?}");
        assert!(clock::monotonic() - begun <= Duration::from_millis(2100), "all wait for one answer");
        assert_eq!(asked.load(Ordering::SeqCst), turn);
    }
    *takes.lock() = Duration::ZERO;
    clock::sleep(Duration::from_secs(1)).await;
    assert!(all(1).await[0].is_ok());
}
