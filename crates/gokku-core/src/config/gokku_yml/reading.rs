//! Reads what was written as what it should be. What is wrong is noted, and the reading goes on: all errors are told at
//! once.

use std::fmt::Display;
use std::str::FromStr;

use super::keys::KEYS;
use super::node::{Content, Key, Node, Place};
use super::{YmlError, listed, suggested};

/// Reads a file, and notes what is wrong in it.
pub(super) struct Reader<'a> {
    file: &'a str,
    /// The keys above what is being read, as [`KEYS`] has them.
    path: Vec<&'static str>,
    wrong: Vec<YmlError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a str) -> Self {
        Self {
            file,
            path: Vec::new(),
            wrong: Vec::new(),
        }
    }

    /// What was noted, in the file's order.
    pub(super) fn wrong(mut self) -> Vec<YmlError> {
        self.wrong.sort_by_key(|error| (error.line, error.column));
        self.wrong
    }

    pub(super) fn has_noted(&self) -> bool {
        !self.wrong.is_empty()
    }

    pub(super) fn file(&self) -> &'a str {
        self.file
    }

    /// Notes an error.
    pub(super) fn note(&mut self, place: Place, what: impl Into<String>) {
        self.wrong.push(YmlError {
            file: self.file.to_owned(),
            line: place.line,
            column: place.column,
            what: what.into(),
        });
    }

    /// Notes that the value of a key cannot be.
    pub(super) fn refuse(&mut self, key: &str, place: Place, given: &str) {
        let known = KEYS.iter().find(|known| known.path == key);
        let allowed = known.map_or("something else", |known| known.allowed);
        self.note(place, format!("{key}: {given:?} cannot be: it is {allowed}"));
    }

    /// The key that is being read, as [`KEYS`] has it; a list's items are called by the list's name.
    fn key(&self) -> String {
        let is_above = |part: &&&str| matches!(**part, "apps" | "<app>" | "defaults");
        let below: Vec<&str> = self.path.iter().skip_while(is_above).copied().collect();
        let path = below.join(".").replace(".[]", "[]");
        path.strip_suffix("[]").unwrap_or(&path).to_owned()
    }

    fn below<T>(&mut self, part: &'static str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(part);
        let read = read(self);
        self.path.pop();
        read
    }

    pub(super) fn mapping<'n>(&mut self, node: &'n Node) -> Option<&'n [(Key, Node)]> {
        match &node.content {
            Content::Mapping(entries) => Some(entries),
            // An app of which nothing is said.
            Content::Empty(_) if self.path.last() == Some(&"<app>") => Some(&[]),
            _ => {
                self.note(node.place, "expected keys and values (`key: value`)");
                None
            }
        }
    }

    pub(super) fn unknown(&mut self, key: &Key, known: &[&str]) {
        let known: Vec<String> = known.iter().map(ToString::to_string).collect();
        self.note(
            key.place,
            format!(
                "there is no key {:?} here: there is {}{}",
                key.text,
                listed(&known),
                suggested(&key.text, &known)
            ),
        );
    }

    /// The value of a key of a mapping.
    pub(super) fn value<T: Read>(&mut self, part: &'static str, node: &Node) -> Option<T> {
        self.below(part, |reader| T::read(node, reader))
    }
}

/// What can be read; none when what is wrong was noted.
pub(super) trait Read: Sized {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self>;
}

/// What can be read of one value.
pub(super) trait Word: Sized {
    /// The value, or why it cannot be; without words when it is not what [`KEYS`] says.
    fn word(text: &str) -> Result<Self, Option<String>>;
}

/// What is taken from `defaults` where an app does not say it.
pub(super) trait Or: Clone {
    fn or(&self, default: &Self) -> Self;
}

pub(super) fn or<T: Or>(said: Option<&T>, default: Option<&T>) -> Option<T> {
    match (said, default) {
        (Some(said), Some(default)) => Some(said.or(default)),
        (said, default) => said.or(default).cloned(),
    }
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Given<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

impl<T: Word> Read for Given<T> {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let text = match &node.content {
            Content::Scalar(text) => text,
            // Where a text can be, this is one: a folder, most of all.
            Content::Empty(text) if text == "~" => text,
            Content::Empty(text) if !text.is_empty() => {
                let what = format!(
                    "{text} is YAML's word for nothing, and a value is needed: for the text write it in quotes, for nothing leave the key away"
                );
                reader.note(node.place, what);
                return None;
            }
            _ => {
                reader.note(node.place, "expected one value");
                return None;
            }
        };
        match T::word(text) {
            Ok(value) => Some(Self {
                value,
                place: node.place,
            }),
            Err(None) => {
                reader.refuse(&reader.key(), node.place, text);
                None
            }
            Err(Some(why)) => {
                let key = reader.key();
                reader.note(node.place, format!("{key}: {why}"));
                None
            }
        }
    }
}

