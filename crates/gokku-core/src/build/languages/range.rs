//! Ranges of versions as npm, Composer, Python and Ruby write them: which of the versions we know one allows.
//!
//! Only major and minor are looked at: base images are named by these. A range that has something in it that is not
//! understood is not understood.

/// How far `~1.2` goes: it is where those who write ranges differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tilde {
    /// To the next minor version: npm, Poetry.
    Minor,
    /// To the next major one: Composer.
    Major,
}

/// Why no version comes of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoVersion {
    /// It is not understood.
    Unknown,
    /// It allows none that is known.
    NoneAllowed,
}

/// A version's first numbers; where one is missing, it stands for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    major: u32,
    minor: Option<u32>,
    patch: Option<u32>,
    /// `.*` or `.x` stands at its end.
    open: bool,
    /// It comes before the version that it names: `3.12.0rc1`.
    early: bool,
}

impl Point {
    /// Reads `3`, `3.11`, `v20.1.0`, `3.x`, `3.12.0rc1`.
    fn read(text: &str) -> Option<Self> {
        let text = text.trim_start_matches(['v', 'V']);
        let end = text
            .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '*' | 'x' | 'X'))
            .unwrap_or(text.len());
        let (numbers, suffix) = text.split_at(end);
        // PEP 440 has .dev1 behind a dot.
        let (numbers, early) = match numbers.strip_suffix('.') {
            Some(numbers) if suffix.starts_with("dev") => (numbers, true),
            Some(_) => return None,
            None => (numbers, !suffix.is_empty()),
        };
        if early && !is_early(suffix) {
            return None;
        }
        let mut open = false;
        let mut all = [None; 4];
        for (at, part) in numbers.split('.').enumerate() {
            let place = all.get_mut(at)?;
            if matches!(part, "*" | "x" | "X") {
                open = true;
            } else {
                let digits = !open && part.bytes().all(|byte| byte.is_ascii_digit());
                *place = Some(part.parse::<u32>().ok().filter(|_| digits)?);
            }
        }
        let [major, minor, patch, fourth] = all;
        (fourth.is_none() && !(open && early)).then_some(Self {
            major: major?,
            minor,
            patch,
            open,
            early,
        })
    }
}

/// `-rc.1` and `-0` of semantic versions, `rc1`, `a1`, `b2` and `dev3` of Python's.
fn is_early(suffix: &str) -> bool {
    let numbered = |words: &[&str]| {
        words.iter().any(|word| {
            let rest = suffix.strip_prefix(word);
            rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
        })
    };
    let semantic = suffix.strip_prefix('-').is_some_and(|rest| {
        !rest.is_empty()
            && rest
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
    });
    semantic || numbered(&["a", "b", "c", "rc", "alpha", "beta", "dev"])
}

#[derive(Clone, Copy, Debug)]
struct Condition<'a> {
    operator: &'a str,
    point: Point,
}

/// The newest version that a range allows, of the known ones, oldest first; where those are major versions only and none
/// of them is allowed as a whole, one that the range itself names.
pub(super) fn newest(range: &str, known: &[&str], tilde: Tilde) -> Result<String, NoVersion> {
    let ranges = read(range).ok_or(NoVersion::Unknown)?;
    let allows = |text: &str| {
        let at = Point::read(text);
        at.is_some_and(|at| {
            ranges
                .iter()
                .any(|all| all.iter().all(|condition| holds(condition, at, tilde)))
        })
    };
    if let Some(found) = known.iter().rev().find(|text| allows(text)) {
        return Ok((*found).to_owned());
    }
    let majors: Vec<u32> = known
        .iter()
        .filter(|text| !text.contains('.'))
        .filter_map(|text| text.parse().ok())
        .collect();
    let mut named: Vec<(u32, u32)> = ranges
        .iter()
        .flatten()
        .filter_map(|condition| Some((condition.point.major, condition.point.minor?)))
        .filter(|(major, _)| majors.contains(major))
        .collect();
    named.sort_unstable();
    let named = named
        .iter()
        .rev()
        .map(|(major, minor)| format!("{major}.{minor}"));
    named
        .into_iter()
        .find(|text| allows(text))
        .ok_or(NoVersion::NoneAllowed)
}

