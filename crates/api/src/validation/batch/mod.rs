//! The group batch.

mod cron_job;
mod indexes;
mod job;
mod job_status;
mod pod_failure_policy;
mod success_policy;

use super::Rules;

pub(super) const RULES: &[Rules] = &[cron_job::RULES, job::RULES];

#[cfg(test)]
mod tests;
