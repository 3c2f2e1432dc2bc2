//! A build's secrets, and how what they are is kept out of what the build says.

use std::collections::BTreeMap;

use gokku_core::config::env_file::EnvValue;

use crate::lines::CUT;

/// A build's secrets, by name.
pub type Secrets = BTreeMap<String, EnvValue>;

/// The shortest part of a secret that is looked for: a shorter one stands everywhere.
const SHORTEST: usize = 6;

/// A line of the build without the secrets that it has in it, line by line of each.
pub(crate) fn masked(line: &str, secrets: &Secrets) -> String {
    let mut parts: Vec<(&str, &str)> = secrets
        .iter()
        .flat_map(|(name, value)| {
            value
                .expose()
                .lines()
                .map(move |part| (part.trim(), name.as_str()))
        })
        .filter(|(part, _)| part.len() >= SHORTEST)
        .collect();
    // One may be in another.
    parts.sort_by_key(|(part, _)| std::cmp::Reverse(part.len()));
    let mut line = line.to_owned();
    if let Some(kept) = line.strip_suffix(CUT) {
        // What was cut off may have been a secret's end.
        let begun = parts
            .iter()
            .filter_map(|(part, name)| Some((begun_in(kept, part)?, name)));
        if let Some((length, name)) = begun.max() {
            line = format!("{}[{name}]{CUT}", &kept[..kept.len() - length]);
        }
    }
    for (part, name) in parts {
        if line.contains(part) {
            line = line.replace(part, &format!("[{name}]"));
        }
    }
    line
}

/// How much of a secret's beginning stands at the end of a line.
fn begun_in(line: &str, secret: &str) -> Option<usize> {
    let longest = secret.len().min(line.len());
    let mut lengths = (SHORTEST..=longest).rev();
    lengths.find(|length| secret.get(..*length).is_some_and(|begun| line.ends_with(begun)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn secrets(all: &[(&str, &str)]) -> Secrets {
        let all = all.iter();
        all.map(|(name, value)| ((*name).to_owned(), EnvValue::new(*value).unwrap()))
            .collect()
    }

    #[test]
    fn lines_have_names_in_place_of_secrets() {
        let secrets = secrets(&[
            ("SHORT", "abc"),
            ("TOKEN", "secret-token"),
            ("LONG", "my secret-token\nsecond line"),
        ]);
        let all = [
            ("abc", "abc"),
            ("a secret-token, secret-token", "a [TOKEN], [TOKEN]"),
            ("my secret-token", "[LONG]"),
            ("the second line.", "the [LONG]."),
        ];
        for (line, told) in all {
            assert_eq!(masked(line, &secrets), told);
        }
        // The end of a secret may have been cut off with its line.
        for (kept, told) in [
            ("token: secret-tok", "token: [TOKEN]"),
            ("token: secret-token", "token: [TOKEN]"),
            ("my secret", "[LONG]"),
            ("secret-token, secre", "[TOKEN], secre"),
            ("secret-token, secret", "[TOKEN], [TOKEN]"),
        ] {
            assert_eq!(masked(&format!("{kept}{CUT}"), &secrets), format!("{told}{CUT}"));
        }
    }
}
