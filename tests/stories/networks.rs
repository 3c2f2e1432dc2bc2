//! Apps are apart: no app reaches another one's containers, unless both say so.

use std::collections::BTreeSet;

use gokku_tests::{App, Engine, PATIENCE, Server, WorkingCopy, unique, wait_until};

/// What an app of a name says of its network, in a copy of its code.
fn says(copy: &WorkingCopy<'_>, app: &App<'_>, more: &str) {
    let (name, port) = (app.name(), app.port());
    let yml = format!(
        "apps:\n  {name}:\n    ports: [\"{port}:8080\"]\n{more}    processes:\n      jobs: {{command: /app serve, stay_up: 1}}\n"
    );
    copy.write("gokku.yml", yml);
}

/// Lets these apps reach it.
fn lets_in(copy: &WorkingCopy<'_>, app: &App<'_>, others: &[&str]) {
    says(
        copy,
        app,
        &format!("    network: {{apps: [{}]}}\n", others.join(", ")),
    );
}

/// What an app's web finds at a host: the version there, or nothing.
#[track_caller]
fn finds(app: &App<'_>, host: &str) -> Option<String> {
    let answer = app.get(&format!("/reach?host={host}")).unwrap();
    (answer.status == 200).then(|| answer.text())
}

/// The same of a container of its own.
#[track_caller]
fn finds_once(app: &App<'_>, host: &str) -> bool {
    app.gokku(["run", "--", "/app", "reach", host, "8080"]).code == Some(0)
}

