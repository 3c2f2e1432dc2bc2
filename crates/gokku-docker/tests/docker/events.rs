//! What happens to containers is told, with their ids and labels.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use gokku_core::ContainerId;
use gokku_core::containers::{ContainerEvent, EventKind, labels};
use gokku_docker::{Engine, Error};

use crate::support::{Lab, Middle, Reply, answer, docker, soon};

type Events = BoxStream<'static, Result<ContainerEvent, Error>>;

/// The next event that is one of ours to act on.
async fn next(events: &mut Events) -> (ContainerId, EventKind) {
    loop {
        let event = soon("an event", events.next())
            .await
            .expect("no end")
            .expect("no error");
        if event.kind != EventKind::Other {
            return (event.id, event.kind);
        }
    }
}

/// P30: a crash is told with its code, so that the daemon can start it again.
#[tokio::test]
async fn p30_a_containers_life_is_told_in_order() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let mut events = lab.engine.events(&[lab.label()]);
    let id = lab.start(&lab.spec(&image, &["soon", "3"])).await;
    assert_eq!(next(&mut events).await, (id.clone(), EventKind::Started));
    assert_eq!(next(&mut events).await, (id.clone(), EventKind::Died(3)));
    lab.engine.start(&id).await.unwrap();
    assert_eq!(next(&mut events).await, (id.clone(), EventKind::Started));
    assert_eq!(next(&mut events).await, (id.clone(), EventKind::Died(3)));
    lab.engine.remove(&id).await.unwrap();
    assert_eq!(next(&mut events).await, (id, EventKind::Removed));
}

/// What happens after `events` was called is told, even where nobody has listened yet: the daemon asks for the events,
/// looks at what there is, and then listens.
#[tokio::test]
async fn p30_what_happens_before_the_first_listening_is_told_too() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let mut events = lab.engine.events(&[lab.label()]);
    let id = lab.start(&lab.spec(&image, &["soon", "1"])).await;
    soon("its end", lab.engine.wait_exit(&id)).await.unwrap();
    lab.engine.remove(&id).await.unwrap();
    assert_eq!(next(&mut events).await, (id.clone(), EventKind::Started));
    assert_eq!(next(&mut events).await, (id.clone(), EventKind::Died(1)));
    assert_eq!(next(&mut events).await, (id, EventKind::Removed));
}

/// One that ends at once: the engine may tell its end before its start, and tells both.
#[tokio::test]
async fn p30_a_start_that_fails_at_once_is_told_with_its_code() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let mut events = lab.engine.events(&[lab.label()]);
    for code in [1, 77, 255] {
        let id = lab.start(&lab.spec(&image, &["exit", &code.to_string()])).await;
        let both = [next(&mut events).await, next(&mut events).await];
        assert!(both.contains(&(id.clone(), EventKind::Started)), "{both:?}");
        assert!(both.contains(&(id, EventKind::Died(code))), "{both:?}");
    }
}

/// What happened before is not told again: an old crash is no new one.
#[tokio::test]
async fn what_happened_before_is_not_told() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let before = lab.start(&lab.spec(&image, &["exit", "1"])).await;
    soon("its end", lab.engine.wait_exit(&before)).await.unwrap();
    lab.engine.remove(&before).await.unwrap();
    let mut events = lab.engine.events(&[lab.label()]);
    let after = lab.start(&lab.spec(&image, &["deaf", "x"])).await;
    assert_eq!(next(&mut events).await, (after, EventKind::Started));
}

/// Somebody's stop and the app's own end are told apart: only the second is a crash.
#[tokio::test]
async fn p30_a_stop_by_anyone_is_told_before_the_end() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let mut events = lab.engine.events(&[lab.label()]);
    for by_hand in [&["stop"][..], &["kill"], &["rm", "--force"]] {
        let id = lab.start(&lab.spec(&image, &["polite", "ready"])).await;
        lab.said(&id, "ready").await;
        assert_eq!(next(&mut events).await, (id.clone(), EventKind::Started));
        docker(&[by_hand, &[id.as_str()]].concat());
        assert_eq!(
            next(&mut events).await,
            (id.clone(), EventKind::Killed),
            "{by_hand:?}"
        );
        let code = if by_hand == ["stop"] { 0 } else { 137 };
        assert_eq!(
            next(&mut events).await,
            (id.clone(), EventKind::Died(code)),
            "{by_hand:?}"
        );
        lab.engine.remove(&id).await.unwrap();
        assert_eq!(next(&mut events).await, (id, EventKind::Removed), "{by_hand:?}");
    }
}

