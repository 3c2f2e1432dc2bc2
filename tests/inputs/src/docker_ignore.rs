//! A `.dockerignore` takes whole folders, its last pattern decides, and plain words mean themselves.
//!
//! The first line is a path, the rest the file.

use gokku_docker::build::ignore::Ignore;

/// Checks what a file says of a path.
pub fn check(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (path, text) = data.split_at(end.map_or(data.len(), |end| end + 1));
    let Ok(path) = std::str::from_utf8(path) else {
        return;
    };
    let path = path.trim_end_matches('\n');
    let clean = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(char::is_control);
    if !path.split('/').all(clean) {
        // No folder has such a path in it.
        return;
    }
    let ignore = match Ignore::parse(text) {
        Ok(ignore) => ignore,
        Err(error) => {
            crate::assert_is_a_line(&error.to_string());
            return crate::assert_is_in(&String::from_utf8_lossy(text), error.line, 1);
        }
    };
    let out = ignore.leaves_out(path);
    let below = format!("{path}/below");
    let has_exceptions = ignore.exceptions().next().is_some();
    if !has_exceptions {
        assert!(
            !out || ignore.leaves_out(&below),
            "a folder is left out without what is in it"
        );
    }
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    let is_plain = path.chars().all(plain);
    let and =
        |pattern: &str| Ignore::parse(&[text, b"\n", pattern.as_bytes()].concat()).expect("one more line");
    // One of them each time: what takes long is to make matchers of all lines. What is out already is not looked at
    // again, so that an exception for a part of it goes on counting.
    match data.len() % 6 {
        0 => assert!(and("**").leaves_out(path)),
        1 => assert!(has_exceptions || and("*").leaves_out(path)),
        2 => assert!(!and("!**").leaves_out(path)),
        3 if is_plain => {
            let ignore = and(path);
            assert!(ignore.leaves_out(path) && (has_exceptions || ignore.leaves_out(&below)));
        }
        4 if is_plain => assert!(!and(&format!("!/{path}/")).leaves_out(path)),
        5 if is_plain => assert_eq!(and(&format!("{path}x")).leaves_out(path), out),
        _ => assert_eq!(and("# a comment").leaves_out(path), out),
    }
}
