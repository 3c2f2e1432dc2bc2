//! What a build that fails says, and what it leaves: nothing.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use gokku_core::containers::BuildRequest;
use gokku_docker::Error;

use crate::support::{Folder, Lab, soon};

/// A folder whose steps are no other build's: what is removed with a failed one is not another's cache.
fn folder(lab: &Lab, steps: &str) -> Folder {
    Folder::new(&format!("FROM scratch\nENV MARK={}\n{steps}", lab.root))
}

/// Builds what must fail; the error and the lines before it.
async fn fails(lab: &Lab, request: &BuildRequest<'_>) -> (Error, Vec<String>) {
    let (built, lines) = soon("the build's end", lab.build(request)).await;
    let error = built.expect_err("it must fail");
    assert!(
        lab.engine.image(&request.tag).await.unwrap().is_none(),
        "no image has the tag",
    );
    let left = lab.engine.images(&[lab.label()]).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
    (error, lines)
}

/// P14, and bad input: the Dockerfile's own output is shown.
#[tokio::test]
async fn p14_a_failing_run_shows_what_it_said_and_its_code() {
    let lab = Lab::new().await;
    let words = lab.name("cannot find the compiler");
    let steps = format!("COPY app /app\nRUN [\"/app\", \"fail\", \"7\", \"{words}\"]\n");
    let folder = folder(&lab, &steps);
    let (error, lines) = fails(&lab, &lab.request(folder.path())).await;
    assert!(matches!(&error, Error::Build(_)), "{error:?}");
    assert!(lines.iter().any(|line| line.trim() == words), "{lines:?}");
    let Error::Build(failed) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(failed.exit_code(), Some(7), "{failed:?}");
    assert_eq!(failed.output, [words.as_str()], "{failed:?}");
}

