//! What a build that fails says, with BuildKit and with the classic builder, and what it leaves: nothing.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use gokku_docker::{BuildRequest, Builder, Error};

use crate::support::{BUILDERS, Folder, Lab, docker, soon};

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
        "{:?}: no image has the tag",
        request.builder
    );
    let left = lab.engine.images(&[lab.label()]).await.unwrap();
    assert!(left.is_empty(), "{:?}: {left:?}", request.builder);
    (error, lines)
}

/// P14, and bad input: the Dockerfile's own output is shown.
#[tokio::test]
async fn p14_a_failing_run_shows_what_it_said_and_its_code() {
    let lab = Lab::new().await;
    for builder in BUILDERS {
        let words = lab.name("cannot find the compiler");
        let steps = format!("COPY app /app\nRUN [\"/app\", \"fail\", \"7\", \"{words}\"]\n");
        let folder = folder(&lab, &steps);
        let (error, lines) = fails(&lab, &lab.request(folder.path(), builder)).await;
        assert!(matches!(&error, Error::Build(_)), "{builder:?}: {error:?}");
        assert!(
            lines.iter().any(|line| line.trim() == words),
            "{builder:?}: {lines:?}"
        );
        let text = error.to_string();
        assert!(
            text.contains("/app") && text.contains(": 7"),
            "{builder:?}: {text}"
        );
    }
}

#[tokio::test]
async fn a_copy_of_what_is_not_there_names_it() {
    let lab = Lab::new().await;
    for builder in BUILDERS {
        let folder = folder(&lab, "COPY app /app\nCOPY requirements.txt /\n");
        let (error, lines) = fails(&lab, &lab.request(folder.path(), builder)).await;
        assert!(matches!(&error, Error::Build(_)), "{builder:?}: {error:?}");
        assert!(
            error.to_string().contains("requirements.txt"),
            "{builder:?}: {error}"
        );
        assert!(
            lines.iter().any(|line| line.contains("requirements.txt")),
            "{builder:?}: {lines:?}"
        );
    }
}

/// A file that `.dockerignore` leaves out is not there for COPY either, even a file that exists.
#[tokio::test]
async fn a_copy_of_what_is_left_out_fails() {
    let lab = Lab::new().await;
    for builder in BUILDERS {
        let folder = Folder::new("FROM scratch\nCOPY secret.key /\n")
            .file("secret.key", "private")
            .file(".dockerignore", "*.key\n");
        let (error, _) = fails(&lab, &lab.request(folder.path(), builder)).await;
        assert!(error.to_string().contains("secret.key"), "{builder:?}: {error}");
    }
}

#[tokio::test]
async fn a_line_that_is_no_instruction_is_named_with_what_it_says() {
    let lab = Lab::new().await;
    for builder in BUILDERS {
        let folder = Folder::new("FROM scratch\nCOPPY app /app\n");
        let (error, _) = fails(&lab, &lab.request(folder.path(), builder)).await;
        let text = error.to_string();
        assert!(
            text.contains("line 2") && text.contains("COPPY"),
            "{builder:?}: {text}"
        );
    }
}

#[tokio::test]
async fn an_empty_dockerfile_is_an_error() {
    let lab = Lab::new().await;
    for builder in BUILDERS {
        for content in ["", "# only words\n"] {
            let folder = Folder::new(content);
            let (error, _) = fails(&lab, &lab.request(folder.path(), builder)).await;
            let text = error.to_string().to_lowercase();
            let words = ["empty", "no instructions", "no build stage"];
            assert!(
                words.iter().any(|word| text.contains(word)),
                "{builder:?}: {text}"
            );
        }
    }
}

/// Bad input: Dockerfile missing.
#[tokio::test]
async fn a_dockerfile_that_is_missing_is_named() {
    let lab = Lab::new().await;
    for builder in BUILDERS {
        let folder = Folder::empty().file("app.py", "print()");
        let (error, lines) = fails(&lab, &lab.request(folder.path(), builder)).await;
        assert!(
            error.to_string().contains("Dockerfile"),
            "{builder:?}: {error}\n{lines:?}"
        );
        // The same words for one of another name, and one that is a folder.
        let folder = Folder::empty().file("web/app.py", "print()");
        for dockerfile in ["deploy/web", "web"] {
            let request = BuildRequest {
                dockerfile,
                ..lab.request(folder.path(), builder)
            };
            let (error, lines) = fails(&lab, &request).await;
            assert!(
                error.to_string().contains(dockerfile),
                "{builder:?}: {error}\n{lines:?}"
            );
        }
    }
}

