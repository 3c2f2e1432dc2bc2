//! What containers printed: the last lines, since when, and what is still to come.

use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use gokku_core::ContainerId;
use gokku_core::containers::{ContainerSpec, LogOptions};
use gokku_core::machine::stream::Stream;

use crate::support::{Lab, numbered, soon, text, until};

async fn ended(lab: &Lab, command: &[&str]) -> ContainerId {
    let image = lab.image().await;
    let id = lab.start(&lab.spec(&image, command)).await;
    soon("its end", lab.engine.wait_exit(&id)).await.unwrap();
    id
}

#[tokio::test]
async fn p18_all_that_was_printed_is_there_after_the_end() {
    let lab = Lab::new().await;
    let id = ended(&lab, &["both", "3000"]).await;
    let pieces = lab.printed(&id, &LogOptions::default()).await;
    for (stream, word) in [(Stream::Out, "out"), (Stream::Err, "err")] {
        let printed = text(&pieces, stream);
        assert!(printed == numbered(word, 3000), "{word}: {} bytes", printed.len());
    }
    // Each has its time, and a later one of the same stream is not earlier.
    for stream in [Stream::Out, Stream::Err] {
        let times: Vec<_> = pieces
            .iter()
            .filter(|one| one.stream == stream)
            .map(|one| &one.at)
            .collect();
        assert!(times.iter().all(|at| at.is_some()));
        assert!(times.is_sorted());
    }
}

/// P21: the failed one's last lines; as many as asked for, the newest, without their ends.
#[tokio::test]
async fn p21_the_last_lines_are_the_last() {
    let lab = Lab::new().await;
    let id = ended(&lab, &["count", "100"]).await;
    let last = async |lines| lab.engine.last_lines(&id, lines).await.unwrap();
    assert_eq!(last(3).await, ["line 97", "line 98", "line 99"]);
    assert_eq!(last(1).await, ["line 99"]);
    assert!(last(0).await.is_empty());
    let all = last(10_000).await;
    assert_eq!((all.len(), all[0].as_str()), (100, "line 0"));
    let tail = LogOptions {
        tail: Some(2),
        ..LogOptions::default()
    };
    let tail = lab.printed(&id, &tail).await;
    assert_eq!(text(&tail, Stream::Out), "line 98\nline 99\n");
}

/// P21: of both streams, because an error is written to one and what led to it to the other.
#[tokio::test]
async fn p21_the_last_lines_are_of_both_streams() {
    let lab = Lab::new().await;
    let id = ended(&lab, &["both", "2"]).await;
    let mut lines = lab.engine.last_lines(&id, 4).await.unwrap();
    // Each stream is in order; which of the two comes first is the engine's.
    lines.sort();
    assert_eq!(lines, ["err 0", "err 1", "out 0", "out 1"]);
}

#[tokio::test]
async fn one_that_printed_nothing_has_no_lines() {
    let lab = Lab::new().await;
    let id = ended(&lab, &["exit", "1"]).await;
    assert!(lab.engine.last_lines(&id, 50).await.unwrap().is_empty());
    let image = lab.image().await;
    let never = lab.engine.create(&lab.spec(&image, &["say", "x"])).await.unwrap();
    assert!(lab.engine.last_lines(&never, 50).await.unwrap().is_empty());
}

/// The engine keeps a long line in pieces, each with the line's time before it: none of those times is in the line.
#[tokio::test]
async fn a_long_line_is_whole() {
    const LENGTH: usize = 100_000;
    let lab = Lab::new().await;
    let id = ended(&lab, &["long", &LENGTH.to_string()]).await;
    let pieces = lab.printed(&id, &LogOptions::default()).await;
    assert_eq!(pieces.len(), LENGTH.div_ceil(16 * 1024));
    assert!(
        pieces
            .iter()
            .all(|one| one.at.is_some() && one.at == pieces[0].at)
    );
    let printed = text(&pieces, Stream::Out);
    assert_eq!(printed.len(), LENGTH + 1);
    assert!(printed.trim_end().bytes().all(|byte| byte == b'x'));
    let last = lab.engine.last_lines(&id, 50).await.unwrap();
    // What is told of a container that failed has lines of a length that can be read.
    assert_eq!(last.len(), 1);
    assert!(last[0].starts_with(&"x".repeat(16 * 1024)));
    assert!(
        last[0].ends_with("(cut: the line is longer than 16 kB)"),
        "{last:?}"
    );
}

