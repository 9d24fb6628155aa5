//! The types of expressions.

use super::environment;

fn check(table: &[(&str, &str)]) {
    for (expression, expected) in table {
        let program = environment().compile(expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
        assert_eq!(program.output_type().to_string(), *expected, "{expression}");
    }
}

#[test]
fn results_have_the_type_that_can_be_known() {
    check(&[
        ("1", "int"),
        ("1u", "uint"),
        ("1.0", "double"),
        ("''", "string"),
        ("b''", "bytes"),
        ("null", "null"),
        ("true && x", "bool"),
        ("[]", "list(dyn)"),
        ("[1, 2]", "list(int)"),
        ("{}", "map(dyn, dyn)"),
        ("{'a': [1.5]}", "map(string, list(double))"),
        ("[[], [1]]", "list(list(int))"),
        ("claims", "map(string, any)"),
        ("claims.sub", "any"),
        ("claims.sub + 'a'", "string"),
        ("claims.sub + x", "dyn"),
        ("user", "kubernetes.UserInfo"),
        ("user.groups", "list(string)"),
        ("user.extra['a']", "list(string)"),
        ("user.groups.map(g, g.size())", "list(int)"),
        ("user.groups.filter(g, g != '')", "list(string)"),
        ("user.?uid", "optional_type(string)"),
        ("user.?uid.orValue('')", "string"),
        ("optional.none()", "optional_type(dyn)"),
        ("true ? 1 : 2", "int"),
        ("true ? user.since : null", "timestamp"),
        ("type(1)", "type(int)"),
        ("int", "type(int)"),
        ("timestamp(0) - timestamp(0)", "duration"),
        ("x", "dyn"),
        ("x.size()", "int"),
        ("quantity('1')", "kubernetes.Quantity"),
        ("{'a': 1}.transformMap(k, v, string(v))", "map(string, string)"),
    ]);
}

#[test]
fn a_program_knows_its_variables() {
    let program =
        environment().compile("claims.sub == user.username && claims.exp > a.b").expect("it is valid");
    assert_eq!(program.variables().collect::<Vec<_>>(), ["claims", "user", "a.b"]);
}

#[test]
fn a_program_knows_what_it_selects() {
    for (expression, selects) in [
        ("claims.email", true),
        ("claims.?email.orValue('')", true),
        ("has(claims.email)", true),
        ("true ? '' : claims.email", true),
        ("[1].map(i, {'a': [claims.email]})", true),
        ("claims.roles.exists(r, r == claims.email)", true),
        ("x[claims.email]", true),
        ("claims.email in ['a']", true),
        ("claims['email']", false),
        ("claims.nested.email", false),
        ("x.email", false),
        ("'claims.email'", false),
    ] {
        let program = environment().compile(expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
        assert_eq!(program.selects("claims", "email"), selects, "{expression}");
    }
}

#[test]
fn programs_may_be_shared() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<crate::Program>();
    shared::<crate::Environment>();
}
