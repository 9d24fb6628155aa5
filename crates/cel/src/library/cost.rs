//! What calls cost: cel-go's costs, and Kubernetes' for its libraries.
//!
//! The unit is about the work of looking at a value. Text costs a tenth for each code point that is looked at.

use crate::value::{List, Map, Val};

/// What looking at a code point costs.
const TRAVERSAL: f64 = 0.1;

/// What matching costs for each code point of a pattern.
const PATTERN: f64 = 0.25;

/// What the construction of a list costs.
pub(crate) const LIST: u64 = 10;

/// What the construction of a map costs.
pub(crate) const MAP: u64 = 30;

/// What the construction of an object costs.
const OBJECT: f64 = 40.0;

fn times(size: u64, factor: f64) -> u64 {
    (size as f64 * factor).ceil() as u64
}

/// What a call costs: by its function, its overload (empty where types don't say which it is), its operands and
/// its result.
pub(crate) fn of_call(function: &str, overload: &str, args: &[Val<'_>], result: Option<&Val<'_>>) -> u64 {
    let size = |index: usize| args.get(index).map_or(1, Val::size);
    let own =
        overload_cost(overload, args, result).or_else(|| kubernetes_cost(function, overload, args, result));
    if let Some(cost) = own {
        return cost;
    }
    match overload {
        "starts_with_string" | "ends_with_string" | "string_to_bytes" | "bytes_to_string"
        | "strings_quote" | "string_format" => times(size(0), TRAVERSAL),
        "in_list" => size(1),
        "less_string"
        | "greater_string"
        | "less_equals_string"
        | "greater_equals_string"
        | "less_bytes"
        | "greater_bytes"
        | "less_equals_bytes"
        | "greater_equals_bytes"
        | "equals"
        | "not_equals" => times(smaller(args), TRAVERSAL),
        "add_string" | "add_bytes" => times(size(0) + size(1), TRAVERSAL),
        "matches_string" => pattern_cost(size(0), size(1)),
        "contains_string" => times(size(0), TRAVERSAL) * times(size(1), TRAVERSAL),
        _ => 1,
    }
}

/// The size of the smaller of two operands. Code points of much longer text aren't counted for it.
fn smaller(args: &[Val<'_>]) -> u64 {
    match args {
        // A code point is four bytes at most.
        [Val::String(a), Val::String(b)] if a.len() < b.len() / 4 => a.chars().count() as u64,
        [Val::String(a), Val::String(b)] if b.len() < a.len() / 4 => b.chars().count() as u64,
        [a, b] => a.size().min(b.size()),
        _ => 1,
    }
}

fn pattern_cost(text: u64, pattern: u64) -> u64 {
    // An empty text costs something, too, as the pattern has to be read.
    ((1.0 + text as f64) * TRAVERSAL).ceil() as u64 * times(pattern, PATTERN)
}

/// The costs of cel-go's extensions for sets and lists.
fn overload_cost(overload: &str, args: &[Val<'_>], result: Option<&Val<'_>>) -> Option<u64> {
    let size = |index: usize| args.get(index).map_or(1, Val::size);
    let list = |factor: f64, size: u64| (size as f64 * factor) as u64 + 1 + LIST;
    let sorted = |index: usize| {
        let text = match args.get(index) {
            Some(Val::List(list)) => {
                matches!(list.get(0), Some(Ok(Val::String(_) | Val::Bytes(_))))
            }
            _ => false,
        };
        list(if text { 2.0 + TRAVERSAL } else { 2.0 }, size(index).saturating_mul(size(index)))
    };
    Some(match overload {
        "list_sets_contains_list" | "list_sets_intersects_list" => size(0).saturating_mul(size(1)) + 1,
        "list_sets_equivalent_list" => size(0).saturating_mul(size(1)).saturating_mul(2) + 1,
        "list_slice" | "lists_range" | "list_reverse" => list(1.0, result.map_or(1, Val::size)),
        "list_flatten" => list(1.0, size(0)),
        "list_flatten_int" => match args {
            [_, Val::Int(levels)] => list(*levels as f64, size(0)),
            _ => list(1.0, size(0)),
        },
        "list_distinct" => sorted(0),
        _ if overload.ends_with("_sort") => sorted(0),
        _ if overload.ends_with("_sortByAssociatedKeys") => sorted(1),
        _ => return None,
    })
}

/// Kubernetes' costs, which go by the function's name.
fn kubernetes_cost(
    function: &str,
    overload: &str,
    args: &[Val<'_>],
    result: Option<&Val<'_>>,
) -> Option<u64> {
    let size = |index: usize| args.get(index).map_or(1, Val::size);
    Some(match function {
        // Two of them fit in what an expression may cost.
        "check" => 350_000,
        "serviceAccount" | "path" | "group" | "resource" | "subresource" | "namespace" | "name"
        | "allowed" | "reason" | "error" | "errored" => 1,
        "fieldSelector" | "labelSelector" => {
            let length = size(1);
            // A requirement takes at least two characters, an object and a list.
            let requirements = times(length, 0.5);
            LIST + times(length, TRAVERSAL) + times(requirements, LIST as f64 + OBJECT)
        }
        "isSorted" | "sum" | "max" | "min" | "indexOf" | "lastIndexOf" => args.first().map_or(0, traversal),
        "url"
        | "lowerAscii"
        | "upperAscii"
        | "substring"
        | "trim"
        | "jsonpatch.escapeKey"
        | "cidr"
        | "isIP"
        | "isCIDR"
        | "quantity"
        | "isQuantity"
        | "semver"
        | "isSemver" => times(size(0), TRAVERSAL),
        "replace" | "split" | "ip.isCanonical" => times(size(0), 2.0 * TRAVERSAL),
        "join" => times(result.map_or(1, Val::size), 2.0 * TRAVERSAL),
        "find" | "findAll" => pattern_cost(size(0), size(1)),
        "ip" if overload == "cidr_ip" => 1,
        "ip" => times(size(0), TRAVERSAL),
        "masked"
        | "prefixLength"
        | "family"
        | "isUnspecified"
        | "isLoopback"
        | "isLinkLocalMulticast"
        | "isLinkLocalUnicast"
        | "isGlobalUnicast" => 1,
        "containsIP" => {
            let parsed = if overload == "cidr_contains_ip_string" { times(size(1), TRAVERSAL) } else { 0 };
            times(size(0) * 2, TRAVERSAL) + parsed
        }
        "containsCIDR" => {
            let parsed = if overload == "cidr_contains_cidr_string" { times(size(1), TRAVERSAL) } else { 0 };
            times(size(0) * 2, TRAVERSAL) + times(size(0), TRAVERSAL) + 1 + parsed
        }
        "validate" => match args {
            [Val::Extension(format), text] => pattern_cost(text.size(), format.pattern_size()?),
            _ => return None,
        },
        "format.named" => 1,
        "sign" | "asInteger" | "isInteger" | "asApproximateFloat" | "isGreaterThan" | "isLessThan"
        | "compareTo" | "add" | "sub" | "major" | "minor" | "patch" => 1,
        "getScheme" | "getHostname" | "getHost" | "getPort" | "getEscapedPath" | "getQuery" => 1,
        "_==_" if matches!(args, [Val::Extension(_), _]) => 1,
        _ => return None,
    })
}

/// What looking at all of a value costs.
fn traversal(value: &Val<'_>) -> u64 {
    match value {
        Val::String(text) => (text.len() as f64 * TRAVERSAL) as u64,
        Val::Bytes(bytes) => (bytes.len() as f64 * TRAVERSAL) as u64,
        Val::List(list) => traversal_of_list(list),
        Val::Map(map) => traversal_of_map(map),
        _ => 1,
    }
}

fn traversal_of_list(list: &List<'_>) -> u64 {
    list.iter().map(|element| element.as_ref().map_or(1, traversal)).sum()
}

fn traversal_of_map(map: &Map<'_>) -> u64 {
    map.entries().iter().map(|(key, value)| traversal(key) + value.as_ref().map_or(1, traversal)).sum()
}
