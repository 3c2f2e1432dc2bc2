//! The app's environment: P07, P09, P10, P29.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use gokku_tests::Server;

/// P09: where it is, who may read it, and that an edit changes what it must and nothing else.
#[test]
fn p09_an_edit_keeps_comments_order_and_quoting() {
    let server = Server::new();
    let api = server.create("api");
    let file = format!("apps/{}/shared/.env", api.name());
    let before =
        "# The database\nDATABASE_URL='postgres://u:p@db/x' # main\n\nexport KEY=\"two\nlines\"\nLAST=1";
    server.write(&file, before);
    api.gokku(["config", "set", "KEY=new", "ADDED=a b"]).ok();
    let after = server.read(&file);
    assert!(
        after.starts_with("# The database\nDATABASE_URL='postgres://u:p@db/x' # main\n\nexport KEY="),
        "{after}"
    );
    assert!(after.contains("\nLAST=1\n"), "{after}");
    assert_eq!(api.gokku(["config", "get", "KEY"]).ok().line(), "new");
    assert_eq!(api.gokku(["config", "get", "ADDED"]).ok().line(), "a b");
    let mode = std::fs::metadata(server.path(&file))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    api.gokku(["config", "unset", "KEY", "ADDED"]).ok();
    assert_eq!(
        server.read(&file),
        "# The database\nDATABASE_URL='postgres://u:p@db/x' # main\n\nLAST=1\n"
    );
}

/// P09, P10: a file that cannot be read is an error with its line and column, and is left as it is.
#[test]
fn p09_a_broken_file_is_told_and_kept() {
    let server = Server::new();
    let api = server.create("api");
    let file = format!("apps/{}/shared/.env", api.name());
    let broken = "GOOD=1\nBAD='never closed\n";
    server.write(&file, broken);
    api.gokku(["config", "set", "X=1"]).exits(1).complains(".env:2:5");
    api.gokku(["config", "list"]).exits(1).complains(".env:2:5");
    assert_eq!(server.read(&file), broken);
}

/// P10: several at once, all or none.
#[test]
fn p10_several_pairs_are_set_together_or_not_at_all() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["config", "set", "A=1", "B=two words", "C="]).ok();
    let listed = api.gokku(["config", "list"]).ok();
    assert_eq!(listed.stdout, "A=1\nB=two words\nC=\n");
    let json = api.gokku(["config", "list", "--json"]).ok().json();
    assert_eq!(json, serde_json::json!({"A": "1", "B": "two words", "C": ""}));

    for bad in [
        &["A=9", "novalue"][..],
        &["A=9", "\"X=1"],
        &["A=9", "=1"],
        &["A=9", "HAS SPACE=1"],
        &["A=9", "ZERO_DOWNTIME=maybe"],
        &["A=9", "PORT=70000"],
    ] {
        api.gokku(["config", "set"].iter().chain(bad)).exits(2);
    }
    assert_eq!(api.gokku(["config", "get", "A"]).ok().line(), "1");
    api.gokku(["config", "get", "NOPE"]).exits(3).complains("NOPE");
    api.gokku(["config", "unset", "A", "C"]).ok();
    assert_eq!(api.gokku(["config", "list"]).ok().stdout, "B=two words\n");
}

/// P10: on a running app a change is applied by a transition of the same release: nothing is built, nobody
/// notices; `--no-restart` leaves it for later.
#[test]
fn p10_a_change_reaches_what_runs_without_a_build() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    dev.release("v1").ok();
    let first = api.containers().remove(0);
    let load = gokku_tests::Load::start(gokku_tests::LoadPlan {
        keep_alive: 2,
        fresh: 2,
        ..gokku_tests::LoadPlan::none(api.address())
    });
    let set = api.gokku(["config", "set", "GREETING=hello"]).ok();
    assert!(!set.stderr.contains("Building"), "{set}");
    load.stop().assert_clean(&gokku_tests::Timeline::new("v1"));
    assert_eq!(api.get("/env?name=GREETING").unwrap().text(), "hello");
    let second = api.containers().remove(0);
    assert_ne!(second.id, first.id);
    assert_eq!(second.image, first.image);

    api.gokku(["config", "set", "GREETING=later", "--no-restart"])
        .ok();
    assert_eq!(api.containers()[0].id, second.id);
    assert_eq!(api.get("/env?name=GREETING").unwrap().text(), "hello");
    api.gokku(["restart"]).ok();
    assert_eq!(api.get("/env?name=GREETING").unwrap().text(), "later");

    // What is as it was needs no transition.
    let third = api.containers();
    api.gokku(["config", "set", "GREETING=later"]).ok();
    assert_eq!(api.containers(), third);
    api.gokku(["config", "unset", "GREETING"]).ok();
    assert_eq!(api.get("/env?name=GREETING").unwrap().status, 404);

    // One that the app cannot live with is given up; the old container goes on.
    api.gokku(["config", "set", "HEALTH_CHECK_TIMEOUT=1", "--no-restart"])
        .ok();
    let before = api.containers();
    api.gokku(["config", "set", "HEALTH_CHECK_PATH=/status?code=500"])
        .exits(1)
        .complains("did not pass its health check");
    assert_eq!(api.containers(), before);
    assert_eq!(api.version(), "v1");
}

