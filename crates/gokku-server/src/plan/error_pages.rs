//! The error pages of a release, from its code.

use std::path::Path;

use gokku_core::AppName;
use gokku_core::app::error_pages::{ErrorPage, ErrorPages};
use gokku_core::app::page::Page;
use gokku_core::config::gokku_yml::AppConfig;
use gokku_core::text::read_limits;

use crate::fs::tree_file;
use crate::plan::Error;
use crate::plan::release_plan::{GOKKU_YML, config_of, text_of};

/// Reads the pages that a release's `gokku.yml` names.
pub(crate) fn read(tree: &Path, config: &AppConfig) -> Result<ErrorPages, Error> {
    let folder = &config.error_pages;
    if folder.is_empty() {
        return Ok(ErrorPages::default());
    }
    let mut pages = Vec::new();
    for page in ErrorPage::ALL {
        let name = format!("{folder}/{}", page.file_name());
        let Some(bytes) = tree_file::read(tree, &name, read_limits::ERROR_PAGE)? else {
            continue;
        };
        let text = text_of(&name, &bytes)?.to_owned();
        let text = Page::try_from(text).map_err(|source| Error::ErrorPage { name, source })?;
        pages.push((page, text));
    }
    if pages.is_empty() {
        return Err(Error::NoErrorPages(folder.clone()));
    }
    Ok(pages.into_iter().collect())
}

/// Returns the pages of a release that was deployed; none where its code cannot be read any more: traffic waits for no page.
pub(crate) fn of_release(tree: &Path, app: &AppName) -> ErrorPages {
    let yml = tree_file::read(tree, GOKKU_YML, read_limits::GOKKU_YML);
    let pages = yml
        .map_err(Error::from)
        .and_then(|yml| config_of(app, yml.as_deref()))
        .and_then(|config| read(tree, &config));
    pages.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn pages_are_read_from_the_code_and_from_nowhere_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let (tree, outside) = (folder.path().join("tree"), folder.path().join("secret"));
        let config = AppConfig {
            error_pages: "public/errors".to_owned(),
            ..AppConfig::default()
        };
        let pages = tree.join("public/errors");
        fs::create_dir_all(&pages).expect("made");
        let said = |tree: &Path| read(tree, &config).map_err(|error| error.to_string());
        assert_eq!(
            read(&tree, &AppConfig::default()).ok(),
            Some(ErrorPages::default())
        );
        assert_eq!(
            said(&tree).expect_err("none"),
            "gokku.yml: error_pages: public/errors has none of 502.html, 503.html, 504.html and 5xx.html"
        );
        fs::write(pages.join("502.html"), "<p>soon</p>").expect("written");
        let read = said(&tree).expect("read");
        assert_eq!(read.page(502).map(Page::as_str), Some("<p>soon</p>"));
        assert_eq!(read.page(503), None);
        fs::write(pages.join("503.html"), "").expect("written");
        assert_eq!(
            said(&tree).expect_err("empty"),
            "public/errors/503.html: the page is empty"
        );
        fs::write(pages.join("503.html"), "x".repeat((64 << 10) + 1)).expect("written");
        let large = said(&tree).expect_err("too large");
        assert!(
            large.contains("the most that is read of an error page"),
            "{large}"
        );
        fs::remove_file(pages.join("503.html")).expect("removed");
        fs::write(&outside, "a secret").expect("written");
        symlink(&outside, pages.join("503.html")).expect("linked");
        let out = said(&tree).expect_err("leads out");
        assert!(out.contains("leads out of the repository"), "{out}");
    }
}
