//! The parameters that operations take.

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// In the path.
    Path,
    /// In the query.
    Query,
}

/// A parameter of a path or query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    /// Its name.
    pub(super) name: &'static str,
    /// `string`, `integer` or `boolean`.
    pub(super) ty: &'static str,
    /// Where it stands.
    pub(super) location: Location,
    /// What the key of the shared parameter in OpenAPI v2 has behind the name; empty where v2 writes the
    /// parameter out each time. Clients generate code from these keys.
    pub(super) shared: &'static str,
}

const fn query(name: &'static str, ty: &'static str, shared: &'static str) -> Parameter {
    Parameter { name, ty, location: Location::Query, shared }
}

const fn path(name: &'static str, shared: &'static str) -> Parameter {
    Parameter { name, ty: "string", location: Location::Path, shared }
}

pub(super) const NAME: Parameter = path("name", "");
pub(super) const NAMESPACE: Parameter = path("namespace", "vgWSWtn3");
pub(super) const PROXY_PATH: Parameter = path("path", "z6Ciiujn");
pub(super) const PRETTY: Parameter = query("pretty", "string", "tJGM1-ng");

const DRY_RUN: Parameter = query("dryRun", "string", "");
const FIELD_VALIDATION: Parameter = query("fieldValidation", "string", "");
const CONTINUE: Parameter = query("continue", "string", "QfD61s0i");
const FIELD_SELECTOR: Parameter = query("fieldSelector", "string", "xIcQKXFG");
const LABEL_SELECTOR: Parameter = query("labelSelector", "string", "5Zw57w4C");
const LIMIT: Parameter = query("limit", "integer", "1NfNmdNH");
const RESOURCE_VERSION: Parameter = query("resourceVersion", "string", "5WAnf1kx");
const RESOURCE_VERSION_MATCH: Parameter = query("resourceVersionMatch", "string", "t8XhRHeC");
const SEND_INITIAL_EVENTS: Parameter = query("sendInitialEvents", "boolean", "rLXlEK_k");
const SHARD_SELECTOR: Parameter = query("shardSelector", "string", "Kgyki_3_");
const TIMEOUT_SECONDS: Parameter = query("timeoutSeconds", "integer", "yvYezaOC");
const GRACE_PERIOD_SECONDS: Parameter = query("gracePeriodSeconds", "integer", "-K5HaBOS");
const IGNORE_READ_ERROR: Parameter =
    query("ignoreStoreReadErrorWithClusterBreakingPotential", "boolean", "QbNkfIqj");
const ORPHAN_DEPENDENTS: Parameter = query("orphanDependents", "boolean", "uRB25kX5");
const PROPAGATION_POLICY: Parameter = query("propagationPolicy", "string", "6jk3prlO");

/// Of lists and watches.
pub(super) const LIST: &[Parameter] = &[
    query("allowWatchBookmarks", "boolean", "HC2hJt-J"),
    CONTINUE,
    FIELD_SELECTOR,
    LABEL_SELECTOR,
    LIMIT,
    RESOURCE_VERSION,
    RESOURCE_VERSION_MATCH,
    SEND_INITIAL_EVENTS,
    SHARD_SELECTOR,
    TIMEOUT_SECONDS,
    query("watch", "boolean", "XNNPZGbK"),
];

/// Of creates and updates.
pub(super) const WRITE: &[Parameter] =
    &[DRY_RUN, query("fieldManager", "string", "Qy4HdaTW"), FIELD_VALIDATION];

/// Of patches.
pub(super) const PATCH: &[Parameter] = &[
    DRY_RUN,
    query("fieldManager", "string", "7c6nTn1T"),
    FIELD_VALIDATION,
    query("force", "boolean", "tOGGb0Yi"),
];

/// Of deletes.
pub(super) const DELETE: &[Parameter] =
    &[DRY_RUN, GRACE_PERIOD_SECONDS, IGNORE_READ_ERROR, ORPHAN_DEPENDENTS, PROPAGATION_POLICY];

/// Of deletes of collections.
pub(super) const DELETE_COLLECTION: &[Parameter] = &[
    CONTINUE,
    DRY_RUN,
    FIELD_SELECTOR,
    GRACE_PERIOD_SECONDS,
    IGNORE_READ_ERROR,
    LABEL_SELECTOR,
    LIMIT,
    ORPHAN_DEPENDENTS,
    PROPAGATION_POLICY,
    RESOURCE_VERSION,
    RESOURCE_VERSION_MATCH,
    SEND_INITIAL_EVENTS,
    SHARD_SELECTOR,
    TIMEOUT_SECONDS,
];

/// Of subresources that have options of their own, by the kind of the options (for `log`: of the parent).
pub(super) fn of_options(kind: &str, subresource: &str) -> &'static [Parameter] {
    const ATTACH: &[Parameter] = &[
        query("container", "string", "_Q-EJ3nR"),
        query("stderr", "boolean", "26jJhFUR"),
        query("stdin", "boolean", "sEFnN3IS"),
        query("stdout", "boolean", "005YMKE6"),
        query("tty", "boolean", "g7MlET_l"),
    ];
    const EXEC: &[Parameter] = &[
        query("command", "string", "Py3eQybp"),
        query("container", "string", "i5dOmRiM"),
        query("stderr", "boolean", "W_1TNlWc"),
        query("stdin", "boolean", "PSzNhyUC"),
        query("stdout", "boolean", "-EZLRwV1"),
        query("tty", "boolean", "s0flW37O"),
    ];
    const LOG: &[Parameter] = &[
        query("container", "string", "1GeXxFDC"),
        query("follow", "boolean", "9OIXh_2R"),
        query("insecureSkipTLSVerifyBackend", "boolean", "gM00jVbe"),
        query("limitBytes", "integer", "zwd1RXuc"),
        query("previous", "boolean", "1jxDPu3y"),
        query("sinceSeconds", "integer", "vE2NLdnP"),
        query("stream", "string", "l-48cgXv"),
        query("tailLines", "integer", "9xQLWHMV"),
        query("timestamps", "boolean", "c17fW1w_"),
    ];
    match (kind, subresource) {
        ("Pod", "log") => LOG,
        ("PodAttachOptions", _) => ATTACH,
        ("PodExecOptions", _) => EXEC,
        ("PodPortForwardOptions", _) => const { &[query("ports", "integer", "91KROJmm")] },
        ("PodProxyOptions", _) => const { &[query("path", "string", "oPbzgLUj")] },
        ("ServiceProxyOptions", _) => const { &[query("path", "string", "QCf0eosM")] },
        ("NodeProxyOptions", _) => const { &[query("path", "string", "rFDtV0x9")] },
        _ => &[],
    }
}
