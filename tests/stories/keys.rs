//! A server that others are let in to: what a key can do, and that there is no way out of it. Everything goes through a
//! real sshd.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use gokku_tests::{Output, PATIENCE, Running, Server, Sshd, WorkingCopy, free_port, unique, wait_until};
use serde_json::Value;

/// What stands in the server's `authorized_keys` before gokku writes there, and has to stay.
const OTHERS: &str = "# the owner's own\n\nfrom=\"10.0.0.1\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGhXF4Jb4Iw7pVYq3o3qg5cMVDrS1VvAWpyP4wP2cN0L owner";

fn authorized_keys(server: &Server) -> PathBuf {
    server.home().join(".ssh/authorized_keys")
}

fn write_others(server: &Server) {
    fs::create_dir_all(server.home().join(".ssh")).unwrap();
    fs::write(authorized_keys(server), OTHERS).unwrap();
}

/// Lets a fresh key in, to these apps.
#[track_caller]
pub(crate) fn let_in(server: &Server, sshd: &Sshd, name: &str, apps: &[&str]) {
    let key = sshd.make_key(name);
    let mut words = vec!["keys", "add", name];
    for app in apps {
        words.extend(["--app", app]);
    }
    server.gokku_with_input(key.as_bytes(), words).ok();
}

/// What ssh does with these words.
pub(crate) fn ssh(server: &Server, words: &[&str]) -> Output {
    Output::of(server.command("ssh").args(words).stdin(Stdio::null()))
}

/// What was recorded, as `gokku events --json` tells it.
#[track_caller]
fn events(server: &Server) -> Vec<Value> {
    let told = server.gokku(["events", "--json"]).ok();
    let lines = told
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// A working copy that pushes to this address.
pub(crate) fn copy_for<'a>(server: &'a Server, app: &str, port: u16, address: &str) -> WorkingCopy<'a> {
    let copy = WorkingCopy::new(server);
    copy.git(["remote", "add", "production", address]).ok();
    let yml = format!("apps:\n  {app}:\n    ports: [\"{port}:8080\"]\n");
    copy.write("gokku.yml", yml);
    copy
}

