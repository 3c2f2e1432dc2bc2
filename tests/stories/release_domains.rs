//! Domains that a `gokku.yml` says: P35, and P46 for what moves with a release's traffic.

use gokku_tests::{App, Load, LoadPlan, Server, Sshd, Timeline, WorkingCopy, unique};

use crate::domains::{asked, server};
use crate::keys::{copy_for, ssh};

/// Says an environment's domains in a working copy.
fn says(dev: &WorkingCopy<'_>, app: &App<'_>, domains: &str) {
    let yml = format!(
        "apps:\n  {}:\n    ports: [\"{}:8080\"]\n    environments:\n      - name: production\n        domains: {domains}\n",
        app.name(),
        app.port()
    );
    dev.write("gokku.yml", yml);
}

/// P46: a release's domains come and go in one step with its traffic: with deploys, a failed one, one whose containers die when
/// they have the traffic, a rollback, a restart and another switch; and nobody loses a request by it.
#[test]
fn p46_a_releases_domains_move_with_its_traffic() {
    for zero_downtime in ["true", "false"] {
        let (server, at) = server();
        let api = server.create("api");
        let mode = format!("ZERO_DOWNTIME={zero_downtime}");
        api.gokku(["config", "set", &mode, "HEALTH_CHECK_TIMEOUT=3"]).ok();
        let dev = api.working_copy();
        says(&dev, &api, "[localhost, v0.example]");
        dev.release("v0").ok();
        let mut timeline = Timeline::new("v0");
        let load = Load::start(LoadPlan::small(at));
        for number in 1..=2 {
            let version = format!("v{number}");
            let domains = format!("[localhost, {{name: {version}.example, path: /app, strip_path: true}}]");
            says(&dev, &api, &domains);
            dev.write_app(&version, &[]);
            dev.commit(&version);
            timeline.change(&version, || dev.push().ok());
            let before = format!("v{}.example", number - 1);
            assert_eq!(asked(at, &format!("{version}.example"), "/app/version"), version);
            assert_eq!(asked(at, &before, "/version"), "404", "{before}");
            assert_eq!(asked(at, &before, "/app/version"), "404", "{before}");
        }
        says(&dev, &api, "[localhost, sick.example]");
        dev.release_with("v3", &["fail-health"]).rejected();
        let still = || {
            assert_eq!(asked(at, "v2.example", "/app/version"), "v2");
            for other in ["v1.example", "sick.example"] {
                assert_eq!(asked(at, other, "/app/version"), "404", "{other}");
            }
        };
        still();
        timeline.change("v2", || api.gokku(["restart"]).ok());
        still();
        api.gokku(["ps", "scale", "web=2"]).ok();
        still();
        server.gokku(["proxy", "restart"]).ok();
        still();
        timeline.change("v1", || api.gokku(["rollback"]).ok());
        assert_eq!(asked(at, "v1.example", "/app/version"), "v1");
        assert_eq!(asked(at, "v2.example", "/app/version"), "404");
        load.stop().assert_clean(&timeline);

        // The next daemon has them from its table, and they stay the app's while it is stopped.
        server.kill_daemon();
        api.gokku(["restart"]).ok();
        assert_eq!(asked(at, "v1.example", "/app/version"), "v1");
        api.gokku(["stop"]).ok();
        assert_eq!(asked(at, "v1.example", "/app/version"), "503");
        let other = server.create("other");
        other.working_copy().release("w1").ok();
        // What keeps the port open when the app is gone.
        other.gokku(["domains", "add", "other.example"]).ok();
        other
            .gokku(["domains", "add", "v1.example", "--path", "/app"])
            .exits(2)
            .complains(&format!("v1.example/app is the domain of {} already", api.name()));
        server.gokku(["apps", "destroy", api.name(), "--yes"]).ok();
        assert_eq!(asked(at, "v1.example", "/app/version"), "404");
    }
}

