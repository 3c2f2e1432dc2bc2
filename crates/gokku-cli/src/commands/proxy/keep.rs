//! `gokku proxy keep`: keeps the daemon running where no service manager does.

use std::os::fd::OwnedFd;

use clap::Args;
use gokku_server::daemon::keeper;
use gokku_server::os::detached;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use crate::commands::Run;
use crate::context::Context;
use crate::error::Error;
use crate::spec::Spec;

/// Run the traffic switch in the background, and start it again when it dies
#[derive(Debug, Args)]
pub(crate) struct KeepArgs {
    /// Take the place of the one that runs
    #[arg(long, hide = true)]
    take_over: bool,
}

impl Run for KeepArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::internal("proxy keep")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let server = context.server()?;
        detached::detach();
        let watch_signals = |[on_interrupt, on_terminate]: [OwnedFd; 2]| {
            pipe::register(SIGINT, on_interrupt)?;
            pipe::register(SIGTERM, on_terminate)?;
            Ok(())
        };
        let tell = |error| context.printer.error(&Error::from(error));
        Ok(keeper::keep(server, self.take_over, watch_signals, &tell)?)
    }
}
