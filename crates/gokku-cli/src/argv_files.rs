//! Takes files that were named off the command line: they are those of the machine on which it was typed, as the user who typed
//! it, and the command may run elsewhere and as another one.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use gokku_core::text::read_limits::CERTIFICATE;
use gokku_server::fs::bounded;

use crate::argv_secrets::restart;
use crate::error::Error;

/// Starts this program again in this one's place, with what is in the files on its standard input instead, a NUL byte after each.
/// Returns only when there are none, or when it could not be done. Each is given with its option.
pub(crate) fn hand_on(files: &[(&str, &Path)], typed: &[OsString]) -> Result<(), Error> {
    if files.is_empty() {
        return Ok(());
    }
    let mut contents = Vec::new();
    for (option, path) in files {
        let about = || format!("{option} {}", path.display());
        let read = bounded::file(path, CERTIFICATE)
            .map_err(|error| Error::usage(error).about(about()).hint("Nothing was changed"))?
            .ok_or_else(|| Error::usage("there is no such file").about(about()))?;
        if read.contains(&0) {
            let what =
                "this is no text (PEM); openssl x509 and openssl pkey write others as such, with -inform DER";
            return Err(Error::usage(what).about(about()));
        }
        contents.push(read);
    }
    let options: Vec<&str> = files.iter().map(|(option, _)| *option).collect();
    let contents = contents.iter().map(Vec::as_slice);
    restart(contents, without(&options, typed))
        .map_err(|error| Error::failed(error).about("the files could not be handed on"))
}

/// Returns the command line without these options and their values, and with `--stdin` in the place of the first one.
fn without(options: &[&str], typed: &[OsString]) -> Vec<OsString> {
    let mut rest: Vec<OsString> = Vec::new();
    let mut place = None;
    let mut words = typed.iter();
    while let Some(word) = words.next() {
        let is = |option: &&str| {
            let bytes = word.as_encoded_bytes();
            let after = bytes.strip_prefix(option.as_bytes());
            word == OsStr::new(option) || after.is_some_and(|after| after.starts_with(b"="))
        };
        let Some(option) = options.iter().find(|option| is(option)) else {
            rest.push(word.clone());
            continue;
        };
        place.get_or_insert(rest.len());
        if word == OsStr::new(option) {
            // Its value.
            words.next();
        }
    }
    rest.insert(place.unwrap_or(rest.len()), "--stdin".into());
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_taken_off_the_command_line() {
        for (typed, left) in [
            ("certs add --chain a.pem --key b.pem", "certs add --stdin"),
            (
                "-a api certs add --key=b.pem --chain=a=b.pem -q",
                "-a api certs add --stdin -q",
            ),
            (
                "certs add --remote r --key b.pem --json --chain --key",
                "certs add --remote r --stdin --json",
            ),
        ] {
            let typed: Vec<OsString> = typed.split(' ').map(OsString::from).collect();
            let left: Vec<OsString> = left.split(' ').map(OsString::from).collect();
            assert_eq!(without(&["--chain", "--key"], &typed), left);
        }
    }
}