/// Everything that a key is for: the first push makes the app, and every command about it works.
#[test]
fn a_key_pushes_to_its_apps_and_commands_them() {
    let server = Server::new();
    let sshd = Sshd::start(&server);
    let api = unique("api");
    let_in(&server, &sshd, "ada", &[&api]);
    let port = free_port();
    let dev = copy_for(&server, &api, port, &format!("ada:{api}"));
    let push = dev.release("v1").ok();
    assert!(
        push.output.contains("is new here, and made for this push"),
        "{push}"
    );
    assert!(
        push.remote_lines()
            .iter()
            .any(|line| line.contains("-----> Done")),
        "{push}"
    );
    let version = gokku_tests::get(([127, 0, 0, 1], port).into(), "/version").unwrap();
    assert_eq!(version.text(), "v1");

    let ada = |line: &str| ssh(&server, &["ada", line]);
    ada(&format!(
        "gokku config set -a {api} 'MOTTO=it'\"'\"'s $5' TOKEN=hidden-word HEALTH_CHECK_TIMEOUT=2"
    ))
    .ok();
    assert_eq!(
        ada(&format!("gokku config get MOTTO -a {api}")).ok().line(),
        "it's $5"
    );
    ada(&format!("gokku status -a {api}")).ok().says("routed");
    ada("gokku status").ok().says(&api);
    ada("gokku apps list").ok().says(&api);
    ada(&format!("gokku logs -a {api}")).ok();
    ada(&format!("gokku releases -a {api}-production"))
        .ok()
        .says("active");
    let root = server.root().display();
    ada(&format!(
        "gokku --root {root} exec -a {api} -- /app migrate hidden-argument"
    ))
    .ok();
    ada(&format!("gokku restart -a {api}")).ok();
    ada(&format!("gokku events -a {api}"))
        .ok()
        .says("ran config set MOTTO TOKEN HEALTH_CHECK_TIMEOUT");
    ada("gokku --version").ok();
    ada("gokku nonsense").exits(2);

    // What git gives out is what was pushed, by each way to write the address.
    let head = dev.git(["rev-parse", "HEAD"]).ok().line().to_owned();
    for address in [
        format!("ada:{api}.git"),
        format!("ada:/{api}"),
        format!("ada:{}/repos/{api}.git", server.root().display()),
        format!("ssh://ada/{api}.git"),
        format!("ssh://ada/~/{api}"),
    ] {
        let told = dev.git(["ls-remote", &address, "refs/heads/main"]).ok();
        assert!(told.stdout.starts_with(&head), "{told}");
    }
    dev.release_with("v2", &["fail-health"]).rejected();

    let told = events(&server);
    let words = told.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    assert!(!words.contains("hidden-"), "{words}");
    let of_ada: Vec<(Option<&str>, &Value)> = told
        .iter()
        .filter(|event| event["by"] == "ada")
        .map(|event| (event["app"].as_str(), &event["change"]))
        .collect();
    let ran: Vec<String> = of_ada
        .iter()
        .filter_map(|(app, change)| {
            let ran = change.get("commanded")?;
            let app = app.map_or("-", |app| if app == api { "APP" } else { "?" });
            Some(format!("{app} {} {}", ran["command"].as_str()?, ran["code"]))
        })
        .collect();
    insta::assert_snapshot!(ran.join("\n"), @r#"
    APP push 0
    APP config set MOTTO TOKEN HEALTH_CHECK_TIMEOUT 0
    APP config get MOTTO 0
    APP status 0
    - status 0
    - apps list 0
    APP logs 0
    APP releases 0
    APP exec /app 0
    APP restart 0
    APP events 0
    - gokku 0
    - gokku 2
    APP fetch 0
    APP fetch 0
    APP fetch 0
    APP fetch 0
    APP fetch 0
    APP push 1
    "#);
    let finished: Vec<&str> = of_ada
        .iter()
        .filter_map(|(app, change)| {
            let finished = change.get("transition-finished")?;
            assert_eq!(*app, Some(api.as_str()));
            finished["what"].as_str()
        })
        .collect();
    assert_eq!(finished, ["deploy", "config", "restart", "deploy"]);
    assert!(told.iter().all(|event| event["at"].as_i64() > Some(0)));

    // A key that may reach all makes what it names; one that is limited makes what is its own.
    let_in(&server, &sshd, "bob", &[]);
    let_in(&server, &sshd, "eve", &[&unique("eves")]);
    let shop = unique("shop");
    ssh(&server, &["eve", &format!("gokku apps create {shop}")]).exits(3);
    ssh(&server, &["bob", &format!("gokku apps create {shop}")]).ok();
    ssh(&server, &["bob", "gokku status"]).ok().says(&api).says(&shop);
    let seen = ada("gokku status").ok();
    assert!(!seen.stdout.contains(&shop), "{seen}");
    ssh(&server, &["bob", "gokku proxy status"]).ok().says(&api);
    ada(&format!("gokku apps destroy {api} --yes")).ok();
}

/// The owner is told who has a host port; to a key it is enough that somebody has.
#[test]
fn a_key_is_not_told_who_has_a_port() {
    let server = Server::new();
    let sshd = Sshd::start(&server);
    let api = unique("api");
    let_in(&server, &sshd, "ada", &[&api]);
    let taken = TcpListener::bind(("127.0.0.1", free_port())).unwrap();
    let port = taken.local_addr().unwrap().port();
    let dev = copy_for(&server, &api, port, &format!("ada:{api}"));
    let push = dev.release("v1").rejected().says("is taken by another program");
    let named = format!("process {}", std::process::id());
    assert!(!push.output.contains(&named), "{push}");
}

/// What a bound key's session could do if it had a way out: write here.
struct Wall<'a> {
    server: &'a Server,
    sshd: &'a Sshd,
    mark: PathBuf,
    mine: String,
    other: String,
}

