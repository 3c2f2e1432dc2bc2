//! The keys that are let in, and what is asked for with one: others' lines stay as they are, a line of ours says to sshd
//! what it says to us, and of any command line only two forms are taken.

use gokku_core::access::authorized_keys::{AuthorizedKeys, Binding, BoundKey};
use gokku_core::access::public_key::PublicKey;
use gokku_core::access::scope::Access;
use gokku_core::access::ssh_command::{Asked, EntryError, Service, parse, repository};
use gokku_core::{AppName, KeyName};

const ROOT: &str = "/opt/gokku";

/// Checks a text as the file, as a key that is given, as a key's name and as a command line.
pub fn check(data: &[u8]) {
    file(data);
    command(data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    given(text);
    match text.parse::<KeyName>() {
        Ok(name) => assert_eq!(name.as_str(), text),
        Err(error) => crate::assert_is_a_line(&error.to_string()),
    }
}

fn file(data: &[u8]) {
    let before = AuthorizedKeys::parse(data);
    assert_eq!(before.to_bytes(), data);
    for bound in before.bound(ROOT) {
        // What counts as ours is bound, and nothing else stands in its line.
        let binds = |line: &[u8]| {
            line.starts_with(b"restrict,pty,command=\"")
                && line.ends_with(format!("\" {} {}", bound.key, bound.name).as_bytes())
        };
        assert!(
            data.split(|byte| *byte == b'\n')
                .any(|line| binds(line.trim_ascii_end()))
        );
    }
    let key: PublicKey = "ssh-rsa AAAAnobodyhasthiskey".parse().expect("a key");
    let name: KeyName = "nobody.has-this".parse().expect("a name");
    let binding = Binding {
        program: "/usr/bin/gokku",
        root: ROOT,
    };
    let new = BoundKey {
        name: name.clone(),
        access: Access::of(["api".parse().expect("a name")]),
        domains: ["*", "*.example.com"]
            .map(|domain| domain.parse().expect("a domain"))
            .into_iter()
            .collect(),
        key,
    };
    let mut after = before.clone();
    if let Err(error) = after.add(binding, &new) {
        crate::assert_is_a_line(&error.to_string());
        assert_eq!(after, before, "what is refused changes nothing");
        return;
    }
    assert!(
        after.to_bytes().starts_with(data),
        "others' lines are as they were"
    );
    let mut again = AuthorizedKeys::parse(&after.to_bytes());
    assert!(again.bound(ROOT).eq(before.bound(ROOT).chain([&new])));
    assert!(again.add(binding, &new).is_err(), "twice");
    assert_eq!(again.remove(ROOT, &name), Ok(new));
    let rest = again.to_bytes();
    assert!(rest == data || rest == [data, b"\n"].concat());
}

fn given(text: &str) {
    match text.parse::<PublicKey>() {
        Ok(key) => {
            let mut words = text.split_ascii_whitespace();
            assert_eq!((words.next(), words.next()), (Some(key.kind()), Some(key.blob())));
            assert_eq!(key.to_string().parse::<PublicKey>().as_ref(), Ok(&key));
            assert!(!text.contains("PRIVATE KEY"));
        }
        Err(error) => crate::assert_is_a_line(&error.to_string()),
    }
}

fn command(data: &[u8]) {
    let words = std::str::from_utf8(data).ok().and_then(shlex::split);
    match parse(data, ROOT) {
        Ok(Asked::Git { service, app }) => {
            let words = words.expect("words");
            let (path, program) = words.split_last().expect("a path");
            let words: Vec<&str> = program.iter().map(String::as_str).collect();
            let joined = words.join("-");
            let known = ["git-", "gokku-"].map(|program| format!("{program}{}", service.as_str()));
            assert!(known.contains(&joined) && words.len() <= 2, "{words:?}");
            // What is passed on is a name, and the path is one of the ways to write it.
            let name: AppName = app.as_str().parse().expect("a name");
            let ways = ["", "/", "~/", "/opt/gokku/repos/"];
            let ways = ways.map(|way| [format!("{way}{name}"), format!("{way}{name}.git")]);
            assert!(ways.iter().flatten().any(|way| way == path), "{path:?}");
            assert_eq!(repository(path, ROOT), Some(app));
        }
        Ok(Asked::Gokku(rest)) => {
            let words = words.expect("words");
            assert_eq!((words[0].as_str(), &words[1..]), ("gokku", &rest[..]));
            let git = [Service::ReceivePack, Service::UploadPack].map(Service::as_str);
            assert!(rest.first().is_none_or(|word| !git.contains(&word.as_str())));
        }
        Err(error) => {
            crate::assert_is_a_line(&error.to_string());
            crate::assert_is_a_line(&error.asked());
            assert!(
                error.asked().len() <= 50 && !error.asked().contains('='),
                "{}",
                error.asked()
            );
            let empty = words.as_ref().is_some_and(Vec::is_empty);
            assert_eq!(error == EntryError::Shell, empty);
            assert_eq!(error == EntryError::Unreadable, words.is_none());
        }
    }
}
