//! Kinds of the core group, as tables of objects and what is said of them.

mod service;
mod volumes;

use crate::validation::tests::Kind;

const fn kind(plural: &'static str, least: &'static str) -> Kind {
    Kind { group: "", plural, least }
}

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must…";

#[test]
fn config_maps() {
    let kind = kind("configmaps", r#"{"metadata":{"name":"a","namespace":"n"},"data":{"k":"v"}}"#);
    kind.takes_the_least();
    kind.create(
        r#"{"data":{"..":"x"},"binaryData":{"a/b":"AA==","k":"AA=="}}"#,
        &[
            "data[..]: Invalid value: \"..\": must not be '..'",
            "data[k]: Invalid value: \"k\": duplicate of key present in binaryData",
            "binaryData[a/b]: Invalid value: \"a/b\": a valid config key must consist of…",
        ],
    );
    let large = format!(r#"{{"data":{{"k":"{}"}}}}"#, "x".repeat(1 << 20));
    kind.create(&large, &[]);
    let larger = format!(r#"{{"data":{{"k":"{}"}},"binaryData":{{"b":"AA=="}}}}"#, "x".repeat(1 << 20));
    kind.create(&larger, &["[]: Too long: may not be more than 1048576 bytes"]);
    let immutable = "field is immutable when `immutable` is set";
    kind.update("", r#"{"immutable":true}"#, r#"{"immutable":true}"#, &[]);
    kind.update(
        "",
        r#"{"immutable":true}"#,
        r#"{"data":{"k":"w"},"binaryData":{"b":"AA=="}}"#,
        &[
            &format!("immutable: Forbidden: {immutable}"),
            &format!("data: Forbidden: {immutable}"),
            &format!("binaryData: Forbidden: {immutable}"),
        ],
    );
    kind.update(
        "",
        "{}",
        r#"{"metadata":{"name":"B"}}"#,
        &[&format!("metadata.name: Invalid value: \"B\": {SUBDOMAIN}")],
    );
}

#[test]
fn secrets() {
    let kind = kind("secrets", r#"{"metadata":{"name":"a","namespace":"n"},"type":"Opaque"}"#);
    kind.takes_the_least();
    kind.update("", "{}", r#"{"type":"x/y"}"#, &["type: Invalid value: \"x/y\": field is immutable"]);
    kind.update(
        "",
        r#"{"immutable":true,"data":{"a":"AA=="}}"#,
        r#"{"immutable":true}"#,
        &["data: Forbidden: field is immutable when `immutable` is set"],
    );
    let check = |kind_of_secret: &str, data: &str, expected: &[&str]| {
        kind.create(&format!(r#"{{"type":"kubernetes.io/{kind_of_secret}","data":{data}}}"#), expected);
    };
    check(
        "service-account-token",
        "{}",
        &["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
    );
    check("dockercfg", "{}", &["data[.dockercfg]: Required value"]);
    check("dockercfg", r#"{".dockercfg":"e30="}"#, &[]);
    check(
        "dockercfg",
        r#"{".dockercfg":"ew=="}"#,
        &[r#"data[.dockercfg]: Invalid value: "<secret contents redacted>": unexpected end of JSON input"#],
    );
    check(
        "dockerconfigjson",
        r#"{".dockerconfigjson":"W10="}"#,
        &[
            r#"data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": json: cannot unmarshal array into Go value of type map[string]interface {}"#,
        ],
    );
    check("basic-auth", "{}", &["data[username]: Required value", "data[password]: Required value"]);
    check("basic-auth", r#"{"password":""}"#, &[]);
    check("ssh-auth", r#"{"ssh-privatekey":""}"#, &["data[ssh-privatekey]: Required value"]);
    check("tls", "{}", &["data[tls.crt]: Required value", "data[tls.key]: Required value"]);
}

#[test]
fn namespaces() {
    let kind = kind(
        "namespaces",
        r#"{"metadata":{"name":"a"},"spec":{"finalizers":["kubernetes"]},"status":{"phase":"Active"}}"#,
    );
    kind.takes_the_least();
    let unknown = "name is neither a standard finalizer name nor is it fully qualified";
    kind.create(
        r#"{"spec":{"finalizers":["x/y","z"]}}"#,
        &[&format!("spec.finalizers: Invalid value: \"z\": {unknown}")],
    );
    kind.update(
        "finalize",
        "{}",
        r#"{"spec":{"finalizers":["x/y","z"]}}"#,
        &[&format!("spec.finalizers[1]: Invalid value: \"z\": {unknown}")],
    );
    kind.update(
        "status",
        "{}",
        r#"{"status":{"phase":"Terminating"}}"#,
        &["status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"],
    );
    kind.update(
        "status",
        "{}",
        r#"{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},"status":null}"#,
        &["status.Phase: Invalid value: \"\": may only be 'Terminating' if `deletionTimestamp` is not empty"],
    );
}

#[test]
fn service_accounts() {
    let kind = kind("serviceaccounts", r#"{"metadata":{"name":"a","namespace":"n"}}"#);
    kind.takes_the_least();
    kind.warn(
        r#"{"metadata":{"annotations":{"kubernetes.io/enforce-mountable-secrets":"true"}}}"#,
        &[
            "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate \
             namespaces to isolate access to mounted secrets",
        ],
    );
}

#[test]
fn nodes() {
    let kind = kind("nodes", r#"{"metadata":{"name":"a"}}"#);
    kind.takes_the_least();
    kind.create(
        r#"{"spec":{"podCIDRs":["10.0.0.0/24","fd00::/64"]},"status":{"capacity":{"cpu":"1","example.com/gpu":"2"},"declaredFeatures":["A/b","B"]}}"#,
        &[],
    );
    kind.create(
        r#"{"spec":{"podCIDRs":["10.0.0.1/24","10.0.1.0/24"],"taints":[{"key":"a b","value":"-","effect":"X"},
            {"key":"k","effect":"NoExecute"},{"key":"k","effect":"NoExecute"}]},
            "status":{"capacity":{"cpu":"-1"},"allocatable":{"pods":"1.5"},"declaredFeatures":["b","A","A"],"nodeInfo":{"swap":{"capacity":0}}}}"#,
        &[
            "metadata.taints[0].key: Invalid value: \"a b\": name part must consist of…",
            "metadata.taints[0].value: Invalid value: \"-\": a valid label must be…",
            "metadata.taints[0].effect: Unsupported value: \"X\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"",
            "metadata.taints[2]: Duplicate value: {\"Key\":\"k\",\"Value\":\"\",\"Effect\":\"NoExecute\",\"TimeAdded\":null}: taints must be unique by key and effect pair",
            "status.capacity.cpu: Invalid value: \"-1\": must be greater than or equal to 0",
            "status.allocatable.pods: Invalid value: \"1.5\": must be an integer",
            "metadata.nodeSwapStatus.capacity: Invalid value: 0: must be greater than zero",
            "status.declaredFeatures[0]: Invalid value: \"b\": invalid feature name \"b\": must start with an UpperCamelCase…",
            "status.declaredFeatures[1]: Invalid value: \"A\": list must be sorted alphabetically",
            "status.declaredFeatures[2]: Duplicate value: \"A\"",
            "spec.podCIDRs[0]: Invalid value: \"10.0.0.1/24\": must not have bits set beyond the prefix length",
            "spec.podCIDRs: Invalid value: [\"10.0.0.1/24\",\"10.0.1.0/24\"]: may specify no more than one CIDR for each IP family",
        ],
    );
    kind.create(
        r#"{"metadata":{"annotations":{"scheduler.alpha.kubernetes.io/taints":"[","scheduler.alpha.kubernetes.io/preferAvoidPods":"{\"preferAvoidPods\":[{\"podSignature\":{}},{\"podSignature\":{\"podController\":{\"controller\":false}}}]}"}}}"#,
        &[
            "metadata.annotations: Invalid value: \"scheduler.alpha.kubernetes.io/taints\": unexpected end of JSON input",
            "metadata.annotations.scheduler.alpha.kubernetes.io/preferAvoidPods[0].PodSignature: Required value",
            "metadata.annotations.scheduler.alpha.kubernetes.io/preferAvoidPods[1].PodSignature.PodController.Controller: Invalid value: false: must point to a controller",
        ],
    );
    let set = r#"{"spec":{"podCIDRs":["10.0.0.0/24"],"providerID":"p","externalID":"e"}}"#;
    kind.update("", "{}", r#"{"spec":{"podCIDRs":["10.0.0.0/24"],"providerID":"p"}}"#, &[]);
    kind.update(
        "",
        set,
        r#"{"spec":{"podCIDRs":["10.0.1.0/24"],"providerID":"q","externalID":"f"}}"#,
        &[
            "spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid",
            "spec.providerID: Forbidden: node updates may not change providerID except from \"\" to valid",
            "spec.externalID: Forbidden: may not be updated",
        ],
    );
    kind.update(
        "status",
        "{}",
        r#"{"status":{"addresses":[{"type":"InternalIP","address":"1.2.3.4"},{"type":"InternalIP","address":"1.2.3.4"}],
            "config":{"active":{},"assigned":{"configMap":{"name":"a","namespace":"n","kubeletConfigKey":"k"}}}}}"#,
        &[
            "status.addresses[1]: Duplicate value: {\"Type\":\"InternalIP\",\"Address\":\"1.2.3.4\"}",
            "status.config.assigned.configMap.uid: Required value",
            "status.config.assigned.configMap.resourceVersion: Required value",
            "status.config.active: Invalid value: {\"ConfigMap\":null}: exactly one reference subfield must be non-nil",
        ],
    );
    kind.warn(
        r#"{"spec":{"externalID":"e","configSource":{},"podCIDRs":["10.0.0.1/24"]}}"#,
        &[
            "spec.configSource: the feature is removed",
            "spec.externalID: this field is deprecated, and is unused by Kubernetes",
            "spec.podCIDRs[0]: CIDR value \"10.0.0.1/24\" is ambiguous in this context (should be \"10.0.0.0/24\" or \"10.0.0.1/32\"?)",
        ],
    );
}

#[test]
fn resource_quotas() {
    let kind =
        kind("resourcequotas", r#"{"metadata":{"name":"a","namespace":"n"},"spec":{"hard":{"pods":"1"}}}"#);
    kind.takes_the_least();
    kind.create(
        r#"{"spec":{"hard":{"requests.cpu":"1","limits.memory":"1Gi","count/x.y":"3","hugepages-2Mi":"2Mi"}}}"#,
        &[],
    );
    kind.create(
        r#"{"spec":{"hard":{"foo":"1","secrets":"500m","storage":"1"}}}"#,
        &[
            "spec.hard[foo]: Invalid value: \"foo\": must be a standard resource type or fully qualified",
            "spec.hard[foo]: Invalid value: \"foo\": must be a standard resource for quota",
            "spec.hard[secrets]: Invalid value: \"500m\": must be an integer",
            "spec.hard[storage]: Invalid value: \"storage\": must be a standard resource for quota",
        ],
    );
    kind.create(
        r#"{"spec":{"hard":{"secrets":"1"},"scopes":["BestEffort","X"],"scopeSelector":{"matchExpressions":[{"scopeName":"NotBestEffort","operator":"Exists","values":["v"]}]}}}"#,
        &[
            "spec.scopes: Invalid value: [\"BestEffort\",\"X\"]: unsupported scope applied to resource",
            "spec.scopes: Invalid value: [\"BestEffort\",\"X\"]: unsupported scope",
            "spec.scopeSelector.matchExpressions: Invalid value: {\"MatchExpressions\":[{\"ScopeName\":\"NotBestEffort\",\"Operator\":\"Exists\",\"Values\":[\"v\"]}]}: unsupported scope applied to resource",
            "spec.scopeSelector.matchExpressions.values: Invalid value: [\"v\"]: must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
        ],
    );
    kind.update(
        "",
        r#"{"spec":{"scopes":["BestEffort"]}}"#,
        "{}",
        &["spec.scopes: Invalid value: null: field is immutable"],
    );
    kind.warn(
        r#"{"spec":{"hard":{"cpu":"2","limits.cpu":"1","requests.memory":"1Gi","limits.memory":"1Gi"}}}"#,
        &["ResourceQuota cpu (2) should be less than limits.cpu (1)"],
    );
}

#[test]
fn limit_ranges() {
    let kind = kind(
        "limitranges",
        r#"{"metadata":{"name":"a","namespace":"n"},"spec":{"limits":[{"type":"Container","max":{"cpu":"2"},"min":{"cpu":"1"},
            "default":{"cpu":"2"},"defaultRequest":{"cpu":"1"},"maxLimitRequestRatio":{"cpu":"2"}}]}}"#,
    );
    kind.takes_the_least();
    let check = |limits: &str, expected: &[&str]| {
        kind.create(&format!(r#"{{"spec":{{"limits":{limits}}}}}"#), expected);
    };
    check(
        r#"[{"type":"Foo"},{"type":"Pod","default":{"cpu":"1"},"defaultRequest":{"cpu":"1"}},{"type":"Pod"},{"type":"PersistentVolumeClaim"}]"#,
        &[
            "spec.limits[0].type: Invalid value: \"Foo\": must be a standard limit type or fully qualified",
            "spec.limits[1].default: Forbidden: may not be specified when `type` is 'Pod'",
            "spec.limits[1].defaultRequest: Forbidden: may not be specified when `type` is 'Pod'",
            "spec.limits[2].type: Duplicate value: \"Pod\"",
            "spec.limits[3].limits: Required value: either minimum or maximum storage value is required, but neither was provided",
        ],
    );
    check(
        r#"[{"type":"Container","max":{"cpu":"1"},"min":{"cpu":"2"},"default":{"cpu":"3"},"defaultRequest":{"cpu":"4"},"maxLimitRequestRatio":{"cpu":"900m"}}]"#,
        &[
            "spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1",
            "spec.limits[0].defaultRequest[cpu]: Invalid value: \"4\": default request value 4 is greater than max value 1",
            "spec.limits[0].defaultRequest[cpu]: Invalid value: \"4\": default request value 4 is greater than default limit value 3",
            "spec.limits[0].default[cpu]: Invalid value: \"1\": default value 3 is greater than max value 1",
            "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"900m\": ratio 900m is less than 1",
            "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"900m\": ratio 900m is greater than max/min = 0.500000",
        ],
    );
    check(
        r#"[{"type":"Container","default":{"example.com/gpu":"2"},"defaultRequest":{"example.com/gpu":"1"}}]"#,
        &[
            "spec.limits[0].defaultRequest[example.com/gpu]: Invalid value: \"1\": default value 2 must equal to defaultRequest value 1 in example.com/gpu",
        ],
    );
}

#[test]
fn events() {
    let kind = kind(
        "events",
        r#"{"metadata":{"name":"a","namespace":"n"},"involvedObject":{"namespace":"n","name":"p"}}"#,
    );
    kind.takes_the_least();
    let elsewhere = "does not match event.namespace";
    kind.create(
        r#"{"involvedObject":{"namespace":"m"}}"#,
        &[&format!("involvedObject.namespace: Invalid value: \"m\": {elsewhere}")],
    );
    kind.create(r#"{"metadata":{"namespace":"default"},"involvedObject":{"namespace":null}}"#, &[]);
    kind.create(
        r#"{"eventTime":"2026-01-02T03:04:05.000000Z","involvedObject":{"namespace":null}}"#,
        &[
            &format!("involvedObject.namespace: Invalid value: \"\": {elsewhere}"),
            "reportingComponent: Required value",
            "reportingComponent: Invalid value: \"\": name part must be non-empty",
            "reportingComponent: Invalid value: \"\": name part must consist of…",
            "reportingInstance: Required value",
            "action: Required value",
            "reason: Required value",
        ],
    );
}

#[test]
fn endpoints() {
    let kind = kind(
        "endpoints",
        r#"{"metadata":{"name":"a","namespace":"n"},"subsets":[{"addresses":[{"ip":"10.0.0.1"}],"ports":[{"port":80,"protocol":"TCP"}]}]}"#,
    );
    kind.takes_the_least();
    let bad = r#"{"subsets":[{"addresses":[{"ip":"010.0.0.1"}],"ports":[{"port":80,"protocol":"TCP"},{"name":"b","port":0}]}]}"#;
    let expected = [
        "subsets[0].addresses[0].ip: Invalid value: \"010.0.0.1\": must not have leading 0s",
        "subsets[0].ports[0].name: Required value",
        "subsets[0].ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        "subsets[0].ports[1].protocol: Required value",
    ];
    kind.create(bad, &expected);
    kind.update("", "{}", bad, &expected);
    // What was there before is let pass.
    kind.update("", bad, bad, &[]);
    kind.warn(
        bad,
        &["subsets[0].addresses[0].ip: non-standard IP address \"010.0.0.1\" is invalid: use \"10.0.0.1\""],
    );
    kind.create(
        r#"{"subsets":[{}]}"#,
        &["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"],
    );
}