/// P10, P29: newlines, quotes, `$`, `=`, UTF-8 and 100 KB reach the container byte for byte.
#[test]
fn p29_values_reach_the_container_byte_for_byte() {
    let server = Server::new();
    let api = server.create("api");
    let hundred = "0123456789".repeat(10_000);
    let values = [
        ("PLAIN", "value"),
        ("EMPTY", ""),
        ("SPACES", "  leading and trailing  "),
        ("LINES", "one\ntwo\r\n\tthree\n"),
        ("QUOTES", "it's \"quoted\" and `ticked`"),
        ("DOLLAR", "$HOME ${PATH} $(id) $$"),
        ("EQUALS", "a=b=c"),
        ("HASH", "# no comment"),
        ("BACKSLASH", "\\n \\\\ \\"),
        ("UTF8", "grüße 日本語 🚀"),
        ("CONTROL", "\u{1}\u{7f}\u{1b}[0m"),
        (
            "DATABASE_URL",
            "postgres://user:p%40ss@db.example:5432/x?sslmode=require&a='b'",
        ),
        ("LONG", hundred.as_str()),
    ];
    let pairs: Vec<String> = values
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    api.gokku(
        ["config", "set"]
            .iter()
            .map(|word| (*word).to_owned())
            .chain(pairs),
    )
    .ok();
    api.working_copy().release("v1").ok();
    for (name, value) in values {
        let got = api.gokku(["config", "get", name]).ok();
        assert_eq!(got.stdout, format!("{value}\n"), "config get {name}");
        let answer = api.get(&format!("/env?name={name}")).unwrap();
        assert_eq!(answer.text(), value, "{name} in the container");
    }
}

/// What Docker or an env cannot carry is refused, and says which.
#[test]
fn p10_values_that_cannot_be_are_refused() {
    let server = Server::new();
    let api = server.create("api");
    let not_utf8 = std::ffi::OsStr::from_bytes(b"KEY=\xff\xfe");
    let words = [
        "config".as_ref(),
        "set".as_ref(),
        "-a".as_ref(),
        api.name().as_ref(),
        not_utf8,
    ];
    server.gokku(words).exits(2).complains("UTF-8");
    server.write(format!("apps/{}/shared/.env", api.name()), "KEY=\"a\0b\"\n");
    api.gokku(["config", "list"]).exits(1).complains(".env:1:");
    server.write(format!("apps/{}/shared/.env", api.name()), "A=1\nA=2\n");
    // The last one counts, as for every reader of such files.
    assert_eq!(api.gokku(["config", "get", "A"]).ok().line(), "2");
}

/// P10: a change reaches what runs although the traffic switch is down: it is started again for it.
#[test]
fn p10_a_change_is_applied_while_the_switch_is_down() {
    let server = Server::new();
    let api = server.create("api");
    api.working_copy().release("v1").ok();
    server.kill_daemon();
    let status = api.gokku(["status", "--json"]).ok().json();
    assert_eq!(status["traffic"], "unknown");
    api.gokku(["config", "set", "GREETING=hello"]).ok();
    assert_eq!(api.get("/env?name=GREETING").unwrap().text(), "hello");
    // One that is not accepted by the app says what became of it.
    api.gokku([
        "config",
        "set",
        "HEALTH_CHECK_TIMEOUT=1",
        "HEALTH_CHECK_PATH=/status?code=500",
    ])
    .exits(1)
    .complains("The change is stored all the same");
    // Nothing runs: nothing to apply it to.
    api.gokku(["stop"]).ok();
    server.kill_daemon();
    let set = api.gokku(["config", "set", "GREETING=later"]).ok();
    assert!(!set.stderr.contains("-----> "), "{set}");
}