/// The networks that the containers of an app are on.
fn networks(app: &App<'_>) -> BTreeSet<String> {
    let format = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}";
    let all = app.container_names();
    let shown = app
        .docker(
            ["inspect", "--format", format]
                .map(String::from)
                .into_iter()
                .chain(all),
        )
        .ok();
    shown.stdout.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn p49_apps_reach_one_another_only_when_both_say_so() {
    let server = Server::new();
    let (api, shop) = (server.create("api"), server.create("shop"));
    let (dev, theirs) = (api.working_copy(), shop.working_copy());
    let own = |app: &App<'_>| format!("gokku.{}", app.name());
    let (ours, other) = (api.blue(), shop.blue());
    let jobs = format!("{ours}-jobs-1");

    // Neither says a word. Each is on a network of its own, all of its containers are, and no way leads to the other.
    says(&theirs, &shop, "");
    theirs.release("s1").ok();
    api.gokku(["config", "set", &format!("SHOP_URL=http://{other}:8080")])
        .ok();
    says(&dev, &api, "");
    let push = dev.release("a1").ok();
    push.says(&format!("SHOP_URL names a container of {}", shop.name()))
        .says(&format!(
            "`network: {{apps: [{}]}}` below {}",
            shop.name(),
            api.name()
        ))
        .says(&format!(
            "`network: {{apps: [{}]}}` below {}",
            api.name(),
            shop.name()
        ));
    assert_eq!(networks(&api), BTreeSet::from([own(&api)]));
    assert_eq!(networks(&shop), BTreeSet::from([own(&shop)]));
    assert_eq!(
        finds(&api, &jobs).as_deref(),
        Some("a1"),
        "its own it reaches by name"
    );
    let address = |app: &App<'_>| {
        let all = app.containers();
        all.into_iter()
            .find(|one| one.name == app.blue())
            .unwrap()
            .address
    };
    let apart = || {
        for host in [other.clone(), address(&shop)] {
            assert_eq!(finds(&api, &host), None, "{host}");
        }
        assert_eq!(finds(&shop, &ours), None);
    };
    apart();
    assert!(!finds_once(&api, &other) && !finds_once(&api, &address(&shop)));

    // One says so. What is told is the same of an app that there is not.
    let told = |others: &[&str], version: &str| {
        lets_in(&dev, &api, others);
        let push = dev.release(version).ok();
        let lines = push
            .remote_lines()
            .into_iter()
            .filter(|line| line.contains("do not reach each other"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let nobody = unique("nobody");
    let (of_nobody, of_shop) = (told(&[&nobody], "a2"), told(&[shop.name()], "a3"));
    assert_eq!(of_shop.len(), 1, "{of_shop:?}");
    assert_eq!(of_nobody[0].replace(&nobody, shop.name()), of_shop[0]);
    apart();
    // Nor can what is another's be named.
    for network in [own(&shop), format!("gokku.{nobody}"), "gokku".to_owned()] {
        says(&dev, &api, &format!("    network: {network}\n"));
        let push = dev.release("stolen").rejected().says("network");
        assert!(!push.output.contains("Building"), "{push}");
    }

    // Both say so. Those of the app that said it first come onto the network when they are made anew.
    lets_in(&theirs, &shop, &[api.name()]);
    theirs
        .release("s2")
        .ok()
        .says(&format!("`gokku restart -a {}`", api.name()));
    assert_eq!(finds(&api, &other), None);
    api.gokku(["restart"]).ok();
    let mut pair = [api.name(), shop.name()];
    pair.sort_unstable();
    let pair = format!("gokku.{}.{}", pair[0], pair[1]);
    assert_eq!(networks(&api), BTreeSet::from([own(&api), pair.clone()]));
    assert_eq!(networks(&shop), BTreeSet::from([own(&shop), pair.clone()]));
    assert_eq!(finds(&api, &other).as_deref(), Some("s2"));
    assert_eq!(finds(&shop, &ours).as_deref(), Some("a3"));
    assert!(finds_once(&api, &other) && finds_once(&shop, &ours));
    // It stays so, whichever is deployed; a migration reaches the other, too.
    api.gokku([
        "config",
        "set",
        &format!("MIGRATION_COMMAND=/app reach {other} 8080"),
    ])
    .ok();
    lets_in(&dev, &api, &[shop.name()]);
    let push = dev.release("a4").ok().says("reached s2");
    assert!(!push.output.contains("SHOP_URL"), "{push}");
    theirs.release("s3").ok();
    assert_eq!(finds(&api, &other).as_deref(), Some("s3"));
    assert_eq!(finds(&shop, &ours).as_deref(), Some("a4"));

    // One says so no more.
    says(&theirs, &shop, "");
    theirs.release("s4").ok();
    apart();
    server.gokku(["apps", "destroy", shop.name(), "--yes"]).ok();
    api.gokku(["config", "unset", "MIGRATION_COMMAND"]).ok();
    let mine = format!("label=gokku.root={}", server.root().display());
    let left = || {
        server
            .docker(["network", "ls", "--filter", &mine, "--format", "{{.Name}}"])
            .ok()
            .stdout
    };
    assert_eq!(left().trim(), own(&api));
    server.gokku(["apps", "destroy", api.name(), "--yes"]).ok();
    assert_eq!(left(), "");
}

/// A server whose apps are all on one network, as an earlier gokku left it: nothing is a difference, and each app is moved
/// by its next transition, without a request being lost. With the last one the network goes.
#[test]
fn p49_apps_of_one_network_are_moved_by_their_next_transition() {
    let engine = Engine::start_new();
    let server = Server::on(&engine);
    let api = server.create("api");
    let dev = api.working_copy_with("");
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    dev.release("v1").ok();
    let made = api.containers()[0].clone();
    server.kill_daemon();
    api.docker(["network", "create", "gokku"]).ok();
    api.docker(["rm", "--force", &api.blue()]).ok();
    let mut words = vec!["run", "--detach", "--init", "--name"]
        .into_iter()
        .map(String::from)
        .collect::<Vec<_>>();
    words.extend([api.blue(), "--network".to_owned(), "gokku".to_owned()]);
    for (name, value) in made
        .labels
        .iter()
        .filter(|(name, _)| name.as_str() != "gokku.network")
    {
        words.extend(["--label".to_owned(), format!("{name}={value}")]);
    }
    words.push(made.image.clone());
    api.docker(words).ok();
    let old = api.containers()[0].clone();
    // It is what the switch knows.
    let table = server.read("proxy/routes.json");
    let table = table
        .replace(&made.id, &old.id)
        .replace(&made.address, &old.address);
    server.write("proxy/routes.json", table);
    let _daemon = server.start_gokku(["proxy", "run"]);
    api.await_version("v1");
    wait_until("an app without trouble", PATIENCE, || {
        let status = api.gokku(["status", "--json"]).ok().json();
        (status["trouble"] == serde_json::json!([]) && status["busy"].is_null()).then_some(())
    });
    assert_eq!(api.containers()[0].id, old.id, "it is as it should be");
    assert_eq!(networks(&api), BTreeSet::from(["gokku".to_owned()]));
    let load = gokku_tests::Load::start(gokku_tests::LoadPlan {
        fresh: 2,
        ..gokku_tests::LoadPlan::none(api.address())
    });
    let mut timeline = gokku_tests::Timeline::new("v1");
    timeline.change("v2", || dev.release("v2").ok());
    load.stop().assert_clean(&timeline);
    assert_eq!(networks(&api), BTreeSet::from([format!("gokku.{}", api.name())]));
    api.docker(["network", "inspect", "gokku"]).exits(1);
}