impl Wall<'_> {
    /// One attempt; it must fail, leave no mark and show nothing of the other app or of the machine.
    #[track_caller]
    fn holds(&self, output: &Output) {
        assert!(!self.mark.exists(), "a way out\n{output}");
        assert!(output.code != Some(0), "it should have failed\n{output}");
        for text in [&output.stdout, &output.stderr] {
            for shown in ["root:x:0", "uid=", "OTHERS-SECRET"] {
                assert!(!text.contains(shown), "{shown} is shown\n{output}");
            }
        }
    }

    fn ssh(&self, words: &[&str]) -> Output {
        ssh(self.server, words)
    }

    fn git(&self, words: &[&str]) -> Output {
        Output::of(self.server.command("git").args(words).stdin(Stdio::null()))
    }
}

/// A server with two apps and a key that is for one of them.
fn behind_a_wall(check: impl FnOnce(&Wall<'_>)) {
    let server = Server::new();
    let sshd = Sshd::start(&server);
    write_others(&server);
    let (mine, other) = (server.create("mine"), server.create("other"));
    other.gokku(["config", "set", "WORD=OTHERS-SECRET"]).ok();
    let_in(&server, &sshd, "ada", &[mine.name()]);
    let wall = Wall {
        server: &server,
        sshd: &sshd,
        mark: server.home().join("mark"),
        mine: mine.name().to_owned(),
        other: other.name().to_owned(),
    };
    check(&wall);
    // The key is still what it was.
    wall.ssh(&["ada", &format!("gokku status -a {}", wall.mine)]).ok();
    let keys = fs::read_to_string(authorized_keys(&server)).unwrap();
    assert!(
        keys.starts_with(OTHERS) && keys.lines().count() == OTHERS.lines().count() + 1,
        "{keys}"
    );
}

#[test]
fn a_key_gets_no_shell() {
    behind_a_wall(|wall| {
        no_shell(wall);
        // The record has every attempt, by its first word only.
        let told = events(wall.server);
        let denied: BTreeSet<&str> = told
            .iter()
            .filter(|event| event["by"] == "ada")
            .filter_map(|event| event["change"].get("denied")?["command"].as_str())
            .collect();
        insta::assert_snapshot!(Vec::from_iter(denied).join("\n"), @r#"
    /bin/sh
    /usr/bin/gokku
    a shell
    cat
    git
    git-shell
    id
    receive-pack
    sh
    something unreadable
    touch
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
    "#);
    });
}

#[test]
fn a_key_gets_no_files() {
    behind_a_wall(no_files);
}

#[test]
fn a_key_gets_no_forwarding() {
    behind_a_wall(no_forwarding);
}

#[test]
fn a_key_gets_no_other_repository() {
    behind_a_wall(no_other_repository);
}

#[test]
fn a_key_gets_no_other_app_and_not_the_server() {
    behind_a_wall(no_other_command);
}

#[test]
fn a_key_brings_no_environment() {
    behind_a_wall(no_environment);
}

/// A key for every app is for apps all the same.
#[test]
fn a_key_for_every_app_is_no_user_of_the_server() {
    behind_a_wall(|wall| {
        let key = "bob";
        let_in(wall.server, wall.sshd, key, &[]);
        let mark = wall.mark.display();
        for line in [
            String::new(),
            format!("touch {mark}"),
            format!("gokku status; touch {mark}"),
            "git-upload-pack /etc".to_owned(),
            "scp -f /etc/passwd".to_owned(),
        ]
        .into_iter()
        .chain(WITHIN.map(|line| format!("gokku {line}")))
        {
            wall.holds(&wall.ssh(&[key, &line]));
        }
        wall.ssh(&[key, "gokku doctor"]).says("git");
        wall.server.gokku(["keys", "remove", key]).ok();
    });
}

/// Nobody keeps a command out of the record by hanging up on it.
#[test]
fn a_command_that_is_hung_up_on_is_recorded() {
    behind_a_wall(|wall| {
        let line = format!("gokku events -f -a {}", wall.mine);
        let session = Running::start(wall.server.command("ssh").args(["-tt", "ada", &line]));
        session.wait_for("the app was made");
        session.signal("KILL");
        wait_until("the record of it", PATIENCE, || {
            let told = events(wall.server);
            let last = &told.last()?["change"]["commanded"];
            (last["command"] == "events" && last["code"] == 129).then_some(())
        });
    });
}

/// What keeps the server, or is started by it.
const WITHIN: [&str; 21] = [
    "registry list",
    "registry login ghcr.io -u me",
    "registry logout ghcr.io",
    "keys list",
    "keys add eve",
    "keys add ada --app x",
    "keys remove ada",
    "proxy run",
    "proxy run --take-over --detached",
    "proxy keep",
    "proxy restart",
    "worker",
    "leave",
    "leave --data",
    "hook pre-receive -a mine",
    "entry --key root",
    "entry --key ada --app other",
    "receive-pack",
    "receive-pack --json other",
    "-q receive-pack other",
    "--json upload-pack other",
];

fn no_shell(wall: &Wall<'_>) {
    let mark = wall.mark.display();
    for line in [
        String::new(),
        "sh".to_owned(),
        "/bin/sh -i".to_owned(),
        format!("sh -c 'touch {mark}'"),
        format!("touch {mark}"),
        format!("gokku status; touch {mark}"),
        format!("gokku status && touch {mark}"),
        format!("gokku status | touch {mark}"),
        format!("gokku status $(touch {mark})"),
        format!("gokku status `touch {mark}`"),
        format!("gokku status\ntouch {mark}"),
        format!("gokku status > {mark}"),
        format!("gokku -a '$(touch {mark})' status"),
        format!("git-receive-pack '; touch {mark}'"),
        format!("git-receive-pack {}; touch {mark}", wall.mine),
        format!("git-receive-pack '{}'\"'\"'; touch {mark}'", wall.mine),
        format!("git receive-pack $(touch {mark})"),
        format!("git -c core.sshCommand='touch {mark}' receive-pack {}", wall.mine),
        format!("git -c alias.x='!touch {mark}' x"),
        format!("git --exec-path={mark} receive-pack {}", wall.mine),
        format!("git-shell -c 'touch {mark}'"),
        "id".to_owned(),
        "cat /etc/passwd".to_owned(),
        format!("/usr/bin/gokku status; touch {mark}"),
        "\"".to_owned(),
        "x".repeat(100_000),
    ] {
        wall.holds(&wall.ssh(&["ada", &line]));
    }
    // With a terminal there is no more of a shell.
    wall.holds(&wall.ssh(&["-tt", "ada", &format!("sh -c 'touch {mark}'")]));
    // Who asks for a shell is told what there is.
    wall.ssh(&["ada"])
        .exits(1)
        .complains("no shell is given to this key")
        .complains(&wall.mine);
    // What is typed to it goes nowhere.
    let mut typing = wall
        .server
        .command("ssh")
        .args(["-tt", "ada"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = writeln!(typing.stdin.take().unwrap(), "touch {mark}; id");
    let output = typing.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!wall.mark.exists() && !said.contains("uid="), "{said}");
}

fn no_files(wall: &Wall<'_>) {
    let client = wall.server.programs().join("ssh");
    let client = client.to_str().unwrap();
    let here = wall.server.home().join("here");
    fs::write(&here, "from outside").unwrap();
    let (here, to) = (here.to_str().unwrap(), format!("ada:{}", wall.mark.display()));
    let run = |program: &str, words: &[&str]| {
        Output::of(wall.server.command(program).args(words).stdin(Stdio::null()))
    };
    let taken = wall.server.home().join("taken");
    let taken = taken.to_str().unwrap();
    for old in [&["-O"][..], &["-s"], &[]] {
        let with = |words: &[&str]| {
            let mut all = vec!["-S", client];
            all.extend(old);
            all.extend(words);
            run("scp", &all)
        };
        wall.holds(&with(&[here, &to]));
        wall.holds(&with(&["ada:/etc/passwd", taken]));
        wall.holds(&with(&["-r", "ada:.", taken]));
    }
    let batch = wall.server.home().join("batch");
    fs::write(
        &batch,
        format!("put {here} {}\nget /etc/passwd {taken}\n", wall.mark.display()),
    )
    .unwrap();
    wall.holds(&run(
        "sftp",
        &["-S", client, "-b", batch.to_str().unwrap(), "ada"],
    ));
    wall.holds(&wall.ssh(&["-s", "ada", "sftp"]));
    wall.holds(&wall.ssh(&["-s", "ada", "gokku"]));
    wall.holds(&wall.ssh(&["ada", "rsync --server --sender -vlogDtpre.iLsfxC . /etc/passwd"]));
    wall.holds(&wall.ssh(&["ada", "/usr/lib/openssh/sftp-server"]));
    wall.holds(&wall.ssh(&["ada", &format!("scp -t {}", wall.mark.display())]));
    wall.holds(&wall.ssh(&["ada", "scp -f /etc/passwd"]));
    assert!(!PathBuf::from(taken).exists(), "a file was taken");
    // The owner's own key can, so that this would be seen.
    fs::write(&batch, format!("get /etc/passwd {taken}\n")).unwrap();
    run("sftp", &["-S", client, "-b", batch.to_str().unwrap(), "server"]).ok();
    assert!(PathBuf::from(taken).exists());
}

/// Answers everybody who connects; only a forwarded connection would ask.
fn greeter() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let _ = (&client).write_all(b"GREETED");
        }
    });
    port
}

