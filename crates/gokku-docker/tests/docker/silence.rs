//! An engine that hangs: whatever is asked of it comes to an end, and is told what was not answered.

use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use gokku_core::config::image_ref::ImageRef;
use gokku_core::containers::{Isolation, LogOptions, Login};
use gokku_core::machine::subnet::RANGE;
use gokku_core::{ContainerId, ImageId};
use gokku_docker::{Engine, Error, Limits};

use crate::support::{Folder, Lab, Middle, Reply, answer, soon};

/// Short ones: nothing here is answered anyway.
const LIMITS: Limits = Limits {
    question: Duration::from_secs(1),
    act: Duration::from_millis(1100),
    beyond_grace: Duration::from_millis(100),
    prune: Duration::from_millis(1200),
};

/// A head, and the beginning of a body that does not go on.
const BEGUN: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n";

/// An engine that tells its version, and says this to whatever else it is asked.
async fn hanging(said: &'static str) -> (Middle, Engine) {
    let middle = Middle::new(move |line| {
        if line.contains("/version") {
            answer("200 OK", r#"{"Version":"20.10.24","ApiVersion":"1.41"}"#)
        } else {
            Reply::Hang(said.to_owned())
        }
    });
    let connected = Engine::connect_within(&middle.socket(), LIMITS).await;
    let engine = connected.unwrap();
    (middle, engine)
}

type Calls<'a> = Vec<(&'static str, Pin<Box<dyn Future<Output = Option<Error>> + 'a>>)>;

macro_rules! calls {
    ($($name:literal: $call:expr),* $(,)?) => {
        vec![$(($name, Box::pin(async { $call.await.err() }))),*]
    };
}

/// What is answered by a head alone.
const DONE_BY_HEAD: [&str; 8] = [
    "start",
    "stop",
    "restart",
    "kill",
    "rename",
    "rm",
    "tag",
    "volume rm",
];

/// All at once: each ends, with the name of what was not answered; `begun` is whether there is a head.
async fn are_silent(calls: Calls<'_>, begun: bool) {
    join_all(calls.into_iter().map(|(name, call)| async move {
        match soon(name, call).await {
            Some(Error::Silent { call, .. }) => assert_eq!(call, name),
            None if begun => assert!(DONE_BY_HEAD.contains(&name), "{name} was answered"),
            other => panic!("{name}: {other:?}"),
        }
    }))
    .await;
}

/// What is answered at once, or done in a known time.
async fn limited(engine: &Engine, lab: &Lab, begun: bool) {
    let id = ContainerId::new("0123456789ab");
    let image: ImageRef = "localhost:5000/me/app:1".parse().unwrap();
    let spec = lab.spec(&ImageId::new("app"), &["ready"]);
    let label = [("a", "b")];
    let grace = Duration::from_secs(1);
    let named = lab.named("gokku", &[]);
    let isolation = Isolation::of(String::new(), RANGE, &[]);
    are_silent(
        calls! {
            "info": engine.data_root(),
            "inspect": engine.container(id.as_str()),
            "inspect": engine.remove(&id),
            "ps": engine.containers(&label),
            "ps": engine.network_is_used("gokku"),
            "create": engine.create(&spec),
            "start": engine.start(&id),
            "stop": engine.stop(&id, grace),
            "restart": engine.restart(&id, grace),
            "kill": engine.kill(&id, "SIGTERM"),
            "rename": engine.rename(&id, "name"),
            "rm": engine.remove_with_volumes(&id),
            "image inspect": engine.image("app"),
            "images": engine.images(&label),
            "tag": engine.tag("app", "app", "1"),
            "rmi": engine.remove_image("app"),
            "image prune": engine.prune_images(&label),
            "network ls": engine.network("gokku"),
            "network ls": engine.networks_with(&label),
            "network ls": engine.network_or_make(&named),
            "network ls": engine.remove_network("gokku"),
            "ps": engine.isolate(&isolation),
            "volume inspect": engine.volume("data"),
            "volume ls": engine.volumes(&label),
            "volume rm": engine.remove_volume("data"),
            "system df": engine.usage(),
            "builder prune": engine.prune_cache(0),
            "manifest inspect": engine.digest_of(&image, None),
            "exec": engine.exec(&id, &[], false, false),
            "logs": engine.last_lines(&id, 50),
        },
        begun,
    )
    .await;
}

#[tokio::test]
async fn whatever_is_not_answered_has_an_end() {
    let lab = Lab::new().await;
    let (_middle, engine) = hanging("").await;
    limited(&engine, &lab, false).await;
    let id = ContainerId::new("0123456789ab");
    let image: ImageRef = "localhost:5000/me/app:1".parse().unwrap();
    let login = Login {
        registry: "localhost:5000".to_owned(),
        username: "me".to_owned(),
        password: "word".to_owned(),
    };
    let folder = Folder::new("FROM scratch\nCOPY app /app\n");
    let request = lab.request(folder.path());
    let (follow, all) = (
        LogOptions {
            follow: true,
            ..LogOptions::default()
        },
        LogOptions::default(),
    );
    let mut on_line = |_| {};
    let mut on_layer = |_| {};
    // Those of which the beginning is all that is waited for, or has no limit after it.
    are_silent(
        calls! {
            "login": engine.check_login(&login),
            "session": engine.build(&request, &mut on_line),
            "pull": engine.pull(&image, None, &mut on_layer),
            "attach": engine.attach(&id, false),
            "wait": engine.wait_exit(&id),
            "events": async { engine.events(&[]).next().await.unwrap() },
            "logs": async { engine.logs(&id, &follow).next().await.unwrap() },
            "logs": async { engine.logs(&id, &all).next().await.unwrap() },
        },
        false,
    )
    .await;
}

#[tokio::test]
async fn an_answer_that_is_begun_and_not_ended_has_an_end() {
    let lab = Lab::new().await;
    let (_middle, engine) = hanging(BEGUN).await;
    limited(&engine, &lab, true).await;
}

/// An engine that takes no connection, and one that says nothing to any.
#[tokio::test]
async fn the_first_question_has_an_end() {
    let middle = Middle::new(|_| Reply::Hang(String::new()));
    let began = Instant::now();
    let socket = middle.socket();
    let connecting = Engine::connect_within(&socket, LIMITS);
    let error = soon("the connection", connecting).await.unwrap_err();
    assert!(began.elapsed() >= LIMITS.question);
    assert!(error.is_silence(), "{error:?}");
    insta::assert_snapshot!(
        error.to_string(),
        @"connect: the Docker Engine did not answer `version` within 1 s: it hangs, or the machine is very busy. What runs goes on. `journalctl -u docker` may say why, and `systemctl restart docker` ends it; `gokku doctor` looks again"
    );
}

/// One after the other would add up to more than anybody waits.
#[tokio::test]
async fn who_is_in_a_hurry_asks_no_more_after_the_first_silence() {
    let (middle, engine) = hanging("").await;
    let engine = engine.brief();
    let (first, second) = tokio::join!(engine.image("one"), engine.volume("two"));
    assert!(first.is_err() && second.is_err());
    let asked = middle.asked().len();
    let began = Instant::now();
    for _ in 0..10 {
        let error = engine.clone().containers(&[]).await.unwrap_err();
        assert!(error.to_string().starts_with("list the containers: "), "{error}");
        assert!(error.is_silence(), "{error:?}");
        assert!(engine.tag("app", "app", "1").await.unwrap_err().is_silence());
    }
    assert!(began.elapsed() < LIMITS.question);
    assert_eq!(middle.asked().len(), asked);
}

/// Garbage is an answer, and not waited for.
#[tokio::test]
async fn what_cannot_be_understood_is_told_at_once() {
    for garbage in ["\u{0}\u{1}\u{2}\r\n\r\n", "HTTP/9.9 what\r\n\r\n", "{}\r\n\r\n"] {
        let middle = Middle::new(move |line| {
            if line.contains("/version") {
                answer("200 OK", r#"{"Version":"20.10.24","ApiVersion":"1.41"}"#)
            } else {
                Reply::Answer(garbage.to_owned())
            }
        });
        let engine = Engine::connect(&middle.socket()).await.unwrap();
        let began = Instant::now();
        let error = soon("the list", engine.containers(&[])).await.unwrap_err();
        assert!(matches!(error, Error::Answer { .. }), "{garbage:?}: {error:?}");
        let error = soon("the disk", engine.usage()).await.unwrap_err();
        assert!(!error.is_silence(), "{garbage:?}: {error:?}");
        assert!(began.elapsed() < gokku_docker::engine::limits::QUESTION);
    }
}

/// The lock that all who use the engine share is not waited for without an end.
#[tokio::test]
async fn one_who_keeps_the_lock_holds_nobody_up_for_ever() {
    let lab = Lab::new().await;
    let name = lab.network().await;
    let real = lab.socket.clone();
    let middle = Middle::new(move |_| Reply::PassOn(real.clone()));
    let folder = std::fs::File::open(middle.socket().parent().unwrap()).unwrap();
    folder.lock().unwrap();
    let limits = Limits {
        question: Duration::from_secs(3),
        ..Limits::default()
    };
    let engine = Engine::connect_within(&middle.socket(), limits).await.unwrap();
    let removed = soon("the network", engine.remove_network(&name)).await;
    assert!(removed.unwrap());
    let made = soon("the network", engine.network_or_make(&lab.named(&name, &[]))).await;
    assert_eq!(made.unwrap().name, name);
}

/// An engine that takes a build and does not begin with it.
#[tokio::test]
async fn a_build_that_is_not_begun_has_an_end() {
    let lab = Lab::new().await;
    let real = lab.socket.clone();
    let middle = Middle::new(move |line| {
        if line.contains("/build?") {
            Reply::Hang(String::new())
        } else {
            Reply::PassOn(real.clone())
        }
    });
    let limits = Limits {
        act: LIMITS.act,
        ..Limits::default()
    };
    let engine = Engine::connect_within(&middle.socket(), limits).await.unwrap();
    let folder = Folder::new("FROM scratch\nCOPY app /app\n");
    let request = lab.request(folder.path());
    let mut on_line = |_| {};
    let build = async { engine.build(&request, &mut on_line).await.err() };
    are_silent(vec![("build", Box::pin(build))], false).await;
}
