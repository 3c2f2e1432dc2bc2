//! The pre-receive hook: a few lines of shell that hand over to `gokku`.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gokku_core::AppName;

use crate::error::Error;
use crate::repository::Repository;

/// What the hook starts.
#[derive(Clone, Debug)]
pub struct Hook {
    /// The gokku program.
    pub program: PathBuf,
    /// The server's folder.
    pub root: PathBuf,
    /// The app.
    pub app: AppName,
}

/// A path as one word of a POSIX shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

impl Hook {
    /// The hook's text.
    fn text(&self) -> String {
        format!(
            "#!/bin/sh
# Made by gokku: a push is deployed before its ref moves.
program={}
if [ ! -x \"$program\" ]; then
    found=$(command -v gokku) || {{
        echo \"gokku is not at $program any more, nor in the PATH: put it back, and push again\" >&2
        exit 1
    }}
    program=$found
fi
GOKKU_ROOT={} exec \"$program\" hook pre-receive --app {}
",
            quoted(&self.program),
            quoted(&self.root),
            self.app
        )
    }
}

impl Repository {
    /// Writes the hook, unless it is there and the same.
    pub fn install_hook(&self, hook: &Hook) -> Result<(), Error> {
        let folder = self.path().join("hooks");
        let path = folder.join("pre-receive");
        let text = hook.text();
        if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
            return Ok(());
        }
        let failed = |source| Error::File {
            path: path.clone(),
            source,
        };
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(&folder)?;
            let mut file = tempfile::NamedTempFile::new_in(&folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file()
                .set_permissions(fs::Permissions::from_mode(0o755))?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            fs::File::open(&folder)?.sync_all()
        };
        write().map_err(failed)
    }
}
