//! What the scripts print is read, and nothing that anybody else prints.

use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::*;
use crate::setup::fact_lines::mark;

const MARK: &str = "0123";

fn parse(text: &str) -> Result<Facts, FactsError> {
    Facts::parse(&text.replace("fact ", "fact 0123 "), MARK)
}

#[test]
fn what_the_scripts_print_is_read() {
    let facts = parse(
        "Welcome!\nfact kernel=Linux\nfact machine=x86_64\nfact user=ada\nfact uid=1000\nfact sudo=yes\nfact probed=yes\n\
         fact has=git\nfact has=sudo\nfact engine.group=docker\nfact engine=answers\nfact group=ada,bob\n\
         fact account.uid=998\nfact account.comment=made\nfact account.home=/var/lib/gokku\n\
         fact account.groups=gokku docker\nfact keys=2\nfact root=folder\nfact root.is=gokku:gokku 2750\n\
         fact root.apps=3\nfact sudoers=root:root 440\nfact sudoers.line=%gokku a=b\nfact sudoers.line=\n\
         fact system:446562c3ad616e\nfact end=yes\n",
    )
    .unwrap();
    assert_eq!(
        (facts.user.name.as_str(), facts.system.as_str()),
        ("ada", "Debían")
    );
    assert!(!facts.user.is_root && facts.user.refusal.is_none());
    assert!(facts.git && facts.sudo && !facts.apt);
    assert_eq!(facts.members, Some(vec!["ada".to_owned(), "bob".to_owned()]));
    assert_eq!(facts.account.unwrap().groups, ["gokku", "docker"]);
    assert_eq!(facts.sudoers.unwrap().text, "%gokku a=b\n\n");
    let RootState::Folder { apps: 3, other, .. } = facts.root else {
        panic!()
    };
    assert!(other.is_empty());
}

#[test]
fn half_an_answer_is_none() {
    for text in [
        "",
        "This account is not available.\n",
        "fact user=ada\nfact probed=yes\nfact has=git\n",
    ] {
        parse(text).unwrap_err();
    }
}

#[test]
fn what_the_scripts_do_not_print_is_no_fact() {
    let whole = "fact user=ada\nfact uid=0\nfact probed=yes\nfact end=yes\n";
    assert_eq!(parse(whole).unwrap().daemon, None);
    // Said by anybody else: the mark is not known there.
    for other in [
        "fact daemon=1",
        "fact 9999 daemon=1",
        " fact 0123 daemon=1",
        "x fact 0123 daemon=1",
    ] {
        let printed = format!("{other}\n{}{other}\n", whole.replace("fact ", "fact 0123 "));
        assert_eq!(Facts::parse(&printed, MARK).unwrap().daemon, None, "{other:?}");
    }
    // With the mark, and not as the scripts say it: then nothing of it is believed.
    for odd in [
        "fact end=yes",
        "fact uid=1000",
        "fact nonsense=1",
        "fact daemon",
        "fact =1",
        "fact daemon=1\u{7f}",
        "fact system:",
        "fact system:4",
        "fact system:4x",
        "fact system=Debían",
    ] {
        parse(&format!("{whole}{odd}\n")).unwrap_err();
    }
}

/// What `facts.sh` says of a folder.
fn ask(shell: &str, root: &std::path::Path) -> Facts {
    let mark = mark();
    let mut printed = String::new();
    for (script, words) in [
        (PROBE, vec![mark.as_str()]),
        (FACTS, vec![root.to_str().unwrap(), "root", &mark]),
    ] {
        let mut child = Command::new(shell)
            .args(["-s", "--"])
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        printed.push_str(&String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap());
    }
    Facts::parse(&printed, &mark).unwrap()
}

#[test]
fn no_name_of_a_file_is_a_fact() {
    let folder = tempfile::tempdir().unwrap();
    let names = [
        "x\nfact end=yes\nfact daemon=1\n",
        "y\r\nfact daemon=1",
        "z'$(touch mark)\\n%s",
        "ü\u{1b}[2J",
        "=:",
    ];
    for name in names {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    for shell in ["sh", "bash"] {
        let facts = ask(shell, folder.path());
        assert_eq!(facts.daemon, None);
        let RootState::Folder { mut other, .. } = facts.root else {
            panic!("no folder: {:?}", facts.root)
        };
        other.sort();
        let mut expected = names.map(str::to_owned);
        expected.sort();
        assert_eq!(other, expected, "{shell}");
    }
}

/// Whoever has a user on the machine may call a process as the daemon is called, and set up ends the daemon as root.
#[test]
fn a_process_of_another_user_is_not_the_daemon() {
    let folder = tempfile::tempdir().unwrap();
    assert!(
        rustix::process::geteuid().is_root(),
        "this test acts as other users: run the tests as root"
    );
    let run_as = |uid: u32| {
        Command::new("sh")
            .arg0("/usr/local/bin/gokku")
            .args(["-c", "cat; :", "proxy", "run", "--root"])
            .arg(folder.path())
            .uid(uid)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap()
    };
    for (owner, forger) in [(0, 65_534), (65_533, 65_534)] {
        std::os::unix::fs::chown(folder.path(), Some(owner), None).unwrap();
        let mut forged = run_as(forger);
        assert_eq!(ask("sh", folder.path()).daemon, None);
        let mut real = run_as(owner);
        assert_eq!(ask("sh", folder.path()).daemon, Some(real.id()));
        for child in [&mut forged, &mut real] {
            drop(child.stdin.take());
            child.wait().unwrap();
        }
    }
}
