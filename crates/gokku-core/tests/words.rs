//! Properties of the words: names, ids, and what retention keeps.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use gokku_core::release::record::{Outcome, Record};
use gokku_core::release::retention::{Found, Keep, RECORDS, going, rollback_target};
use gokku_core::{AppName, CommitId, EnvironmentName, ProcessKey, ProcessType, ReleaseId, Slot};
use proptest::prelude::*;

fn record(seconds: i64, outcome: Outcome) -> Record {
    Record {
        outcome,
        ..Record::begun(ReleaseId::at(seconds))
    }
}

#[test]
fn names_that_are_refused_and_why() {
    let wrong = |name: &str| name.parse::<AppName>().unwrap_err().to_string();
    insta::assert_snapshot!(wrong(""), @"a name is needed: lower-case letters, digits and dashes, at most 40");
    insta::assert_snapshot!(wrong("Api"), @r#""Api" has 'A' in it: a name is lower-case letters, digits and dashes"#);
    insta::assert_snapshot!(wrong("../x"), @r#""../x" has '.' in it: a name is lower-case letters, digits and dashes"#);
    insta::assert_snapshot!(wrong("-a"), @r#""-a" starts or ends with a dash: a name starts and ends with a letter or digit"#);
    insta::assert_snapshot!(wrong("a-green"), @r#""a-green" ends like a container's name: choose one that does not end in -blue or -green"#);
    insta::assert_snapshot!(wrong(&"a".repeat(41)), @r#""aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" is too long: a name has at most 40 characters"#);
    for good in ["a", "api", "a1-b2", &"a".repeat(40), "blue", "green-app"] {
        assert!(good.parse::<AppName>().is_ok(), "{good}");
    }
    assert!("a-blue".parse::<EnvironmentName>().is_ok());
}

#[test]
fn p11_container_names_are_exact() {
    let (api, web): (AppName, _) = ("api".parse().unwrap(), ProcessKey::first_web());
    assert_eq!(Slot::Blue.container_name(&api, &web), "api-blue");
    assert_eq!(Slot::Green.container_name(&api, &web), "api-green");
    assert_eq!(Slot::of_container("api-green", &api, &web), Some(Slot::Green));
    assert_eq!(Slot::of_container("api-green-2", &api, &web), None);
    assert_eq!(Slot::of_container("myapi-green", &api, &web), None);
}

#[test]
fn release_ids_that_are_none() {
    for bad in [
        "",
        "20240115",
        "20240115-1130",
        "20241315-113000",
        "20240230-113000",
        "20240115-243000",
        "../../etc/passwd",
        "2024011５-11300",
    ] {
        assert!(bad.parse::<ReleaseId>().is_err(), "{bad}");
    }
    let id: ReleaseId = "20240115-113000".parse().unwrap();
    assert_eq!(id.seconds(), 1_705_318_200);
    assert_eq!(id.following().to_string(), "20240115-113001");
}

#[test]
fn commits_that_are_none() {
    for bad in [
        "",
        "abc",
        "HEAD",
        &"g".repeat(40),
        &"A".repeat(40),
        "--upload-pack=x",
    ] {
        assert!(bad.parse::<CommitId>().is_err(), "{bad}");
    }
}

fn container_name() -> impl Strategy<Value = (AppName, Slot, ProcessKey)> {
    let word = || proptest::sample::select(vec!["a", "blue", "green", "web", "1", "2", "x1"]);
    let app = proptest::collection::vec(word(), 1..6)
        .prop_map(|words| words.join("-"))
        .prop_filter_map("a name", |name| name.parse().ok());
    let slot = proptest::sample::select(vec![Slot::Blue, Slot::Green]);
    let word = proptest::sample::select(vec!["web", "a", "blue", "green", "x1", "2", "A", "_"]);
    let kind = proptest::collection::vec(word, 1..4).prop_map(|words| words.join("-"));
    let process = (kind, 1_u16..3).prop_map(|(kind, number)| format!("{kind}-{number}").parse().unwrap());
    (app, slot, process)
}

/// What a container's name says, read from its end.
fn read(name: &str) -> (String, Slot, String) {
    let slot = |word: &str| {
        [Slot::Blue, Slot::Green]
            .into_iter()
            .find(|slot| slot.as_str() == word)
    };
    let (before, number) = name.rsplit_once('-').unwrap();
    if let Some(slot) = slot(number) {
        return (before.to_owned(), slot, "web-1".to_owned());
    }
    let words: Vec<&str> = before.split('-').collect();
    // The type is at least one word.
    let at = words[..words.len() - 1]
        .iter()
        .rposition(|word| slot(word).is_some())
        .unwrap();
    let kind = words[at + 1..].join("-").replace('.', "-");
    (
        words[..at].join("-"),
        slot(words[at]).unwrap(),
        format!("{kind}-{number}"),
    )
}

/// Every name there can be of some words between dashes, colours and numbers among them.
#[test]
fn container_names_have_one_reading_each() {
    let joined = |words: &[&str], most: usize| {
        let mut all: Vec<String> = Vec::new();
        let mut last = vec![String::new()];
        for _ in 0..most {
            let longer = |before: &String| {
                let begin = if before.is_empty() {
                    String::new()
                } else {
                    format!("{before}-")
                };
                words
                    .iter()
                    .map(move |word| format!("{begin}{word}"))
                    .collect::<Vec<_>>()
            };
            last = last.iter().flat_map(longer).collect();
            all.extend_from_slice(&last);
        }
        all
    };
    let apps = joined(&["a", "blue", "green", "1"], 4);
    let apps: Vec<AppName> = apps.iter().filter_map(|name| name.parse().ok()).collect();
    let kinds = joined(&["web", "blue", "green", "1"], 3);
    let mut seen = BTreeSet::new();
    let mut count = 0;
    for app in &apps {
        for kind in kinds
            .iter()
            .map(String::as_str)
            .chain(["Blue", "a_blue", "blue_", "_-blue", "a--", "a--1"])
        {
            for process in kind.parse::<ProcessType>().unwrap().numbered(2) {
                for slot in [Slot::Blue, Slot::Green] {
                    let name = slot.container_name(app, &process);
                    assert_eq!(
                        read(&name),
                        (app.to_string(), slot, process.to_string()),
                        "{name}"
                    );
                    // What the engine takes.
                    assert!(
                        name.chars()
                            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)),
                        "{name}"
                    );
                    seen.insert(name);
                    count += 1;
                }
            }
        }
    }
    assert_eq!(seen.len(), count);
    assert!(count > 50_000, "{count}");
}

#[test]
fn container_names_that_people_know_stay() {
    let app: AppName = "api".parse().unwrap();
    for (process, name) in [
        ("web-1", "api-blue"),
        ("web-2", "api-blue-web-2"),
        ("worker-1", "api-blue-worker-1"),
        ("blue-1", "api-blue-blue-1"),
        ("my-worker-1", "api-blue-my-worker-1"),
        ("SIDEKIQ_high-12", "api-blue-SIDEKIQ_high-12"),
        ("worker-2-1", "api-blue-worker-2-1"),
        ("jobs-blue-1", "api-blue-jobs.blue-1"),
    ] {
        assert_eq!(Slot::Blue.container_name(&app, &process.parse().unwrap()), name);
    }
}

#[test]
fn what_is_typed_means_a_process_that_is_there() {
    let key = |text: &str| text.parse::<ProcessKey>().unwrap();
    let there = |all: &[&str]| all.iter().map(|text| key(text)).collect::<BTreeSet<_>>();
    for (typed, all, meant) in [
        ("worker-2", &["web-1", "worker-1", "worker-2"][..], "worker-2"),
        ("worker-2", &["worker-1", "worker-2", "worker-2-1"], "worker-2"),
        ("worker-2", &["worker-1", "worker-2-1"], "worker-2-1"),
        ("worker-2", &["worker-1"], "worker-2"),
        ("worker-2-1", &["worker-2-1"], "worker-2-1"),
    ] {
        assert_eq!(
            *key(typed).resolve_in(&there(all)),
            key(meant),
            "{typed} of {all:?}"
        );
    }
}

#[test]
fn process_types_are_herokus() {
    for good in [
        "web",
        "Web",
        "WORKER",
        "my-worker",
        "my_worker",
        "1",
        "2nd",
        "_",
        "a-",
        "worker-1",
        &"a".repeat(63),
    ] {
        assert_eq!(good.parse::<ProcessType>().unwrap().as_str(), good);
    }
    for bad in [
        "",
        "-",
        "-a",
        "a b",
        "a.b",
        "a/b",
        "é",
        "a\n",
        "\u{feff}web",
        &"a".repeat(64),
    ] {
        assert!(bad.parse::<ProcessType>().is_err(), "{bad}");
    }
    // Traffic goes to one of them.
    assert!(!"Web".parse::<ProcessType>().unwrap().is_web());
    for bad in [
        "web",
        "web-",
        "web-0",
        "web-01",
        "web-65536",
        "-1",
        "web-+1",
        "web--1x",
    ] {
        assert!(bad.parse::<ProcessKey>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn a_name_is_what_its_pattern_says(name in "[a-zA-Z0-9./-]{0,45}") {
        let edges = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let good = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && edges(name.chars().next()) && edges(name.chars().last()) && name.len() <= 40;
        prop_assert_eq!(name.parse::<EnvironmentName>().is_ok(), good);
        let slot = name.ends_with("-blue") || name.ends_with("-green");
        prop_assert_eq!(name.parse::<AppName>().is_ok(), good && !slot);
    }

    #[test]
    fn release_ids_order_as_their_text_does(a in 0_i64..253_402_300_799, b in 0_i64..253_402_300_799) {
        let (a, b) = (ReleaseId::at(a), ReleaseId::at(b));
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        prop_assert_eq!(a.to_string().parse::<ReleaseId>().unwrap(), a);
        prop_assert!(a.following() > a);
    }

    #[test]
    fn any_text_is_a_release_id_only_if_it_prints_the_same(text in "[0-9]{8}-[0-9]{6}") {
        if let Ok(id) = text.parse::<ReleaseId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn processes_round_trip(kind in "[A-Za-z0-9_][A-Za-z0-9_-]{0,62}", number in 1_u16..) {
        let text = format!("{kind}-{number}");
        prop_assert_eq!(text.parse::<ProcessKey>().unwrap().to_string(), text);
        let zero = format!("{kind}-0");
        prop_assert!(zero.parse::<ProcessKey>().is_err());
    }

    /// Every container's name has one reading, so that no two apps can want the same one; the parts are chosen so that
    /// names are alike.
    #[test]
    fn container_names_have_one_reading(one in container_name(), other in container_name()) {
        let name = |(app, slot, process): &(AppName, Slot, ProcessKey)| slot.container_name(app, process);
        prop_assert_eq!(name(&one) == name(&other), one == other, "{}", name(&one));
        prop_assert_eq!(Slot::of_container(&name(&one), &one.0, &one.2), Some(one.1));
        prop_assert_eq!(read(&name(&one)), (one.0.to_string(), one.1, one.2.to_string()));
    }

    #[test]
    fn p32_retention_never_takes_the_active_or_the_rollback_target(
        outcomes in proptest::collection::vec(0_u8..5, 0..30), active in 0_usize..30, images in 1_usize..8,
        releases in proptest::option::of(1_usize..20), there in proptest::collection::vec(any::<(bool, bool)>(), 35),
    ) {
        let outcomes = outcomes.into_iter().map(|kind| match kind {
            0 | 1 => Outcome::Good,
            2 => Outcome::Failed,
            3 => Outcome::Pruned,
            _ => Outcome::Unfinished,
        });
        let records: Vec<Record> = (0..).zip(outcomes).map(|(at, outcome)| record(at, outcome)).collect();
        let active = records.get(active).map(|record| record.id);
        let keep = Keep { images, releases };
        // Also what no record is of.
        let found = |pick: fn(&(bool, bool)) -> bool| -> BTreeSet<ReleaseId> {
            (0..).zip(&there).filter(|(_, there)| pick(there)).map(|(at, _)| ReleaseId::at(at)).collect()
        };
        let found = Found { images: found(|there| there.0), code: found(|there| there.1) };
        let gone = going(&records, active, keep, &found);
        prop_assert!(gone.images.is_subset(&found.images) && gone.code.is_subset(&found.code));
        let held = active.into_iter().chain(active.and_then(|active| rollback_target(&records, active)));
        for id in held {
            prop_assert!(!gone.images.contains(&id) && !gone.code.contains(&id) && !gone.records.contains(&id), "{id}");
        }
        let with = |wanted: fn(Outcome) -> bool| -> Vec<ReleaseId> {
            records.iter().filter(|record| wanted(record.outcome)).map(|record| record.id).collect()
        };
        let good = with(|outcome| outcome == Outcome::Good);
        let kept = images.min(releases.unwrap_or(images));
        for id in good.iter().rev().take(kept) {
            prop_assert!(!gone.images.contains(id) && !gone.code.contains(id), "one of the newest: {id}");
        }
        for id in good.iter().rev().skip(kept).filter(|id| Some(**id) != active) {
            let is_target = active.and_then(|active| rollback_target(&records, active)) == Some(*id);
            prop_assert!(is_target || !found.images.contains(id) || gone.images.contains(id), "an old one stays: {id}");
        }
        // Nothing of what failed, was never finished or has no record.
        let once_good = with(|outcome| matches!(outcome, Outcome::Good | Outcome::Pruned));
        for id in found.code.iter().filter(|id| Some(**id) != active && !once_good.contains(id)) {
            prop_assert!(gone.code.contains(id));
        }
        // Who cannot be gone back to may have code, and who can has it.
        let stays: Vec<_> = once_good.iter().filter(|id| found.code.contains(id) && !gone.code.contains(id)).collect();
        prop_assert!(stays.len() <= kept.max(releases.unwrap_or(images)) + kept + 2);
        let most = releases.unwrap_or(RECORDS);
        for (age, record) in records.iter().rev().enumerate() {
            let over = matches!(record.outcome, Outcome::Failed | Outcome::Pruned) && Some(record.id) != active;
            prop_assert_eq!(gone.records.contains(&record.id), over && age >= most);
        }
    }
}
