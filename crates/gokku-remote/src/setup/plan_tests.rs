//! Which steps are made of which facts.

use std::path::{Path, PathBuf};

use insta::assert_snapshot;

use super::*;
use crate::setup::facts::{Account, User};
use crate::setup::step::shown;

pub(crate) fn desired() -> DesiredServer {
    DesiredServer {
        root: ServerRoot::new(Path::new("/opt/gokku")).unwrap(),
        program: Program {
            path: PathBuf::from("/here/gokku"),
            checksum: "5eed".repeat(16),
            size: 9_400_000,
            version: "1.2.3".to_owned(),
            kernel: "Linux".to_owned(),
            machine: "x86_64".to_owned(),
        },
    }
}

/// A server as it comes: root's, with systemd and without Docker.
pub(crate) fn fresh() -> Facts {
    Facts {
        kernel: "Linux".to_owned(),
        machine: "x86_64".to_owned(),
        system: "Debian GNU/Linux 12 (bookworm)".to_owned(),
        user: User {
            name: "root".to_owned(),
            is_root: true,
            refusal: None,
            groups: vec!["root".to_owned()],
        },
        apt: true,
        cron: true,
        systemd: true,
        ..Facts::default()
    }
}

pub(crate) fn ubuntu() -> Facts {
    Facts {
        system: "Ubuntu 24.04.1 LTS".to_owned(),
        sudo: true,
        git: true,
        engine: EngineState::Answers,
        engine_group: Some("docker".to_owned()),
        user: User {
            name: "ubuntu".to_owned(),
            is_root: false,
            refusal: None,
            groups: vec!["ubuntu".to_owned(), "sudo".to_owned()],
        },
        ..fresh()
    }
}

pub(crate) fn done() -> Facts {
    let desired = desired();
    let mut facts = ubuntu();
    facts.user.groups.push("gokku".to_owned());
    Facts {
        program: Some(format!("{} root:root 755", desired.program.checksum)),
        members: Some(vec!["ubuntu".to_owned()]),
        account: Some(Account {
            uid: 998,
            comment: ACCOUNT_COMMENT.to_owned(),
            home: HOME.to_owned(),
            groups: vec!["gokku".to_owned(), "docker".to_owned()],
            keys: 0,
        }),
        root: RootState::Folder {
            owner_and_mode: "gokku:gokku 2750".to_owned(),
            apps: 2,
            other: Vec::new(),
        },
        sudoers: Some(InstalledFile {
            owner_and_mode: "root:root 440".to_owned(),
            text: sudoers(),
        }),
        unit: Some(InstalledFile {
            owner_and_mode: "root:root 644".to_owned(),
            text: unit(&desired.root),
        }),
        enabled: true,
        active: true,
        daemon: Some(812),
        ..facts
    }
}

/// The same without systemd.
pub(crate) fn done_by_cron() -> Facts {
    Facts {
        systemd: false,
        unit: None,
        enabled: false,
        active: false,
        cron_line: Some(InstalledFile {
            owner_and_mode: "root:root 644".to_owned(),
            text: cron_line(&desired().root),
        }),
        ..done()
    }
}

fn steps(facts: &Facts) -> Vec<Step> {
    plan(facts, &desired()).unwrap()
}

fn titles(facts: &Facts) -> String {
    let titles: Vec<String> = steps(facts).into_iter().map(|step| step.title).collect();
    titles.join("\n")
}

fn refusal(facts: &Facts) -> String {
    plan(facts, &desired()).unwrap_err().to_string()
}

#[test]
fn a_fresh_debian_as_root() {
    assert_snapshot!(shown(&steps(&fresh())));
}

#[test]
fn a_fresh_ubuntu_with_sudo() {
    assert_snapshot!(shown(&steps(&ubuntu())));
}

#[test]
fn without_systemd() {
    let facts = Facts {
        systemd: false,
        ..ubuntu()
    };
    assert_snapshot!(shown(&steps(&facts)[6..]));
    let without_cron = Facts {
        cron: false,
        ..facts.clone()
    };
    assert!(!titles(&without_cron).contains("at boot"));
    let root = desired().root;
    assert_snapshot!(
        [notes(&facts, &root), notes(&without_cron, &root)]
            .concat()
            .join("\n")
    );
}

#[test]
fn nothing_is_done_twice() {
    assert_eq!(steps(&done()), []);
    assert_eq!(steps(&done_by_cron()), []);
}

