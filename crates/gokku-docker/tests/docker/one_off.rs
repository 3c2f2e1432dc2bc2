//! One-off containers: all they print, their exit code, and that they are gone.

use futures_util::StreamExt;
use gokku_core::containers::{ContainerSpec, LogLine, labels};
use gokku_core::machine::stream::Stream;

use crate::support::{Lab, soon, text, until};

/// Runs one to its end.
async fn run(lab: &Lab, spec: &ContainerSpec) -> (i64, Vec<LogLine>) {
    let mut pieces = Vec::new();
    let code = soon(
        "its end",
        lab.engine.run_one_off(spec, &mut |piece| pieces.push(piece)),
    )
    .await
    .unwrap();
    (code, pieces)
}

async fn none_left(lab: &Lab) {
    let left = lab.engine.containers(&[lab.label()]).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

/// P28: a migration's output is shown and its failure is known; nothing of it is left.
#[tokio::test]
async fn p28_a_one_off_run_gives_its_output_and_code_and_is_gone() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let (code, pieces) = run(&lab, &lab.spec(&image, &["say", "migrated"])).await;
    assert_eq!((code, text(&pieces, Stream::Out).as_str()), (0, "migrated\n"));
    assert_eq!(text(&pieces, Stream::Err), "");
    for failure in [1, 3, 64, 255] {
        let spec = lab.spec(&image, &["fail", &failure.to_string(), "no such table"]);
        let (code, pieces) = run(&lab, &spec).await;
        assert_eq!(
            (code, text(&pieces, Stream::Err).as_str()),
            (failure, "no such table\n")
        );
        assert_eq!(text(&pieces, Stream::Out), "");
    }
    none_left(&lab).await;
}

/// P28: both streams whole, each in its order, however they interleave, to the last line before the end.
#[tokio::test]
async fn p28_nothing_of_both_streams_is_lost_or_out_of_order() {
    const LINES: usize = 20_000;
    let lab = Lab::new().await;
    let image = lab.image().await;
    let (code, pieces) = run(&lab, &lab.spec(&image, &["both", &LINES.to_string()])).await;
    assert_eq!(code, 0);
    for (stream, word) in [(Stream::Out, "out"), (Stream::Err, "err")] {
        let printed = text(&pieces, stream);
        assert!(printed.ends_with('\n'));
        assert_eq!(printed.lines().count(), LINES, "{word}");
        let wrong = printed
            .lines()
            .enumerate()
            .find(|(number, line)| *line != format!("{word} {number}"));
        assert_eq!(wrong, None, "{word}");
    }
}

/// A container that prints one line and ends at once: the line is there, every time.
#[tokio::test]
async fn p28_the_first_line_of_a_short_run_is_never_lost() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    for round in 0..15 {
        let (code, pieces) = run(&lab, &lab.spec(&image, &["fail", "9", "short"])).await;
        assert_eq!(
            (code, text(&pieces, Stream::Err).as_str()),
            (9, "short\n"),
            "round {round}"
        );
    }
}

/// An exit code that comes long after the last output is waited for.
#[tokio::test]
async fn p28_a_run_that_closes_its_output_before_its_end_tells_its_code() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let (code, pieces) = run(&lab, &lab.spec(&image, &["silent-exit", "5"])).await;
    assert_eq!((code, pieces.len()), (5, 0));
    none_left(&lab).await;
}

#[tokio::test]
async fn output_comes_while_it_runs() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let spec = lab.spec(&image, &["deaf", "running"]);
    let (once, mut session) = lab.engine.start_one_off(&spec).await.unwrap();
    let piece = soon("the first line", session.output.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (piece.stream, piece.bytes.as_ref()),
        (Stream::Out, b"running\n".as_slice())
    );
    once.remove().await.unwrap();
    // The end of the container is the end of its output.
    let rest = soon("the end of the output", session.output.collect::<Vec<_>>()).await;
    assert!(rest.iter().all(Result::is_ok), "{rest:?}");
    none_left(&lab).await;
}

/// P28: what cannot start leaves no container, before the error is told.
#[tokio::test]
async fn p28_one_that_cannot_start_is_gone_when_the_error_comes() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let spec = ContainerSpec {
        entrypoint: Some(vec![]),
        ..lab.spec(&image, &["./migrate.sh", "--all"])
    };
    let error = lab.engine.run_one_off(&spec, &mut |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("migrate.sh"), "{error}");
    none_left(&lab).await;
}

/// Who gives up waiting (Ctrl-C, a deploy that is aborted) leaves nothing that runs on.
#[tokio::test]
async fn a_run_that_nobody_waits_for_is_removed() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let spec = ContainerSpec {
        labels: lab.labels(&[(labels::KIND, "once")]),
        ..lab.spec(&image, &["deaf", "running"])
    };
    {
        let (sender, mut pieces) = tokio::sync::mpsc::unbounded_channel();
        let mut tell = move |piece| {
            let _ = sender.send(piece);
        };
        let running = std::pin::pin!(lab.engine.run_one_off(&spec, &mut tell));
        tokio::select! {
            result = running => panic!("it never ends: {result:?}"),
            piece = soon("its first line", pieces.recv()) => assert!(piece.is_some()),
        }
    }
    until("the container to be gone", async || {
        lab.engine
            .containers(&[lab.label()])
            .await
            .unwrap()
            .is_empty()
            .then_some(())
    })
    .await;
}

/// P24: removed by hand in the middle: the run ends, and not as if all were well.
#[tokio::test]
async fn p24_a_run_that_is_killed_by_hand_has_failed() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let spec = lab.spec(&image, &["deaf", "running"]);
    let engine = lab.engine.clone();
    let running = tokio::spawn(async move { engine.run_one_off(&spec, &mut |_| {}).await });
    let id = until("the container", async || {
        let all = lab.engine.containers(&[lab.label()]).await.unwrap();
        all.into_iter()
            .find(|one| one.state == gokku_core::containers::ContainerState::Running)
            .map(|one| one.id)
    })
    .await;
    lab.engine.remove(&id).await.unwrap();
    let result = soon("the end of the run", running).await.unwrap();
    assert!(!matches!(result, Ok(0)), "{result:?}");
}
