//! What is kept, for how long, and how often somebody is asked.

use std::sync::atomic::{AtomicBool, AtomicUsize};

use futures::future::join_all;
use tokio::sync::Semaphore;

use super::*;
use crate::request::UserInfo;

/// Believes tokens that begin with `good`, refuses those that begin with `bad`, knows no others.
#[derive(Debug)]
struct Judge {
    asked: AtomicUsize,
    /// A permit for each judgement that may go on.
    may: Semaphore,
    panics: AtomicBool,
}

#[async_trait]
impl TokenAuthenticator for Judge {
    async fn judge(&self, token: &str, audiences: &[String]) -> Result<Option<Believed>, String> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.may.acquire().await.map_err(|e| e.to_string())?.forget();
        assert!(!self.panics.load(Ordering::SeqCst), "on purpose");
        match token {
            _ if token.starts_with("good") => {
                let user = UserInfo { name: token.to_owned(), ..UserInfo::default() };
                let audiences = audiences.to_vec();
                Ok(Some(Believed { user: Arc::new(user), audiences, warning: Some("warned") }))
            }
            _ if token.starts_with("bad") => Err("refused".to_owned()),
            _ => Ok(None),
        }
    }
}

const LONG: Duration = Duration::from_secs(3600);

struct Bench {
    judge: Arc<Judge>,
    cached: Arc<Cached<Judge>>,
}

fn bench(believed_for: Duration, unknown_for: Duration) -> Bench {
    let may = Semaphore::new(1000);
    let judge = Arc::new(Judge { asked: AtomicUsize::new(0), may, panics: AtomicBool::new(false) });
    let cached = Cached::new(judge.clone(), api(), believed_for, unknown_for);
    Bench { judge, cached: Arc::new(cached) }
}

fn api() -> Vec<String> {
    vec!["api".to_owned()]
}

impl Bench {
    /// Whose the token is, and how often the judge was asked so far.
    async fn check(
        &self,
        token: &str,
        audiences: &[String],
        wanted: Result<Option<&str>, &str>,
        asked: usize,
    ) {
        let judgement = self.cached.judge(token, audiences).await;
        let name = judgement.map(|believed| {
            believed.map(|believed| {
                assert_eq!((believed.audiences.as_slice(), believed.warning), (audiences, Some("warned")));
                believed.user.name.clone()
            })
        });
        assert_eq!(name, wanted.map(|name| name.map(str::to_owned)).map_err(str::to_owned), "{token}");
        assert_eq!(self.judge.asked.load(Ordering::SeqCst), asked, "{token}");
    }
}

#[tokio::test]
async fn what_is_known_is_not_asked_again() {
    let bench = bench(LONG, LONG);
    assert!(bench.cached.recall("good").is_none());
    bench.check("good", &api(), Ok(Some("good")), 1).await;
    bench.check("good", &api(), Ok(Some("good")), 1).await;
    let recalled = bench.cached.recall("good").expect("it is known");
    assert_eq!((recalled.user.name.as_str(), recalled.warning), ("good", Some("warned")));
    // For somebody else it is another question.
    bench.check("good", &["vault".to_owned()], Ok(Some("good")), 2).await;
    bench.check("good", &["ap".to_owned(), "i".to_owned()], Ok(Some("good")), 3).await;
    bench.check("gooda", &["pi".to_owned()], Ok(Some("gooda")), 4).await;
    bench.check("good2", &api(), Ok(Some("good2")), 5).await;
    bench.check("unknown", &api(), Ok(None), 6).await;
    bench.check("unknown", &api(), Ok(None), 6).await;
    assert!(bench.cached.recall("unknown").is_none());
    for asked in 7..9 {
        bench.check("bad", &api(), Err("refused"), asked).await;
    }
    bench.cached.forget();
    assert!(bench.cached.recall("good").is_none());
    bench.check("good", &api(), Ok(Some("good")), 9).await;
}