#[test]
fn what_is_half_done_is_finished() {
    let facts = Facts {
        sudoers: None,
        root: RootState::Folder {
            owner_and_mode: "gokku:gokku 755".to_owned(),
            apps: 2,
            other: vec!["notes".to_owned()],
        },
        enabled: false,
        ..done()
    };
    assert_snapshot!(shown(&steps(&facts)));
}

#[test]
fn a_new_version_takes_the_old_ones_place() {
    for facts in [done(), done_by_cron()] {
        let old = Facts {
            program: Some("0 root:root 755".to_owned()),
            ..facts.clone()
        };
        assert_eq!(titles(&old), "Copy gokku 1.2.3\nRenew the traffic switch");
        let copied = Facts { stale: true, ..facts };
        assert_eq!(titles(&copied), "Renew the traffic switch");
    }
}

#[test]
fn a_switch_that_a_deploy_has_started_becomes_the_service() {
    let facts = Facts {
        active: false,
        unit: None,
        enabled: false,
        ..done()
    };
    let steps = steps(&facts);
    assert!(steps[1].script.starts_with("kill 812 "), "{}", shown(&steps));
    assert!(steps[1].changes[1].contains("812"), "{}", shown(&steps));
}

#[test]
fn a_service_that_has_changed_is_restarted() {
    let mut facts = done();
    facts.unit = Some(InstalledFile {
        owner_and_mode: "root:root 644".to_owned(),
        text: format!("{}# more\n", unit(&desired().root)),
    });
    assert_eq!(
        titles(&facts),
        "Make the traffic switch a service\nRestart the traffic switch"
    );
}

#[test]
fn an_empty_folder_of_roots_is_given_over() {
    let facts = Facts {
        root: RootState::Folder {
            owner_and_mode: "root:root 755".to_owned(),
            apps: 0,
            other: Vec::new(),
        },
        ..done()
    };
    assert_snapshot!(shown(&steps(&facts)));
}

#[test]
fn what_stands_in_the_way_is_said() {
    let folder = |apps, other: &[&str]| RootState::Folder {
        owner_and_mode: "deploy:deploy 755".to_owned(),
        apps,
        other: other.iter().map(|name| (*name).to_owned()).collect(),
    };
    let account = |uid, home: &str| {
        Some(Account {
            uid,
            home: home.to_owned(),
            ..Account::default()
        })
    };
    let other_root = ServerRoot::new(Path::new("/srv/gokku")).unwrap();
    let refused = [
        Facts {
            kernel: "FreeBSD".to_owned(),
            ..fresh()
        },
        Facts {
            machine: "aarch64".to_owned(),
            ..fresh()
        },
        Facts {
            user: User {
                refusal: Some("sudo: a password is required".to_owned()),
                ..ubuntu().user
            },
            ..ubuntu()
        },
        Facts {
            lacks: vec!["useradd".to_owned(), "runuser".to_owned()],
            ..fresh()
        },
        Facts {
            apt: false,
            ..fresh()
        },
        Facts {
            engine: EngineState::Silent,
            systemd: false,
            ..ubuntu()
        },
        Facts {
            engine_group: Some("root".to_owned()),
            ..ubuntu()
        },
        Facts {
            account: account(0, "/root"),
            ..ubuntu()
        },
        Facts {
            account: account(1001, "/opt/gokku"),
            ..ubuntu()
        },
        Facts {
            root: RootState::NotAFolder("a symbolic link".to_owned()),
            ..ubuntu()
        },
        Facts {
            root: folder(0, &["letters", "photos"]),
            ..ubuntu()
        },
        Facts {
            root: folder(3, &[]),
            ..ubuntu()
        },
        Facts {
            unit: Some(InstalledFile {
                owner_and_mode: "root:root 644".to_owned(),
                text: unit(&other_root),
            }),
            ..ubuntu()
        },
    ];
    assert_snapshot!(refused.iter().map(refusal).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_user_s_name_is_one_word_of_a_shell() {
    let mut facts = ubuntu();
    facts.user.name = "DOM\\ada; rm -rf '/'".to_owned();
    let step = &steps(&facts)[2];
    let words = shlex::split(step.script.trim_end()).unwrap();
    assert_eq!(words[3..], ["gokku", "DOM\\ada; rm -rf '/'"], "{}", step.script);
}
