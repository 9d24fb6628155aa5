//! Evaluation of plans.

use std::sync::Arc;

use crate::environment::Input;
use crate::library::authorizer::{Asker, Asking};
use crate::library::extension::Extension;
use crate::library::{collections, cost, operators, pattern};
use crate::meter::{Failure, Meter, Outcome};
use crate::plan::{Attribute, Call, Element, Equality, Fold, Member, Node, Pair, Plan, Root, Unwrap};
use crate::types::Type;
use crate::value::{Key, List, Map, Val, adapt, error, no_overload};

/// Evaluates a plan. `variables` are in the plan's order.
pub(crate) fn evaluate<'a>(
    plan: &'a Plan,
    variables: &[Option<Input<'a>>],
    meter: &mut Meter,
) -> Outcome<Val<'a>> {
    let locals = vec![Ok(Val::Null); plan.locals];
    Evaluation { variables: &plan.variables, values: variables, locals, meter }.node(&plan.root)
}

/// The value of a step that asks for no variables.
pub(crate) fn constant(node: &Node) -> Outcome<Val<'static>> {
    let mut meter = Meter::new(u64::MAX);
    let value =
        Evaluation { variables: &[], values: &[], locals: Vec::new(), meter: &mut meter }.node(node)?;
    value.into_static()
}

struct Evaluation<'a, 'm> {
    variables: &'a [(String, Type)],
    values: &'m [Option<Input<'a>>],
    /// The variables of loops: values, or the errors that they have come to.
    locals: Vec<Result<Val<'a>, Box<str>>>,
    meter: &'m mut Meter,
}