/// What comes back of a connection to a port, after these bytes.
fn heard(port: u16, say: &[u8]) -> Vec<u8> {
    let mut heard = Vec::new();
    if let Ok(mut client) = TcpStream::connect(("127.0.0.1", port)) {
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let _ = client.write_all(say);
        let _ = client.read_to_end(&mut heard);
    }
    heard
}

/// A session that does nothing but hold forwards open, once its client says that it is there.
fn forwarding(server: &Server, host: &str, words: &[&str]) -> Running {
    let session = Running::start(server.command("ssh").args(["-v", "-N"]).args(words).arg(host));
    session.wait_for("Entering interactive session");
    session
}

fn no_forwarding(wall: &Wall<'_>) {
    let target = greeter();
    // SOCKS5: no authentication, then CONNECT 127.0.0.1:target.
    let [high, low] = target.to_be_bytes();
    let socks = [5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, high, low];
    let greeted = |bytes: &[u8]| bytes.windows(7).any(|part| part == b"GREETED");

    // The owner's own key can, so this would be seen.
    for (host, works) in [("server", true), ("ada", false)] {
        let (local, dynamic) = (free_port(), free_port());
        let session = forwarding(
            wall.server,
            host,
            &[
                "-L",
                &format!("{local}:127.0.0.1:{target}"),
                "-D",
                &dynamic.to_string(),
            ],
        );
        assert_eq!(greeted(&heard(local, b"")), works, "-L for {host}");
        assert_eq!(greeted(&heard(dynamic, &socks)), works, "-D for {host}");
        drop(session);

        let remote = free_port();
        let forward = format!("{remote}:127.0.0.1:{target}");
        let session = Running::start(
            wall.server
                .command("ssh")
                .args(["-v", "-N", "-R", &forward, host]),
        );
        session.wait_for("remote forward");
        session.wait_for(if works {
            "remote forward success"
        } else {
            "remote forward failure"
        });
        assert_eq!(greeted(&heard(remote, b"")), works, "-R for {host}");
        drop(session);
    }
    // Standard input and output forwarded, a jump over this host, a tunnel device, a socket on the server.
    let target = format!("127.0.0.1:{target}");
    wall.holds(&wall.ssh(&["-W", &target, "ada"]));
    wall.holds(&wall.ssh(&["-o", "ProxyCommand=ssh -W %h:%p ada", "server", "true"]));
    wall.holds(&wall.ssh(&["-o", "ExitOnForwardFailure=yes", "-w", "any:any", "-N", "ada"]));
    let socket = wall.server.root().join("run/proxy.sock");
    let local = free_port();
    let session = forwarding(
        wall.server,
        "ada",
        &["-L", &format!("{local}:{}", socket.display())],
    );
    let answer = heard(local, b"GET /v1/status HTTP/1.0\r\nHost: x\r\n\r\n");
    assert!(
        answer.is_empty(),
        "the control socket answered: {}",
        answer.escape_ascii()
    );
    drop(session);
    no_agent_and_no_display(wall);
}

