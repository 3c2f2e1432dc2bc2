//! The examples' own Dockerfiles, built and run with plain docker: what a user copies must work.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use gokku_tests::{
    PATIENCE, Server, docker, ensure_python, get, hello_program, unique, wait_until, workspace,
};

/// Builds a folder and runs the image; where it answers. It goes with the server.
fn run(server: &Server, folder: &Path, port: u16) -> (String, SocketAddr) {
    let name = unique("example");
    let label = format!("gokku.root={}", server.root().display());
    docker([
        "build",
        "--quiet",
        "--label",
        &label,
        "--tag",
        &name,
        folder.to_str().unwrap(),
    ])
    .ok();
    docker([
        "run", "--pull", "never", "--detach", "--name", &name, "--label", &label, &name,
    ])
    .ok();
    let address: IpAddr = server.containers()[0].address.parse().unwrap();
    (name, SocketAddr::from((address, port)))
}

/// Waits for the first answer of `/health`.
fn health(name: &str, address: SocketAddr) -> String {
    let answer = wait_until("the example's health", PATIENCE, || {
        let answer = get(address, "/health").ok();
        let state = docker(["inspect", "--format", "{{.State.Status}}", name]).ok();
        assert_eq!(state.line(), "running", "{}", docker(["logs", name]));
        answer
    });
    assert_eq!(answer.status, 200);
    answer.text()
}

/// Stops it as gokku does: SIGTERM and a grace; it must not need more.
fn stop(name: &str) {
    docker(["stop", "--time", "60", name]).ok();
    let code = docker(["inspect", "--format", "{{.State.ExitCode}}", name]).ok();
    assert_eq!(code.line(), "0", "{}", docker(["logs", name]));
}

#[test]
fn hello_says_hello_and_ends_gracefully() {
    let server = Server::new();
    let folder = server.home().join("hello");
    fs::create_dir(&folder).unwrap();
    let example = workspace().join("examples/hello");
    fs::copy(example.join("Dockerfile"), folder.join("Dockerfile")).unwrap();
    fs::copy(example.join(".dockerignore"), folder.join(".dockerignore")).unwrap();
    fs::copy(hello_program(), folder.join("hello")).unwrap();

    let (name, address) = run(&server, &folder, 8080);
    assert_eq!(health(&name, address), "healthy\n");
    assert_eq!(get(address, "/").unwrap().text(), "Hello from gokku!\n");
    assert_eq!(get(address, "/other").unwrap().status, 404);
    stop(&name);
}

#[test]
fn flask_says_hello_and_ends_gracefully() {
    ensure_python();
    let server = Server::new();
    let (name, address) = run(&server, &workspace().join("examples/flask"), 8000);
    assert_eq!(health(&name, address).trim(), r#"{"status":"healthy"}"#);
    assert_eq!(get(address, "/").unwrap().text(), "Hello from Flask!\n");
    stop(&name);
}
