//! Macros: calls that stand for loops and tests.
//!
//! Those of the language (`has`, `all`, `exists`, `exists_one`, `map`, `filter`), of two-variable comprehensions
//! (`all`, `exists`, `existsOne`, `transformList`, `transformMap`, `transformMapEntry`), of optional values
//! (`optMap`, `optFlatMap`) and of lists (`sortBy`), as Kubernetes' environments have them. `cel.bind` is not
//! among them.

use crate::ast::{Comprehension, Expr, Kind, Literal, Maker};
use crate::source::Offset;

/// The variable that a loop's result grows in. Expressions can't name it.
pub(super) const ACCUMULATOR: &str = "@result";

/// What became of a call.
pub(super) enum Expanded {
    /// It is a macro, and this is what it stands for.
    Yes(Expr),
    /// It is none.
    No(Option<Expr>, Vec<Expr>),
    /// It is one that is not written right.
    Wrong(Offset, &'static str),
}

type Made = Result<Expr, (Offset, &'static str)>;

/// Expands the call of `function`, where it is a macro. `at` is the place of the opening bracket.
pub(super) fn expand(
    maker: &mut Maker,
    at: Offset,
    function: &str,
    target: Option<Expr>,
    args: Vec<Expr>,
) -> Expanded {
    let Some(target) = target else {
        if function == "has" && args.len() == 1 {
            return done(has(maker, at, args));
        }
        return Expanded::No(None, args);
    };
    let mut macros = Macros { maker, at };
    let made = match (function, args.len()) {
        ("all" | "exists" | "exists_one" | "existsOne", 2 | 3) => macros.quantifier(function, target, args),
        ("map", 2 | 3) => macros.map(target, args),
        ("filter", 2) => macros.filter(target, args),
        ("transformList" | "transformMap", 3 | 4) | ("transformMapEntry", 3 | 4) => {
            macros.transform(function, target, args)
        }
        ("optMap" | "optFlatMap", 2) => macros.opt_map(function == "optFlatMap", target, args),
        ("sortBy", 2) => macros.sort_by(target, args),
        _ => return Expanded::No(Some(target), args),
    };
    done(made)
}

fn done(made: Made) -> Expanded {
    match made {
        Ok(expr) => Expanded::Yes(expr),
        Err((at, message)) => Expanded::Wrong(at, message),
    }
}

fn has(maker: &mut Maker, at: Offset, mut args: Vec<Expr>) -> Made {
    let Some(arg) = args.pop() else {
        return Err((at, "invalid argument to has() macro"));
    };
    let place = maker.place(&arg);
    match arg.kind {
        Kind::Select { operand, field, test: false } => {
            Ok(maker.make(at, Kind::Select { operand, field, test: true }))
        }
        _ => Err((place, "invalid argument to has() macro")),
    }
}

struct Macros<'m> {
    maker: &'m mut Maker,
    at: Offset,
}

/// The parts of a loop that differ from macro to macro.
struct Loop {
    start: Expr,
    condition: Expr,
    step: Expr,
    result: Expr,
}

impl Macros<'_> {
    /// The name that an argument introduces.
    fn variable(&self, arg: &Expr, wrong: &'static str) -> Result<String, (Offset, &'static str)> {
        let place = self.maker.place(arg);
        match &arg.kind {
            Kind::Ident(name) if name == ACCUMULATOR || name == "__result__" => {
                Err((place, "iteration variable overwrites accumulator variable"))
            }
            Kind::Ident(name) => Ok(name.clone()),
            _ => Err((place, wrong)),
        }
    }

    /// The two names that the first two arguments introduce.
    fn variables(&self, first: &Expr, second: &Expr) -> Result<(String, String), (Offset, &'static str)> {
        let one = self.variable(first, "argument must be a simple name")?;
        let two = self.variable(second, "argument must be a simple name")?;
        if one == two {
            return Err((self.maker.place(second), "duplicate variable name"));
        }
        Ok((one, two))
    }

    fn accumulator(&mut self) -> Expr {
        self.maker.ident(self.at, ACCUMULATOR)
    }