/// Both are offered; what sshd has taken stands in the environment of what it runs.
fn no_agent_and_no_display(wall: &Wall<'_>) {
    let socket = wall.server.home().join("agent");
    let agent = Running::start(wall.server.command("ssh-agent").arg("-D").arg("-a").arg(&socket));
    wait_until("the agent", PATIENCE, || socket.exists().then_some(()));
    for (host, taken) in [("server", true), ("ada", false)] {
        let before: BTreeSet<u32> = wall.server.processes().into_iter().collect();
        let line = format!("gokku events -f -a {}", wall.mine);
        let mut command = wall.server.command("ssh");
        command.env("SSH_AUTH_SOCK", &socket).env("DISPLAY", ":9");
        let session = Running::start(command.args(["-A", "-Y", host, &line]));
        session.wait_for("the app was made");
        let environments: Vec<String> = wall
            .server
            .processes()
            .into_iter()
            .filter(|pid| *pid != session.id() && !before.contains(pid))
            .map(|pid| fs::read(format!("/proc/{pid}/environ")).unwrap_or_default())
            .filter(|environment| environment.windows(8).any(|part| part == b"SSH_CONN"))
            .map(|environment| String::from_utf8_lossy(&environment).into_owned())
            .collect();
        assert!(!environments.is_empty(), "the session's program is found");
        for name in ["SSH_AUTH_SOCK=", "DISPLAY="] {
            let found = environments
                .iter()
                .any(|all| all.split('\0').any(|one| one.starts_with(name)));
            assert_eq!(found, taken, "{name} for {host}: {environments:?}");
        }
    }
    drop(agent);
}

