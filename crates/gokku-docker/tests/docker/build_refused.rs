//! An engine that does not build: it has no BuildKit, it refuses, or it goes away.

use gokku_docker::{Engine, Error};

use crate::support::{Folder, Lab, Middle, Reply, answer, soon};

const DOCKERFILE: &str = "FROM scratch\nCOPY app /app\n";

/// An engine like the machine's own, but for what it says to builds.
fn refusing(lab: &Lab, status: &'static str, json: &'static str) -> Middle {
    let real = lab.socket.clone();
    Middle::new(move |line| {
        if line.contains("/build?") {
            answer(status, json)
        } else {
            Reply::PassOn(real.clone())
        }
    })
}

#[tokio::test]
async fn an_engine_without_buildkit_says_what_is_needed() {
    let lab = Lab::new().await;
    let real = lab.socket.clone();
    let middle = Middle::new(move |line| {
        if line.contains("/session") {
            answer("404 Not Found", r#"{"message":"page not found"}"#)
        } else {
            Reply::PassOn(real.clone())
        }
    });
    let engine = Engine::connect(&middle.socket()).await.unwrap();
    let folder = Folder::new(DOCKERFILE);
    let request = lab.request(folder.path());
    let error = soon("the build", engine.build(&request, &mut |_| {}))
        .await
        .unwrap_err();
    assert!(matches!(&error, Error::NoBuildKit { status: 404 }), "{error:?}");
    insta::assert_snapshot!(error.to_string(), @"this engine has no BuildKit (HTTP 404), which builds the images: every Docker Engine for Linux has it from 20.10 on. Install that one, `docker.io` or `docker-ce`, and look with `docker version` what answers on the socket");
    assert!(!middle.asked().iter().any(|line| line.contains("/build?")));
}

#[tokio::test]
async fn a_refusal_is_told_in_the_engines_words() {
    let lab = Lab::new().await;
    let middle = refusing(
        &lab,
        "500 Internal Server Error",
        r#"{"message":"no space left on device"}"#,
    );
    let engine = Engine::connect(&middle.socket()).await.unwrap();
    let folder = Folder::new(DOCKERFILE);
    let request = lab.request(folder.path());
    let error = soon("the build", engine.build(&request, &mut |_| {}))
        .await
        .unwrap_err();
    assert!(matches!(&error, Error::Api { .. }), "{error:?}");
    assert!(error.to_string().contains("no space left on device"), "{error}");
}

/// The engine is stopped, or killed, in the middle of a build: no build that ended, and no wait without an end.
#[tokio::test]
async fn an_engine_that_goes_away_during_a_build_is_an_error() {
    let lab = Lab::new().await;
    let real = lab.socket.clone();
    let middle = Middle::new(move |line| {
        if line.contains("/build?") {
            let line = r#"{"stream":"Successfully tagged api:1\n"}"#;
            Reply::Answer(format!(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{line}\r\n",
                line.len()
            ))
        } else {
            Reply::PassOn(real.clone())
        }
    });
    let engine = Engine::connect(&middle.socket()).await.unwrap();
    let folder = Folder::new(DOCKERFILE);
    let request = lab.request(folder.path());
    let mut lines = Vec::new();
    let built = soon(
        "the build's end",
        engine.build(&request, &mut |line| lines.push(line)),
    )
    .await;
    let error = built.unwrap_err();
    assert!(matches!(&error, Error::Answer { .. }), "{error:?}");
    assert_eq!(
        lines,
        ["Successfully tagged api:1"],
        "what it said until then was shown"
    );
}
