//! How parts of pods look where errors show them whole: upstream prints its internal types.
//!
//! Facts: the members of those types in their order, by JSON name and Go's.

mod volumes;

use keelson_apimachinery::Value;

use crate::validation::shared::render::Shape::{self, Flag, Int, Json, List, Pointer, Struct, Text};
use crate::validation::shared::render::json;
use crate::validation::shared::selector::SELECTOR;

pub(super) use volumes::CLUSTER_TRUST_BUNDLE_PROJECTION;
use volumes::{LOCAL_OBJECT_REFERENCE, OBJECT_FIELD_SELECTOR, RESOURCE_FIELD_SELECTOR, VOLUME};

/// The spec of a pod as JSON. What pods share with their host stands in the security context
/// upstream.
pub(super) fn pod_spec_for_show(spec: Option<&Value>) -> String {
    let mut spec = spec.and_then(Value::as_object).cloned().unwrap_or_default();
    let mut context = spec.get("securityContext").and_then(Value::as_object).cloned().unwrap_or_default();
    for member in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"] {
        if let Some(value) = spec.remove(member) {
            context.insert(member, value);
        }
    }
    spec.insert("securityContext", context);
    json(Some(&Value::Object(spec)), &POD_SPEC)
}

/// Lists of what errors show whole.
pub(super) const POD_IPS: Shape = List(&POD_IP);
/// As [`POD_IPS`], of hosts.
pub(super) const HOST_IPS: Shape = List(&HOST_IP);
/// Terms of a node selector.
pub(super) const NODE_SELECTOR_TERMS: Shape = List(&NODE_SELECTOR_TERM);

const CONTAINER_PORT: Shape = Struct(&[
    ("name", "Name", Text),
    ("hostPort", "HostPort", Int),
    ("containerPort", "ContainerPort", Int),
    ("protocol", "Protocol", Text),
    ("hostIP", "HostIP", Text),
]);

const CONFIG_MAP_ENV_SOURCE: Shape = Struct(&[("name", "Name", Text), ("optional", "Optional", Json)]);

const SECRET_ENV_SOURCE: Shape = Struct(&[("name", "Name", Text), ("optional", "Optional", Json)]);

const ENV_FROM_SOURCE: Shape = Struct(&[
    ("prefix", "Prefix", Text),
    ("configMapRef", "ConfigMapRef", Pointer(&CONFIG_MAP_ENV_SOURCE)),
    ("secretRef", "SecretRef", Pointer(&SECRET_ENV_SOURCE)),
]);

const CONFIG_MAP_KEY_SELECTOR: Shape =
    Struct(&[("name", "Name", Text), ("key", "Key", Text), ("optional", "Optional", Json)]);

const SECRET_KEY_SELECTOR: Shape =
    Struct(&[("name", "Name", Text), ("key", "Key", Text), ("optional", "Optional", Json)]);

const FILE_KEY_SELECTOR: Shape = Struct(&[
    ("volumeName", "VolumeName", Text),
    ("path", "Path", Text),
    ("key", "Key", Text),
    ("optional", "Optional", Json),
]);

const ENV_VAR_SOURCE: Shape = Struct(&[
    ("fieldRef", "FieldRef", Pointer(&OBJECT_FIELD_SELECTOR)),
    ("resourceFieldRef", "ResourceFieldRef", Pointer(&RESOURCE_FIELD_SELECTOR)),
    ("configMapKeyRef", "ConfigMapKeyRef", Pointer(&CONFIG_MAP_KEY_SELECTOR)),
    ("secretKeyRef", "SecretKeyRef", Pointer(&SECRET_KEY_SELECTOR)),
    ("fileKeyRef", "FileKeyRef", Pointer(&FILE_KEY_SELECTOR)),
]);

const ENV_VAR: Shape = Struct(&[
    ("name", "Name", Text),
    ("value", "Value", Text),
    ("valueFrom", "ValueFrom", Pointer(&ENV_VAR_SOURCE)),
]);