fn no_other_repository(wall: &Wall<'_>) {
    let dev = WorkingCopy::new(wall.server);
    dev.commit("v1");
    let root = wall.server.root().display();
    let (mine, other) = (&wall.mine, &wall.other);
    for path in [
        other.clone(),
        format!("/{other}.git"),
        format!("{root}/repos/{other}.git"),
        format!("{root}/repos/{mine}.git/../{other}.git"),
        format!("../{other}.git"),
        format!("{mine}.git/../{other}.git"),
        format!("{mine}/.."),
        format!("{mine}.git/hooks"),
        format!("{root}/apps/{other}/shared"),
        format!("{root}/repos"),
        "/etc/passwd".to_owned(),
        "/".to_owned(),
        ".".to_owned(),
        "..".to_owned(),
        "~root/x.git".to_owned(),
        wall.mark.display().to_string(),
        "--help".to_owned(),
        "-h".to_owned(),
        format!("--upload-pack=touch {}", wall.mark.display()),
        format!("--receive-pack=touch {}", wall.mark.display()),
        unique("nowhere"),
    ] {
        let address = format!("ssh://ada/{path}");
        wall.holds(&dev.git(["push", "--quiet", &address, "HEAD:main"]));
        wall.holds(&dev.git(["push", "--quiet", &format!("ada:{path}"), "HEAD:main"]));
        wall.holds(&wall.git(&["ls-remote", &address]));
        for program in [
            "git-receive-pack",
            "git receive-pack",
            "git-upload-pack",
            "gokku upload-pack",
        ] {
            wall.holds(&wall.ssh(&["ada", &format!("{program} {path}")]));
        }
    }
    for line in [
        "git receive-pack --help".to_owned(),
        format!("git receive-pack --stateless-rpc {mine}"),
        format!("git-receive-pack --http-backend-info-refs {mine}"),
        format!("git-upload-pack --timeout=1 {other}"),
        format!("git-upload-pack -- {other}"),
        format!("git-upload-pack {mine} {other}"),
        format!("git-upload-archive {other}"),
        format!("git-lfs-authenticate {mine} upload"),
        "git-receive-pack".to_owned(),
        "git".to_owned(),
        "git --version".to_owned(),
        "git daemon".to_owned(),
    ] {
        wall.holds(&wall.ssh(&["ada", &line]));
    }
    wall.holds(&wall.git(&["archive", &format!("--remote=ada:{other}"), "HEAD"]));
    // Nothing has come of any of it.
    let heads = wall
        .git(&["ls-remote", &format!("{root}/repos/{other}.git")])
        .ok();
    assert_eq!(heads.stdout, "");
    let listed = wall.server.gokku(["apps", "list", "--json"]).ok().json();
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed}");
}

