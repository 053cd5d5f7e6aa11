//! What is particular to options that the environment sets: booleans in words, and errors that name the variable.

use std::ffi::OsString;
use std::fmt::Display;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};

/// Lets the variables of flags take booleans in words. A flag whose variable is false or empty counts as not given.
pub(crate) fn with_booleans(command: Command) -> Command {
    command.mut_args(|argument| {
        if !matches!(argument.get_action(), ArgAction::SetTrue) {
            return argument;
        }
        let value = argument.get_env().and_then(std::env::var_os);
        let is_off = value.is_some_and(|value| value.to_str().map(boolean) == Some(Ok(false)));
        let argument = argument.value_parser(boolean);
        if is_off { unset(argument) } else { argument }
    })
}

/// An error of clap, with the names of the variables that contribute to it.
pub(crate) fn name_variables(error: clap::Error, command: Command, command_line: &[OsString]) -> clap::Error {
    let text = error.to_string();
    let mut built = command.clone();
    // Until it is built, an option does not know how it is displayed.
    built.build();
    let contributes = |argument: &Arg| {
        let id = argument.get_id().clone();
        let without = command.clone().mut_arg(id, unset).try_get_matches_from(command_line);
        without.err().is_none_or(|other| summary(&other.to_string()) != summary(&text))
    };
    let is_set = |argument: &&Arg| argument.get_env().and_then(std::env::var_os).is_some();
    let arguments: Vec<_> = built.get_arguments().filter(is_set).filter(|argument| contributes(argument)).collect();
    let invalid = arguments.iter().find(|argument| {
        matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue)
            && error.get(ContextKind::InvalidArg) == Some(&ContextValue::String(argument.to_string()))
    });
    match (invalid, arguments.as_slice()) {
        _ if error.exit_code() == 0 => error,
        (_, []) => error,
        (Some(argument), _) => usage_error(error.kind(), text.replace(&format!("'{argument}'"), &source(argument))),
        (None, arguments) => {
            let (summary, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
            usage_error(error.kind(), format!("{summary}{}\n\n{rest}", note(arguments.iter().copied())))
        }
    }
}

/// How an error names an option that its variable sets.
pub(crate) fn source(argument: &Arg) -> String {
    format!("{} ({})", variable(argument), spelled(argument))
}

/// The paragraph of an error that says which variables set these options.
pub(crate) fn note<'a>(arguments: impl IntoIterator<Item = &'a Arg>) -> String {
    let line = |argument| format!("\n  note: {} sets {}", variable(argument), spelled(argument));
    let lines: String = arguments.into_iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

/// An error of usage, in the form of clap's own.
pub(crate) fn usage_error(kind: ErrorKind, message: impl Display) -> clap::Error {
    let message = message.to_string();
    clap::Error::raw(kind, message.strip_prefix("error: ").unwrap_or(&message))
}

fn unset(argument: Arg) -> Arg {
    argument.env(None::<&'static str>)
}

/// The variable of an option.
fn variable(argument: &Arg) -> String {
    argument.get_env().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// An option without its value, or the name of an argument that is none.
pub(crate) fn spelled(argument: &Arg) -> String {
    argument.get_long().map_or_else(|| argument.get_id().as_str().to_uppercase(), |long| format!("--{long}"))
}

/// What an error says first, without the usage, in which clap shows all that is set.
fn summary(text: &str) -> &str {
    text.split("\n\n").next().unwrap_or(text)
}

/// The value of a flag's variable.
fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "" | "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("it is neither 1, true, yes or on, nor 0, false, no or off".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_words() {
        let table = [
            ("1", Some(true)),
            ("true", Some(true)),
            ("YES", Some(true)),
            ("On", Some(true)),
            ("0", Some(false)),
            ("False", Some(false)),
            ("no", Some(false)),
            ("off", Some(false)),
            ("", Some(false)),
            ("2", None),
            ("y", None),
            (" true", None),
            ("truely", None),
        ];
        for (text, expected) in table {
            assert_eq!(boolean(text).ok(), expected, "{text:?}");
        }
    }
}
