//! The texts of errors, at compilation and at evaluation.

use super::{check_fails, check_refused, evaluate};

#[test]
fn syntax() {
    const OPERAND: &str = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, \
                           STRING, BYTES, IDENTIFIER}";
    check_refused(&[
        (
            "",
            &format!(
                "ERROR: <input>:1:1: Syntax error: mismatched input '<EOF>' expecting {OPERAND}\n | \n | ^"
            ),
        ),
        (
            "1 +",
            &format!(
                "ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting {OPERAND}\n | 1 +\n | ...^"
            ),
        ),
        (
            "bad(",
            &format!(
                "ERROR: <input>:1:5: Syntax error: mismatched input '<EOF>' expecting {}\n | bad(\n | ....^",
                OPERAND.replacen("'.'", "')', '.'", 1)
            ),
        ),
        (
            "1 + $",
            &format!(
                "ERROR: <input>:1:5: Syntax error: token recognition error at: '$'\n | 1 + $\n | ....^\nERROR: \
                 <input>:1:6: Syntax error: mismatched input '<EOF>' expecting {OPERAND}\n | 1 + $\n | .....^"
            ),
        ),
        (
            "a | b",
            "ERROR: <input>:1:3: Syntax error: token recognition error at: '| '\n | a | b\n | ..^\nERROR: \
             <input>:1:5: Syntax error: extraneous input 'b' expecting <EOF>\n | a | b\n | ....^",
        ),
        (
            "1 + 2\n3 +",
            "ERROR: <input>:2:1: Syntax error: mismatched input '3' expecting <EOF>\n | 3 +\n | ^",
        ),
        ("{a}", "ERROR: <input>:1:3: Syntax error: mismatched input '}' expecting ':'\n | {a}\n | ..^"),
        (
            r#"{"a": 1}."a""#,
            "ERROR: <input>:1:10: Syntax error: no viable alternative at input '.\"a\"'\n | {\"a\": 1}.\"a\"\n | \
             .........^",
        ),
        (
            "self.true == 1",
            "ERROR: <input>:1:6: Syntax error: mismatched input 'true' expecting IDENTIFIER\n | self.true == 1\n | \
             .....^",
        ),
        ("import", "ERROR: <input>:1:1: reserved identifier: import\n | import\n | ^"),
        ("1.99e90000009", "ERROR: <input>:1:1: invalid double literal\n | 1.99e90000009\n | ^"),
        ("9223372036854775808", "ERROR: <input>:1:1: invalid int literal\n | 9223372036854775808\n | ^"),
        ("has(claims)", "ERROR: <input>:1:5: invalid argument to has() macro\n | has(claims)\n | ....^"),
        (
            "[1].all(1, true)",
            "ERROR: <input>:1:9: argument must be a simple name\n | [1].all(1, true)\n | ........^",
        ),
        (
            "[1].map(__result__, true)",
            "ERROR: <input>:1:9: iteration variable overwrites accumulator variable\n | [1].map(__result__, true)\n \
             | ........^",
        ),
        (
            "`b-c`",
            &format!(
                "ERROR: <input>:1:1: Syntax error: mismatched input '`b-c`' expecting {OPERAND}\n | `b-c`\n | ^"
            ),
        ),
    ]);
}

