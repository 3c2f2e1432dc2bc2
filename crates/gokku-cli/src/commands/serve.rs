//! A push or a fetch over ssh: git, for one app's repository, and nothing else that a path could name.

use gokku_core::access::ssh_command::{Service, repository};
use gokku_server::Server;
use gokku_server::command::serve;

use crate::context;
use crate::error::Error;
use crate::printer::{Look, Printer};

/// For whoever has a shell on the server and no key of ours.
pub(super) fn run(server: &Server, service: Service, path: &str, printer: Printer) -> Result<u8, Error> {
    let named = repository(path, &server.root.label())
        .ok_or_else(|| Error::usage(format!("{service} {path}: it takes the name of one app")))?;
    let (app, made) = serve::app(server, service, &named)?;
    tell(made, &app, printer);
    Ok(serve::git(server, service, &app, None, &context::not_for_git())?)
}

/// Says that a first push has made an app.
pub(super) fn tell(made: bool, app: &gokku_core::AppName, printer: Printer) {
    if made {
        printer.note(
            Look::Plain,
            &format!("-----> {app} is new here, and made for this push"),
        );
    }
}
