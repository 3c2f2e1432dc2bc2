//! `gokku ps`: an app's processes.

use gokku_core::config::processes::Scale;
use gokku_core::{AppName, ProcessType};
use gokku_server::Server;
use gokku_server::command::ps::{self, ProcessFacts, Scaled};
use gokku_server::worker::request::Operation;

use super::{transition, wait};
use crate::cli::Ps;
use crate::error::{DONE, Error};
use crate::printer::{Look, Printer, plain_table};

pub(super) fn run(server: &Server, app: &AppName, what: &Ps, printer: Printer) -> Result<u8, Error> {
    match what {
        Ps::List => {
            let all = wait(async { Ok(ps::list(server, app).await?) })?;
            if printer.json {
                printer.facts(&all)?;
            } else {
                printer.result(&list(&all));
            }
            Ok(DONE)
        }
        Ps::Scale { counts } => {
            let mut wanted = Scale::new();
            for one in counts {
                let (kind, number) = count(one)?;
                if wanted.insert(kind.clone(), number).is_some() {
                    return Err(Error::usage(format!("{kind} stands here twice")));
                }
            }
            scale(server, app, wanted, printer)
        }
        Ps::Stop { process } => scale(server, app, Scale::from([(kind(process)?, 0)]), printer),
        Ps::Restart { process: None } => transition::run(server, app, Operation::Restart, printer),
        Ps::Restart { process: Some(given) } => {
            let kind = kind(given)?;
            if kind.is_web() {
                // It has the traffic: a new one takes it over first.
                return transition::run(server, app, Operation::Restart, printer);
            }
            let restarted = wait(async { Ok(ps::restart(server, app, &kind).await?) })?;
            printer.note(Look::Plain, &format!("Restarted: {restarted} of {kind}."));
            Ok(DONE)
        }
    }
}

fn kind(given: &str) -> Result<ProcessType, Error> {
    given
        .parse()
        .map_err(|error: gokku_core::app::process_key::ProcessTypeError| Error::usage(error.to_string()))
}

fn scale(server: &Server, app: &AppName, wanted: Scale, printer: Printer) -> Result<u8, Error> {
    match wait(async { Ok(ps::scale(server, app, &wanted).await?) })? {
        Scaled::Already => printer.note(Look::Plain, "There are as many already."),
        Scaled::Noted => printer.note(
            Look::Plain,
            &format!("Noted: {app} does not run; `gokku start -a {app}` starts as many."),
        ),
        Scaled::ToBeDone => return transition::run(server, app, Operation::Scale { scale: wanted }, printer),
    }
    Ok(DONE)
}

/// `web=3`.
pub(super) fn count(given: &str) -> Result<(ProcessType, u16), Error> {
    let (name, count) = given
        .split_once('=')
        .ok_or_else(|| Error::usage(format!("{given:?} is not PROCESS=COUNT, as web=3")))?;
    let kind = kind(name)?;
    let digits = count.bytes().all(|byte| byte.is_ascii_digit());
    let count = count.parse().ok().filter(|_| digits);
    let count =
        count.ok_or_else(|| Error::usage(format!("{given:?}: how many is a whole number, as in web=3")))?;
    Ok((kind, count))
}

fn list(all: &[ProcessFacts]) -> String {
    let mut table = plain_table();
    table.set_header(["PROCESS", "COUNT", "RUNNING", "COMMAND"]);
    for one in all {
        table.add_row([
            one.process.clone(),
            one.count.to_string(),
            match one.unhealthy {
                0 => one.running.to_string(),
                unhealthy => format!("{}, {unhealthy} unhealthy", one.running),
            },
            one.command
                .clone()
                .unwrap_or_else(|| "(the image's own)".to_owned()),
        ]);
    }
    table.to_string()
}