const RESOURCE_CLAIM: Shape = Struct(&[("name", "Name", Text), ("request", "Request", Text)]);

const RESOURCE_REQUIREMENTS: Shape = Struct(&[
    ("limits", "Limits", Json),
    ("requests", "Requests", Json),
    ("claims", "Claims", List(&RESOURCE_CLAIM)),
]);

const CONTAINER_RESIZE_POLICY: Shape =
    Struct(&[("resourceName", "ResourceName", Text), ("restartPolicy", "RestartPolicy", Text)]);

const CONTAINER_RESTART_RULE_ON_EXIT_CODES: Shape =
    Struct(&[("operator", "Operator", Text), ("values", "Values", Json)]);

const CONTAINER_RESTART_RULE: Shape = Struct(&[
    ("action", "Action", Text),
    ("exitCodes", "ExitCodes", Pointer(&CONTAINER_RESTART_RULE_ON_EXIT_CODES)),
]);

const VOLUME_MOUNT: Shape = Struct(&[
    ("name", "Name", Text),
    ("readOnly", "ReadOnly", Flag),
    ("recursiveReadOnly", "RecursiveReadOnly", Json),
    ("mountPath", "MountPath", Text),
    ("subPath", "SubPath", Text),
    ("mountPropagation", "MountPropagation", Json),
    ("subPathExpr", "SubPathExpr", Text),
]);

const VOLUME_DEVICE: Shape = Struct(&[("name", "Name", Text), ("devicePath", "DevicePath", Text)]);

const EXEC_ACTION: Shape = Struct(&[("command", "Command", Json)]);

const HTTP_HEADER: Shape = Struct(&[("name", "Name", Text), ("value", "Value", Text)]);

const HTTP_GET_ACTION: Shape = Struct(&[
    ("path", "Path", Text),
    ("port", "Port", Json),
    ("host", "Host", Text),
    ("scheme", "Scheme", Text),
    ("httpHeaders", "HTTPHeaders", List(&HTTP_HEADER)),
]);

const TCP_SOCKET_ACTION: Shape = Struct(&[("port", "Port", Json), ("host", "Host", Text)]);

const GRPC_ACTION: Shape = Struct(&[("port", "Port", Int), ("service", "Service", Json)]);

const PROBE: Shape = Struct(&[
    ("exec", "Exec", Pointer(&EXEC_ACTION)),
    ("httpGet", "HTTPGet", Pointer(&HTTP_GET_ACTION)),
    ("tcpSocket", "TCPSocket", Pointer(&TCP_SOCKET_ACTION)),
    ("grpc", "GRPC", Pointer(&GRPC_ACTION)),
    ("initialDelaySeconds", "InitialDelaySeconds", Int),
    ("timeoutSeconds", "TimeoutSeconds", Int),
    ("periodSeconds", "PeriodSeconds", Int),
    ("successThreshold", "SuccessThreshold", Int),
    ("failureThreshold", "FailureThreshold", Int),
    ("terminationGracePeriodSeconds", "TerminationGracePeriodSeconds", Json),
]);

const SLEEP_ACTION: Shape = Struct(&[("seconds", "Seconds", Int)]);

const LIFECYCLE_HANDLER: Shape = Struct(&[
    ("exec", "Exec", Pointer(&EXEC_ACTION)),
    ("httpGet", "HTTPGet", Pointer(&HTTP_GET_ACTION)),
    ("tcpSocket", "TCPSocket", Pointer(&TCP_SOCKET_ACTION)),
    ("sleep", "Sleep", Pointer(&SLEEP_ACTION)),
]);

const LIFECYCLE: Shape = Struct(&[
    ("postStart", "PostStart", Pointer(&LIFECYCLE_HANDLER)),
    ("preStop", "PreStop", Pointer(&LIFECYCLE_HANDLER)),
    ("stopSignal", "StopSignal", Json),
]);

