//! Which folders of a crate use which, read from the paths in its source.
//!
//! What counts is a path that begins with `crate::` (or leaves its folder by `super::super::`), in a `use` or in the midst of
//! code. Names that `lib.rs` passes on (`pub use app::name::AppName`) count as the folder that they come from. Files beside
//! `lib.rs` are no folder: they may use what they like, and be used.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A source file: its path below `src`, and its text.
pub(super) type Source = (String, String);

/// Which folder uses which, each with the files that do so and what they name. Folders in different folders are not compared.
pub(super) type Uses = BTreeMap<(String, String), BTreeSet<String>>;

/// Returns the source files of a crate.
pub(super) fn read(src: &Path) -> Vec<Source> {
    let mut files = Vec::new();
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(src).unwrap().to_str().unwrap().to_owned();
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// Returns which folders use which.
pub(super) fn uses(files: &[Source]) -> Uses {
    let folders: BTreeSet<String> = files.iter().flat_map(|(name, _)| folders_above(name)).collect();
    let passed_on = passed_on(files);
    let mut uses = Uses::new();
    for (name, text) in files {
        // `build.rs` beside a folder `build` introduces it, as `build/mod.rs` would.
        let stem = name.trim_end_matches(".rs").to_owned();
        let own = if folders.contains(&stem) {
            format!("{stem}/mod.rs")
        } else {
            name.clone()
        };
        for mut path in paths(&words(text)) {
            if let Some(origin) = path.first().and_then(|first| passed_on.get(first)) {
                path.splice(..1, origin.iter().cloned());
            }
            if let Some(edge) = edge(&own, &path, &folders) {
                let shown = format!("{name}: crate::{}", path.join("::"));
                uses.entry(edge).or_default().insert(shown);
            }
        }
    }
    uses
}

/// Returns the first two folders that differ on the ways to a file and to what it names.
fn edge(file: &str, path: &[String], folders: &BTreeSet<String>) -> Option<(String, String)> {
    let mut common = String::new();
    for (mine, other) in file.split('/').zip(path) {
        let below = |name: &str| match common.as_str() {
            "" => name.to_owned(),
            common => format!("{common}/{name}"),
        };
        let (mine, other) = (below(mine), below(other));
        if mine != other {
            let both = folders.contains(&mine) && folders.contains(&other);
            return both.then_some((mine, other));
        }
        common = mine;
    }
    None
}

/// Returns a circle of folders, the shortest, with the files that make it.
pub(super) fn circle(uses: &Uses) -> Option<String> {
    let starts: BTreeSet<&str> = uses.keys().map(|(from, _)| from.as_str()).collect();
    let circles = starts.into_iter().filter_map(|start| way_back(uses, start));
    let shortest = circles.min_by_key(Vec::len)?;
    let mut text = String::new();
    for (from, to) in shortest.iter().zip(shortest.iter().skip(1)) {
        text.push_str(&shown(from, to, &uses[&((*from).to_owned(), (*to).to_owned())]));
    }
    Some(text)
}

/// Returns the shortest way from a folder to itself.
fn way_back<'a>(uses: &'a Uses, start: &'a str) -> Option<Vec<&'a str>> {
    let mut ways = VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let last = way.last().copied();
        for (_, to) in uses.keys().filter(|(from, _)| Some(from.as_str()) == last) {
            let mut longer = way.clone();
            longer.push(to);
            if to == start {
                return Some(longer);
            }
            if seen.insert(to) {
                ways.push_back(longer);
            }
        }
    }
    None
}

fn shown(from: &str, to: &str, files: &BTreeSet<String>) -> String {
    let mut text = format!("{from} uses {to}\n");
    for file in files {
        let _ = writeln!(text, "    {file}");
    }
    text
}

/// What `lib.rs` says of a list of its folders that is to hold.
const IN_ORDER: [&str; 2] = [
    "in the order in which they stand on each other",
    "those above it in this list",
];

