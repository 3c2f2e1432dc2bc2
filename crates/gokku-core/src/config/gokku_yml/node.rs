//! The YAML of a file as a tree in which everything knows its place. Nothing else knows the YAML parser.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Error, NonFiniteFloatPolicy, Spanned};

use super::YmlError;

/// A place in the file; line and column count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) column: u64,
}

/// A piece of the file.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) content: Content,
}

/// What it is.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// Nothing stands there, or a word for it: what is written.
    Empty(String),
    /// One value, as it is written: `1.10` is no number here, and `1e999` not too large a one.
    Scalar(String),
    /// `- item`.
    List(Vec<Node>),
    /// `key: value`, in the file's order.
    Mapping(Vec<(Key, Node)>),
}

/// A key, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) place: Place,
    pub(super) text: String,
}

/// How deep a file may be; the deepest key is five below its top.
const DEPTH: usize = 32;

/// Reads the text of a file called `file`.
pub(super) fn parse(file: &str, text: &str) -> Result<Node, YmlError> {
    let mut options = serde_yaml::options! {
        strict_booleans: true,
        with_snippet: false,
        // What a number is too large for is a text as every other.
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
    };
    if let Some(budget) = &mut options.budget {
        budget.max_depth = DEPTH;
    }
    let whole: Spanned<Any> =
        serde_yaml::from_str_with_options(text, options).map_err(|error| explain(file, &error))?;
    if matches!(whole.value, Any::Empty) {
        return Err(YmlError {
            file: file.to_owned(),
            line: 1,
            column: 1,
            what: "the file is empty: it begins with `apps:`".to_owned(),
        });
    }
    node(whole, &Source { file, text })
}

/// What is read.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

/// Anything, with its place.
enum Any {
    Empty,
    /// A text.
    Text(String),
    /// A number or a truth, as the parser has it.
    Typed(String),
    List(Vec<Spanned<Any>>),
    Mapping(Vec<(Spanned<Any>, Spanned<Any>)>),
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Any;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or keys and values")
    }

    fn visit_unit<E>(self) -> Result<Any, E> {
        Ok(Any::Empty)
    }

    fn visit_str<E>(self, text: &str) -> Result<Any, E> {
        Ok(Any::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Any, E> {
        Ok(Any::Typed(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Any, E> {
        Ok(Any::Typed(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Any, E> {
        Ok(Any::Typed(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Any, E> {
        Ok(Any::Typed(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Any, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Any::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Any, A::Error> {
        let mut mapping = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            mapping.push(entry);
        }
        Ok(Any::Mapping(mapping))
    }
}

fn place<T>(of: &Spanned<T>) -> Place {
    Place {
        line: of.referenced.line(),
        column: of.referenced.column(),
    }
}

/// How a plain value is written, where it is one word.
fn written<T>(of: &Spanned<T>, source: &Source<'_>) -> Option<String> {
    let span = of.defined.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let end = start.checked_add(usize::try_from(span.byte_len()?).ok()?)?;
    // A tag may have made a number of what is in quotes.
    let written = source.text.get(start..end)?.trim_matches(['"', '\'']);
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-._~".contains(c);
    written.chars().all(plain).then(|| written.to_owned())
}

fn node(any: Spanned<Any>, source: &Source<'_>) -> Result<Node, YmlError> {
    let place = place(&any);
    let written = || written(&any, source);
    let content = match any.value {
        Any::Empty => Content::Empty(written().unwrap_or_default()),
        Any::Text(text) => Content::Scalar(text),
        Any::Typed(ref value) => Content::Scalar(written().unwrap_or_else(|| value.clone())),
        Any::List(items) => {
            let items = items.into_iter().map(|item| node(item, source));
            Content::List(items.collect::<Result<_, _>>()?)
        }
        Any::Mapping(entries) => {
            let entries = entries.into_iter();
            let entries = entries.map(|(key, value)| Ok((key_of(key, source)?, node(value, source)?)));
            Content::Mapping(entries.collect::<Result<_, YmlError>>()?)
        }
    };
    Ok(Node { place, content })
}

/// A key is a text as a value is.
fn key_of(key: Spanned<Any>, source: &Source<'_>) -> Result<Key, YmlError> {
    let Node { place, content } = node(key, source)?;
    match content {
        Content::Scalar(text) | Content::Empty(text) => Ok(Key { place, text }),
        Content::List(_) | Content::Mapping(_) => Err(YmlError {
            file: source.file.to_owned(),
            line: place.line,
            column: place.column,
            what: "a key is one word, and no list and no mapping".to_owned(),
        }),
    }
}

/// The parser's error in our words, with its place.
fn explain(file: &str, error: &Error) -> YmlError {
    let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
    let what = match error.without_snippet() {
        Error::Eof { .. } => "the file is empty: it begins with `apps:`".to_owned(),
        Error::MultipleDocuments { .. } => "there is a second document; one file is one document".to_owned(),
        Error::DuplicateMappingKey { key, .. } => {
            // A key may have any character; in a terminal some of them are commands.
            let key = key.as_deref().unwrap_or("given").escape_debug();
            format!("the key {key} stands here twice")
        }
        error => {
            let text = error.to_string();
            // The place is told once, by us.
            let end = text
                .find(" at line ")
                .or_else(|| text.find('\n'))
                .unwrap_or(text.len());
            let start = if text.starts_with("line ") {
                text.find(": ").map_or(0, |at| at + 2)
            } else {
                0
            };
            text.get(start..end)
                .unwrap_or(&text)
                .trim_end_matches([' ', ':', '('])
                .to_owned()
        }
    };
    YmlError {
        file: file.to_owned(),
        line,
        column,
        what,
    }
}
