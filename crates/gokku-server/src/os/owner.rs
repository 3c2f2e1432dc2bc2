//! Whose the server's folder is. All that runs there runs as that user: who else may ask is let in by sudo, see
//! sudoers(5), or is root.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Uid, getegid, geteuid, getgroups};

use crate::os::Error;

/// The owner of a server's folder, who is another user than the one this process runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    root: PathBuf,
    user: u32,
    group: u32,
}

/// Returns the owner, if it is another; none also where there is no folder yet.
pub fn other(root: &Path) -> Option<Owner> {
    let there = fs::metadata(root).ok()?;
    (there.uid() != geteuid().as_raw()).then(|| Owner {
        root: root.to_owned(),
        user: there.uid(),
        group: there.gid(),
    })
}

impl Owner {
    /// Returns a command that runs a program as the owner, with nothing of this process's environment; `by` is who asks.
    pub fn command(&self, program: &Path, by: &str) -> Result<Command, Error> {
        let user = name("/etc/passwd", self.user);
        if geteuid() == Uid::ROOT {
            let mut command = Command::new("setpriv");
            command
                .args([
                    "--reuid",
                    &self.user.to_string(),
                    "--regid",
                    &self.group.to_string(),
                ])
                .args(["--init-groups", "--reset-env", "--", "env"])
                .arg(format!("GOKKU_BY={by}"))
                .arg(program);
            return Ok(command);
        }
        let mine = getgroups().unwrap_or_default();
        let is_member = mine
            .iter()
            .chain([&getegid()])
            .any(|group| group.as_raw() == self.group);
        if !is_member || !is_installed("sudo") {
            let group = name("/etc/group", self.group);
            return Err(Error::NotOwner {
                root: self.root.clone(),
                user,
                group,
                by: by.to_owned(),
            });
        }
        let mut command = Command::new("sudo");
        // The user as the rule in sudoers has it.
        command.args(["-n", "-u", &user, "--"]).arg(program);
        Ok(command)
    }
}

/// The name of an id in a file like passwd(5) or group(5); the id itself, as sudo takes it, where it has none.
fn name(file: &str, id: u32) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let found = text.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    found.unwrap_or_else(|| format!("#{id}"))
}

fn is_installed(program: &str) -> bool {
    let places = ["/usr/bin", "/usr/local/bin", "/bin", "/usr/sbin"];
    places
        .iter()
        .any(|place| Path::new(place).join(OsStr::new(program)).exists())
}
