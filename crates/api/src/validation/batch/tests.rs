use super::super::tests::{create, update, with};

const POD: &str = r#"{"metadata":{"labels":{"a":"b"}},"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}"#;

fn job() -> String {
    format!(
        r#"{{"metadata":{{"name":"j","namespace":"n","uid":"u"}},"spec":{{"manualSelector":true,"selector":{{"matchLabels":{{"a":"b"}}}},"template":{POD}}}}}"#
    )
}

fn cron_job() -> String {
    format!(
        r#"{{"metadata":{{"name":"j","namespace":"n"}},"spec":{{"schedule":"@hourly","jobTemplate":{{"spec":{{"template":{POD}}}}}}}}}"#
    )
}

#[test]
fn minimal_jobs_are_fine() {
    assert_eq!(create("batch", "jobs", &job()), Vec::<String>::new());
    assert_eq!(update("batch", "jobs", "", &job(), &job()), Vec::<String>::new());
    assert_eq!(create("batch", "cronjobs", &cron_job()), Vec::<String>::new());
    assert_eq!(update("batch", "cronjobs", "", &cron_job(), &cron_job()), Vec::<String>::new());
}

#[test]
fn new_jobs_are_refused_with_upstreams_texts() {
    let check = |spec: &str, expected: &[&str]| {
        let json = with(&job(), &format!(r#"{{"spec":{spec}}}"#));
        assert_eq!(create("batch", "jobs", &json), expected, "{spec}");
    };
    check(
        r#"{"completionMode":"Indexed","completions":200000,"parallelism":20000,"backoffLimitPerIndex":1}"#,
        &[
            "spec.maxFailedIndexes: Required value: must be specified when completions is above 100000",
            "spec.parallelism: Invalid value: 20000: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index",
        ],
    );
    check(
        r#"{"successPolicy":{"rules":[]}}"#,
        &["spec.successPolicy: Invalid value: {\"Rules\":[]}: requires indexed completion mode"],
    );
    check(
        r#"{"completionMode":"Indexed","completions":3,"successPolicy":{"rules":[{"succeededIndexes":"0-5"},{"succeededCount":4},{}]}}"#,
        &[
            "spec.successPolicy.rules[0].succeededIndexes: Invalid value: \"0-5\": error parsing succeededIndexes: too large index: \"5\"",
            "spec.successPolicy.rules[1].succeededCount: Invalid value: 4: must be less than or equal to 3 (the number of specified completions)",
            "spec.successPolicy.rules[2]: Required value: at least one of succeededCount or succeededIndexes must be specified",
        ],
    );
    check(
        r#"{"podReplacementPolicy":"Failed","podFailurePolicy":{"rules":[{"action":"Ignore","onExitCodes":{"operator":"In","values":[3,1,1]},"onPodConditions":null}]}}"#,
        &[
            "spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 1",
            "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [3,1,1]: must be ordered",
        ],
    );
    check(
        r#"{"template":{"spec":{"restartPolicy":"Always"}}}"#,
        &["spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\""],
    );
    check(
        r#"{"managedBy":"x"}"#,
        &["spec.managedBy: Invalid value: \"x\": must be a domain-prefixed path (such as \"acme.io/foo\")"],
    );
}

#[test]
fn what_is_immutable_stays_but_while_a_job_is_suspended() {
    let check = |old: &str, spec: &str, expected: &[&str]| {
        let old = with(&job(), old);
        let new = with(&old, &format!(r#"{{"spec":{spec}}}"#));
        assert_eq!(update("batch", "jobs", "", &new, &old), expected, "{spec}");
    };
    check("{}", r#"{"completions":3}"#, &["spec.completions: Invalid value: 3: field is immutable"]);
    check(
        "{}",
        r#"{"managedBy":"a.b/c"}"#,
        &["spec.managedBy: Invalid value: \"a.b/c\": field is immutable"],
    );
    let indexed = r#"{"spec":{"completionMode":"Indexed","completions":2,"parallelism":2}}"#;
    check(indexed, r#"{"completions":3,"parallelism":3}"#, &[]);
    check(
        indexed,
        r#"{"completions":3}"#,
        &["spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism"],
    );
    let suspended = r#"{"spec":{"suspend":true}}"#;
    let placed = r#"{"template":{"spec":{"nodeSelector":{"x":"y"},"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"k","operator":"Exists"}]}]}}}}}}"#;
    check(suspended, placed, &[]);
    let fixed = |old: &str, spec: &str| {
        let old = with(&job(), old);
        let errors = update("batch", "jobs", "", &with(&old, &format!(r#"{{"spec":{spec}}}"#)), &old);
        assert!(errors.len() == 1 && errors[0].ends_with("field is immutable"), "{errors:?}");
    };
    fixed("{}", placed);
    fixed(suspended, r#"{"template":{"spec":{"hostname":"x"}}}"#);
    fixed(r#"{"spec":{"suspend":true},"status":{"active":1}}"#, placed);
}

#[test]
fn statuses_tell_one_story() {
    let check = |old: &str, status: &str, expected: &[&str]| {
        let old = with(&job(), &format!(r#"{{"status":{old}}}"#));
        let new = with(&job(), &format!(r#"{{"status":{status}}}"#));
        assert_eq!(update("batch", "jobs", "status", &new, &old), expected, "{status}");
    };
    check("{}", r#"{"active":1,"ready":1,"startTime":"2026-01-01T00:00:00Z"}"#, &[]);
    check(
        r#"{"failed":2,"succeeded":2}"#,
        r#"{"failed":1,"succeeded":1,"ready":1}"#,
        &[
            "status.ready: Invalid value: 1: cannot set more ready pods than active",
            "status.failed: Invalid value: 1: cannot decrease the failed counter",
            "status.succeeded: Invalid value: 1: cannot decrease the succeeded counter",
        ],
    );
    check(
        "{}",
        r#"{"active":1,"conditions":[{"type":"Complete","status":"True"}]}"#,
        &[
            "status.completionTime: Required value: completionTime is required for Complete jobs",
            "status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
            "status.active: Invalid value: 1: active>0 is invalid for finished job",
            "status.startTime: Required value: startTime is required for finished job",
        ],
    );
    check(
        r#"{"conditions":[{"type":"FailureTarget","status":"True"}]}"#,
        "{}",
        &["status.conditions: Invalid value: cannot disable the terminal FailureTarget=True condition"],
    );
    check(
        "{}",
        r#"{"uncountedTerminatedPods":{"succeeded":["a"],"failed":["a",""]},"completedIndexes":"1"}"#,
        &[
            "status.uncountedTerminatedPods.failed[0]: Duplicate value: \"a\"",
            "status.uncountedTerminatedPods.failed[1]: Invalid value: \"\": must not be empty",
            "status.completedIndexes: Invalid value: \"1\": error parsing completedIndexes: too large index: \"1\"",
            "status.completedIndexes: Invalid value: \"1\": cannot set non-empty completedIndexes when non-indexed completion mode",
        ],
    );
}

#[test]
fn schedules_and_zones_are_checked() {
    let check = |spec: &str, expected: &[&str]| {
        let json = with(&cron_job(), &format!(r#"{{"spec":{spec}}}"#));
        assert_eq!(create("batch", "cronjobs", &json), expected, "{spec}");
    };
    check(r#"{"timeZone":"Europe/Berlin"}"#, &[]);
    check(
        r#"{"timeZone":"../etc"}"#,
        &["spec.timeZone: Invalid value: \"../etc\": unknown time zone ../etc"],
    );
    check(
        r#"{"schedule":"TZ=UTC 0 * * * *","concurrencyPolicy":"Foo"}"#,
        &[
            "spec.schedule: Invalid value: \"TZ=UTC 0 * * * *\": cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
            "spec.concurrencyPolicy: Unsupported value: \"Foo\": supported values: \"Allow\", \"Forbid\", \"Replace\"",
        ],
    );
    check(
        r#"{"jobTemplate":{"spec":{"manualSelector":true,"selector":{"matchLabels":{"a":"b"}}}}}"#,
        &[
            "spec.jobTemplate.spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\"}}: `selector` will be auto-generated",
            "spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: \"nil\", \"false\"",
        ],
    );
    let old = with(&cron_job(), r#"{"spec":{"schedule":"TZ=UTC 0 * * * *","timeZone":null}}"#);
    assert_eq!(update("batch", "cronjobs", "", &old, &old), Vec::<String>::new());
    let long = with(&cron_job(), &format!(r#"{{"metadata":{{"name":"{}"}}}}"#, "a".repeat(53)));
    assert_eq!(create("batch", "cronjobs", &long).len(), 1);
    assert_eq!(update("batch", "cronjobs", "", &long, &long), Vec::<String>::new());
}
