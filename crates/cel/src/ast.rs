//! The tree of a parsed expression.

use crate::source::Offset;

/// An expression. `id` numbers the expressions of one tree without gaps.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) id: u32,
    /// How many levels there are below and with this one.
    pub(crate) depth: u16,
    pub(crate) kind: Kind,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Literal(Literal),
    /// A name; with a leading dot where the expression writes it so.
    Ident(String),
    Select {
        operand: Box<Expr>,
        field: String,
        /// From `has()`: asks only whether the field is there.
        test: bool,
    },
    Call {
        target: Option<Box<Expr>>,
        function: String,
        args: Vec<Expr>,
    },
    List {
        elements: Vec<Expr>,
        /// The elements that are written with a question mark.
        optional: Vec<usize>,
    },
    Map(Vec<Entry>),
    /// The construction of an object of a named type.
    Struct {
        name: String,
        fields: Vec<Initialiser>,
    },
    Comprehension(Box<Comprehension>),
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
}

/// An entry of a map.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Expr,
    pub(crate) value: Expr,
    pub(crate) optional: bool,
}

/// What a field of a constructed object is to be.
#[derive(Clone, Debug)]
pub(crate) struct Initialiser {
    pub(crate) at: Offset,
    pub(crate) name: String,
    pub(crate) value: Expr,
    pub(crate) optional: bool,
}

/// A loop over a list or map, which macros make. The loop goes on while `condition` isn't false.
#[derive(Clone, Debug)]
pub(crate) struct Comprehension {
    pub(crate) range: Expr,
    pub(crate) variable: String,
    /// With a second variable the first is the index or key, and this the element or value.
    pub(crate) second: Option<String>,
    pub(crate) accumulator: String,
    pub(crate) start: Expr,
    pub(crate) condition: Expr,
    pub(crate) step: Expr,
    pub(crate) result: Expr,
}

impl Kind {
    /// Calls `visit` with each expression right below this one.
    pub(crate) fn children(&self, visit: &mut dyn FnMut(&Expr)) {
        match self {
            Kind::Literal(_) | Kind::Ident(_) => {}
            Kind::Select { operand, .. } => visit(operand),
            Kind::Call { target, args, .. } => target.iter().map(|t| &**t).chain(args).for_each(visit),
            Kind::List { elements, .. } => elements.iter().for_each(visit),
            Kind::Struct { fields, .. } => fields.iter().map(|field| &field.value).for_each(visit),
            Kind::Map(entries) => entries.iter().for_each(|entry| {
                visit(&entry.key);
                visit(&entry.value);
            }),
            Kind::Comprehension(c) => {
                [&c.range, &c.start, &c.condition, &c.step, &c.result].into_iter().for_each(visit);
            }
        }
    }
}

/// A parsed expression and the places of its parts.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: Expr,
    /// The place of each expression, by `id`.
    pub(crate) places: Vec<Offset>,
}

/// Makes expressions and notes their places.
#[derive(Debug, Default)]
pub(crate) struct Maker {
    pub(crate) places: Vec<Offset>,
}

impl Maker {
    pub(crate) fn make(&mut self, at: Offset, kind: Kind) -> Expr {
        let id = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push(at);
        let mut depth = 0;
        kind.children(&mut |child| depth = depth.max(child.depth));
        Expr { id, depth: depth.saturating_add(1), kind }
    }

    pub(crate) fn place(&self, of: &Expr) -> Offset {
        self.places.get(of.id as usize).copied().unwrap_or(0)
    }

    pub(crate) fn call(&mut self, at: Offset, function: &str, args: Vec<Expr>) -> Expr {
        self.make(at, Kind::Call { target: None, function: function.to_owned(), args })
    }

    pub(crate) fn member(&mut self, at: Offset, function: &str, target: Expr, args: Vec<Expr>) -> Expr {
        self.make(at, Kind::Call { target: Some(Box::new(target)), function: function.to_owned(), args })
    }

    pub(crate) fn literal(&mut self, at: Offset, literal: Literal) -> Expr {
        self.make(at, Kind::Literal(literal))
    }

    pub(crate) fn ident(&mut self, at: Offset, name: &str) -> Expr {
        self.make(at, Kind::Ident(name.to_owned()))
    }

    pub(crate) fn list(&mut self, at: Offset, elements: Vec<Expr>) -> Expr {
        self.make(at, Kind::List { elements, optional: Vec::new() })
    }

    /// A copy with numbers of its own, at the same places.
    pub(crate) fn copy(&mut self, of: &Expr) -> Expr {
        let at = self.place(of);
        let kind = match &of.kind {
            Kind::Literal(literal) => Kind::Literal(literal.clone()),
            Kind::Ident(name) => Kind::Ident(name.clone()),
            Kind::Select { operand, field, test } => {
                Kind::Select { operand: Box::new(self.copy(operand)), field: field.clone(), test: *test }
            }
            Kind::Call { target, function, args } => Kind::Call {
                target: target.as_ref().map(|target| Box::new(self.copy(target))),
                function: function.clone(),
                args: args.iter().map(|arg| self.copy(arg)).collect(),
            },
            Kind::List { elements, optional } => Kind::List {
                elements: elements.iter().map(|element| self.copy(element)).collect(),
                optional: optional.clone(),
            },
            Kind::Struct { name, fields } => Kind::Struct {
                name: name.clone(),
                fields: fields
                    .iter()
                    .map(|field| Initialiser {
                        at: field.at,
                        name: field.name.clone(),
                        value: self.copy(&field.value),
                        optional: field.optional,
                    })
                    .collect(),
            },
            Kind::Map(entries) => Kind::Map(
                entries
                    .iter()
                    .map(|entry| Entry {
                        key: self.copy(&entry.key),
                        value: self.copy(&entry.value),
                        optional: entry.optional,
                    })
                    .collect(),
            ),
            Kind::Comprehension(c) => Kind::Comprehension(Box::new(Comprehension {
                range: self.copy(&c.range),
                variable: c.variable.clone(),
                second: c.second.clone(),
                accumulator: c.accumulator.clone(),
                start: self.copy(&c.start),
                condition: self.copy(&c.condition),
                step: self.copy(&c.step),
                result: self.copy(&c.result),
            })),
        };
        self.make(at, kind)
    }
}
