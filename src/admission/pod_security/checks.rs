//! The checks of the levels, by the version since which they are as they are.
//!
//! Source: "Pod Security Standards" in the Kubernetes documentation, whose controls these are.

use std::collections::BTreeSet;

use keelson_apimachinery::field::quote;
use keelson_apimachinery::{Map, Value};

use super::policy::{Level, LevelVersion, Version};
use crate::admission::pod::list;

/// What is checked of a pod, or of the template of one.
#[derive(Clone, Copy)]
pub(super) struct PodView<'a> {
    pub(super) annotations: Option<&'a Map>,
    pub(super) spec: &'a Value,
}

/// Why a check refuses a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// In few words.
    pub(super) reason: String,
    /// Which parts of the pod, and what they should be.
    pub(super) detail: String,
}

/// The reasons of refusals, for many pods at once.
pub(super) fn reasons(refusals: &[Refusal]) -> String {
    let reasons: Vec<&str> = refusals.iter().map(|refusal| refusal.reason.as_str()).collect();
    reasons.join(", ")
}

/// The refusals with their details, for one pod.
pub(super) fn details(refusals: &[Refusal]) -> String {
    let texts: Vec<String> =
        refusals.iter().map(|refusal| format!("{} ({})", refusal.reason, refusal.detail)).collect();
    texts.join(", ")
}

type CheckPod = fn(PodView<'_>) -> Option<Refusal>;

struct Check {
    level: Level,
    id: &'static str,
    /// The minor versions since which a function counts, the oldest first.
    versions: &'static [(u32, CheckPod)],
    /// The check of a lower level that it takes the place of.
    overrides: &'static str,
}

/// All checks, in the order in which they speak.
static CHECKS: &[Check] = &[
    baseline("appArmorProfile", &[(0, app_armor)]),
    baseline("capabilities_baseline", &[(0, capabilities_baseline)]),
    baseline("hostNamespaces", &[(0, host_namespaces)]),
    baseline("hostPathVolumes", &[(0, host_path_volumes)]),
    baseline("hostPorts", &[(0, host_ports)]),
    baseline("hostProbesAndHostLifecycle", &[(34, host_probes)]),
    baseline("privileged", &[(0, privileged)]),
    baseline("procMount", &[(0, proc_mount), (35, |pod| unless_user_namespace(pod, proc_mount))]),
    baseline("seLinuxOptions", &[(0, |pod| se_linux(pod, false)), (31, |pod| se_linux(pod, true))]),
    baseline("seccompProfile_baseline", &[(0, seccomp_annotations), (19, seccomp_baseline)]),
    baseline(
        "sysctls",
        &[
            (0, |pod| sysctls(pod, 5)),
            (27, |pod| sysctls(pod, 6)),
            (29, |pod| sysctls(pod, 10)),
            (32, |pod| sysctls(pod, 12)),
        ],
    ),
    baseline("windowsHostProcess", &[(0, windows_host_process)]),
    restricted(
        "allowPrivilegeEscalation",
        &[(8, privilege_escalation), (25, |pod| unless_windows(pod, privilege_escalation))],
        "",
    ),
    restricted(
        "capabilities_restricted",
        &[(22, capabilities_restricted), (25, |pod| unless_windows(pod, capabilities_restricted))],
        "capabilities_baseline",
    ),
    restricted("procMount_restricted", &[(35, proc_mount)], "procMount"),
    restricted("restrictedVolumes", &[(0, restricted_volumes)], "hostPathVolumes"),
    restricted(
        "runAsNonRoot",
        &[(0, run_as_non_root), (35, |pod| unless_user_namespace(pod, run_as_non_root))],
        "",
    ),
    restricted("runAsUser", &[(23, run_as_user), (35, |pod| unless_user_namespace(pod, run_as_user))], ""),
    restricted(
        "seccompProfile_restricted",
        &[(19, seccomp_restricted), (25, |pod| unless_windows(pod, seccomp_restricted))],
        "seccompProfile_baseline",
    ),
];

const fn baseline(id: &'static str, versions: &'static [(u32, CheckPod)]) -> Check {
    Check { level: Level::Baseline, id, versions, overrides: "" }
}

const fn restricted(
    id: &'static str,
    versions: &'static [(u32, CheckPod)],
    overrides: &'static str,
) -> Check {
    Check { level: Level::Restricted, id, versions, overrides }
}

impl Check {
    fn at(&self, minor: u32) -> Option<CheckPod> {
        self.versions.iter().rev().find(|(since, _)| *since <= minor).map(|(_, check)| *check)
    }
}

/// What a level refuses in a pod.
pub(super) fn evaluate(level: LevelVersion, pod: PodView<'_>) -> Vec<Refusal> {
    let minor = match level.version {
        Version::Minor(minor) => minor,
        Version::Latest => u32::MAX,
    };
    let counts = |check: &&Check| check.level <= level.level && check.at(minor).is_some();
    let overridden = |id: &str| CHECKS.iter().filter(counts).any(|check| check.overrides == id);
    CHECKS
        .iter()
        .filter(counts)
        .filter(|check| !overridden(check.id))
        .filter_map(|check| check.at(minor)?(pod))
        .collect()
}

fn refuse(reason: impl Into<String>, detail: String) -> Option<Refusal> {
    Some(Refusal { reason: reason.into(), detail })
}

/// All containers, in the order of texts.
fn containers<'a>(pod: PodView<'a>) -> impl Iterator<Item = &'a Value> {
    ["initContainers", "containers", "ephemeralContainers"]
        .into_iter()
        .flat_map(move |key| list(Some(pod.spec), key))
}

