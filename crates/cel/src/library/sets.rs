//! Lists as sets: `sets.contains`, `sets.equivalent`, `sets.intersects`.

use super::Row;
use super::collections::list_contains;
use crate::meter::{Meter, Outcome};
use crate::value::{List, Val, no_overload};

pub(super) const TABLE: &[Row] = &[
    ("sets.contains", "list_sets_contains_list", "(list(A), list(A)) -> bool", contains),
    ("sets.equivalent", "list_sets_equivalent_list", "(list(A), list(A)) -> bool", equivalent),
    ("sets.intersects", "list_sets_intersects_list", "(list(A), list(A)) -> bool", intersects),
];

fn all_in(meter: &mut Meter, list: &List<'_>, of: &List<'_>) -> Outcome<bool> {
    for element in of.iter() {
        if !list_contains(meter, list, &element?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn contains<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::List(list), Val::List(part)] => Ok(Val::Bool(all_in(meter, list, part)?)),
        _ => no_overload(),
    }
}

fn equivalent<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::List(a), Val::List(b)] => Ok(Val::Bool(all_in(meter, a, b)? && all_in(meter, b, a)?)),
        _ => no_overload(),
    }
}

fn intersects<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::List(a), Val::List(b)] => {
            for element in a.iter() {
                if list_contains(meter, b, &element?)? {
                    return Ok(Val::Bool(true));
                }
            }
            Ok(Val::Bool(false))
        }
        _ => no_overload(),
    }
}
