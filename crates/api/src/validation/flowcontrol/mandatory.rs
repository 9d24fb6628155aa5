//! The objects that every server has, and whose specs nobody may change.
//!
//! Source: "Mandatory configuration objects" in "API priority and fairness".

use keelson_apimachinery::{Value, codec};

const EXEMPT_SCHEMA: &str = r#"{
    "priorityLevelConfiguration": {"name": "exempt"},
    "matchingPrecedence": 1,
    "rules": [{
        "subjects": [{"kind": "Group", "group": {"name": "system:masters"}}],
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true, "namespaces": ["*"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}]
    }]
}"#;

const CATCH_ALL_SCHEMA: &str = r#"{
    "priorityLevelConfiguration": {"name": "catch-all"},
    "matchingPrecedence": 10000,
    "distinguisherMethod": {"type": "ByUser"},
    "rules": [{
        "subjects": [
            {"kind": "Group", "group": {"name": "system:unauthenticated"}},
            {"kind": "Group", "group": {"name": "system:authenticated"}}
        ],
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true, "namespaces": ["*"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}]
    }]
}"#;

/// But for `exempt`, which may change.
const EXEMPT_LEVEL: &str = r#"{"type": "Exempt"}"#;

const CATCH_ALL_LEVEL: &str = r#"{
    "type": "Limited",
    "limited": {"nominalConcurrencyShares": 5, "lendablePercent": 0, "limitResponse": {"type": "Reject"}}
}"#;

fn parsed(spec: &str) -> Option<Value> {
    codec::json::decode_untyped(spec.as_bytes()).ok().map(|decoded| decoded.value)
}

/// The spec of a mandatory flow schema.
pub(super) fn flow_schema(name: &str) -> Option<Value> {
    match name {
        "exempt" => parsed(EXEMPT_SCHEMA),
        "catch-all" => parsed(CATCH_ALL_SCHEMA),
        _ => None,
    }
}

/// The spec of a mandatory priority level.
pub(super) fn priority_level(name: &str) -> Option<Value> {
    match name {
        "exempt" => parsed(EXEMPT_LEVEL),
        "catch-all" => parsed(CATCH_ALL_LEVEL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_are_there() {
        for name in ["exempt", "catch-all"] {
            assert!(flow_schema(name).is_some() && priority_level(name).is_some(), "{name}");
        }
        assert!(flow_schema("x").is_none() && priority_level("x").is_none());
    }
}
