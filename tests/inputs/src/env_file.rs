//! An env file is written back to the byte, and an edit changes what it is about and nothing else.

use gokku_core::config::env_file::{EnvFile, EnvKey, EnvValue, parse_pair};

/// Checks a file, and edits of it that are made of its own words.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok((key, value)) = parse_pair(&text) {
        assert_eq!(format!("{key}={}", value.expose()), text);
    }
    let file = match EnvFile::parse(data) {
        Ok(file) => file,
        Err(error) => return crate::assert_is_in(&text, error.line, error.column),
    };
    assert_eq!(file.to_string().as_bytes(), data);
    for (key, value) in file.iter() {
        assert_eq!(file.get(key.as_str()), Some(value));
    }

    let mut keys: Vec<EnvKey> = file.iter().map(|(key, _)| key.clone()).take(3).collect();
    keys.push("NEW_ONE".parse().expect("a name"));
    let line = text.lines().last().unwrap_or_default();
    let mut values = vec![text.clone().into_owned(), line.to_owned(), String::new()];
    values.extend(file.iter().map(|(_, value)| value.expose().to_owned()).take(3));
    for key in &keys {
        for value in &values {
            edit(
                &file,
                key,
                &EnvValue::new(value.as_str()).expect("a file has no NUL"),
            );
        }
    }
}

fn edit(before: &EnvFile, key: &EnvKey, value: &EnvValue) {
    let mut edited = before.clone();
    edited.set(key, value);
    let mut after = reread(&edited);
    assert!(
        after.get(key.as_str()) == Some(value),
        "{key} is not what it was set to"
    );
    assert!(
        others(&after, key).eq(others(before, key)),
        "{key} changed another"
    );

    let once = after.to_string();
    after.set(key, value);
    assert_eq!(after.to_string(), once, "what is so already was written again");

    assert!(after.unset(key), "{key} is set");
    let after = reread(&after);
    assert!(after.get(key.as_str()).is_none(), "{key} is still there");
    let mut without = before.clone();
    without.unset(key);
    // A last line without an end gets one before another follows.
    let text = without.to_string();
    let rest = after.to_string();
    assert!(rest == text || rest == format!("{text}\n"), "{rest:?} {text:?}");
}

fn reread(file: &EnvFile) -> EnvFile {
    let text = file.to_string();
    let read = EnvFile::parse(text.as_bytes()).expect("what was written is read");
    assert!(read.iter().eq(file.iter()), "{text:?} is read as something else");
    read
}

fn others<'a>(file: &'a EnvFile, key: &'a EnvKey) -> impl Iterator<Item = (&'a EnvKey, &'a EnvValue)> {
    file.iter().filter(move |(other, _)| *other != key)
}
