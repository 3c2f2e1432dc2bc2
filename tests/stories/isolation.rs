//! The firewall's rule that keeps the networks of apps apart, beside the engine's own: P49. What it keeps out is tried where the
//! engine is asked (`crates/gokku-docker/tests/docker/isolation.rs`).

use std::process::Command;

use gokku_tests::{Engine, Output, PATIENCE, Server, wait_until};

/// The first engine that needs none.
const KEEPS_APART: u32 = 28;

/// The rules of the table, of the network that this thread and its engine are in.
fn rules() -> String {
    Output::of(Command::new("iptables").args(["-w", "-t", "mangle", "-S"]))
        .ok()
        .stdout
}

/// Waits for the rules of a range, and gives all.
#[track_caller]
fn kept_apart(range: &str) -> String {
    wait_until(&format!("a rule for {range}"), PATIENCE, || {
        let all = rules();
        all.contains(&format!("-A FORWARD -j gokku-{range}\n"))
            .then_some(all)
    })
}

/// P49: the rule is there with the first app, comes back with the engine when somebody has taken it away, follows the settings, and
/// goes with the server.
#[test]
fn p49_the_rule_between_networks_is_there_and_comes_back() {
    let mut engine = Engine::start_new();
    let version = engine
        .docker(["version", "--format", "{{.Server.Version}}"])
        .ok()
        .stdout;
    let major: u32 = version.split('.').next().unwrap().parse().unwrap();
    let server = Server::on(&engine);
    server
        .gokku(["doctor"])
        .says("ok       isolation: no app has a network yet");
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    if major >= KEEPS_APART {
        server
            .gokku(["doctor"])
            .says("ok       isolation: this engine's own rules");
        assert!(!rules().contains("gokku"));
        return;
    }
    let range = "10.213.0.0/16";
    let all = kept_apart(range);
    assert!(
        all.contains(&format!("-A gokku-to-{range} -d {range} -j DROP\n")),
        "{all}"
    );
    server.gokku(["doctor"]).says(&format!(
        "ok       isolation: the firewall lets nothing pass between networks of {range}\n"
    ));

    // Somebody loads a firewall of his own, which begins with nothing, and starts the engine again.
    for what in ["-F", "-X"] {
        Output::of(Command::new("iptables").args(["-w", "-t", "mangle", what])).ok();
    }
    assert!(!rules().contains("gokku"));
    engine.stop();
    engine.start();
    kept_apart(range);
    api.await_version("v1");
    Output::of(Command::new("iptables").args(["-w", "-t", "mangle", "-F"])).ok();
    server
        .gokku(["doctor"])
        .says("the rule was not there, and was made");
    kept_apart(range);

    // Other addresses: the networks that are there are kept apart from those to come.
    let config = server.read("config.toml");
    let other = "10.99.0.0/16";
    server.write(
        "config.toml",
        format!("{config}\n[networks]\nrange = \"{other}\"\n"),
    );
    let all = kept_apart(other);
    for subnet in [other, "10.213.0.0/26"] {
        let rule = format!("-A gokku-to-{other} -d {subnet} -j DROP\n");
        assert!(all.contains(&rule), "{rule}{all}");
    }
    // So is a network that is named.
    let port = api.port();
    let name = api.name();
    dev.write(
        "gokku.yml",
        format!("apps:\n  {name}:\n    ports: [\"{port}:8080\"]\n    network: back\n"),
    );
    dev.release("v2").ok();
    let format = "{{range .IPAM.Config}}{{.Subnet}}{{end}}";
    let named = server
        .docker(["network", "inspect", "back", "--format", format])
        .ok()
        .stdout;
    assert_eq!(named.trim(), "10.99.0.0/24");

    server.kill_daemon();
    server.gokku(["leave", "--data"]).ok();
    let all = rules();
    assert!(!all.contains(other), "{all}");
    let images = server.docker(["images", "--quiet", "gokku.invalid/firewall"]);
    assert_eq!(images.ok().stdout, "");
}
