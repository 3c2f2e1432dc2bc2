//! Over a real ssh: pushes and commands.

use gokku_tests::{Output, Server, Sshd};

/// P14 over ssh: the pusher sees the progress, and a bad version is a rejected push.
#[test]
fn p14_a_push_over_ssh_deploys() {
    let server = Server::new();
    let sshd = Sshd::start(&server);
    let api = server.create("api");
    let dev = api.working_copy();
    dev.git(["remote", "set-url", "production", &sshd.url(&api.repository())])
        .ok();
    api.gokku(["config", "set", "HEALTH_CHECK_TIMEOUT=2"]).ok();
    let push = dev.release("v1").ok();
    assert!(
        push.remote_lines()
            .iter()
            .any(|line| line.contains("-----> Done")),
        "{push}"
    );
    assert_eq!(api.version(), "v1");
    dev.release_with("v2", &["fail-health"])
        .rejected()
        .says("did not pass its health check");
    assert_eq!(api.version(), "v1");
}

/// P10, P20: the guide's commands, run over ssh; exit codes come through.
#[test]
fn p10_commands_run_over_ssh() {
    let server = Server::new();
    let _sshd = Sshd::start(&server);
    let api = server.create("api");
    let remote = |line: &str| Output::of(server.command("ssh").args(["server", line]));
    let name = api.name();
    remote(&format!("gokku config set -a {name} 'MOTTO=it'\"'\"'s $5'")).ok();
    assert_eq!(api.gokku(["config", "get", "MOTTO"]).ok().line(), "it's $5");
    remote(&format!("gokku status -a {name}"))
        .ok()
        .says("never deployed");
    remote("gokku status -a nowhere").exits(3);
}
