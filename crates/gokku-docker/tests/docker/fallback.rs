//! Which builder is used: BuildKit where the engine has it, the classic one where not.

use gokku_docker::{Builder, Engine, Error};

use crate::support::{Folder, Lab, Middle, Reply, answer, soon};

const DOCKERFILE: &str = "FROM scratch\nCOPY app /app\n";

/// An engine like the machine's own, but for what it says to BuildKit's builds.
fn refusing(lab: &Lab, status: &'static str, json: &'static str) -> Middle {
    let real = lab.socket.clone();
    Middle::new(move |line| {
        if line.contains("/build?") && line.contains("version=2") {
            answer(status, json)
        } else {
            Reply::PassOn(real.clone())
        }
    })
}

fn builds(middle: &Middle) -> Vec<&'static str> {
    let asked = middle.asked();
    let builds = asked.iter().filter(|line| line.contains("/build?"));
    builds
        .map(|line| {
            if line.contains("version=2") {
                "BuildKit"
            } else {
                "classic"
            }
        })
        .collect()
}

#[tokio::test]
async fn an_engine_without_buildkit_builds_with_the_classic_builder() {
    let lab = Lab::new().await;
    let middle = refusing(
        &lab,
        "400 Bad Request",
        r#"{"message":"BuildKit is not supported by this daemon"}"#,
    );
    let engine = Engine::connect(&middle.socket()).await.unwrap();
    let folder = Folder::new(DOCKERFILE);
    let mut lines = Vec::new();
    let request = lab.request(folder.path(), Builder::Any);
    let built = soon("the build", engine.build(&request, &mut |line| lines.push(line))).await;
    let id = built.unwrap_or_else(|error| panic!("{error}\n{lines:?}"));
    assert_eq!(builds(&middle), ["BuildKit", "classic"]);
    assert!(lines.iter().any(|line| line.starts_with("Step 1/")), "{lines:?}");
    let image = lab.engine.image(&request.tag).await.unwrap().unwrap();
    assert_eq!(image.id, id);
}

#[tokio::test]
async fn an_engine_with_buildkit_is_asked_once() {
    let lab = Lab::new().await;
    let real = lab.socket.clone();
    let middle = Middle::new(move |_| Reply::PassOn(real.clone()));
    let engine = Engine::connect(&middle.socket()).await.unwrap();
    let folder = Folder::new(DOCKERFILE);
    let request = lab.request(folder.path(), Builder::Any);
    soon("the build", engine.build(&request, &mut |_| {}))
        .await
        .unwrap();
    assert_eq!(builds(&middle), ["BuildKit"]);
}

/// What fails for another reason fails: a second try would only hide it.
#[tokio::test]
async fn another_refusal_is_not_tried_again_with_the_other_builder() {
    let lab = Lab::new().await;
    let middle = refusing(
        &lab,
        "500 Internal Server Error",
        r#"{"message":"no space left on device"}"#,
    );
    let engine = Engine::connect(&middle.socket()).await.unwrap();
    let folder = Folder::new(DOCKERFILE);
    let request = lab.request(folder.path(), Builder::Any);
    let error = soon("the build", engine.build(&request, &mut |_| {}))
        .await
        .unwrap_err();
    assert!(matches!(&error, Error::Api { .. }), "{error:?}");
    assert!(error.to_string().contains("no space left on device"), "{error}");
    assert_eq!(builds(&middle), ["BuildKit"]);
}

/// The engine is stopped, or killed, in the middle of a build: no build that ended, and no wait without an end.
#[tokio::test]
async fn an_engine_that_goes_away_during_a_build_is_an_error() {
    let lab = Lab::new().await;
    let real = lab.socket.clone();
    let middle = Middle::new(move |line| {
        if line.contains("/build?") {
            let line = r#"{"stream":"Step 1/9 : FROM scratch\n"}"#;
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
    let request = lab.request(folder.path(), Builder::Classic);
    let mut lines = Vec::new();
    let built = soon(
        "the build's end",
        engine.build(&request, &mut |line| lines.push(line)),
    )
    .await;
    let error = built.unwrap_err();
    assert!(matches!(&error, Error::Api { .. }), "{error:?}");
    assert_eq!(
        lines,
        ["Step 1/9 : FROM scratch"],
        "what it said until then was shown"
    );
}
