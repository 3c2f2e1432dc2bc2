//! The program that writes to the DNS, for wildcards. It is run as `PROGRAM set NAME VALUE` and `PROGRAM remove NAME VALUE`, where
//! NAME is a TXT record's, `_acme-challenge.example.com`. Nothing of it goes through a shell. When `set` ends well, the record has to
//! be there for everybody.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

/// The program, and how long it may take.
#[derive(Clone, Debug)]
pub struct DnsHook {
    /// Its path.
    pub program: PathBuf,
    /// How long it may take.
    pub limit: Duration,
}

/// Why the program did not do it.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// It could not be run.
    #[error("{} could not be run", .program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended badly.
    #[error("{} {action}: {status}{}{said}", .program.display(), if .said.is_empty() { "" } else { ": " })]
    Failed {
        /// The program.
        program: PathBuf,
        /// What it was to do.
        action: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The last of what it said on its standard error.
        said: String,
    },
    /// It did not end.
    #[error("{} {action} did not end within {} s and was killed", .program.display(), .limit.as_secs())]
    TookTooLong {
        /// The program.
        program: PathBuf,
        /// What it was to do.
        action: &'static str,
        /// How long it had.
        limit: Duration,
    },
}

/// What the program gets of the environment: where programs are, and where its user's settings are.
const KEPT: [&str; 4] = ["PATH", "HOME", "USER", "LANG"];
/// How much is kept of what it says, in bytes: the last of it, which says why.
const SAID: usize = 480;

impl DnsHook {
    pub(crate) async fn set(&self, record: &str, value: &str) -> Result<(), HookError> {
        self.run("set", record, value).await
    }

    pub(crate) async fn remove(&self, record: &str, value: &str) -> Result<(), HookError> {
        self.run("remove", record, value).await
    }

    async fn run(&self, action: &'static str, record: &str, value: &str) -> Result<(), HookError> {
        let not_run = |source| HookError::Run {
            program: self.program.clone(),
            source,
        };
        let mut child = command(&self.program, [action, record, value])
            .spawn()
            .map_err(not_run)?;
        let group = child.id();
        let ended = tokio::time::timeout(self.limit, end_of(&mut child)).await;
        // Also what it has left behind.
        if let Some(group) = group.and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?)) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let (status, said) = match ended {
            Ok(ended) => ended.map_err(not_run)?,
            Err(_) => {
                return Err(HookError::TookTooLong {
                    program: self.program.clone(),
                    action,
                    limit: self.limit,
                });
            }
        };
        if status.success() {
            return Ok(());
        }
        Err(HookError::Failed {
            program: self.program.clone(),
            action,
            status,
            said,
        })
    }
}

fn command(program: &Path, args: [&str; 3]) -> Command {
    let mut command = Command::new(program);
    command.args(args).env_clear();
    command.envs(
        KEPT.iter()
            .filter_map(|name| Some((*name, std::env::var_os(name)?))),
    );
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .current_dir("/")
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// How a program ends, and the last of what it says. A program of its own that it leaves behind is not waited for, though it
/// keeps the pipe open.
async fn end_of(child: &mut Child) -> io::Result<(ExitStatus, String)> {
    let mut stderr = child.stderr.take();
    let mut said = Vec::new();
    let mut part = [0; 1024];
    let status = loop {
        let Some(pipe) = &mut stderr else {
            break child.wait().await?;
        };
        tokio::select! {
            biased;
            read = pipe.read(&mut part) => match read {
                Ok(0) | Err(_) => stderr = None,
                Ok(length) => {
                    said.extend_from_slice(&part[..length]);
                    let before = said.len().saturating_sub(SAID);
                    said.drain(..before);
                }
            },
            status = child.wait() => break status?,
        }
    };
    Ok((
        status,
        gokku_core::certificates::problem::said(&String::from_utf8_lossy(&said)),
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use gokku_core::machine::backoff::Backoff;
    use tokio::time::Instant;

    use super::*;

    /// A hook that is a script of this text; it is run in a folder of its own.
    fn hook(folder: &Path, text: &str, limit: Duration) -> DnsHook {
        let program = folder.join("hook");
        fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        DnsHook { program, limit }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn it_gets_its_words_as_they_are_and_little_else() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let script = format!(
            "printf '<%s>' \"$@\" >{0}; env | cut -d= -f1 | sort >>{0}",
            out.display()
        );
        let hook = hook(folder.path(), &script, LONG);
        hook.set("_acme-challenge.example.com", "a b;$(x)").await.unwrap();
        let said = fs::read_to_string(out).unwrap();
        let (words, names) = said.split_at(said.rfind('>').unwrap() + 1);
        assert_eq!(words, "<set><_acme-challenge.example.com><a b;$(x)>");
        // The shell adds those of its own.
        let known = ["PATH", "HOME", "USER", "LANG", "PWD", "OLDPWD", "SHLVL", "_"];
        let others: Vec<&str> = names.lines().filter(|name| !known.contains(name)).collect();
        assert_eq!(others, Vec::<&str>::new());
        assert!(names.contains("PATH"), "{names}");
    }

    #[tokio::test]
    async fn what_it_says_is_in_the_error_and_limited() {
        let folder = tempfile::tempdir().unwrap();
        let script = "yes 123456789 2>/dev/null | head -c 1000000 >&2; echo 'no such zone' >&2; exit 3";
        let error = hook(folder.path(), script, LONG)
            .remove("a", "b")
            .await
            .unwrap_err();
        let HookError::Failed {
            action, status, said, ..
        } = error
        else {
            panic!("{error:?}");
        };
        assert_eq!((action, status.code()), ("remove", Some(3)));
        assert!(said.len() <= SAID && said.ends_with("789 no such zone"), "{said}");
        let missing = DnsHook {
            program: folder.path().join("none"),
            limit: LONG,
        };
        let error = missing.set("a", "b").await.unwrap_err();
        assert!(matches!(error, HookError::Run { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn one_that_does_not_end_is_killed_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let script = format!("sleep 1000 & echo $! >{}; wait", pid.display());
        let hook = hook(folder.path(), &script, Duration::from_millis(500));
        let error = hook.set("a", "b").await.unwrap_err();
        assert!(matches!(error, HookError::TookTooLong { .. }), "{error:?}");
        let pid = fs::read_to_string(pid).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        let mut pause = Backoff::up_to(Duration::from_millis(50));
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(5) {
            let is_gone = fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
            if is_gone {
                return;
            }
            tokio::time::sleep(pause.take()).await;
        }
        panic!("{stat} is still there");
    }
}