const CAPABILITIES: Shape = Struct(&[("add", "Add", Json), ("drop", "Drop", Json)]);

const SE_LINUX_OPTIONS: Shape = Struct(&[
    ("user", "User", Text),
    ("role", "Role", Text),
    ("type", "Type", Text),
    ("level", "Level", Text),
]);

const WINDOWS_SECURITY_CONTEXT_OPTIONS: Shape = Struct(&[
    ("gmsaCredentialSpecName", "GMSACredentialSpecName", Json),
    ("gmsaCredentialSpec", "GMSACredentialSpec", Json),
    ("runAsUserName", "RunAsUserName", Json),
    ("hostProcess", "HostProcess", Json),
]);

pub(super) const SECCOMP_PROFILE: Shape =
    Struct(&[("type", "Type", Text), ("localhostProfile", "LocalhostProfile", Json)]);

const APP_ARMOR_PROFILE: Shape =
    Struct(&[("type", "Type", Text), ("localhostProfile", "LocalhostProfile", Json)]);

pub(super) const SECURITY_CONTEXT: Shape = Struct(&[
    ("capabilities", "Capabilities", Pointer(&CAPABILITIES)),
    ("privileged", "Privileged", Json),
    ("seLinuxOptions", "SELinuxOptions", Pointer(&SE_LINUX_OPTIONS)),
    ("windowsOptions", "WindowsOptions", Pointer(&WINDOWS_SECURITY_CONTEXT_OPTIONS)),
    ("runAsUser", "RunAsUser", Json),
    ("runAsGroup", "RunAsGroup", Json),
    ("runAsNonRoot", "RunAsNonRoot", Json),
    ("readOnlyRootFilesystem", "ReadOnlyRootFilesystem", Json),
    ("allowPrivilegeEscalation", "AllowPrivilegeEscalation", Json),
    ("procMount", "ProcMount", Json),
    ("seccompProfile", "SeccompProfile", Pointer(&SECCOMP_PROFILE)),
    ("appArmorProfile", "AppArmorProfile", Pointer(&APP_ARMOR_PROFILE)),
]);

const CONTAINER: Shape = Struct(&[
    ("name", "Name", Text),
    ("image", "Image", Text),
    ("command", "Command", Json),
    ("args", "Args", Json),
    ("workingDir", "WorkingDir", Text),
    ("ports", "Ports", List(&CONTAINER_PORT)),
    ("envFrom", "EnvFrom", List(&ENV_FROM_SOURCE)),
    ("env", "Env", List(&ENV_VAR)),
    ("resources", "Resources", RESOURCE_REQUIREMENTS),
    ("resizePolicy", "ResizePolicy", List(&CONTAINER_RESIZE_POLICY)),
    ("restartPolicy", "RestartPolicy", Json),
    ("restartPolicyRules", "RestartPolicyRules", List(&CONTAINER_RESTART_RULE)),
    ("volumeMounts", "VolumeMounts", List(&VOLUME_MOUNT)),
    ("volumeDevices", "VolumeDevices", List(&VOLUME_DEVICE)),
    ("livenessProbe", "LivenessProbe", Pointer(&PROBE)),
    ("readinessProbe", "ReadinessProbe", Pointer(&PROBE)),
    ("startupProbe", "StartupProbe", Pointer(&PROBE)),
    ("lifecycle", "Lifecycle", Pointer(&LIFECYCLE)),
    ("terminationMessagePath", "TerminationMessagePath", Text),
    ("terminationMessagePolicy", "TerminationMessagePolicy", Text),
    ("imagePullPolicy", "ImagePullPolicy", Text),
    ("securityContext", "SecurityContext", Pointer(&SECURITY_CONTEXT)),
    ("stdin", "Stdin", Flag),
    ("stdinOnce", "StdinOnce", Flag),
    ("tty", "TTY", Flag),
]);

