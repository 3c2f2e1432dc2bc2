//! Names that no image has, in the place of those that are kept from a build.
//!
//! A name is made of the one that it stands for, so that whatever is said of it can be said of that one again. The builder
//! looks for it, at the engine and in the registry, finds nothing, and says what it always says.

use std::collections::BTreeMap;

use super::ownership::Named;
use super::{Kind, Use};
use crate::text::hex;

/// What such a name begins with: no official image, and no app, is called so.
pub const PREFIX: &str = "gokku-none-";

/// Returns the name that stands for an image's.
pub fn name_for(image: &str) -> String {
    // What is no image anyway may have anything in it, and nothing of that comes to stand bare in a line.
    let is_plain = image
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._:/@-".contains(c));
    let (before, name, after) = match Named::of(image).filter(|_| is_plain) {
        Some(named) => {
            let at = named.at;
            (&image[..at.start], &image[at.clone()], &image[at.end..])
        }
        None => ("", image, ""),
    };
    format!("{before}{PREFIX}{}{after}", hex::encode(name.as_bytes()))
}

/// A word or a flag with another name; as little of it is changed as can be, because the builder shows it.
fn replaced(old: &str, kind: Kind, image: &str) -> String {
    let name = name_for(image);
    match kind {
        Kind::Word => name,
        Kind::Flag => format!("--from={name}"),
        Kind::Mount => {
            let said = format!("from={image}");
            let found = old.match_indices(&said).find(|(at, found)| {
                let (before, after) = (&old[..*at], &old[at + found.len()..]);
                before.ends_with(['=', ',']) && (after.is_empty() || after.starts_with(','))
            });
            match found {
                Some((at, found)) if old.match_indices("from=").count() == 1 => {
                    format!("{}from={name}{}", &old[..at], &old[at + found.len()..])
                }
                _ => format!("--mount=type=bind,from={name},target=/{PREFIX}x"),
            }
        }
    }
}

/// Returns the text with other names in the place of those images that a use of it may mean.
pub fn masked(text: &str, uses: &[(&Use, &str)]) -> String {
    let mut by_line: BTreeMap<usize, Vec<(&Use, &str)>> = BTreeMap::new();
    for (one, image) in uses {
        by_line.entry(one.line).or_default().push((one, image));
    }
    let mut made = String::with_capacity(text.len());
    let mut gone = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let number = number + 1;
        if let Some(here) = by_line.get_mut(&number) {
            here.sort_by_key(|(one, _)| std::cmp::Reverse(one.place.span.start));
            let mut whole = String::new();
            let mut last = usize::MAX;
            for (one, image) in here {
                if whole.is_empty() {
                    whole.clone_from(&one.place.source.text);
                    gone = one.place.source.last;
                }
                let span = one.place.span.clone();
                // One place may be seen twice.
                if span.end > last {
                    continue;
                }
                last = span.start;
                let new = replaced(&whole[span.clone()], one.place.kind, image);
                whole.replace_range(span, &new);
            }
            made.push_str(&whole);
            made.push('\n');
        } else if number <= gone {
            made.push('\n');
        } else {
            made.push_str(line);
        }
    }
    made
}

/// Returns what is said of such names, said of those that they stand for.
pub fn unmasked(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(PREFIX) {
        made.push_str(before);
        let end = behind.find(|c: char| !matches!(c, '0'..='9' | 'a'..='f'));
        let (digits, after) = behind.split_at(end.unwrap_or(behind.len()));
        let name = hex::decode(digits).and_then(|bytes| String::from_utf8(bytes).ok());
        let name = name.filter(|name| !name.is_empty() && !name.contains(char::is_control));
        made.push_str(&name.unwrap_or_else(|| format!("{PREFIX}{digits}")));
        rest = after;
    }
    made + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_what_it_stands_for() {
        for image in [
            "other",
            "other:latest",
            "docker.io/library/other:release-20260101-000000",
            "library/other@sha256:0123",
            "0123456789ab",
            "ghcr.io/me/app:1",
        ] {
            let name = name_for(image);
            assert!(!name.contains("other"), "{name}");
            assert_eq!(unmasked(&format!("no {name} here")), format!("no {image} here"));
        }
        assert_eq!(name_for("other:1 --mount=from=x").matches(' ').count(), 0);
        assert_eq!(name_for("docker.io/other:1"), "docker.io/gokku-none-6f74686572:1");
        for text in [
            "gokku-none-",
            "gokku-none-6",
            "gokku-none-00",
            "gokku-none-zz",
            "x",
        ] {
            assert_eq!(unmasked(text), text);
        }
    }
}