/// Ranges of which one is to hold, each with conditions that all are to hold.
fn read(range: &str) -> Option<Vec<Vec<Condition<'_>>>> {
    if range.trim().is_empty() {
        return Some(vec![Vec::new()]);
    }
    // One | or two.
    let mut ranges = Vec::new();
    let mut rest = range;
    while let Some((one, after)) = rest.split_once('|') {
        ranges.push(conditions(one)?);
        rest = after.strip_prefix('|').unwrap_or(after);
    }
    ranges.push(conditions(rest)?);
    Some(ranges)
}

fn conditions(range: &str) -> Option<Vec<Condition<'_>>> {
    let mut conditions: Vec<Condition<'_>> = Vec::new();
    // An operator may stand apart from its version.
    let mut pending = "";
    let mut said = false;
    for word in range
        .split([' ', ',', '\t', '\n'])
        .filter(|word| !word.is_empty())
    {
        said = true;
        let end = word.find(|c| !"<>=^~!".contains(c)).unwrap_or(word.len());
        let (operator, version) = word.split_at(end);
        if word == "-" {
            // `1.0 - 2.0` is `>=1.0 <=2.0`.
            let last = conditions.last_mut().filter(|last| last.operator.is_empty())?;
            last.operator = ">=";
            pending = "<=";
        } else if version.is_empty() {
            pending = Some(operator).filter(|_| pending.is_empty())?;
        } else {
            let ((operator, "") | ("", operator)) = (pending, operator) else {
                return None;
            };
            pending = "";
            if matches!(version, "*" | "x" | "X") {
                Some(()).filter(|()| matches!(operator, "" | "=" | "==" | ">="))?;
                continue;
            }
            // Ruby's and Python's are the same.
            let operator = if operator == "~>" { "~=" } else { operator };
            let known =
                ["", "=", "==", "===", ">=", ">", "<=", "<", "^", "~", "~=", "!="].contains(&operator);
            let point = Point::read(version).filter(|point| {
                // Of a version that comes before another there is no image.
                let is_one = matches!(operator, "" | "=" | "==" | "===");
                known && !(is_one && point.early)
            })?;
            conditions.push(Condition { operator, point });
        }
    }
    (said && pending.is_empty()).then_some(conditions)
}

fn holds(condition: &Condition<'_>, at: Point, tilde: Tilde) -> bool {
    let Condition {
        operator,
        point: bound,
    } = *condition;
    let low = (bound.major, bound.minor.unwrap_or(0));
    // A version we know without its minor number stands for its newest.
    let here = (at.major, at.minor.unwrap_or(u32::MAX));
    let of_major = here >= low && at.major == bound.major;
    let of_minor = at.major == bound.major && bound.minor.is_none_or(|minor| at.minor == Some(minor));
    match operator {
        ">=" => here >= low,
        ">" if bound.patch.is_some() || bound.early => here >= low,
        ">" => here > low && !(bound.minor.is_none() && at.major == bound.major),
        "<=" if bound.early => here < low,
        "<=" => here <= (bound.major, bound.minor.unwrap_or(u32::MAX)),
        // Below 3.12.1 there is a 3.12; below 3.12 or 3.12.0 there is none.
        "<" => here < low || here == low && bound.patch.is_some_and(|patch| patch > 0),
        "^" => of_major,
        // ~=3.9 goes up to the next major one, ~=3.9.1 to the next minor one.
        "~=" if bound.patch.is_none() => of_major,
        "~" if bound.patch.is_none() && tilde == Tilde::Major => of_major,
        // Of a minor version without its patch level there is always another.
        "!=" => !(bound.open && of_minor),
        _ => of_minor,
    }
}

#[cfg(test)]
mod tests {
    use super::{NoVersion, Tilde, newest};

