use std::time::SystemTime;

use keelson_base::clock;
use keelson_base::trace::{self, Remote, Root};

use super::testing::Collector;
use super::*;

#[test]
fn files_are_read_strictly() {
    let check = |text: &str, wanted: Result<(&str, u32), &str>| {
        let file = format!("apiVersion: apiserver.config.k8s.io/v1beta1\nkind: TracingConfiguration\n{text}");
        let read = Config::parse(file.as_bytes());
        match (&read, wanted) {
            (Ok(config), Ok(wanted)) => {
                assert_eq!((config.endpoint.as_str(), config.sampling_rate_per_million), wanted, "{text}");
            }
            (Err(why), Err(wanted)) => assert!(why.contains(wanted), "{text}: {why}"),
            _ => panic!("{text}: {read:?}"),
        }
    };
    check("", Ok(("localhost:4317", 0)));
    check("endpoint: collector:4318\nsamplingRatePerMillion: 100", Ok(("collector:4318", 100)));
    check("endpoint: dns://8.8.8.8/collector:4317", Ok(("collector:4317", 0)));
    check("endpoint: dns:///[::1]:4317", Ok(("[::1]:4317", 0)));
    check("endpoint: collector", Ok(("collector:443", 0)));
    check("endpoint: unix:///run/otel.sock", Err("Unix sockets are not supported"));
    check("endpoint: http://collector:4317", Err("unsupported scheme: http"));
    check("endpoint: 'a b'", Err("endpoint: Invalid value"));
    check("samplingRatePerMillion: -1", Err("sampling rate must be positive"));
    check("samplingRatePerMillion: 1000001", Err("must be less than or equal to one million"));
    check("sampling: 1", Err("unknown field \"sampling\""));
    for version in ["v1", "v1alpha1"] {
        let file = format!(
            "{{\"apiVersion\":\"apiserver.config.k8s.io/{version}\",\"kind\":\"TracingConfiguration\"}}"
        );
        assert!(Config::parse(file.as_bytes()).is_ok(), "{version}");
    }
    assert!(Config::parse(b"kind: TracingConfiguration\napiVersion: v1").is_err());
}

fn root(parent: Option<&str>) -> Root {
    let parent = parent.map(|parent| Remote::parse(parent, None).expect("a parent"));
    Root { name: "root".to_owned(), begun: SystemTime::from(clock::now()), parent, link: None }
}

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

fn config(endpoint: String, sampling_rate_per_million: u32) -> Config {
    Config { endpoint, sampling_rate_per_million }
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_come_as_a_tree() {
    let collector = Collector::start().await;
    let traces = Traces::start(&config(collector.address.to_string(), 0), "me".to_owned()).expect("traces");
    let root = traces.tracer().root(root(Some(SAMPLED)));
    let tasks = TaskGroup::new();
    let mut told = Vec::new();
    root.hold(async {
        let child = trace::span("child");
        child.text("key", "value").number("count", 7).event("happened");
        child.within(|| trace::inject(|name, value| told.push((name, value))));
        let work = child.within(|| trace::carry(async { drop(trace::client_span("elsewhere")) }));
        tasks.spawn("work", work).await.expect("it ends");
    })
    .await;
    assert!(!trace::is_recorded());
    drop(root);
    traces.flush().await;
    let spans = collector.take();
    let named = |name: &str| spans.iter().find(|span| span.name == name).expect("the span");
    let (root, child, elsewhere) = (named("root"), named("child"), named("elsewhere"));
    assert_eq!(spans.len(), 3);
    assert!(spans.iter().all(|span| span.trace == SAMPLED[3..35] && span.service == "apiserver"));
    assert_eq!([&root.parent, &child.parent, &elsewhere.parent], [&SAMPLED[36..52], &root.id, &child.id]);
    assert_eq!((child.attribute("key"), child.attribute("count")), ("value".to_owned(), "7".to_owned()));
    assert_eq!(child.events, ["happened"]);
    assert_eq!(told, [("traceparent", format!("00-{}-{}-01", child.trace, child.id))]);
    traces.stop(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sampled_is_not_recorded() {
    let collector = Collector::start().await;
    let endpoint = collector.address.to_string();
    let recorded = async |rate: u32, parent: Option<&str>| {
        let traces = Traces::start(&config(endpoint.clone(), rate), "me".to_owned()).expect("traces");
        let span = traces.tracer().root(root(parent));
        let recorded = span.is_recorded();
        assert_eq!(span.within(|| trace::span("child").is_recorded()), recorded);
        drop(span);
        traces.flush().await;
        assert_eq!(collector.take().len(), if recorded { 2 } else { 0 }, "{rate} {parent:?}");
        traces.stop(Duration::from_secs(10)).await;
        recorded
    };
    assert!(!recorded(0, None).await);
    assert!(recorded(1_000_000, None).await);
    assert!(recorded(0, Some(SAMPLED)).await);
    assert!(!recorded(1_000_000, Some(UNSAMPLED)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_keeps_nobody() {
    let closed =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let traces = Traces::start(&config(closed.to_string(), 1_000_000), "me".to_owned()).expect("traces");
    let begun = clock::monotonic();
    // More than the queue takes.
    for _ in 0..5_000 {
        drop(traces.tracer().root(root(None)));
    }
    assert!(clock::monotonic().duration_since(begun) < Duration::from_secs(5));
    traces.stop(Duration::from_millis(100)).await;
}
