use super::*;

/// Checks READY, STATUS and RESTARTS of a pod with this spec and status.
fn pod(deleted: bool, spec: &str, status: &str, want: [&str; 3]) {
    let deletion = if deleted { r#"{"deletionTimestamp":"2026-01-01T00:00:00Z"}"# } else { "{}" };
    let pod = parse(&format!(r#"{{"metadata":{deletion},"spec":{spec},"status":{status}}}"#));
    let cells = cells("", "Pod", &pod, NOW);
    let got: Vec<_> = cells[1..4].iter().map(|c| c.as_str().unwrap_or_default()).collect();
    assert_eq!(got, want, "{spec} {status}");
}

const TWO: &str = r#"{"containers":[{"name":"a"},{"name":"b"}]}"#;

#[test]
fn a_pod_in_full() {
    check(
        "",
        "Pod",
        r#"{"spec":{"containers":[{"name":"c"}],"nodeName":"n","readinessGates":[{"conditionType":"a"},{"conditionType":"b"}]},
            "status":{"phase":"Running","podIPs":[{"ip":"10.0.0.1"}],"nominatedNodeName":"m",
            "conditions":[{"type":"a","status":"True"},{"type":"b","status":"False"}],
            "containerStatuses":[{"name":"c","ready":true,"restartCount":0,"state":{"running":{"startedAt":null}}}]}}"#,
        r#"["x","1/1","Running","0","5h","10.0.0.1","n","m","1/2"]"#,
    );
    check(
        "",
        "Pod",
        r#"{"spec":{"containers":[{"name":"c"}]},"status":{"phase":"Pending"}}"#,
        r#"["x","0/1","Pending","0","5h","<none>","<none>","<none>","<none>"]"#,
    );
}

#[test]
fn containers_decide_the_status() {
    let status = |containers: &str| format!(r#"{{"phase":"Running","containerStatuses":[{containers}]}}"#);
    let waiting = r#"{"restartCount":5,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1,"finishedAt":"2025-12-31T23:58:00Z"}}}"#;
    let running = r#"{"ready":true,"restartCount":0,"state":{"running":{}}}"#;
    let done = r#"{"restartCount":0,"state":{"terminated":{"exitCode":0,"reason":"Completed"}}}"#;
    pod(false, TWO, &status(&format!("{waiting},{running}")), ["1/2", "CrashLoopBackOff", "5 (2m ago)"]);
    pod(false, TWO, &status(&format!("{running},{done}")), ["1/2", "NotReady", "0"]);
    pod(
        false,
        TWO,
        &format!(
            r#"{{"phase":"Running","conditions":[{{"type":"Ready","status":"True"}}],"containerStatuses":[{done},{running}]}}"#
        ),
        ["1/2", "Running", "0"],
    );
    pod(
        false,
        TWO,
        &status(
            r#"{"state":{"terminated":{"exitCode":0,"reason":"Completed"}}},{"state":{"terminated":{"exitCode":3}}}"#,
        ),
        ["0/2", "ExitCode:3", "0"],
    );
    pod(
        false,
        TWO,
        &status(r#"{"state":{"terminated":{"exitCode":137,"signal":9}}}"#),
        ["0/2", "Signal:9", "0"],
    );
    pod(false, TWO, r#"{"phase":"Failed","reason":"Evicted"}"#, ["0/2", "Evicted", "0"]);
    pod(
        false,
        TWO,
        r#"{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"SchedulingGated"}]}"#,
        ["0/2", "SchedulingGated", "0"],
    );
    pod(true, TWO, r#"{"phase":"Running"}"#, ["0/2", "Terminating", "0"]);
    pod(true, TWO, r#"{"phase":"Running","reason":"NodeLost"}"#, ["0/2", "Unknown", "0"]);
    pod(true, TWO, r#"{"phase":"Succeeded"}"#, ["0/2", "Succeeded", "0"]);
}

#[test]
fn init_containers_come_first() {
    let spec = r#"{"containers":[{"name":"c"}],"initContainers":[{"name":"i"},{"name":"s","restartPolicy":"Always"}]}"#;
    let status = |init: &str| format!(r#"{{"phase":"Pending","initContainerStatuses":[{init}]}}"#);
    let done = r#"{"name":"i","restartCount":2,"state":{"terminated":{"exitCode":0}}}"#;
    pod(false, spec, &status(r#"{"name":"i","state":{"running":{}}}"#), ["0/2", "Init:0/2", "0"]);
    pod(
        false,
        spec,
        &status(r#"{"name":"i","state":{"waiting":{"reason":"PodInitializing"}}}"#),
        ["0/2", "Init:0/2", "0"],
    );
    pod(
        false,
        spec,
        &status(r#"{"name":"i","restartCount":3,"state":{"waiting":{"reason":"ErrImagePull"}}}"#),
        ["0/2", "Init:ErrImagePull", "3"],
    );
    pod(
        false,
        spec,
        &status(r#"{"name":"i","state":{"terminated":{"exitCode":1,"reason":"Error"}}}"#),
        ["0/2", "Init:Error", "0"],
    );
    pod(
        false,
        spec,
        &status(r#"{"name":"i","state":{"terminated":{"exitCode":1}}}"#),
        ["0/2", "Init:ExitCode:1", "0"],
    );
    pod(
        false,
        spec,
        &status(r#"{"name":"i","state":{"terminated":{"exitCode":1,"signal":15}}}"#),
        ["0/2", "Init:Signal:15", "0"],
    );
    pod(
        false,
        spec,
        &status(&format!(r#"{done},{{"name":"s","state":{{"waiting":{{}}}}}}"#)),
        ["0/2", "Init:1/2", "2"],
    );
    // A sidecar that runs counts as ready; restarts of the others no longer show.
    let sidecar = r#"{"name":"s","started":true,"ready":true,"restartCount":1,"state":{"running":{}},"lastState":{"terminated":{"finishedAt":"2025-12-31T23:59:30Z"}}}"#;
    pod(
        false,
        spec,
        &format!(
            r#"{{"phase":"Running","initContainerStatuses":[{done},{sidecar}],"containerStatuses":[{{"ready":true,"state":{{"running":{{}}}}}}]}}"#
        ),
        ["2/2", "Running", "1 (30s ago)"],
    );
}

#[test]
fn rows_of_pods_that_have_ended_say_so() {
    let of = |phase: &str| conditions("", "Pod", &parse(&format!(r#"{{"status":{{"phase":"{phase}"}}}}"#)));
    let ended = r#"[{"message":"The pod failed.","reason":"Failed","status":"True","type":"Completed"}]"#;
    assert_eq!(of("Failed"), Some(parse(ended)));
    assert!(of("Succeeded").is_some());
    assert_eq!(of("Running"), None);
    assert_eq!(conditions("batch", "Job", &parse(r#"{"status":{"phase":"Failed"}}"#)), None);
}
