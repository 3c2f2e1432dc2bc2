//! A story's server, working copy and sshd, before gokku comes in.

use std::time::Duration;

use gokku_tests::{
    Engine, Output, Running, Server, Sshd, WorkingCopy, docker, free_port, unique, wait_until,
};

#[test]
fn what_a_server_made_goes_with_it() {
    let server = Server::new();
    let root = server.root().to_owned();
    let label = format!("gokku.root={}", root.display());
    let copy = WorkingCopy::new(&server);
    copy.write_app("v1", &["slow-health-ms=1"]);
    let image = unique("harness");
    let folder = copy.folder().to_str().unwrap();
    docker(["build", "--quiet", "--label", &label, "--tag", &image, folder]).ok();
    docker([
        "run", "--pull", "never", "--detach", "--name", &image, "--label", &label, &image,
    ])
    .ok();
    let left = Running::start(server.command("sleep").arg("600"));
    assert_eq!(server.containers().len(), 1);
    assert_eq!(server.containers()[0].name, image);
    assert!(server.processes().contains(&left.id()));

    let address = server.containers()[0]
        .address
        .parse::<std::net::IpAddr>()
        .unwrap();
    let version = wait_until("the app", Duration::from_secs(60), || {
        gokku_tests::get((address, 8080).into(), "/version").ok()
    });
    assert_eq!(version.text(), "v1");

    drop(server);
    assert_eq!(left.wait().code, None, "killed");
    assert!(!root.exists());
    assert_eq!(gokku_tests::containers(&root), []);
    assert_eq!(docker(["images", "--quiet", &image]).ok().stdout, "");
}

/// Also when a story fails, and in whatever state it left the engine.
#[test]
fn what_an_engine_made_goes_with_it() {
    let network = || std::fs::read_link("/proc/thread-self/ns/net").unwrap();
    let outside = network();
    let end: [fn(&mut Engine); 3] = [|_| {}, Engine::stop, Engine::kill];
    for end in end {
        let mut folder = None;
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut engine = Engine::start_new();
            assert_ne!(network(), outside);
            let host = engine.host().into_string().unwrap();
            folder = host
                .strip_prefix("unix://")
                .and_then(|host| host.split("/run/").next())
                .map(str::to_owned);
            let server = Server::on(&engine);
            let copy = WorkingCopy::new(&server);
            copy.write_app("v1", &[]);
            engine
                .docker([
                    "build",
                    "--quiet",
                    "--tag",
                    "app",
                    copy.folder().to_str().unwrap(),
                ])
                .ok();
            engine.docker(["run", "--detach", "app"]).ok();
            assert_eq!(engine.docker(["ps", "--quiet"]).ok().stdout.lines().count(), 1);
            end(&mut engine);
            panic!("a story fails");
        }));
        assert_eq!(failed.unwrap_err().downcast_ref(), Some(&"a story fails"));
        let folder = folder.unwrap();
        assert_eq!(network(), outside);
        assert!(!std::path::Path::new(&folder).exists());
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(&folder), "{mounts}");
        let processes = std::fs::read_dir("/proc").unwrap();
        let mut commands =
            processes.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("cmdline")).ok());
        assert_eq!(commands.find(|command| command.contains(&folder)), None);
    }
}

