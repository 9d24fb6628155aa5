//! Lists: Kubernetes' functions (`isSorted`, `sum`, `min`, `max`, `indexOf`, `lastIndexOf`) and those of cel-go's
//! extension (`slice`, `flatten`, `distinct`, `sort`, `sortBy`, `reverse`, `lists.range`).

use std::cmp::Ordering;

use super::Row;
use super::operators::add;
use crate::meter::{Meter, Outcome};
use crate::value::{List, Val, error, no_overload};

pub(super) const TABLE: &[Row] = &[
    ("isSorted", "list_int_is_sorted_bool", "list(int).() -> bool", is_sorted),
    ("isSorted", "list_uint_is_sorted_bool", "list(uint).() -> bool", is_sorted),
    ("isSorted", "list_double_is_sorted_bool", "list(double).() -> bool", is_sorted),
    ("isSorted", "list_bool_is_sorted_bool", "list(bool).() -> bool", is_sorted),
    ("isSorted", "list_duration_is_sorted_bool", "list(duration).() -> bool", is_sorted),
    ("isSorted", "list_timestamp_is_sorted_bool", "list(timestamp).() -> bool", is_sorted),
    ("isSorted", "list_string_is_sorted_bool", "list(string).() -> bool", is_sorted),
    ("isSorted", "list_bytes_is_sorted_bool", "list(bytes).() -> bool", is_sorted),
    ("sum", "list_int_sum_int", "list(int).() -> int", |m, args| sum(m, args, Val::Int(0))),
    ("sum", "list_uint_sum_uint", "list(uint).() -> uint", |m, args| sum(m, args, Val::Uint(0))),
    ("sum", "list_double_sum_double", "list(double).() -> double", |m, args| sum(m, args, Val::Double(0.0))),
    ("sum", "list_duration_sum_duration", "list(duration).() -> duration", |m, args| {
        sum(m, args, Val::Duration(0))
    }),
    ("max", "list_int_max_int", "list(int).() -> int", max),
    ("max", "list_uint_max_uint", "list(uint).() -> uint", max),
    ("max", "list_double_max_double", "list(double).() -> double", max),
    ("max", "list_bool_max_bool", "list(bool).() -> bool", max),
    ("max", "list_duration_max_duration", "list(duration).() -> duration", max),
    ("max", "list_timestamp_max_timestamp", "list(timestamp).() -> timestamp", max),
    ("max", "list_string_max_string", "list(string).() -> string", max),
    ("max", "list_bytes_max_bytes", "list(bytes).() -> bytes", max),
    ("min", "list_int_min_int", "list(int).() -> int", min),
    ("min", "list_uint_min_uint", "list(uint).() -> uint", min),
    ("min", "list_double_min_double", "list(double).() -> double", min),
    ("min", "list_bool_min_bool", "list(bool).() -> bool", min),
    ("min", "list_duration_min_duration", "list(duration).() -> duration", min),
    ("min", "list_timestamp_min_timestamp", "list(timestamp).() -> timestamp", min),
    ("min", "list_string_min_string", "list(string).() -> string", min),
    ("min", "list_bytes_min_bytes", "list(bytes).() -> bytes", min),
    ("indexOf", "list_a_index_of_int", "list(A).(A) -> int", index_of),
    ("lastIndexOf", "list_a_last_index_of_int", "list(A).(A) -> int", last_index_of),
    ("slice", "list_slice", "list(A).(int, int) -> list(A)", slice),
    ("flatten", "list_flatten", "list(list(A)).() -> list(A)", flatten),
    ("flatten", "list_flatten_int", "list(dyn).(int) -> list(dyn)", flatten),
    ("distinct", "list_distinct", "list(A).() -> list(A)", distinct),
    ("sort", "list_int_sort", "list(int).() -> list(int)", sort),
    ("sort", "list_uint_sort", "list(uint).() -> list(uint)", sort),
    ("sort", "list_double_sort", "list(double).() -> list(double)", sort),
    ("sort", "list_bool_sort", "list(bool).() -> list(bool)", sort),
    ("sort", "list_duration_sort", "list(duration).() -> list(duration)", sort),
    ("sort", "list_timestamp_sort", "list(timestamp).() -> list(timestamp)", sort),
    ("sort", "list_string_sort", "list(string).() -> list(string)", sort),
    ("sort", "list_bytes_sort", "list(bytes).() -> list(bytes)", sort),
    ("@sortByAssociatedKeys", "list_int_sortByAssociatedKeys", "list(A).(list(int)) -> list(A)", sort_by),
    ("@sortByAssociatedKeys", "list_uint_sortByAssociatedKeys", "list(A).(list(uint)) -> list(A)", sort_by),
    (
        "@sortByAssociatedKeys",
        "list_double_sortByAssociatedKeys",
        "list(A).(list(double)) -> list(A)",
        sort_by,
    ),
    ("@sortByAssociatedKeys", "list_bool_sortByAssociatedKeys", "list(A).(list(bool)) -> list(A)", sort_by),
    (
        "@sortByAssociatedKeys",
        "list_duration_sortByAssociatedKeys",
        "list(A).(list(duration)) -> list(A)",
        sort_by,
    ),
    (
        "@sortByAssociatedKeys",
        "list_timestamp_sortByAssociatedKeys",
        "list(A).(list(timestamp)) -> list(A)",
        sort_by,
    ),
    (
        "@sortByAssociatedKeys",
        "list_string_sortByAssociatedKeys",
        "list(A).(list(string)) -> list(A)",
        sort_by,
    ),
    ("@sortByAssociatedKeys", "list_bytes_sortByAssociatedKeys", "list(A).(list(bytes)) -> list(A)", sort_by),
    ("lists.range", "lists_range", "(int) -> list(int)", range),
    ("reverse", "list_reverse", "list(A).() -> list(A)", reverse),
];

