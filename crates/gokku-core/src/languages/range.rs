//! Ranges of versions as npm, Composer and Python write them: which of the versions we know one allows.
//!
//! Only major and minor are looked at: base images are named by these. What cannot be read allows everything.

/// A version's first two numbers; without a minor one it stands for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point {
    pub(super) major: u32,
    pub(super) minor: Option<u32>,
}

impl Point {
    /// Reads the beginning of `3`, `3.11`, `v20.1.0`, `3.x`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches(['v', 'V', '=']);
        let mut parts = text.split('.');
        let number = |part: Option<&str>| {
            let digits: String = part?.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u32>().ok()
        };
        Some(Self {
            major: number(parts.next())?,
            minor: number(parts.next()),
        })
    }
}

/// The newest of the known versions, oldest first, that a range allows.
pub(super) fn newest<'a>(range: &str, known: &[&'a str]) -> Option<&'a str> {
    known.iter().rev().copied().find(|version| {
        let point = Point::read(version);
        point.is_some_and(|point| {
            range
                .split('|')
                .filter(|one| !one.trim().is_empty() || range.trim().is_empty())
                .any(|one| all(one, point))
        })
    })
}

/// Whether every condition of a part without `||` holds.
fn all(range: &str, at: Point) -> bool {
    // `1.0 - 2.0` is `>=1.0 <=2.0`, and an operator may stand apart from its version.
    let mut conditions: Vec<String> = Vec::new();
    let mut pending = String::new();
    for word in range.split([' ', ',', '\t']).filter(|word| !word.is_empty()) {
        if word == "-" {
            if let Some(last) = conditions.last_mut() {
                *last = format!(">={last}");
            }
            "<=".clone_into(&mut pending);
        } else if word.chars().all(|c| "<>=^~!".contains(c)) {
            word.clone_into(&mut pending);
        } else {
            conditions.push(format!("{pending}{word}"));
            pending.clear();
        }
    }
    conditions.iter().all(|condition| holds(condition, at))
}

fn holds(condition: &str, at: Point) -> bool {
    let end = condition
        .find(|c| !"<>=^~!".contains(c))
        .unwrap_or(condition.len());
    let (operator, version) = condition.split_at(end);
    let Some(bound) = Point::read(version) else {
        return true;
    };
    let (major, minor) = (at.major, at.minor.unwrap_or(0));
    let here = (major, if at.minor.is_some() { minor } else { u32::MAX });
    let low = (bound.major, bound.minor.unwrap_or(0));
    // A version we know without its minor number stands for its newest.
    let same = major == bound.major && (at.minor.is_none() || bound.minor.is_none_or(|bound| minor == bound));
    match operator {
        ">=" => here >= low,
        ">" => here > low && !(bound.minor.is_none() && major == bound.major),
        "<=" => (major, minor) <= (bound.major, bound.minor.unwrap_or(u32::MAX)),
        // Below 3.12.1 there is a 3.12; below 3.12 or 3.12.0 there is none.
        "<" => (major, minor) < low || (major, minor) == low && patch(version) > 0,
        "^" => major == bound.major && here >= low,
        // Python's ~=3.9 and Composer's ~8.1 go up to the next major; npm's ~18.1 to the next minor.
        "~=" | "~" if parts(version) < 3 => major == bound.major && here >= low,
        "!=" => true,
        _ => same,
    }
}

fn parts(version: &str) -> usize {
    version.split('.').count()
}

fn patch(version: &str) -> u32 {
    version
        .split('.')
        .nth(2)
        .and_then(|patch| patch.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::newest;

    #[test]
    fn the_newest_that_a_range_allows() {
        let node = ["16", "18", "20", "22"];
        let php = ["7.4", "8.1", "8.2", "8.3"];
        let cases: &[(&str, &[&str], Option<&str>)] = &[
            (">=18", &node, Some("22")),
            (">=18.17.0", &node, Some("22")),
            ("^18 || ^20.3.0", &node, Some("20")),
            ("18.x", &node, Some("18")),
            (">=16 <20", &node, Some("18")),
            (">= 16.0.0 < 19.0.0", &node, Some("18")),
            ("16 - 20", &node, Some("20")),
            ("~18.1.0", &node, Some("18")),
            ("*", &node, Some("22")),
            ("lts/*", &node, Some("22")),
            ("<16", &node, None),
            (">20", &node, Some("22")),
            ("^8.1", &php, Some("8.3")),
            ("~8.1.0", &php, Some("8.1")),
            ("8.2.*", &php, Some("8.2")),
            ("^7.2|^8.0", &php, Some("8.3")),
            ("^7.2 | ^8.0", &php, Some("8.3")),
            (">=7.4,<8.2", &php, Some("8.1")),
            (">=3.9,<3.12", &["3.9", "3.11", "3.12"], Some("3.11")),
            (">=3.9,<=3.12.1", &["3.9", "3.11", "3.12"], Some("3.12")),
            ("~=3.9", &["3.9", "3.11", "3.12"], Some("3.12")),
            ("!=3.12.0", &["3.9", "3.11", "3.12"], Some("3.12")),
        ];
        for (range, known, expected) in cases {
            assert_eq!(newest(range, known), *expected, "{range}");
        }
    }
}