/// The images that tests begin with stay; nothing else does, also of a run that was killed. What is reached outside is reached from
/// the run's network, too.
#[test]
fn a_runs_engine_begins_like_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let name = unique("run");
    let start = || Engine::start_for_run(&name, folder.path());
    std::thread::scope(|scope| {
        let killed = scope.spawn(|| {
            let engine = start();
            let server = Server::on(&engine);
            let copy = WorkingCopy::new(&server);
            copy.write_app("v1", &[]);
            let source = copy.folder().to_str().unwrap();
            engine.docker(["build", "--quiet", "--tag", "app", source]).ok();
            let label = "gokku.stand-in=harness";
            engine
                .docker(["build", "--quiet", "--label", label, "--tag", "stand-in", source])
                .ok();
            engine.docker(["network", "create", "left"]).ok();
            let run = [
                "run",
                "--detach",
                "--network",
                "left",
                "--volume",
                "left:/left",
                "app",
            ];
            engine.docker(run).ok();
            std::mem::forget(engine);
        });
        killed.join().unwrap();
    });

    let outside = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let engine = start();
    let gateway = Output::of(std::process::Command::new("ip").args(["route", "show", "default"])).ok();
    let gateway = gateway.line().split(' ').nth(2).unwrap().to_owned();
    let port = outside.local_addr().unwrap().port();
    std::net::TcpStream::connect((gateway.as_str(), port)).unwrap();

    assert_eq!(
        engine.docker(["info", "--format", "{{.Driver}}"]).ok().line(),
        "overlay2"
    );
    let list = |args: &[&str]| engine.docker(args).ok().stdout;
    assert_eq!(list(&["images", "--format", "{{.Repository}}"]), "stand-in\n");
    assert_eq!(list(&["ps", "--all", "--quiet"]), "");
    assert_eq!(list(&["volume", "ls", "--quiet"]), "");
    assert_eq!(list(&["network", "ls", "--quiet", "--filter", "type=custom"]), "");
    drop(engine);
    assert_eq!(
        docker(["network", "ls", "--quiet", "--filter", &format!("name={name}")])
            .ok()
            .stdout,
        ""
    );
}

#[test]
fn a_push_goes_over_a_real_ssh() {
    let server = Server::new();
    let sshd = Sshd::start(&server);
    let bare = server.path("repos/x.git");
    Output::of(
        server
            .command("git")
            .args(["init", "--quiet", "--bare"])
            .arg(&bare),
    )
    .ok();
    let copy = WorkingCopy::new(&server);
    copy.write("file", "text");
    let commit = copy.commit("first");
    copy.git(["remote", "add", "production", &sshd.url(&bare)]).ok();
    copy.push().ok();
    let head = Output::of(
        server
            .command("git")
            .arg("-C")
            .arg(&bare)
            .args(["rev-parse", "main"]),
    )
    .ok();
    assert_eq!(head.line(), commit);

    let remote = Output::of(
        server
            .command("ssh")
            .args(["server", "echo $GOKKU_ROOT; command -v gokku"]),
    )
    .ok();
    let programs = server.programs().join("gokku");
    assert_eq!(
        remote.stdout,
        format!("{}\n{}\n", server.root().display(), programs.display())
    );
}

#[test]
fn a_rejected_push_is_told_apart() {
    let server = Server::new();
    let bare = server.path("repos/x.git");
    Output::of(
        server
            .command("git")
            .args(["init", "--quiet", "--bare"])
            .arg(&bare),
    )
    .ok();
    let hook = "#!/bin/sh\necho no thanks\nexit 1\n";
    server.write("repos/x.git/hooks/pre-receive", hook);
    Output::of(
        server
            .command("chmod")
            .arg("+x")
            .arg(bare.join("hooks/pre-receive")),
    )
    .ok();
    let copy = WorkingCopy::new(&server);
    copy.git(
        ["remote", "add", "production"]
            .map(Into::into)
            .into_iter()
            .chain([bare.into_os_string()]),
    )
    .ok();
    copy.commit("first");
    let push = copy.push().rejected();
    assert_eq!(push.remote_lines(), ["no thanks"]);
}

#[test]
fn ports_are_free_and_never_the_same() {
    let ports: std::collections::BTreeSet<_> = (0..50).map(|_| free_port()).collect();
    assert_eq!(ports.len(), 50);
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let first_outgoing: u16 = range.split_whitespace().next().unwrap().parse().unwrap();
    assert!(
        ports.iter().all(|port| *port < first_outgoing),
        "{ports:?} {range}"
    );
}
