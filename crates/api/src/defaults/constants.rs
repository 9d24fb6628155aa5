//! Constant defaults: type → field → value, set where the field is absent. `null` is absent; so is the zero value
//! (`""`, 0, an empty list) of a field that is no pointer in Go.
//!
//! A field may be a path through embedded structs. What the schema declares itself (`Field::default`) is not
//! repeated here.

/// A constant value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Constant {
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A string.
    Text(&'static str),
    /// An empty object.
    Empty,
    /// A list of one string.
    One(&'static str),
}

use Constant::{Bool, Empty, Int, One, Text};

/// The fields of a type.
pub(super) type Fields = &'static [(&'static str, Constant)];

/// A package and its types.
pub(super) type Package = (&'static str, &'static [(&'static str, Fields)]);

const WEBHOOK: Fields = &[
    ("failurePolicy", Text("Fail")),
    ("matchPolicy", Text("Equivalent")),
    ("namespaceSelector", Empty),
    ("objectSelector", Empty),
    ("timeoutSeconds", Int(10)),
];

const MATCH_RESOURCES: Fields =
    &[("matchPolicy", Text("Equivalent")), ("namespaceSelector", Empty), ("objectSelector", Empty)];

const FAIL: Fields = &[("failurePolicy", Text("Fail"))];

const HTTPS: Fields = &[("port", Int(443))];

const MODE: Fields = &[("defaultMode", Int(0o644))];

const RBAC: &str = "rbac.authorization.k8s.io";

/// All packages.
pub(super) const TABLE: &[Package] = &[
    (
        "io.k8s.api.admissionregistration.v1",
        &[
            ("MatchResources", MATCH_RESOURCES),
            ("MutatingAdmissionPolicySpec", FAIL),
            ("MutatingWebhook", WEBHOOK),
            ("MutatingWebhook", &[("reinvocationPolicy", Text("Never"))]),
            ("Rule", &[("scope", Text("*"))]),
            ("ServiceReference", HTTPS),
            ("ValidatingAdmissionPolicySpec", FAIL),
            ("ValidatingWebhook", WEBHOOK),
        ],
    ),
    (
        "io.k8s.api.admissionregistration.v1beta1",
        &[
            ("MatchResources", MATCH_RESOURCES),
            ("MutatingAdmissionPolicySpec", FAIL),
            ("ValidatingAdmissionPolicySpec", FAIL),
        ],
    ),
    (
        "io.k8s.api.apps.v1",
        &[
            (
                "DaemonSetSpec",
                &[("revisionHistoryLimit", Int(10)), ("updateStrategy.type", Text("RollingUpdate"))],
            ),
            (
                "DeploymentSpec",
                &[
                    ("progressDeadlineSeconds", Int(600)),
                    ("replicas", Int(1)),
                    ("revisionHistoryLimit", Int(10)),
                    ("strategy.type", Text("RollingUpdate")),
                ],
            ),
            ("ReplicaSetSpec", &[("replicas", Int(1))]),
            (
                "StatefulSetPersistentVolumeClaimRetentionPolicy",
                &[("whenDeleted", Text("Retain")), ("whenScaled", Text("Retain"))],
            ),
            (
                "StatefulSetSpec",
                &[
                    ("persistentVolumeClaimRetentionPolicy", Empty),
                    ("podManagementPolicy", Text("OrderedReady")),
                    ("replicas", Int(1)),
                    ("revisionHistoryLimit", Int(10)),
                ],
            ),
        ],
    ),
    ("io.k8s.api.authentication.v1", &[("TokenRequestSpec", &[("expirationSeconds", Int(3600))])]),
    ("io.k8s.api.autoscaling.v1", &[("HorizontalPodAutoscalerSpec", &[("minReplicas", Int(1))])]),
    ("io.k8s.api.autoscaling.v2", &[("HorizontalPodAutoscalerSpec", &[("minReplicas", Int(1))])]),
    (
        "io.k8s.api.batch.v1",
        &[
            (
                "CronJobSpec",
                &[
                    ("concurrencyPolicy", Text("Allow")),
                    ("failedJobsHistoryLimit", Int(1)),
                    ("successfulJobsHistoryLimit", Int(3)),
                    ("suspend", Bool(false)),
                ],
            ),
            // A CronJob's template has none of these.
            (
                "Job",
                &[
                    ("spec.completionMode", Text("NonIndexed")),
                    ("spec.manualSelector", Bool(false)),
                    ("spec.suspend", Bool(false)),
                ],
            ),
            ("PodFailurePolicyOnPodConditionsPattern", &[("status", Text("True"))]),
        ],
    ),
    (
        "io.k8s.api.core.v1",
        &[
            ("ConfigMapVolumeSource", MODE),
            (
                "Container",
                &[
                    ("terminationMessagePath", Text("/dev/termination-log")),
                    ("terminationMessagePolicy", Text("File")),
                ],
            ),
            ("DownwardAPIVolumeSource", MODE),
            ("EndpointPort", &[("protocol", Text("TCP"))]),
            (
                "EphemeralContainerCommon",
                &[
                    ("terminationMessagePath", Text("/dev/termination-log")),
                    ("terminationMessagePolicy", Text("File")),
                ],
            ),
            ("HTTPGetAction", &[("path", Text("/")), ("scheme", Text("HTTP"))]),
            ("HostPathVolumeSource", &[("type", Text(""))]),
            ("NamespaceStatus", &[("phase", Text("Active"))]),
            ("ObjectFieldSelector", &[("apiVersion", Text("v1"))]),
            // The claim of a VolumeAttachment's inline volume has none of these.
            (
                "PersistentVolume",
                &[
                    ("spec.persistentVolumeReclaimPolicy", Text("Retain")),
                    ("spec.volumeMode", Text("Filesystem")),
                    ("status.phase", Text("Pending")),
                ],
            ),
            ("PersistentVolumeClaim", &[("status.phase", Text("Pending"))]),
            ("PersistentVolumeClaimSpec", &[("volumeMode", Text("Filesystem"))]),
            // Pod templates have none of this.
            ("Pod", &[("spec.enableServiceLinks", Bool(true))]),
            (
                "PodSpec",
                &[
                    ("dnsPolicy", Text("ClusterFirst")),
                    ("restartPolicy", Text("Always")),
                    ("schedulerName", Text("default-scheduler")),
                    ("securityContext", Empty),
                    ("terminationGracePeriodSeconds", Int(30)),
                ],
            ),
            (
                "Probe",
                &[
                    ("failureThreshold", Int(3)),
                    ("periodSeconds", Int(10)),
                    ("successThreshold", Int(1)),
                    ("timeoutSeconds", Int(1)),
                ],
            ),
            ("ProjectedVolumeSource", MODE),
            ("Secret", &[("type", Text("Opaque"))]),
            ("SecretVolumeSource", MODE),
            ("Service", &[("spec.sessionAffinity", Text("None")), ("spec.type", Text("ClusterIP"))]),
            ("ServiceAccountTokenProjection", &[("expirationSeconds", Int(3600))]),
        ],
    ),
    ("io.k8s.api.discovery.v1", &[("EndpointPort", &[("name", Text("")), ("protocol", Text("TCP"))])]),
    (
        "io.k8s.api.flowcontrol.v1",
        &[
            (
                "ExemptPriorityLevelConfiguration",
                &[("lendablePercent", Int(0)), ("nominalConcurrencyShares", Int(0))],
            ),
            ("FlowSchemaSpec", &[("matchingPrecedence", Int(1000))]),
            (
                "LimitedPriorityLevelConfiguration",
                &[("lendablePercent", Int(0)), ("nominalConcurrencyShares", Int(30))],
            ),
            (
                "QueuingConfiguration",
                &[("handSize", Int(8)), ("queueLengthLimit", Int(50)), ("queues", Int(64))],
            ),
        ],
    ),
    (
        "io.k8s.api.networking.v1",
        &[
            ("IngressClassParametersReference", &[("scope", Text("Cluster"))]),
            ("NetworkPolicyPort", &[("protocol", Text("TCP"))]),
        ],
    ),
    (
        "io.k8s.api.rbac.v1",
        &[
            ("ClusterRoleBinding", &[("roleRef.apiGroup", Text(RBAC))]),
            ("RoleBinding", &[("roleRef.apiGroup", Text(RBAC))]),
        ],
    ),
    (
        "io.k8s.api.resource.v1",
        &[
            ("DeviceSubRequest", &[("allocationMode", Text("ExactCount"))]),
            ("ExactDeviceRequest", &[("allocationMode", Text("ExactCount"))]),
        ],
    ),
    ("io.k8s.api.scheduling.v1", &[("PriorityClass", &[("preemptionPolicy", Text("PreemptLowerPriority"))])]),
    (
        "io.k8s.api.storage.v1",
        &[
            (
                "CSIDriverSpec",
                &[
                    ("attachRequired", Bool(true)),
                    ("fsGroupPolicy", Text("ReadWriteOnceWithFSType")),
                    ("podInfoOnMount", Bool(false)),
                    ("requiresRepublish", Bool(false)),
                    ("seLinuxMount", Bool(false)),
                    ("storageCapacity", Bool(false)),
                    ("volumeLifecycleModes", One("Persistent")),
                ],
            ),
            ("StorageClass", &[("reclaimPolicy", Text("Delete")), ("volumeBindingMode", Text("Immediate"))]),
        ],
    ),
    ("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1", &[("ServiceReference", HTTPS)]),
    ("io.k8s.kube-aggregator.pkg.apis.apiregistration.v1", &[("ServiceReference", HTTPS)]),
];
