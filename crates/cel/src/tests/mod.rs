//! Tables of expressions with what comes of them.

mod authorizer;
mod bounds;
mod costs;
mod errors;
mod patches;
mod results;
mod types;

use keelson_apimachinery::Value;
use keelson_apimachinery::codec::json;

use crate::{Environment, EvaluationError, Type};

/// What no expression of the tables comes near.
const BUDGET: u64 = 10_000_000;

/// JSON as a value.
fn value(text: &str) -> Value {
    json::decode_untyped(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e:?}")).value
}

/// The variables that the tables use.
fn environment() -> Environment {
    let user = Type::object(
        "kubernetes.UserInfo",
        [
            ("username", Type::String),
            ("uid", Type::String),
            ("groups", Type::list(Type::String)),
            ("extra", Type::map(Type::String, Type::list(Type::String))),
            ("namespace", Type::String),
            ("since", Type::Timestamp),
            ("ratio", Type::Double),
        ],
    );
    Environment::new()
        .variable("claims", Type::map(Type::String, Type::Any))
        .variable("user", user)
        .variable("x", Type::Dyn)
        .variable("ints", Type::list(Type::Int))
        .variable("a.b", Type::Int)
        .variable("missing", Type::String)
}

fn variables() -> Vec<(&'static str, Value)> {
    vec![
        (
            "claims",
            value(
                r#"{"sub":"u1","iss":"https://example.com","email":"a@example.com","email_verified":true,
                    "exp":1700000000,"nested":{"key":[1,2,{"deep":"yes"}]},"roles":["admin","dev"],"pi":3.14,
                    "nothing":null,"empty":""}"#,
            ),
        ),
        (
            "user",
            value(
                r#"{"username":"system:node:n1","groups":["system:nodes","system:authenticated"],
                    "extra":{"key":["v1","v2"]},"namespace":"ns","since":"2024-02-29T12:30:45.5Z","ratio":2}"#,
            ),
        ),
        ("x", value(r#"{"one":1,"text":"abc","list":[3,1,2],"dash-key":true}"#)),
        ("ints", value("[3,1,2]")),
        ("a.b", value("7")),
    ]
}

/// What the expression evaluates to, or the text of its error.
fn evaluate(expression: &str) -> Result<Value, String> {
    let program = environment().compile(expression).map_err(|e| e.to_string())?;
    program.evaluate(&variables(), BUDGET).map_err(|e| match e {
        EvaluationError::Failed(message) => message,
        other => other.to_string(),
    })
}

/// Each expression evaluates to the JSON next to it.
fn check(table: &[(&str, &str)]) {
    for (expression, expected) in table {
        assert_eq!(evaluate(expression), Ok(value(expected)), "{expression}");
    }
}

/// Each expression compiles, and ends in the error next to it.
fn check_fails(table: &[(&str, &str)]) {
    for (expression, expected) in table {
        let program = environment().compile(expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
        let result = program.evaluate(&variables(), BUDGET).map_err(|e| e.to_string());
        assert_eq!(result, Err((*expected).to_owned()), "{expression}");
    }
}

/// Each expression is refused with the text next to it.
fn check_refused(table: &[(&str, &str)]) {
    for (expression, expected) in table {
        match environment().compile(expression) {
            Ok(program) => panic!("{expression} compiles to {}", program.output_type()),
            Err(e) => assert_eq!(e.to_string(), *expected, "{expression}"),
        }
    }
}