fn no_other_command(wall: &Wall<'_>) {
    let (mine, other) = (&wall.mine, &wall.other);
    let mark = wall.mark.display();
    let nowhere = unique("nowhere");
    for line in [
        "status -a APP",
        "releases -a APP",
        "logs -a APP",
        "logs -f -a APP",
        "events -a APP",
        "config list -a APP",
        "config get WORD -a APP",
        "config set A=1 -a APP",
        "config unset WORD -a APP",
        "deploy -a APP",
        "deploy --attach -a APP",
        "deploy --abort -a APP",
        "rollback -a APP",
        "restart -a APP",
        "stop -a APP",
        "maintenance on -a APP",
        "maintenance off -a APP",
        "start -a APP",
        "run -a APP -- sh",
        "exec -a APP -- sh",
        "apps destroy APP --yes",
        "apps create APP",
        "status -a APP-production",
        "status --app=APP --json",
    ] {
        let ask = |app: &str| wall.ssh(&["ada", &format!("gokku {}", line.replace("APP", app))]);
        let (forbidden, unknown) = (ask(other), ask(&nowhere));
        wall.holds(&forbidden);
        // An app that is another's and one that is not there are the same, to the byte.
        let alike = |output: &Output| {
            let of = |text: &str| text.replace(other.as_str(), "APP").replace(&nowhere, "APP");
            (output.code, of(&output.stdout), of(&output.stderr))
        };
        assert_eq!(alike(&forbidden), alike(&unknown), "{line}");
        assert_eq!(forbidden.code, Some(3), "{forbidden}");
    }
    let push = |app: &str| wall.ssh(&["ada", &format!("git-receive-pack {app}")]);
    let (forbidden, unknown) = (push(other), push(&nowhere));
    assert_eq!(
        (forbidden.code, forbidden.stderr.replace(other.as_str(), "APP")),
        (unknown.code, unknown.stderr.replace(&nowhere, "APP"))
    );
    // Lists have the key's own only.
    for line in [
        "status",
        "status --json",
        "apps list",
        "apps list --json",
        "events",
        "events --json",
    ] {
        let listed = wall.ssh(&["ada", &format!("gokku {line}")]).ok();
        assert!(
            listed.stdout.contains(mine) && !listed.stdout.contains(other),
            "{listed}"
        );
    }
    // What keeps the server is nobody's from outside.
    for line in [
        "proxy status",
        "doctor",
        &format!("hook pre-receive -a {mine}"),
        &format!("entry --key ada --app {other}"),
        &format!("receive-pack --json {other}"),
        "--root / status",
        &format!("--root {mark} status"),
        &format!("status --root={}/..", wall.server.root().display()),
        "--docker-host unix:///var/run/docker.sock status",
        &format!("status -a {mine} --docker-host=tcp://127.0.0.1:1"),
        &format!("status -a ../{other}"),
        &format!("status -a {mine}/../{other}"),
        "status -a /etc/passwd",
        "status -a ''",
    ]
    .into_iter()
    .chain(WITHIN)
    {
        wall.holds(&wall.ssh(&["ada", &format!("gokku {line}")]));
    }
    assert!(!wall.mark.exists());
}

fn no_environment(wall: &Wall<'_>) {
    let (mine, other) = (&wall.mine, &wall.other);
    let root = wall.server.root().display().to_string();
    // sshd takes none of these; what it did take would not be git's to see.
    for (name, value) in [
        ("GIT_DIR", format!("{root}/repos/{other}.git")),
        ("GIT_CONFIG_PARAMETERS", format!("'core.hooksPath={root}'")),
        ("GIT_EXEC_PATH", wall.server.home().display().to_string()),
        ("GOKKU_BY", "root".to_owned()),
        ("GOKKU_ROOT", "/".to_owned()),
        ("SSH_ORIGINAL_COMMAND", format!("gokku status -a {other}")),
        ("BASH_ENV", wall.mark.display().to_string()),
        ("LD_PRELOAD", wall.mark.display().to_string()),
    ] {
        let mut command = wall.server.command("ssh");
        let send = format!("SendEnv={name}");
        command.env(name, value).args(["-o", &send, "ada"]);
        let ls = Output::of(
            command
                .arg(format!("git-upload-pack {mine}"))
                .stdin(Stdio::null()),
        );
        assert!(!ls.stdout.contains(other.as_str()), "{ls}");
        let mut command = wall.server.command("ssh");
        let set = format!("SetEnv={name}=/");
        let output = Output::of(
            command
                .args(["-o", &set, "ada", "gokku apps list"])
                .stdin(Stdio::null()),
        );
        let output = output.ok().says(mine);
        assert!(!output.stdout.contains(other.as_str()), "{output}");
    }
}

