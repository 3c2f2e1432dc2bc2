//! Processes that outlive whoever started them.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::os::Error;
use crate::os::{daemon_log, key_env, memory_limit};

/// Starts this program again with other arguments, its words going to a file, or to where this one's go. It leaves the
/// session by itself, with [`detach`].
pub fn spawn(
    program: &Path,
    args: &[&str],
    root: &Path,
    input: &[u8],
    words: Option<&Path>,
) -> Result<Child, Error> {
    let (out, err): (Stdio, Stdio) = match words {
        Some(words) => {
            daemon_log::keep_short(words);
            let opened = OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o600)
                .open(words);
            let both = opened.and_then(|file| Ok((file.try_clone()?, file)));
            let (out, err) = both.map_err(|error| Error::program(words, error))?;
            (out.into(), err.into())
        }
        None => (Stdio::inherit(), Stdio::inherit()),
    };
    let mut command = command(program, args, root);
    command
        .stdin(if input.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        })
        .stdout(out)
        .stderr(err);
    let mut child = command.spawn().map_err(|error| Error::program(program, error))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin
            .write_all(input)
            .map_err(|error| Error::program(program, error))?;
    }
    Ok(child)
}

/// Returns the command that starts this program again, with nothing in its environment that is this process's only.
pub(crate) fn command(program: &Path, args: &[&str], root: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .args(args)
        .env("GOKKU_ROOT", root)
        .current_dir("/")
        .stdin(Stdio::null());
    // A push tells git by these where its objects are; they are gone when the push is.
    for variable in [
        "GIT_DIR",
        "GIT_QUARANTINE_PATH",
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        // What came with a key is this command's only: its words may be secret, and the daemon outlives it.
        "SSH_ORIGINAL_COMMAND",
        key_env::BY,
        key_env::WITH_KEY,
        key_env::DOMAINS,
        key_env::REACHED_AT,
        // The descriptors that these are about were given to this process only.
        "LISTEN_FDS",
        "LISTEN_FDNAMES",
        "LISTEN_PID",
    ] {
        command.env_remove(variable);
    }
    command
}

/// Leaves the session this process was started in, so that its end does not end this one, and the limits of a push.
pub fn detach() {
    memory_limit::lift();
    // Fails only for the leader of a process group: started by hand from a shell, it stays in that shell's session.
    let _ = rustix::process::setsid();
}