/// What is read last is what is needed: the instruction, the end of its output and no other's, how it ended, what to do.
#[tokio::test]
async fn the_failing_instruction_is_told_last_with_what_it_said() {
    let lab = Lab::new().await;
    let stages = "COPY app /app\nRUN [\"/app\", \"count\", \"30\"]\n\
                  FROM scratch AS beside\nCOPY app /app\nRUN [\"/app\", \"soon\", \"0\"]\n\
                  FROM scratch AS failing\nCOPY app /app\nRUN [\"/app\", \"both\", \"2\"]\n\
                  RUN [\"/app\", \"fail\", \"7\", \"no such module: left-pad\"]\n\
                  FROM scratch\nCOPY --from=0 /app /a\nCOPY --from=beside /app /b\nCOPY --from=failing /app /c\n";
    let several = "COPY app /app\nRUN [\"/app\", \"fail\", \"137\", \"one\\ntwo\\n\\nthree\"]\n";
    let mut told = Vec::new();
    for steps in [stages, several, "COPY nowhere /\n", "COPPY app /\n"] {
        let folder = folder(&lab, steps);
        let (error, _) = fails(&lab, &lab.request(folder.path())).await;
        told.push(error.to_string());
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    [failing 3/3] RUN ["/app", "fail", "7", "no such module: left-pad"]
        no such module: left-pad
    exit code 7
    `docker build` in a fresh clone of the commit shows the same. Mend it, commit and push again.
    [2/2] RUN ["/app", "fail", "137", "one\ntwo\n\nthree"]
        one
        two
        three
    exit code 137
    It was killed, most likely because the server had no more memory for it.
    [1/1] COPY nowhere /
    "/nowhere" not found: not found
    The build sees the commit's files: it was not committed, or .dockerignore leaves it out.
    dockerfile parse error line 3: unknown instruction: COPPY
    Mend the Dockerfile, commit and push again.
    "#);
}

#[tokio::test]
async fn a_copy_of_what_is_not_there_names_it() {
    let lab = Lab::new().await;
    let folder = folder(&lab, "COPY app /app\nCOPY requirements.txt /\n");
    let (error, lines) = fails(&lab, &lab.request(folder.path())).await;
    assert!(matches!(&error, Error::Build(_)), "{error:?}");
    assert!(error.to_string().contains("requirements.txt"), "{error}");
    assert!(
        lines.iter().any(|line| line.contains("requirements.txt")),
        "{lines:?}"
    );
}

/// A file that `.dockerignore` leaves out is not there for COPY either, even a file that exists.
#[tokio::test]
async fn a_copy_of_what_is_left_out_fails() {
    let lab = Lab::new().await;
    let folder = Folder::new("FROM scratch\nCOPY secret.key /\n")
        .file("secret.key", "private")
        .file(".dockerignore", "*.key\n");
    let (error, _) = fails(&lab, &lab.request(folder.path())).await;
    assert!(error.to_string().contains("secret.key"), "{error}");
}

#[tokio::test]
async fn a_line_that_is_no_instruction_is_named_with_what_it_says() {
    let lab = Lab::new().await;
    let folder = Folder::new("FROM scratch\nCOPPY app /app\n");
    let (error, _) = fails(&lab, &lab.request(folder.path())).await;
    let text = error.to_string();
    assert!(text.contains("line 2") && text.contains("COPPY"), "{text}");
}

#[tokio::test]
async fn an_empty_dockerfile_is_an_error() {
    let lab = Lab::new().await;
    for content in ["", "# only words\n"] {
        let folder = Folder::new(content);
        let (error, _) = fails(&lab, &lab.request(folder.path())).await;
        let text = error.to_string().to_lowercase();
        let words = ["empty", "no instructions", "no build stage"];
        assert!(words.iter().any(|word| text.contains(word)), "{text}");
    }
}

/// Bad input: Dockerfile missing.
#[tokio::test]
async fn a_dockerfile_that_is_missing_is_named() {
    let lab = Lab::new().await;
    let folder = Folder::empty().file("app.py", "print()");
    let (error, lines) = fails(&lab, &lab.request(folder.path())).await;
    assert!(error.to_string().contains("Dockerfile"), "{error}\n{lines:?}");
    // The same words for one of another name, and one that is a folder.
    let folder = Folder::empty().file("web/app.py", "print()");
    for dockerfile in ["deploy/web", "web"] {
        let request = BuildRequest {
            dockerfile,
            ..lab.request(folder.path())
        };
        let (error, lines) = fails(&lab, &request).await;
        assert!(error.to_string().contains(dockerfile), "{error}\n{lines:?}");
    }
}

/// A Dockerfile outside the folder is no part of the release.
#[tokio::test]
async fn a_dockerfile_outside_the_folder_is_not_read() {
    let lab = Lab::new().await;
    let outside = Folder::new("FROM scratch\nCOPY app /app\n");
    let folder = Folder::new("FROM scratch\n");
    let up = format!("../{}/Dockerfile", outside.path().file_name().unwrap().display());
    let link = folder.path().join("Linked");
    symlink(outside.path().join("Dockerfile"), &link).unwrap();
    for dockerfile in [up.as_str(), "Linked"] {
        let request = BuildRequest {
            dockerfile,
            ..lab.request(folder.path())
        };
        fails(&lab, &request).await;
    }
}

/// Bad input: the folder is not there, or cannot be read.
#[tokio::test]
async fn a_folder_that_is_missing_is_named() {
    let lab = Lab::new().await;
    let folder = Folder::empty();
    let nowhere = folder.path().join("releases/20240115-113000");
    let (error, _) = fails(&lab, &lab.request(&nowhere)).await;
    assert!(
        matches!(&error, Error::Context { path, .. } if *path == nowhere),
        "{error:?}"
    );
    assert!(error.to_string().contains("No such file"), "{error}");
}

/// A `.dockerignore` with a pattern that is none would otherwise leave out nothing, secrets among it.
#[tokio::test]
async fn a_dockerignore_that_cannot_be_read_is_named_with_its_line() {
    let lab = Lab::new().await;
    let folder = Folder::new("FROM scratch\nCOPY app /app\n").file(".dockerignore", "target\n[z-a\n");
    let (error, _) = fails(&lab, &lab.request(folder.path())).await;
    let text = error.to_string();
    assert!(
        text.contains(".dockerignore") && text.contains("line 2"),
        "{text}"
    );
}

/// The error is the cause, not "broken pipe" or a half of the folder built.
#[tokio::test]
async fn a_file_whose_name_no_build_can_take_is_named() {
    let lab = Lab::new().await;
    let folder = Folder::new("FROM scratch\nCOPY app /app\n");
    let name = std::ffi::OsStr::from_bytes(b"zz-caf\xe9");
    std::fs::write(folder.path().join(Path::new(name)), "").unwrap();
    let (error, _) = fails(&lab, &lab.request(folder.path())).await;
    assert!(matches!(&error, Error::Context { .. }), "{error:?}");
    assert!(error.to_string().contains("UTF-8"), "{error}");
}

/// An image that cannot be had: the builder says which. Port 9 of this machine is the registry that is not there.
#[tokio::test]
async fn a_base_that_cannot_be_had_is_named() {
    let lab = Lab::new().await;
    let folder = Folder::new("FROM 127.0.0.1:9/no/such:1\nCOPY app /app\n");
    let (error, lines) = fails(&lab, &lab.request(folder.path())).await;
    assert!(matches!(&error, Error::Build(_)), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:9"), "{error}\n{lines:?}");
}

#[tokio::test]
async fn a_tag_that_is_none_is_refused_by_the_engine() {
    let lab = Lab::new().await;
    let folder = Folder::new("FROM scratch\nCOPY app /app\n");
    let request = BuildRequest {
        tag: "Not A Tag".to_owned(),
        ..lab.request(folder.path())
    };
    let (built, lines) = lab.build(&request).await;
    let text = built.expect_err("no such tag").to_string();
    assert!(
        text.contains("invalid reference") || text.contains("Not A Tag"),
        "{text}\n{lines:?}"
    );
}