fn is_sorted<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let [Val::List(list)] = args else {
        return no_overload();
    };
    let mut before: Option<Val<'_>> = None;
    for element in list.iter() {
        let element = element?;
        if let Some(before) = &before
            && before.compare(&element)? == Ordering::Greater
        {
            return Ok(Val::Bool(false));
        }
        before = Some(element);
    }
    Ok(Val::Bool(true))
}

fn sum<'a>(meter: &mut Meter, args: &[Val<'a>], zero: Val<'a>) -> Outcome<Val<'a>> {
    let [Val::List(list)] = args else {
        return no_overload();
    };
    list.iter().try_fold(zero, |total, element| add(meter, &[total, element?]))
}

fn extreme<'a>(args: &[Val<'a>], name: &str, wanted: Ordering) -> Outcome<Val<'a>> {
    let [Val::List(list)] = args else {
        return no_overload();
    };
    let mut best: Option<Val<'a>> = None;
    for element in list.iter() {
        let element = element?;
        let better = match &best {
            Some(best) => element.compare(best)? == wanted,
            None => true,
        };
        if better {
            best = Some(element);
        }
    }
    best.map_or_else(|| error(format!("{name} called on empty list")), Ok)
}

fn max<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    extreme(args, "max", Ordering::Greater)
}

fn min<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    extreme(args, "min", Ordering::Less)
}

fn position(found: Option<usize>) -> i64 {
    found.and_then(|index| i64::try_from(index).ok()).unwrap_or(-1)
}

fn index_of<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let [Val::List(list), wanted] = args else {
        return no_overload();
    };
    for (index, element) in list.iter().enumerate() {
        if element?.equals(wanted, meter)? {
            return Ok(Val::Int(position(Some(index))));
        }
    }
    Ok(Val::Int(position(None)))
}

fn last_index_of<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let [Val::List(list), wanted] = args else {
        return no_overload();
    };
    for index in (0..list.len()).rev() {
        if let Some(element) = list.get(index)
            && element?.equals(wanted, meter)?
        {
            return Ok(Val::Int(position(Some(index))));
        }
    }
    Ok(Val::Int(position(None)))
}

