//! The status of a job: what a controller may write, and what it may not take back.

use keelson_apimachinery::field::{ErrorType, FieldError};
use keelson_apimachinery::scalar::Time;

use super::super::shared::immutable::IMMUTABLE;
use super::super::shared::numbers::{int, non_negative_members};
use super::super::shared::render::{Shape, render};
use super::super::{Errors, Node};
use super::indexes;

const UNCOUNTED: Shape =
    Shape::Struct(&[("succeeded", "Succeeded", Shape::Json), ("failed", "Failed", Shape::Json)]);

/// Whether a status has a condition of this type with this status.
fn has_condition(status: &Node<'_>, kind: &str, value: &str) -> bool {
    let conditions = status.child("conditions");
    conditions.items().any(|c| c.child("type").text() == kind && c.child("status").text() == value)
}

/// Whether a status has a condition of this type that is true.
pub(super) fn is_true(status: &Node<'_>, kind: &str) -> bool {
    has_condition(status, kind, "True")
}

/// The conditions that rules ask for.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Conditions {
    complete: bool,
    failed: bool,
    failure_target: bool,
    success_criteria_met: bool,
}

impl Conditions {
    fn of(status: &Node<'_>) -> Self {
        Conditions {
            complete: is_true(status, "Complete"),
            failed: is_true(status, "Failed"),
            failure_target: is_true(status, "FailureTarget"),
            success_criteria_met: is_true(status, "SuccessCriteriaMet"),
        }
    }

    fn finished(self) -> bool {
        self.complete || self.failed
    }
}

/// What changes between two statuses. Most rules look only at what changes, so that old statuses stay valid.
struct Changes {
    complete: bool,
    failed: bool,
    finished: bool,
    failure_target: bool,
    success_criteria_met: bool,
    completed_indexes: bool,
    failed_indexes: bool,
    active: bool,
    ready: bool,
    terminating: bool,
    start_time: bool,
    completion_time: bool,
    uncounted: bool,
}

impl Changes {
    fn between(status: &Node<'_>, old: &Node<'_>) -> Self {
        let (now, before) = (Conditions::of(status), Conditions::of(old));
        let changed = |name: &str| !status.child(name).same(&old.child(name));
        let count = |name: &str| int(&status.child(name)) != int(&old.child(name));
        Changes {
            complete: now.complete != before.complete,
            failed: now.failed != before.failed,
            finished: now.finished() != before.finished(),
            failure_target: now.failure_target != before.failure_target,
            success_criteria_met: now.success_criteria_met != before.success_criteria_met,
            completed_indexes: status.child("completedIndexes").text()
                != old.child("completedIndexes").text(),
            failed_indexes: changed("failedIndexes"),
            active: count("active"),
            ready: changed("ready"),
            terminating: changed("terminating"),
            start_time: changed("startTime"),
            completion_time: changed("completionTime"),
            uncounted: changed("uncountedTerminatedPods"),
        }
    }
}

pub(super) fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let (status, before, spec) = (object.child("status"), old.child("status"), object.child("spec"));
    let changes = Changes::between(&status, &before);
    let (now, then) = (Conditions::of(&status), Conditions::of(&before));
    let conditions = status.child("conditions");
    let condition = |why: String| FieldError::new(ErrorType::Invalid, &conditions, None, why);

    counts(&status, errors);
    terminal(&status, now, &changes, &condition, errors);
    finished(&status, &spec, now, &changes, errors);
    indexes_of(&status, &spec, &changes, errors);
    let terminating = status.child("terminating");
    if (changes.finished || changes.terminating) && now.finished() && int(&terminating) > 0 {
        errors.push(terminating.invalid("terminating>0 is invalid for finished job"));
    }
    let ready = status.child("ready");
    if (changes.ready || changes.active)
        && ready.int().is_some_and(|ready| ready > int(&status.child("active")))
    {
        errors.push(ready.invalid("cannot set more ready pods than active"));
    }
    if now.success_criteria_met && now.failed {
        errors.push(condition("cannot set SuccessCriteriaMet=True and Failed=true conditions".into()));
    }
    if now.success_criteria_met && now.failure_target {
        errors.push(condition("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions".into()));
    }
    if spec.child("successPolicy").is_set() && !now.success_criteria_met && now.complete {
        let why = "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True";
        errors.push(condition(why.into()));
    }

    for kind in ["Failed", "Complete", "FailureTarget"] {
        if is_true(&before, kind) && !is_true(&status, kind) {
            errors.push(condition(format!("cannot disable the terminal {kind}=True condition")));
        }
    }
    let indexed = spec.child("completionMode").text() == "Indexed";
    let elastic = indexed && spec.child("completions").same(&spec.child("parallelism"));
    let shrinks = |name: &str| int(&status.child(name)) < int(&before.child(name));
    if shrinks("failed") {
        let failed = status.child("failed");
        errors.push(render(&failed, &Shape::Int).invalid("cannot decrease the failed counter"));
    }
    if !elastic && shrinks("succeeded") {
        let succeeded = status.child("succeeded");
        errors.push(render(&succeeded, &Shape::Int).invalid("cannot decrease the succeeded counter"));
    }
    let completed = status.child("completionTime");
    if completed.is_set() && before.child("completionTime").is_set() && changes.completion_time {
        errors.push(completed.invalid(IMMUTABLE));
    }
    let resumes = has_condition(&before, "Suspended", "True") && has_condition(&status, "Suspended", "False");
    let started = before.child("startTime").is_set() && !spec.child("suspend").is_true();
    if changes.start_time && started && !resumes {
        let why = "field is immutable for unsuspended job once set";
        errors.push(status.child("startTime").invalid(why));
    }
    if then.success_criteria_met && !now.success_criteria_met {
        errors.push(condition("cannot disable the SuccessCriteriaMet=True condition".into()));
    }
    if then.complete && !then.success_criteria_met && now.success_criteria_met {
        let why = "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions";
        errors.push(condition(why.into()));
    }
}

