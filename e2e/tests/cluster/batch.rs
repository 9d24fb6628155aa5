//! Jobs and CronJobs.

use serde_json::Value;

use crate::world::{World, condition, same};

fn job(name: &str, more: &str) -> String {
    format!(
        "apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
spec:
{more}  template:
    spec:
      restartPolicy: Never
      containers:
      - {{name: main, image: \"app:1\"}}
"
    )
}

fn path(space: &str, name: &str) -> String {
    format!("/apis/batch/v1/namespaces/{space}/jobs/{name}")
}

pub(crate) fn a_job_completes(world: &World) {
    let space = "job";
    world.namespace(space);
    world.create(space, &job("many", "  completions: 6\n  parallelism: 2\n"));
    world.create(space, &job("indexed", "  completions: 3\n  parallelism: 3\n  completionMode: Indexed\n"));
    world.create(space, &job("later", "  suspend: true\n"));
    world.run(space, "wait --for=condition=complete job/many job/indexed --timeout=120s");
    let status = |name: &str| world.get(&path(space, name)).expect("the job is there")["status"].clone();
    assert_eq!(status("many")["succeeded"], 6);
    assert_eq!(status("indexed")["completedIndexes"], "0-2");
    let pods = world.pods(space, "job-name=many").expect("pods");
    assert_eq!(pods.len(), 6);
    let tracked = |pod: &&Value| pod["metadata"]["finalizers"].is_array();
    assert_eq!(pods.iter().filter(tracked).count(), 0, "pods that are counted have no finalizer");

    let later = world.get(&path(space, "later")).expect("the job is there");
    assert_eq!(condition(&later, "Suspended"), "True/JobSuspended");
    world.run(space, "patch job later --type=merge --patch={\"spec\":{\"suspend\":false}}");
    world.run(space, "wait --for=condition=complete job/later --timeout=120s");
    world.run(space, "delete job many");
    world.until("its pods go", || same("pods", world.pods(space, "job-name=many")?.len(), 0));
}

pub(crate) fn a_finished_job_goes_after_its_time(world: &World) {
    let space = "time-to-live";
    world.namespace(space);
    world.create(space, &job("short", "  ttlSecondsAfterFinished: 2\n"));
    world.until("the job has gone", || world.is_gone(&path(space, "short")));
    world.until("its pod has gone", || same("pods", world.pods(space, "job-name=short")?.len(), 0));
}

pub(crate) fn a_cron_job_runs_by_the_minute(world: &World) {
    let space = "cron-job";
    world.namespace(space);
    let create = ["create", "cronjob", "tick", "--image=app:1", "--schedule=*/1 * * * *", "-n", space];
    world.kubectl.run(&create);
    world.run(space, "create job now --from=cronjob/tick");
    world.run(space, "wait --for=condition=complete job/now --timeout=60s");
    let done = world.until("a job of the schedule is done", || {
        let jobs = world.list(&format!("/apis/batch/v1/namespaces/{space}/jobs"))?;
        let scheduled = jobs.iter().find(|job| {
            job["metadata"]["name"].as_str().is_some_and(|name| name.starts_with("tick-"))
                && job["status"]["succeeded"] == 1
        });
        scheduled.cloned().ok_or_else(|| format!("{} jobs", jobs.len()))
    });
    assert_eq!(done["metadata"]["ownerReferences"][0]["kind"], "CronJob");
    let cron_job =
        world.get(&format!("/apis/batch/v1/namespaces/{space}/cronjobs/tick")).expect("it is there");
    assert!(cron_job["status"]["lastScheduleTime"].is_string(), "{cron_job}");
    world.run(space, "patch cronjob tick --patch={\"spec\":{\"suspend\":true}}");
    world.run(space, "delete cronjob tick");
    world.until("its jobs go along", || {
        same("jobs", world.list(&format!("/apis/batch/v1/namespaces/{space}/jobs"))?.len(), 0)
    });
}