impl<T: Clone> Or for Given<T> {
    fn or(&self, _default: &Self) -> Self {
        self.clone()
    }
}

/// A list, as a whole the app's or that of the defaults.
#[derive(Clone, Debug)]
pub(super) struct List<T> {
    /// Those that can be.
    pub(super) items: Vec<T>,
    /// How many were written.
    pub(super) written: usize,
    pub(super) place: Place,
}

impl<T: Read> Read for List<T> {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Content::List(items) = &node.content else {
            reader.note(node.place, "expected a list (`- item`)");
            return None;
        };
        let read = |item| reader.below("[]", |reader| T::read(item, reader));
        Some(Self {
            items: items.iter().filter_map(read).collect(),
            written: items.len(),
            place: node.place,
        })
    }
}

impl<T: Clone> Or for List<T> {
    fn or(&self, _default: &Self) -> Self {
        self.clone()
    }
}

/// A name that stands where a key stands.
pub(super) trait Name: FromStr<Err: Display> + Ord + Clone {
    /// How [`KEYS`] has it.
    const PART: &'static str;
}

/// Names, and something of each.
#[derive(Clone, Debug)]
pub(super) struct Named<K, T> {
    pub(super) entries: Vec<(Given<K>, T)>,
}

impl<K, T> Default for Named<K, T> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<K: Name, T: Read> Read for Named<K, T> {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let entries = reader.mapping(node)?.iter().filter_map(|(key, value)| {
            let name = key.text.parse::<K>();
            if let Err(error) = &name {
                reader.note(key.place, error.to_string());
            }
            let read = reader.value(K::PART, value);
            let name = Given {
                value: name.ok()?,
                place: key.place,
            };
            Some((name, read?))
        });
        Some(Self {
            entries: entries.collect(),
        })
    }
}

impl<K: Name, T: Or> Or for Named<K, T> {
    fn or(&self, default: &Self) -> Self {
        let mut entries = self.entries.clone();
        for (name, value) in &default.entries {
            match entries.iter_mut().find(|(said, _)| said.value == name.value) {
                Some((_, said)) => *said = said.or(value),
                None => entries.push((name.clone(), value.clone())),
            }
        }
        Self { entries }
    }
}

/// A mapping with keys that are known: a struct of them, read key by key. One that it `needs` is told when it is not there.
macro_rules! mapping {
    ($(#[$about:meta])* struct $name:ident { $($key:ident: $type:ty,)* } $(needs $needed:ident: $missing:literal)? $(or one as $alone:ident)?) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
        pub(super) struct $name {
            $(pub(super) $key: Option<$type>,)*
        }

        impl $crate::config::gokku_yml::reading::Read for $name {
            fn read(
                node: &$crate::config::gokku_yml::node::Node,
                reader: &mut $crate::config::gokku_yml::reading::Reader<'_>,
            ) -> Option<Self> {
                let mut read = Self::default();
                $(if !matches!(node.content, $crate::config::gokku_yml::node::Content::Mapping(_)) {
                    read.$alone = reader.value(stringify!($alone), node);
                    return read.$alone.is_some().then_some(read);
                })?
                let entries = reader.mapping(node)?;
                for (key, value) in entries {
                    match key.text.as_str() {
                        $(stringify!($key) => read.$key = reader.value(stringify!($key), value),)*
                        _ => reader.unknown(key, &[$(stringify!($key)),*]),
                    }
                }
                $(if entries.iter().all(|(key, _)| key.text != stringify!($needed)) {
                    reader.note(node.place, $missing);
                })?
                Some(read)
            }
        }

        impl $crate::config::gokku_yml::reading::Or for $name {
            fn or(&self, default: &Self) -> Self {
                Self {
                    $($key: $crate::config::gokku_yml::reading::or(self.$key.as_ref(), default.$key.as_ref()),)*
                }
            }
        }
    };
}
pub(super) use mapping;