/// Returns the folders that use one which `lib.rs` lists below them, if it says that its list is in order.
pub(super) fn against_its_list(files: &[Source], uses: &Uses) -> Option<String> {
    let (_, lib) = files.iter().find(|(name, _)| name == "lib.rs")?;
    let docs = lib.lines().map_while(|line| line.strip_prefix("//!"));
    let (list, text): (Vec<&str>, Vec<&str>) = docs.partition(|line| line.starts_with(" - "));
    let (list, text) = (list.concat(), text.concat());
    if !IN_ORDER.iter().any(|words| text.contains(words)) {
        return None;
    }
    let folders: BTreeSet<String> = files
        .iter()
        .filter_map(|(name, _)| Some(name.split_once('/')?.0.to_owned()))
        .collect();
    let place = |folder: &str| list.find(&format!("`{folder}`"));
    let unlisted: Vec<&String> = folders.iter().filter(|folder| place(folder).is_none()).collect();
    if !unlisted.is_empty() {
        return Some(format!("not listed: {unlisted:?}\n"));
    }
    let against: String = uses
        .iter()
        .filter(|((from, to), _)| place(from).is_some() && place(from) < place(to))
        .map(|((from, to), files)| shown(from, to, files))
        .collect();
    (!against.is_empty()).then_some(against)
}

/// The folders that a file is in: `a` and `a/b` of `a/b/c.rs`.
fn folders_above(file: &str) -> Vec<String> {
    let ends = file.match_indices('/').map(|(end, _)| file[..end].to_owned());
    ends.collect()
}

/// The names that `lib.rs` passes on from its folders, with the paths they have there.
fn passed_on(files: &[Source]) -> BTreeMap<String, Vec<String>> {
    let Some((_, lib)) = files.iter().find(|(name, _)| name == "lib.rs") else {
        return BTreeMap::new();
    };
    let words = words(lib);
    let mut names = BTreeMap::new();
    for (at, _) in words.iter().enumerate().filter(|(_, word)| *word == "use") {
        let mut found = Vec::new();
        tree(&words[at + 1..], &mut Vec::new(), &mut found);
        for path in found.into_iter().filter(|path| path.len() > 1) {
            names.extend(path.last().cloned().map(|name| (name, path)));
        }
    }
    names
}

/// The paths that begin at the crate.
fn paths(words: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for at in 0..words.len() {
        let after = |count: usize| words.get(at + count).map(String::as_str);
        if words[at] == "crate" && after(1) == Some("::") {
            tree(&words[at + 2..], &mut Vec::new(), &mut found);
        }
        let out = [words[at].as_str(), after(1).unwrap_or(""), after(2).unwrap_or("")];
        if out == ["super", "::", "super"] && after(3) == Some("::") {
            tree(&words[at + 4..], &mut Vec::new(), &mut found);
        }
    }
    found
}

/// Reads what follows the `::` of a path: names, or a group of such. Returns how many words that took.
fn tree(words: &[String], prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let mut at = 0;
    let depth = prefix.len();
    while let Some(word) = words.get(at) {
        if word == "{" {
            at += 1;
            while let Some(word) = words.get(at) {
                match word.as_str() {
                    "}" => {
                        at += 1;
                        break;
                    }
                    // After `as` and the commas.
                    "," => at += 1,
                    _ => at += tree(&words[at..], prefix, found).max(1),
                }
            }
            prefix.truncate(depth);
            return at;
        }
        if is_name(word) && word != "self" {
            prefix.push(word.clone());
        }
        at += 1;
        if words.get(at).is_none_or(|next| next != "::") {
            break;
        }
        at += 1;
    }
    found.push(prefix.clone());
    prefix.truncate(depth);
    if words.get(at).is_some_and(|word| word == "as") {
        at += 2;
    }
    at
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The words and signs of source text, without its comments and what stands between quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_string(rest) {
            length
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' {
            // A character, or else the name of a lifetime.
            let mut after = rest.chars().skip(1);
            match (after.next(), after.next()) {
                (Some('\\'), _) | (_, Some('\'')) => quoted(rest, '\''),
                _ => 1,
            }
        } else if is_name(&rest[..first.len_utf8()]) {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            let length = length.unwrap_or(rest.len());
            words.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            words.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                words.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[taken..];
    }
    words
}