#[test]
fn names_and_types() {
    check_refused(&[
        ("nope", "ERROR: <input>:1:1: undeclared reference to 'nope' (in container '')\n | nope\n | ^"),
        (
            "1 + nope(2)",
            "ERROR: <input>:1:9: undeclared reference to 'nope' (in container '')\n | 1 + nope(2)\n | ........^",
        ),
        (
            "'a'.nope()",
            "ERROR: <input>:1:9: undeclared reference to 'nope' (in container '')\n | 'a'.nope()\n | ........^",
        ),
        ("user.nope", "ERROR: <input>:1:5: undefined field 'nope'\n | user.nope\n | ....^"),
        ("has(user.nope)", "ERROR: <input>:1:4: undefined field 'nope'\n | has(user.nope)\n | ...^"),
        (
            "1 + 'a'",
            "ERROR: <input>:1:3: found no matching overload for '_+_' applied to '(int, string)'\n | 1 + 'a'\n | ..^",
        ),
        (
            "1 == 1.0",
            "ERROR: <input>:1:3: found no matching overload for '_==_' applied to '(int, double)'\n | 1 == 1.0\n | ..^",
        ),
        (
            "'a'.startsWith(1)",
            "ERROR: <input>:1:15: found no matching overload for 'startsWith' applied to 'string.(int)'\n | \
             'a'.startsWith(1)\n | ..............^",
        ),
        (
            "true && 'a'",
            "ERROR: <input>:1:9: expected type 'bool' but found 'string'\n | true && 'a'\n | ........^",
        ),
        ("[1, 'a']", "ERROR: <input>:1:5: expected type 'int' but found 'string'\n | [1, 'a']\n | ....^"),
        (
            "{'a': 1, 2: 2}",
            "ERROR: <input>:1:10: expected type 'string' but found 'int'\n | {'a': 1, 2: 2}\n | .........^",
        ),
        (
            "user.username.x",
            "ERROR: <input>:1:14: type 'string' does not support field selection\n | user.username.x\n | \
             .............^",
        ),
        (
            "'a'.all(c, true)",
            "ERROR: <input>:1:1: expression of type 'string' cannot be range of a comprehension (must be list, map, \
             or dynamic)\n | 'a'.all(c, true)\n | ^",
        ),
        (
            "[1].all(i, i + 1)",
            "ERROR: <input>:1:14: expected type 'bool' but found 'int'\n | [1].all(i, i + 1)\n | .............^",
        ),
        (
            "Object{a: 1}",
            "ERROR: <input>:1:7: undeclared reference to 'Object' (in container '')\n | Object{a: 1}\n | ......^",
        ),
        (
            "[dyn(1), 'a']",
            "ERROR: <input>:1:10: expected type 'dyn' but found 'string'\n | [dyn(1), 'a']\n | .........^",
        ),
        (
            "'%d'.format(['a'])",
            "ERROR: <input>:1:14: error during formatting: decimal clause can only be used on integers, was given \
             string\n | '%d'.format(['a'])\n | .............^",
        ),
        (
            "'%s'.format([1, 2])",
            "ERROR: <input>:1:12: too many arguments supplied to string.format (expected 1, got 2)\n | \
             '%s'.format([1, 2])\n | ...........^",
        ),
        (
            "'%a'.format([1])",
            "ERROR: <input>:1:12: could not parse formatting clause: unrecognized formatting clause \"a\"\n | \
             '%a'.format([1])\n | ...........^",
        ),
        ("duration('x')", "ERROR: <input>:1:10: invalid duration argument\n | duration('x')\n | .........^"),
        (
            "timestamp('x')",
            "ERROR: <input>:1:11: invalid timestamp argument\n | timestamp('x')\n | ..........^",
        ),
        (
            "'a'.matches('(')",
            "ERROR: <input>:1:13: invalid matches argument\n | 'a'.matches('(')\n | ............^",
        ),
        (
            "cel.bind(a, 1, a)",
            "ERROR: <input>:1:1: undeclared reference to 'cel' (in container '')\n | cel.bind(a, 1, a)\n | ^\nERROR: \
          <input>:1:9: undeclared reference to 'bind' (in container '')\n | cel.bind(a, 1, a)\n | ........^\nERROR: \
          <input>:1:10: undeclared reference to 'a' (in container '')\n | cel.bind(a, 1, a)\n | .........^\nERROR: \
          <input>:1:16: undeclared reference to 'a' (in container '')\n | cel.bind(a, 1, a)\n | ...............^",
        ),
        ("int('x')", "type conversion error from 'string' to 'int'"),
    ]);
}

#[test]
fn evaluation() {
    check_fails(&[
        ("claims.nope", "no such key: nope"),
        ("claims['nope'].deeper", "no such key: nope"),
        ("user.uid", "no such key: uid"),
        ("missing == ''", "no such attribute(s): missing"),
        ("ints[3]", "index out of bounds: 3"),
        ("ints[-1]", "index out of bounds: -1"),
        ("1 / (ints[1] - 1)", "division by zero"),
        ("1 % (ints[1] - 1)", "modulus by zero"),
        ("9223372036854775807 + ints[1]", "integer overflow"),
        ("uint(ints[1]) - 2u", "unsigned integer overflow"),
        ("-(-9223372036854775807 - ints[1])", "integer overflow"),
        ("x.one + 'a'", "no such overload"),
        ("x.text > 1", "no such overload"),
        ("x.one && true", "no such overload"),
        ("x.one.startsWith('a')", "no such overload: startsWith(int, string)"),
        ("int(x.text)", "type conversion error from 'string' to 'int'"),
        ("int(1e19 * user.ratio)", "integer overflow"),
        ("timestamp(x.text)", "type conversion error from 'string' to 'google.protobuf.Timestamp'"),
        ("timestamp('9999-12-31T23:59:59Z') + duration('1s')", "timestamp overflow"),
        ("claims.?nope.value()", "optional.none() dereference"),
        ("'abc'.charAt(ints[0] + 1)", "index out of range: 4"),
        ("'abc'.substring(2, 1)", "invalid substring range. start: 2, end: 1"),
        ("'a'.matches(x.text + '(')", "error parsing regexp: unclosed group: `abc(`"),
        (
            "'%d'.format([x.text])",
            "error during formatting: decimal clause can only be used on integers, was given string",
        ),
        ("('%' + 's').format(ints.filter(i, i > 9))", "index 0 out of range"),
        ("[].max()", "max called on empty list"),
        (
            "quantity('nope')",
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        ("timestamp(0).getHours('Nowhere/Town')", "unknown time zone Nowhere/Town"),
        ("[1, 2].slice(1, 5)", "cannot slice(1, 5), list is length 2"),
    ]);
}

#[test]
fn the_first_error_of_two_is_told() {
    assert_eq!(evaluate("1 / (ints[1] - 1) > 0 && claims.nope"), Err("division by zero".to_owned()));
}
