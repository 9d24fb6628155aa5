//! Any text is refused or compiles, and what compiles evaluates within its budget, to a value or an error.
#![no_main]

use std::sync::LazyLock;

use keelson_apimachinery::Value;
use keelson_apimachinery::codec::json;
use keelson_cel::{Environment, EvaluationError, Type};
use libfuzzer_sys::fuzz_target;

const BUDGET: u64 = 10_000;

static ENVIRONMENT: LazyLock<Environment> = LazyLock::new(|| {
    let user = Type::object(
        "User",
        [("username", Type::String), ("groups", Type::list(Type::String)), ("since", Type::Timestamp)],
    );
    Environment::new()
        .variable("claims", Type::map(Type::String, Type::Any))
        .variable("user", user)
        .variable("x", Type::Dyn)
        .variable("ints", Type::list(Type::Int))
});

static VARIABLES: LazyLock<Vec<(&'static str, Value)>> = LazyLock::new(|| {
    [
        ("claims", r#"{"sub":"u1","roles":["a","b"],"n":{"k":[1,{"d":1.5}]},"none":null}"#),
        ("user", r#"{"username":"u","groups":["g","h"],"since":"2024-02-29T12:00:00Z"}"#),
        ("x", r#"{"a":[1,"b",true,null,{"c":-1}]}"#),
        ("ints", "[3,1,2]"),
    ]
    .into_iter()
    .map(|(name, text)| (name, json::decode_untyped(text.as_bytes()).expect("it is JSON").value))
    .collect()
});

fuzz_target!(|text: &str| {
    let Ok(program) = ENVIRONMENT.compile(text) else {
        return;
    };
    let (result, cost) = program.run(&VARIABLES, BUDGET);
    match result {
        Err(EvaluationError::CostExceeded) => assert!(cost > BUDGET),
        _ => assert!(cost <= BUDGET),
    }
    // What it says doesn't depend on anything but its variables.
    let (again, same) = program.run(&VARIABLES, BUDGET);
    assert_eq!(same, cost);
    drop(again);
});
