//! `docs/cli.md`: every command, its arguments and options, as the program itself knows them.

use std::fmt::Write;

use clap::{Arg, ArgAction, Command};
use gokku_cli::error::{BUSY, DONE, FAILED, MISSING, UNAVAILABLE, UNREACHABLE, USAGE};

use super::markdown::{fill, table};

const EXIT_CODES: [(u8, &str); 7] = [
    (DONE, "done"),
    (FAILED, "it was tried and failed"),
    (USAGE, "wrong usage, or a value that cannot be"),
    (
        MISSING,
        "there is no such app, release or variable, or nothing is under way",
    ),
    (
        BUSY,
        "the app is busy with another deploy, rollback, restart, stop or start",
    ),
    (
        UNAVAILABLE,
        "the Docker Engine or the traffic switch is not there",
    ),
    (UNREACHABLE, "the server could not be reached"),
];

/// The page.
pub(super) fn page() -> Result<String, String> {
    let mut gokku = gokku_cli::command();
    gokku.build();
    let everywhere: Vec<&Arg> = gokku
        .get_arguments()
        .filter(|arg| is_shown(arg) && !is_help(arg))
        .collect();
    let codes = EXIT_CODES.map(|(code, meaning)| [code.to_string(), meaning.to_owned()]);
    let (mut index, mut commands) = (Vec::new(), String::new());
    for command in leaves(&gokku) {
        write_command(&mut commands, &mut index, &command);
    }
    fill(
        include_str!("cli.md"),
        &[
            ("index", table(["command", "what it does"], &index)),
            ("options", options(&everywhere)),
            ("exit codes", table(["code", "meaning"], &codes)),
            ("commands", commands),
        ],
    )
}

/// The commands that do something, in the program's order; those that only have others below them left out.
fn leaves(command: &Command) -> Vec<Command> {
    let shown = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set() && below.get_name() != "help");
    shown
        .flat_map(|below| {
            if below.has_subcommands() {
                leaves(below)
            } else {
                vec![below.clone()]
            }
        })
        .collect()
}

fn write_command(text: &mut String, index: &mut Vec<[String; 2]>, command: &Command) {
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    let about = command
        .get_about()
        .map_or(String::new(), |about| escaped(&about.to_string()));
    index.push([format!("[`{name}`](#{})", name.replace(' ', "-")), about.clone()]);
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    let _ = write!(text, "\n### {name}\n\n{about}.\n\n```text\n{usage}\n```\n");

    let arguments: Vec<[String; 2]> = command
        .get_positionals()
        .filter(|arg| is_shown(arg))
        .map(|arg| [format!("`{arg}`"), meaning(arg)])
        .collect();
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_positional() && is_shown(arg) && !arg.is_global_set() && !is_help(arg))
        .collect();
    for part in [table(["argument", "meaning"], &arguments), options(&own)] {
        if !part.is_empty() {
            let _ = write!(text, "\n{part}");
        }
    }
}

fn options(args: &[&Arg]) -> String {
    let rows: Vec<[String; 2]> = args
        .iter()
        .map(|arg| [format!("`{}`", spelling(arg)), meaning(arg)])
        .collect();
    table(["option", "meaning"], &rows)
}

fn is_shown(arg: &Arg) -> bool {
    !arg.is_hide_set()
}

fn is_flag(arg: &Arg) -> bool {
    !arg.is_positional() && !arg.get_action().takes_values()
}

fn is_help(arg: &Arg) -> bool {
    matches!(
        arg.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    )
}

fn spelling(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let names = names.join(", ");
    if is_flag(arg) {
        names
    } else {
        format!("{names} {}", value(arg))
    }
}

fn value(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let name = names
        .first()
        .map_or_else(|| arg.get_id().as_str().to_uppercase(), ToString::to_string);
    format!("<{name}>")
}

fn meaning(arg: &Arg) -> String {
    let mut text = arg
        .get_help()
        .map_or(String::new(), |help| escaped(&help.to_string()));
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !is_flag(arg) && !values.is_empty() {
        let _ = write!(text, ": {}", values.join(", "));
    }
    let default: Vec<String> = arg
        .get_default_values()
        .iter()
        .map(|value| format!("`{}`", value.display()))
        .collect();
    if !is_flag(arg) && !default.is_empty() {
        let _ = write!(text, " (default: {})", default.join(" "));
    }
    text
}

/// A `<` is text, not HTML.
fn escaped(text: &str) -> String {
    text.replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_left_out() {
        let page = page().unwrap();
        for hidden in ["pre-receive", "gokku worker", "--detached", "--docker-host"] {
            assert!(!page.contains(hidden), "{hidden} is in the page");
        }
        for shown in ["### gokku apps create", "--no-restart", "`-a, --app <APP>`"] {
            assert!(page.contains(shown), "{shown} is not in the page");
        }
    }

    #[test]
    fn every_command_has_a_place_in_the_index() {
        let page = page().unwrap();
        let headings: Vec<&str> = page
            .lines()
            .filter_map(|line| line.strip_prefix("### "))
            .collect();
        assert!(headings.len() > 20, "{headings:?}");
        for heading in headings {
            assert!(page.contains(&format!("| [`{heading}`](#")), "{heading}");
        }
    }
}
