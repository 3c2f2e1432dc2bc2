//! `gokku doctor`: what is missing, and the command that mends it.

use gokku_server::Server;
use gokku_server::command::doctor;

use super::wait;
use crate::error::{DONE, Error, FAILED};
use crate::printer::Printer;

pub(super) fn run(server: &Server, printer: Printer) -> Result<u8, Error> {
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
