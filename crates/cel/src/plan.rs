//! Plans: what an evaluation does, step by step, from a checked expression.
//!
//! Constants are computed here: lists and maps of them, conversions of them, patterns. What is selected from a
//! variable is one step with all its qualifiers, as in cel-go, whose costs depend on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use regex::Regex;

use crate::ast::{Comprehension, Expr, Kind, Literal};
use crate::check::{Checked, Meaning};
use crate::eval;
use crate::library::{Function, Overload, convert, pattern};
use crate::meter::Failure;
use crate::types::Type;
use crate::value::{Key, Val};

/// A step.
#[derive(Debug)]
pub(crate) enum Node {
    Const(Val<'static>),
    Attribute(Box<Attribute>),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
    Equal(Box<[Node; 2]>, Equality),
    /// Whether the operand is anything but false; errors are.
    NotFalse(Box<Node>),
    Call(Box<Call>),
    /// Membership in a list of constants.
    Member(Box<Member>),
    List(Box<[Element]>),
    Map(Box<[Pair]>),
    Fold(Box<Fold>),
    /// The left side, or where that has no value the right one; its value, if asked for.
    Otherwise(Box<[Node; 2]>, Unwrap),
    /// Appends an element to the list that a loop makes. `cost` is that of the list for the element.
    Append(usize, Box<Node>, u64),
    /// Adds to the map that a loop makes: a key with a value, or another map's entries.
    Insert(usize, Box<[Node]>),
}

/// Whether equality or its opposite is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Equality {
    Same,
    Different,
}

/// Whether an optional value is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unwrap {
    Yes,
    No,
}

/// A value and what is selected from it.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) root: Root,
    pub(crate) qualifiers: Vec<Qualifier>,
    /// Whether it costs by itself: branches of conditions and indices don't.
    pub(crate) charged: bool,
    /// Whether only the presence of the last qualifier is asked for.
    pub(crate) test: bool,
}

/// What is selected from.
#[derive(Debug)]
pub(crate) enum Root {
    Variable(usize),
    Local(usize),
    Node(Node),
    /// Condition, and what comes of it.
    Conditional([Node; 3]),
}

/// A field, key or index.
#[derive(Debug)]
pub(crate) struct Qualifier {
    pub(crate) key: Node,
    /// Whether it may be absent.
    pub(crate) optional: bool,
}

/// A call of a function.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) function: &'static Function,
    /// Those that types allow.
    pub(crate) overloads: Vec<&'static Overload>,
    pub(crate) args: Vec<Node>,
    /// The compiled second operand of functions that take a pattern, where that is a constant.
    pub(crate) pattern: Option<Regex>,
}

impl Call {
    /// Whether it is an operator: those have one implementation, which finds out the types itself.
    pub(crate) fn is_operator(&self) -> bool {
        self.function.name.starts_with(['_', '!', '-', '@']) && self.function.name != "@sortByAssociatedKeys"
    }
}

/// `element in [constants]`
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) element: Node,
    pub(crate) list: Vec<Val<'static>>,
    /// The texts in the list.
    pub(crate) texts: BTreeSet<Arc<str>>,
    /// Those of the others that can be keys.
    pub(crate) keys: BTreeSet<Key>,
}

/// An element of a list.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) value: Node,
    pub(crate) optional: bool,
}

/// An entry of a map.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) key: Node,
    pub(crate) value: Node,
    pub(crate) optional: bool,
}

/// A loop. Its variables are locals: the accumulator at `slot`, the others right behind it.
#[derive(Debug)]
pub(crate) struct Fold {
    pub(crate) range: Node,
    pub(crate) slot: usize,
    pub(crate) two: bool,
    pub(crate) start: Node,
    pub(crate) condition: Node,
    pub(crate) step: Node,
    pub(crate) result: Node,
}

/// A plan and what it needs.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) root: Node,
    /// The variables that it asks for.
    pub(crate) variables: Vec<(String, Type)>,
    /// How many locals it needs.
    pub(crate) locals: usize,
}

