//! The languages that are built without a Dockerfile.

use serde::{Deserialize, Serialize};

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lang {
    /// Go.
    Go,
    /// Node.js, and sites that it builds.
    Node,
    /// Python.
    Python,
    /// Ruby.
    Ruby,
    /// Rust.
    Rust,
    /// PHP.
    Php,
    /// Files as they are.
    Static,
}

impl Lang {
    /// Every one, as `lang:` lists them.
    pub const ALL: [Self; 7] = [
        Self::Go,
        Self::Node,
        Self::Python,
        Self::Ruby,
        Self::Rust,
        Self::Php,
        Self::Static,
    ];

    /// Returns the word for it in `gokku.yml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Node => "node",
            Self::Python => "python",
            Self::Ruby => "ruby",
            Self::Rust => "rust",
            Self::Php => "php",
            Self::Static => "static",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lang| lang.as_str() == word)
    }

    /// Returns its name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Go => "Go",
            Self::Node => "Node",
            Self::Python => "Python",
            Self::Ruby => "Ruby",
            Self::Rust => "Rust",
            Self::Php => "PHP",
            Self::Static => "a static site",
        }
    }
}

/// Whether a text can be a program's name.
pub(crate) fn is_program_name(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(good)
}