/// Adding, listing, removing; everybody else's lines stay, and what is no public key is refused.
#[test]
fn keys_are_added_listed_and_removed() {
    let server = Server::new();
    let sshd = Sshd::start(&server);
    write_others(&server);
    let key = sshd.make_key("ada");
    let add = |input: &str, words: &[&str]| {
        let words = ["keys", "add"].iter().chain(words);
        server.gokku_with_input(input.as_bytes(), words)
    };
    server
        .gokku(["keys", "list"])
        .ok()
        .complains("There are no keys yet");
    let added = add(&key, &["ada", "--app", "shop", "-a", "api"]).ok();
    added
        .says("ada is let in, to api, shop")
        .complains("Not here yet: shop, api");
    let file = fs::metadata(authorized_keys(&server))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(file & 0o777, 0o600);

    for (input, name, complaint) in [
        (key.as_str(), "ada", "there is a key ada already"),
        (&key, "eve", "this key is there already, as ada"),
        (
            OTHERS.lines().last().unwrap(),
            "eve",
            "does not begin with a key's type",
        ),
        (
            OTHERS.split("0.1\" ").last().unwrap(),
            "eve",
            "is let in already by line 3",
        ),
        ("", "eve", "there is no key in what was given"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n",
            "eve",
            "this is a private key",
        ),
        (
            "ssh-ed25519 AAAAAAAA",
            "eve",
            "ssh-keygen does not take this for a key",
        ),
        (&key, "gokku", "choose another name"),
        (&key, "-x", "unexpected argument"),
        (&key, "../x", "is no name for a key"),
        (&key, "a b", "is no name for a key"),
    ] {
        let refused = add(input, &[name]).complains(complaint);
        assert!(refused.code != Some(0), "{refused}");
    }
    add(&key, &["eve", "--app", "../x"]).exits(2);
    let weak = server.home().join("weak");
    let mut keygen = server.command("ssh-keygen");
    Output::of(
        keygen
            .args(["-q", "-t", "rsa", "-b", "1024", "-N", "", "-f"])
            .arg(&weak),
    )
    .ok();
    let weak = fs::read_to_string(weak.with_extension("pub")).unwrap();
    add(&weak, &["weak"]).exits(2).complains("too short");

    let listed = server.gokku(["keys", "list", "--json"]).ok().json();
    assert_eq!(listed[0]["name"], "ada");
    assert_eq!(listed[0]["apps"], serde_json::json!(["api", "shop"]));
    assert_eq!(listed[0]["type"], "ssh-ed25519");
    let print = listed[0]["fingerprint"].as_str().unwrap();
    assert!(print.starts_with("SHA256:"), "{listed}");
    server
        .gokku(["keys", "list"])
        .ok()
        .says("NAME")
        .says("api, shop")
        .says(print);

    ssh(&server, &["ada", "gokku apps list"]).ok();
    server
        .gokku(["keys", "remove", "eve"])
        .exits(3)
        .complains("there is no key eve");
    server.gokku(["keys", "remove", "ada"]).ok();
    ssh(&server, &["ada", "gokku apps list"])
        .exits(255)
        .complains("Permission denied");
    let left = fs::read_to_string(authorized_keys(&server)).unwrap();
    assert_eq!(left, format!("{OTHERS}\n"));
    let told: Vec<String> = events(&server)
        .iter()
        .filter(|event| event["by"] != "ada")
        .map(|event| event["change"].to_string())
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    {"key-added":{"apps":["api","shop"],"name":"ada"}}
    {"key-removed":{"name":"ada"}}
    "#);
}