fn name(container: &Value) -> &str {
    container.str_at(&["name"])
}

fn names<'a>(containers: impl Iterator<Item = &'a Value>) -> Vec<&'a str> {
    containers.map(name).collect()
}

fn quoted<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let quoted: Vec<String> = texts.into_iter().map(|text| format!("\"{}\"", text.as_ref())).collect();
    quoted.join(", ")
}

fn plural<'a>(one: &'a str, many: &'a str, count: usize) -> &'a str {
    if count == 1 { one } else { many }
}

/// `container "a"`, `containers "a", "b"`.
fn these(names: &[&str]) -> String {
    format!("{} {}", plural("container", "containers", names.len()), quoted(names))
}

/// `pod`, the containers, or both.
fn setters(pod: bool, containers: &[&str]) -> String {
    match (pod, containers) {
        (true, []) => "pod".to_owned(),
        (true, names) => format!("pod and {}", these(names)),
        (false, names) => these(names),
    }
}

fn truth(value: &Value, path: &[&str]) -> Option<bool> {
    value.at(path).and_then(Value::as_bool)
}

fn unless_windows(pod: PodView<'_>, check: CheckPod) -> Option<Refusal> {
    if pod.spec.str_at(&["os", "name"]) == "windows" { None } else { check(pod) }
}

/// Pods in a user namespace of their own may do more.
fn unless_user_namespace(pod: PodView<'_>, check: CheckPod) -> Option<Refusal> {
    if truth(pod.spec, &["hostUsers"]) == Some(false) { None } else { check(pod) }
}

/// What is wrong at a path below the security contexts of the pod and its containers.
struct Contexts<'a> {
    /// Whether it is wrong in the pod's own.
    pod: bool,
    /// The containers where it is.
    containers: Vec<&'a str>,
    /// The wrong values.
    values: BTreeSet<&'a str>,
}

fn wrong_types<'a>(pod: PodView<'a>, profile: &str, allowed: impl Fn(&str) -> bool) -> Contexts<'a> {
    let mut found = Contexts { pod: false, containers: Vec::new(), values: BTreeSet::new() };
    let at = |value: &'a Value| {
        let profile = value.at(&["securityContext", profile])?;
        Some(profile.str_at(&["type"])).filter(|ty| !allowed(ty))
    };
    if let Some(ty) = at(pod.spec) {
        found.pod = true;
        found.values.insert(ty);
    }
    for container in containers(pod) {
        if let Some(ty) = at(container) {
            found.containers.push(name(container));
            found.values.insert(ty);
        }
    }
    found
}