/// Plans an expression. Without `fold`, lists, maps and conversions of constants are computed at evaluation.
///
/// # Errors
/// The text of an error that constants lead to.
pub(crate) fn plan(
    checked: &Checked,
    variables: &BTreeMap<String, Type>,
    fold: bool,
) -> Result<Plan, String> {
    let mut planner =
        Planner { checked, declared: variables, used: Vec::new(), scopes: Vec::new(), locals: 0, fold };
    let root = planner.node(&checked.tree.root)?;
    Ok(Plan { root, variables: planner.used, locals: planner.locals })
}

struct Planner<'c> {
    checked: &'c Checked,
    declared: &'c BTreeMap<String, Type>,
    used: Vec<(String, Type)>,
    /// The names of locals, by slot; empty where one isn't in scope.
    scopes: Vec<&'c str>,
    locals: usize,
    fold: bool,
}

type Planned = Result<Node, String>;

impl<'c> Planner<'c> {
    fn node(&mut self, expr: &'c Expr) -> Planned {
        match self.checked.meanings.get(expr.id as usize) {
            Some(Meaning::Variable(name)) => return self.variable(name),
            Some(Meaning::Type(name)) => return Ok(Node::Const(Val::Type((*name).into()))),
            _ => {}
        }
        match &expr.kind {
            Kind::Literal(literal) => Ok(Node::Const(constant(literal))),
            Kind::Ident(name) => Err(format!("no such attribute(s): {name}")),
            Kind::Select { operand, field, test } => {
                let operand = self.node(operand)?;
                let qualifier = Qualifier { key: Node::Const(text(field)), optional: false };
                Ok(qualified(operand, qualifier, *test))
            }
            Kind::Call { target, function, args } => self.call(expr, target.as_deref(), function, args),
            Kind::List { elements, optional } => self.list(elements, optional),
            Kind::Map(_) => self.map(expr),
            Kind::Struct { fields, .. } => {
                let pairs = fields.iter().map(|field| {
                    let key = Node::Const(text(&field.name));
                    Ok(Pair { key, value: self.node(&field.value)?, optional: field.optional })
                });
                Ok(Node::Map(pairs.collect::<Result<Vec<_>, String>>()?.into()))
            }
            Kind::Comprehension(comprehension) => self.comprehension(comprehension),
        }
    }

    fn variable(&mut self, name: &str) -> Planned {
        let root = match self.scopes.iter().rposition(|local| *local == name) {
            Some(slot) => Root::Local(slot),
            None => match self.used.iter().position(|(used, _)| used == name) {
                Some(slot) => Root::Variable(slot),
                None => {
                    let type_ = self.declared.get(name).cloned().unwrap_or(Type::Dyn);
                    self.used.push((name.to_owned(), type_));
                    Root::Variable(self.used.len() - 1)
                }
            },
        };
        Ok(Node::Attribute(Box::new(Attribute { root, qualifiers: Vec::new(), charged: true, test: false })))
    }

    fn call(&mut self, expr: &Expr, target: Option<&'c Expr>, name: &str, args: &'c [Expr]) -> Planned {
        if let ("_?._", [operand, field]) = (name, args) {
            let operand = self.node(operand)?;
            let qualifier = Qualifier { key: self.node(field)?, optional: true };
            return Ok(qualified(operand, qualifier, false));
        }
        let Some(Meaning::Call { function, overloads, namespaced }) =
            self.checked.meanings.get(expr.id as usize)
        else {
            return Err(format!("no such overload: {name}"));
        };
        let target = target.filter(|_| !namespaced);
        if let Some(node) = self.grow(function.name, args)? {
            return Ok(node);
        }
        let mut nodes = Vec::with_capacity(args.len() + 1);
        for arg in target.into_iter().chain(args) {
            nodes.push(self.node(arg)?);
        }
        let nodes = match two(nodes) {
            Ok(pair) => match function.name {
                "_&&_" => return Ok(Node::And(pair)),
                "_||_" => return Ok(Node::Or(pair)),
                "_==_" => return Ok(Node::Equal(pair, Equality::Same)),
                "_!=_" => return Ok(Node::Equal(pair, Equality::Different)),
                "or" => return Ok(Node::Otherwise(pair, Unwrap::No)),
                "orValue" => return Ok(Node::Otherwise(pair, Unwrap::Yes)),
                "_[_]" | "_[?_]" => {
                    let [operand, index] = *pair;
                    let optional = function.name == "_[?_]";
                    let qualifier = Qualifier { key: uncharged(index), optional };
                    return Ok(qualified(operand, qualifier, false));
                }
                _ => Vec::from(*pair),
            },
            Err(nodes) => nodes,
        };
        let nodes = match (function.name, <[Node; 3]>::try_from(nodes)) {
            ("_?_:_", Ok([condition, yes, no])) => {
                let root = Root::Conditional([condition, uncharged(yes), uncharged(no)]);
                return Ok(Node::Attribute(Box::new(Attribute {
                    root,
                    qualifiers: Vec::new(),
                    charged: false,
                    test: false,
                })));
            }
            (_, Ok(nodes)) => Vec::from(nodes),
            (_, Err(nodes)) => nodes,
        };
        if function.name == "@not_strictly_false" {
            let mut nodes = nodes;
            return nodes
                .pop()
                .map(|node| Node::NotFalse(Box::new(node)))
                .ok_or_else(|| "no such overload".into());
        }
        self.finish(function, overloads.clone(), nodes)
    }