/// A signal that asks for something else than the end is no stop.
#[tokio::test]
async fn p30_a_signal_that_ends_nothing_is_no_stop() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let mut events = lab.engine.events(&[lab.label()]);
    let id = lab.start(&lab.spec(&image, &["deaf", "ready"])).await;
    lab.said(&id, "ready").await;
    assert_eq!(next(&mut events).await, (id.clone(), EventKind::Started));
    lab.engine.kill(&id, "SIGHUP").await.unwrap();
    lab.engine.kill(&id, "SIGUSR1").await.unwrap();
    lab.engine.kill(&id, "SIGKILL").await.unwrap();
    assert_eq!(next(&mut events).await, (id.clone(), EventKind::Killed));
    assert_eq!(next(&mut events).await, (id, EventKind::Died(137)));
}

/// Only of who carries all the labels: another app's crash is not ours, nor another server's.
#[tokio::test]
async fn events_are_only_of_those_with_the_labels() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let spec = |app: &str| gokku_core::containers::ContainerSpec {
        labels: lab.labels(&[(labels::APP, app), ("odd", r#"a "b" = grün"#)]),
        ..lab.spec(&image, &["exit", "0"])
    };
    let mut events = lab.engine.events(&[lab.label(), (labels::APP, "api")]);
    for other in ["api-2", "ap", "my-api"] {
        let id = lab.start(&spec(other)).await;
        soon("its end", lab.engine.wait_exit(&id)).await.unwrap();
    }
    let id = lab.start(&spec("api")).await;
    let first = soon("an event", events.next()).await.unwrap().unwrap();
    assert_eq!(first.id, id);
    assert_eq!(first.labels.get(labels::APP).map(String::as_str), Some("api"));
    assert_eq!(first.labels.get(labels::ROOT), Some(&lab.root));
    assert_eq!(
        first.labels.get("odd").map(String::as_str),
        Some(r#"a "b" = grün"#)
    );
}

/// Who follows events that have ended in silence believes for ever that nothing happens.
#[tokio::test]
async fn an_engine_that_goes_away_ends_the_events() {
    let event = r#"{"Type":"container","Action":"start","Actor":{"ID":"abc","Attributes":{}}}"#;
    let chunk = format!("{:x}\r\n{event}\n\r\n", event.len() + 1);
    // An engine that is stopped ends its answer; one that is killed does not.
    for end in ["0\r\n\r\n", ""] {
        let events = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{end}");
        let middle = Middle::new(move |line| {
            if line.contains("/events") {
                Reply::Answer(events.clone())
            } else {
                answer("200 OK", r#"{"Version":"20.10.24","ApiVersion":"1.41"}"#)
            }
        });
        let engine = Engine::connect(&middle.socket()).await.unwrap();
        let mut events = engine.events(&[]);
        assert_eq!(
            next(&mut events).await,
            (ContainerId::new("abc"), EventKind::Started)
        );
        match soon("the end of the events", events.next()).await {
            None => assert!(!end.is_empty(), "an end that was none is an error"),
            Some(event) => drop(event.unwrap_err()),
        }
    }
}

/// The engine is not there at all when the events are asked for.
#[tokio::test]
async fn events_of_an_engine_that_is_gone_are_an_error() {
    let middle = Middle::new(|_| answer("200 OK", r#"{"Version":"20.10.24","ApiVersion":"1.41"}"#));
    let engine = Engine::connect(&middle.socket()).await.unwrap();
    drop(middle);
    let mut events = engine.events(&[]);
    let first = soon("an answer", events.next())
        .await
        .expect("not an end without a word");
    assert!(!first.unwrap_err().to_string().is_empty());
}
