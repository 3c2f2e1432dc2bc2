//! `gokku domains add`: more domains lead to an app.

use clap::{Args, ValueEnum};
use gokku_core::domains::domain::PlainHttp;
use gokku_server::command::domains;

use super::{spec_of, tell};
use crate::commands::{Run, wait};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::spec::Spec;

/// Have domains lead to an app
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The domains, such as example.com or *.example.com
    #[arg(required = true, value_name = "DOMAIN")]
    domains: Vec<String>,
    /// Only requests for this path and those below it
    #[arg(long, value_name = "/PATH")]
    path: Option<String>,
    /// Let the app have its requests without that path
    #[arg(long)]
    strip_path: bool,
    /// What is answered to those who ask by HTTP, once the domain has a certificate
    #[arg(long, value_name = "HOW", default_value = "redirect")]
    http: Http,
    /// Tell clients to ask by HTTPS only, for so many seconds from each answer on
    #[arg(long, value_name = "SECONDS")]
    hsts: Option<u32>,
}

/// What is answered to those who ask by HTTP.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Http {
    /// They are sent to HTTPS
    Redirect,
    /// They are answered, as by HTTPS
    Keep,
}

impl Run for AddArgs {
    fn spec(&self) -> Spec<'_> {
        spec_of("domains add", &self.domains)
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, app) = (context.server()?, context.app()?);
        let mut added = super::domains(&self.domains, self.path.as_deref(), self.strip_path)?;
        for domain in &mut added {
            domain.http = match self.http {
                Http::Redirect => PlainHttp::Redirect,
                Http::Keep => PlainHttp::Keep,
            };
            domain.hsts = self.hsts;
        }
        let changed = wait(async { Ok(domains::add(server, &app, &added).await?) })?;
        let names: Vec<String> = added.iter().map(ToString::to_string).collect();
        tell(
            context,
            &app,
            &format!("{} added to {app}", names.join(", ")),
            &changed,
        );
        Ok(DONE)
    }
}