fn app_armor(pod: PodView<'_>) -> Option<Refusal> {
    const ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";
    let wrong = wrong_types(pod, "appArmorProfile", |ty| matches!(ty, "RuntimeDefault" | "Localhost"));
    let mut setters_of: Vec<String> = Vec::new();
    if wrong.pod || !wrong.containers.is_empty() {
        setters_of.push(setters(wrong.pod, &wrong.containers));
    }
    let mut values: Vec<String> = wrong.values.iter().map(ToString::to_string).collect();
    let allowed = |value: &str| matches!(value, "" | "runtime/default") || value.starts_with("localhost/");
    let annotations = pod.annotations.into_iter().flat_map(Map::iter);
    let annotations: Vec<String> = annotations
        .filter_map(|(key, value)| Some((key, value.as_str()?)))
        .filter(|(key, value)| key.starts_with(ANNOTATION) && !allowed(value))
        .map(|(key, value)| format!("{key}={}", quote(value)))
        .collect();
    if !annotations.is_empty() {
        setters_of.push(plural("annotation", "annotations", annotations.len()).to_owned());
        values.extend(annotations);
    }
    if setters_of.is_empty() {
        return None;
    }
    let reason = plural("forbidden AppArmor profile", "forbidden AppArmor profiles", values.len());
    let setters = setters_of.join(" and ");
    refuse(reason, format!("{setters} must not set AppArmor profile type to {}", quoted(&values)))
}

/// The capabilities of a list that are not among `allowed`.
fn capabilities<'a>(container: &'a Value, allowed: &[&str]) -> Vec<&'a str> {
    let added = list(container.at(&["securityContext", "capabilities"]), "add");
    added.iter().filter_map(Value::as_str).filter(|name| !allowed.contains(name)).collect()
}

fn capabilities_baseline(pod: PodView<'_>) -> Option<Refusal> {
    const DEFAULT: [&str; 13] = [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ];
    let bad = names(containers(pod).filter(|c| !capabilities(c, &DEFAULT).is_empty()));
    if bad.is_empty() {
        return None;
    }
    let wrong: BTreeSet<&str> = containers(pod).flat_map(|c| capabilities(c, &DEFAULT)).collect();
    let detail =
        format!("{} must not include {} in securityContext.capabilities.add", these(&bad), quoted(wrong));
    refuse("non-default capabilities", detail)
}

fn capabilities_restricted(pod: PodView<'_>) -> Option<Refusal> {
    const ALLOWED: [&str; 1] = ["NET_BIND_SERVICE"];
    let drops_all = |container: &Value| {
        let dropped = list(container.at(&["securityContext", "capabilities"]), "drop");
        dropped.iter().any(|name| name.as_str() == Some("ALL"))
    };
    let keeping = names(containers(pod).filter(|c| !drops_all(c)));
    let adding = names(containers(pod).filter(|c| !capabilities(c, &ALLOWED).is_empty()));
    let mut details = Vec::new();
    if !keeping.is_empty() {
        details.push(format!("{} must set securityContext.capabilities.drop=[\"ALL\"]", these(&keeping)));
    }
    if !adding.is_empty() {
        let wrong: BTreeSet<&str> = containers(pod).flat_map(|c| capabilities(c, &ALLOWED)).collect();
        details.push(format!(
            "{} must not include {} in securityContext.capabilities.add",
            these(&adding),
            quoted(wrong)
        ));
    }
    if details.is_empty() { None } else { refuse("unrestricted capabilities", details.join("; ")) }
}

