//! `gokku doctor`: what is missing, and the command that mends it.

use clap::Args;
use gokku_core::access::scope::Reach;
use gokku_server::command::doctor;

use super::{Run, wait};
use crate::context::Context;
use crate::error::{DONE, Error, FAILED};
use crate::spec::Spec;

/// Show what is missing on this server, with the command that mends it, and what the disks are used for
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {}

impl Run for DoctorArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_server("doctor", Reach::Server).on_new_server()
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, printer) = (context.server()?, context.printer);
        let findings = wait(async { Ok(doctor::examine(server).await) })?;
        let all_good = findings.iter().all(|finding| finding.good);
        if printer.json {
            printer.facts(&findings)?;
        } else {
            for finding in &findings {
                let mark = if finding.good { "ok     " } else { "MISSING" };
                printer.result(&format!("{mark}  {}: {}", finding.what, finding.found));
                if let Some(mend) = &finding.mend {
                    printer.result(&format!("         mend it: {mend}"));
                }
            }
        }
        Ok(if all_good { DONE } else { FAILED })
    }
}
