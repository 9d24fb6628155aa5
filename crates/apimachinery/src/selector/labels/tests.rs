use proptest::prelude::*;

use super::*;

#[test]
fn parse_and_print() {
    let check = |text: &str, want: &str| {
        assert_eq!(parse(text).map(|s| s.to_string()).as_deref(), Ok(want), "{text}");
    };
    check("", "");
    check(" \t\r\n", "");
    check("a", "a");
    check("!a", "!a");
    check("! a , b", "!a,b");
    check("a=b", "a=b");
    check("a == b", "a==b");
    check("a!=b", "a!=b");
    check("z=1,a=2", "a=2,z=1");
    check("a=", "a=");
    check("a=,b", "a=,b");
    check("a in (y,x,x)", "a in (x,y)");
    check("a in ()", "a in ()");
    check("a in (,)", "a in ()");
    check("a notin (,x)", "a notin (,x)");
    check("a in (x,)", "a in (,x)");
    check("a in (x,,y)", "a in (,x,y)");
    check("a>1,b<2", "a>1,b<2");
    check("in in (in,notin)", "in in (in,notin)");
    check("notin", "notin");
    check("a=notin", "a=notin");
    check("example.com/a=b", "example.com/a=b");
    check("a\0=b,((", "a");
}

#[test]
fn parse_errors_read_as_upstream() {
    let check = |text: &str, want: &str| {
        assert_eq!(parse(text).map_err(|e| e.to_string()), Err(want.into()), "{text}")
    };
    let requirement = |text: &str, want: &str| check(text, &format!("unable to parse requirement: {want}"));
    check("==!", "found '==', expected: !, identifier, or 'end of string'");
    check("=value", "found '=', expected: !, identifier, or 'end of string'");
    check(",", "found ',', expected: !, identifier, or 'end of string'");
    check("env=bad value!", "found 'value', expected: ',' or 'end of string'");
    check("!a=b", "found '=', expected: ',' or 'end of string'");
    check("a,,b", "found ',', expected: identifier after ','");
    check("a,", "found '', expected: identifier after ','");
    check("a in (b) c", "found 'c', expected: ',' or 'end of string'");
    requirement("env===prod", "found '=', expected: identifier");
    requirement("in (a", "found '(', expected: in, notin, =, ==, !=, gt, lt");
    requirement("bad key=x", "found 'key', expected: in, notin, =, ==, !=, gt, lt");
    requirement("a(", "found '(', expected: in, notin, =, ==, !=, gt, lt");
    requirement("env in prod", "found 'prod' expected: '('");
    requirement("env in", "found '' expected: '('");
    requirement("env in (", "found '', expected: ',', ')' or identifier");
    requirement("env in (=", "found '=', expected: ',', ')' or identifier");
    requirement("env in (a,b", "found '', expected: ',' or ')'");
    requirement("env in (a b)", "found 'b', expected: ',' or ')'");
    requirement("env in (a,(", "found '(', expected: ',', or identifier");
    requirement("env in (,", "found '', expected: ',', or identifier");
    requirement("!", "found '', expected: identifier");
    requirement("!!a", "found '!', expected: identifier");
    requirement(
        "n>abc",
        "values[0]: Invalid value: \"abc\": for 'Gt', 'Lt' operators, the value must be an integer",
    );
    requirement(
        "-bad=x",
        "<nil>: Invalid value: \"-bad\": name part must consist of alphanumeric characters, '-', '_' or '.', and must \
         start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
         validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    );
    requirement(
        "n>-",
        "[values[0]: Invalid value: \"-\": for 'Gt', 'Lt' operators, the value must be an integer, values[0][n]: \
         Invalid value: \"-\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' \
         or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', \
         regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')]",
    );
    assert!(parse(&"a,".repeat(crate::selector::MAX_BYTES)).unwrap_err().starts_with("selector is too long"));
}

#[test]
fn matching() {
    let check = |text: &str, want: bool| {
        let labels = [("env", "prod"), ("n", "7"), ("empty", ""), ("text", "x")];
        let label = |key: &str| labels.iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
        assert_eq!(parse(text).unwrap().matches(label), want, "{text}");
    };
    check("", true);
    check("env", true);
    check("!env", false);
    check("none", false);
    check("!none", true);
    check("env=prod", true);
    check("env==test", false);
    check("env!=prod", false);
    check("none!=prod", true);
    check("none=", false);
    check("empty=", true);
    check("empty", true);
    check("env in (prod,test)", true);
    check("env notin (prod,test)", false);
    check("none notin (prod)", true);
    check("none in ()", false);
    check("n>6", true);
    check("n>7", false);
    check("n<8", true);
    check("text>1", false);
    check("none<1", false);
    check("env=prod,n>9", false);
    assert!(!Selector::nothing().matches(|_| None));
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(k, v)| (k.into(), v)).collect())
}

#[test]
fn label_selectors() {
    let expression = |key: &str, operator: &str, values: &[&str]| {
        let values: Vec<Value> = values.iter().map(|v| Value::from(*v)).collect();
        object([("key", key.into()), ("operator", operator.into()), ("values", values.into())])
    };
    let check = |labels: Value, expressions: Vec<Value>, want: Result<&str, &str>| {
        let selector = object([("matchLabels", labels), ("matchExpressions", expressions.into())]);
        let got = from_label_selector(&selector).map(|s| s.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), want);
    };
    check(Value::Null, vec![], Ok(""));
    check(
        object([("x", "y".into())]),
        vec![
            expression("a", "In", &["2", "1"]),
            expression("b", "NotIn", &["c"]),
            expression("d", "Exists", &[]),
        ],
        Ok("a in (1,2),b notin (c),d,x=y"),
    );
    check(Value::Null, vec![expression("a", "DoesNotExist", &[])], Ok("!a"));
    check(
        Value::Null,
        vec![expression("a", "Gt", &["1"])],
        Err("\"Gt\" is not a valid label selector operator"),
    );
    check(
        Value::Null,
        vec![expression("a", "In", &[])],
        Err("values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty"),
    );
    check(
        Value::Null,
        vec![expression("a", "Exists", &["x", "y"])],
        Err("values: Invalid value: [\"x\",\"y\"]: values set must be empty for exists and does not exist"),
    );
    assert!(from_label_selector(&Value::Null).unwrap().is_nothing());
    assert!(from_label_selector(&object([])).unwrap().is_empty());
    let map = Selector::from_map(&object([("a", "b".into())]));
    assert_eq!((map.to_string().as_str(), map.required_value("a")), ("a=b", Some("b")));
    assert!(map.matches_map(Some(&object([("a", "b".into()), ("c", "d".into())]))));
    assert!(!map.matches_map(None));
}

proptest! {
    #[test]
    fn canonical_text_parses_to_the_same_text(text in r"[ab,=!<>() 1]{0,16}|( ?!?[ab]( ?(=|!=|==) ?[12]?| (not)?in \([ab,]{0,4}\))? ?,?){0,4}") {
        if let Ok(selector) = parse(&text) {
            prop_assert_eq!(parse(&selector.to_string()).map(|s| s.to_string()), Ok(selector.to_string()));
        }
    }

    #[test]
    fn any_text_parses_or_is_refused(text in ".{0,64}") {
        let _ = parse(&text);
    }
}
