//! Which types go where: assignability, and what open types come to stand for.

use crate::types::Type;

/// What open types stand for, by number; with a trail, so that what a failed attempt found out is forgotten.
#[derive(Debug, Default)]
pub(super) struct Substitution {
    bound: Vec<Option<Type>>,
    trail: Vec<(u32, Option<Type>)>,
}

impl Substitution {
    /// A new open type.
    pub(super) fn open(&mut self) -> Type {
        self.open_many(1);
        Type::Parameter(u32::try_from(self.bound.len() - 1).unwrap_or(u32::MAX))
    }

    /// `count` new open types; returns the number of the first.
    pub(super) fn open_many(&mut self, count: u32) -> u32 {
        let first = self.bound.len();
        self.bound.resize(first + count as usize, None);
        u32::try_from(first).unwrap_or(u32::MAX)
    }

    fn find(&self, number: u32) -> Option<&Type> {
        self.bound.get(number as usize)?.as_ref()
    }

    fn bind(&mut self, number: u32, type_: Type) {
        if let Some(slot) = self.bound.get_mut(number as usize) {
            self.trail.push((number, slot.replace(type_)));
        }
    }

    /// Whether values of `given` may be used where `wanted` is. Binds open types where it holds.
    pub(super) fn assignable(&mut self, given: &Type, wanted: &Type) -> bool {
        self.attempt(|this| this.assign(given, wanted))
    }

    /// The same for lists of types.
    pub(super) fn all_assignable(&mut self, given: &[Type], wanted: &[Type]) -> bool {
        self.attempt(|this| {
            given.len() == wanted.len()
                && given.iter().zip(wanted).all(|(given, wanted)| this.assign(given, wanted))
        })
    }

    fn attempt(&mut self, holds: impl FnOnce(&mut Self) -> bool) -> bool {
        self.trail.clear();
        let holds = holds(self);
        if !holds {
            for (number, before) in std::mem::take(&mut self.trail).into_iter().rev() {
                self.bound[number as usize] = before;
            }
        }
        self.trail.clear();
        holds
    }

    fn assign(&mut self, one: &Type, two: &Type) -> bool {
        if let Type::Parameter(number) = two {
            match self.stands_for(one, *number) {
                (true, _) => return true,
                (false, true) => return false,
                (false, false) => {}
            }
        }
        if let Type::Parameter(number) = one {
            return self.stands_for(two, *number).0;
        }
        if one.is_dyn_or_error() || two.is_dyn_or_error() {
            return true;
        }
        match (one, two) {
            (Type::Null, other) | (other, Type::Null) => matches!(
                other,
                Type::Null
                    | Type::Opaque(_)
                    | Type::Optional(_)
                    | Type::Object(_)
                    | Type::Timestamp
                    | Type::Duration
            ),
            (Type::List(one), Type::List(two)) | (Type::Optional(one), Type::Optional(two)) => {
                self.assign(one, two)
            }
            (Type::Map(key1, value1), Type::Map(key2, value2)) => {
                self.assign(key1, key2) && self.assign(value1, value2)
            }
            (Type::Type(_), Type::Type(_)) => true,
            _ => one == two,
        }
    }

    /// Whether `type_` may be what the open type stands for, and whether that is known already.
    fn stands_for(&mut self, type_: &Type, number: u32) -> (bool, bool) {
        if *type_ == Type::Parameter(number) {
            return (true, true);
        }
        if let Some(known) = self.find(number).cloned() {
            if *type_ == known {
                return (true, true);
            }
            if self.assign(type_, &known) {
                let general = most_general(type_, &known).clone();
                if !self.occurs(number, &general) {
                    self.bind(number, general);
                }
                return (true, true);
            }
            return (false, true);
        }
        if self.occurs(number, type_) {
            return (false, false);
        }
        self.bind(number, type_.clone());
        (true, false)
    }

    /// Whether the open type is part of `within`.
    fn occurs(&self, number: u32, within: &Type) -> bool {
        match within {
            Type::Parameter(other) if *other == number => true,
            Type::Parameter(other) => self.find(*other).is_some_and(|type_| self.occurs(number, type_)),
            other => other.parameters().any(|type_| self.occurs(number, type_)),
        }
    }

    /// The type with what is known of open types; those that are still open become `dyn` if `close`.
    pub(super) fn apply(&self, type_: &Type, close: bool) -> Type {
        match type_ {
            Type::Parameter(number) => match self.find(*number) {
                Some(known) => self.apply(known, close),
                None if close => Type::Dyn,
                None => type_.clone(),
            },
            Type::List(element) => Type::list(self.apply(element, close)),
            Type::Optional(value) => Type::optional(self.apply(value, close)),
            Type::Map(key, value) => Type::map(self.apply(key, close), self.apply(value, close)),
            Type::Type(Some(of)) => Type::Type(Some(Box::new(self.apply(of, close)))),
            other => other.clone(),
        }
    }
}

/// A declared type with its parameters as the open types from number `first` on.
pub(super) fn instantiate(type_: &Type, first: u32) -> Type {
    match type_ {
        Type::Parameter(number) => Type::Parameter(first + number),
        Type::List(element) => Type::list(instantiate(element, first)),
        Type::Optional(value) => Type::optional(instantiate(value, first)),
        Type::Map(key, value) => Type::map(instantiate(key, first), instantiate(value, first)),
        Type::Type(Some(of)) => Type::Type(Some(Box::new(instantiate(of, first)))),
        other => other.clone(),
    }
}

/// The more general of two types that go together.
pub(super) fn most_general<'t>(one: &'t Type, two: &'t Type) -> &'t Type {
    if equal_or_less_specific(one, two) { one } else { two }
}

fn equal_or_less_specific(one: &Type, two: &Type) -> bool {
    if one.is_dyn() || matches!(one, Type::Parameter(_)) {
        return true;
    }
    if two.is_dyn() || matches!(two, Type::Parameter(_)) {
        return false;
    }
    match (one, two) {
        (Type::List(one), Type::List(two)) | (Type::Optional(one), Type::Optional(two)) => {
            equal_or_less_specific(one, two)
        }
        (Type::Map(key1, value1), Type::Map(key2, value2)) => {
            equal_or_less_specific(key1, key2) && equal_or_less_specific(value1, value2)
        }
        (Type::Type(_), Type::Type(_)) => true,
        _ => one == two,
    }
}
