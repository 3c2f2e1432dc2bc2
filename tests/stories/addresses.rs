//! The address of an app that is told: one that works for whoever asks.

use gokku_tests::Server;

use crate::domains::server;

fn url(server: &Server, app: &str) -> String {
    let status = server.gokku(["status", "-a", app, "--json"]).ok().json();
    status["url"].as_str().unwrap_or("none").to_owned()
}

/// Whoever comes by ssh is told the address that they came to, until there is a name.
#[test]
fn the_address_of_an_app_works_for_whoever_asks() {
    let (mut server, at) = server();
    server.set_env("SSH_CONNECTION", "198.51.100.7 50000 203.0.113.9 22");
    let api = server.create("api");
    assert_eq!(url(&server, api.name()), "none");
    let by_address = format!("http://203.0.113.9:{}", api.port());
    let dev = api.working_copy();
    dev.release("v1").ok().says(&format!("-----> Done: {by_address}"));
    assert_eq!(url(&server, api.name()), by_address);
    server
        .gokku(["status", "-a", api.name()])
        .ok()
        .says(&format!("{} ({by_address})", api.port()));

    let settings = server.read("config.toml");
    server.write(
        "config.toml",
        format!("{settings}\n[server]\nname = \"srv.example\"\n"),
    );
    let by_name = format!("http://srv.example:{}", api.port());
    api.gokku(["restart"])
        .ok()
        .complains(&format!("-----> Done: {by_name}"));
    assert_eq!(url(&server, api.name()), by_name);

    // A name that is no wildcard and no redirect; the port of the domains is not the usual one here.
    api.gokku(["domains", "add", "*.api.example"]).ok();
    api.gokku(["domains", "add", "old.example", "--redirect-to", "api.example"])
        .ok();
    assert_eq!(url(&server, api.name()), by_name);
    api.gokku(["domains", "add", "api.example", "--path", "/v1"]).ok();
    let by_domain = format!("http://api.example:{}/v1", at.port());
    assert_eq!(url(&server, api.name()), by_domain);
    dev.release("v2").ok().says(&format!("-----> Done: {by_domain}"));
    api.gokku(["stop"]).ok();
    assert_eq!(url(&server, api.name()), "none");
}
