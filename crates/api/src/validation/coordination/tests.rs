use super::super::tests::Kind;

const LEASE: Kind = Kind {
    group: "coordination.k8s.io",
    plural: "leases",
    least: r#"{"metadata":{"name":"l","namespace":"n"},"spec":{"holderIdentity":"h"}}"#,
};

#[test]
fn leases_last_and_change_hands_forwards() {
    LEASE.takes_the_least();
    LEASE.create(
        r#"{"spec":{"leaseDurationSeconds":0}}"#,
        &["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"],
    );
    LEASE.create(
        r#"{"spec":{"leaseTransitions":-1}}"#,
        &["spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0"],
    );
    LEASE.create(
        r#"{"spec":{"preferredHolder":"h"}}"#,
        &["spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined"],
    );
}