    /// A plain call, with what can be computed of it beforehand.
    fn finish(
        &mut self,
        function: &'static Function,
        overloads: Vec<&'static Overload>,
        args: Vec<Node>,
    ) -> Planned {
        let only = if let [only] = overloads.as_slice() { only.name } else { "" };
        let args = if self.fold && only == "in_list" {
            match membership(args)? {
                Ok(node) => return Ok(node),
                Err(args) => args,
            }
        } else {
            args
        };
        let pattern = match args.get(1) {
            Some(Node::Const(Val::String(text))) if pattern::has_pattern(function.name) => {
                Some(pattern::compile(text)?)
            }
            _ => None,
        };
        let constant = matches!(args.as_slice(), [Node::Const(_)]);
        let node = Node::Call(Box::new(Call { function, overloads, args, pattern }));
        if self.fold && constant && convert::is_conversion(function.name) {
            return computed(node);
        }
        Ok(node)
    }

    /// What lets the result of a loop grow in place: only macros can name it.
    fn grow(&mut self, function: &str, args: &'c [Expr]) -> Result<Option<Node>, String> {
        let [first, rest @ ..] = args else {
            return Ok(None);
        };
        let Kind::Ident(name) = &first.kind else {
            return Ok(None);
        };
        if name != "@result" {
            return Ok(None);
        }
        let Some(slot) = self.scopes.iter().rposition(|local| local == name) else {
            return Ok(None);
        };
        match (function, rest) {
            ("_+_", [Expr { kind: Kind::List { elements, optional }, .. }]) if optional.is_empty() => {
                let [element] = elements.as_slice() else {
                    return Ok(None);
                };
                let element = self.node(element)?;
                let constant = self.fold && matches!(element, Node::Const(_));
                let cost = if constant { 0 } else { crate::library::cost::LIST };
                Ok(Some(Node::Append(slot, Box::new(element), cost)))
            }
            ("cel.@mapInsert", rest) => {
                let nodes = rest.iter().map(|arg| self.node(arg)).collect::<Result<Vec<_>, _>>()?;
                Ok(Some(Node::Insert(slot, nodes.into())))
            }
            _ => Ok(None),
        }
    }

    fn list(&mut self, elements: &'c [Expr], optional: &[usize]) -> Planned {
        let mut nodes = Vec::with_capacity(elements.len());
        for (i, element) in elements.iter().enumerate() {
            nodes.push(Element { value: self.node(element)?, optional: optional.contains(&i) });
        }
        let constant = nodes.iter().all(|node| matches!(node.value, Node::Const(_)));
        let node = Node::List(nodes.into());
        if self.fold && constant { computed(node) } else { Ok(node) }
    }

    fn map(&mut self, expr: &'c Expr) -> Planned {
        let Kind::Map(entries) = &expr.kind else {
            return Err("not a map".into());
        };
        let mut pairs = Vec::with_capacity(entries.len());
        for entry in entries {
            let (key, value) = (self.node(&entry.key)?, self.node(&entry.value)?);
            pairs.push(Pair { key, value, optional: entry.optional });
        }
        let constant = pairs.iter().all(|p| matches!((&p.key, &p.value), (Node::Const(_), Node::Const(_))));
        let node = Node::Map(pairs.into());
        if self.fold && constant { computed(node) } else { Ok(node) }
    }

