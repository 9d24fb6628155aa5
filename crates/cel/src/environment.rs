//! Environments, which compile expressions, and the programs that come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use keelson_apimachinery::Value;

use crate::ast::{Expr, Kind, Literal};
use crate::library::authorizer::{Authorizer, Resource};
use crate::meter::{EvaluationError, Meter};
use crate::plan::Plan;
use crate::source::{CompileError, Issues, Source};
use crate::types::Type;
use crate::{check, eval, parse, plan};

/// What expressions may use: variables of declared types, and the functions of Kubernetes' base environment.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<String, Type>,
    patches: bool,
}

impl Environment {
    /// An environment without variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a variable. The name may have dots (`a.b`).
    #[must_use]
    pub fn variable(mut self, name: &str, type_: Type) -> Self {
        self.variables.insert(name.to_owned(), type_);
        self
    }

    /// Lets expressions construct what mutating policies do: parts of an object (`Object{spec:
    /// Object.spec{replicas: 1}}`) and operations of a JSON patch (`JSONPatch{op: "remove", path: "/spec"}`), with
    /// `jsonpatch.escapeKey`. Constructed objects evaluate to maps.
    #[must_use]
    pub fn patches(mut self) -> Self {
        self.patches = true;
        self
    }

    /// Compiles an expression.
    ///
    /// # Errors
    /// What is wrong with it, in cel-go's words.
    pub fn compile(&self, expression: &str) -> Result<Program, CompileError> {
        self.compile_with(expression, true)
    }

    /// Without `fold`, constants are computed at evaluation; only costs show the difference.
    pub(crate) fn compile_with(&self, expression: &str, fold: bool) -> Result<Program, CompileError> {
        let source = Source::new(expression);
        let mut issues = Issues::default();
        let checked = parse::parse(expression, &mut issues)
            .and_then(|tree| check::check(tree, &self.variables, self.patches, &mut issues));
        let Some(checked) = checked else {
            return Err(issues.into_error(&source));
        };
        let plan = plan::plan(&checked, &self.variables, fold).map_err(CompileError::Program)?;
        let mut selected = BTreeSet::new();
        note_selected(&checked.tree.root, &mut selected);
        Ok(Program { plan, output: checked.output, selected })
    }
}

/// A compiled expression.
#[derive(Debug)]
pub struct Program {
    plan: Plan,
    output: Type,
    /// Variables, and the fields that are selected of them.
    selected: BTreeSet<(String, String)>,
}

/// Notes each `variable.field`, `variable.?field` and `has(variable.field)`.
fn note_selected(expr: &Expr, selected: &mut BTreeSet<(String, String)>) {
    let found = match &expr.kind {
        Kind::Select { operand, field, .. } => Some((&**operand, field)),
        Kind::Call { target: None, function, args } if function == "_?._" => match args.as_slice() {
            [operand, Expr { kind: Kind::Literal(Literal::String(field)), .. }] => Some((operand, field)),
            _ => None,
        },
        _ => None,
    };
    if let Some((Expr { kind: Kind::Ident(variable), .. }, field)) = found {
        selected.insert((variable.clone(), field.clone()));
    }
    expr.kind.children(&mut |child| note_selected(child, selected));
}

impl Program {
    /// The type of the results.
    pub fn output_type(&self) -> &Type {
        &self.output
    }

    /// Whether it selects this field of this variable by name, as in `variable.field`, `variable.?field` or
    /// `has(variable.field)`; not as in `variable['field']`.
    pub fn selects(&self, variable: &str, field: &str) -> bool {
        self.selected.iter().any(|(of, name)| of == variable && name == field)
    }

    /// The names of the variables that it asks for.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.plan.variables.iter().map(|(name, _)| name.as_str())
    }

    /// Evaluates the expression. Variables that are declared but not given are errors where they are used.
    ///
    /// `budget` is what it may cost, in Kubernetes' units (an authorization or authentication expression may cost
    /// 1,000,000, and so may one call of a rule).
    ///
    /// Results are JSON: bytes are base64, timestamps RFC 3339, durations seconds (`90s`); an optional value is
    /// its value, or `null`.
    ///
    /// # Errors
    /// The error that it ends in, or that it costs too much.
    pub fn evaluate(&self, variables: &[(&str, Value)], budget: u64) -> Result<Value, EvaluationError> {
        self.run(variables, budget).0
    }

    /// As [`Program::evaluate`]; and what it cost.
    pub fn run(&self, variables: &[(&str, Value)], budget: u64) -> (Result<Value, EvaluationError>, u64) {
        let given = |wanted: &str| {
            variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| Input::Json(value))
        };
        self.run_with(given, budget)
    }

    /// As [`Program::run`], with variables that `given` is asked for, once each.
    pub fn run_with<'v>(
        &'v self,
        given: impl FnMut(&str) -> Option<Input<'v>>,
        budget: u64,
    ) -> (Result<Value, EvaluationError>, u64) {
        let mut given = given;
        let mut meter = Meter::new(budget);
        let values: Vec<Option<Input<'v>>> =
            self.plan.variables.iter().map(|(wanted, _)| given(wanted)).collect();
        let result =
            eval::evaluate(&self.plan, &values, &mut meter).and_then(|value| value.to_json(&mut meter));
        (result.map_err(EvaluationError::from), meter.cost())
    }
}

/// What a variable stands for.
#[derive(Clone, Debug)]
pub enum Input<'v> {
    /// A value; it is read by the variable's type, where it is looked at, and not copied.
    Json(&'v Value),
    /// Who decides about checks of authorization ([`Type::authorizer`]).
    Authorizer(Arc<dyn Authorizer>),
    /// The check of a resource that is filled in already ([`Type::resource_check`]).
    ResourceCheck(Arc<dyn Authorizer>, Resource),
}
