//! A `.dockerignore` takes whole folders, its last pattern decides, and plain words mean themselves.
//!
//! The first line is a path, the rest the file.

use gokku_docker::ignore::Ignore;

/// Checks what a file says of a path.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (path, text) = text.split_once('\n').unwrap_or((text, ""));
    let clean = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(char::is_control);
    if !path.split('/').all(clean) {
        // No folder has such a path in it.
        return;
    }
    let ignore = match Ignore::parse(text) {
        Ok(ignore) => ignore,
        Err(error) => {
            let line = error.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
            let line = line.and_then(|(line, _)| line.parse().ok()).expect("a line");
            return crate::assert_is_in(text, line, 1);
        }
    };
    let out = ignore.leaves_out(path);
    let below = format!("{path}/below");
    if !ignore.may_bring_back() {
        assert!(
            !out || ignore.leaves_out(&below),
            "a folder is left out without what is in it"
        );
    }
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    let is_plain = path.chars().all(plain);
    let and = |pattern: &str| Ignore::parse(&format!("{text}\n{pattern}")).expect("one more line");
    // One of them each time: what takes long is to make matchers of all lines.
    match data.len() % 6 {
        0 => assert!(and("**").leaves_out(path)),
        1 => assert!(and("*").leaves_out(path)),
        2 => assert!(!and("!**").leaves_out(path)),
        3 if is_plain => {
            let ignore = and(path);
            assert!(ignore.leaves_out(path) && ignore.leaves_out(&below));
        }
        4 if is_plain => assert!(!and(&format!("!/{path}/")).leaves_out(path)),
        5 if is_plain => assert_eq!(and(&format!("{path}x")).leaves_out(path), out),
        _ => assert_eq!(and("# a comment").leaves_out(path), out),
    }
}
