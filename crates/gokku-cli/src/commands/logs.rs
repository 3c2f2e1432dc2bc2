//! `gokku logs`: what the app prints.

use std::io::Write;

use gokku_core::AppName;
use gokku_server::engine::Stream;
use gokku_server::logs::{Wanted, show};
use gokku_server::{Server, clock};

use super::wait;
use crate::error::Error;
use crate::printer::Printer;

pub(super) fn run(
    server: &Server,
    app: &AppName,
    follow: bool,
    lines: Option<usize>,
    since: Option<&str>,
) -> Result<u8, Error> {
    let since = since
        .map(|given| {
            clock::since(given).ok_or_else(|| {
                Error::usage(format!("--since {given}: it is 10m, 2h, or 2024-01-15T11:30:00Z"))
            })
        })
        .transpose()?;
    let wanted = Wanted { follow, lines, since };
    wait(async {
        let shown = show(server, app, &wanted, |piece| match piece.stream {
            Stream::Out => Printer::bytes(&piece.bytes),
            Stream::Err => std::io::stderr().write_all(&piece.bytes).is_ok(),
        });
        Ok(shown.await?)
    })?;
    Ok(0)
}
