//! Changes an app's environment, and then what runs.

use gokku_core::AppName;
use gokku_core::config::env_file::{EnvKey, EnvValue};
use gokku_server::command::config;
use gokku_server::worker::request::{Operation, submit};

use crate::commands::transition::follow_to_newest;
use crate::commands::wait;
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::Look;

/// Sets variables and applies them, if that is wanted.
pub(super) fn set(
    context: &Context,
    app: &AppName,
    pairs: &[(EnvKey, EnvValue)],
    restart: bool,
) -> Result<u8, Error> {
    let server = context.server()?;
    let changed = wait(async { Ok(config::set(server, app, pairs).await?) })?;
    let names: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
    let line = match (&names[..], changed) {
        ([], _) => format!("there is no variable in it; {app} is as it was"),
        (names, true) => format!("{} of {app} set", names.join(", ")),
        (names, false) => format!("{} of {app} is as it was", names.join(", ")),
    };
    context.printer.note(Look::Plain, &line);
    apply(context, app, changed && restart)
}

/// Applies a change to what runs, by a transition of the same release; after the one under way, if there is one.
pub(super) fn apply(context: &Context, app: &AppName, wanted: bool) -> Result<u8, Error> {
    if !wanted {
        return Ok(DONE);
    }
    let server = context.server()?;
    let tell_that_it_is_written = || {
        let line = format!(
            "The change is stored all the same, and takes effect with the next deploy or `gokku restart -a {app}`."
        );
        context.printer.note(Look::Plain, &line);
    };
    match wait(async { Ok(config::is_running(server, app).await?) }) {
        Ok(false) => Ok(DONE),
        Ok(true) => {
            let code = follow_to_newest(context, app, submit(server, app, Operation::Config, true)?)?;
            if code != DONE {
                tell_that_it_is_written();
            }
            Ok(code)
        }
        Err(error) => {
            tell_that_it_is_written();
            Err(error)
        }
    }
}
