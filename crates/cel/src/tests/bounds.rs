//! Nothing that an expression says makes the process panic, hang or ask for too much.

use proptest::prelude::*;

use super::{environment, variables};
use crate::{CompileError, EvaluationError, Program};

/// Runs on a thread with the stack that the server's threads have.
fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).expect("a thread can be started");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn compile(expression: &str) -> Result<Program, CompileError> {
    environment().compile(expression)
}

fn refusal(expression: &str) -> String {
    compile(expression).expect_err("it is too much").to_string()
}

#[test]
fn expressions_nest_only_so_deep() {
    on_a_small_stack(|| {
        let too_deep = "ERROR: <input>:-1:0: expression recursion limit exceeded: 250";
        assert!(compile(&format!("{}1{}", "(".repeat(240), ")".repeat(240))).is_ok());
        assert_eq!(refusal(&format!("{}1{}", "(".repeat(300), ")".repeat(300))), too_deep);
        assert_eq!(refusal(&format!("{}{}", "[".repeat(50_000), "]".repeat(40_000))), too_deep);
        assert_eq!(refusal(&format!("1{}", " + 1".repeat(300))), too_deep);
        assert_eq!(refusal(&format!("x{}", ".a".repeat(300))), too_deep);
        for (open, close) in
            [("[", "]"), ("{1: ", "}"), ("!(", ")"), ("-(", ")"), ("string(", ")"), ("x[", "]")]
        {
            let text = format!("{}1{}", open.repeat(240), close.repeat(240));
            if let Ok(program) = compile(&text) {
                let _ = program.evaluate(&variables(), u64::MAX);
            }
        }
        let conditions = format!("{}1{}", "true ? 1 : (".repeat(120), ")".repeat(120));
        assert!(compile(&conditions).is_ok_and(|program| program.evaluate(&[], 1000).is_ok()));
        let loops = format!("{}[1]{}", "[1].map(i, ".repeat(200), ")".repeat(200));
        assert!(compile(&loops).is_err());
        let loops = format!("{}[1]{}", "[1].map(i, ".repeat(100), ")".repeat(100));
        assert!(compile(&loops).is_ok_and(|program| program.evaluate(&[], 1_000_000).is_ok()));
    });
}

#[test]
fn chains_of_logic_may_be_long() {
    on_a_small_stack(|| {
        let program = compile(&format!("true{}", " && true".repeat(10_000))).expect("it is a flat tree");
        assert!(program.evaluate(&[], 10).is_ok());
    });
}

#[test]
fn expressions_are_only_so_long() {
    let text = format!("'{}'", "a".repeat(100_000));
    assert_eq!(
        refusal(&text),
        "ERROR: <input>:-1:0: expression code point size exceeds limit: size: 100002, limit 100000"
    );
}

#[test]
fn types_and_trees_that_double_are_refused() {
    let types = format!("[1]{}", ".map(a, {a: a})".repeat(40).replace("{a: a}", "{string(a): [a, a]}"));
    let _ = compile(&types);
    let doubled = format!("[1]{}", ".transformMap(k, v, {'a': v}).map(k, {k: k})".repeat(3));
    let _ = compile(&doubled);
    let mut text = "dyn([1])".to_owned();
    for _ in 0..40 {
        text = format!("[{text}].map(a, {{'k': a, 'l': a}})");
    }
    let _ = compile(&text);
    // Each of these copies what it is called on.
    assert!(refusal(&format!("optional.of(1){}", ".optMap(v, v)".repeat(40))).contains("limit exceeded"));
}

#[test]
fn memory_and_work_are_bounded_whatever_the_budget_is() {
    for expression in [
        "lists.range(9223372036854775807)",
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.replace('', 'bbbbbbbbbbbbbbbbbbbb')\
         .replace('', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb').replace('', \
         'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb').replace('', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb')",
        "sets.contains(lists.range(100000), lists.range(100000))",
        "lists.range(100000).distinct()",
    ] {
        let program = compile(expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
        assert!(program.evaluate(&[], u64::MAX) == Err(EvaluationError::TooLarge), "{expression}");
    }
}

/// Pieces that expressions are made of, some of them broken.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "1",
        "0",
        "-1",
        "2u",
        "1.5",
        "'a'",
        "'é'",
        "b'x'",
        "true",
        "null",
        "claims",
        "user",
        "x",
        "ints",
        "a.b",
        "i",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        ".",
        ".?",
        "[?",
        "?",
        " + ",
        " - ",
        " * ",
        " / ",
        " % ",
        " < ",
        " == ",
        " != ",
        " in ",
        " && ",
        " || ",
        "!",
        ".sub",
        ".groups",
        ".size()",
        "size(",
        ".map(i, ",
        ".all(i, ",
        ".exists(i, ",
        ".filter(i, ",
        ".optMap(i, ",
        ".transformMap(i, j, ",
        ".sortBy(i, ",
        "has(",
        "optional.of(",
        ".orValue(",
        ".matches(",
        ".find(",
        ".format(",
        "string(",
        "int(",
        "duration(",
        "timestamp(",
        "'1h'",
        "'%s'",
        "quantity('1')",
        ".add(",
        ".join(",
        ".split(",
        ".replace(",
        ".sum()",
        "type(",
        "`",
        "\\",
        "\"",
        "//",
    ]);
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(expression in pieces()) {
        if let Ok(program) = compile(&expression) {
            let _ = program.evaluate(&variables(), 100_000);
            let _ = program.evaluate(&[], 100_000);
        }
    }

    #[test]
    fn no_text_panics(expression in "\\PC{0,40}") {
        let _ = compile(&expression);
    }

    #[test]
    fn results_are_of_the_type_that_is_told(expression in pieces()) {
        use keelson_apimachinery::Value;

        use crate::Type;
        if let Ok(program) = compile(&expression)
            && let Ok(value) = program.evaluate(&variables(), 100_000)
        {
            let fits = match program.output_type() {
                Type::Bool => matches!(value, Value::Bool(_)),
                Type::Int => matches!(value, Value::Int(_)),
                Type::String => matches!(value, Value::String(_)),
                Type::List(_) => matches!(value, Value::Array(_)),
                _ => true,
            };
            prop_assert!(fits, "{} is {:?}", expression, value);
        }
    }
}
