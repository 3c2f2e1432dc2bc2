//! Says what the program has to know of a command before it runs it. Each command says it of itself, beside its code, by
//! [`crate::commands::Run::spec`]; a snapshot (`tests`) has the whole table.

use std::path::Path;

use gokku_core::access::scope::Reach;

/// What the program has to know of a command before it runs it. It may hold secrets, so it has no `Debug`.
pub(crate) struct Spec<'a> {
    /// How the record of what was done with keys calls it: nothing of it may be secret.
    pub(crate) audit: String,
    /// The machine it runs on.
    pub(crate) runs_on: RunsOn,
    /// How far it reaches: by this a key may give it, or may not.
    pub(crate) reach: Reach,
    /// Which of its words names the app it is about.
    pub(crate) app: AppFrom<'a>,
    /// What it reads and whose output it prints.
    pub(crate) io: Io,
    /// What becomes of it when whoever asked over ssh is gone.
    pub(crate) on_disconnect: OnDisconnect,
    /// Arguments with values that no other user of the machine may read: they are taken off the command line, and
    /// `--stdin` takes their place.
    pub(crate) secrets: &'a [String],
    /// Options that name files of the machine on which it is typed, with the files: what is in them is put on standard input, and
    /// `--stdin` takes their place.
    pub(crate) files: Vec<(&'static str, &'a Path)>,
}

/// The machine a command runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunsOn {
    /// The machine it is typed on, as the user who types it, whether there is a server or not.
    ThisMachine,
    /// A server, as the owner of its folder: the one that `-a` or `--remote` names, over ssh, or else this machine.
    Server,
    /// The same, on a server that need not have its folder yet.
    NewServer,
    /// The server that another program starts it on, as the owner of its folder: it is never sent elsewhere.
    ServerItself,
}

/// Which word names the app that a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AppFrom<'a> {
    /// `-a`: a git remote, or the app's name on its server.
    Option,
    /// An argument of its own, which has this value.
    Argument(&'a str),
    /// None: `-a` names, as the server does, whom a key is for.
    KeyLimit,
}

/// What a command reads, and whose output it prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Io {
    /// It reads nothing.
    Output,
    /// It reads standard input.
    Input,
    /// It asks a question: in a terminal it needs one on the server, too.
    Question,
    /// It is a program's: input, output, terminal and exit code.
    Program,
}

/// What becomes of a command when whoever asked over ssh is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnDisconnect {
    /// It ends: nobody is there to be told.
    Ends,
    /// It goes on to its end, which comes soon: it changes a file, and then what runs.
    Finishes,
}

impl<'a> Spec<'a> {
    /// Describes a command about apps, one or those that may be seen, that runs on their server and only prints.
    pub(crate) fn of_apps(audit: impl Into<String>) -> Self {
        Self::new(audit, RunsOn::Server, Reach::Apps)
    }

    /// Describes a command about a server as a whole, that runs there and only prints.
    pub(crate) fn of_server(audit: impl Into<String>, reach: Reach) -> Self {
        Self::new(audit, RunsOn::Server, reach)
    }

    /// Describes a command about the machine that it is typed on.
    pub(crate) fn of_this_machine(audit: impl Into<String>, reach: Reach) -> Self {
        Self::new(audit, RunsOn::ThisMachine, reach)
    }

    /// Describes a command that other programs start on a server: no key gives it.
    pub(crate) fn internal(audit: impl Into<String>) -> Self {
        Self::new(audit, RunsOn::ServerItself, Reach::Within)
    }

    fn new(audit: impl Into<String>, runs_on: RunsOn, reach: Reach) -> Self {
        Self {
            audit: audit.into(),
            runs_on,
            reach,
            app: AppFrom::Option,
            io: Io::Output,
            on_disconnect: OnDisconnect::Ends,
            secrets: &[],
            files: Vec::new(),
        }
    }

    /// Lets it be the first command on a server.
    pub(crate) fn on_new_server(self) -> Self {
        Self {
            runs_on: RunsOn::NewServer,
            ..self
        }
    }

    /// Says what it reads, and whose output it prints.
    pub(crate) fn with_io(self, io: Io) -> Self {
        Self { io, ..self }
    }

    /// Says which of its words names the app it is about.
    pub(crate) fn with_app(self, app: AppFrom<'a>) -> Self {
        Self { app, ..self }
    }

    /// Has it finish when whoever asked is gone.
    pub(crate) fn finishes(self) -> Self {
        Self {
            on_disconnect: OnDisconnect::Finishes,
            ..self
        }
    }

    /// Names the arguments that are to be taken off the command line.
    pub(crate) fn with_secrets(self, secrets: &'a [String]) -> Self {
        Self { secrets, ..self }
    }

    /// Names the files that are to be put on standard input.
    pub(crate) fn with_files(self, files: Vec<(&'static str, &'a Path)>) -> Self {
        Self { files, ..self }
    }
}

/// Writes a command's words in a row: what stands in the record is made by this.
pub(crate) fn words<T: std::fmt::Display>(command: &str, more: impl IntoIterator<Item = T>) -> String {
    more.into_iter()
        .fold(command.to_owned(), |line, word| format!("{line} {word}"))
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
