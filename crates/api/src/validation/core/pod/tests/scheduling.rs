use super::*;

#[test]
fn affinity_is_checked() {
    check_spec(
        r#"{"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[]},
            "preferredDuringSchedulingIgnoredDuringExecution":[{"weight":0,"preference":{
                "matchExpressions":[{"key":"a","operator":"Gt","values":[]},{"key":"a","operator":"In","values":["-"]}],
                "matchFields":[{"key":"x","operator":"Exists"}]}}]},
            "podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"namespaces":["A"],"topologyKey":"",
                "matchLabelKeys":["a"]}]}}}"#,
        &[
            "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term",
            "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100",
            "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'",
            "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].operator: Invalid value: \"Exists\": not a valid selector operator",
            "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].key: Invalid value: \"x\": not a valid field selector key",
            "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].namespace: Invalid value: \"A\": a lowercase RFC 1123 label...",
            "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set",
            "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty",
            "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: \"\": name part must be non-empty",
            "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: \"\": name part must consist...",
        ],
    );
}

#[test]
fn tolerations_are_checked() {
    check_spec(
        r#"{"tolerations":[{},{"key":"-"},{"key":"a","operator":"Exists","value":"x"},{"key":"a","operator":"Lt","value":"1"},
            {"key":"a","operator":"x","effect":"y","tolerationSeconds":1},{"key":"a","value":"-"}]}"#,
        &[
            "spec.tolerations[0].operator: Invalid value: \"\": operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
            "spec.tolerations[1].key: Invalid value: \"-\": name part must consist...",
            "spec.tolerations[2].operator: Invalid value: \"x\": value must be empty when `operator` is 'Exists'",
            "spec.tolerations[3].operator: Unsupported value: \"Lt\": supported values: \"Equal\", \"Exists\", \"Lt\", \"Gt\"",
            "spec.tolerations[4].effect: Invalid value: \"y\": effect must be 'NoExecute' when `tolerationSeconds` is set",
            "spec.tolerations[4].operator: Unsupported value: \"x\": supported values: \"Equal\", \"Exists\"",
            "spec.tolerations[4].effect: Unsupported value: \"y\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"",
            "spec.tolerations[5].operator: Invalid value: \"-\": a valid label must be an empty string...",
        ],
    );
}

#[test]
fn spread_constraints_are_checked() {
    check_spec(
        r#"{"topologySpreadConstraints":[{"maxSkew":0,"topologyKey":"","whenUnsatisfiable":"x","minDomains":0,
                "nodeTaintsPolicy":"y","matchLabelKeys":["a"]},
            {"maxSkew":1,"topologyKey":"k","whenUnsatisfiable":"DoNotSchedule","labelSelector":{"matchLabels":{"a":"b"},
                "matchExpressions":[{"key":"a","operator":"Exists"}]},"matchLabelKeys":["x","a"]},
            {"maxSkew":1,"topologyKey":"k","whenUnsatisfiable":"DoNotSchedule"}]}"#,
        &[
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
            "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
            "spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: \"x\": supported values: \"DoNotSchedule\", \"ScheduleAnyway\"",
            "spec.topologySpreadConstraints[0].minDomains: Invalid value: 0: must be greater than zero",
            "spec.topologySpreadConstraints[0].minDomains: Invalid value: 0: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not x",
            "spec.topologySpreadConstraints[0].nodeTaintsPolicy: Unsupported value: \"y\": supported values: \"Honor\", \"Ignore\"",
            "spec.topologySpreadConstraints[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set",
            "spec.topologySpreadConstraints[1].{topologyKey, whenUnsatisfiable}: Duplicate value: \"{k, DoNotSchedule}\"",
            "spec.topologySpreadConstraints[1][1]: Invalid value: \"a\": exists in both matchLabelKeys and labelSelector",
        ],
    );
}

#[test]
fn gates_and_claims_are_checked() {
    check_spec(
        r#"{"schedulingGates":[{"name":"a"},{"name":"a"},{"name":""}],"nodeName":"n","readinessGates":[{"conditionType":"-"}]}"#,
        &[
            "spec.readinessGates[0].conditionType: Invalid value: \"-\": name part must consist...",
            "spec.schedulingGates[1]: Duplicate value: \"a\"",
            "spec.schedulingGates[2]: Invalid value: \"\": name part must be non-empty",
            "spec.schedulingGates[2]: Invalid value: \"\": name part must consist...",
            "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
        ],
    );
    check_spec(
        r#"{"resourceClaims":[{"name":"a"},{"name":"a","resourceClaimName":"x"}],"schedulingGroup":{}}"#,
        &[
            "spec.resourceClaims[0]: Invalid value: {\"Name\":\"a\",\"ResourceClaimName\":null,\"ResourceClaimTemplateName\":null}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`",
            "spec.resourceClaims[1].name: Duplicate value: \"a\"",
            "spec.schedulingGroup.podGroupName: Invalid value: null: must specify one of: `podGroupName`",
        ],
    );
    check(
        r#"{"metadata":{"annotations":{"kubernetes.io/config.mirror":"m"}},"spec":{"nodeName":"n","resourceClaims":[{"name":"a"}]}}"#,
        &["[]: Forbidden: static pods do not support resource claims"],
    );
}