fn host_namespaces(pod: PodView<'_>) -> Option<Refusal> {
    let shared = ["hostNetwork", "hostPID", "hostIPC"];
    let shared = shared.into_iter().filter(|field| truth(pod.spec, &[field]) == Some(true));
    let shared: Vec<String> = shared.map(|field| format!("{field}=true")).collect();
    if shared.is_empty() { None } else { refuse("host namespaces", shared.join(", ")) }
}

fn host_path_volumes(pod: PodView<'_>) -> Option<Refusal> {
    let bad = names(list(Some(pod.spec), "volumes").iter().filter(|v| v.get("hostPath").is_some()));
    if bad.is_empty() {
        return None;
    }
    refuse("hostPath volumes", format!("{} {}", plural("volume", "volumes", bad.len()), quoted(&bad)))
}

fn host_ports(pod: PodView<'_>) -> Option<Refusal> {
    let ports = |container: &Value| -> Vec<String> {
        let ports = list(Some(container), "ports").iter();
        let ports = ports.filter_map(|port| port.get("hostPort").and_then(Value::as_i64));
        ports.filter(|port| *port != 0).map(|port| port.to_string()).collect()
    };
    let bad = names(containers(pod).filter(|c| !ports(c).is_empty()));
    if bad.is_empty() {
        return None;
    }
    let used: BTreeSet<String> = containers(pod).flat_map(ports).collect();
    let (uses, word) = (plural("uses", "use", bad.len()), plural("hostPort", "hostPorts", used.len()));
    let used: Vec<String> = used.into_iter().collect();
    refuse("hostPort", format!("{} {uses} {word} {}", these(&bad), used.join(", ")))
}

fn host_probes(pod: PodView<'_>) -> Option<Refusal> {
    const HANDLERS: [&[&str]; 5] = [
        &["livenessProbe"],
        &["readinessProbe"],
        &["startupProbe"],
        &["lifecycle", "postStart"],
        &["lifecycle", "preStop"],
    ];
    let (mut bad, mut hosts) = (BTreeSet::new(), BTreeSet::new());
    for container in containers(pod) {
        for handler in HANDLERS.iter().filter_map(|path| container.at(path)) {
            for action in ["httpGet", "tcpSocket"] {
                let host = handler.str_at(&[action, "host"]);
                if !host.is_empty() {
                    bad.insert(name(container));
                    hosts.insert(host);
                }
            }
        }
    }
    if bad.is_empty() {
        return None;
    }
    let bad: Vec<&str> = bad.into_iter().collect();
    let word = plural("probe or lifecycle host", "probe or lifecycle hosts", hosts.len());
    let uses = plural("uses", "use", bad.len());
    refuse("probe or lifecycle host", format!("{} {uses} {word} {}", these(&bad), quoted(hosts)))
}

fn privileged(pod: PodView<'_>) -> Option<Refusal> {
    let bad = containers(pod).filter(|c| truth(c, &["securityContext", "privileged"]) == Some(true));
    let bad = names(bad);
    if bad.is_empty() {
        return None;
    }
    refuse("privileged", format!("{} must not set securityContext.privileged=true", these(&bad)))
}

fn proc_mount(pod: PodView<'_>) -> Option<Refusal> {
    let of = |container: &'_ Value| {
        let value = container.at(&["securityContext", "procMount"]).and_then(Value::as_str);
        value.filter(|value| *value != "Default").map(str::to_owned)
    };
    let bad = names(containers(pod).filter(|c| of(c).is_some()));
    if bad.is_empty() {
        return None;
    }
    let values: BTreeSet<String> = containers(pod).filter_map(of).collect();
    let detail = format!("{} must not set securityContext.procMount to {}", these(&bad), quoted(values));
    refuse("procMount", detail)
}

