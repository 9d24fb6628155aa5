//! From arguments to clap's matches, noting every argument that is no flag rather than the first alone.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Command};

use super::Errors;

/// What the arguments are.
pub(super) enum Matched {
    /// Flags.
    Flags(ArgMatches),
    /// A wish for help.
    Help,
}

/// Matches the arguments, taking out those that can't be, each with a note. `None` where none are left to
/// judge.
pub(super) fn matches(command: &Command, arguments: Vec<OsString>, errors: &mut Errors) -> Option<Matched> {
    let mut arguments: Vec<OsString> = arguments.into_iter().map(with_dashes).collect();
    // Each round takes out at least one argument, or ends.
    loop {
        let named = std::iter::once("kube-apiserver".into()).chain(arguments.iter().cloned());
        let error = match command.clone().try_get_matches_from(named) {
            Ok(matches) => return Some(Matched::Flags(matches)),
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::DisplayHelp => return Some(Matched::Help),
            ErrorKind::UnknownArgument => {
                let Some(at) = offender(&error, &arguments) else {
                    errors.note("command line", first_line(&error));
                    return None;
                };
                note_unknown(&error, &arguments[at], errors);
                let is_flag = arguments[at].to_string_lossy().starts_with('-');
                let has_value = arguments[at].to_string_lossy().contains('=');
                arguments.remove(at);
                // The next argument was meant as the flag's value, unless it is a flag of its own.
                if is_flag
                    && !has_value
                    && arguments.get(at).is_some_and(|next| !next.to_string_lossy().starts_with('-'))
                {
                    arguments.remove(at);
                }
            }
            ErrorKind::InvalidValue | ErrorKind::NoEquals | ErrorKind::TooFewValues => {
                let name = text(&error, ContextKind::InvalidArg);
                let flag = name.split([' ', '=', '[']).next().unwrap_or(&name);
                errors.note(flag, "needs a value");
                let at = arguments.iter().rposition(|a| a.to_string_lossy() == flag)?;
                arguments.remove(at);
            }
            _ => {
                errors.note("command line", first_line(&error));
                return None;
            }
        }
    }
}

/// The flag's name with dashes where underscores were typed, as kube-apiserver takes both.
fn with_dashes(argument: OsString) -> OsString {
    let Some(text) = argument.to_str().filter(|t| t.starts_with("--") && t.contains('_')) else {
        return argument;
    };
    match text.split_once('=') {
        Some((name, value)) => format!("{}={value}", name.replace('_', "-")).into(),
        None => text.replace('_', "-").into(),
    }
}

fn offender(error: &clap::Error, arguments: &[OsString]) -> Option<usize> {
    let name = text(error, ContextKind::InvalidArg);
    arguments.iter().position(|argument| {
        let argument = argument.to_string_lossy();
        argument == name
            || argument.strip_prefix(&name).is_some_and(|rest| rest.starts_with('='))
            || (name.starts_with('-') && !name.starts_with("--") && argument.starts_with(&name))
    })
}

fn note_unknown(error: &clap::Error, argument: &OsString, errors: &mut Errors) {
    let argument = argument.to_string_lossy();
    if !argument.starts_with('-') {
        errors.note(&argument, "unexpected argument: kube-apiserver takes flags only");
        return;
    }
    let flag = argument.split('=').next().unwrap_or(&argument);
    match text(error, ContextKind::SuggestedArg) {
        similar if similar.is_empty() => errors.note(flag, "unknown flag"),
        similar => errors.note(flag, format!("unknown flag; there is {similar}")),
    }
}

fn text(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.first().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