fn counts(status: &Node<'_>, errors: &mut Errors) {
    non_negative_members(status, &["active", "succeeded", "failed", "ready", "terminating"], errors);
    let uncounted = status.child("uncountedTerminatedPods");
    let (succeeded, failed) = (uncounted.child("succeeded"), uncounted.child("failed"));
    let all = || succeeded.items().chain(failed.items());
    for (i, uid) in all().enumerate() {
        if uid.text().is_empty() {
            errors.push(uid.invalid("must not be empty"));
        } else if all().take(i).any(|before| before.text() == uid.text()) {
            errors.push(uid.duplicate());
        }
    }
}

/// The rules for the conditions that end a job, and for when it completed.
fn terminal(
    status: &Node<'_>,
    now: Conditions,
    changes: &Changes,
    condition: &dyn Fn(String) -> FieldError,
    errors: &mut Errors,
) {
    if (changes.complete || changes.failed) && now.complete && now.failed {
        errors.push(condition("cannot set Complete=True and Failed=true conditions".into()));
    }
    if (changes.complete || changes.failure_target) && now.complete && now.failure_target {
        errors.push(condition("cannot set Complete=True and FailureTarget=true conditions".into()));
    }
    let (completed, started) = (status.child("completionTime"), status.child("startTime"));
    if changes.complete || changes.completion_time {
        if completed.is_set() && !now.complete {
            let why = "cannot set completionTime when there is no Complete=True condition";
            errors.push(completed.invalid(why));
        }
        if !completed.is_set() && now.complete {
            errors.push(completed.required("completionTime is required for Complete jobs"));
        }
    }
    let time = |node: &Node<'_>| node.opt_text().and_then(|text| Time::parse(text).ok());
    if (changes.start_time || changes.completion_time)
        && let (Some(started), Some(ended)) = (time(&started), time(&completed))
        && ended < started
    {
        errors.push(completed.invalid("must be equal to or after `startTime`"));
    }
    if (changes.failed || changes.failed_indexes) && now.failed && !now.failure_target {
        errors.push(condition(
            "cannot set Failed=True condition without the FailureTarget=true condition".into(),
        ));
    }
    if (changes.complete || changes.success_criteria_met) && now.complete && !now.success_criteria_met {
        let why = "cannot set Complete=True condition without the SuccessCriteriaMet=true condition";
        errors.push(condition(why.into()));
    }
}

/// What a finished job can't have.
fn finished(status: &Node<'_>, spec: &Node<'_>, now: Conditions, changes: &Changes, errors: &mut Errors) {
    if !now.finished() {
        return;
    }
    let (active, started) = (status.child("active"), status.child("startTime"));
    if (changes.finished || changes.active) && int(&active) > 0 {
        errors.push(active.invalid("active>0 is invalid for finished job"));
    }
    let never_ran = spec.child("suspend").is_true() && spec.child("completions").int() == Some(0);
    if (changes.finished || changes.start_time) && !never_ran && !started.is_set() {
        errors.push(started.required("startTime is required for finished job"));
    }
    let uncounted = status.child("uncountedTerminatedPods");
    let pods = uncounted.child("failed").len() + uncounted.child("succeeded").len();
    if (changes.finished || changes.uncounted) && pods > 0 {
        errors.push(render(&uncounted, &UNCOUNTED).invalid("must be empty for finished job"));
    }
}

fn indexes_of(status: &Node<'_>, spec: &Node<'_>, changes: &Changes, errors: &mut Errors) {
    let (completed, failed) = (status.child("completedIndexes"), status.child("failedIndexes"));
    let completions = spec.child("completions").int();
    let limited = spec.child("backoffLimitPerIndex").is_set();
    let malformed = |list: &Node<'_>, name: &str, errors: &mut Errors| {
        if let Some(Err(why)) = completions.map(|completions| indexes::count(list.text(), completions)) {
            errors.push(list.invalid(format!("error parsing {name}: {why}")));
        }
    };
    if changes.completed_indexes {
        malformed(&completed, "completedIndexes", errors);
    }
    if changes.failed_indexes && limited && failed.is_set() {
        malformed(&failed, "failedIndexes", errors);
    }
    if changes.completed_indexes
        && !completed.text().is_empty()
        && spec.child("completionMode").text() != "Indexed"
    {
        let why = "cannot set non-empty completedIndexes when non-indexed completion mode";
        errors.push(completed.invalid(why));
    }
    if changes.failed_indexes && !limited && failed.is_set() {
        errors.push(failed.invalid("cannot set non-null failedIndexes when backoffLimitPerIndex is null"));
    }
    if (changes.failed_indexes || changes.completed_indexes)
        && let Some(completions) = completions
        && let Some(index) = indexes::overlap(completed.text(), failed.text(), completions)
    {
        let why = format!("failedIndexes and completedIndexes overlap at index: {index}");
        errors.push(failed.invalid(why));
    }
}
