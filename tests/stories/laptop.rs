//! From a developer's own machine, over a real ssh: remotes, and commands that run on the server as if they ran here.

use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::process::Stdio;

use gokku_tests::{Output, PATIENCE, Running, free_port, unique, wait_until};

use crate::afar::{Scene, children, kill, release};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// The guide's whole session, typed from a clone: P07, P10, P14, P16, P17, P19, P20, P22, P23, P34.
#[test]
fn p34_the_guides_session_from_a_laptop() {
    let scene = Scene::new();
    let dev = scene.project();
    let remote = scene.name();
    let at = ["-a", remote.as_str()];
    dev.gokku(["remote", "add", &remote, &scene.sshd.destination()])
        .ok()
        .complains("was made on")
        .complains(&format!("git push {remote} main"));
    // Once more changes nothing.
    dev.gokku(["remote", "add", &remote, &scene.sshd.destination()])
        .ok()
        .complains("is there on");
    dev.gokku(["remote", "list"]).ok().says(&remote).says(&scene.app);

    for pair in [
        "ZERO_DOWNTIME=true",
        "HEALTH_CHECK_PATH=/health",
        "HEALTH_CHECK_TIMEOUT=60",
        "DATABASE_URL=postgres://u:p@h/db?x=1&y='2'",
    ] {
        dev.gokku(["config", "set", pair].into_iter().chain(at)).ok();
    }
    let value = dev
        .gokku(["config", "get", "DATABASE_URL"].into_iter().chain(at))
        .ok();
    assert_eq!(value.line(), "postgres://u:p@h/db?x=1&y='2'");

    let push = release(&dev, &remote, "v1").ok();
    assert!(push.stderr.contains("-----> Done"), "{push}");
    assert_eq!(scene.api().version(), "v1");
    dev.gokku(["status"].into_iter().chain(at)).ok().says("running");
    let status = dev.gokku(["status", "--json"].into_iter().chain(at)).ok().json();
    assert!(status.to_string().contains(&scene.app), "{status}");

    let logs = dev.start_gokku(["logs"].into_iter().chain(at).chain(["-f"]));
    logs.wait_for("version v1 starts");
    release(&dev, &remote, "v2").ok();
    logs.wait_for("version v2 starts");
    assert_eq!(scene.api().version(), "v2");
    dev.gokku(["rollback"].into_iter().chain(at)).ok();
    assert_eq!(scene.api().version(), "v1");
    let releases = dev
        .gokku(["releases", "--json"].into_iter().chain(at))
        .ok()
        .json();
    let newest = releases
        .as_array()
        .unwrap()
        .iter()
        .map(|release| release["id"].as_str().unwrap())
        .max()
        .unwrap();
    dev.gokku(["rollback"].into_iter().chain(at).chain([newest])).ok();
    assert_eq!(scene.api().version(), "v2");
    dev.gokku(["config", "set", "ZERO_DOWNTIME=false"].into_iter().chain(at))
        .ok();
    dev.gokku(
        ["config", "set", "MIGRATION_COMMAND=/app version"]
            .into_iter()
            .chain(at),
    )
    .ok();

    // Who did it is known there.
    let events = scene.server.gokku(["events", "--json"]).ok();
    assert!(events.stdout.contains(scene.sshd.user()), "{events}");
    dev.gokku(["remote", "remove", &remote]).ok();
    dev.gokku(["status"].into_iter().chain(at))
        .exits(3)
        .complains("gokku remote add");
    scene.server.gokku(["status", "-a", &scene.app]).ok();
}

