use super::super::tests::Kind;

const CLASS: Kind = Kind {
    group: "node.k8s.io",
    plural: "runtimeclasses",
    least: r#"{"metadata":{"name":"c"},"handler":"h"}"#,
};

#[test]
fn runtime_classes_keep_their_handlers() {
    CLASS.takes_the_least();
    CLASS.create(r#"{"handler":"A"}"#, &["handler: Invalid value: \"A\": …"]);
    CLASS.create(r#"{"overhead":{"podFixed":{"cpu":"1"}}}"#, &[]);
    CLASS.create(
        r#"{"overhead":{"podFixed":{"cpu":"-1"}}}"#,
        &["overhead.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0"],
    );
    CLASS.create(
        r#"{"scheduling":{"nodeSelector":{"-":"b"}}}"#,
        &["scheduling.nodeSelector: Invalid value: \"-\": …"],
    );
    CLASS.update("", "{}", r#"{"handler":"i"}"#, &["handler: Invalid value: \"i\": field is immutable"]);
}