    fn bool(&mut self, value: bool) -> Expr {
        self.maker.literal(self.at, Literal::Bool(value))
    }

    fn int(&mut self, value: i64) -> Expr {
        self.maker.literal(self.at, Literal::Int(value))
    }

    fn call(&mut self, function: &str, args: Vec<Expr>) -> Expr {
        self.maker.call(self.at, function, args)
    }

    fn comprehension(&mut self, range: Expr, variable: String, second: Option<String>, parts: Loop) -> Expr {
        let Loop { start, condition, step, result } = parts;
        let accumulator = ACCUMULATOR.to_owned();
        self.maker.make(
            self.at,
            Kind::Comprehension(Box::new(Comprehension {
                range,
                variable,
                second,
                accumulator,
                start,
                condition,
                step,
                result,
            })),
        )
    }

    /// `range.all(x, p)`, `range.all(i, x, p)` and so on.
    fn quantifier(&mut self, function: &str, target: Expr, mut args: Vec<Expr>) -> Made {
        let Some(predicate) = args.pop() else {
            return Err((self.at, "argument must be a simple name"));
        };
        let (variable, second) = match args.as_slice() {
            [one, two] => {
                let (one, two) = self.variables(one, two)?;
                (one, Some(two))
            }
            [one] => (self.variable(one, "argument must be a simple name")?, None),
            _ => return Err((self.at, "argument must be a simple name")),
        };
        let parts = match function {
            "all" => {
                let accumulator = self.accumulator();
                let condition = self.call("@not_strictly_false", vec![accumulator]);
                let accumulator = self.accumulator();
                let step = self.call("_&&_", vec![accumulator, predicate]);
                Loop { start: self.bool(true), condition, step, result: self.accumulator() }
            }
            "exists" => {
                let accumulator = self.accumulator();
                let not = self.call("!_", vec![accumulator]);
                let condition = self.call("@not_strictly_false", vec![not]);
                let accumulator = self.accumulator();
                let step = self.call("_||_", vec![accumulator, predicate]);
                Loop { start: self.bool(false), condition, step, result: self.accumulator() }
            }
            _ => {
                let (accumulator, one) = (self.accumulator(), self.int(1));
                let more = self.call("_+_", vec![accumulator, one]);
                let accumulator = self.accumulator();
                let step = self.call("_?_:_", vec![predicate, more, accumulator]);
                let (accumulator, one) = (self.accumulator(), self.int(1));
                let result = self.call("_==_", vec![accumulator, one]);
                Loop { start: self.int(0), condition: self.bool(true), step, result }
            }
        };
        Ok(self.comprehension(target, variable, second, parts))
    }

    /// A loop that collects `element`s in a list, where `filter` holds.
    fn collect(
        &mut self,
        target: Expr,
        variable: String,
        second: Option<String>,
        filter: Option<Expr>,
        element: Expr,
    ) -> Expr {
        let accumulator = self.accumulator();
        let list = self.maker.list(self.at, vec![element]);
        let mut step = self.call("_+_", vec![accumulator, list]);
        if let Some(filter) = filter {
            let accumulator = self.accumulator();
            step = self.call("_?_:_", vec![filter, step, accumulator]);
        }
        let start = self.maker.list(self.at, Vec::new());
        let parts = Loop { start, condition: self.bool(true), step, result: self.accumulator() };
        self.comprehension(target, variable, second, parts)
    }

    /// `range.map(x, t)` and `range.map(x, p, t)`
    fn map(&mut self, target: Expr, args: Vec<Expr>) -> Made {
        let mut args = args.into_iter();
        let (Some(name), last) = (args.next(), args.next_back()) else {
            return Err((self.at, "argument is not an identifier"));
        };
        let variable = self.variable(&name, "argument is not an identifier")?;
        let Some(element) = last else {
            return Err((self.at, "argument is not an identifier"));
        };
        Ok(self.collect(target, variable, None, args.next(), element))
    }