fn slice<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let [Val::List(list), Val::Int(start), Val::Int(end)] = args else {
        return no_overload();
    };
    let why = match (usize::try_from(*start), usize::try_from(*end)) {
        (Ok(first), Ok(last)) if first <= last && last <= list.len() => {
            let mut elements = list.to_vec(meter)?;
            elements.truncate(last);
            elements.drain(..first);
            return Ok(Val::from(elements));
        }
        (Ok(_), Ok(_)) if start > end => "start index must be less than or equal to end index".to_owned(),
        (Ok(_), Ok(_)) => format!("list is length {}", list.len()),
        _ => "negative indexes not supported".to_owned(),
    };
    error(format!("cannot slice({start}, {end}), {why}"))
}

fn flatten<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let (list, levels) = match args {
        [Val::List(list)] => (list, 1),
        [Val::List(list), Val::Int(levels)] => (list, *levels),
        _ => return no_overload(),
    };
    if levels < 0 {
        return error("level must be non-negative");
    }
    let mut elements = Vec::new();
    // What is left to do, the next at the end: elements, and how many levels they may be opened.
    let mut left: Vec<(Val<'a>, i64)> = Vec::new();
    let open = |meter: &mut Meter, list: &List<'a>, levels: i64, left: &mut Vec<(Val<'a>, i64)>| {
        left.extend(list.to_vec(meter)?.into_iter().rev().map(|element| (element, levels)));
        Ok(())
    };
    open(meter, list, levels, &mut left)?;
    while let Some((element, levels)) = left.pop() {
        meter.work(1)?;
        match element {
            Val::List(list) if levels > 0 => open(meter, &list, levels - 1, &mut left)?,
            element => elements.push(element),
        }
    }
    Ok(Val::from(elements))
}

fn distinct<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let [Val::List(list)] = args else {
        return no_overload();
    };
    let mut elements: Vec<Val<'a>> = Vec::new();
    'next: for element in list.iter() {
        let element = element?;
        for other in &elements {
            if other.equals(&element, meter)? {
                continue 'next;
            }
        }
        meter.allocate(size_of::<Val<'_>>())?;
        elements.push(element);
    }
    Ok(Val::from(elements))
}

/// The elements in the order of their keys; equal ones stay as they are.
fn by_keys<'a>(meter: &mut Meter, list: &List<'a>, keys: &List<'a>) -> Outcome<Val<'a>> {
    if list.len() != keys.len() {
        return error(format!(
            "@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got {} and \
             {} elements respectively",
            list.len(),
            keys.len()
        ));
    }
    let keys = keys.to_vec(meter)?;
    if let Some(first) = keys.first() {
        first.compare(first).or_else(|_| error("list elements must be comparable"))?;
        if keys.iter().any(|key| key.type_name() != first.type_name()) {
            return error("list elements must have the same type");
        }
    }
    let mut sorted: Vec<(Val<'a>, Val<'a>)> = keys.into_iter().zip(list.to_vec(meter)?).collect();
    sorted.sort_by(|(a, _), (b, _)| a.compare(b).unwrap_or(Ordering::Equal));
    Ok(Val::from(sorted.into_iter().map(|(_, element)| element).collect::<Vec<_>>()))
}

fn sort<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::List(list)] => by_keys(meter, list, list),
        _ => no_overload(),
    }
}

fn sort_by<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::List(list), Val::List(keys)] => by_keys(meter, list, keys),
        _ => no_overload(),
    }
}

fn range<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let [Val::Int(count)] = args else {
        return no_overload();
    };
    let count = usize::try_from(*count).unwrap_or(0);
    meter.allocate(count.saturating_mul(size_of::<Val<'_>>()))?;
    Ok(Val::from((0..count as i64).map(Val::Int).collect::<Vec<_>>()))
}

fn reverse<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::List(list)] => {
            let mut elements = list.to_vec(meter)?;
            elements.reverse();
            Ok(Val::from(elements))
        }
        _ => no_overload(),
    }
}