/// P35: another app's claim is refused by its name before anything is built, whichever of the two ways each has it; and what an
/// app has in both is its own.
#[test]
fn p35_a_release_claims_no_domain_of_another_app() {
    let (server, at) = server();
    let (api, web) = (server.create("api"), server.create("web"));
    api.gokku(["domains", "add", "own.example"]).ok();
    let dev = api.working_copy();
    says(&dev, &api, "[released.example, {name: own.example, path: /v1}]");
    dev.release("v1").ok();

    let other = web.working_copy();
    let wanted = "[fine.example, own.example, {name: own.example, path: /v1/}, released.example]";
    says(&other, &web, wanted);
    let push = other.release("w1").rejected();
    for (column, domain) in [
        (33, "own.example"),
        (53, "own.example/v1"),
        (79, "released.example"),
    ] {
        let told = format!(
            "gokku.yml:6:{column}: environments[].domains: {domain} is the domain of {} already",
            api.name()
        );
        assert!(push.output.contains(&told), "no {told:?} in\n{push}");
    }
    assert!(!push.output.contains("fine.example is"), "{push}");
    assert!(!push.output.contains("Building"), "{push}");
    assert_eq!(asked(at, "fine.example", "/version"), "404");
    web.gokku(["domains", "add", "released.example"])
        .exits(2)
        .complains("is the domain of");

    // One that the next release does not have is free, and a rollback does not take it back.
    says(&dev, &api, "[own.example]");
    dev.release("v2").ok();
    web.gokku(["domains", "add", "released.example"]).ok();
    says(&other, &web, "[released.example, fine.example]");
    other.release("w1").ok();
    assert_eq!(asked(at, "released.example", "/version"), "w1");
    api.gokku(["rollback"]).exits(1).complains(&format!(
        "released.example is the domain of {} already",
        web.name()
    ));
    assert_eq!(asked(at, "own.example", "/version"), "v2");
    let listed = server.gokku(["domains", "list", "--json"]).ok().json();
    let listed: Vec<(&str, &str, bool)> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["domain"].as_str().unwrap(),
                one["app"].as_str().unwrap(),
                one["of_release"].as_bool().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("own.example", api.name(), false),
        ("released.example", web.name(), false),
        ("fine.example", web.name(), true),
    ];
    assert_eq!(listed, expected);
}

/// Lets a key in that may give these domains to its apps.
fn let_in(server: &Server, sshd: &Sshd, name: &str, app: &str, domains: &[&str]) {
    let key = sshd.make_key(name);
    let mut words = vec!["keys", "add", name, "--app", app];
    for domain in domains {
        words.extend(["--domain", domain]);
    }
    server.gokku_with_input(key.as_bytes(), words).ok();
}

/// Whoever pushes with a key gives its app no domain that the key was not given, by whichever way; what the app has stays.
#[test]
fn a_key_gives_its_app_only_domains_that_it_was_given() {
    let (server, at) = server();
    let sshd = Sshd::start(&server);
    let (name, secret) = (unique("api"), server.create("secret"));
    secret.gokku(["domains", "add", "taken.ada.example"]).ok();
    let_in(&server, &sshd, "eve", &name, &[]);
    let_in(&server, &sshd, "ada", &name, &["ada.example"]);
    let listed = server.gokku(["keys", "list", "--json"]).ok().json();
    let domains: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["domains"])
        .collect();
    assert_eq!(
        domains,
        [&serde_json::json!([]), &serde_json::json!(["ada.example"])]
    );

    let port = gokku_tests::free_port();
    let dev = copy_for(&server, &name, port, &format!("ada:{name}"));
    dev.git(["remote", "add", "eve", &format!("eve:{name}")]).ok();
    let says = |domains: &str| {
        let yml = format!(
            "apps:\n  {name}:\n    ports: [\"{port}:8080\"]\n    environments: [{{name: production, domains: [{domains}]}}]\n"
        );
        dev.write("gokku.yml", yml);
    };
    for domains in ["bank.example", "ada.example.evil.example", "\"*.example\""] {
        says(domains);
        let push = dev.release("v0").rejected();
        assert!(
            push.output.contains("gokku.yml:4:49: environments[].domains: "),
            "{push}"
        );
        assert!(push.output.contains("was not given to the key ada"), "{push}");
        assert!(!push.output.contains("Building"), "{push}");
    }
    // Whose it is is not told to whoever may not know of the app.
    says("taken.ada.example");
    let push = dev.release("v0").rejected();
    assert!(
        push.output.contains("taken.ada.example is another app's already"),
        "{push}"
    );
    says("ada.example, \"*.ada.example\"");
    dev.release("v1").ok();
    assert_eq!(asked(at, "ada.example", "/version"), "v1");

    // One without keeps what the app has, and adds nothing.
    dev.write_app("v2", &[]);
    dev.commit("v2");
    dev.push_to("eve", &["main"]).ok();
    assert_eq!(asked(at, "x.ada.example", "/version"), "v2");
    says("ada.example, eve.example");
    dev.write_app("v3", &[]);
    dev.commit("v3");
    let push = dev.push_to("eve", &["main"]).rejected();
    assert!(
        push.output.contains("eve.example was not given to the key eve"),
        "{push}"
    );
    let by = |key: &str, line: &str| ssh(&server, &[key, &format!("gokku domains {line} -a {name}")]);
    by("eve", "add ada.example")
        .exits(2)
        .complains("ada.example was not given to the key eve");
    by("ada", "add more.ada.example").ok();
    by("ada", "add ada.example ada.example.org").exits(2);
    by("eve", "remove more.ada.example").exits(2);
    assert_eq!(asked(at, "more.ada.example", "/version"), "v2");
    by("ada", "remove more.ada.example").ok();
    by("ada", "list").ok().says("*.ada.example");
}