    /// `range.filter(x, p)`
    fn filter(&mut self, target: Expr, args: Vec<Expr>) -> Made {
        let mut args = args.into_iter();
        let Some(name) = args.next() else {
            return Err((self.at, "argument is not an identifier"));
        };
        let variable = self.variable(&name, "argument is not an identifier")?;
        Ok(self.collect(target, variable, None, args.next(), name))
    }

    /// `range.transformList(i, x, t)`, `range.transformMap(k, v, p, t)` and so on.
    fn transform(&mut self, function: &str, target: Expr, args: Vec<Expr>) -> Made {
        let mut args = args.into_iter();
        let (Some(first), Some(second), Some(element)) = (args.next(), args.next(), args.next_back()) else {
            return Err((self.at, "argument must be a simple name"));
        };
        let filter = args.next();
        let key = self.maker.copy(&first);
        let (variable, second) = self.variables(&first, &second)?;
        if function == "transformList" {
            return Ok(self.collect(target, variable, Some(second), filter, element));
        }
        let accumulator = self.accumulator();
        let entry = if function == "transformMap" {
            vec![accumulator, key, element]
        } else {
            vec![accumulator, element]
        };
        let mut step = self.call("cel.@mapInsert", entry);
        if let Some(filter) = filter {
            let accumulator = self.accumulator();
            step = self.call("_?_:_", vec![filter, step, accumulator]);
        }
        let start = self.maker.make(self.at, Kind::Map(Vec::new()));
        let parts = Loop { start, condition: self.bool(true), step, result: self.accumulator() };
        Ok(self.comprehension(target, variable, Some(second), parts))
    }

    /// A loop that never turns: `body` with a variable that stands for `value`.
    fn bind(&mut self, variable: &str, value: Expr, body: Expr) -> Expr {
        let range = self.maker.list(self.at, Vec::new());
        let condition = self.bool(false);
        let step = self.maker.ident(self.at, variable);
        self.maker.make(
            self.at,
            Kind::Comprehension(Box::new(Comprehension {
                range,
                variable: "#unused".to_owned(),
                second: None,
                accumulator: variable.to_owned(),
                start: value,
                condition,
                step,
                result: body,
            })),
        )
    }

    /// `target.optMap(x, t)` and `target.optFlatMap(x, t)`
    fn opt_map(&mut self, flat: bool, target: Expr, args: Vec<Expr>) -> Made {
        let mut args = args.into_iter();
        let (Some(name), Some(body)) = (args.next(), args.next()) else {
            return Err((self.at, "optMap() variable name must be a simple identifier"));
        };
        let Kind::Ident(variable) = &name.kind else {
            let message = if flat {
                "optFlatMap() variable name must be a simple identifier"
            } else {
                "optMap() variable name must be a simple identifier"
            };
            return Err((self.maker.place(&name), message));
        };
        let copy = self.maker.copy(&target);
        let value = self.maker.member(self.at, "value", copy, Vec::new());
        let mut bound = self.bind(variable, value, body);
        if !flat {
            bound = self.call("optional.of", vec![bound]);
        }
        let present = self.maker.member(self.at, "hasValue", target, Vec::new());
        let none = self.call("optional.none", Vec::new());
        Ok(self.call("_?_:_", vec![present, bound, none]))
    }

    /// `list.sortBy(x, key)`
    fn sort_by(&mut self, target: Expr, args: Vec<Expr>) -> Made {
        const INPUT: &str = "@__sortBy_input__";
        if !matches!(
            target.kind,
            Kind::List { .. }
                | Kind::Select { .. }
                | Kind::Ident(_)
                | Kind::Comprehension(_)
                | Kind::Call { .. }
        ) {
            let message =
                "sortBy can only be applied to a list, identifier, comprehension, call or select expression";
            return Err((self.maker.place(&target), message));
        }
        let range = self.maker.ident(self.at, INPUT);
        let keys = self.map(range, args)?;
        let input = self.maker.ident(self.at, INPUT);
        let sorted = self.maker.member(self.at, "@sortByAssociatedKeys", input, vec![keys]);
        Ok(self.bind(INPUT, target, sorted))
    }
}
