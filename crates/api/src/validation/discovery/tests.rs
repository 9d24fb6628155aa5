use super::super::tests::Kind;

const SLICE: Kind = Kind {
    group: "discovery.k8s.io",
    plural: "endpointslices",
    least: r#"{"metadata":{"name":"s","namespace":"n"},"addressType":"IPv4",
        "endpoints":[{"addresses":["10.0.0.1"]}],"ports":[{"name":"","protocol":"TCP","port":80}]}"#,
};

#[test]
fn slices_have_addresses_of_their_type() {
    SLICE.takes_the_least();
    SLICE.create(
        r#"{"endpoints":[{"addresses":[]}]}"#,
        &["endpoints[0].addresses: Required value: must contain at least 1 address"],
    );
    SLICE.create(r#"{"endpoints":[{"addresses":["::1"]}]}"#, &[
        "endpoints[0].addresses: Invalid value: \"::1\": must be an IPv4 address",
        "endpoints[0].addresses[0]: Invalid value: \"::1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
    ]);
    SLICE.create(r#"{"endpoints":[{"addresses":["127.0.0.1"]}]}"#, &[
        "endpoints[0].addresses[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
    ]);
    SLICE.create(
        r#"{"addressType":"Foo","endpoints":null}"#,
        &["addressType: Unsupported value: \"Foo\": supported values: \"FQDN\", \"IPv4\", \"IPv6\""],
    );
    SLICE.update(
        "",
        "{}",
        r#"{"addressType":"FQDN","endpoints":[{"addresses":["a.example"]}]}"#,
        &["addressType: Invalid value: \"FQDN\": field is immutable"],
    );
}

#[test]
fn ports_have_names_of_their_own() {
    SLICE.create(
        r#"{"ports":[{"name":"a","protocol":"TCP","port":1},{"name":"a","protocol":"TCP","port":2}]}"#,
        &["ports[1].name: Duplicate value: \"a\""],
    );
    SLICE.create(
        r#"{"ports":[{"name":"a","protocol":"Foo","port":1}]}"#,
        &["ports[0].protocol: Unsupported value: \"Foo\": supported values: \"SCTP\", \"TCP\", \"UDP\""],
    );
}
