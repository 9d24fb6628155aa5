//! The group `batch`.

use keelson_apimachinery::Value;

use super::Printer;
use super::column::{AGE, CONTAINERS, IMAGES, NAME, boolean, field, integer, string, text};
use super::row::{Row, condition};
use super::text::{containers, label_selector};

pub(super) const PRINTERS: &[Printer] = &[
    Printer {
        group: "batch",
        kind: "CronJob",
        columns: &[
            NAME,
            string("Schedule", field("batch.v1.CronJobSpec", "schedule")),
            string("Timezone", field("batch.v1.CronJobSpec", "timeZone")),
            boolean("Suspend", field("batch.v1.CronJobSpec", "suspend")),
            integer("Active", field("batch.v1.CronJobStatus", "active")),
            string("Last Schedule", field("batch.v1.CronJobStatus", "lastScheduleTime")),
            AGE,
            CONTAINERS,
            IMAGES,
            string("Selector", field("batch.v1.JobSpec", "selector")).wide(),
        ],
        cells: cron_job,
    },
    Printer {
        group: "batch",
        kind: "Job",
        columns: &[
            NAME,
            string("Status", text("Status of the job.")),
            string("Completions", field("batch.v1.JobStatus", "succeeded")),
            string("Duration", text("Time required to complete the job.")),
            AGE,
            CONTAINERS,
            IMAGES,
            string("Selector", field("batch.v1.JobSpec", "selector")).wide(),
        ],
        cells: job,
    },
];

fn cron_job(row: &Row<'_>) -> Vec<Value> {
    let last = row.at(&["status", "lastScheduleTime"]).is_some();
    let last = if last { row.since(&["status", "lastScheduleTime"]) } else { "<none>".to_owned() };
    let suspend = match row.at(&["spec", "suspend"]).and_then(Value::as_bool) {
        None => "<unset>",
        Some(true) => "True",
        Some(false) => "False",
    };
    let [names, images] =
        containers(row.list(&["spec", "jobTemplate", "spec", "template", "spec", "containers"]));
    vec![
        row.name().into(),
        row.str(&["spec", "schedule"]).into(),
        row.str_or(&["spec", "timeZone"], "<none>").into(),
        suspend.into(),
        row.count(&["status", "active"]).into(),
        last.into(),
        row.age().into(),
        names,
        images,
        label_selector(row.at(&["spec", "jobTemplate", "spec", "selector"])).into(),
    ]
}

fn job(row: &Row<'_>) -> Vec<Value> {
    let succeeded = row.int(&["status", "succeeded"]);
    let completions = match row.at(&["spec", "completions"]).and_then(Value::as_i64) {
        Some(wanted) => format!("{succeeded}/{wanted}"),
        None => match row.int(&["spec", "parallelism"]) {
            parallelism @ 2.. => format!("{succeeded}/1 of {parallelism}"),
            _ => format!("{succeeded}/1"),
        },
    };
    let (start, end) = (&["status", "startTime"], &["status", "completionTime"]);
    let duration = match (row.at(start), row.at(end)) {
        (None, _) => String::new(),
        (Some(_), None) => row.since(start),
        (Some(_), Some(_)) => row.between(start, end).unwrap_or_default(),
    };
    let [names, images] = containers(row.list(&["spec", "template", "spec", "containers"]));
    vec![
        row.name().into(),
        status(row).into(),
        completions.into(),
        duration.into(),
        row.age().into(),
        names,
        images,
        label_selector(row.at(&["spec", "selector"])).into(),
    ]
}

fn status(row: &Row<'_>) -> &'static str {
    let has = |ty: &str| condition(row.list(&["status", "conditions"]), ty) == Some("True");
    if let Some(ended) = ["Complete", "Failed"].into_iter().find(|ty| has(ty)) {
        return ended;
    }
    if row.is_deleted() {
        return "Terminating";
    }
    ["Suspended", "FailureTarget", "SuccessCriteriaMet"].into_iter().find(|ty| has(ty)).unwrap_or("Running")
}
