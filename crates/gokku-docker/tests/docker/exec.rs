//! Being in a container: a program in a running one, or attached to one from its start.

use std::time::Duration;

use futures_util::StreamExt;
use gokku_core::ContainerId;
use gokku_core::containers::{ContainerSpec, LogLine};
use gokku_core::machine::stream::Stream;
use gokku_docker::Session;
use tokio::io::AsyncWriteExt;

use crate::support::{Lab, numbered, soon, text};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A container that does nothing but be there.
async fn idle(lab: &Lab) -> ContainerId {
    let image = lab.image().await;
    let id = lab.start(&lab.spec(&image, &["deaf", "ready"])).await;
    lab.said(&id, "ready").await;
    id
}

/// All that is printed from now on, and the exit code.
async fn finish(mut session: Session) -> (i64, Vec<LogLine>) {
    let handle = session.handle();
    if let Some(mut input) = session.input.take() {
        // Of one that has ended already there is no input to end.
        let _ = input.shutdown().await;
    }
    let pieces: Vec<_> = soon("the end of the output", session.output.collect::<Vec<_>>()).await;
    let code = soon("the exit code", handle.exit_code()).await.unwrap();
    (code, pieces.into_iter().map(Result::unwrap).collect())
}

/// Reads until this text has come.
async fn expect(session: &mut Session, wanted: &str) -> String {
    let mut read = String::new();
    while !read.contains(wanted) {
        let piece = soon(wanted, session.output.next()).await;
        let piece = piece
            .unwrap_or_else(|| panic!("ended before {wanted:?}: {read:?}"))
            .unwrap();
        read.push_str(&String::from_utf8_lossy(&piece.bytes));
    }
    read
}

async fn type_in(session: &mut Session, text: &str) {
    let input = session.input.as_mut().expect("an input");
    input.write_all(text.as_bytes()).await.unwrap();
    input.flush().await.unwrap();
}

/// P18: `docker exec` and ours are the same: both streams apart, and the program's own exit code.
#[tokio::test]
async fn p18_exec_gives_both_streams_and_the_code() {
    let lab = Lab::new().await;
    let id = idle(&lab).await;
    let session = lab
        .engine
        .exec(&id, &words(&["/app", "both", "500"]), false, false)
        .await
        .unwrap();
    assert!(session.input.is_none());
    let (code, pieces) = finish(session).await;
    assert_eq!(code, 0);
    for (stream, word) in [(Stream::Out, "out"), (Stream::Err, "err")] {
        assert_eq!(text(&pieces, stream), numbered(word, 500));
    }
    for failure in [1, 42, 255] {
        let command = words(&["/app", "fail", &failure.to_string(), "no"]);
        let session = lab.engine.exec(&id, &command, false, false).await.unwrap();
        let (code, pieces) = finish(session).await;
        assert_eq!((code, text(&pieces, Stream::Err).as_str()), (failure, "no\n"));
    }
}

/// The output may end before the program: its code is then still to come, and is not 0.
#[tokio::test]
async fn exec_waits_for_the_code_of_a_program_that_closes_its_output() {
    let lab = Lab::new().await;
    let id = idle(&lab).await;
    let session = lab
        .engine
        .exec(&id, &words(&["/app", "silent-exit", "5"]), false, false)
        .await
        .unwrap();
    let (code, _) = finish(session).await;
    assert_eq!(code, 5);
}

/// A short program's end and its code race in the engine.
#[tokio::test]
async fn exec_never_takes_a_failure_for_success() {
    let lab = Lab::new().await;
    let id = idle(&lab).await;
    for round in 0..40 {
        let session = lab
            .engine
            .exec(&id, &words(&["/app", "exit", "3"]), false, false)
            .await
            .unwrap();
        assert_eq!(finish(session).await.0, 3, "round {round}");
    }
}

#[tokio::test]
async fn exec_takes_input_to_its_end() {
    let lab = Lab::new().await;
    let id = idle(&lab).await;
    let mut session = lab
        .engine
        .exec(&id, &words(&["/app", "upper"]), false, true)
        .await
        .unwrap();
    let typed = numbered("line", 20_000);
    type_in(&mut session, &typed).await;
    let (code, pieces) = finish(session).await;
    assert_eq!(code, 0);
    assert!(text(&pieces, Stream::Out) == typed.to_uppercase());
    assert_eq!(text(&pieces, Stream::Err), format!("{} bytes\n", typed.len()));
}

/// A conversation: each line is answered before the next is typed.
#[tokio::test]
async fn exec_with_a_terminal_is_a_conversation() {
    let lab = Lab::new().await;
    let id = idle(&lab).await;
    let mut session = lab
        .engine
        .exec(&id, &words(&["/app", "echo"]), true, true)
        .await
        .unwrap();
    type_in(&mut session, "hello\r").await;
    let read = expect(&mut session, "you said hello\r\n").await;
    assert!(
        read.contains("hello\r\nyou"),
        "the terminal shows what is typed: {read:?}"
    );
    type_in(&mut session, "quit 7\r").await;
    let (code, pieces) = finish(session).await;
    assert_eq!(code, 7);
    assert!(pieces.iter().all(|piece| piece.stream == Stream::Out));
}

