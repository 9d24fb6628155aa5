//! The flags of kube-apiserver v1.36: facts, as its `--help` prints them.
//!
//! Everything else hangs on this table: the groups and the order of `--help`, and which flags there are that
//! have no effect here yet ([`super::unsupported`]).

use Kind::*;

/// One flag of kube-apiserver's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fact {
    /// The group that `--help` shows it in, without the word `flags`.
    pub(super) group: &'static str,
    /// Its name, without dashes.
    pub(super) name: &'static str,
    /// What its value is.
    pub(super) kind: Kind,
    /// Its default, as `--help` prints it: text in quotes, lists in brackets; empty for what is empty, 0 or false.
    pub(super) default: &'static str,
}

/// What the value of a flag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An IP address.
    Address,
    /// Texts, one a use of the flag.
    Array,
    /// True or false; true where no value is given.
    Bool,
    /// A number of seconds and other units.
    Duration,
    /// A number.
    Float,
    /// A number of less precision.
    Float32,
    /// A whole number.
    Int,
    /// Pairs `key=value`, parted by commas; nothing is shown as brackets.
    Labels,
    /// How much is logged.
    Level,
    /// Texts, parted by commas.
    List,
    /// Pairs `key=value`, parted by commas.
    Map,
    /// Pairs `key=value`, parted by commas, with a component's name and a colon before a key.
    Multimap,
    /// Files of a certificate and its key, maybe with names.
    NamedCertificates,
    /// Whole numbers, parted by commas.
    Numbers,
    /// Levels of logging by the names of files.
    Patterns,
    /// A range of ports.
    Ports,
    /// A number of bytes with a unit.
    Quantity,
    /// A text.
    Text,
    /// True, false or raw; true where no value is given.
    Version,
}

impl Kind {
    /// What `--help` puts behind the flag's name.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Address => "ip",
            Array => "stringArray",
            // Nothing has to be put behind it.
            Bool => "",
            Duration => "duration",
            Float => "float",
            Float32 => "float32",
            Int => "int",
            Labels => "stringToString",
            Level => "Level",
            List => "strings",
            Map => "mapStringString",
            Multimap => "colonSeparatedMultimapStringString",
            NamedCertificates => "namedCertKey",
            Numbers => "int32Slice",
            Patterns => "pattern=N,...",
            Ports => "portRange",
            Quantity => "quantity",
            Text => "string",
            Version => "version[=true]",
        }
    }
}

/// Every flag.
pub(super) fn all() -> impl Iterator<Item = &'static Fact> {
    shown().chain(HIDDEN)
}

/// Those that `--help` shows, in its order; this server's own stand last.
pub(super) fn shown() -> impl Iterator<Item = &'static Fact> {
    FLAGS.iter().chain(OWN)
}

const fn flag(group: &'static str, name: &'static str, kind: Kind, default: &'static str) -> Fact {
    Fact { group, name, kind, default }
}

