//! What evaluations cost.

use super::{environment, variables};
use crate::EvaluationError;

/// Checks costs; without `fold` constants are computed at evaluation.
fn check(fold: bool, table: &[(&str, u64)]) {
    for (expression, expected) in table {
        let program =
            environment().compile_with(expression, fold).unwrap_or_else(|e| panic!("{expression}: {e}"));
        let (result, cost) = program.run(&variables(), u64::MAX);
        assert!(result.is_ok(), "{expression}: {result:?}");
        assert_eq!(cost, *expected, "{expression}");
    }
}

#[test]
fn names_and_selections_cost_one_each() {
    check(
        true,
        &[
            ("1", 0),
            ("claims", 1),
            ("claims.sub", 2),
            ("claims['sub']", 2),
            ("ints[0]", 2),
            ("claims['su' + 'b']", 3),
            ("claims.nested.key[2].deep", 5),
            ("has(claims.sub)", 1),
            ("true ? claims.sub : 'x'", 1),
            ("int", 0),
            ("ints[a.b - 7]", 4),
        ],
    );
}

#[test]
fn calls_cost_by_what_they_look_at() {
    check(
        true,
        &[
            ("1 + 2", 1),
            ("1 < 2 && 2 < 3", 2),
            ("false && 1 < 2", 0),
            ("'abc' == 'abc'", 1),
            ("'0123456789012345678901234567890' == '0123456789012345678901234567890'", 4),
            ("'abc' in claims.roles", 3),
            ("'abc' in user.groups", 4),
            ("'abc' in ['abc', 'd']", 0),
            ("claims.sub in ['abc', 'd']", 2),
            ("'0123456789' + '01234567890'", 3),
            ("'0123456789'.matches('[0-9]+')", 4),
            ("'0123456789012345'.contains('01234567890')", 4),
            ("[1, 2, 3]", 0),
            ("[claims.sub]", 12),
            ("{'a': claims.sub}", 32),
            ("duration('1h')", 0),
        ],
    );
}

#[test]
fn loops_cost_what_their_turns_do() {
    check(
        true,
        &[
            // A turn: the accumulator twice, the condition, the element; and the result.
            ("[1, 2].all(i, i > 0)", 11),
            ("ints.exists(i, i == 3)", 11),
            ("ints.map(i, i)", 41),
            ("ints.filter(i, i > 1)", 34),
        ],
    );
}

/// Numbers that Kubernetes' own tests hold their libraries to; they don't compute constants beforehand.
#[test]
fn libraries_cost_what_kubernetes_says() {
    check(
        false,
        &[
            ("[1, 2, 3, 4, 5].sum()", 15),
            ("['a', 'b', 'c', 'd', 'e'].isSorted()", 10),
            ("'ABCDEFGHIJ abcdefghij'.lowerAscii()", 3),
            ("'ABCDEFGHIJ abcdefghij'.lowerAscii() == 'abcdefghij ABCDEFGHIJ'.lowerAscii()", 9),
            ("strings.quote('ABCDEFGHIJ abcdefghij')", 3),
            ("'abc 123 def 123'.replace('123', '456')", 3),
            ("'abc 123 def 123'.split(' ')", 3),
            ("'abc 123 def 123'.substring(5, 8)", 2),
            ("'  abc 123 def 123  '.trim()", 2),
            ("['aa', 'bb', 'cc', 'd', 'e', 'f', 'g', 'h', 'i', 'j'].join(' ')", 15),
            ("['aa', 'bb', 'cc', 'd', 'e', 'f', 'g', 'h', 'i', 'j'].join()", 13),
            ("'abc 123 def 123'.find('123')", 2),
            ("'abc 123 def 123'.findAll('123', 1)", 2),
            ("quantity(\"200M\") == quantity(\"0.2G\") && quantity(\"0.2G\") == quantity(\"200M\")", 6),
            ("quantity(\"50k\").add(20).sub(quantity(\"100k\")).sub(-50000).asInteger() > 0", 7),
            ("url('https:://kubernetes.io/').getHost()", 4),
            ("url('https:://kubernetes.io/') == url('https:://kubernetes.io/')", 7),
            ("cidr('192.168.0.0/16').containsCIDR(cidr('192.168.0.0/16'))", 7),
            ("ip('192.168.0.1').isLoopback()", 3),
            ("ip('192.168.0.1') == ip('192.168.0.1')", 5),
            ("cidr('192.168.0.0/16').containsIP('192.169.0.1')", 5),
            ("ip.isCanonical('192.168.0.1')", 3),
            ("format.named(\"dns1123Subdomain\").value().validate(\"my-name\")", 17),
            ("format.named(\"dns1123Label\").value().validate(\"my-name\")", 10),
            ("format.named(\"dns1123Label\").value() == format.named(\"dns1123Label\").value()", 5),
            ("sets.contains([], [])", 21),
            ("sets.contains([1, 2, 3, 4], [2, 3])", 29),
            ("sets.equivalent([1, 2], [2, 2, 1])", 33),
            ("sets.intersects([[1], [2, 3]], [[1, 2], [2, 3]])", 65),
        ],
    );
}

#[test]
fn an_evaluation_ends_where_it_costs_too_much() {
    let program = environment().compile("ints.map(i, i * 2)").expect("it is valid");
    let (result, cost) = program.run(&variables(), 20);
    assert_eq!(result, Err(EvaluationError::CostExceeded));
    assert!(cost > 20);
    assert_eq!(EvaluationError::CostExceeded.to_string(), "operation cancelled: actual cost limit exceeded");
    // No operator absorbs it.
    let program = environment().compile("ints.all(i, i > 0) || true").expect("it is valid");
    assert_eq!(program.evaluate(&variables(), 5), Err(EvaluationError::CostExceeded));
    assert!(program.evaluate(&variables(), 1000).is_ok());
}