/// Ctrl-C is the program's, not the container's.
#[tokio::test]
async fn exec_ends_by_a_signal_from_the_terminal() {
    let lab = Lab::new().await;
    let id = idle(&lab).await;
    let mut session = lab
        .engine
        .exec(&id, &words(&["/app", "deaf", "running"]), true, true)
        .await
        .unwrap();
    expect(&mut session, "running").await;
    type_in(&mut session, "\u{3}").await;
    let handle = session.handle();
    soon(
        "the end of the output",
        session.output.for_each(|_| std::future::ready(())),
    )
    .await;
    assert_eq!(soon("the code", handle.exit_code()).await.unwrap(), 130);
    let facts = lab.engine.container(id.as_str()).await.unwrap().unwrap();
    assert_eq!(facts.state, gokku_core::containers::ContainerState::Running);
}

#[tokio::test]
async fn exec_tells_the_terminals_size() {
    let lab = Lab::new().await;
    let id = idle(&lab).await;
    let mut session = lab
        .engine
        .exec(&id, &words(&["/app", "size"]), true, true)
        .await
        .unwrap();
    expect(&mut session, "ready").await;
    session.handle().resize(33, 111).await.unwrap();
    type_in(&mut session, "\r").await;
    let read = expect(&mut session, "columns").await;
    assert!(read.contains("33 rows, 111 columns"), "{read:?}");
    assert_eq!(finish(session).await.0, 0);
}

/// The container ends under it: the output ends, and the code is not that of a success.
#[tokio::test]
async fn exec_ends_with_its_container() {
    let lab = Lab::new().await;
    let id = idle(&lab).await;
    let mut session = lab
        .engine
        .exec(&id, &words(&["/app", "deaf", "inside"]), false, false)
        .await
        .unwrap();
    expect(&mut session, "inside").await;
    lab.engine.stop(&id, Duration::ZERO).await.unwrap();
    let handle = session.handle();
    soon(
        "the end of the output",
        session.output.for_each(|_| std::future::ready(())),
    )
    .await;
    let code = soon("the code", handle.exit_code()).await;
    assert!(!matches!(code, Ok(0)), "{code:?}");
}

#[tokio::test]
async fn exec_in_what_does_not_run_is_a_conflict() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let id = lab
        .engine
        .create(&lab.spec(&image, &["exit", "0"]))
        .await
        .unwrap();
    let error = lab
        .engine
        .exec(&id, &words(&["/app"]), false, false)
        .await
        .map(drop)
        .unwrap_err();
    assert!(matches!(error, gokku_docker::Error::Conflict { .. }), "{error:?}");
    assert!(error.to_string().contains("not running"), "{error}");
}

/// A program that is not in the image: said so, or the code a shell would give; never a success.
#[tokio::test]
async fn exec_of_what_is_not_there_is_no_success() {
    let lab = Lab::new().await;
    let id = idle(&lab).await;
    match lab
        .engine
        .exec(&id, &words(&["/no/such/program"]), false, false)
        .await
    {
        Err(error) => assert!(error.to_string().contains("/no/such/program"), "{error}"),
        Ok(session) => {
            let (code, pieces) = finish(session).await;
            assert!([126, 127].contains(&code), "{code}");
            assert!(
                text(&pieces, Stream::Out).contains("/no/such/program"),
                "{pieces:?}"
            );
        }
    }
}

/// `gokku run`: attached from the start, with input.
#[tokio::test]
async fn a_one_off_takes_input_to_its_end() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let spec = ContainerSpec {
        stdin: true,
        ..lab.spec(&image, &["upper"])
    };
    let (once, mut session) = lab.engine.start_one_off(&spec).await.unwrap();
    type_in(&mut session, "one\ntwo").await;
    let (code, pieces) = finish(session).await;
    assert_eq!((code, text(&pieces, Stream::Out).as_str()), (0, "ONE\nTWO"));
    assert_eq!(text(&pieces, Stream::Err), "7 bytes\n");
    once.remove().await.unwrap();
}

#[tokio::test]
async fn a_one_off_with_a_terminal_is_a_conversation() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let spec = ContainerSpec {
        stdin: true,
        tty: true,
        ..lab.spec(&image, &["size"])
    };
    let (once, mut session) = lab.engine.start_one_off(&spec).await.unwrap();
    expect(&mut session, "ready").await;
    session.handle().resize(44, 99).await.unwrap();
    type_in(&mut session, "\r").await;
    let read = expect(&mut session, "columns").await;
    assert!(read.contains("44 rows, 99 columns"), "{read:?}");
    assert_eq!(finish(session).await.0, 0);
    once.remove().await.unwrap();
}

/// A one-off that is process 1 gets the signal that its runner was sent, and its code says which.
#[tokio::test]
async fn a_one_off_is_ended_by_a_signal() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let (once, mut session) = lab
        .engine
        .start_one_off(&lab.spec(&image, &["deaf", "ready"]))
        .await
        .unwrap();
    expect(&mut session, "ready").await;
    let all = lab.engine.containers(&[lab.label()]).await.unwrap();
    lab.engine.kill(&all[0].id, "SIGKILL").await.unwrap();
    assert_eq!(finish(session).await.0, 137);
    once.remove().await.unwrap();
}

/// A program without an input sees its end at once, and does not wait for a person who is not there.
#[tokio::test]
async fn without_an_input_it_has_ended() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let (once, session) = lab
        .engine
        .start_one_off(&lab.spec(&image, &["upper"]))
        .await
        .unwrap();
    assert!(session.input.is_none());
    let (code, pieces) = finish(session).await;
    assert_eq!((code, text(&pieces, Stream::Err).as_str()), (0, "0 bytes\n"));
    once.remove().await.unwrap();
    let id = idle(&lab).await;
    let session = lab
        .engine
        .exec(&id, &words(&["/app", "upper"]), false, false)
        .await
        .unwrap();
    assert_eq!(finish(session).await.0, 0);
}
