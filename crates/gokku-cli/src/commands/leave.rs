//! `gokku leave`: the containers' part of taking a server down. `gokku remote teardown` runs it there.

use gokku_server::Server;
use gokku_server::command::teardown;

use super::wait;
use crate::error::{DONE, Error};
use crate::printer::{Look, Printer};

pub(super) fn run(server: &Server, data: bool, printer: Printer) -> Result<u8, Error> {
    let left = wait(async { Ok(teardown::leave(server, data).await?) })?;
    if printer.json {
        printer.facts(&left)?;
    }
    let verb = if data { "removed" } else { "stopped" };
    let words = format!(
        "{} containers {verb}, {} images removed",
        left.containers, left.images
    );
    printer.note(Look::Plain, &words);
    if !left.volumes.is_empty() {
        let words = format!(
            "The apps' volumes stay: `docker volume rm {}` removes them",
            left.volumes.join(" ")
        );
        printer.note(Look::Plain, &words);
    }
    Ok(DONE)
}