/// What `-a` and `remote add` say of names that cannot be.
#[test]
fn p34_names_that_are_no_remotes() {
    let scene = Scene::new();
    let dev = scene.project();
    let remote = scene.name();
    let destination = scene.sshd.destination();
    dev.gokku(["status", "-a", &remote])
        .exits(3)
        .complains("gokku remote add");
    scene
        .laptop
        .gokku(["status", "-a", &remote])
        .exits(3)
        .complains("no git repository here")
        .complains("--remote user@host");
    scene
        .laptop
        .gokku(["status"])
        .exits(3)
        .complains("no gokku server on this machine");
    assert!(!scene.laptop.no_root().exists(), "asking makes no server");
    dev.git(["remote", "add", "origin", "git@example.com:somebody/api.git"])
        .ok();
    dev.gokku(["status", "-a", "origin"])
        .exits(2)
        .complains("is not gokku's");
    scene
        .laptop
        .gokku(["remote", "add", &remote, &destination])
        .exits(3)
        .complains("no git repository here");

    // The branch is the one that the project's file names for the environment.
    let shop = unique("shop");
    let other = scene.laptop.project(&shop, free_port());
    other.write(
        "gokku.yml",
        format!("apps:\n  {shop}:\n    environments:\n      - name: staging\n        branch: release\n"),
    );
    let staging = format!("{shop}-staging");
    other
        .gokku(["remote", "add", &staging, &destination])
        .ok()
        .complains(&format!("git push {staging} release"));
    let listed = scene.server.gokku(["apps", "list", "--json"]).ok().json();
    let made = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|app| app["name"] == shop.as_str())
        .unwrap();
    assert_eq!(
        (&made["environment"], &made["branch"]),
        (&"staging".into(), &"release".into())
    );
    other.write("gokku.yml", "apps:\n  x: [\n");
    other
        .gokku(["remote", "add", "x-production", &destination])
        .exits(1)
        .complains("gokku.yml:");

    // Another environment of the same app is refused, and nothing is left of the attempt.
    dev.gokku(["remote", "add", &remote, &destination]).ok();
    let staging = format!("{}-staging", scene.app);
    dev.gokku(["remote", "add", &staging, &destination])
        .exits(1)
        .complains("serves production")
        .complains(&format!("--app {}-staging", scene.app));
    dev.git(["remote", "get-url", &staging]).exits(2);
    // Without a repository, the server is named.
    scene
        .laptop
        .gokku(["apps", "list", "--remote", &destination])
        .ok()
        .says(&scene.app);
    scene
        .laptop
        .gokku(["status", "-a", &remote, "--remote", &destination])
        .ok()
        .says("never deployed");
    scene
        .laptop
        .gokku(["status", "-a", "nowhere", "--remote", &destination])
        .exits(3);

    // The long form, with a port.
    let long = format!("{}@127.0.0.1:{}", scene.sshd.user(), scene.sshd.port());
    dev.gokku(["remote", "remove", &remote]).ok();
    std::fs::write(
        scene.laptop.home().join("unused"),
        "a remote's port is told to ssh by gokku, and to git by the URL",
    )
    .unwrap();
    dev.gokku(["remote", "add", &remote, &long]).ok().says("ssh://");
    dev.gokku(["config", "get", "NO_SUCH", "-a", &remote]).exits(3);
    release(&dev, &remote, "v1").ok();
    assert_eq!(scene.api().version(), "v1");

    // Nothing that is typed becomes an option of ssh or git, or a command of a shell.
    let mark = scene.laptop.home().join("mark");
    let touch = format!("touch {}", mark.display());
    for host in [
        format!("-oProxyCommand={touch}"),
        format!("ada@-oProxyCommand={touch}"),
        format!("$({touch})@server"),
        format!("server;{touch}"),
        "server/../..".to_owned(),
        String::new(),
    ] {
        dev.gokku(["remote", "add", "x-production", "--", &host]).exits(2);
        scene
            .laptop
            .gokku([format!("--remote={host}").as_str(), "status"])
            .exits(2);
    }
    for name in [
        format!("-oProxyCommand={touch}"),
        format!("--upload-pack={touch}"),
        format!("a;{touch}"),
        "../x".to_owned(),
    ] {
        dev.gokku(["remote", "add", "--", &name, &destination]).exits(2);
        dev.gokku([format!("-a={name}").as_str(), "status"]).exits(3);
    }
    dev.git([
        "config",
        "remote.evil.url",
        &format!("ssh://-oProxyCommand={touch}/opt/gokku/repos/api.git"),
    ])
    .ok();
    dev.gokku(["status", "-a", "evil"]).exits(2);
    assert!(!mark.exists());
}

