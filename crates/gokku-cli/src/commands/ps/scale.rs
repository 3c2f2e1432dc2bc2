//! `gokku ps scale`: how many containers there are of each process.

use clap::Args;
use gokku_core::config::processes::Scale;
use gokku_core::{AppName, ProcessType};
use gokku_server::command::ps::{self, Scaled};
use gokku_server::worker::request::Operation;

use crate::commands::{Run, transition, wait};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::Look;
use crate::spec::{Spec, words};

/// Change how many containers a process has, now and in releases to come
#[derive(Debug, Args)]
pub(crate) struct ScaleArgs {
    /// web=3
    #[arg(required = true, value_name = "PROCESS=COUNT")]
    counts: Vec<String>,
}

impl Run for ScaleArgs {
    fn spec(&self) -> Spec<'_> {
        let known = self.counts.iter().map(|given| match count(given) {
            Ok((process, count)) => format!("{process}={count}"),
            Err(_) => "?".to_owned(),
        });
        Spec::of_apps(words("ps scale", known))
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let app = context.app()?;
        let mut counts = Scale::new();
        for given in &self.counts {
            let (process, count) = count(given)?;
            if counts.insert(process.clone(), count).is_some() {
                return Err(Error::usage(format!("{process} is named twice")));
            }
        }
        scale(context, &app, counts)
    }
}

/// Scales an app's processes, now if it runs, and in releases to come.
pub(super) fn scale(context: &Context, app: &AppName, counts: Scale) -> Result<u8, Error> {
    let (server, printer) = (context.server()?, context.printer);
    match wait(async { Ok(ps::scale(server, app, &counts).await?) })? {
        Scaled::Already => printer.note(Look::Plain, "There are as many already."),
        Scaled::Noted => printer.note(
            Look::Plain,
            &format!("Noted: {app} does not run; `gokku start -a {app}` starts as many."),
        ),
        Scaled::ToBeDone => return transition::run(context, app, Operation::Scale { scale: counts }),
    }
    Ok(DONE)
}

/// Reads `web=3`.
fn count(given: &str) -> Result<(ProcessType, u16), Error> {
    let (name, count) = given
        .split_once('=')
        .ok_or_else(|| Error::usage(format!("{given:?} is not PROCESS=COUNT, as web=3")))?;
    let process = name.parse()?;
    let digits = count.bytes().all(|byte| byte.is_ascii_digit());
    let count = count.parse().ok().filter(|_| digits);
    let count = count.ok_or_else(|| {
        Error::usage(format!(
            "{given:?}: the count must be a whole number, as in web=3"
        ))
    })?;
    Ok((process, count))
}
