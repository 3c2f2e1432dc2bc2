//! `gokku receive-pack` and `gokku upload-pack`: a push or a fetch over ssh, by git, for one app's repository and nothing
//! else that a path could name.

use clap::Args;
use gokku_core::AppName;
use gokku_core::access::ssh_command::{Service, repository};
use gokku_server::command::serve;

use super::Run;
use crate::context::Context;
use crate::environment;
use crate::error::Error;
use crate::printer::{Look, Printer};
use crate::spec::Spec;

/// What `git push` runs
#[derive(Debug, Args)]
pub(crate) struct ReceivePackArgs {
    /// The app's repository
    path: String,
}

/// What `git fetch` runs
#[derive(Debug, Args)]
pub(crate) struct UploadPackArgs {
    /// The app's repository
    path: String,
}

impl Run for ReceivePackArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::internal("receive-pack")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        serve_git(context, Service::ReceivePack, &self.path)
    }
}

impl Run for UploadPackArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::internal("upload-pack")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        serve_git(context, Service::UploadPack, &self.path)
    }
}

/// Has git serve whoever has a shell on the server, and no key of ours.
fn serve_git(context: &Context, service: Service, path: &str) -> Result<u8, Error> {
    let server = context.server()?;
    let named = repository(path, &server.root.label())
        .ok_or_else(|| Error::usage(format!("{service} {path}: it takes the name of one app")))?;
    let (app, made) = serve::app(server, service, &named)?;
    if made {
        tell_made(&app, context.printer);
    }
    let hidden = environment::hidden_from_git();
    Ok(serve::git(server, service, &app, None, &hidden)?)
}

/// Says that a first push has made an app.
pub(super) fn tell_made(app: &AppName, printer: Printer) {
    printer.note(
        Look::Plain,
        &format!("-----> {app} is new here, and made for this push"),
    );
}