/// Every byte of every argument arrives, whatever a shell would make of it.
#[test]
fn p10_arguments_arrive_byte_for_byte() {
    let scene = Scene::new();
    let dev = scene.remote();
    let remote = scene.name();
    release(&dev, &remote, "v1").ok();
    let exec = |words: &[String]| {
        let output = Output::of(
            dev.command("gokku")
                .args(["exec", "-a", &remote, "--", "/app", "words"])
                .args(words)
                .stdin(Stdio::null()),
        );
        let expected = words.iter().fold(String::new(), |all, word| all + word + "\n");
        assert_eq!(output.ok().stdout, expected);
    };
    let odd = [
        "",
        " ",
        "'",
        "\"",
        "$HOME",
        "`id`",
        "a;b",
        "a\nb",
        "\t",
        "\\",
        "\\\\n",
        "*",
        "~",
        "-a",
        "--",
        "--app=x",
        "!!",
        "#",
        "&& x",
        "ünï",
        "\u{1f980}",
        "a\r",
        "$(id)",
        "{a,b}",
        "%s",
        "\u{7f}",
        "\u{1}",
        "'\"'\"'",
        "it's",
    ];
    exec(&odd.map(str::to_owned));
    let mut runner = TestRunner::new(Config {
        cases: 12,
        failure_persistence: None,
        ..Config::default()
    });
    let word = proptest::collection::vec(
        prop_oneof![3 => any::<char>(), 2 => proptest::char::range('\u{1}', '\u{7f}')],
        0..12,
    )
    .prop_map(|chars| chars.into_iter().filter(|c| *c != '\0').collect::<String>());
    runner
        .run(&proptest::collection::vec(word, 1..8), |words| {
            exec(&words);
            Ok(())
        })
        .unwrap();
    // P10: and a value, through the file and into the container.
    for value in odd {
        let pair = format!("ODD={value}");
        dev.gokku(["config", "set", &pair, "--no-restart", "-a", &remote])
            .ok();
        let got = dev.gokku(["config", "get", "ODD", "-a", &remote]).ok();
        assert_eq!(got.stdout, format!("{value}\n"));
    }
    // What is no text cannot be a value, and says so.
    let latin = std::ffi::OsString::from_vec(b"ODD=caf\xe9".to_vec());
    Output::of(
        dev.command("gokku")
            .args(["config", "set", "-a", &remote])
            .arg(latin)
            .stdin(Stdio::null()),
    )
    .exits(2);
}