fn se_linux(pod: PodView<'_>, engine: bool) -> Option<Refusal> {
    let options = |value: &'_ Value| value.at(&["securityContext", "seLinuxOptions"]).cloned();
    let allowed = |ty: &str| {
        matches!(ty, "" | "container_t" | "container_init_t" | "container_kvm_t")
            || (engine && ty == "container_engine_t")
    };
    let sets = |options: &Value, key: &str| !options.str_at(&[key]).is_empty();
    let is_bad = |value: &Value| {
        options(value).is_some_and(|o| !allowed(o.str_at(&["type"])) || sets(&o, "user") || sets(&o, "role"))
    };
    let (of_pod, bad) = (is_bad(pod.spec), names(containers(pod).filter(|c| is_bad(c))));
    if !of_pod && bad.is_empty() {
        return None;
    }
    let all: Vec<Value> = std::iter::once(pod.spec).chain(containers(pod)).filter_map(options).collect();
    let types: BTreeSet<&str> = all.iter().map(|o| o.str_at(&["type"])).filter(|ty| !allowed(ty)).collect();
    let mut data = Vec::new();
    if !types.is_empty() {
        data.push(format!("{} {}", plural("type", "types", types.len()), quoted(types)));
    }
    for key in ["user", "role"] {
        if all.iter().any(|o| sets(o, key)) {
            data.push(format!("{key} may not be set"));
        }
    }
    let setters = setters(of_pod, &bad);
    let data = data.join("; ");
    refuse("seLinuxOptions", format!("{setters} set forbidden securityContext.seLinuxOptions: {data}"))
}

fn seccomp_annotations(pod: PodView<'_>) -> Option<Refusal> {
    const OF_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
    const OF_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
    let allowed = |value: &str| {
        matches!(value, "runtime/default" | "docker/default") || value.starts_with("localhost/")
    };
    let keys = containers(pod).map(|container| format!("{OF_CONTAINER}{}", name(container)));
    let mut bad = BTreeSet::new();
    for key in std::iter::once(OF_POD.to_owned()).chain(keys) {
        let value = pod.annotations.and_then(|all| all.get(&key)).and_then(Value::as_str);
        if let Some(value) = value.filter(|value| !allowed(value)) {
            bad.insert(format!("{key}={}", quote(value)));
        }
    }
    if bad.is_empty() {
        return None;
    }
    let word = plural("annotation", "annotations", bad.len());
    let bad: Vec<String> = bad.into_iter().collect();
    refuse("seccompProfile", format!("forbidden {word} {}", bad.join(", ")))
}

fn seccomp_baseline(pod: PodView<'_>) -> Option<Refusal> {
    let wrong = wrong_types(pod, "seccompProfile", |ty| matches!(ty, "Localhost" | "RuntimeDefault"));
    if !wrong.pod && wrong.containers.is_empty() {
        return None;
    }
    let detail = format!(
        "{} must not set securityContext.seccompProfile.type to {}",
        setters(wrong.pod, &wrong.containers),
        quoted(wrong.values)
    );
    refuse("seccompProfile", detail)
}

fn seccomp_restricted(pod: PodView<'_>) -> Option<Refusal> {
    const PROFILE: [&str; 2] = ["securityContext", "seccompProfile"];
    if let Some(refusal) = seccomp_baseline(pod) {
        return Some(refusal);
    }
    if pod.spec.at(&PROFILE).is_some() {
        return None;
    }
    let bad = names(containers(pod).filter(|c| c.at(&PROFILE).is_none()));
    if bad.is_empty() {
        return None;
    }
    let detail = format!(
        "pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"",
        these(&bad)
    );
    refuse("seccompProfile", detail)
}

/// Those that are safe, in the order in which they came to be so.
const SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];

fn sysctls(pod: PodView<'_>, known: usize) -> Option<Refusal> {
    let safe = SYSCTLS.get(..known).unwrap_or(&SYSCTLS);
    let bad = names(list(pod.spec.get("securityContext"), "sysctls").iter());
    let bad: Vec<&str> = bad.into_iter().filter(|name| !safe.contains(name)).collect();
    if bad.is_empty() { None } else { refuse("forbidden sysctls", bad.join(", ")) }
}

