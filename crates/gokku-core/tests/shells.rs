//! What the core makes of command lines, run by real shells: the program is the process that the shell was, and gets what the
//! line says, in each of them.
#![allow(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "the shells are real")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use gokku_core::config::procfile;
use gokku_core::text::shell::in_its_place;

/// Says which process it is, and what it got.
const PROBE: &str = "#!/bin/sh
echo \"process $$\"
echo \"A=$A B=$B\"
for word; do echo \"[$word]\"; done
echo trouble >&2
";

/// Lines that are one program. Each is also run as it is, and has to say the same.
const LINES: [&str; 21] = [
    "probe plain 'two words' \\$A",
    "A=1 probe",
    "A=1 B=$A probe \"$A\"",
    "A='x  y' B=\"$HOME\" probe $HOME",
    "A=$(echo 'q  r'; echo s) probe $(echo one two)",
    "A=~ probe ~",
    "probe --workers $(echo \"a;b\" | cat) `echo \\`echo c\\``",
    "probe \"$(echo \"d)\" ')' \\) '(')\" $((1 + (2)))",
    "probe ${NOT_SET:-e f} \"${NOT_SET:-i  t}\" ${NOT_SET-'g  h'}",
    ">&2 A=1 probe",
    "A=1 2>/dev/null probe </dev/null",
    "probe i 2>&1",
    "PATH=$PATH:. A=2 probe",
    "$NOT_SET probe j",
    "$PROBE $PROBE",
    "env A=3 probe",
    "A=4 env B=5 probe k",
    "probe l # it's; a comment",
    "probe m;",
    "probe [pr]robe pro?e *obe",
    "p'r'o\"be\" 'n;o' \"p|q\" r\\&s t=u",
];

/// Runs a script, and tells whether what it ran was the shell's own process, and what was said.
fn run(shell: &str, script: &str, folder: &Path) -> (bool, String) {
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let child = Command::new(shell)
        .args(["-c", script])
        .env_clear()
        .envs([
            ("PATH", path.as_str()),
            ("HOME", "/home of nobody"),
            ("PROBE", "probe"),
        ])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let process = format!("process {}", child.id());
    let Output { stdout, stderr, .. } = child.wait_with_output().unwrap();
    let said = [stdout, stderr]
        .map(|bytes| String::from_utf8(bytes).unwrap())
        .join("\n--\n");
    let is_process = |line: &str| line.starts_with("process ");
    let is_the_shells = said.lines().any(|line| line == process);
    assert!(
        said.lines().any(is_process),
        "{shell} -c {script:?} ran nothing: {said}"
    );
    let rest: Vec<&str> = said.lines().filter(|line| !is_process(line)).collect();
    (is_the_shells, rest.join("\n"))
}

/// A folder of a test's own, with the probe in it.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let probe = folder.join("probe");
    std::fs::write(&probe, PROBE).unwrap();
    std::fs::set_permissions(&probe, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// dash leaves its place to nobody by itself, bash to some: with `exec` where the core puts it both do, and nothing else is
/// different.
#[test]
fn one_program_takes_the_place_of_every_shell() {
    let folder = folder("takes-the-place");
    let mut stayed = 0;
    for shell in ["dash", "bash"] {
        for line in LINES {
            let script = in_its_place(line).unwrap_or_else(|| panic!("{line:?} is one program"));
            let (as_it_is, with_exec) = (run(shell, line, &folder), run(shell, &script, &folder));
            assert_eq!(with_exec, (true, as_it_is.1), "{shell}: {line:?} as {script:?}");
            stayed += usize::from(!as_it_is.0);
        }
    }
    assert!(stayed >= LINES.len(), "{stayed} lines were in need of it");
}

/// What a Procfile's line is run as says the same as the line in a shell.
#[test]
fn commands_are_run_as_a_shell_would() {
    let folder = folder("as-a-shell-would");
    for line in LINES.into_iter().chain([
        "A=1; probe $A",
        "cd . && probe x",
        "exec probe y",
        "A=6 exec probe",
    ]) {
        let command: procfile::Command = line.parse().unwrap();
        let words = command.words();
        let (_, said) = run("dash", line, &folder);
        match words {
            [sh, option, script] if sh == "/bin/sh" && option == "-c" => {
                assert_eq!(run("dash", script, &folder).1, said, "{line:?}");
            }
            words => {
                let mut direct = vec!["\"$@\"".to_owned(), "sh".to_owned()];
                direct.extend_from_slice(words);
                let path = format!("{}:/usr/bin:/bin", folder.display());
                let output = Command::new("dash")
                    .arg("-c")
                    .args(direct)
                    .env("PATH", path)
                    .output()
                    .unwrap();
                let text = String::from_utf8(output.stdout).unwrap();
                let words: Vec<&str> = text.lines().filter(|line| line.starts_with('[')).collect();
                let wanted: Vec<&str> = said.lines().filter(|line| line.starts_with('[')).collect();
                assert_eq!(words, wanted, "{line:?}");
            }
        }
    }
}
