//! Keys that others are let in with: a file of them that others write, too, a key as it is given, and what somebody with a
//! key asks for.

use gokku_core::Access;
use gokku_core::authorized_keys::{AuthorizedKeys, Binding, BoundKey};
use gokku_core::entry::{self, Asked};
use gokku_core::public_key::PublicKey;

const ROOT: &str = "/opt/gokku";

/// Checks all of them.
pub fn check(data: &[u8]) {
    asked(data);
    let text = String::from_utf8_lossy(data);
    match text.parse::<PublicKey>() {
        Ok(key) => {
            assert_eq!(key.to_string().parse().as_ref(), Ok(&key));
            assert!(!key.to_string().contains(char::is_control));
            file(data, key);
        }
        Err(error) => crate::assert_is_a_line(&error.to_string()),
    }
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGdva2t1Z29ra3Vnb2trdWdva2t1Z29ra3Vnb2trdWdv";
    file(data, key.parse().expect("a key"));
}

/// Nothing of others' lines is lost, and what was added goes without a trace.
fn file(data: &[u8], key: PublicKey) {
    let before = AuthorizedKeys::parse(data);
    assert_eq!(before.to_bytes(), data);
    let bound = BoundKey {
        name: "a-name.nobody_has".parse().expect("a name"),
        access: Access::of(["api".parse().expect("an app")]),
        key,
    };
    let binding = Binding {
        program: "/usr/local/bin/it's gokku",
        root: ROOT,
    };
    let mut with = before.clone();
    if let Err(error) = with.add(binding, &bound) {
        crate::assert_is_a_line(&error.to_string());
        assert_eq!(with.to_bytes(), data);
        return;
    }
    let written = with.to_bytes();
    assert!(written.starts_with(data));
    assert!(written[data.len()..].trim_ascii_start().starts_with(b"restrict,"));
    let mut again = AuthorizedKeys::parse(&written);
    assert_eq!(again.bound(ROOT).last(), Some(&bound));
    assert_eq!(again.bound(ROOT).count(), before.bound(ROOT).count() + 1);
    assert_eq!(again.remove(ROOT, &bound.name).as_ref(), Ok(&bound));
    let left = again.to_bytes();
    assert_eq!(
        left.strip_suffix(b"\n").unwrap_or(&left),
        data.strip_suffix(b"\n").unwrap_or(data)
    );
}

/// What is asked for is one of the few things that can be, or is refused in one short line.
fn asked(data: &[u8]) {
    match entry::parse(data, ROOT) {
        // That an app's name is one is its type's to say.
        Ok(Asked::Git { app, .. }) => {
            assert!(!app.as_str().contains(['/', '.', '-']) || !app.as_str().starts_with('-'))
        }
        Ok(Asked::Gokku(_)) => assert!(
            data.trim_ascii_start()
                .first()
                .is_some_and(|byte| b"gokku'\"\\#".contains(byte))
        ),
        Err(error) => {
            crate::assert_is_a_line(&error.to_string());
            crate::assert_is_a_line(&error.asked());
            assert!(error.asked().chars().count() <= 60, "{error:?}");
        }
    }
}
