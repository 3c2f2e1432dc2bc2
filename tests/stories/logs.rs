//! What the app prints: P19.

use std::collections::BTreeMap;

use gokku_tests::{App, Engine, HeldRequest, Output, PATIENCE, Running, Server, wait_until};
use serde_json::Value;

/// P19: follows the active container, and goes on across deploys.
#[test]
fn p19_following_goes_on_across_a_deploy() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let logs = server.start_gokku(api.named(["logs", "-f"]));
    logs.wait_for("version v1 starts");
    api.get("/log?line=first-line").unwrap();
    logs.wait_for("first-line");
    dev.release("v2").ok();
    logs.wait_for("version v2 starts");
    api.get("/log?line=second-line").unwrap();
    logs.wait_for("second-line");
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    // A container's log goes with it: this one is there for as long as nobody deploys.
    wait_until("the changed environment's container", PATIENCE, || {
        let told = logs.stderr();
        let headings = told.lines().filter(|line| line.starts_with("----->"));
        (headings.count() == 3).then_some(())
    });
    dev.release("v3").ok();
    logs.wait_for("version v3 starts");
    api.gokku(["rollback"]).ok();
    api.get("/log?line=third-line").unwrap();
    logs.wait_for("third-line");
    // A shell may have left SIGINT to be ignored.
    logs.signal("TERM");
    let told = logs.wait();
    for line in ["first-line", "second-line", "third-line", "version v3 starts"] {
        assert_eq!(told.stdout.matches(line).count(), 1, "{line}: {told}");
    }
    // Which container is shown is told apart from what it says: each once.
    let name = api.name();
    let headings: Vec<&str> = told
        .stderr
        .lines()
        .filter(|line| line.starts_with("----->"))
        .collect();
    assert_eq!(headings.len(), 5, "{told}");
    let first = format!("-----> {name}: release ");
    let releases: Vec<&str> = headings
        .iter()
        .map(|line| line.strip_prefix(&first).unwrap().split_once(' ').unwrap())
        .map(|(release, container)| {
            assert!(
                [format!("({})", api.blue()), format!("({})", api.green())].contains(&container.to_owned()),
                "{told}"
            );
            release
        })
        .collect();
    assert_eq!(
        releases[1], releases[2],
        "a changed environment is no release: {told}"
    );
    assert_eq!(releases[4], releases[1], "{told}");
    assert!(releases[0] < releases[1] && releases[1] < releases[3], "{told}");
    // What was printed already ends, and is not told of; nor is anyone who is quiet.
    let ended = api.gokku(["logs"]).ok();
    assert!(!ended.stderr.contains("----->"), "{ended}");
    let quiet = server.start_gokku(api.named(["logs", "-f", "--quiet"]));
    quiet.wait_for("third-line");
    assert!(!quiet.stderr().contains("----->"), "{}", quiet.stderr());
}

/// `-n`, `--since`, and no end of it that hangs.
#[test]
fn p19_the_last_lines_and_those_since() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["logs"]).exits(3).complains("push");
    api.working_copy().release("v1").ok();
    for number in 1..=5 {
        api.get(&format!("/log?line=line-{number}")).unwrap();
    }
    let lines = |words: &[&str]| -> Vec<String> {
        let logs: Output = api.gokku(["logs"].iter().chain(words)).ok();
        logs.stdout.lines().map(str::to_owned).collect()
    };
    wait_until("all lines", PATIENCE, || (lines(&[]).len() == 7).then_some(()));
    assert_eq!(lines(&[])[0], "version v1 starts");
    assert_eq!(lines(&["-n", "2"]), ["line-4", "line-5"]);
    assert_eq!(lines(&["-n", "0"]), [""; 0]);
    assert_eq!(lines(&["--since", "1h"]).len(), 7);
    assert_eq!(lines(&["--since", "2099-01-01T00:00:00Z"]), [""; 0]);
    api.gokku(["logs", "--since", "yesterday"])
        .exits(2)
        .complains("2024-01-15T11:30:00Z");
    api.gokku(["logs", "-n", "many"]).exits(2);
    // Those of a stopped app can still be read.
    api.gokku(["stop"]).ok();
    assert_eq!(lines(&["-n", "1"]), ["version v1 stopped"]);
}

/// What `gokku logs --json` printed, each line an object.
fn pieces(stdout: &str) -> Vec<Value> {
    // What was killed may have left a part of a line.
    let whole = stdout.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let parsed = whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}")));
    parsed.collect()
}

/// Where `--resume` goes on after a piece.
fn place(piece: &Value) -> String {
    let text = |key: &str| {
        piece[key]
            .as_str()
            .unwrap_or_else(|| panic!("no {key} in {piece}"))
    };
    let place = format!("{}@{}", text("container"), text("at"));
    match piece["nth"].as_u64() {
        Some(nth) => format!("{place}#{nth}"),
        None => place,
    }
}

/// Follows with `--json`, from there on.
fn following(api: &App<'_>, server: &Server, resume: Option<&str>) -> Running {
    let mut words = vec!["logs", "-f", "--json"];
    words.extend(resume.iter().flat_map(|place| ["--resume", place]));
    server.start_gokku(api.named(&words))
}

