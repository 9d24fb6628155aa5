//! CronJob.

use keelson_apimachinery::content::cron::check_schedule;
use keelson_apimachinery::content::time_zones::is_time_zone;

use super::super::shared::numbers::{non_negative, non_negative_members};
use super::super::shared::workload::{generation_rose, pod_name_warning};
use super::super::{Errors, Node, Rules};
use super::job;

pub(super) const RULES: Rules =
    Rules::new("batch", "cronjobs", create, update).warnings(warn).lenient_metadata(&["status"]);

/// What a name may take, so that a job's has room for its time.
const MAX_NAME: usize = 52;

fn create(object: &Node<'_>, errors: &mut Errors) {
    check_spec(&object.child("spec"), None, errors);
    let metadata = object.child("metadata");
    let name = metadata.child("name");
    if name.text().len() > MAX_NAME {
        errors.push(name.invalid("must be no more than 52 characters"));
    }
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    check_spec(&object.child("spec"), Some(&old.child("spec")), errors);
}

fn check_spec(spec: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    let (schedule, zone) = (spec.child("schedule"), spec.child("timeZone"));
    let zone_allowed = old.is_some_and(|old| old.child("schedule").text().contains("TZ"));
    check_schedule_of(&schedule, &zone, zone_allowed, errors);
    non_negative(&spec.child("startingDeadlineSeconds"), errors);
    if old.is_none_or(|old| !old.child("timeZone").same(&zone)) {
        time_zone(&zone, errors);
    }
    let policy = spec.child("concurrencyPolicy");
    match policy.text() {
        "Allow" | "Forbid" | "Replace" => {}
        "" => errors.push(policy.required("")),
        _ => errors.push(policy.not_supported(&["Allow", "Forbid", "Replace"])),
    }
    let template = spec.child("jobTemplate");
    let job = template.child("spec");
    let old_template = old.map(|old| old.child("jobTemplate"));
    let old_job = old_template.as_ref().map(|template| template.child("spec"));
    job::check_template_spec(&job, old_job.as_ref(), errors);
    job::no_selector(&job, errors);
    non_negative_members(spec, &["successfulJobsHistoryLimit", "failedJobsHistoryLimit"], errors);
}

fn check_schedule_of(schedule: &Node<'_>, zone: &Node<'_>, zone_allowed: bool, errors: &mut Errors) {
    let text = schedule.text();
    if text.is_empty() {
        errors.push(schedule.required(""));
        return;
    }
    if let Err(why) = check_schedule(text) {
        errors.push(schedule.invalid(why));
    }
    let has_zone = text.contains("TZ");
    if has_zone && !zone_allowed {
        errors.push(schedule.invalid("cannot use TZ or CRON_TZ in schedule, use timeZone field instead"));
    } else if has_zone && zone.is_set() {
        errors.push(schedule.invalid("cannot use both timeZone field and TZ or CRON_TZ in schedule"));
    }
}

fn time_zone(zone: &Node<'_>, errors: &mut Errors) {
    let Some(name) = zone.opt_text() else { return };
    if name.is_empty() {
        errors.push(zone.invalid("timeZone must be nil or non-empty string"));
        return;
    }
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_' | b'+');
    let is_part = |part: &str| {
        (1..=14).contains(&part.len())
            && !matches!(part, "." | "..")
            && !part.starts_with('-')
            && part.bytes().all(allowed)
    };
    if !name.split('/').all(is_part) {
        errors.push(zone.invalid(format!("unknown time zone {name}")));
        return;
    }
    if name.eq_ignore_ascii_case("local") {
        let why = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        errors.push(zone.invalid(why));
    }
    if !is_time_zone(name) && name != "Local" {
        errors.push(zone.invalid(format!("unknown time zone {name}")));
    }
}

fn warn(object: &Node<'_>, old: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    let spec = object.child("spec");
    let template = spec.child("jobTemplate");
    if old.is_none() {
        pod_name_warning(object, warnings);
    }
    if old.is_none_or(|old| generation_rose(object, old)) {
        let old_spec = old.map(|old| old.child("spec"));
        let old_template = old_spec.as_ref().map(|spec| spec.child("jobTemplate"));
        let old_job = old_template.as_ref().map(|template| template.child("spec"));
        job::warn_of_spec(&template.child("spec"), old_job.as_ref(), warnings);
    }
    if old.is_some() && spec.child("schedule").text().contains("TZ") {
        // The path is upstream's.
        warnings.push(
            "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see \
             https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
                .to_owned(),
        );
    }
}
