//! The journal on disk.

use std::path::Path;

use gokku_core::transition::Journal;
use gokku_core::transition::journal::VERSION;

use crate::fs::Error;
use crate::fs::app_dir::AppDir;
use crate::fs::{atomic, toml_file};

/// Returns the journal of the transition that is under way; none when none is.
pub fn load(dir: &AppDir) -> Result<Option<Journal>, Error> {
    let path = dir.journal();
    let bytes = atomic::read(&path)?;
    if bytes.as_deref().is_some_and(toml_file::is_torn) {
        // Nothing can be known of what it was of, and what there is can be looked at: whoever comes next begins with that.
        tracing::warn!("{} has lost its content, and is removed", path.display());
        remove(dir)?;
        return Ok(None);
    }
    bytes.map(|bytes| parse(&path, &bytes)).transpose()
}

/// Understands a journal's content.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Journal, Error> {
    toml_file::parse_versioned(path, bytes, VERSION)
}

/// Replaces it.
pub fn save(dir: &AppDir, journal: &Journal) -> Result<(), Error> {
    toml_file::write(&dir.journal(), journal)
}

/// Removes the journal: the transition has ended.
pub fn remove(dir: &AppDir) -> Result<(), Error> {
    atomic::remove_for_good(&dir.journal())
}

#[cfg(test)]
mod tests {
    use gokku_core::transition::{Goal, Observed};

    use gokku_core::AppName;

    use super::*;
    use crate::fs::root::Root;

    #[test]
    fn a_journal_that_is_read_back_knows_that_it_was_interrupted() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        let app: AppName = "api".parse().expect("a name");
        let dir = root.app_dir(&app);
        std::fs::create_dir(dir.path()).expect("a folder");
        for torn in ["", "\0\0"] {
            std::fs::write(dir.journal(), torn).expect("written");
            assert!(load(&dir).expect("nothing").is_none());
            assert!(!dir.journal().exists());
        }
        let id = gokku_core::ReleaseId::at(1);
        let mut journal = Journal::begin(id, Goal::Stop, &Observed::default());
        journal.drained = true;
        journal.displaced = true;
        save(&dir, &journal).expect("written");
        let back = load(&dir).expect("read").expect("a journal");
        assert!(back.resumed && back.displaced && !back.drained);
        assert_eq!(
            Journal {
                resumed: false,
                drained: true,
                ..back
            },
            journal
        );
    }
}
