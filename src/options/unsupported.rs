//! Flags of kube-apiserver that have no effect here yet: known, so that they are refused by name.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};

use super::Errors;

/// Why each of them is refused.
pub(super) const REASON: &str = "not supported by this version of Keelson (kube-apiserver flag)";

/// Those that may stand without a value.
pub(super) const BOOLEAN: &[&str] = &[
    "emulation-forward-compatible",
    "runtime-config-emulation-forward-compatible",
    "send-retry-after-while-not-ready-once",
    "enable-garbage-collector",
    "encryption-provider-config-automatic-reload",
    "audit-log-batch-throttle-enable",
    "audit-log-compress",
    "audit-log-truncate-enabled",
    "audit-webhook-batch-throttle-enable",
    "audit-webhook-truncate-enabled",
    "enable-priority-and-fairness",
    "log-text-split-stream",
    "aggregator-reject-forwarding-redirect",
    "enable-aggregator-routing",
    "enable-logs-handler",
];

/// Those that take a value.
pub(super) const VALUED: &[&str] = &[
    "emulated-version",
    "feature-gates",
    "livez-grace-period",
    "min-compatibility-version",
    "storage-initialization-timeout",
    "delete-collection-workers",
    "encryption-provider-config",
    "etcd-compaction-interval",
    "etcd-count-metric-poll-period",
    "etcd-db-metric-poll-interval",
    "etcd-healthcheck-timeout",
    "etcd-readycheck-timeout",
    "etcd-servers-overrides",
    "lease-reuse-duration-seconds",
    "storage-backend",
    "storage-media-type",
    "audit-log-batch-buffer-size",
    "audit-log-batch-max-size",
    "audit-log-batch-max-wait",
    "audit-log-batch-throttle-burst",
    "audit-log-batch-throttle-qps",
    "audit-log-format",
    "audit-log-maxage",
    "audit-log-maxbackup",
    "audit-log-maxsize",
    "audit-log-mode",
    "audit-log-path",
    "audit-log-truncate-max-batch-size",
    "audit-log-truncate-max-event-size",
    "audit-log-version",
    "audit-policy-file",
    "audit-webhook-batch-buffer-size",
    "audit-webhook-batch-max-size",
    "audit-webhook-batch-max-wait",
    "audit-webhook-batch-throttle-burst",
    "audit-webhook-batch-throttle-qps",
    "audit-webhook-config-file",
    "audit-webhook-initial-backoff",
    "audit-webhook-mode",
    "audit-webhook-truncate-max-batch-size",
    "audit-webhook-truncate-max-event-size",
    "audit-webhook-version",
    "debug-socket-path",
    "runtime-config",
    "egress-selector-config-file",
    "allow-metric-labels",
    "allow-metric-labels-manifest",
    "disabled-metrics",
    "show-hidden-metrics-for-version",
    "log-flush-frequency",
    "log-text-info-buffer-size",
    "vmodule",
    "tracing-config-file",
    "coordinated-leadership-lease-duration",
    "coordinated-leadership-renew-deadline",
    "coordinated-leadership-retry-period",
    "endpoint-reconciler-type",
    "kubelet-certificate-authority",
    "kubelet-client-certificate",
    "kubelet-client-key",
    "kubelet-preferred-address-types",
    "kubelet-timeout",
    "kubernetes-service-node-port",
    "max-connection-bytes-per-sec",
    "peer-advertise-ip",
    "peer-advertise-port",
    "peer-ca-file",
    "proxy-client-cert-file",
    "proxy-client-key-file",
    "service-account-signing-endpoint",
];

/// Hidden arguments that match them, whatever their value.
pub(super) fn arguments() -> impl Iterator<Item = Arg> {
    let boolean = BOOLEAN
        .iter()
        .map(|&name| argument(name).num_args(0..=1).require_equals(true).default_missing_value("true"));
    let valued = VALUED.iter().map(|&name| argument(name).num_args(1));
    boolean.chain(valued)
}

fn argument(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::Append).hide(true).allow_hyphen_values(true)
}

/// Notes each that was given, in the order of the command line.
pub(super) fn refuse(matches: &ArgMatches, errors: &mut Errors) {
    let given = |name: &&str| matches.value_source(name) == Some(ValueSource::CommandLine);
    let mut found: Vec<(usize, &str)> = BOOLEAN
        .iter()
        .chain(VALUED)
        .filter(|name| given(name))
        .map(|&name| (matches.index_of(name).unwrap_or(usize::MAX), name))
        .collect();
    found.sort_unstable();
    for (_, name) in found {
        errors.note(&format!("--{name}"), REASON);
    }
}
