//! The command that clap matches arguments with, and what `--help` prints: both in the groups, names, types and
//! defaults of [`facts`].

use std::fmt::Write;

use clap::{Arg, Command};

use super::facts::{self, Fact, Kind};
use super::unsupported;

/// How wide lines are.
const WIDTH: usize = 100;
/// Where the text of a flag begins.
const INDENT: usize = 16;

/// Defaults here that differ from upstream's, by flag.
const OTHER_DEFAULTS: &[(&str, &str)] = &[("cert-dir", "--data-dir")];

/// The command with every flag: those of `known`, and those without effect.
pub(super) fn command(known: &Command) -> Command {
    let arguments = facts::all().filter(|fact| fact.name != "help").map(|fact| {
        let argument = find(known, fact).cloned().unwrap_or_else(|| unsupported::argument(fact));
        // As in Go, what follows a flag is its value, even with a dash; that of a boolean one needs `=`.
        match fact.kind {
            Kind::Bool | Kind::Version => {
                argument.num_args(0..=1).require_equals(true).default_missing_value("true")
            }
            _ => argument.allow_hyphen_values(true),
        }
    });
    Command::new("kube-apiserver").disable_version_flag(true).args_override_self(true).args(arguments)
}

fn find<'a>(known: &'a Command, fact: &Fact) -> Option<&'a Arg> {
    known.get_arguments().find(|argument| argument.get_long() == Some(fact.name))
}

/// What `--help` prints.
pub(super) fn text(known: &Command) -> String {
    let mut text = String::from(
        "Keelson: a Kubernetes API server with kube-apiserver's API, flags and stored bytes.\n\n\
         Usage:\n  kube-apiserver [flags]\n",
    );
    let mut group = "";
    for fact in facts::shown() {
        if fact.group != group {
            group = fact.group;
            _ = write!(text, "\n{group} flags:\n\n");
        }
        let about = match find(known, fact) {
            _ if fact.name == "help" => "Print this".to_owned(),
            Some(argument) => argument.get_help().map(ToString::to_string).unwrap_or_default(),
            None => unsupported::HELP.to_owned(),
        };
        show(&mut text, fact, &about);
    }
    text
}

fn show(text: &mut String, fact: &Fact, about: &str) {
    let short = match fact.name {
        "help" => "-h, ",
        "v" => "-v, ",
        _ => "    ",
    };
    let line = format!("  {short}--{} {}", fact.name, fact.kind.label());
    _ = writeln!(text, "{}", line.trim_end());
    let other = OTHER_DEFAULTS.iter().find(|(name, _)| *name == fact.name).map(|(_, default)| *default);
    let default = match other.unwrap_or(fact.default) {
        "" => String::new(),
        default => format!(" (default {default})"),
    };
    let mut column = 0;
    for word in format!("{about}{default}").split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length <= WIDTH {
            text.push(' ');
            column += 1;
        } else {
            if column > 0 {
                text.push('\n');
            }
            _ = write!(text, "{:INDENT$}", "");
            column = INDENT;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
}
