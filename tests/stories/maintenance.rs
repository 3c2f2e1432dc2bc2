//! P48: an app in maintenance.

use std::process::Command;

use gokku_tests::{Answer, App, Connection, PATIENCE, Server};

fn ask(app: &App<'_>, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut connection = Connection::open(app.address(), PATIENCE).unwrap();
    connection.request("GET", path, headers, b"").unwrap()
}

/// P48: on and off in one step, with the app's own page and a way past it; deploys go on beneath, and it outlives the switch.
#[test]
fn p48_maintenance_is_on_and_off() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    // Also of an app that was never deployed.
    api.gokku(["maintenance", "on"])
        .ok()
        .says("will be in maintenance, with a plain line of text, as soon as it has a release");
    dev.release("v1").ok();
    assert_eq!(ask(&api, "/version", &[]).status, 503);
    let give = |page: &[u8]| {
        let words = api.named(["maintenance", "on", "--page"]);
        server.gokku_with_input(page, words)
    };
    let on = give(b"<h1>back at noon</h1>")
        .ok()
        .says("is in maintenance: its clients get its own page")
        .complains("The way past it");
    assert_eq!(ask(&api, "/version", &[]).text(), "<h1>back at noon</h1>");
    api.gokku(["status"]).ok().says("maintenance");

    // The way past it is an address that works, for a browser.
    let way = on
        .stderr
        .lines()
        .find_map(|line| line.split_once("a day: "))
        .unwrap()
        .1;
    let path = way.split_once("://").unwrap().1;
    let path = &path[path.find('/').unwrap()..];
    let let_in = ask(&api, path, &[]);
    assert_eq!(let_in.status, 303);
    let cookie = let_in
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let past = |app: &App<'_>| ask(app, "/version", &[("Cookie", &cookie)]).text();
    assert_eq!(past(&api), "v1");
    let browser = Command::new("curl")
        .args([
            "--silent",
            "--location",
            "--max-time",
            "60",
            "--cookie",
            "nothing",
            way,
        ])
        .output()
        .unwrap();
    assert!(browser.status.success(), "{browser:?}");

    // What is deployed meanwhile is seen by those alone; a killed switch and another one know of it.
    dev.write_app("v2", &[]);
    dev.commit("v2");
    dev.push().ok();
    assert_eq!(
        (ask(&api, "/version", &[]).status, past(&api)),
        (503, "v2".to_owned())
    );
    server.gokku(["proxy", "restart"]).ok();
    assert_eq!(ask(&api, "/version", &[]).status, 503);
    server.kill_daemon();
    api.gokku(["restart"]).ok();
    assert_eq!(
        (ask(&api, "/version", &[]).status, past(&api)),
        (503, "v2".to_owned())
    );

    api.gokku(["maintenance", "off"]).ok().says("is over");
    assert_eq!(ask(&api, "/version", &[]).text(), "v2");
    api.gokku(["maintenance", "off"])
        .ok()
        .says("is not in maintenance");
    // The page stays for the next time, and the pass does not.
    api.gokku(["maintenance", "on"]).ok().says("its own page");
    assert_eq!(ask(&api, "/version", &[("Cookie", &cookie)]).status, 503);
    api.gokku(["maintenance", "on", "--plain"])
        .ok()
        .says("a plain line of text");
    api.gokku(["maintenance", "off"]).ok();
    server
        .gokku(["events"])
        .ok()
        .says("maintenance began: clients get its page")
        .says("maintenance is over");

    // What is no page changes nothing.
    for (page, why) in [
        (&b" "[..], "the page is empty"),
        (b"", "the page is empty"),
        (b"\xff", "a page is text in UTF-8"),
        ("x".repeat((256 << 10) + 1).as_bytes(), "256 kB"),
    ] {
        give(page).exits(2).complains(why);
    }
    assert_eq!(ask(&api, "/version", &[]).text(), "v2");
}
