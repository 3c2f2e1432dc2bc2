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
    /// The file of a hook of gokku's that is not there, or is another's; none when all is as it should be.
    pub(crate) fn foreign_hook(&self, hook: &Hook) -> Option<PathBuf> {
        // Where the program was is said again with each installation, and the hook looks for it elsewhere, too.
        let words = |text: &str| {
            let lines = text.lines().filter(|line| !line.starts_with("program='"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let path = self.path().join("hooks/pre-receive");
        let is_ours = fs::read_to_string(&path).is_ok_and(|there| words(&there) == words(&hook.text()));
        (!is_ours).then_some(path)
    }

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