/// Follows until each of these words was printed; then is killed.
fn follow(api: &App<'_>, server: &Server, resume: Option<&str>, until: &[&str]) -> Vec<Value> {
    let logs = following(api, server, resume);
    for text in until {
        logs.wait_for(text);
    }
    killed(logs)
}

fn killed(logs: Running) -> Vec<Value> {
    logs.signal("KILL");
    pieces(&logs.wait().stdout)
}

/// The numbers that each version printed, in the order in which they came, and how many it said they were.
fn numbers(pieces: &[Value]) -> BTreeMap<String, (Vec<u64>, Option<u64>)> {
    let mut all = BTreeMap::<String, (Vec<u64>, Option<u64>)>::new();
    for piece in pieces {
        let words: Vec<&str> = piece["line"].as_str().unwrap().split(' ').collect();
        match words.as_slice() {
            [version, "number", number] => {
                let of = all.entry((*version).to_owned()).or_default();
                of.0.push(number.parse().unwrap());
            }
            [version, "printed", count, "numbers"] => {
                all.entry((*version).to_owned()).or_default().1 = Some(count.parse().unwrap());
            }
            _ => {}
        }
    }
    all
}

/// Every number once, from the first that is to be there on; the two streams are not in step, so not in order.
#[track_caller]
fn assert_each_once(version: &str, numbers: &[u64], from: u64) -> u64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let to = from + u64::try_from(sorted.len()).unwrap();
    assert!(sorted.iter().copied().eq(from..to), "{version}: {sorted:?}");
    to
}

/// P19: a reader that is cut off goes on after its last line, also when deploys came in between: nothing is lost of
/// what is still there, nothing comes twice, and releases and slots are told apart.
#[test]
fn p19_a_reader_that_was_cut_off_goes_on_after_its_last_line() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    let numbered = ["log-numbers-ms=1"];
    dev.release_with("v1", &numbered).ok();

    // In the midst of it, twice.
    let mut all = follow(&api, &server, None, &["v1 number 300\""]);
    let last = place(all.last().unwrap());
    all.extend(follow(&api, &server, Some(&last), &["v1 number 900\""]));
    let left_v1 = place(all.last().unwrap());

    // While it was away, a deploy has ended: v1's container is gone with its log, v2 comes from its first line on.
    dev.release_with("v2", &numbered).ok();
    all.extend(follow(&api, &server, Some(&left_v1), &["v2 number 100\""]));
    let left_v2 = place(all.last().unwrap());

    // It comes back while v2 drains and v3 has the traffic: the rest of v2, to its end, then v3.
    let held = HeldRequest::begin(&api, "/version");
    let proxy = server.gokku(["proxy", "status", "--json"]).ok().stdout;
    assert!(proxy.contains("\"in_flight\": 1"), "{proxy}");
    dev.write_app("v3", &numbered);
    dev.commit("v3");
    let push = dev.start_push();
    api.await_version("v3");
    // Also for one who knows neither: v1 is gone, v2 is still there, v3 is active.
    let later = server.start_gokku(api.named(["logs", "-f", "--json", "--resume", &left_v1]));
    let back = following(&api, &server, Some(&left_v2));
    back.wait_for("v2 number");
    later.wait_for("v2 number");
    assert_eq!(held.finish().unwrap().status, 200);
    back.wait_for("version v2 stopped");
    back.wait_for("v3 number 100\"");
    let mut v3 = killed(back);
    push.wait().ok();
    later.wait_for("v3 number 100\"");
    let later = numbers(&killed(later));

    // Not following, it ends by itself.
    let last = place(v3.last().unwrap());
    let rest = api.gokku(["logs", "--json", "--resume", &last]).ok();
    v3.extend(pieces(&rest.stdout));
    all.extend(v3);

    let told = numbers(&all);
    // Its log is gone since the reader was: of its two streams, the even numbers and the odd ones, one was further then.
    let v1 = &told["v1"].0;
    for parity in [0, 1] {
        let one = v1.iter().filter(|number| *number % 2 == parity);
        let one: Vec<u64> = one.map(|number| number / 2).collect();
        assert!(assert_each_once("v1", &one, 0) > 400);
    }
    assert!(told["v1"].1.is_none_or(|count| count == v1.len() as u64));
    let v2 = assert_each_once("v2", &told["v2"].0, 0);
    assert_eq!(Some(v2), told["v2"].1, "all of it, to its last line");
    assert!(assert_each_once("v3", &told["v3"].0, 0) > 100);
    assert!(!later.contains_key("v1"), "its log is gone");
    assert_eq!(assert_each_once("v2", &later["v2"].0, 0), v2);
    assert_each_once("v3", &later["v3"].0, 0);

    // Each line says its container, and so its release; the first and the last slot are the active one.
    let mut of = BTreeMap::<&str, (&str, &str)>::new();
    for piece in &all {
        let text = |key: &str| piece[key].as_str().unwrap();
        assert!(["blue", "green"].contains(&text("slot")), "{piece}");
        assert_eq!(text("container").len(), 12, "{piece}");
        let Some((version, number)) = text("line").split_once(" number ") else {
            continue;
        };
        let odd = number.parse::<u64>().unwrap() % 2 == 1;
        assert_eq!(text("stream"), if odd { "stderr" } else { "stdout" }, "{piece}");
        let is = (text("release"), text("container"));
        assert_eq!(*of.entry(version).or_insert(is), is, "{piece}");
    }
    let releases: Vec<&str> = of.values().map(|(release, _)| *release).collect();
    assert_eq!(releases.len(), 3, "{of:?}");
    assert!(releases.is_sorted_by(|one, other| one < other), "{of:?}");
    assert_eq!(
        (&all[0]["slot"], &all[all.len() - 1]["slot"]),
        (&"blue".into(), &"blue".into())
    );
}