pub(super) const EPHEMERAL_CONTAINER: Shape = Struct(&[
    ("name", "Name", Text),
    ("image", "Image", Text),
    ("command", "Command", Json),
    ("args", "Args", Json),
    ("workingDir", "WorkingDir", Text),
    ("ports", "Ports", List(&CONTAINER_PORT)),
    ("envFrom", "EnvFrom", List(&ENV_FROM_SOURCE)),
    ("env", "Env", List(&ENV_VAR)),
    ("resources", "Resources", RESOURCE_REQUIREMENTS),
    ("resizePolicy", "ResizePolicy", List(&CONTAINER_RESIZE_POLICY)),
    ("restartPolicy", "RestartPolicy", Json),
    ("restartPolicyRules", "RestartPolicyRules", List(&CONTAINER_RESTART_RULE)),
    ("volumeMounts", "VolumeMounts", List(&VOLUME_MOUNT)),
    ("volumeDevices", "VolumeDevices", List(&VOLUME_DEVICE)),
    ("livenessProbe", "LivenessProbe", Pointer(&PROBE)),
    ("readinessProbe", "ReadinessProbe", Pointer(&PROBE)),
    ("startupProbe", "StartupProbe", Pointer(&PROBE)),
    ("lifecycle", "Lifecycle", Pointer(&LIFECYCLE)),
    ("terminationMessagePath", "TerminationMessagePath", Text),
    ("terminationMessagePolicy", "TerminationMessagePolicy", Text),
    ("imagePullPolicy", "ImagePullPolicy", Text),
    ("securityContext", "SecurityContext", Pointer(&SECURITY_CONTEXT)),
    ("stdin", "Stdin", Flag),
    ("stdinOnce", "StdinOnce", Flag),
    ("tty", "TTY", Flag),
    ("targetContainerName", "TargetContainerName", Text),
]);

const SYSCTL: Shape = Struct(&[("name", "Name", Text), ("value", "Value", Text)]);

const POD_SECURITY_CONTEXT: Shape = Struct(&[
    ("hostNetwork", "HostNetwork", Flag),
    ("hostPID", "HostPID", Flag),
    ("hostIPC", "HostIPC", Flag),
    ("shareProcessNamespace", "ShareProcessNamespace", Json),
    ("hostUsers", "HostUsers", Json),
    ("seLinuxOptions", "SELinuxOptions", Pointer(&SE_LINUX_OPTIONS)),
    ("windowsOptions", "WindowsOptions", Pointer(&WINDOWS_SECURITY_CONTEXT_OPTIONS)),
    ("runAsUser", "RunAsUser", Json),
    ("runAsGroup", "RunAsGroup", Json),
    ("runAsNonRoot", "RunAsNonRoot", Json),
    ("supplementalGroups", "SupplementalGroups", Json),
    ("supplementalGroupsPolicy", "SupplementalGroupsPolicy", Json),
    ("fsGroup", "FSGroup", Json),
    ("fsGroupChangePolicy", "FSGroupChangePolicy", Json),
    ("sysctls", "Sysctls", List(&SYSCTL)),
    ("seccompProfile", "SeccompProfile", Pointer(&SECCOMP_PROFILE)),
    ("appArmorProfile", "AppArmorProfile", Pointer(&APP_ARMOR_PROFILE)),
    ("seLinuxChangePolicy", "SELinuxChangePolicy", Json),
]);

const NODE_SELECTOR_REQUIREMENT: Shape =
    Struct(&[("key", "Key", Text), ("operator", "Operator", Text), ("values", "Values", Json)]);

pub(super) const NODE_SELECTOR_TERM: Shape = Struct(&[
    ("matchExpressions", "MatchExpressions", List(&NODE_SELECTOR_REQUIREMENT)),
    ("matchFields", "MatchFields", List(&NODE_SELECTOR_REQUIREMENT)),
]);

