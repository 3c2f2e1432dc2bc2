//! `gokku build --print`: the Dockerfile that the current commit is built with.

use gokku_core::AppName;
use gokku_server::Server;
use gokku_server::plan::languages;

use crate::error::{DONE, Error, FAILED};
use crate::printer::Printer;

pub(super) fn print(server: &Server, app: &AppName) -> Result<u8, Error> {
    let text = languages::dockerfile(server, app)?;
    Ok(if Printer::bytes(&text) { DONE } else { FAILED })
}
