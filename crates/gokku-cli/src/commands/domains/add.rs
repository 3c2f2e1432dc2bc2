//! `gokku domains add`: more domains lead to an app.

use clap::{Args, ValueEnum};
use gokku_core::domains::domain::{Domain, PlainHttp};
use gokku_core::domains::redirect::RedirectTarget;
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
    /// Send its requests there instead of to the app, with their path and query: 308
    #[arg(long, value_name = "NAME|URL", conflicts_with_all = ["strip_path", "www"])]
    redirect_to: Option<String>,
    /// Have the name with `www.` before it, or without, redirect to this one
    #[arg(long)]
    www: bool,
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
        let added = self.added()?;
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

impl AddArgs {
    /// Reads what was typed.
    fn added(&self) -> Result<Vec<Domain>, Error> {
        let to = self.redirect_to.as_deref().map(str::parse::<RedirectTarget>);
        let redirect_to = to.transpose()?.map(Box::new);
        let mut added = super::domains(&self.domains, self.path.as_deref())?;
        for domain in &mut added {
            if self.strip_path && domain.path.is_root() {
                return Err(Error::usage(
                    "--strip-path takes away what --path names, which is not given",
                ));
            }
            domain.strip_path = self.strip_path;
            domain.redirect_to.clone_from(&redirect_to);
            domain.http = match self.http {
                Http::Redirect => PlainHttp::Redirect,
                Http::Keep => PlainHttp::Keep,
            };
            domain.hsts = self.hsts;
        }
        if !self.www {
            return Ok(added);
        }
        let with_other = |domain: Domain| match domain.redirected_www() {
            Some(other) => Ok([domain, other]),
            None => Err(Error::usage(format!(
                "--www: {domain} is a wildcard, and has no other name with or without www."
            ))),
        };
        let both: Result<Vec<_>, Error> = added.into_iter().map(with_other).collect();
        Ok(both?.into_iter().flatten().collect())
    }
}