const NODE_SELECTOR: Shape = Struct(&[("nodeSelectorTerms", "NodeSelectorTerms", List(&NODE_SELECTOR_TERM))]);

const PREFERRED_SCHEDULING_TERM: Shape =
    Struct(&[("weight", "Weight", Int), ("preference", "Preference", NODE_SELECTOR_TERM)]);

const NODE_AFFINITY: Shape = Struct(&[
    (
        "requiredDuringSchedulingIgnoredDuringExecution",
        "RequiredDuringSchedulingIgnoredDuringExecution",
        Pointer(&NODE_SELECTOR),
    ),
    (
        "preferredDuringSchedulingIgnoredDuringExecution",
        "PreferredDuringSchedulingIgnoredDuringExecution",
        List(&PREFERRED_SCHEDULING_TERM),
    ),
]);

const POD_AFFINITY_TERM: Shape = Struct(&[
    ("labelSelector", "LabelSelector", Pointer(&SELECTOR)),
    ("namespaces", "Namespaces", Json),
    ("topologyKey", "TopologyKey", Text),
    ("namespaceSelector", "NamespaceSelector", Pointer(&SELECTOR)),
    ("matchLabelKeys", "MatchLabelKeys", Json),
    ("mismatchLabelKeys", "MismatchLabelKeys", Json),
]);

const WEIGHTED_POD_AFFINITY_TERM: Shape =
    Struct(&[("weight", "Weight", Int), ("podAffinityTerm", "PodAffinityTerm", POD_AFFINITY_TERM)]);

const POD_AFFINITY: Shape = Struct(&[
    (
        "requiredDuringSchedulingIgnoredDuringExecution",
        "RequiredDuringSchedulingIgnoredDuringExecution",
        List(&POD_AFFINITY_TERM),
    ),
    (
        "preferredDuringSchedulingIgnoredDuringExecution",
        "PreferredDuringSchedulingIgnoredDuringExecution",
        List(&WEIGHTED_POD_AFFINITY_TERM),
    ),
]);

const POD_ANTI_AFFINITY: Shape = Struct(&[
    (
        "requiredDuringSchedulingIgnoredDuringExecution",
        "RequiredDuringSchedulingIgnoredDuringExecution",
        List(&POD_AFFINITY_TERM),
    ),
    (
        "preferredDuringSchedulingIgnoredDuringExecution",
        "PreferredDuringSchedulingIgnoredDuringExecution",
        List(&WEIGHTED_POD_AFFINITY_TERM),
    ),
]);

const AFFINITY: Shape = Struct(&[
    ("nodeAffinity", "NodeAffinity", Pointer(&NODE_AFFINITY)),
    ("podAffinity", "PodAffinity", Pointer(&POD_AFFINITY)),
    ("podAntiAffinity", "PodAntiAffinity", Pointer(&POD_ANTI_AFFINITY)),
]);

const TOLERATION: Shape = Struct(&[
    ("key", "Key", Text),
    ("operator", "Operator", Text),
    ("value", "Value", Text),
    ("effect", "Effect", Text),
    ("tolerationSeconds", "TolerationSeconds", Json),
]);

const HOST_ALIAS: Shape = Struct(&[("ip", "IP", Text), ("hostnames", "Hostnames", Json)]);

const POD_DNS_CONFIG_OPTION: Shape = Struct(&[("name", "Name", Text), ("value", "Value", Json)]);

const POD_DNS_CONFIG: Shape = Struct(&[
    ("nameservers", "Nameservers", Json),
    ("searches", "Searches", Json),
    ("options", "Options", List(&POD_DNS_CONFIG_OPTION)),
]);

const POD_READINESS_GATE: Shape = Struct(&[("conditionType", "ConditionType", Text)]);

