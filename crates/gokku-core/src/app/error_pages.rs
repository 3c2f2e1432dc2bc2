//! The pages that an app's clients get where the traffic switch has to answer itself, because the app does not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::app::page::Page;

/// Which answers of the switch a page is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ErrorPage {
    /// The app cannot be reached, or its answer not be passed on.
    #[serde(rename = "502")]
    BadGateway,
    /// There is no release to answer, or no room for the request.
    #[serde(rename = "503")]
    Unavailable,
    /// The app has taken too long.
    #[serde(rename = "504")]
    Timeout,
    /// Those of these that have no page of their own.
    #[serde(rename = "5xx")]
    Any,
}

impl ErrorPage {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::BadGateway, Self::Unavailable, Self::Timeout, Self::Any];

    /// Returns the name of its file.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::BadGateway => "502.html",
            Self::Unavailable => "503.html",
            Self::Timeout => "504.html",
            Self::Any => "5xx.html",
        }
    }

    /// Returns the page for a status, if it is one for which there are pages.
    fn of_status(status: u16) -> Option<Self> {
        match status {
            502 => Some(Self::BadGateway),
            503 => Some(Self::Unavailable),
            504 => Some(Self::Timeout),
            _ => None,
        }
    }
}

/// An app's pages, each at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorPages(BTreeMap<ErrorPage, Page>);

impl ErrorPages {
    /// Returns the page that clients get with a status.
    pub fn page(&self, status: u16) -> Option<&Page> {
        let one = ErrorPage::of_status(status)?;
        self.0.get(&one).or_else(|| self.0.get(&ErrorPage::Any))
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(ErrorPage, Page)> for ErrorPages {
    fn from_iter<T: IntoIterator<Item = (ErrorPage, Page)>>(pages: T) -> Self {
        Self(pages.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_page_a_status_has() {
        let page = |text: &str| Page::try_from(text.to_owned()).expect("a page");
        let some: ErrorPages = [
            (ErrorPage::Unavailable, page("503")),
            (ErrorPage::Any, page("any")),
        ]
        .into_iter()
        .collect();
        let one: ErrorPages = [(ErrorPage::Timeout, page("504"))].into_iter().collect();
        for (pages, status, expected) in [
            (&some, 502, Some("any")),
            (&some, 503, Some("503")),
            (&some, 504, Some("any")),
            (&some, 404, None),
            (&some, 500, None),
            (&one, 502, None),
            (&one, 504, Some("504")),
        ] {
            assert_eq!(pages.page(status).map(Page::as_str), expected, "{status}");
        }
        let json = serde_json::to_string(&some).expect("JSON");
        assert_eq!(json, r#"{"503":"503","5xx":"any"}"#);
        assert_eq!(serde_json::from_str::<ErrorPages>(&json).expect("read"), some);
    }
}