#[tokio::test]
async fn what_may_not_be_kept_is_asked_each_time() {
    let bench = bench(LONG, Duration::ZERO);
    bench.check("good", &api(), Ok(Some("good")), 1).await;
    bench.check("good", &api(), Ok(Some("good")), 1).await;
    bench.check("unknown", &api(), Ok(None), 2).await;
    bench.check("unknown", &api(), Ok(None), 3).await;
    let bench = self::bench(Duration::ZERO, Duration::ZERO);
    bench.check("good", &api(), Ok(Some("good")), 1).await;
    bench.check("good", &api(), Ok(Some("good")), 2).await;
    assert!(bench.cached.recall("good").is_none());
    let bench = self::bench(Duration::from_nanos(1), LONG);
    bench.check("good", &api(), Ok(Some("good")), 1).await;
    bench.check("good", &api(), Ok(Some("good")), 2).await;
    assert!(bench.cached.recall("good").is_none(), "its time is over");
}

#[tokio::test]
async fn all_who_ask_at_once_wait_for_one_judgement() {
    let bench = bench(LONG, LONG);
    bench.judge.may.forget_permits(1000);
    let audiences = api();
    let all = join_all((0..20).map(|_| bench.cached.judge("good", &audiences)));
    let other = bench.cached.judge("unknown", &audiences);
    let let_go = async {
        while bench.judge.asked.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        bench.judge.may.add_permits(2);
    };
    let (all, other, ()) = tokio::join!(all, other, let_go);
    assert!(all.iter().all(|one| matches!(one, Ok(Some(believed)) if believed.user.name == "good")));
    assert!(matches!(other, Ok(None)));
    assert_eq!(bench.judge.asked.load(Ordering::SeqCst), 2);
    assert!(bench.cached.kept.flights.lock().is_empty());
}

#[tokio::test]
async fn who_goes_away_leaves_nothing_behind() {
    let bench = bench(LONG, LONG);
    bench.judge.may.forget_permits(1000);
    let audiences = api();
    for asked in 1..4 {
        let mut waiting = bench.cached.judge("good", &audiences);
        assert!(futures::poll!(&mut waiting).is_pending());
        assert_eq!(bench.judge.asked.load(Ordering::SeqCst), asked);
        assert_eq!(bench.cached.kept.flights.lock().len(), 1);
        drop(waiting);
        assert!(bench.cached.kept.flights.lock().is_empty());
    }
    // One of two who wait may go.
    let (mut first, mut second) =
        (bench.cached.judge("good", &audiences), bench.cached.judge("good", &audiences));
    assert!(futures::poll!(&mut first).is_pending() && futures::poll!(&mut second).is_pending());
    drop(first);
    bench.judge.may.add_permits(1);
    assert!(matches!(second.await, Ok(Some(_))));
    assert_eq!(bench.judge.asked.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn what_was_begun_before_everything_was_forgotten_is_not_kept() {
    let bench = bench(LONG, LONG);
    bench.judge.may.forget_permits(1000);
    let audiences = api();
    let mut before = bench.cached.judge("good", &audiences);
    assert!(futures::poll!(&mut before).is_pending());
    bench.cached.forget();
    bench.judge.may.add_permits(1);
    assert!(matches!(before.await, Ok(Some(_))));
    assert!(bench.cached.recall("good").is_none());
}

#[tokio::test]
async fn a_judge_that_breaks_refuses() {
    let bench = bench(LONG, LONG);
    bench.judge.panics.store(true, Ordering::SeqCst);
    bench.check("good", &api(), Err("authentication failed unexpectedly"), 1).await;
    bench.judge.panics.store(false, Ordering::SeqCst);
    bench.check("good", &api(), Ok(Some("good")), 2).await;
}

#[test]
fn servers_know_a_token_by_different_keys() {
    let (one, other) = (Kept::new(), Kept::new());
    assert_eq!(one.key("token", &api()), one.key("token", &api()));
    assert_ne!(one.key("token", &api()), other.key("token", &api()));
}
