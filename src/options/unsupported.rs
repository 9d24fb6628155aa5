//! Flags of kube-apiserver that have no effect here yet: known, so that they are refused by name.
//!
//! They are those of [`facts`] that no group of flags reads. Their default is taken, as those who generate command
//! lines write defaults out; any other value asks for what this server does not do.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use keelson_apimachinery::scalar;

use super::facts::{self, Fact, Kind};
use super::{Errors, value};

/// Why each of them is refused.
pub(super) const REASON: &str = "not supported yet by Keelson: only its default is accepted";

/// What `--help` says of each of them.
pub(super) const HELP: &str = "Not supported yet: only its default is accepted";

/// The argument of such a flag.
pub(super) fn argument(fact: &Fact) -> Arg {
    Arg::new(fact.name).long(fact.name).action(ArgAction::Append).num_args(1)
}

/// Notes each that was given another value than its default, in the order of the command line, and says of the
/// others that they were of no use.
pub(super) fn judge(known: &Command, matches: &ArgMatches, errors: &mut Errors) {
    let read = |name: &str| known.get_arguments().any(|argument| argument.get_long() == Some(name));
    let given = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
    let mut found: Vec<(usize, &Fact)> = facts::all()
        .filter(|fact| fact.name != "help" && !read(fact.name) && given(fact.name))
        .map(|fact| (matches.index_of(fact.name).unwrap_or(usize::MAX), fact))
        .collect();
    found.sort_unstable_by_key(|(at, _)| *at);
    let mut useless = Vec::new();
    for (_, fact) in found {
        let values: Vec<&str> =
            matches.get_many::<String>(fact.name).into_iter().flatten().map(String::as_str).collect();
        let flag = format!("--{}", fact.name);
        match holds_default(fact, &values) {
            Ok(true) => useless.push(flag),
            Ok(false) => errors.note(&flag, REASON),
            Err(why) => errors.note(&flag, why),
        }
    }
    if !useless.is_empty() {
        errors.remark(format!("flags without effect, accepted for their defaults: {}", useless.join(", ")));
    }
}

/// Whether the values of all uses of a flag come to its default.
fn holds_default(fact: &Fact, values: &[&str]) -> Result<bool, String> {
    if let Some(default) = list_default(fact) {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        return Ok(value::list(&values) == default);
    }
    let default = Parsed::read(fact.kind, fact.default.trim_matches('"'))?;
    let mut last = true;
    for value in values {
        last = Parsed::read(fact.kind, value)? == default;
    }
    Ok(last)
}

/// The default of a flag that takes a list.
fn list_default(fact: &Fact) -> Option<Vec<String>> {
    let lists = matches!(
        fact.kind,
        Kind::Array
            | Kind::Labels
            | Kind::List
            | Kind::Map
            | Kind::Multimap
            | Kind::NamedCertificates
            | Kind::Numbers
            | Kind::Patterns
    );
    lists.then(|| value::list(&[fact.default.trim_matches(['[', ']']).to_owned()]))
}

/// A value, to be compared with another one.
#[derive(Debug, PartialEq)]
enum Parsed {
    Bool(bool),
    Float(f64),
    Int(i64),
    Nanoseconds(i64),
    Text(String),
}

impl Parsed {
    /// Nothing stands for 0 and false in the printed form of defaults, and for nothing in texts.
    fn read(kind: Kind, text: &str) -> Result<Self, String> {
        let or_zero = if text.is_empty() { "0" } else { text };
        Ok(match kind {
            Kind::Bool | Kind::Version => Parsed::Bool(value::boolean(or_zero)?),
            Kind::Int | Kind::Level => Parsed::Int(value::integer(or_zero)?),
            Kind::Float | Kind::Float32 => {
                Parsed::Float(or_zero.parse().map_err(|_| format!("invalid value {text:?}: not a number"))?)
            }
            Kind::Duration => {
                let parsed = scalar::Duration::parse(or_zero);
                Parsed::Nanoseconds(parsed.map_err(|why| format!("invalid value {text:?}: {why}"))?.0)
            }
            Kind::Quantity => Parsed::Text(or_zero.to_owned()),
            _ => Parsed::Text(text.to_owned()),
        })
    }
}
