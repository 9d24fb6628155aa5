//! A configuration that changes while the server runs.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const JANE: &str = "jane system:authenticated";

#[tokio::test]
async fn a_changed_file_is_taken_over_and_a_bad_one_is_not() {
    let (first_key, second_key) = (Key::ec(), Key::ec());
    let first = TestIssuer::start(&[first_key.web_key("k")]).await;
    let second = TestIssuer::start(&[second_key.web_key("k")]).await;
    let mut running = Running::start(&configuration(&[first.config()])).await;
    let changes = Arc::new(AtomicUsize::new(0));
    let counted = changes.clone();
    let reloader = running.started.reloader.take().expect("a file");
    let mut reloader = reloader.after_change(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let of_first = first_key.token("k", &first.claims());
    let of_second = second_key.token("k", &second.claims());
    let server = metrics::hash(b"apiserver-test");
    let mut failures = 0;
    let mut look = async |text: &str, fails: bool, judged: [&str; 2]| {
        std::fs::write(&running.file, text).expect("written");
        reloader.look().await;
        failures += u32::from(fails);
        assert_eq!(running.judged(&of_first).await, judged[0], "{text}");
        assert_eq!(running.judged(&of_second).await, judged[1], "{text}");
        let metrics = running.registry.encode().expect("text");
        let counted = format!("status=\"failure\"}} {failures}\n");
        assert_eq!(metrics.contains(&counted), failures > 0, "{text}: no {counted} in\n{metrics}");
        metrics
    };
    let text = configuration(&[first.config()]).to_string();
    let metrics = look(&text, false, [JANE, "nobody's"]).await;
    let info = |text: &str| {
        let hash = metrics::hash(text.as_bytes());
        let labels = format!("{{apiserver_id_hash=\"{server}\",hash=\"{hash}\"}} 1");
        format!("apiserver_authentication_config_controller_last_config_info{labels}")
    };
    assert!(metrics.contains(&info(&text)), "{metrics}");
    assert!(!metrics.contains("automatic_reloads_total"), "nothing changed");

    for bad in
        ["", "a: [", "{}", &text.replace("audiences", "audience"), &text.replace("https://", "http://")]
    {
        look(bad, true, [JANE, "nobody's"]).await;
        look(bad, false, [JANE, "nobody's"]).await;
    }
    // Who may come in without credentials is not to be changed.
    let mut anonymous = configuration(&[first.config()]);
    anonymous["anonymous"] = json!({"enabled": true});
    look(&anonymous.to_string(), true, [JANE, "nobody's"]).await;

    let both = configuration(&[first.config(), second.config()]).to_string();
    let metrics = look(&both, false, [JANE, JANE]).await;
    assert!(metrics.contains(&info(&both)) && !metrics.contains(&info(&text)), "{metrics}");
    let reloads = "apiserver_authentication_config_controller_automatic_reloads_total";
    let succeeded = format!("{reloads}{{apiserver_id_hash=\"{server}\",status=\"success\"}} 1\n");
    assert!(metrics.contains(&succeeded), "{metrics}");

    look(&configuration(&[second.config()]).to_string(), false, ["nobody's", JANE]).await;
    // What was counted of the first issuer is forgotten the next time.
    let metrics = look(&configuration(&[second.config()]).to_string(), false, ["nobody's", JANE]).await;
    let of = |issuer: &TestIssuer| {
        format!(
            "hash=\"{}\",jwt_issuer_hash=\"{}\"",
            metrics::hash(issuer.keys.lock().as_bytes()),
            metrics::hash(issuer.url().as_bytes())
        )
    };
    assert!(metrics.contains(&of(&second)) && !metrics.contains(&of(&first)), "{metrics}");
    let metrics = look(&configuration(&[]).to_string(), false, ["nobody's", "nobody's"]).await;
    assert!(metrics.contains("status=\"success\"} 3\n"), "{metrics}");
    assert_eq!(changes.load(Ordering::SeqCst), 3, "what was kept of tokens is forgotten with each change");
    drop(reloader);
    running.stop().await;
}

#[tokio::test]
async fn a_file_that_is_gone_changes_nothing() {
    let key = Key::ec();
    let issuer = TestIssuer::start(&[key.web_key("k")]).await;
    let mut running = Running::start(&configuration(&[issuer.config()])).await;
    let mut reloader = running.started.reloader.take().expect("a file");
    std::fs::remove_file(&running.file).expect("removed");
    reloader.look().await;
    assert_eq!(running.judged(&key.token("k", &issuer.claims())).await, JANE);
    assert!(running.registry.encode().expect("text").contains("status=\"failure\"} 1\n"));
    drop(reloader);
    running.stop().await;
}

#[test]
fn a_start_with_a_useless_file_fails() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("authentication.yaml");
    let check = |text: Option<&str>, why: &str| {
        if let Some(text) = text {
            std::fs::write(&file, text).expect("written");
        }
        let failed = start(&Source::File(file.clone()), surroundings(), &Registry::new());
        let failed = failed.expect_err(why).to_string();
        assert!(failed.contains(why), "{failed}, not {why}");
    };
    let unreadable =
        format!("failed to load authentication configuration from file {:?}: ", file.display().to_string());
    check(None, &unreadable);
    check(Some(""), &format!("{unreadable}empty config data"));
    check(Some("a: b"), &format!("{unreadable}Object 'Kind' is missing"));
    let bad = configuration(&[json!({"issuer": {"url": "http://x", "audiences": ["a"]},
        "claimMappings": {"username": {"claim": "sub", "prefix": ""}}})]);
    let why = "invalid authentication configuration: jwt[0].issuer.url: Invalid value: \"http://x\": URL scheme \
               must be https";
    check(Some(&bad.to_string()), why);
}
