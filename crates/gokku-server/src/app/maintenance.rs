//! An app's maintenance, `maintenance.toml`: whether it is on, and the page that stays for the next time.
//!
//! Who changes it, or tells the traffic switch of it, has the lock of the domains of all apps, so that the switch is told last what
//! was written last.

use gokku_core::app::maintenance::{Maintenance, Pass};
use gokku_core::app::page::Page;
use serde::{Deserialize, Serialize};

use crate::app::domains::Changing;
use crate::app::{Error, apps};
use crate::fs::app_dir::AppDir;
use crate::fs::{atomic, toml_file};
use crate::os::random;

/// The version of the file's format.
const VERSION: u32 = 1;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    /// What lets somebody through while it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pass: Option<Pass>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<Page>,
}

/// Which page clients get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageChoice {
    /// The one that the app has, if it has one.
    AsBefore,
    /// Another one from now on.
    Own(Page),
    /// A plain line, and no page from now on.
    Plain,
}

/// Returns an app's maintenance while it is on.
pub fn of(dir: &AppDir) -> Result<Option<Maintenance>, Error> {
    let stored = load(dir)?;
    Ok(stored.pass.map(|pass| Maintenance {
        page: stored.page,
        pass,
    }))
}

/// Turns it on, with a pass of its own where it was off.
pub(crate) fn begin(_: &Changing, dir: &AppDir, choice: PageChoice) -> Result<Maintenance, Error> {
    // Only of an app that is there.
    apps::load(dir)?;
    let before = load(dir)?;
    let page = match choice {
        PageChoice::AsBefore => before.page,
        PageChoice::Own(page) => Some(page),
        PageChoice::Plain => None,
    };
    let pass = match before.pass {
        Some(pass) => pass,
        None => new_pass()?,
    };
    save(dir, Some(pass.clone()), page.clone())?;
    Ok(Maintenance { page, pass })
}

/// Turns it off; returns whether it was on. The page stays.
pub(crate) fn end(_: &Changing, dir: &AppDir) -> Result<bool, Error> {
    apps::load(dir)?;
    let before = load(dir)?;
    if before.pass.is_some() {
        save(dir, None, before.page)?;
        return Ok(true);
    }
    Ok(false)
}

fn load(dir: &AppDir) -> Result<Stored, Error> {
    let path = dir.maintenance();
    match atomic::read(&path)? {
        Some(bytes) => Ok(toml_file::parse_versioned(&path, &bytes, VERSION)?),
        None => Ok(Stored::default()),
    }
}

fn save(dir: &AppDir, pass: Option<Pass>, page: Option<Page>) -> Result<(), Error> {
    let stored = Stored {
        version: VERSION,
        pass,
        page,
    };
    // The pass is secret.
    let path = dir.maintenance();
    let text = toml_file::text(&path, &stored)?;
    atomic::replace(&path, text.as_bytes(), 0o600)?;
    Ok(())
}

fn new_pass() -> Result<Pass, Error> {
    let bytes = random::bytes();
    let bytes = bytes.map_err(|error| crate::fs::Error::file(random::SOURCE.as_ref(), error))?;
    Ok(Pass::of(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unused_page_stays_for_the_next_time() {
        let stored = Stored {
            version: VERSION,
            pass: None,
            page: Some(Page::try_from("<p>\"soon\"</p>\n".to_owned()).expect("a page")),
        };
        let text = toml::to_string(&stored).expect("written");
        let read: Stored = toml::from_str(&text).expect("read");
        assert_eq!((read.pass, read.page), (stored.pass, stored.page), "{text}");
    }
}