/// Those of kube-apiserver that its `--help` shows, in its order.
pub(super) const FLAGS: &[Fact] = &[
    // Generic flags
    flag("Generic", "advertise-address", Address, ""),
    flag("Generic", "cors-allowed-origins", List, ""),
    flag("Generic", "emulated-version", List, ""),
    flag("Generic", "emulation-forward-compatible", Bool, ""),
    flag("Generic", "external-hostname", Text, ""),
    flag("Generic", "feature-gates", Multimap, ""),
    flag("Generic", "goaway-chance", Float, ""),
    flag("Generic", "livez-grace-period", Duration, ""),
    flag("Generic", "max-mutating-requests-inflight", Int, "200"),
    flag("Generic", "max-requests-inflight", Int, "400"),
    flag("Generic", "min-compatibility-version", List, ""),
    flag("Generic", "min-request-timeout", Int, "1800"),
    flag("Generic", "request-timeout", Duration, "1m0s"),
    flag("Generic", "runtime-config-emulation-forward-compatible", Bool, ""),
    flag("Generic", "send-retry-after-while-not-ready-once", Bool, ""),
    flag("Generic", "shutdown-delay-duration", Duration, ""),
    flag("Generic", "shutdown-send-retry-after", Bool, ""),
    flag("Generic", "shutdown-watch-termination-grace-period", Duration, ""),
    flag("Generic", "storage-initialization-timeout", Duration, "1m0s"),
    flag("Generic", "strict-transport-security-directives", List, ""),
    // Etcd flags
    flag("Etcd", "delete-collection-workers", Int, "1"),
    flag("Etcd", "enable-garbage-collector", Bool, "true"),
    flag("Etcd", "encryption-provider-config", Text, ""),
    flag("Etcd", "encryption-provider-config-automatic-reload", Bool, ""),
    flag("Etcd", "etcd-cafile", Text, ""),
    flag("Etcd", "etcd-certfile", Text, ""),
    flag("Etcd", "etcd-compaction-interval", Duration, "5m0s"),
    flag("Etcd", "etcd-count-metric-poll-period", Duration, "1m0s"),
    flag("Etcd", "etcd-db-metric-poll-interval", Duration, "30s"),
    flag("Etcd", "etcd-healthcheck-timeout", Duration, "2s"),
    flag("Etcd", "etcd-keyfile", Text, ""),
    flag("Etcd", "etcd-prefix", Text, "\"/registry\""),
    flag("Etcd", "etcd-readycheck-timeout", Duration, "2s"),
    flag("Etcd", "etcd-servers", List, ""),
    flag("Etcd", "etcd-servers-overrides", List, ""),
    flag("Etcd", "lease-reuse-duration-seconds", Int, "60"),
    flag("Etcd", "storage-backend", Text, ""),
    flag("Etcd", "storage-media-type", Text, "\"application/vnd.kubernetes.protobuf\""),
    flag("Etcd", "watch-cache", Bool, "true"),
    flag("Etcd", "watch-cache-sizes", List, ""),
    // Secure serving flags
    flag("Secure serving", "bind-address", Address, "0.0.0.0"),
    flag("Secure serving", "cert-dir", Text, "\"/var/run/kubernetes\""),
    flag("Secure serving", "disable-http2-serving", Bool, ""),
    flag("Secure serving", "http2-max-streams-per-connection", Int, ""),
    flag("Secure serving", "permit-address-sharing", Bool, ""),
    flag("Secure serving", "permit-port-sharing", Bool, ""),
    flag("Secure serving", "secure-port", Int, "6443"),
    flag("Secure serving", "tls-cert-file", Text, ""),
    flag("Secure serving", "tls-cipher-suites", List, ""),
    flag("Secure serving", "tls-curve-preferences", Numbers, "[]"),
    flag("Secure serving", "tls-min-version", Text, ""),
    flag("Secure serving", "tls-private-key-file", Text, ""),
    flag("Secure serving", "tls-sni-cert-key", NamedCertificates, "[]"),
    // Auditing flags
    flag("Auditing", "audit-log-batch-buffer-size", Int, "10000"),
    flag("Auditing", "audit-log-batch-max-size", Int, "1"),
    flag("Auditing", "audit-log-batch-max-wait", Duration, ""),
    flag("Auditing", "audit-log-batch-throttle-burst", Int, ""),
    flag("Auditing", "audit-log-batch-throttle-enable", Bool, ""),
    flag("Auditing", "audit-log-batch-throttle-qps", Float32, ""),
    flag("Auditing", "audit-log-compress", Bool, ""),
    flag("Auditing", "audit-log-format", Text, "\"json\""),
    flag("Auditing", "audit-log-maxage", Int, "366"),
    flag("Auditing", "audit-log-maxbackup", Int, "100"),
    flag("Auditing", "audit-log-maxsize", Int, "100"),
    flag("Auditing", "audit-log-mode", Text, "\"blocking\""),
    flag("Auditing", "audit-log-path", Text, ""),
    flag("Auditing", "audit-log-truncate-enabled", Bool, ""),
    flag("Auditing", "audit-log-truncate-max-batch-size", Int, "10485760"),
    flag("Auditing", "audit-log-truncate-max-event-size", Int, "102400"),
    flag("Auditing", "audit-log-version", Text, "\"audit.k8s.io/v1\""),
    flag("Auditing", "audit-policy-file", Text, ""),
    flag("Auditing", "audit-webhook-batch-buffer-size", Int, "10000"),
    flag("Auditing", "audit-webhook-batch-max-size", Int, "400"),
    flag("Auditing", "audit-webhook-batch-max-wait", Duration, "30s"),
    flag("Auditing", "audit-webhook-batch-throttle-burst", Int, "15"),
    flag("Auditing", "audit-webhook-batch-throttle-enable", Bool, "true"),
    flag("Auditing", "audit-webhook-batch-throttle-qps", Float32, "10"),
    flag("Auditing", "audit-webhook-config-file", Text, ""),
    flag("Auditing", "audit-webhook-initial-backoff", Duration, "10s"),
    flag("Auditing", "audit-webhook-mode", Text, "\"batch\""),
    flag("Auditing", "audit-webhook-truncate-enabled", Bool, ""),
    flag("Auditing", "audit-webhook-truncate-max-batch-size", Int, "10485760"),
    flag("Auditing", "audit-webhook-truncate-max-event-size", Int, "102400"),
    flag("Auditing", "audit-webhook-version", Text, "\"audit.k8s.io/v1\""),
    // Features flags
    flag("Features", "contention-profiling", Bool, ""),
    flag("Features", "debug-socket-path", Text, ""),
    flag("Features", "enable-priority-and-fairness", Bool, "true"),
    flag("Features", "profiling", Bool, "true"),
    // Authentication flags
    flag("Authentication", "anonymous-auth", Bool, "true"),
    flag("Authentication", "api-audiences", List, ""),
    flag("Authentication", "authentication-config", Text, ""),
    flag("Authentication", "authentication-token-webhook-cache-ttl", Duration, "2m0s"),
    flag("Authentication", "authentication-token-webhook-config-file", Text, ""),
    flag("Authentication", "authentication-token-webhook-version", Text, "\"v1beta1\""),
    flag("Authentication", "client-ca-file", Text, ""),
    flag("Authentication", "enable-bootstrap-token-auth", Bool, ""),
    flag("Authentication", "oidc-ca-file", Text, ""),
    flag("Authentication", "oidc-client-id", Text, ""),
    flag("Authentication", "oidc-groups-claim", Text, ""),
    flag("Authentication", "oidc-groups-prefix", Text, ""),
    flag("Authentication", "oidc-issuer-url", Text, ""),
    flag("Authentication", "oidc-required-claim", Map, ""),
    flag("Authentication", "oidc-signing-algs", List, "[RS256]"),
    flag("Authentication", "oidc-username-claim", Text, "\"sub\""),
    flag("Authentication", "oidc-username-prefix", Text, ""),
    flag("Authentication", "requestheader-allowed-names", List, ""),
    flag("Authentication", "requestheader-client-ca-file", Text, ""),
    flag("Authentication", "requestheader-extra-headers-prefix", List, ""),
    flag("Authentication", "requestheader-group-headers", List, ""),
    flag("Authentication", "requestheader-uid-headers", List, ""),
    flag("Authentication", "requestheader-username-headers", List, ""),
    flag("Authentication", "service-account-extend-token-expiration", Bool, "true"),
    flag("Authentication", "service-account-issuer", Array, ""),
    flag("Authentication", "service-account-jwks-uri", Text, ""),
    flag("Authentication", "service-account-key-file", Array, ""),
    flag("Authentication", "service-account-lookup", Bool, "true"),
    flag("Authentication", "service-account-max-token-expiration", Duration, ""),
    flag("Authentication", "token-auth-file", Text, ""),
    // Authorization flags
    flag("Authorization", "authorization-config", Text, ""),
    flag("Authorization", "authorization-mode", List, ""),
    flag("Authorization", "authorization-policy-file", Text, ""),
    flag("Authorization", "authorization-webhook-cache-authorized-ttl", Duration, "5m0s"),
    flag("Authorization", "authorization-webhook-cache-unauthorized-ttl", Duration, "30s"),
    flag("Authorization", "authorization-webhook-config-file", Text, ""),
    flag("Authorization", "authorization-webhook-version", Text, "\"v1beta1\""),
    // API enablement flags
    flag("API enablement", "runtime-config", Map, ""),
    // Egress selector flags
    flag("Egress selector", "egress-selector-config-file", Text, ""),
    // Admission flags
    flag("Admission", "admission-control", List, ""),
    flag("Admission", "admission-control-config-file", Text, ""),
    flag("Admission", "default-not-ready-toleration-seconds", Int, "300"),
    flag("Admission", "default-unreachable-toleration-seconds", Int, "300"),
    flag("Admission", "disable-admission-plugins", List, ""),
    flag("Admission", "enable-admission-plugins", List, ""),
    // Metrics flags
    flag("Metrics", "allow-metric-labels", Labels, "[]"),
    flag("Metrics", "allow-metric-labels-manifest", Text, ""),
    flag("Metrics", "disabled-metrics", List, ""),
    flag("Metrics", "show-hidden-metrics-for-version", Text, ""),
    // Logs flags
    flag("Logs", "log-flush-frequency", Duration, "5s"),
    flag("Logs", "log-text-info-buffer-size", Quantity, ""),
    flag("Logs", "log-text-split-stream", Bool, ""),
    flag("Logs", "logging-format", Text, "\"text\""),
    flag("Logs", "v", Level, ""),
    flag("Logs", "vmodule", Patterns, ""),
    // Traces flags
    flag("Traces", "tracing-config-file", Text, ""),
    // Misc flags
    flag("Misc", "aggregator-reject-forwarding-redirect", Bool, "true"),
    flag("Misc", "allow-privileged", Bool, ""),
    flag("Misc", "coordinated-leadership-lease-duration", Duration, "15s"),
    flag("Misc", "coordinated-leadership-renew-deadline", Duration, "10s"),
    flag("Misc", "coordinated-leadership-retry-period", Duration, "2s"),
    flag("Misc", "enable-aggregator-routing", Bool, ""),
    flag("Misc", "enable-logs-handler", Bool, ""),
    flag("Misc", "endpoint-reconciler-type", Text, "\"lease\""),
    flag("Misc", "event-ttl", Duration, "1h0m0s"),
    flag("Misc", "kubelet-certificate-authority", Text, ""),
    flag("Misc", "kubelet-client-certificate", Text, ""),
    flag("Misc", "kubelet-client-key", Text, ""),
    flag(
        "Misc",
        "kubelet-preferred-address-types",
        List,
        "[Hostname,InternalDNS,InternalIP,ExternalDNS,ExternalIP]",
    ),
    flag("Misc", "kubelet-timeout", Duration, "5s"),
    flag("Misc", "kubernetes-service-node-port", Int, ""),
    flag("Misc", "max-connection-bytes-per-sec", Int, ""),
    flag("Misc", "peer-advertise-ip", Text, ""),
    flag("Misc", "peer-advertise-port", Text, ""),
    flag("Misc", "peer-ca-file", Text, ""),
    flag("Misc", "proxy-client-cert-file", Text, ""),
    flag("Misc", "proxy-client-key-file", Text, ""),
    flag("Misc", "service-account-signing-endpoint", Text, ""),
    flag("Misc", "service-account-signing-key-file", Text, ""),
    flag("Misc", "service-cluster-ip-range", Text, ""),
    flag("Misc", "service-node-port-range", Ports, "30000-32767"),
    // Global flags
    flag("Global", "help", Bool, ""),
    flag("Global", "version", Version, ""),
];

/// Deprecated ones that `--help` does not show.
pub(super) const HIDDEN: &[Fact] = &[
    flag("Etcd", "default-watch-cache-size", Int, "100"),
    flag("Auditing", "audit-webhook-batch-initial-backoff", Duration, "10s"),
    flag("Misc", "apiserver-count", Int, "1"),
    flag("Misc", "kubelet-port", Int, "10250"),
    flag("Misc", "kubelet-read-only-port", Int, "10255"),
];

/// Flags that kube-apiserver does not have.
pub(super) const OWN: &[Fact] = &[flag("Keelson", "data-dir", Text, "")];
