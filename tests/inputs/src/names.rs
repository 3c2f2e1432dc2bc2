//! Names and ids: what is taken is what is documented, and is written as it was read.
//!
//! The grammars stand here a second time, in other words.

use std::fmt::Display;
use std::str::FromStr;

use gokku_core::access::reached_at::ReachedAt;
use gokku_core::app::branch_name::BranchName;
use gokku_core::config::env_file::{EnvFile, EnvKey, EnvValue};
use gokku_core::domains::redirect::RedirectTarget;
use gokku_core::domains::scheme::Scheme;
use gokku_core::{
    AppName, CommitId, ContainerId, EnvironmentName, ImageId, ProcessKey, ProcessType, ReleaseId, Slot,
};
use gokku_server::os::clock;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Checks a text as each of them.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let app: Option<AppName> = taken(text);
    let environment: Option<EnvironmentName> = taken(text);
    assert_eq!(environment.is_some(), is_name(text), "{text:?}");
    let is_slots = text.ends_with("-blue") || text.ends_with("-green");
    assert_eq!(app.is_some(), is_name(text) && !is_slots, "{text:?}");
    let kind: Option<ProcessType> = taken(text);
    assert_eq!(kind.is_some(), is_type(text), "{text:?}");
    let process: Option<ProcessKey> = taken(text);
    assert_eq!(process.is_some(), is_process(text), "{text:?}");
    let commit: Option<CommitId> = taken(text);
    assert_eq!(commit.is_some(), is_commit(text), "{text:?}");
    assert!(commit.is_none_or(|commit| text.starts_with(commit.short()) && commit.short().len() == 7));
    let branch: Option<BranchName> = taken(text);
    assert_eq!(branch.is_some(), is_branch(text), "{text:?}");
    let key: Option<EnvKey> = text.parse().ok();
    assert_eq!(key.is_some(), is_key(text), "{text:?}");
    if let Some(key) = key {
        in_a_file(&key);
    }
    release(text);
    redirect(text);
    containers(app, process);
    // Whatever the engine gives as an id has a beginning that can be shown.
    assert!(ContainerId::new(text).short().len() <= text.len());
    assert!(ImageId::new(text).short().len() <= text.len());
    // What `--since` takes lies where a log can be.
    assert!(
        clock::since(text).is_none_or(|at| at.checked_mul(1000).is_some()),
        "{text:?}"
    );
}

/// Where a domain sends its requests is one URL, whatever is in it.
fn redirect(text: &str) {
    if let Ok(host) = text.parse::<ReachedAt>() {
        assert_eq!(host.to_string().parse(), Ok(host), "{text:?}");
    }
    let Ok(target) = text.parse::<RedirectTarget>() else {
        return;
    };
    assert_eq!(
        String::from(target.clone()).parse(),
        Ok(target.clone()),
        "{text:?}"
    );
    let location = target.location(Scheme::Http, None, "/a?b");
    let is_plain = location.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(
        is_plain && location.starts_with("http") && location.ends_with("/a?b"),
        "{location:?}"
    );
}

/// Reads a name; what was read is written as it was, as text and in JSON.
fn taken<T>(text: &str) -> Option<T>
where
    T: FromStr<Err: Display> + Display + Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    match text.parse::<T>() {
        Ok(name) => {
            assert_eq!(name.to_string(), text);
            let json = serde_json::to_string(&name).expect("JSON");
            assert_eq!(serde_json::from_str::<T>(&json).expect("what was written"), name);
            Some(name)
        }
        Err(error) => {
            crate::assert_is_a_line(&error.to_string());
            let json = serde_json::to_string(text).expect("JSON");
            assert!(serde_json::from_str::<T>(&json).is_err(), "{text:?} is refused");
            None
        }
    }
}

fn is_name(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    let inner = |letter: &char| matches!(letter, 'a'..='z' | '0'..='9' | '-');
    let outer = |letter: Option<&char>| letter.is_some_and(|letter| inner(letter) && *letter != '-');
    letters.len() <= 40 && letters.iter().all(inner) && outer(letters.first()) && outer(letters.last())
}

fn is_process(text: &str) -> bool {
    let digits = text.len() - text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (kind, number) = text.split_at(text.len() - digits);
    let counts = !number.starts_with('0') && number.parse::<u16>().is_ok();
    counts && kind.strip_suffix('-').is_some_and(is_type)
}