impl<'a> Evaluation<'a, '_> {
    fn node(&mut self, node: &'a Node) -> Outcome<Val<'a>> {
        match node {
            Node::Const(value) => Ok(value.clone()),
            Node::Attribute(attribute) => self.attribute(attribute),
            Node::And(sides) => self.logic(sides, false),
            Node::Or(sides) => self.logic(sides, true),
            Node::Equal(sides, equality) => self.equal(sides, *equality),
            Node::NotFalse(operand) => self.not_false(operand),
            Node::Call(call) => self.call(call),
            Node::Member(member) => self.member(member),
            Node::List(elements) => self.list(elements),
            Node::Map(pairs) => self.map(pairs),
            Node::Fold(fold) => self.fold(fold),
            Node::Otherwise(sides, unwrap) => self.otherwise(sides, *unwrap),
            Node::Append(slot, element, cost) => self.append(*slot, element, *cost),
            Node::Insert(slot, args) => self.insert(*slot, args),
        }
    }

    fn local(&self, slot: usize) -> Outcome<Val<'a>> {
        match self.locals.get(slot) {
            Some(Ok(value)) => Ok(value.clone()),
            Some(Err(message)) => Err(Failure::Error(message.clone())),
            None => error("no such attribute(s)"),
        }
    }

    /// Sets a local to a value or error; the end of the evaluation goes on to be that.
    fn set(&mut self, slot: usize, value: Outcome<Val<'a>>) -> Outcome<()> {
        let value = match value {
            Ok(value) => Ok(value),
            Err(Failure::Error(message)) => Err(message),
            Err(cancelled) => return Err(cancelled),
        };
        if let Some(local) = self.locals.get_mut(slot) {
            *local = value;
        }
        Ok(())
    }

    fn root(&mut self, root: &'a Root) -> Outcome<Val<'a>> {
        match root {
            Root::Variable(slot) => match (self.values.get(*slot), self.variables.get(*slot)) {
                (Some(Some(value)), Some((_, type_))) => input(value, type_),
                (_, Some((name, _))) => error(format!("no such attribute(s): {name}")),
                _ => error("no such attribute(s)"),
            },
            Root::Local(slot) => self.local(*slot),
            Root::Node(node) => self.node(node),
            Root::Conditional([condition, yes, no]) => match self.node(condition)? {
                Val::Bool(true) => self.node(yes),
                Val::Bool(false) => self.node(no),
                _ => no_overload(),
            },
        }
    }

    fn attribute(&mut self, attribute: &'a Attribute) -> Outcome<Val<'a>> {
        let mut value = self.root(&attribute.root)?;
        let Some(last) = attribute.qualifiers.len().checked_sub(1) else {
            self.meter.charge(u64::from(attribute.charged))?;
            return Ok(value);
        };
        let mut optional = false;
        let mut absent = false;
        if let Val::Optional(of) = &value {
            optional = true;
            match of.clone() {
                Some(of) => value = Arc::unwrap_or_clone(of),
                None => absent = true,
            }
        }
        for (i, qualifier) in attribute.qualifiers.iter().enumerate() {
            if absent {
                break;
            }
            let key = self.node(&qualifier.key)?;
            optional |= qualifier.optional;
            let test = attribute.test && i == last;
            match qualify(&value, &key, optional || test)? {
                Some(found) => value = found,
                None => absent = true,
            }
            self.meter.charge(u64::from(!absent || test))?;
        }
        self.meter.charge(u64::from(attribute.charged))?;
        Ok(if attribute.test {
            Val::Bool(!absent)
        } else if optional {
            Val::optional((!absent).then_some(value))
        } else {
            value
        })
    }

    /// `&&` and `||`: `decisive` on either side is the result, whatever the other side is, even an error.
    fn logic(&mut self, sides: &'a [Node; 2], decisive: bool) -> Outcome<Val<'a>> {
        let mut failed = None;
        for side in sides {
            let failure = match self.node(side) {
                Ok(Val::Bool(value)) if value == decisive => return Ok(Val::Bool(decisive)),
                Ok(Val::Bool(_)) => continue,
                Ok(_) => Failure::Error("no such overload".into()),
                Err(Failure::Error(message)) => Failure::Error(message),
                Err(cancelled) => return Err(cancelled),
            };
            failed.get_or_insert(failure);
        }
        failed.map_or(Ok(Val::Bool(!decisive)), Err)
    }

    fn equal(&mut self, sides: &'a [Node; 2], equality: Equality) -> Outcome<Val<'a>> {
        let sides = [self.node(&sides[0])?, self.node(&sides[1])?];
        let equal = sides[0].equals(&sides[1], self.meter)?;
        let (function, overload) = match equality {
            Equality::Same => ("_==_", "equals"),
            Equality::Different => ("_!=_", "not_equals"),
        };
        self.meter.charge(cost::of_call(function, overload, &sides, None))?;
        Ok(Val::Bool(equal == (equality == Equality::Same)))
    }

    fn not_false(&mut self, operand: &'a Node) -> Outcome<Val<'a>> {
        let value = match self.node(operand) {
            Ok(value) => !matches!(value, Val::Bool(false)),
            Err(Failure::Error(_)) => true,
            Err(cancelled) => return Err(cancelled),
        };
        self.meter.charge(1)?;
        Ok(Val::Bool(value))
    }

    fn call(&mut self, call: &'a Call) -> Outcome<Val<'a>> {
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            args.push(self.node(arg)?);
        }
        let name = call.function.name;
        let chosen = if call.is_operator() {
            call.overloads.first()
        } else {
            call.overloads.iter().find(|overload| overload.takes(&args))
        };
        let Some(chosen) = chosen else {
            let types = args.iter().map(Val::type_name).collect::<Vec<_>>().join(", ");
            return error(format!("no such overload: {name}({types})"));
        };
        let result = match &call.pattern {
            Some(compiled) => pattern::run(name, compiled, &args)?,
            None => (chosen.run)(self.meter, &args)?,
        };
        // Costs go by the overload only where types say which one it is.
        let overload = if let [only] = call.overloads.as_slice() { only.name } else { "" };
        self.meter.charge(cost::of_call(name, overload, &args, Some(&result)))?;
        Ok(result)
    }

    fn member(&mut self, member: &'a Member) -> Outcome<Val<'a>> {
        let element = self.node(&member.element)?;
        if let Val::String(text) = &element {
            return Ok(Val::Bool(member.texts.contains(&**text)));
        }
        if let Some(key) = element.key() {
            return Ok(Val::Bool(member.keys.contains(&key)));
        }
        for other in &member.list {
            if other.equals(&element, self.meter)? {
                return Ok(Val::Bool(true));
            }
        }
        Ok(Val::Bool(false))
    }

    fn list(&mut self, elements: &'a [Element]) -> Outcome<Val<'a>> {
        self.meter.allocate(elements.len() * size_of::<Val<'_>>())?;
        let mut values = Vec::with_capacity(elements.len());
        for element in elements {
            let value = self.node(&element.value)?;
            match (element.optional, value) {
                (false, value) => values.push(value),
                (true, Val::Optional(Some(value))) => values.push(Arc::unwrap_or_clone(value)),
                (true, Val::Optional(None)) => {}
                (true, other) => {
                    return error(format!(
                        "cannot initialize optional list element from non-optional value {other}"
                    ));
                }
            }
        }
        self.meter.charge(cost::LIST)?;
        Ok(Val::from(values))
    }

    fn map(&mut self, pairs: &'a [Pair]) -> Outcome<Val<'a>> {
        self.meter.allocate(pairs.len() * size_of::<(Key, Val<'_>, Val<'_>)>())?;
        let mut entries = std::collections::BTreeMap::new();
        for pair in pairs {
            let key = self.node(&pair.key)?;
            let value = self.node(&pair.value)?;
            let Some(at) = key.key() else {
                return error(format!("unsupported key type: {}", key.type_name()));
            };
            match (pair.optional, value) {
                (false, value) => {
                    entries.insert(at, (key, value));
                }
                (true, Val::Optional(Some(value))) => {
                    entries.insert(at, (key, Arc::unwrap_or_clone(value)));
                }
                (true, Val::Optional(None)) => {
                    entries.remove(&at);
                }
                (true, other) => {
                    return error(format!(
                        "cannot initialize optional entry '{key}' from non-optional value {other}"
                    ));
                }
            }
        }
        self.meter.charge(cost::MAP)?;
        Ok(Val::Map(Map::Made(Arc::new(entries))))
    }

    fn otherwise(&mut self, sides: &'a [Node; 2], unwrap: Unwrap) -> Outcome<Val<'a>> {
        let value = match self.node(&sides[0])? {
            Val::Optional(None) => return self.node(&sides[1]),
            Val::Optional(Some(value)) if unwrap == Unwrap::Yes => Arc::unwrap_or_clone(value),
            other => other,
        };
        Ok(value)
    }

    fn fold(&mut self, fold: &'a Fold) -> Outcome<Val<'a>> {
        let range = self.node(&fold.range)?;
        let start = self.node(&fold.start);
        self.set(fold.slot, start)?;
        match range {
            Val::List(list) => self.fold_list(fold, &list)?,
            Val::Map(map) => self.fold_map(fold, &map)?,
            other => {
                return error(format!("got '{}', expected iterable type", other.type_name()));
            }
        }
        self.node(&fold.result)
    }

    fn fold_list(&mut self, fold: &'a Fold, list: &List<'a>) -> Outcome<()> {
        for (index, element) in list.iter().enumerate() {
            if fold.two {
                let index = i64::try_from(index).unwrap_or(i64::MAX);
                self.set(fold.slot + 1, Ok(Val::Int(index)))?;
                self.set(fold.slot + 2, element)?;
            } else {
                self.set(fold.slot + 1, element)?;
            }
            if !self.turn(fold)? {
                break;
            }
        }
        Ok(())
    }

    fn fold_map(&mut self, fold: &'a Fold, map: &Map<'a>) -> Outcome<()> {
        self.meter.allocate(map.len() * size_of::<(Val<'_>, Val<'_>)>())?;
        for (key, value) in map.entries() {
            self.set(fold.slot + 1, Ok(key))?;
            if fold.two {
                self.set(fold.slot + 2, value)?;
            }
            if !self.turn(fold)? {
                break;
            }
        }
        Ok(())
    }

    /// One turn of a loop. Returns whether it goes on.
    fn turn(&mut self, fold: &'a Fold) -> Outcome<bool> {
        self.meter.work(1)?;
        match self.node(&fold.condition) {
            Ok(Val::Bool(false)) => return Ok(false),
            Ok(_) | Err(Failure::Error(_)) => {}
            Err(cancelled) => return Err(cancelled),
        }
        let next = self.node(&fold.step);
        // What collects elements can't recover from an error.
        let over = next.is_err() && matches!(fold.condition, Node::Const(_));
        self.set(fold.slot, next)?;
        Ok(!over)
    }

    /// What a loop has made so far, taken out of its local.
    fn grown(&mut self, slot: usize) -> Outcome<Val<'a>> {
        self.meter.charge(1)?;
        match self.locals.get_mut(slot).map(|local| std::mem::replace(local, Ok(Val::Null))) {
            Some(Ok(value)) => Ok(value),
            Some(Err(message)) => Err(Failure::Error(message)),
            None => error("no such attribute(s)"),
        }
    }

    fn append(&mut self, slot: usize, element: &'a Node, cost: u64) -> Outcome<Val<'a>> {
        let element = self.node(element)?;
        // The list for the element, and the sum.
        self.meter.charge(cost + 1)?;
        let list = self.grown(slot)?;
        operators::push(self.meter, list, element)
    }

    fn insert(&mut self, slot: usize, args: &'a [Node]) -> Outcome<Val<'a>> {
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            values.push(self.node(arg)?);
        }
        self.meter.charge(1)?;
        let map = self.grown(slot)?;
        match <[Val<'a>; 2]>::try_from(values) {
            Ok([key, value]) => collections::insert(self.meter, map, key, value),
            Err(values) => match values.as_slice() {
                [more] => collections::merge(self.meter, map, more),
                _ => no_overload(),
            },
        }
    }
}

/// A variable's value.
fn input<'a>(given: &Input<'a>, type_: &'a Type) -> Outcome<Val<'a>> {
    Ok(Val::extension(Extension::Asking(match given {
        Input::Json(value) => return adapt(value, type_),
        Input::Authorizer(authorizer) => Asking::Authorizer(Asker::user(authorizer.clone())),
        Input::ResourceCheck(authorizer, resource) => {
            Asking::Resource(Asker::user(authorizer.clone()), resource.clone())
        }
    })))
}

/// What `key` selects from `value`. Where `maybe`, nothing is no error.
fn qualify<'a>(value: &Val<'a>, key: &Val<'_>, maybe: bool) -> Outcome<Option<Val<'a>>> {
    match value {
        Val::Map(map) => {
            let found = match key {
                Val::String(text) => map.member(text),
                other => map.get(other),
            };
            match found {
                Some(found) => found.map(Some),
                None if maybe => Ok(None),
                None => error(format!("no such key: {key}")),
            }
        }
        Val::List(list) => {
            let index = match key {
                Val::Int(index) => i128::from(*index),
                Val::Uint(index) => i128::from(*index),
                Val::Double(index) if index.fract() == 0.0 && index.abs() < 9e18 => *index as i128,
                Val::Double(_) => return error(format!("unsupported index value {key} in list")),
                other => return error(format!("unsupported index type '{}' in list", other.type_name())),
            };
            match usize::try_from(index).ok().and_then(|index| list.get(index)) {
                Some(found) => found.map(Some),
                None if maybe => Ok(None),
                None => error(format!("index out of bounds: {key}")),
            }
        }
        _ if maybe => Ok(None),
        _ => error(format!("no such key: {key}")),
    }
}
