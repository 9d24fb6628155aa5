use super::super::tests::Kind;

const fn kind(plural: &'static str, least: &'static str) -> Kind {
    Kind { group: "resource.k8s.io", plural, least }
}

const CLASS: Kind = kind(
    "deviceclasses",
    r#"{"metadata":{"name":"c"},"spec":{"selectors":[{"cel":{"expression":"true"}}]}}"#,
);

const CLAIM: Kind = kind(
    "resourceclaims",
    r#"{"metadata":{"name":"c","namespace":"n"},"spec":{"devices":{"requests":[
        {"name":"r","exactly":{"deviceClassName":"c","allocationMode":"ExactCount","count":1}}]}}}"#,
);

const TEMPLATE: Kind = kind(
    "resourceclaimtemplates",
    r#"{"metadata":{"name":"t","namespace":"n"},"spec":{"spec":{"devices":{"requests":[
        {"name":"r","exactly":{"deviceClassName":"c","allocationMode":"ExactCount","count":1}}]}}}}"#,
);

const SLICE: Kind = kind(
    "resourceslices",
    r#"{"metadata":{"name":"s"},"spec":{"driver":"d.example","nodeName":"n",
        "pool":{"name":"p","generation":1,"resourceSliceCount":1},"devices":[{"name":"d"}]}}"#,
);

#[test]
fn claims_and_templates_keep_their_requests() {
    CLASS.takes_the_least();
    for (kind, new) in [
        (
            CLAIM,
            r#"{"spec":{"devices":{"requests":[{"name":"s","exactly":{"deviceClassName":"c","allocationMode":"All"}}]}}}"#,
        ),
        (
            TEMPLATE,
            r#"{"spec":{"spec":{"devices":{"requests":[{"name":"s","exactly":{"deviceClassName":"c","allocationMode":"All"}}]}}}}"#,
        ),
    ] {
        kind.takes_the_least();
        kind.update("", "{}", new, &["spec: Invalid value: …"]);
    }
}

#[test]
fn requests_ask_for_devices_of_a_class() {
    let request = |request: &str, expected: &[&str]| {
        CLAIM.create(&format!(r#"{{"spec":{{"devices":{{"requests":[{request}]}}}}}}"#), expected);
    };
    request(
        r#"{"name":"r"}"#,
        &[
            "spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required",
        ],
    );
    request(
        r#"{"name":"r","exactly":{"allocationMode":"ExactCount","count":0}}"#,
        &[
            "spec.devices.requests[0].exactly.deviceClassName: Required value",
            "spec.devices.requests[0].exactly.count: Invalid value: 0: must be greater than zero",
        ],
    );
    request(
        r#"{"name":"r","exactly":{"deviceClassName":"c","allocationMode":"All","count":1}}"#,
        &[
            "spec.devices.requests[0].exactly.count: Invalid value: 1: must not be specified when allocationMode is 'All'",
        ],
    );
}

#[test]
fn slices_stay_with_their_driver_pool_and_node() {
    SLICE.takes_the_least();
    SLICE.update(
        "",
        "{}",
        r#"{"spec":{"driver":"e.example","nodeName":"m","pool":{"name":"q"}}}"#,
        &[
            "spec.pool.name: Invalid value: \"q\": field is immutable",
            "spec.driver: Invalid value: \"e.example\": field is immutable",
            "spec.nodeName: Invalid value: \"m\": field is immutable",
        ],
    );
    SLICE.create(r#"{"spec":{"nodeName":null}}"#, &[
        "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required",
    ]);
    SLICE.create(
        r#"{"spec":{"devices":[{"name":"d"},{"name":"d"}]}}"#,
        &["spec.devices[1]: Duplicate value: \"d\""],
    );
    SLICE.create(
        r#"{"spec":{"pool":{"resourceSliceCount":0,"generation":-1}}}"#,
        &[
            "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero",
            "spec.pool.generation: Invalid value: -1: must be greater than or equal to zero",
        ],
    );
}