/// P10: an env file on standard input: all of it or nothing, and what is there already stays.
#[test]
fn p10_an_env_file_is_imported_whole_or_not_at_all() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["config", "set", "KEPT=1", "OLD=1"]).ok();
    let import = |text: &str| {
        let words = api.named(["config", "import", "--no-restart"]);
        server.gokku_with_input(text.as_bytes(), words)
    };
    import("# of another tool\nOLD='2'\nexport NEW=\"a b\"\n\nMORE=it\n").ok();
    let listed = api.gokku(["config", "list"]).ok().stdout;
    assert_eq!(listed, "KEPT=1\nOLD=2\nNEW=a b\nMORE=it\n");
    import("GOOD=1\nnot a variable\n")
        .exits(2)
        .complains("standard input:2:")
        .complains("Nothing was set");
    import("GOOD=1\nZERO_DOWNTIME=maybe\n")
        .exits(2)
        .complains("ZERO_DOWNTIME");
    import("").ok().complains("there is no variable in it");
    assert_eq!(api.gokku(["config", "list"]).ok().stdout, listed);
}

/// Text as people's editors make it: with a byte-order mark, with the line ends of Windows, with what other tools read as
/// they do; and what cannot be a variable is said when it is set.
#[test]
fn p10_text_that_peoples_editors_make_reaches_the_container() {
    let server = Server::new();
    let api = server.create("api");
    let import = |bytes: &[u8]| {
        let words = api.named(["config", "import", "--no-restart"]);
        server.gokku_with_input(bytes, words)
    };
    let file = "\u{feff}BRAND_COLOR=#ff8800\r\ndiscovery.type=single-node # why\r\n";
    let wide: Vec<u8> = file.encode_utf16().flat_map(u16::to_le_bytes).collect();
    import(&wide)
        .exits(2)
        .complains("standard input:1:1: the file is UTF-16");
    import(b"NAME=caf\xe9\n")
        .exits(2)
        .complains("standard input:1:9: this is not UTF-8");
    import(file.as_bytes()).ok();
    // What somebody edited by hand stays as it is, but for the variable that is set.
    let path = api.path("shared/.env");
    std::fs::write(&path, file).unwrap();
    api.gokku(["config", "set", "MORE=1"]).ok();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{file}MORE=1\n"));
    let longest = "x".repeat(131_072 - "LONG=\0".len());
    let set = |value: &str| {
        let pair = format!("LONG={value}\0");
        server.gokku_with_input(pair.as_bytes(), api.named(["config", "set", "--stdin"]))
    };
    set(&format!("{longest}x"))
        .exits(2)
        .complains("LONG cannot be given to a program")
        .complains("Nothing was set");
    set(&longest).ok();

    let dev = api.working_copy_with("    env: {LARGE: 5e324, HUGE: 1e999}\n");
    dev.write("requirements.txt", "\u{feff}flask\r\n");
    dev.write(".python-version", "\u{feff}pypy3.10\r\n");
    dev.commit("no Dockerfile");
    dev.push()
        .rejected()
        .says(".python-version:1: \"pypy3.10\" is no version of Python that gokku understands");
    let yml = std::fs::read_to_string(dev.folder().join("gokku.yml")).unwrap();
    dev.write("gokku.yml", format!("\u{feff}{}", yml.replace('\n', "\r\n")));
    dev.release("v1").ok();
    for (name, value) in [
        ("BRAND_COLOR", "#ff8800"),
        ("discovery.type", "single-node"),
        ("LONG", &longest),
        ("LARGE", "5e324"),
        ("HUGE", "1e999"),
    ] {
        let answer = api.get(&format!("/env?name={name}")).unwrap();
        assert_eq!(answer.text(), value, "{name}");
    }
}

/// The same pairs as on a command line, without being on one.
#[test]
fn p29_pairs_are_read_from_standard_input() {
    let server = Server::new();
    let api = server.create("api");
    let set = |input: &[u8]| server.gokku_with_input(input, api.named(["config", "set", "--stdin"]));
    set(b"A=1\0B=two\nlines\0").ok();
    assert_eq!(api.gokku(["config", "get", "B"]).ok().stdout, "two\nlines\n");
    // What was cut off is not half a value.
    set(b"A=2\0B=tw").exits(2).complains("nothing was set");
    set(b"").exits(2);
    set(b"A=\xff\0").exits(2).complains("UTF-8");
    assert_eq!(api.gokku(["config", "get", "A"]).ok().line(), "1");
}
