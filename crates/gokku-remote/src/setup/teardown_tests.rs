//! Which steps are made of which facts.

use insta::assert_snapshot;

use super::*;
use crate::setup::plan::tests::{desired, done, done_by_cron, ubuntu};
use crate::setup::step::shown;

fn steps(facts: &Facts, data: bool) -> String {
    shown(&plan(facts, &desired(), data).unwrap())
}

#[test]
fn what_setting_up_made_goes_and_data_stays() {
    let mut facts = done();
    facts.account.as_mut().unwrap().keys = 2;
    assert_snapshot!(steps(&facts, false));
    assert_snapshot!(notes(&facts, &desired(), false).join("\n"));
}

#[test]
fn without_systemd_the_process_and_cron_s_line_go() {
    let first = plan(&done_by_cron(), &desired(), false).unwrap().remove(0);
    assert_eq!(first.changes[1..], ["removes /etc/cron.d/gokku"]);
    assert!(first.script.starts_with("rm -f /etc/cron.d/gokku\nkill 812 "));
}

#[test]
fn data_goes_when_that_is_said() {
    // After a teardown that left it: the program is gone.
    let facts = Facts {
        program: None,
        sudoers: None,
        members: Some(Vec::new()),
        daemon: None,
        unit: None,
        ..done()
    };
    assert_snapshot!(steps(&facts, true));
}

#[test]
fn nothing_is_removed_twice_nor_what_others_made() {
    assert_eq!(plan(&ubuntu(), &desired(), true).unwrap(), []);
    let mut facts = ubuntu();
    facts.account = done().account;
    if let Some(account) = &mut facts.account {
        account.comment = "Gokku the cat".to_owned();
        account.groups.truncate(1);
    }
    assert_eq!(plan(&facts, &desired(), true).unwrap(), []);
    let theirs = Facts {
        root: RootState::Folder {
            owner_and_mode: "deploy:deploy 755".to_owned(),
            apps: 1,
            other: Vec::new(),
        },
        ..facts
    };
    assert_eq!(plan(&theirs, &desired(), false).unwrap(), []);
    plan(&theirs, &desired(), true).unwrap_err();
}
