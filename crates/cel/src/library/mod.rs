//! The functions that expressions may call: those of the language and those of Kubernetes' libraries.
//!
//! A library is a table of overloads: the function's name, the overload's, its signature and what it runs. The
//! signature of a member function has a dot behind the receiver: `string.(int) -> string`.

pub(crate) mod authorizer;
pub(crate) mod collections;
pub(crate) mod convert;
pub(crate) mod cost;
pub(crate) mod extension;
pub(crate) mod format;
pub(crate) mod json_patch;
mod lists;
mod named_format;
mod net;
pub(crate) mod operators;
mod optional;
pub(crate) mod pattern;
mod quantity;
mod semver;
mod sets;
mod strings;
pub(crate) mod time;
mod url;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::meter::{Meter, Outcome};
use crate::types::Type;
use crate::value::Val;

/// What an overload runs. It is given as many values as it has parameters.
pub(crate) type Run = for<'a> fn(&mut Meter, &[Val<'a>]) -> Outcome<Val<'a>>;

/// An overload as libraries write it: function, name, signature, what it runs.
type Row = (&'static str, &'static str, &'static str, Run);

/// A function and its overloads.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) overloads: Vec<Overload>,
}

/// A way to call a function.
#[derive(Debug)]
pub(crate) struct Overload {
    pub(crate) name: &'static str,
    /// Whether it is called on its first parameter.
    pub(crate) member: bool,
    pub(crate) parameters: Vec<Type>,
    pub(crate) result: Type,
    /// How many type parameters it has.
    pub(crate) open: u32,
    pub(crate) run: Run,
}

impl Overload {
    /// Whether these values are of its parameters' types.
    pub(crate) fn takes(&self, values: &[Val<'_>]) -> bool {
        self.parameters.len() == values.len()
            && self.parameters.iter().zip(values).all(|(type_, value)| value.fits(type_))
    }
}

/// The function of this name.
pub(crate) fn function(name: &str) -> Option<&'static Function> {
    static FUNCTIONS: LazyLock<HashMap<&'static str, Function>> = LazyLock::new(|| {
        let mut functions: HashMap<&'static str, Function> = HashMap::new();
        for row in tables().into_iter().flatten() {
            let function =
                functions.entry(row.0).or_insert_with(|| Function { name: row.0, overloads: Vec::new() });
            function.overloads.extend(overload(row));
        }
        functions
    });
    FUNCTIONS.get(name)
}

fn tables() -> [&'static [Row]; 16] {
    [
        operators::TABLE,
        collections::TABLE,
        convert::TABLE,
        time::TABLE,
        strings::TABLE,
        lists::TABLE,
        sets::TABLE,
        pattern::TABLE,
        optional::TABLE,
        quantity::TABLE,
        url::TABLE,
        net::TABLE,
        named_format::TABLE,
        semver::TABLE,
        authorizer::TABLE,
        json_patch::TABLE,
    ]
}

/// Reads a row. `None` where the signature can't be read; a test sees that all can be.
fn overload(&(_, name, signature, run): &Row) -> Option<Overload> {
    let (parameters, result) = signature.split_once(" -> ")?;
    let (receiver, args) = parameters.strip_suffix(')')?.split_once('(').map(|(receiver, args)| {
        // The receiver may have brackets of its own: the last dot before a bracket ends it.
        match parameters.find(".(") {
            Some(at) => (&parameters[..at], &parameters[at + 2..parameters.len() - 1]),
            None => (receiver, args),
        }
    })?;
    let mut open = 0;
    let mut types = Vec::new();
    if !receiver.is_empty() {
        types.push(read_type(receiver, &mut open)?);
    }
    for arg in split(args) {
        types.push(read_type(arg, &mut open)?);
    }
    let result = read_type(result, &mut open)?;
    Some(Overload { name, member: !receiver.is_empty(), parameters: types, result, open, run })
}

/// The parts of a list of types: commas in brackets don't count.
fn split(types: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in types.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(types[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    let last = types[start..].trim();
    if !last.is_empty() {
        parts.push(last);
    }
    parts
}

fn read_type(text: &str, open: &mut u32) -> Option<Type> {
    if let Some((outer, inner)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let mut inner = split(inner).into_iter().map(|part| read_type(part, open));
        let first = inner.next()??;
        return Some(match (outer, inner.next()) {
            ("list", None) => Type::list(first),
            ("optional", None) => Type::optional(first),
            ("type", None) => Type::Type(Some(Box::new(first))),
            ("map", Some(second)) => Type::map(first, second?),
            _ => return None,
        });
    }
    Some(match text {
        "A" | "B" => {
            let number = u32::from(text == "B");
            *open = (*open).max(number + 1);
            Type::Parameter(number)
        }
        "dyn" => Type::Dyn,
        "bool" => Type::Bool,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "timestamp" => Type::Timestamp,
        "duration" => Type::Duration,
        _ => Type::Opaque(extension::type_named(text)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_signatures_can_be_read_and_no_overload_is_there_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for row in tables().into_iter().flatten() {
            let read = overload(row);
            assert!(read.is_some(), "{} {}", row.1, row.2);
            assert!(seen.insert((row.0, row.1)), "{} {}", row.0, row.1);
        }
    }

    #[test]
    fn a_signature_names_receiver_parameters_and_result() {
        let row: Row = ("f", "f_list", "list(A).(map(A, B), int) -> optional(B)", |_, _| Ok(Val::Null));
        let overload = overload(&row).expect("it is written right");
        assert!(overload.member);
        assert_eq!(overload.open, 2);
        assert_eq!(overload.parameters.len(), 3);
        assert_eq!(overload.result, Type::optional(Type::Parameter(1)));
    }
}
