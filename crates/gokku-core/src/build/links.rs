//! Where a path in a tree of files leads, link by link, without a look at anything outside of the tree: what is out there,
//! or is not, changes nothing of the answer.

use std::collections::VecDeque;

/// What stands at a path, itself: a link is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Nothing.
    Nothing,
    /// A folder.
    Folder,
    /// A file with bytes in it.
    File,
    /// A symbolic link, and its text.
    Link(String),
    /// A pipe, a socket, a device.
    Else,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Led {
    /// To what stands at this path of the tree, which no link is part of: a folder, a file or something else.
    To(String, Entry),
    /// Nothing is there, and it is no link that says that something should.
    Nothing,
    /// Over the tree's edge: a link to `/`, or too many `..`, whatever is behind them.
    Out,
    /// It is a link that leads to nothing in the tree, or round in a circle.
    Nowhere,
}

/// How many links are followed, as many as Linux follows.
const LINKS: usize = 40;

/// Follows a path; `look` says what stands at a path of the tree whose folders are no links. The tree's top is the empty path.
pub fn follow<E>(path: &str, mut look: impl FnMut(&str) -> Result<Entry, E>) -> Result<Led, E> {
    // An absolute one means nothing of a tree.
    if path.starts_with('/') {
        return Ok(Led::Out);
    }
    let mut rest: VecDeque<String> = path.split('/').map(str::to_owned).collect();
    let mut here: Vec<String> = Vec::new();
    let mut links = 0;
    // Whether the path itself is a link, and not only a folder on its way: whoever made it means something.
    let mut is_link = false;
    while let Some(part) = rest.pop_front() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                if here.pop().is_none() {
                    return Ok(Led::Out);
                }
                continue;
            }
            _ => here.push(part),
        }
        match look(&here.join("/"))? {
            Entry::Folder => {}
            Entry::Link(to) => {
                links += 1;
                is_link |= rest.is_empty();
                if to.starts_with('/') {
                    return Ok(Led::Out);
                }
                if links > LINKS {
                    return Ok(Led::Nowhere);
                }
                here.pop();
                for part in to.rsplit('/') {
                    rest.push_front(part.to_owned());
                }
            }
            found @ (Entry::File | Entry::Else) if rest.is_empty() => {
                return Ok(Led::To(here.join("/"), found));
            }
            Entry::Nothing | Entry::File | Entry::Else if is_link => return Ok(Led::Nowhere),
            Entry::Nothing | Entry::File | Entry::Else => return Ok(Led::Nothing),
        }
    }
    Ok(Led::To(here.join("/"), Entry::Folder))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn what_is_outside_of_the_tree_changes_nothing() {
        let link = |to: &str| Entry::Link(to.to_owned());
        let tree: BTreeMap<&str, Entry> = BTreeMap::from([
            ("file", Entry::File),
            ("folder", Entry::Folder),
            ("folder/deep", Entry::File),
            ("pipe", Entry::Else),
            ("near", link("file")),
            ("far", link("folder/../folder/./deep")),
            ("into", link("folder")),
            ("folder/up", link("../file")),
            ("folder/out", link("../../file")),
            ("root", link("/etc/shadow")),
            ("absent", link("/nowhere")),
            ("around", link("/opt/../opt/gokku/tree/file")),
            ("back", link("../tree/file")),
            ("etc", link("/etc")),
            ("none", link("not-there")),
            ("circle", link("circle")),
            ("one", link("two")),
            ("two", link("one")),
        ]);
        let led = |path: &str| {
            follow::<Infallible>(path, |at| {
                assert!(
                    !at.starts_with('/') && !at.split('/').any(|part| part == ".."),
                    "{at}"
                );
                Ok(tree.get(at).cloned().unwrap_or(Entry::Nothing))
            })
            .expect("looked")
        };
        let to = |path: &str, entry| Led::To(path.to_owned(), entry);
        for (path, expected) in [
            ("file", to("file", Entry::File)),
            ("./folder//deep", to("folder/deep", Entry::File)),
            ("folder/../file", to("file", Entry::File)),
            ("folder", to("folder", Entry::Folder)),
            ("", to("", Entry::Folder)),
            ("pipe", to("pipe", Entry::Else)),
            ("near", to("file", Entry::File)),
            ("far", to("folder/deep", Entry::File)),
            ("into/deep", to("folder/deep", Entry::File)),
            ("into/up", to("file", Entry::File)),
            ("not-there", Led::Nothing),
            ("file/below", Led::Nothing),
            ("folder/not-there", Led::Nothing),
            ("into/not-there", Led::Nothing),
            ("none/below", Led::Nothing),
            ("near/below", Led::Nothing),
            ("none", Led::Nowhere),
            ("circle", Led::Nowhere),
            ("one", Led::Nowhere),
            // What is there and what is not are the same.
            ("root", Led::Out),
            ("absent", Led::Out),
            ("around", Led::Out),
            ("back", Led::Out),
            ("etc/shadow", Led::Out),
            ("etc/not-there", Led::Out),
            ("folder/out", Led::Out),
            ("into/out", Led::Out),
            ("/etc/shadow", Led::Out),
            ("/nowhere", Led::Out),
            ("..", Led::Out),
            ("../tree/file", Led::Out),
        ] {
            assert_eq!(led(path), expected, "{path}");
        }
    }
}
