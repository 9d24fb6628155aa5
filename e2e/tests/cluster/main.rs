//! Workloads on a whole control plane: two servers behind a balancer, the real controllers and scheduler, and
//! KWOK's nodes.
//!
//! One cluster for all scenarios, each of which has namespaces and nodes of its own; several run at a time.
//! `KEELSON_E2E_ONLY=NAME,…` runs those whose names contain one of these.
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests of processes run by the real clock")]

mod access;
mod batch;
mod chart;
mod collection;
mod disruption;
mod leaders;
mod monitoring;
mod namespaces;
mod nodes;
mod quota;
mod scaling;
mod scheduling;
mod services;
mod suite;
mod volumes;
mod workloads;
mod world;

use keelson_e2e::Plan;

use crate::suite::Scenario;

/// The longest first, as several run at a time.
const SIDE_BY_SIDE: &[Scenario] = &[
    ("node_lifecycle", nodes::pods_leave_a_node_that_is_gone),
    ("cron_job", batch::a_cron_job_runs_by_the_minute),
    ("deployment", workloads::a_deployment_rolls_out_and_back),
    ("drain", disruption::a_drain_keeps_the_budget),
    ("stateful_set", workloads::a_stateful_set_keeps_order_and_names),
    ("horizontal_pod_autoscaler", scaling::an_autoscaler_keeps_its_bounds),
    ("chart", chart::the_chart_is_installed_upgraded_and_removed),
    ("job", batch::a_job_completes),
    ("time_to_live", batch::a_finished_job_goes_after_its_time),
    ("namespace", namespaces::a_namespace_takes_its_content_along),
    ("namespace_finalizers", namespaces::a_namespace_waits_for_finalizers),
    ("foreground", collection::foreground_deletion_waits_for_dependents),
    ("background", collection::background_deletion_takes_dependents_along),
    ("orphan", collection::orphans_stay),
    ("quota", quota::a_quota_counts_and_refuses),
    ("eviction", disruption::an_eviction_asks_the_budget),
    ("service", services::endpoints_follow_pods),
    ("preemption", scheduling::a_pod_of_high_priority_takes_the_place_of_others),
    ("devices", scheduling::devices_are_allocated_to_claims),
    ("mirrored_endpoints", services::endpoints_without_selector_are_mirrored),
    ("service_range", services::another_range_of_addresses_is_used),
    ("daemon_set", workloads::a_daemon_set_runs_on_each_node),
    ("certificate", access::a_certificate_is_approved_and_signed),
    ("bootstrap_token", access::cluster_info_is_signed_and_tokens_expire),
    ("service_account", access::service_accounts_get_what_pods_need),
    ("aggregated_roles", access::aggregated_roles_follow_labels),
    ("static_volume", volumes::a_claim_finds_its_volume),
    ("monitoring", monitoring::prometheus_scrapes_both_servers),
];

/// What stops parts of the control plane.
const ONE_BY_ONE: &[Scenario] = &[("leader_election", leaders::another_controller_manager_takes_over)];

#[test]
fn workloads_run_as_on_any_cluster() {
    // Not in `make test`: it takes minutes.
    if std::env::var_os("KEELSON_E2E_FULL").is_none() {
        println!("skipped: KEELSON_E2E_FULL is not set (`make e2e` sets it)");
        return;
    }
    let plan = Plan {
        controller_managers: 2,
        controller_manager_flags: [
            "--horizontal-pod-autoscaler-sync-period=3s",
            "--node-monitor-grace-period=30s",
            "--node-monitor-period=2s",
        ]
        .map(str::to_owned)
        .to_vec(),
        nodes: 5,
        prometheus: true,
        ..Plan::default()
    };
    suite::run(plan, SIDE_BY_SIDE, ONE_BY_ONE);
}