/// A Dockerfile outside the folder is no part of the release.
#[tokio::test]
async fn a_dockerfile_outside_the_folder_is_not_read() {
    let lab = Lab::new().await;
    let outside = Folder::new("FROM scratch\nCOPY app /app\n");
    for builder in BUILDERS {
        let folder = Folder::new("FROM scratch\n");
        let up = format!("../{}/Dockerfile", outside.path().file_name().unwrap().display());
        let link = folder.path().join("Linked");
        symlink(outside.path().join("Dockerfile"), &link).unwrap();
        for dockerfile in [up.as_str(), "Linked"] {
            let request = BuildRequest {
                dockerfile,
                ..lab.request(folder.path(), builder)
            };
            fails(&lab, &request).await;
        }
    }
}

/// Bad input: the folder is not there, or cannot be read.
#[tokio::test]
async fn a_folder_that_is_missing_is_named() {
    let lab = Lab::new().await;
    for builder in BUILDERS {
        let folder = Folder::empty();
        let nowhere = folder.path().join("releases/20240115-113000");
        let (error, _) = fails(&lab, &lab.request(&nowhere, builder)).await;
        assert!(
            matches!(&error, Error::Context { path, .. } if *path == nowhere),
            "{error:?}"
        );
        assert!(error.to_string().contains("No such file"), "{error}");
    }
}

/// A `.dockerignore` with a pattern that is none would otherwise leave out nothing, secrets among it.
#[tokio::test]
async fn a_dockerignore_that_cannot_be_read_is_named_with_its_line() {
    let lab = Lab::new().await;
    for builder in BUILDERS {
        let folder = Folder::new("FROM scratch\nCOPY app /app\n").file(".dockerignore", "target\n[z-a\n");
        let (error, _) = fails(&lab, &lab.request(folder.path(), builder)).await;
        let text = error.to_string();
        assert!(
            text.contains(".dockerignore") && text.contains("line 2"),
            "{builder:?}: {text}"
        );
    }
}

/// The error is the cause, not "broken pipe" or a half of the folder built.
#[tokio::test]
async fn a_file_whose_name_no_build_can_take_is_named() {
    let lab = Lab::new().await;
    for builder in BUILDERS {
        let folder = Folder::new("FROM scratch\nCOPY app /app\n");
        let name = std::ffi::OsStr::from_bytes(b"zz-caf\xe9");
        std::fs::write(folder.path().join(Path::new(name)), "").unwrap();
        let (error, _) = fails(&lab, &lab.request(folder.path(), builder)).await;
        assert!(matches!(&error, Error::Context { .. }), "{builder:?}: {error:?}");
        assert!(error.to_string().contains("UTF-8"), "{builder:?}: {error}");
    }
}

/// An image that cannot be had: the builder says which. Port 9 of this machine is the registry that is not there.
#[tokio::test]
async fn a_base_that_cannot_be_had_is_named() {
    let lab = Lab::new().await;
    for builder in BUILDERS {
        let folder = Folder::new("FROM 127.0.0.1:9/no/such:1\nCOPY app /app\n");
        let (error, lines) = fails(&lab, &lab.request(folder.path(), builder)).await;
        assert!(matches!(&error, Error::Build(_)), "{builder:?}: {error:?}");
        assert!(
            error.to_string().contains("127.0.0.1:9"),
            "{builder:?}: {error}\n{lines:?}"
        );
    }
}

#[tokio::test]
async fn a_tag_that_is_none_is_refused_by_the_engine() {
    let lab = Lab::new().await;
    for builder in BUILDERS {
        let folder = Folder::new("FROM scratch\nCOPY app /app\n");
        let request = BuildRequest {
            tag: "Not A Tag".to_owned(),
            ..lab.request(folder.path(), builder)
        };
        let (built, lines) = lab.build(&request).await;
        let text = built.expect_err("no such tag").to_string();
        assert!(
            text.contains("invalid reference") || text.contains("Not A Tag"),
            "{text}\n{lines:?}"
        );
    }
}

/// P32: a build that failed leaves no image behind, not one of its good steps either.
#[tokio::test]
async fn p32_a_failed_build_leaves_no_image_of_its_steps() {
    let lab = Lab::new().await;
    let folder = folder(&lab, "COPY app /app\nRUN [\"/app\", \"exit\", \"1\"]\n");
    let (_, lines) = fails(&lab, &lab.request(folder.path(), Builder::Classic)).await;
    let steps: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.trim().strip_prefix("---> "))
        .collect();
    let last = steps.iter().rfind(|id| id.len() == 12).expect("a step's image");
    let listed = docker(&["images", "--all", "--quiet"]);
    assert!(!listed.lines().any(|id| id == *last), "{lines:?}");
}
