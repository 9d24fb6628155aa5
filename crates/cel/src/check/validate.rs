//! What must hold of literals that are given to functions: durations, timestamps and patterns are read when an
//! expression is compiled.

use crate::ast::{Expr, Kind, Literal};
use crate::library::{pattern, time};
use crate::source::{Issues, Offset};

/// Tells the literals that can't be read. (The depth of recursion is that of the tree, which is bounded.)
pub(super) fn literals(expr: &Expr, places: &[Offset], issues: &mut Issues) {
    if let Kind::Call { target, function, args } = &expr.kind
        && let Some(last) = args.last()
        && let Kind::Literal(Literal::String(text)) = &last.kind
    {
        let valid = match (function.as_str(), target.is_some(), args.len()) {
            ("duration", false, 1) => time::parse_duration(text).is_some(),
            ("timestamp", false, 1) => time::parse_timestamp(text).is_ok(),
            ("matches", true, 1) | ("matches", false, 2) => pattern::compile(text).is_ok(),
            _ => true,
        };
        if !valid {
            let place = places.get(last.id as usize).copied().unwrap_or(0);
            issues.at(place, format!("invalid {function} argument"));
        }
    }
    expr.kind.children(&mut |child| literals(child, places, issues));
}
