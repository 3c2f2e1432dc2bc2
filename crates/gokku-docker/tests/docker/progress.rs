//! A build's progress: every line, whole, in order, as soon as it is there.

use crate::support::{Folder, Lab, soon, until};

/// P14: the pusher sees the progress: the steps and what they print.
#[tokio::test]
async fn p14_steps_and_their_output_are_told_line_by_line() {
    let lab = Lab::new().await;
    let mark = lab.name("mark");
    let folder = Folder::new(&format!(
        "FROM scratch\nCOPY app /app\nRUN [\"/app\", \"say\", \"{mark}\"]\nRUN [\"/app\", \"both\", \"2\"]\n"
    ));
    let (built, lines) = lab.build(&lab.request(folder.path())).await;
    built.unwrap_or_else(|error| panic!("{error}\n{lines:?}"));
    let place = |what: &str| {
        lines
            .iter()
            .position(|line| line.contains(what))
            .unwrap_or_else(|| panic!("no {what:?} in {lines:?}"))
    };
    let copied = place("COPY app /app");
    let ran = place("RUN [\"/app\", \"say\"");
    let said = lines
        .iter()
        .position(|line| line.trim() == mark)
        .expect("what the step said");
    assert!(copied < ran && ran < said, "{lines:?}");
    // Both streams of a step, whichever came first.
    for line in ["out 0", "out 1", "err 0", "err 1"] {
        assert!(place(line) > said, "{lines:?}");
    }
    assert!(
        lines
            .iter()
            .all(|line| !line.contains('\n') && !line.contains('\r')),
        "{lines:?}"
    );
    // Nothing of how BuildKit works inside.
    assert!(lines.iter().all(|line| !line.contains("[internal]")), "{lines:?}");
}

/// A compiler that says a lot: no line is lost, cut in two or out of place, wherever a message of the engine ends.
#[tokio::test]
async fn p14_no_line_of_much_output_is_cut() {
    const LINES: usize = 12_000;
    let lab = Lab::new().await;
    let mark = lab.name("mark");
    let folder = Folder::new(&format!(
        "FROM scratch\nCOPY app /app\nENV MARK={mark}\nRUN [\"/app\", \"both\", \"{LINES}\"]\n"
    ));
    let (built, lines) = lab.build(&lab.request(folder.path())).await;
    built.unwrap_or_else(|error| panic!("{error}"));
    for stream in ["out", "err"] {
        let numbers: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.trim_start().strip_prefix(stream))
            .collect();
        let wrong = numbers
            .iter()
            .enumerate()
            .find(|(place, number)| **number != format!(" {place}"));
        assert_eq!(wrong, None, "{stream}");
        assert_eq!(numbers.len(), LINES, "{stream}");
    }
}

/// Processes of this machine whose command line has this word.
fn processes_with(word: &str) -> usize {
    let all = std::fs::read_dir("/proc").expect("the processes");
    all.filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).split('\0').any(|one| one == word))
        .count()
}

/// A line comes while its step still runs; and who stops waiting for a build stops the build (`gokku deploy --abort`).
#[tokio::test]
async fn progress_comes_at_once_and_a_build_that_nobody_waits_for_ends() {
    let lab = Lab::new().await;
    let mark = lab.name("mark");
    let folder = Folder::new(&format!(
        "FROM scratch\nCOPY app /app\nRUN [\"/app\", \"deaf\", \"{mark}\"]\n"
    ));
    let request = lab.request(folder.path());
    let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
    let mut tell = move |line: String| {
        let _ = sender.send(line);
    };
    let mut build = Box::pin(lab.engine.build(&request, &mut tell));
    // The step never ends, so what it said can only come before its end.
    let said = async {
        while let Some(line) = lines.recv().await {
            if line.trim() == mark {
                return;
            }
        }
        panic!("the lines ended");
    };
    tokio::select! {
        result = &mut build => panic!("ended: {result:?}"),
        () = soon("the step's line", said) => {}
    }
    assert!(processes_with(&mark) > 0, "the step runs");
    drop(build);
    until("the step to be stopped", async || {
        (processes_with(&mark) == 0).then_some(())
    })
    .await;
    assert!(lab.engine.image(&request.tag).await.unwrap().is_none());
}