const TOPOLOGY_SPREAD_CONSTRAINT: Shape = Struct(&[
    ("maxSkew", "MaxSkew", Int),
    ("topologyKey", "TopologyKey", Text),
    ("whenUnsatisfiable", "WhenUnsatisfiable", Text),
    ("labelSelector", "LabelSelector", Pointer(&SELECTOR)),
    ("minDomains", "MinDomains", Json),
    ("nodeAffinityPolicy", "NodeAffinityPolicy", Json),
    ("nodeTaintsPolicy", "NodeTaintsPolicy", Json),
    ("matchLabelKeys", "MatchLabelKeys", Json),
]);

const POD_OS: Shape = Struct(&[("name", "Name", Text)]);

const POD_SCHEDULING_GATE: Shape = Struct(&[("name", "Name", Text)]);

pub(super) const POD_RESOURCE_CLAIM: Shape = Struct(&[
    ("name", "Name", Text),
    ("resourceClaimName", "ResourceClaimName", Json),
    ("resourceClaimTemplateName", "ResourceClaimTemplateName", Json),
]);

const POD_SCHEDULING_GROUP: Shape = Struct(&[("podGroupName", "PodGroupName", Json)]);

const POD_SPEC: Shape = Struct(&[
    ("volumes", "Volumes", List(&VOLUME)),
    ("initContainers", "InitContainers", List(&CONTAINER)),
    ("containers", "Containers", List(&CONTAINER)),
    ("ephemeralContainers", "EphemeralContainers", List(&EPHEMERAL_CONTAINER)),
    ("restartPolicy", "RestartPolicy", Text),
    ("terminationGracePeriodSeconds", "TerminationGracePeriodSeconds", Json),
    ("activeDeadlineSeconds", "ActiveDeadlineSeconds", Json),
    ("dnsPolicy", "DNSPolicy", Text),
    ("nodeSelector", "NodeSelector", Json),
    ("serviceAccountName", "ServiceAccountName", Text),
    ("automountServiceAccountToken", "AutomountServiceAccountToken", Json),
    ("nodeName", "NodeName", Text),
    ("securityContext", "SecurityContext", Pointer(&POD_SECURITY_CONTEXT)),
    ("imagePullSecrets", "ImagePullSecrets", List(&LOCAL_OBJECT_REFERENCE)),
    ("hostname", "Hostname", Text),
    ("subdomain", "Subdomain", Text),
    ("setHostnameAsFQDN", "SetHostnameAsFQDN", Json),
    ("affinity", "Affinity", Pointer(&AFFINITY)),
    ("schedulerName", "SchedulerName", Text),
    ("tolerations", "Tolerations", List(&TOLERATION)),
    ("hostAliases", "HostAliases", List(&HOST_ALIAS)),
    ("priorityClassName", "PriorityClassName", Text),
    ("priority", "Priority", Json),
    ("preemptionPolicy", "PreemptionPolicy", Json),
    ("dnsConfig", "DNSConfig", Pointer(&POD_DNS_CONFIG)),
    ("readinessGates", "ReadinessGates", List(&POD_READINESS_GATE)),
    ("runtimeClassName", "RuntimeClassName", Json),
    ("overhead", "Overhead", Json),
    ("enableServiceLinks", "EnableServiceLinks", Json),
    ("topologySpreadConstraints", "TopologySpreadConstraints", List(&TOPOLOGY_SPREAD_CONSTRAINT)),
    ("os", "OS", Pointer(&POD_OS)),
    ("schedulingGates", "SchedulingGates", List(&POD_SCHEDULING_GATE)),
    ("resourceClaims", "ResourceClaims", List(&POD_RESOURCE_CLAIM)),
    ("resources", "Resources", Pointer(&RESOURCE_REQUIREMENTS)),
    ("hostnameOverride", "HostnameOverride", Json),
    ("schedulingGroup", "SchedulingGroup", Pointer(&POD_SCHEDULING_GROUP)),
]);

const POD_IP: Shape = Struct(&[("ip", "IP", Text)]);

const HOST_IP: Shape = Struct(&[("ip", "IP", Text)]);