fn windows_host_process(pod: PodView<'_>) -> Option<Refusal> {
    let sets =
        |value: &Value| truth(value, &["securityContext", "windowsOptions", "hostProcess"]) == Some(true);
    let (of_pod, bad) = (sets(pod.spec), names(containers(pod).filter(|c| sets(c))));
    if !of_pod && bad.is_empty() {
        return None;
    }
    let setters = setters(of_pod, &bad);
    refuse("hostProcess", format!("{setters} must not set securityContext.windowsOptions.hostProcess=true"))
}

fn privilege_escalation(pod: PodView<'_>) -> Option<Refusal> {
    let allows = |c: &&Value| truth(c, &["securityContext", "allowPrivilegeEscalation"]) != Some(false);
    let bad = names(containers(pod).filter(allows));
    if bad.is_empty() {
        return None;
    }
    let detail = format!("{} must set securityContext.allowPrivilegeEscalation=false", these(&bad));
    refuse("allowPrivilegeEscalation != false", detail)
}

fn restricted_volumes(pod: PodView<'_>) -> Option<Refusal> {
    const ALLOWED: [&str; 9] = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    /// In the order in which upstream looks for them.
    const RESTRICTED: [&str; 21] = [
        "hostPath",
        "gcePersistentDisk",
        "awsElasticBlockStore",
        "gitRepo",
        "nfs",
        "iscsi",
        "glusterfs",
        "rbd",
        "flexVolume",
        "cinder",
        "cephfs",
        "flocker",
        "fc",
        "azureFile",
        "vsphereVolume",
        "quobyte",
        "azureDisk",
        "photonPersistentDisk",
        "portworxVolume",
        "scaleIO",
        "storageos",
    ];
    let has = |volume: &Value, kinds: &[&'static str]| {
        kinds.iter().copied().find(|kind| volume.get(kind).is_some())
    };
    let volumes = list(Some(pod.spec), "volumes").iter();
    let bad: Vec<&Value> = volumes.filter(|volume| has(volume, &ALLOWED).is_none()).collect();
    if bad.is_empty() {
        return None;
    }
    let kinds: BTreeSet<&str> =
        bad.iter().map(|volume| has(volume, &RESTRICTED).unwrap_or("unknown")).collect();
    let count = bad.len();
    let detail = format!(
        "{} {} {} {} {}",
        plural("volume", "volumes", count),
        quoted(names(bad.into_iter())),
        plural("uses", "use", count),
        plural("restricted volume type", "restricted volume types", kinds.len()),
        quoted(kinds)
    );
    refuse("restricted volume types", detail)
}

fn run_as_non_root(pod: PodView<'_>) -> Option<Refusal> {
    const REASON: &str = "runAsNonRoot != true";
    let of = |value: &Value| truth(value, &["securityContext", "runAsNonRoot"]);
    let of_pod = of(pod.spec);
    let explicit = names(containers(pod).filter(|c| of(c) == Some(false)));
    if of_pod == Some(false) || !explicit.is_empty() {
        let setters = setters(of_pod == Some(false), &explicit);
        return refuse(REASON, format!("{setters} must not set securityContext.runAsNonRoot=false"));
    }
    let implicit = names(containers(pod).filter(|c| of(c).is_none()));
    if of_pod == Some(true) || implicit.is_empty() {
        return None;
    }
    refuse(REASON, format!("pod or {} must set securityContext.runAsNonRoot=true", these(&implicit)))
}

fn run_as_user(pod: PodView<'_>) -> Option<Refusal> {
    let root = |value: &Value| value.at(&["securityContext", "runAsUser"]).and_then(Value::as_i64) == Some(0);
    let (of_pod, bad) = (root(pod.spec), names(containers(pod).filter(|c| root(c))));
    if !of_pod && bad.is_empty() {
        return None;
    }
    refuse("runAsUser=0", format!("{} must not set runAsUser=0", setters(of_pod, &bad)))
}
