//! A build's secrets, and how what they are is kept out of what the build says.

use std::collections::BTreeMap;

use gokku_core::env_file::EnvValue;

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
    for (part, name) in parts {
        if line.contains(part) {
            line = line.replace(part, &format!("[{name}]"));
        }
    }
    line
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
    }
}