/// P19: what is printed comes as it is printed, and the end of the container is the end of the output.
#[tokio::test]
async fn p19_following_goes_on_until_the_container_ends() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let id = lab.start(&lab.spec(&image, &["polite", "ready"])).await;
    let options = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let mut follow = lab.engine.logs(&id, &options);
    let first = soon("the first line", follow.next()).await.unwrap().unwrap();
    assert_eq!(first.bytes.as_slice(), b"ready\n");
    // It still runs: only what comes after this can be new.
    lab.engine.kill(&id, "SIGTERM").await.unwrap();
    let second = soon("the second line", follow.next()).await.unwrap().unwrap();
    assert_eq!(second.bytes.as_slice(), b"finishing\n");
    assert!(second.at > first.at);
    let rest = soon("the end", follow.collect::<Vec<_>>()).await;
    let rest: Vec<_> = rest.into_iter().map(|one| one.unwrap().bytes).collect();
    assert_eq!(rest, [b"finished\n".to_vec()]);
}

/// P19: following one that has ended gives what it printed, and ends.
#[tokio::test]
async fn p19_following_what_has_ended_ends() {
    let lab = Lab::new().await;
    let id = ended(&lab, &["say", "over"]).await;
    let options = LogOptions {
        follow: true,
        tail: Some(10),
        ..LogOptions::default()
    };
    let pieces = soon("the end", lab.printed(&id, &options)).await;
    assert_eq!(text(&pieces, Stream::Out), "over\n");
}

/// P19: a container is removed while it is followed: the output ends, and what came before is not lost.
#[tokio::test]
async fn p19_following_ends_when_the_container_is_removed() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let id = lab.start(&lab.spec(&image, &["deaf", "ready"])).await;
    let options = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let mut follow = lab.engine.logs(&id, &options);
    let first = soon("the first line", follow.next()).await.unwrap().unwrap();
    assert_eq!(first.bytes.as_slice(), b"ready\n");
    lab.engine.remove(&id).await.unwrap();
    soon("the end", follow.for_each(|_| std::future::ready(()))).await;
}

/// Only what comes from that second on.
#[tokio::test]
async fn since_leaves_out_what_is_older() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let id = lab.start(&lab.spec(&image, &["chatty", "early"])).await;
    lab.said(&id, "early").await;
    let seconds = || SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    let early = seconds();
    let since = until("the next second", async || {
        Some(seconds()).filter(|now| *now > early)
    })
    .await;
    lab.engine.kill(&id, "SIGTERM").await.unwrap();
    lab.said(&id, "signalled").await;
    let printed = async |since: u64| {
        let options = LogOptions {
            since: Some(since.try_into().unwrap()),
            ..LogOptions::default()
        };
        text(&lab.printed(&id, &options).await, Stream::Out)
    };
    assert_eq!(printed(since).await, "signalled\n");
    assert_eq!(printed(0).await, "early\nsignalled\n");
    assert_eq!(printed(since + 3600).await, "");
}

/// The log goes on where a container is started again: a crash's last words are not lost by the restart.
#[tokio::test]
async fn p30_the_log_outlives_a_restart() {
    let lab = Lab::new().await;
    let id = ended(&lab, &["fail", "1", "crash"]).await;
    lab.engine.start(&id).await.unwrap();
    soon("its end", lab.engine.wait_exit(&id)).await.unwrap();
    assert_eq!(lab.engine.last_lines(&id, 10).await.unwrap(), ["crash", "crash"]);
}

/// Output of a terminal has no streams, and its lines end otherwise.
#[tokio::test]
async fn a_terminals_output_is_read_too() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let spec = ContainerSpec {
        tty: true,
        ..lab.spec(&image, &["both", "2"])
    };
    let id = lab.start(&spec).await;
    soon("its end", lab.engine.wait_exit(&id)).await.unwrap();
    let lines = lab.engine.last_lines(&id, 10).await.unwrap();
    assert_eq!(lines, ["out 0", "err 0", "out 1", "err 1"]);
}

/// Nobody follows for ever what he no longer reads.
#[tokio::test]
async fn following_can_be_given_up() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let id = lab.start(&lab.spec(&image, &["deaf", "ready"])).await;
    let options = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    for _ in 0..20 {
        let mut follow = lab.engine.logs(&id, &options);
        let first = soon("the first line", follow.next()).await.unwrap().unwrap();
        assert_eq!(first.bytes.as_slice(), b"ready\n");
    }
    // The engine still answers, and the container can be stopped.
    soon("the stop", lab.engine.stop(&id, Duration::ZERO))
        .await
        .unwrap();
}