/// P19: the engine cuts a long line into parts of one time: a reader goes on in the midst of it.
#[test]
fn p19_a_long_line_is_resumed_in_its_midst() {
    let server = Server::new();
    let api = server.create("api");
    api.working_copy().release("v1").ok();
    let long = "x".repeat(40_000);
    for line in ["before", &long, "after"] {
        api.get(&format!("/log?line={line}")).unwrap();
    }
    let logs = |words: &[&str]| api.gokku(["logs"].iter().chain(words)).ok().stdout;
    wait_until("the last line", PATIENCE, || {
        logs(&[]).ends_with("after\n").then_some(())
    });
    assert!(logs(&[]).contains(&format!("before\n{long}\nafter\n")));
    // The parts are of one time.
    let all = pieces(&logs(&["--json"]));
    let parts: Vec<&Value> = all
        .iter()
        .filter(|piece| piece["at"] == all[all.len() - 2]["at"])
        .collect();
    assert_eq!(parts.len(), 3, "{all:?}");
    for (index, part) in parts.iter().enumerate() {
        let nth = (index > 0).then_some(index + 1);
        assert_eq!(part["nth"].as_u64(), nth.map(|nth| u64::try_from(nth).unwrap()));
        assert_eq!(part["partial"].as_bool(), (index < 2).then_some(true));
        let length = part["line"].as_str().unwrap().len();
        assert_eq!(length, [16_384, 16_384, 40_000 - 2 * 16_384][index]);
    }
    // After each line comes the next, in the midst of the long one too.
    for (index, piece) in all.iter().enumerate() {
        let rest = pieces(&logs(&["--json", "--resume", &place(piece)]));
        assert!(rest == all[index + 1..], "{index}: {rest:?}");
    }
    // The last lines do not begin in the midst of one.
    assert!(logs(&["-n", "2"]) == format!("{long}\nafter\n"));
    assert_eq!(logs(&["-n", "1"]), "after\n");
    let refused = |place: &str, why: &str| {
        let output = api.gokku(["logs", "--resume", place]).exits(2);
        output.complains(why);
    };
    refused(
        "yesterday",
        "it looks like 0123456789ab@2024-01-15T11:30:00.000000000Z",
    );
    refused("api-blue@2024-01-15T11:30:00.000000000Z", "not a container's id");
    let last = place(&all[all.len() - 1]);
    api.gokku(["logs", "-n", "1", "--resume", &last]).exits(2);
}

/// P19: the stream breaks off with the engine, in the midst of a thousand lines a second, and goes on with it: what is
/// shown is what the engine has kept, no more and no less.
#[test]
fn p19_following_loses_and_repeats_nothing_when_the_engine_dies() {
    let mut engine = Engine::start_new();
    let server = Server::on(&engine);
    let api = server.create("api");
    let dev = api.working_copy_with("    deployment:\n      restart_delay: 0\n");
    dev.release_with("v1", &["log-numbers-ms=1"]).ok();
    let logs = server.start_gokku(api.named(["logs", "-f", "--json"]));
    let begins = |times: usize| {
        logs.wait_for("v1 number 300\"");
        wait_until("it begins again", PATIENCE, || {
            let stdout = logs.stdout();
            let mut runs = stdout.split("version v1 starts");
            runs.nth(times)?.contains("v1 number 300\"").then_some(())
        });
    };
    begins(1);
    engine.kill();
    engine.start();
    begins(2);
    engine.stop();
    engine.start();
    begins(3);
    api.gokku(["stop"]).ok();
    wait_until("its last line", PATIENCE, || {
        let pieces = pieces(&logs.stdout());
        let stopped = pieces
            .iter()
            .filter(|piece| piece["line"] == "version v1 stopped");
        (stopped.count() == 3).then_some(())
    });
    let told = killed(logs);
    let mut shown: Vec<&str> = told.iter().map(|piece| piece["line"].as_str().unwrap()).collect();
    let kept = api.docker(["logs", &api.blue()]).ok();
    let mut kept: Vec<&str> = kept.stdout.lines().chain(kept.stderr.lines()).collect();
    shown.sort_unstable();
    kept.sort_unstable();
    assert!(kept.len() > 900, "{} lines", kept.len());
    assert!(shown == kept, "{} shown, {} kept", shown.len(), kept.len());
}
