//! A page that an app's clients get in place of the app's own answer.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The most bytes of a page.
pub const LONGEST_PAGE: usize = 256 << 10;

/// A page, which is HTML.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Page(String);

/// Why a text is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// It is empty.
    #[error("the page is empty")]
    Empty,
    /// It is too long.
    #[error("the page has {0} bytes, and {LONGEST_PAGE} are the most")]
    TooLong(usize),
}

impl Page {
    /// Returns its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Page {
    type Error = PageError;

    fn try_from(text: String) -> Result<Self, PageError> {
        match text.len() {
            _ if text.trim().is_empty() => Err(PageError::Empty),
            length if length > LONGEST_PAGE => Err(PageError::TooLong(length)),
            _ => Ok(Self(text)),
        }
    }
}

impl From<Page> for String {
    fn from(page: Page) -> Self {
        page.0
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Page({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_something_in_it_and_a_size() {
        for (text, expected) in [
            ("", Err(PageError::Empty)),
            (" \n", Err(PageError::Empty)),
            ("<h1>soon</h1>", Ok(())),
        ] {
            assert_eq!(Page::try_from(text.to_owned()).map(drop), expected, "{text:?}");
        }
        let longest = "x".repeat(LONGEST_PAGE);
        assert!(Page::try_from(longest.clone()).is_ok());
        assert_eq!(
            Page::try_from(longest + "x"),
            Err(PageError::TooLong(LONGEST_PAGE + 1))
        );
    }
}
