//! Values as Go's `%v` prints them: some error texts echo parts of a patch so.

use std::fmt::Write;

use crate::Value;

/// A value as Go prints a decoded JSON value: `map[a:1 b:[x y] c:<nil>]`.
pub fn printed(value: &Value) -> String {
    let mut out = String::new();
    print(value, &mut out);
    out
}

/// A list as Go prints it.
pub(super) fn printed_list(list: &[Value]) -> String {
    let mut out = String::new();
    print_list(list, &mut out);
    out
}

fn print_list(list: &[Value], out: &mut String) {
    out.push('[');
    for (i, item) in list.iter().enumerate() {
        if i > 0 {
            out.push(' ');
        }
        print(item, out);
    }
    out.push(']');
}

fn print(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("<nil>"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(i) => {
            let _ = write!(out, "{i}");
        }
        Value::Float(f) => print_float(*f, out),
        Value::String(s) => out.push_str(s),
        Value::Raw(_) => print(&super::raw::tree(value), out),
        Value::Array(list) => print_list(list, out),
        Value::Object(map) => {
            out.push_str("map[");
            for (i, (key, item)) in map.iter().enumerate() {
                if i > 0 {
                    out.push(' ');
                }
                out.push_str(key);
                out.push(':');
                print(item, out);
            }
            out.push(']');
        }
    }
}

/// The shortest text that reads back the same, with an exponent below -4 and from 21.
fn print_float(f: f64, out: &mut String) {
    let scientific = format!("{f:e}");
    let exponent = scientific.split_once('e').and_then(|(_, e)| e.parse::<i32>().ok()).unwrap_or(0);
    if (-4..21).contains(&exponent) {
        let _ = write!(out, "{f}");
    } else {
        let mantissa = scientific.split('e').next().unwrap_or_default();
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "{mantissa}e{sign}{:02}", exponent.unsigned_abs());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_print_as_in_go() {
        let check = |text: &str, want: &str| assert_eq!(printed(&super::super::raw::parse(text)), want);
        check(r#"{"b":[1,"x y",null],"a":{"k":true}}"#, "map[a:map[k:true] b:[1 x y <nil>]]");
        check("[0.5,1e21,1e20,1.5e-7,-2.5]", "[0.5 1e+21 100000000000000000000 1.5e-07 -2.5]");
        check("{}", "map[]");
    }
}
