//! Decides which stream gets what: results go to stdout, everything else to stderr.

use std::io::{BufRead, IsTerminal, Read, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::cli::{Colour, Options};
use crate::error::Error;

/// The most that is read of a typed line: what a terminal's line holds, see termios(3).
const LONGEST_LINE: u64 = 4096;

/// Prints in the way that the options ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    pub(crate) json: bool,
    quiet: bool,
    colour: Colour,
    live: bool,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Heading,
    Plain,
    Dim,
    Good,
    Bad,
}

impl Look {
    fn style(self) -> Style {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Self::Heading => Style::new().bold(),
            Self::Plain => Style::new(),
            Self::Dim => Style::new().dimmed(),
            Self::Good => colour(AnsiColor::Green).bold(),
            Self::Bad => colour(AnsiColor::Red).bold(),
        }
    }
}

impl Printer {
    pub(crate) fn new(options: &Options) -> Self {
        let coloured = options.client.as_ref().is_some_and(|client| client.coloured);
        Self {
            json: options.json,
            quiet: options.quiet,
            colour: match options.color {
                // Whoever reads it has a terminal, though this end of the connection has none.
                Colour::Auto if coloured => Colour::Always,
                colour => colour,
            },
            live: !options.quiet
                && !options.json
                && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
                && std::io::stderr().is_terminal(),
        }
    }

    /// Tells whether what is noted is seen in a terminal that can redraw a line.
    pub(crate) fn is_live(self) -> bool {
        self.live
    }

    /// Tells whether colours are not refused.
    pub(crate) fn is_coloured(self) -> bool {
        self.colour != Colour::Never
    }

    /// Tells whether what is noted is seen in a terminal that shows colours.
    pub(crate) fn shows_colours(self) -> bool {
        let stderr = std::io::stderr();
        match self.choice(stderr.is_terminal()) {
            ColorChoice::Never => false,
            ColorChoice::Always | ColorChoice::AlwaysAnsi => true,
            ColorChoice::Auto => AutoStream::choice(&stderr) != ColorChoice::Never,
        }
    }

    fn choice(self, terminal: bool) -> ColorChoice {
        match self.colour {
            Colour::Always => ColorChoice::Always,
            Colour::Auto if terminal => ColorChoice::Auto,
            Colour::Auto | Colour::Never => ColorChoice::Never,
        }
    }

    /// Prints a result, exactly: it may be a value with any character in it.
    #[expect(
        clippy::unused_self,
        reason = "every way to print goes through whoever knows the options"
    )]
    pub(crate) fn result(self, text: &str) {
        // Whoever closed the other end does not want to know.
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    /// Prints a result's bytes as they are; returns false when nobody reads them any more.
    pub(crate) fn bytes(bytes: &[u8]) -> bool {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush()).is_ok()
    }

    /// Prints facts as JSON.
    pub(crate) fn facts(self, facts: &impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(facts).map_err(Error::failed)?;
        self.result(&text);
        Ok(())
    }

    /// Prints facts that are a list: as JSON, or as a table with a row for each, or says that there are none.
    pub(crate) fn list<T: Serialize, const N: usize>(
        self,
        all: &[T],
        none: &str,
        header: [&str; N],
        row: impl Fn(&T) -> [String; N],
    ) -> Result<(), Error> {
        if self.json {
            return self.facts(&all);
        }
        if all.is_empty() {
            self.note(Look::Plain, none);
            return Ok(());
        }
        let mut table = plain_table();
        table.set_header(header);
        for one in all {
            table.add_row(row(one));
        }
        self.result(&table.to_string());
        Ok(())
    }

    /// Prints something on the way.
    pub(crate) fn note(self, look: Look, text: &str) {
        if !self.quiet {
            self.say(look, text);
        }
    }

    fn say(self, look: Look, text: &str) {
        let stderr = std::io::stderr();
        let choice = self.choice(stderr.is_terminal());
        let style = look.style();
        let _ = writeln!(AutoStream::new(stderr.lock(), choice), "{style}{text}{style:#}");
    }

    /// Prints an error.
    pub(crate) fn error(self, error: &Error) {
        self.say(Look::Bad, &format!("gokku: {error}"));
    }

    /// Asks a question whose answer is a name, and says whether that was typed.
    pub(crate) fn has_typed(self, question: &str, name: &str) -> Result<bool, Error> {
        self.alert(Look::Bad, question);
        let _ = std::io::stderr().flush();
        let mut typed = String::new();
        std::io::stdin()
            .lock()
            .take(LONGEST_LINE)
            .read_line(&mut typed)
            .map_err(Error::failed)?;
        Ok(typed.trim() == name)
    }

    /// Prints something that must be seen even when quiet.
    pub(crate) fn alert(self, look: Look, text: &str) {
        self.say(look, text);
    }
}

/// Makes a table without lines.
pub(crate) fn plain_table() -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table
}
