//! The server's ports: P25, and what stands in the way.

use std::net::TcpListener;

use gokku_tests::{Server, free_port};

/// A port that another program has is told before anything is built, with the program.
#[test]
fn a_port_taken_by_a_program_is_told_with_its_name() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    let taken = TcpListener::bind(("127.0.0.1", api.port())).unwrap();
    let push = dev
        .release("v1")
        .rejected()
        .says(&api.port().to_string())
        .says(&format!("process {}", std::process::id()));
    assert!(!push.output.contains("Building"), "{push}");
    drop(taken);
    dev.push().ok();
    assert_eq!(api.version(), "v1");
}

/// One that another app has is told with the app.
#[test]
fn a_port_taken_by_an_app_is_told_with_its_name() {
    let server = Server::new();
    let one = server.create("one");
    one.working_copy().release("v1").ok();
    let two = server.create("two");
    let dev = two.working_copy();
    dev.write(
        "gokku.yml",
        format!("apps:\n  {}:\n    ports: [\"{}:8080\"]\n", two.name(), one.port()),
    );
    let push = dev
        .release("v2")
        .rejected()
        .says(&one.port().to_string())
        .says(one.name());
    assert!(!push.output.contains("Building"), "{push}");
    assert_eq!(one.version(), "v1");
    // Once it is free, it can be had.
    one.gokku(["apps", "list"]).ok();
    server.gokku(["apps", "destroy", one.name(), "--yes"]).ok();
    dev.push().ok();
    assert_eq!(gokku_tests::get(one.address(), "/version").unwrap().text(), "v2");
}

/// An app that runs and is to move to a port that somebody has: told before anything is built or stopped.
#[test]
fn a_taken_port_is_told_before_a_running_app_moves() {
    let server = Server::new();
    let one = server.create("one");
    one.working_copy().release("v1").ok();
    let two = server.create("two");
    let dev = two.working_copy();
    dev.release("v1").ok();
    let before = two.containers();
    let taken = TcpListener::bind(("127.0.0.1", free_port())).unwrap();
    let program = taken.local_addr().unwrap().port();
    for (port, holder) in [
        (one.port(), format!("the app {}", one.name())),
        (program, format!("process {}", std::process::id())),
    ] {
        let yml = format!("apps:\n  {}:\n    ports: [\"{port}:8080\"]\n", two.name());
        dev.write("gokku.yml", yml);
        let push = dev.release("v2").rejected().says(&port.to_string()).says(&holder);
        assert!(!push.output.contains("Building"), "{push}");
    }
    assert_eq!(two.containers(), before);
    assert_eq!(two.version(), "v1");
}

/// `PORT` is the port inside, and outside too where `gokku.yml` says nothing.
#[test]
fn p25_port_from_the_env() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.remove("gokku.yml");
    let port = free_port();
    api.gokku(["config", "set", &format!("PORT={port}")]).ok();
    dev.release("v1").ok();
    let answer = gokku_tests::get(([127, 0, 0, 1], port).into(), "/env?name=PORT").unwrap();
    assert_eq!(answer.text(), port.to_string());
    // Another one moves the app, at the switch.
    let next = free_port();
    api.gokku(["config", "set", &format!("PORT={next}")]).ok();
    let answer = gokku_tests::get(([127, 0, 0, 1], next).into(), "/version").unwrap();
    assert_eq!(answer.text(), "v1");
    assert!(gokku_tests::get(([127, 0, 0, 1], port).into(), "/version").is_err());
}

/// Without either, and an image that exposes none or several: what to do is told.
#[test]
fn an_image_without_a_port_is_told_what_to_add() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.remove("gokku.yml");
    dev.write_app("v1", &[]);
    dev.write(
        "Dockerfile",
        "FROM scratch\nCOPY app /app\nENTRYPOINT [\"/app\"]\n",
    );
    dev.commit("no port");
    dev.push().rejected().says("EXPOSE").says("PORT");
    dev.write(
        "Dockerfile",
        "FROM scratch\nCOPY app /app\nEXPOSE 8080 9090\nENTRYPOINT [\"/app\"]\n",
    );
    dev.commit("two ports");
    dev.push().rejected().says("8080, 9090").says("PORT");
    assert_eq!(api.containers(), []);
}