fn is_type(text: &str) -> bool {
    let inner = |letter: char| matches!(letter, 'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-');
    (1..64).contains(&text.len()) && text.trim_matches(inner).is_empty() && text.bytes().next() != Some(b'-')
}

fn is_commit(text: &str) -> bool {
    [40, 64].contains(&text.len()) && text.trim_matches(|c| "0123456789abcdef".contains(c)).is_empty()
}

/// What is seen in a line of an env file as the one word before its `=`.
fn is_key(text: &str) -> bool {
    let unseen = |c: char| {
        let number = u32::from(c);
        let turns = [0xad, 0x61c, 0x180e, 0xfeff].contains(&number);
        turns
            || (0x200b..0x2010).contains(&number)
            || (0x202a..0x202f).contains(&number)
            || (0x2060..0x2070).contains(&number)
    };
    let odd = |c: char| c.is_control() || c.is_whitespace() || unseen(c) || "='\"".contains(c);
    text.split(odd).eq([text]) && !matches!(text.bytes().next(), None | Some(b'#'))
}

/// What is set by a name is read by it.
fn in_a_file(key: &EnvKey) {
    let mut file = EnvFile::default();
    let value = EnvValue::new(format!("{key} #")).expect("a value");
    file.set(key, &value);
    let again = EnvFile::parse(file.to_string().as_bytes()).expect("what was written");
    assert!(again.get(key.as_str()) == Some(&value), "{key:?}");
}

/// git-check-ref-format(1), for what follows `refs/heads/`; and none that begins with a dash or is `@`.
#[allow(clippy::case_sensitive_file_extension_comparisons, reason = "git's are")]
fn is_branch(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let bad_part = |part: &&str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    let bad_letter = |c: char| c.is_control() || [' ', '~', '^', ':', '?', '*', '[', '\\'].contains(&c);
    let bad_pair = ["..", "@{"].iter().any(|pair| text.contains(pair));
    let bad_end = text.starts_with('-') || text.ends_with('.') || text == "@";
    !(parts.iter().any(bad_part) || text.chars().any(bad_letter) || bad_pair || bad_end)
}

/// A release's id is a time, and sorts as one; a calendar of somebody else's says which.
fn release(text: &str) {
    let id: Option<ReleaseId> = taken(text);
    let shape = text.len() == 15
        && text
            .char_indices()
            .all(|(at, c)| if at == 8 { c == '-' } else { c.is_ascii_digit() });
    let time = shape
        .then(|| DateTime::strptime("%Y%m%d-%H%M%S", text).ok())
        .flatten()
        // A leap second is none of ours.
        .filter(|time| time.year() >= 1970 && !text.ends_with("60"))
        .and_then(|time| TimeZone::UTC.to_timestamp(time).ok())
        .map(jiff::Timestamp::as_second);
    // That calendar's last days are cut off, so that every zone has them.
    if text < "99991230" {
        assert_eq!(id.map(ReleaseId::seconds), time, "{text:?}");
    }
    if let Some(id) = id {
        let next = id.following();
        assert!(next >= id && next.to_string() >= id.to_string());
    }
    let number = text
        .bytes()
        .fold(0_i64, |sum, byte| sum.wrapping_mul(251).wrapping_add(byte.into()));
    let any = ReleaseId::at(number);
    assert_eq!(any.to_string().parse(), Ok(any));
    assert!(id.is_none_or(|id| id.cmp(&any) == id.to_string().cmp(&any.to_string())));
}

/// A container's name says its slot, to its own app and process only.
fn containers(app: Option<AppName>, process: Option<ProcessKey>) {
    let app = app.unwrap_or_else(|| "api".parse().expect("a name"));
    let process = process.unwrap_or_else(ProcessKey::first_web);
    let other: AppName = "another".parse().expect("a name");
    for slot in [Slot::Blue, Slot::Green] {
        let name = slot.container_name(&app, &process);
        assert_eq!(Slot::of_container(&name, &app, &process), Some(slot));
        assert!(app == other || Slot::of_container(&name, &other, &process).is_none());
        assert!(
            name.parse::<AppName>().is_err() || !process.is_first_web(),
            "{name} is an app's name"
        );
    }
}