    fn comprehension(&mut self, c: &'c Comprehension) -> Planned {
        let range = self.node(&c.range)?;
        let start = self.node(&c.start)?;
        let slot = self.scopes.len();
        self.scopes.push(&c.accumulator);
        self.scopes.push(&c.variable);
        self.scopes.extend(c.second.as_deref());
        self.locals = self.locals.max(self.scopes.len());
        let condition = self.node(&c.condition)?;
        let step = self.node(&c.step)?;
        // Only the accumulator is left for the result.
        self.scopes.truncate(slot + 1);
        let result = self.node(&c.result)?;
        self.scopes.truncate(slot);
        let two = c.second.is_some();
        Ok(Node::Fold(Box::new(Fold { range, slot, two, start, condition, step, result })))
    }
}

fn two(nodes: Vec<Node>) -> Result<Box<[Node; 2]>, Vec<Node>> {
    <[Node; 2]>::try_from(nodes).map(Box::new)
}

fn text(text: &str) -> Val<'static> {
    Val::from(text.to_owned())
}

fn constant(literal: &Literal) -> Val<'static> {
    match literal {
        Literal::Null => Val::Null,
        Literal::Bool(value) => Val::Bool(*value),
        Literal::Int(number) => Val::Int(*number),
        Literal::Uint(number) => Val::Uint(*number),
        Literal::Double(number) => Val::Double(*number),
        Literal::String(value) => text(value),
        Literal::Bytes(bytes) => Val::Bytes(bytes.as_slice().into()),
    }
}

/// `operand` with one more qualifier.
fn qualified(operand: Node, qualifier: Qualifier, test: bool) -> Node {
    match operand {
        Node::Attribute(mut attribute) if !attribute.test => {
            attribute.qualifiers.push(qualifier);
            attribute.test = test;
            // A condition costs nothing, not even with qualifiers; nor does a test.
            attribute.charged = attribute.charged && !test;
            Node::Attribute(attribute)
        }
        operand => Node::Attribute(Box::new(Attribute {
            root: Root::Node(operand),
            qualifiers: vec![qualifier],
            charged: !test,
            test,
        })),
    }
}

/// A branch or an index: what is selected in it costs by its qualifiers alone.
fn uncharged(node: Node) -> Node {
    match node {
        Node::Attribute(mut attribute) if !attribute.test => {
            attribute.charged = false;
            Node::Attribute(attribute)
        }
        other => other,
    }
}

/// The value of what is made of constants, as a constant.
fn computed(node: Node) -> Planned {
    match eval::constant(&node) {
        Ok(value) => Ok(Node::Const(value)),
        Err(Failure::Error(message)) => Err(message.into()),
        Err(Failure::Cancelled(error)) => Err(error.to_string()),
    }
}

/// Membership in a list of constants that all can be compared quickly; the operands where it isn't that.
fn membership(args: Vec<Node>) -> Result<Result<Node, Vec<Node>>, String> {
    let list = match args.as_slice() {
        [_, Node::Const(Val::List(list))] => list,
        _ => return Ok(Err(args)),
    };
    let elements: Vec<Val<'static>> = list.iter().filter_map(Result::ok).collect();
    if elements.is_empty() {
        return Ok(Ok(Node::Const(Val::Bool(false))));
    }
    let simple = |value: &Val<'_>| {
        matches!(value, Val::Bool(_) | Val::Int(_) | Val::Uint(_) | Val::Double(_) | Val::String(_))
    };
    if !elements.iter().all(simple) {
        return Ok(Err(args));
    }
    let (mut texts, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for key in elements.iter().filter_map(Val::key) {
        match key {
            Key::Text(text) => texts.insert(text),
            other => keys.insert(other),
        };
    }
    let mut args = args;
    args.truncate(1);
    match args.pop() {
        Some(element) => Ok(Ok(Node::Member(Box::new(Member { element, list: elements, texts, keys })))),
        None => Err("no such overload".into()),
    }
}
