//! What is said between a laptop and a server: addresses as they are typed and as git remotes have them, command lines
//! through a shell, who a client is, and lines of an app's output with places in it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use gokku_core::access::client_hello::Client;
use gokku_core::logs::log_cursor::LogCursor;
use gokku_core::logs::log_line::AppLine;
use gokku_remote::remotes::{self, Address};
use gokku_remote::ssh::{self, Destination};

/// Checks all of them.
pub fn check(data: &[u8]) {
    words(data);
    line(data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match text.parse::<Destination>() {
        Ok(destination) => {
            assert_eq!(
                destination.to_string().parse().ok().as_ref(),
                Some(&destination),
                "{text:?}"
            );
            harmless(&destination);
        }
        Err(error) => crate::assert_is_a_line(&error.to_string()),
    }
    if let Ok(address) = Address::parse(text) {
        harmless(&address.destination);
        if let Some(root) = &address.root {
            assert!(root.starts_with('/'));
            let url = address
                .destination
                .url(&format!("{root}/repos/{}.git", address.app));
            assert_eq!(
                Address::parse(&url).ok().as_ref(),
                Some(&address),
                "{text:?} as {url:?}"
            );
        }
    }
    if let Ok((app, _)) = remotes::parse_remote_name(text, None) {
        assert!(text.starts_with(app.as_str()));
    }
    match text.parse::<Client>() {
        Ok(client) => {
            assert_eq!(client.to_string().parse().as_ref(), Ok(&client));
            if let Some(difference) = client.difference("0.0.0") {
                crate::assert_is_a_line(&difference);
            }
        }
        Err(error) => crate::assert_is_a_line(&error.to_string()),
    }
    match text.parse::<LogCursor>() {
        Ok(place) => assert_eq!(place.to_string().parse().as_ref(), Ok(&place)),
        Err(error) => crate::assert_is_a_line(&error.to_string()),
    }
}

/// Neither an option of ssh, nor anything to a shell, nor more than one word.
fn harmless(destination: &Destination) {
    let args = destination.args();
    let (last, before) = args.split_last().expect("a host");
    match before {
        [end] => assert_eq!(end, "--"),
        [option, port, end] => {
            assert!(option == "-p" && end == "--" && port.parse::<u16>().is_ok_and(|port| port > 0));
        }
        _ => panic!("{args:?}"),
    }
    assert!(!last.is_empty() && !last.starts_with('-') && !last.contains(char::is_whitespace));
    assert!(
        !destination.host().starts_with('-') && !destination.host().contains(['\'', '"', '$', '`', ';', '/'])
    );
}

/// Words come out of a shell as they went in.
fn words(data: &[u8]) {
    let words: Vec<&OsStr> = data.split(|byte| *byte == b'\n').map(OsStr::from_bytes).collect();
    match ssh::quote(&words) {
        Ok(line) => {
            let mut shell = shlex::bytes::Shlex::new(line.as_bytes());
            let again: Vec<Vec<u8>> = shell.by_ref().collect();
            assert!(!shell.had_error);
            assert!(
                again
                    .iter()
                    .zip(&words)
                    .all(|(again, word)| again == word.as_bytes())
            );
            assert_eq!(again.len(), words.len());
        }
        Err(_) => assert!(data.contains(&0)),
    }
}

/// A line of an app's output is written as it was read.
fn line(data: &[u8]) {
    if let Ok(piece) = serde_json::from_slice::<AppLine>(data) {
        let written = serde_json::to_vec(&piece).expect("JSON");
        assert!(!written.contains(&b'\n'));
        assert_eq!(serde_json::from_slice::<AppLine>(&written).ok(), Some(piece));
    }
}
