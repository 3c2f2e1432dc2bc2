//! `gokku remote add`: an app is made on its server, and a git remote for it here.

use std::ffi::OsString;

use clap::Args;
use gokku_remote::remotes::{self, AppReady};
use gokku_remote::ssh::{Destination, Needs};

use crate::commands::Run;
use crate::context::Context;
use crate::error::{DONE, Error, Kind};
use crate::forwarding;
use crate::printer::Look;
use crate::spec::Spec;

/// Add a git remote to push to, and make its app on the server; with --app where the remote's name does not begin
/// with the app's
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The remote's name: the app's and its environment's, api-production
    name: String,
    /// The server
    #[arg(value_name = "USER@HOST[:PORT]")]
    server: String,
}

impl Run for AddArgs {
    fn spec(&self) -> Spec<'_> {
        super::spec()
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (here, name, printer) = (&super::here()?, &self.name, context.printer);
        let server: Destination = self.server.parse()?;
        let remote = remotes::prepare(here, name, context.options.app.as_deref())?;
        let forward = forwarding::to(server.clone(), printer);
        let (exit, answer) = forward.capture(&create_words(&remote))?;
        forwarding::tell(&forward, &exit, Needs::default(), printer);
        let (app, environment) = (&remote.app, &remote.environment);
        if exit.code != DONE {
            return Err(Error::new(Kind::OnServer(exit.code), "no remote was added").hint(format!(
                "If {app} is to serve two environments there, give this one's app another name: gokku remote add {name} {server} --app {app}-{environment}"
            )));
        }
        let ready: AppReady = serde_json::from_slice(&answer).map_err(|error| {
            let message = format!("the answer of {server} was not understood ({error})");
            Error::failed(error)
                .worded(message)
                .hint(format!("`gokku doctor --remote {server}` shows what runs there"))
        })?;
        let url = remotes::add(here, &remote, &server, &ready)?;
        if printer.json {
            let all = remotes::list(here)?;
            printer.facts(&all.iter().find(|remote| remote.name == *name))?;
            return Ok(DONE);
        }
        printer.result(&format!("{name} is {url}"));
        let verb = if ready.made { "was made" } else { "is there" };
        let branch = remote
            .branch
            .as_ref()
            .map_or_else(|| "main".to_owned(), ToString::to_string);
        printer.note(
            Look::Plain,
            &format!(
                "The app {app} {verb} on {server}, for {environment}. Deploy to it: git push {name} {branch}"
            ),
        );
        Ok(DONE)
    }
}

/// Returns the command line by which the server makes the app, unless it is there.
fn create_words(remote: &remotes::NewRemote) -> Vec<OsString> {
    let mut words = vec![
        "apps".to_owned(),
        "create".to_owned(),
        remote.app.to_string(),
        "--environment".to_owned(),
        remote.environment.to_string(),
        "--if-missing".to_owned(),
        "--json".to_owned(),
    ];
    if let Some(branch) = &remote.branch {
        words.extend(["--branch".to_owned(), branch.to_string()]);
    }
    words.into_iter().map(OsString::from).collect()
}
