//! How git is run: never through a shell, its words in English, and as nobody: it obeys the repository's configuration
//! and what is said here, and neither a user's, nor the machine's, nor the environment.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use crate::error::Error;

/// By these git tells a hook where the pushed objects are, which no ref names yet (githooks(5), pre-receive), and which of
/// them have no parents here.
pub(crate) const QUARANTINE: [&str; 4] = [
    "GIT_QUARANTINE_PATH",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_SHALLOW_FILE",
];

/// What every git of gokku's has in its environment. Each name is in git(1), gitattributes(5) or git-config(1).
const NOBODY: [(&str, &str); 6] = [
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    // What runs is the commit that is recorded: not what `refs/replace` or a grafts file has instead of it.
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_GRAFT_FILE", "/dev/null"),
    // An object that is missing is missing: no other repository is asked for it.
    ("GIT_NO_LAZY_FETCH", "1"),
];

/// Whether this process is a hook's, before its push is accepted.
pub(crate) fn in_quarantine() -> bool {
    env::var_os(QUARANTINE[0]).is_some()
}

/// Takes everybody's configuration away from a git command, and every `GIT_*` but `kept`.
pub(crate) fn as_nobody(command: &mut Command, kept: &[&str]) {
    for (name, _) in env::vars_os() {
        let is_gits = name.as_encoded_bytes().starts_with(b"GIT_");
        if is_gits && !kept.iter().any(|kept| name == *kept) {
            command.env_remove(name);
        }
    }
    command.envs(NOBODY);
    // The repository may belong to the user who pushes while root deploys: that is how it is meant.
    command.args(["-c", "safe.directory=*"]);
}

/// A git command that is not in a repository.
pub(crate) fn git_anywhere() -> Command {
    let mut command = Command::new("git");
    as_nobody(&mut command, if in_quarantine() { &QUARANTINE } else { &[] });
    quiet(&mut command);
    // Before 2.32 git knew no GIT_CONFIG_GLOBAL, and looked there.
    command.env("HOME", "/dev/null").env_remove("XDG_CONFIG_HOME");
    command
}

/// A git command in a bare repository.
pub(crate) fn git(repository: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = git_anywhere();
    // Its hooks, from wherever the command is run; the repository's own configuration says it relative to itself.
    let mut hooks = OsString::from("core.hooksPath=");
    hooks.push(absolute(repository).join("hooks"));
    command.arg("-c").arg(hooks);
    for said in ["core.attributesFile=/dev/null", "color.ui=false"] {
        command.args(["-c", said]);
    }
    command.arg("--git-dir").arg(repository).args(args);
    command
}

/// A path that means the same from everywhere.
pub(crate) fn absolute(path: &Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Asks nothing, and says what it says to us and in English.
pub(crate) fn quiet(command: &mut Command) -> &mut Command {
    command
        .env("LC_MESSAGES", "C")
        .env("LC_ALL", "C.UTF-8")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
}

/// The command's first words, for errors: git's own options are left out.
pub(crate) fn words(command: &Command) -> String {
    let mut args = command.get_args().map(OsStr::to_string_lossy);
    let mut words = Vec::new();
    while let Some(word) = args.next() {
        if words.is_empty() && matches!(&*word, "-c" | "-C" | "--git-dir" | "--work-tree") {
            args.next();
        } else {
            words.push(word);
        }
    }
    words.truncate(2);
    words.join(" ")
}

pub(crate) fn spawn(command: &mut Command) -> Result<Child, Error> {
    command.spawn().map_err(Error::Missing)
}

/// The largest answer that is taken into memory, in bytes; what may be longer is read as it comes, with [`converse`].
const LONGEST_ANSWER: u64 = 64 << 20;
/// How much of git's words is kept: their end.
const WORDS: usize = 64 * 1024;

/// Runs it to its end, whatever its exit code.
pub(crate) fn output(command: &mut Command) -> Result<Output, Error> {
    let mut child = spawn(command)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (answer, told) = std::thread::scope(|scope| {
        let told = scope.spawn(move || stderr.map(last_words).unwrap_or_default());
        let mut answer = Vec::new();
        let read = stdout.map(|stdout| stdout.take(LONGEST_ANSWER + 1).read_to_end(&mut answer));
        // Who reads no further lets it end.
        (read.transpose().map(|_| answer), told.join().unwrap_or_default())
    });
    let status = child.wait().map_err(Error::Missing)?;
    let answer = answer.map_err(Error::Missing)?;
    if u64::try_from(answer.len()).is_ok_and(|length| length > LONGEST_ANSWER) {
        return Err(Error::Answer {
            command: words(command),
            answer: format!("more than {} MB", LONGEST_ANSWER >> 20),
        });
    }
    Ok(Output {
        status,
        stdout: answer,
        stderr: told,
    })
}

/// The end of what git says, to its last word: it must not wait because nobody listens.
pub(crate) fn last_words(mut stderr: impl Read) -> Vec<u8> {
    let mut told = Vec::new();
    let mut piece = [0; 8 * 1024];
    while let Ok(read @ 1..) = stderr.read(&mut piece) {
        told.extend_from_slice(&piece[..read]);
        let beyond = told.len().saturating_sub(WORDS);
        told.drain(..beyond);
    }
    told
}

/// Runs it, and fails when it does.
pub(crate) fn run(command: &mut Command) -> Result<Vec<u8>, Error> {
    let output = output(command)?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(failed(&words(command), &output.stderr))
    }
}

/// Runs it with much on its standard input, while `read` reads what it answers; fails when it does.
pub(crate) fn converse<T>(
    command: &mut Command,
    input: Vec<u8>,
    read: impl FnOnce(BufReader<ChildStdout>) -> io::Result<T>,
) -> Result<T, Error> {
    let mut child = spawn(command.stdin(Stdio::piped()))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (answer, told) = std::thread::scope(|scope| {
        // One that has ended takes no more, and says why by itself.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(&input)));
        let told = scope.spawn(move || stderr.map(last_words).unwrap_or_default());
        let answer = stdout.map(|stdout| read(BufReader::with_capacity(128 * 1024, stdout)));
        (answer, told.join().unwrap_or_default())
    });
    if !child.wait().map_err(Error::Missing)?.success() {
        return Err(failed(&words(command), &told));
    }
    match answer {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(error)) => Err(Error::Answer {
            command: words(command),
            answer: error.to_string(),
        }),
        None => Err(failed(&words(command), &told)),
    }
}

/// git's last words, as the error they are.
pub(crate) fn failed(command: &str, stderr: &[u8]) -> Error {
    let text = String::from_utf8_lossy(stderr);
    // After an empty line git gives advice to whoever sits before it.
    let text = text.trim_start().split("\n\n").next().unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.strip_prefix("fatal: ").unwrap_or(line).trim_end())
        .filter(|line| !line.is_empty())
        .collect();
    let message = lines[lines.len().saturating_sub(3)..].join("; ");
    Error::Failed {
        command: command.to_owned(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_command_and_not_what_it_always_has() {
        let command = git(Path::new("/r/api.git"), ["ls-tree", "-r", "-z", "main"]);
        assert_eq!(words(&command), "ls-tree -r");
    }
}
