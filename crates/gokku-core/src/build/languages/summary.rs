//! What is told of a project that is built without a Dockerfile of its own: its language, what that is built on, and what runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Lang;
use super::version::Version;
use crate::config::image_ref::ImageRef;

/// A project in a line: `Python 3.11 (from .python-version), gunicorn app:app`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Its language.
    pub lang: Lang,
    /// What it is built on; nothing where the language has no versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// What builds and runs it, as its own files call that; empty where there is nothing to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub runs: String,
}

/// What a project is built on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// A version of its language.
    Version(Version),
    /// An image that a file names.
    Image {
        /// The image.
        image: ImageRef,
        /// The file.
        from: String,
    },
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.lang {
            Lang::Static => "Static site",
            lang => lang.name(),
        };
        let base = match &self.base {
            None => String::new(),
            Some(Base::Version(version)) => format!(" {version}"),
            Some(Base::Image { image, from }) => format!(" (image {image} from {from})"),
        };
        let runs = match self.runs.as_str() {
            "" => String::new(),
            runs => format!(", {runs}"),
        };
        // Names of files may have any character; in a terminal some of them are commands.
        let line = format!("{name}{base}{runs}");
        f.write_str(&line.replace(char::is_control, "?"))
    }
}
