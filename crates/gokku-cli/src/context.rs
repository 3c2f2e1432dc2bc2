//! What a command is given when it runs: the options that hold for every command, the printer, and its server.

use std::cell::OnceCell;

use gokku_core::AppName;
use gokku_server::Server;
use gokku_server::app::apps;

use crate::cli::Options;
use crate::environment;
use crate::error::Error;
use crate::printer::Printer;

/// What a command is given when it runs.
pub(crate) struct Context<'a> {
    /// The options that hold for every command.
    pub(crate) options: &'a Options,
    /// What it prints with.
    pub(crate) printer: Printer,
    server: OnceCell<Server>,
}

impl<'a> Context<'a> {
    /// Makes one for whoever has typed a command.
    pub(crate) fn new(options: &'a Options, printer: Printer) -> Self {
        Self {
            options,
            printer,
            server: OnceCell::new(),
        }
    }

    /// Makes one for a command that is given on this server, as whoever it says.
    pub(crate) fn on(server: Server, options: &'a Options, printer: Printer) -> Self {
        Self {
            options,
            printer,
            server: OnceCell::from(server),
        }
    }

    /// Returns the server that the command runs on; it is opened when it is first asked for.
    pub(crate) fn server(&self) -> Result<&Server, Error> {
        if let Some(server) = self.server.get() {
            return Ok(server);
        }
        let server = environment::server(self.options)?;
        Ok(self.server.get_or_init(|| server))
    }

    /// Returns the app that `-a` names.
    pub(crate) fn app(&self) -> Result<AppName, Error> {
        let named = self.options.named_app().ok_or_else(no_app_named)?;
        Ok(apps::resolve(self.server()?, named)?)
    }

    /// Returns the app that `-a` names, where there is a `-a`.
    pub(crate) fn optional_app(&self) -> Result<Option<AppName>, Error> {
        self.options.named_app().map(|_| self.app()).transpose()
    }
}

/// Returns the error for a command that is about an app, and nobody said which.
pub(crate) fn no_app_named() -> Error {
    Error::usage("which app? Name it with -a APP").hint("`gokku apps list` shows them")
}