/// The length of what stands between two quotes, with both.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a raw string, `r#"…"#`.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let inner = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let begin = text.len() - inner.len();
    Some(inner.find(&end).map_or(text.len(), |at| begin + at + end.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(all: &[(&str, &str)]) -> Vec<Source> {
        all.iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn paths_of_every_form_are_found() {
        let text = r##"
            //! crate::comment, [`crate::comment`]
            use crate::a::b;
            use crate::{c, d::{self, e::{F, G as H}}, i::*};
            /* crate::comment */ fn f<'a>(x: crate::j::K<'a>) -> char { crate::l::m("crate::text \" crate::text"); '"' }
            const R: &str = r#"crate::raw " crate::raw"#; const Q: char = '\''; use super::super::n::o; use super::p;
            macro_rules! m { () => { $crate::q::r() } } pub(crate) struct S; pub(in crate::t) struct U;
        "##;
        let found: Vec<String> = paths(&words(text)).iter().map(|path| path.join("::")).collect();
        let expected = [
            "a::b", "c", "d", "d::e::F", "d::e::G", "i", "j::K", "l::m", "n::o", "q::r", "t",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_circle_is_found_and_its_files_named() {
        let mut all = files(&[
            ("lib.rs", "pub use a::one::One;"),
            ("error.rs", "use crate::a::one; use crate::b::two;"),
            ("a/one.rs", "use crate::error; use crate::a::own;"),
            ("b/mod.rs", "use crate::One;"),
            ("b/in/x.rs", "use crate::b::beside; use crate::a;"),
            ("c.rs", "use crate::b::two;"),
            ("c/deep.rs", "use crate::error;"),
        ]);
        let found = uses(&all);
        let edges: Vec<_> = found.keys().map(|(from, to)| format!("{from} {to}")).collect();
        assert_eq!(edges, ["b a", "c b"]);
        assert_eq!(circle(&found), None);
        all.extend(files(&[("a/two.rs", "fn f() { crate::c::deep::g() }")]));
        assert_eq!(
            circle(&uses(&all)).unwrap(),
            "a uses c\n    a/two.rs: crate::c::deep::g\n\
             c uses b\n    c.rs: crate::b::two\n\
             b uses a\n    b/in/x.rs: crate::a\n    b/mod.rs: crate::a::one::One\n"
        );
    }

    #[test]
    fn a_circle_within_a_folder_is_found() {
        let all = files(&[
            ("a/b/x.rs", "use crate::a::c::Y;"),
            ("a/c/y.rs", "use crate::a::b::X;"),
        ]);
        assert!(circle(&uses(&all)).is_some());
    }

    #[test]
    fn a_list_that_says_it_is_in_order_is_held_to_it() {
        let lib = |list: &str| format!("//! Folders, {}:\n//! - {list}\n", IN_ORDER[0]);
        let against = |lib: &str| {
            let all = files(&[("lib.rs", lib), ("a/x.rs", ""), ("b/y.rs", "use crate::a::x;")]);
            against_its_list(&all, &uses(&all))
        };
        assert_eq!(against(&lib("[`a`], [`b`]")), None);
        assert_eq!(against("//! [`b`], [`a`]\n"), None);
        let told = against(&lib("[`b`], [`a`]")).unwrap();
        assert_eq!(told, "b uses a\n    b/y.rs: crate::a::x\n");
        assert_eq!(against(&lib("[`b`]")).unwrap(), "not listed: [\"a\"]\n");
    }
}
