//! What goes when the record of a server has to become smaller: nobody's part of it pushes out anybody else's.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Whose a line of the record is. What the daemon did or saw of an app is that app's: whoever may push to it decides how
/// much that is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default)]
pub struct Owner {
    by: String,
    app: Option<String>,
}

impl Owner {
    /// Returns whose a line is, as it stands in the record; `daemon` is who the daemon is there. Those that nobody can
    /// read are one's.
    pub fn of(line: &[u8], daemon: &str) -> Self {
        let mut owner: Self = serde_json::from_slice(line).unwrap_or_default();
        if owner.by != daemon {
            owner.app = None;
        }
        owner
    }
}

/// Returns which of the lines go, oldest first, so that those that stay take no more than `room`: the oldest of whoever
/// has most. Whoever takes no more than an equal share loses nothing, however much others have.
///
/// Each line is whose it is and how much it takes. Gives whether each one goes.
pub fn leaving<W: Ord>(lines: &[(W, u64)], room: u64) -> Vec<bool> {
    let mut all: BTreeMap<&W, u64> = BTreeMap::new();
    for (owner, size) in lines {
        *all.entry(owner).or_default() += size;
    }
    let most = share(all.values().copied().collect(), room);
    lines
        .iter()
        .map(|(owner, size)| {
            let left = all.get_mut(owner).filter(|left| **left > most);
            left.map(|left| *left -= size).is_some()
        })
        .collect()
}

/// The most that one may have, so that all together have no more than `room`: what those leave who have less is shared
/// by the others.
fn share(mut sizes: Vec<u64>, room: u64) -> u64 {
    sizes.sort_unstable();
    let mut room = room;
    let mut others = sizes.len() as u64;
    for size in sizes {
        let each = room / others;
        if size > each {
            return each;
        }
        room -= size;
        others -= 1;
    }
    u64::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a text: a letter is whose one is, and the number behind it how much it takes.
    fn lines(text: &str) -> Vec<(char, u64)> {
        let line = |word: &str| {
            let owner = word.chars().next()?;
            Some((owner, word[1..].parse().ok()?))
        };
        text.split(' ').filter_map(line).collect()
    }

    #[test]
    fn those_of_whoever_has_most_go() {
        for (before, room, after) in [
            ("a1 b1 c1", 3, "a1 b1 c1"),
            ("a1 b1 c1", 10, "a1 b1 c1"),
            // A flood pushes out its own.
            ("a1 b1 x1 x1 x1 x1", 4, "a1 b1 x1 x1"),
            ("x9 a1 x9 b1 x9 c1", 12, "a1 b1 x9 c1"),
            ("x9 a1 x9 b1 x9 c1", 11, "a1 b1 c1"),
            // One alone loses its oldest.
            ("a1 a2 a3 a4", 7, "a3 a4"),
            // Two floods share what others leave.
            ("x1 y1 x1 y1 x1 y1 a1", 5, "x1 y1 x1 y1 a1"),
            ("x1 x1 x1 y1 y1 a1 b1", 6, "x1 x1 y1 y1 a1 b1"),
            // A line that has no room in its own share goes, whatever else is free.
            ("a1 x100", 50, "a1"),
            ("a1 b1", 0, ""),
            ("", 0, ""),
        ] {
            let all = lines(before);
            let gone = leaving(&all, room);
            let stay: Vec<_> = all
                .iter()
                .zip(gone)
                .filter(|(_, gone)| !gone)
                .map(|(line, _)| *line)
                .collect();
            assert_eq!(stay, lines(after), "{before} in {room}");
            assert!(stay.iter().map(|(_, size)| size).sum::<u64>() <= room);
        }
    }

    #[test]
    fn what_the_daemon_saw_of_an_app_is_the_apps() {
        let of = |line: &str| Owner::of(line.as_bytes(), "gokku");
        let ada = of(r#"{"at":1,"by":"ada","app":"api","change":{"denied":{"command":"sh"}}}"#);
        assert_eq!(ada, of(r#"{"at":2,"by":"ada","change":"engine-lost"}"#));
        let seen = of(r#"{"at":1,"by":"gokku","app":"api","change":"engine-lost"}"#);
        assert_eq!(seen, of(r#"{"by":"gokku","app":"api"}"#));
        for other in [
            r#"{"by":"gokku","app":"shop"}"#,
            r#"{"by":"gokku"}"#,
            r#"{"by":"a"#,
            "",
            "\u{ff}",
        ] {
            assert!(of(other) != seen && of(other) != ada, "{other}");
        }
        assert_eq!(of("{\"by"), of("no line"));
    }

    #[test]
    fn whoever_has_less_than_a_share_loses_nothing() {
        // What was tried: one of eleven floods, and the others had all that anybody wants to read later.
        let mut all: Vec<(String, u64)> = Vec::new();
        for number in 0..1000 {
            all.push((format!("user-{}", number % 10), 200));
        }
        for _ in 0..100_000 {
            all.push(("flood".to_owned(), 4096));
        }
        let gone = leaving(&all, 16 << 20);
        let lost = |owner: &str| {
            all.iter()
                .zip(&gone)
                .filter(|((who, _), gone)| **gone && who.starts_with(owner))
                .count()
        };
        assert_eq!(lost("user-"), 0);
        assert!(lost("flood") > 90_000);
        // What stays of it is its newest.
        let first = gone.iter().rposition(|gone| *gone).expect("some went");
        assert!(gone[1000..=first].iter().all(|gone| *gone));
    }
}
