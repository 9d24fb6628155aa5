use super::super::tests::Kind;

/// A request with a key of its own, for the common name `a`.
const REQUEST: Kind = Kind {
    group: "certificates.k8s.io",
    plural: "certificatesigningrequests",
    least: r#"{"metadata":{"name":"r"},"spec":{"signerName":"a.example/s","usages":["client auth"],"request":"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIR01HNENBUUF3RERFS01BZ0dBMVVFQXd3QllUQlpNQk1HQnlxR1NNNDlBZ0VHQ0NxR1NNNDlBd0VIQTBJQQpCS1lIM0EyUndTcHAyU2hwK2NpTUxEUkoweFlXLzdtZCt2ekZnUkxDYTB0Yjl2eFQ5MFlncXVLQWJOakJxRGpVCnpLV1JvSUJ0Q21nblhVd2hsUFRrWjF5Z0FEQUtCZ2dxaGtqT1BRUURBZ05JQURCRkFpRUE3aGlkaXp5SmpVaFcKOHR1dHVlb0ljaGxZd1pjbDVlUjQvRzJNV1RQVmpIb0NJRlVRNnVQUFh6RmEvcEl1MUNIandnSjFYN1d1bnFXYwpTZ3Iyd1JDb0lobGUKLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg=="}}"#,
};

#[test]
fn requests_name_a_signer_and_usages() {
    REQUEST.takes_the_least();
    REQUEST.create(
        r#"{"spec":{"usages":["client auth","client auth","foo"]}}"#,
        &[
            "spec.usages[2]: Unsupported value: \"foo\": …",
            "spec.usages[1]: Duplicate value: \"client auth\"",
        ],
    );
    REQUEST.create(r#"{"spec":{"usages":null,"expirationSeconds":599}}"#, &[
        "spec.usages: Required value",
        "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)",
    ]);
    REQUEST.create(r#"{"spec":{"signerName":"s"}}"#, &[
        "spec.signerName: Invalid value: \"s\": must be a fully qualified domain and path of the form 'example.com/signer-name'",
    ]);
    REQUEST.create(r#"{"spec":{"request":"YQ=="}}"#, &["spec.request: Invalid value: …"]);
}

#[test]
fn conditions_are_decided_once() {
    let condition =
        |kind: &str| format!(r#"{{"status":{{"conditions":[{{"type":"{kind}","status":"True"}}]}}}}"#);
    REQUEST.update("approval", "{}", &condition("Approved"), &[]);
    REQUEST.update(
        "approval",
        "{}",
        r#"{"status":{"conditions":[{"type":"Approved","status":"False"}]}}"#,
        &["status.conditions[0].status: Unsupported value: \"False\": supported values: \"True\""],
    );
    REQUEST.update(
        "approval",
        &condition("Approved"),
        "{}",
        &["status.conditions: Forbidden: updates may not remove a condition of type \"Approved\""],
    );
    REQUEST.update(
        "status",
        "{}",
        r#"{"status":{"certificate":"YQ=="}}"#,
        &["status.certificate: Invalid value: …"],
    );
}
