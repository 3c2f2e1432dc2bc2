//! git's side of a push or a fetch that comes over ssh.

use std::ffi::OsString;
use std::process::{Command, ExitStatus};

use gokku_core::access::ssh_command::Service;

use crate::command::as_nobody;
use crate::error::Error;
use crate::repository::Repository;

impl Repository {
    /// Serves whoever is at this process's standard input and output, to the end; what the client's git speaks is all that
    /// is taken from the environment. The hook finds the variables of `with` in its environment, and none of `without`.
    pub fn serve(
        &self,
        service: Service,
        with: &[(&str, &str)],
        without: &[OsString],
    ) -> Result<ExitStatus, Error> {
        let mut command = Command::new("git");
        as_nobody(&mut command, &["GIT_PROTOCOL"]);
        // The path is absolute: it cannot be taken for an option.
        command.arg(service.as_str()).arg(self.path());
        for variable in without {
            command.env_remove(variable);
        }
        command
            .envs(with.iter().copied())
            .status()
            .map_err(Error::Missing)
    }
}