    #[test]
    fn the_newest_that_a_range_allows() {
        let node = ["16", "18", "20", "22"];
        let php = ["7.4", "8.1", "8.2", "8.3"];
        let python = ["3.9", "3.11", "3.12"];
        let (minor, major) = (Tilde::Minor, Tilde::Major);
        let cases: &[(&str, &[&str], Tilde, &str)] = &[
            (">=18", &node, minor, "22"),
            (">=18.17.0", &node, minor, "22"),
            ("^18 || ^20.3.0", &node, minor, "20"),
            ("18.x", &node, minor, "18"),
            (">=16 <20", &node, minor, "18"),
            (">= 16.0.0 < 19.0.0", &node, minor, "18"),
            ("16 - 20", &node, minor, "20"),
            ("16.1.0 - 20", &node, minor, "20"),
            ("~18.1.0", &node, minor, "18.1"),
            ("~18", &node, minor, "18"),
            ("20.11.1 || 18.2", &node, minor, "20.11"),
            (">=18 <20.5", &node, minor, "18"),
            (">=20 <=20.5", &node, minor, "20.5"),
            ("*", &node, minor, "22"),
            ("", &node, minor, "22"),
            ("x", &node, minor, "22"),
            (">20", &node, minor, "22"),
            (">=20.0.0-0", &node, minor, "22"),
            (">=18.0.0 <21.0.0-0", &node, minor, "20"),
            ("^20.0.0-rc.1", &node, minor, "20"),
            (">=v18", &node, minor, "22"),
            ("^8.1", &php, major, "8.3"),
            ("~8.1", &php, major, "8.3"),
            ("~8.1.0", &php, major, "8.1"),
            ("8.2.*", &php, major, "8.2"),
            ("^7.2|^8.0", &php, major, "8.3"),
            ("^7.2 | ^8.0", &php, major, "8.3"),
            ("^7.2||^8.0", &php, major, "8.3"),
            (">=7.4,<8.2", &php, major, "8.1"),
            (">=3.9,<3.12", &python, minor, "3.11"),
            (">=3.9,<=3.12.1", &python, minor, "3.12"),
            (">=3.9,<3.12.1", &python, minor, "3.12"),
            (">=3.9,<3.12.0rc1", &python, minor, "3.11"),
            (">=3.9,<=3.12.0rc1", &python, minor, "3.11"),
            (">=3.12.0a1", &python, minor, "3.12"),
            (">=3.12.dev0", &python, minor, "3.12"),
            (">3.12.1", &python, minor, "3.12"),
            ("~=3.9", &python, minor, "3.12"),
            ("~=3.9.1", &python, minor, "3.9"),
            ("~> 3.9", &python, minor, "3.12"),
            ("~3.9", &python, minor, "3.9"),
            ("~3", &python, minor, "3.12"),
            ("!=3.12.0", &python, minor, "3.12"),
            ("!=3.12.*", &python, minor, "3.11"),
            (">=3.9,!=3.12.*,!=3.11.*", &python, minor, "3.9"),
            ("===3.11", &python, minor, "3.11"),
        ];
        for (range, known, tilde, expected) in cases {
            assert_eq!(newest(range, known, *tilde).as_deref(), Ok(*expected), "{range}");
        }
        for range in [
            "<16",
            ">22",
            "^17",
            "17",
            "~19.1.0",
            ">=18 <18.5",
            "^18 <17",
            "!=18.* <20 >16",
        ] {
            assert_eq!(
                newest(range, &node, minor),
                Err(NoVersion::NoneAllowed),
                "{range}"
            );
        }
        for range in [
            "lts/*",
            "latest",
            "node",
            "pypy3.10",
            "3.12-dev",
            "=3.12.0rc1",
            "20.0.0-rc.1",
            ">=18 foo",
            "foo || 18",
            "18 ||",
            "|| 18",
            ">=",
            ">= <18",
            "18 -",
            "- 18",
            "1.2.3.4",
            "18.",
            "18..1",
            ">=18;",
            "=>18",
            "^*",
            "<x",
            "8.1@dev",
            "dev-main",
            ">=18.x.1",
            "20-bookworm",
            "99999999999",
            "||",
            ",",
            "3.12t",
            "18 - 20 -",
            "20.x-1",
        ] {
            assert_eq!(newest(range, &node, minor), Err(NoVersion::Unknown), "{range}");
        }
    }
}