/// Input, output, errors and exit codes are what they were.
#[test]
fn streams_and_exit_codes_come_through() {
    let scene = Scene::new();
    let dev = scene.remote();
    let remote = scene.name();
    release(&dev, &remote, "v1").ok();
    for code in [0, 1, 3, 6, 42, 127, 254, 255] {
        let words = ["exec", "-a", &remote, "--", "/app", "exit", &code.to_string()];
        let ended = dev.gokku(words).exits(code);
        assert_eq!(
            (ended.stdout.as_str(), ended.stderr.as_str()),
            ("", ""),
            "{ended}"
        );
    }
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    for command in ["exec", "run"] {
        let mut cat = dev
            .command("gokku")
            .args([command, "-a", &remote, "--", "/app", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = cat.stdin.take().unwrap();
        let sent = bytes.clone();
        let writer = std::thread::spawn(move || input.write_all(&sent));
        let output = cat.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(
            output.status.success() && output.stdout == bytes,
            "{command}: {} bytes",
            output.stdout.len()
        );
    }
    // A command that reads nothing leaves its caller's input alone.
    let script = format!("gokku status -a {remote} >/dev/null; cat");
    let mut shell = dev
        .command("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    shell.stdin.take().unwrap().write_all(b"left").unwrap();
    assert_eq!(shell.wait_with_output().unwrap().stdout, b"left");
    // Errors of gokku itself come with their own codes.
    dev.gokku(["config", "get", "NOWHERE", "-a", &remote])
        .exits(3)
        .complains("NOWHERE");
    dev.gokku(["rollback", "20200101-000000", "-a", &remote]).exits(3);
    dev.gokku(["config", "set", "ZERO_DOWNTIME=maybe", "-a", &remote])
        .exits(2);

    let Scene { sshd, .. } = &scene;
    let port = sshd.port();
    // A server that cannot be reached is another thing than a command that fails.
    let nobody = format!("ada@127.0.0.1:{}", free_port());
    scene
        .laptop
        .gokku(["status", "--remote", &nobody])
        .exits(6)
        .complains("could not be reached")
        .complains("Connection refused");
    let refused = format!("nobody-here@127.0.0.1:{port}");
    scene
        .laptop
        .gokku(["status", "--remote", &refused])
        .exits(6)
        .complains("Permission denied");
    let staging = format!("{}-staging", scene.app);
    dev.gokku(["remote", "add", &staging, &nobody]).exits(6);
    dev.git(["remote", "get-url", &staging]).exits(2);
}

/// P29: a value is on no command line for longer than it takes to read it, on neither machine.
#[test]
fn p29_values_are_in_no_process_list() {
    let scene = Scene::new();
    let dev = scene.remote();
    let remote = scene.name();
    dev.write_app("v1", &["slow-health-ms=0"]);
    dev.commit("v1");
    dev.git(["push", &remote, "main"]).ok();
    // The change is applied by a new container, so that the command lives for a while.
    let secret = unique("marked");
    let pair = format!("SECRET={secret}");
    let seen = |mark: &str| -> Vec<String> {
        let all = std::fs::read_dir("/proc").unwrap();
        all.filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
            .map(|arguments| String::from_utf8_lossy(&arguments).replace('\0', " "))
            .filter(|arguments| arguments.contains(mark))
            .collect()
    };
    for app in [
        vec!["-a".to_owned(), remote.clone()],
        vec![
            "--remote".to_owned(),
            scene.sshd.destination(),
            "-a".to_owned(),
            scene.app.clone(),
        ],
    ] {
        let mut words = vec!["config".to_owned(), "set".to_owned(), pair.clone()];
        words.extend(app);
        let set = dev.start_gokku(&words);
        set.wait_for("-----> ");
        assert_eq!(seen(&secret), [""; 0]);
        set.wait().ok();
        dev.gokku(["config", "unset", "SECRET", "--no-restart", "-a", &remote])
            .ok();
    }
    // Nor in what the two say to each other.
    assert!(!scene.sshd.log().contains(&secret));
}

/// Ctrl-C ends what it was typed at, and leaves nothing behind on the server.
#[test]
fn ctrl_c_leaves_nothing_behind() {
    let scene = Scene::new();
    let dev = scene.remote();
    let remote = scene.name();
    release(&dev, &remote, "v1").ok();
    let gone = |what: &str, is_gone: &dyn Fn() -> bool| {
        wait_until(what, PATIENCE, || is_gone().then_some(()));
    };
    let inside = || {
        let top = scene
            .server
            .docker(["top", &format!("{}-blue", scene.app)])
            .ok()
            .stdout;
        top.lines().filter(|line| line.contains("/app wait")).count()
    };
    for signal in ["INT", "TERM", "KILL"] {
        let logs = dev.start_gokku(["logs", "-f", "-a", &remote]);
        logs.wait_for("version v1 starts");
        assert_eq!(scene.processes("logs").len(), 1);
        end(logs, signal);
        gone("the end of logs", &|| scene.processes("logs").is_empty());

        let run = dev.start_gokku(["run", "-a", &remote, "--", "/app", "wait"]);
        run.wait_for("waiting");
        end(run, signal);
        gone("the end of run", &|| scene.processes("run").is_empty());
        gone("the container of run", &|| scene.server.containers().len() == 1);

        let exec = dev.start_gokku(["exec", "-a", &remote, "--", "/app", "wait"]);
        exec.wait_for("waiting");
        assert_eq!(inside(), 1);
        end(exec, signal);
        gone("the end of exec", &|| {
            scene.processes("exec").is_empty() && inside() == 0
        });
    }
    assert_eq!(scene.api().version(), "v1");
}

/// Ends a program as a terminal, a service manager or a crash does; ssh with it where the terminal would.
fn end(running: Running, signal: &str) {
    if signal == "KILL" {
        // Its ssh would live on for as long as nobody ends it: with the laptop, the connection is gone.
        let ssh = children(running.id());
        drop(running);
        for child in ssh {
            kill(child);
        }
        return;
    }
    running.signal(signal);
    let code = if signal == "INT" { 130 } else { 143 };
    running.wait().exits(code);
}

/// A terminal is asked for where there is one: keys go to the program, and so does Ctrl-C.
#[test]
fn a_terminal_is_passed_through() {
    let scene = Scene::new();
    let dev = scene.remote();
    let remote = scene.name();
    release(&dev, &remote, "v1").ok();
    let mut script = dev
        .command("script")
        .env("TERM", "xterm")
        .args(["--quiet", "--return", "--command"])
        .arg(format!("gokku exec -a {remote} -- /app cat"))
        .arg("/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keys = script.stdin.take().unwrap();
    // What is typed before the program is there goes to whoever starts it.
    let blue = format!("{}-blue", scene.app);
    wait_until("cat in the container", PATIENCE, || {
        let top = scene.server.docker(["top", &blue]);
        top.stdout.contains("/app cat").then_some(())
    });
    keys.write_all(b"typed\n").unwrap();
    let mut seen = String::new();
    let mut output = script.stdout.take().unwrap();
    let mut buffer = [0; 1024];
    // Once as the terminal's echo, once from cat.
    while seen.matches("typed").count() < 2 {
        let read = std::io::Read::read(&mut output, &mut buffer).unwrap();
        assert!(read > 0, "ended early: {seen:?}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    keys.write_all(b"\x03").unwrap();
    let status = script.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{seen}");
    wait_until("the end of exec", PATIENCE, || {
        scene.processes("exec").is_empty().then_some(())
    });
}

/// Client and server of different versions say so, and what still works goes on.
#[test]
fn versions_that_differ_are_told() {
    let scene = Scene::new();
    let dev = scene.remote();
    drop(dev);
    let there = |line: String| Output::of(scene.laptop.command("ssh").args(["server", &line]));
    let app = &scene.app;
    let newer = there(format!(
        "gokku --client 9:99.0.0 --as-app {app} status -a whatever"
    ));
    newer.ok().says("never deployed").complains("you have 99.0.0");
    there(format!("gokku --client 9:99.0.0 --as-app {app} teleport"))
        .exits(2)
        .complains("you have 99.0.0")
        .complains("teleport");
    let same = format!("1:{}", env!("CARGO_PKG_VERSION"));
    let silent = there(format!("gokku --client {same} --as-app {app} status")).ok();
    assert_eq!(silent.stderr, "");
}

/// A key that was let in for one app is enough for all of a laptop's work with that app, and for no other.
#[test]
fn a_key_for_one_app_works_from_a_laptop() {
    let scene = Scene::new();
    let dev = scene.project();
    let remote = scene.name();
    let public = scene.sshd.make_key("ci");
    scene
        .server
        .gokku_with_input(public.as_bytes(), ["keys", "add", "ci", "--app", &scene.app])
        .ok();
    let other = scene.server.create("other");
    other.gokku(["config", "set", "TOKEN=hidden"]).ok();

    dev.gokku(["remote", "add", &remote, "ci"])
        .ok()
        .complains("was made on ci");
    dev.gokku(["config", "set", "MOTTO=it's $5", "-a", &remote]).ok();
    release(&dev, &remote, "v1").ok();
    assert_eq!(scene.api().version(), "v1");
    let motto = dev
        .gokku(["exec", "-a", &remote, "--", "/app", "env", "MOTTO"])
        .ok();
    assert_eq!(motto.stdout, "it's $5");
    let follow = dev.start_gokku(["logs", "-f", "-a", &remote]);
    follow.wait_for("version v1 starts");
    end(follow, "INT");
    let exec = dev.start_gokku(["exec", "-a", &remote, "--", "/app", "wait"]);
    exec.wait_for("waiting");
    end(exec, "INT");
    let blue = scene.api().blue();
    wait_until("the end of exec", PATIENCE, || {
        let top = scene.server.docker(["top", &blue]).ok();
        (!top.stdout.contains("/app wait")).then_some(())
    });

    // Whether there is such an app or not, it is answered alike.
    let nowhere = unique("nowhere");
    let said = |app: &str| {
        let status = scene
            .laptop
            .gokku(["status", "-a", app, "--remote", "ci"])
            .exits(3)
            .stderr;
        let add = ["apps", "create", app, "--if-missing", "--json", "--remote", "ci"];
        let made = scene.laptop.gokku(add).exits(3).stderr;
        format!("{status}{made}").replace(app, "APP")
    };
    assert_eq!(said(other.name()), said(&nowhere));
    scene.laptop.gokku(["keys", "list", "--remote", "ci"]).exits(1);
    scene.server.gokku(["status", "-a", &nowhere]).exits(3);
    let events = scene.server.gokku(["events", "--json"]).ok().stdout;
    assert!(
        events.contains(r#""by":"ci""#) && !events.contains("it's $5"),
        "{events}"
    );
}
