use super::super::tests::Kind;

const SERVICE: Kind = Kind {
    group: "apiregistration.k8s.io",
    plural: "apiservices",
    least: r#"{"metadata":{"name":"v1.a.example"},"spec":{"group":"a.example","version":"v1",
        "groupPriorityMinimum":1,"versionPriority":1}}"#,
};

#[test]
fn services_are_named_by_version_and_group() {
    SERVICE.takes_the_least();
    SERVICE.create(r#"{"metadata":{"name":"v2.a.example"}}"#, &[
        "metadata.name: Invalid value: \"v2.a.example\": must be `spec.version+\".\"+spec.group`: \"v1.a.example\"",
    ]);
    SERVICE.create(
        r#"{"spec":{"groupPriorityMinimum":20001,"versionPriority":0}}"#,
        &[
            "spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000",
            "spec.versionPriority: Invalid value: 0: must be positive and less than 1000",
        ],
    );
    SERVICE.create(
        r#"{"spec":{"service":{"namespace":"n","port":443}}}"#,
        &["spec.service.name: Required value"],
    );
    SERVICE.create(r#"{"spec":{"service":{"namespace":"n","name":"s","port":443},"insecureSkipTLSVerify":true,"caBundle":"YQ=="}}"#, &[
        "spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present",
    ]);
    SERVICE.create(r#"{"spec":{"insecureSkipTLSVerify":true,"caBundle":"YQ=="}}"#, &[
        "spec.caBundle: Invalid value: \"1 bytes\": local APIServices may not have a caBundle",
        "spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify",
    ]);
}
