//! Match conditions: for which requests a webhook is asked.
//!
//! Source: "Match conditions" of the authorization configuration in the Kubernetes documentation (KEP-3221).

use std::collections::BTreeSet;
use std::sync::LazyLock;

use keelson_apimachinery::Value;
use keelson_apimachinery::field::{ErrorType, FieldError, Path};
use keelson_cel::{CompileError, Environment, Program, Type};

use super::review::Review;

/// How many conditions a webhook may have.
const MAXIMAL_CONDITIONS: usize = 64;
/// What one condition may cost, in Kubernetes' units.
const BUDGET: u64 = 1_000_000;
/// The variable that conditions are about.
const VARIABLE: &str = "request";

static ENVIRONMENT: LazyLock<Environment> =
    LazyLock::new(|| Environment::new().variable(VARIABLE, specification()));

/// The type of a `SubjectAccessReviewSpec`.
fn specification() -> Type {
    let texts = || Type::list(Type::String);
    let text = |name: &'static str| (name, Type::String);
    let selector = |name: &str| {
        let members = [text("key"), text("operator"), ("values", texts())];
        let requirement = Type::object("kubernetes.SelectorRequirement", members);
        Type::object(name, [text("rawSelector"), ("requirements", Type::list(requirement))])
    };
    let resource = Type::object(
        "kubernetes.ResourceAttributes",
        [
            text("namespace"),
            text("verb"),
            text("group"),
            text("version"),
            text("resource"),
            text("subresource"),
            text("name"),
            ("fieldSelector", selector("kubernetes.FieldSelectorAttributes")),
            ("labelSelector", selector("kubernetes.LabelSelectorAttributes")),
        ],
    );
    let path = Type::object("kubernetes.NonResourceAttributes", [text("path"), text("verb")]);
    Type::object(
        "kubernetes.SubjectAccessReviewSpec",
        [
            ("resourceAttributes", resource),
            ("nonResourceAttributes", path),
            text("user"),
            ("groups", texts()),
            ("extra", Type::map(Type::String, texts())),
            text("uid"),
        ],
    )
}

/// Conditions that all have to hold.
#[derive(Debug, Default)]
pub struct Conditions(Vec<(String, Program)>);

impl Conditions {
    /// The conditions of these expressions; errors are told at `path`, that of the webhook.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn compile(expressions: &[String], path: &Path) -> Result<Self, Vec<FieldError>> {
        let path = path.child("matchConditions");
        if expressions.len() > MAXIMAL_CONDITIONS {
            return Err(vec![FieldError::too_many(&path, expressions.len(), MAXIMAL_CONDITIONS)]);
        }
        let (mut conditions, mut errors, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (i, expression) in expressions.iter().enumerate() {
            let at = path.index(i).child("expression");
            if expression.trim().is_empty() {
                errors.push(FieldError::required(&at, ""));
            } else if !seen.insert(expression) {
                errors.push(FieldError::duplicate(&at, expression));
            } else {
                match compile(expression, &at) {
                    Ok(program) => conditions.push((expression.clone(), program)),
                    Err(error) => errors.push(error),
                }
            }
        }
        if errors.is_empty() { Ok(Conditions(conditions)) } else { Err(errors) }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all hold.
    ///
    /// # Errors
    /// Where one can't be evaluated and none is false.
    pub(super) fn hold(&self, review: &Review<'_>) -> Result<bool, String> {
        let mut errors = Vec::new();
        let variables = [(VARIABLE, review.tree())];
        for (expression, program) in &self.0 {
            match program.evaluate(&variables, BUDGET) {
                Ok(Value::Bool(true)) => {}
                Ok(Value::Bool(false)) => return Ok(false),
                Ok(_) => errors.push(format!(
                    "cel evaluation error: expression '{expression}' eval result type should be bool"
                )),
                Err(failure) => errors.push(format!(
                    "cel evaluation error: expression '{expression}' resulted in error: {failure}"
                )),
            }
        }
        match errors.len() {
            0 => Ok(true),
            1 => Err(errors.remove(0)),
            _ => Err(format!("[{}]", errors.join(", "))),
        }
    }
}

fn compile(expression: &str, path: &Path) -> Result<Program, FieldError> {
    let program = ENVIRONMENT.compile(expression).map_err(|error| match &error {
        CompileError::Invalid { .. } => {
            FieldError::invalid(path, expression, format!("compilation failed: {error}"))
        }
        CompileError::Program(why) => {
            let detail = format!("program instantiation failed: {why}");
            FieldError::new(ErrorType::Internal, path, None, detail)
        }
    })?;
    match program.output_type() {
        Type::Bool => Ok(program),
        other => {
            let why = format!("must evaluate to bool but got {}", other.name());
            Err(FieldError::invalid(path, expression, why))
        }
    }
}
