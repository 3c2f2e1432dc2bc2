//! `.dockerignore`, as the image shows it: what COPY finds.

use gokku_core::containers::BuildRequest;
use gokku_core::machine::stream::Stream;

use crate::support::{Folder, Lab, text};

/// Builds the folder, and compares what is in the image's `/all` with what should be.
async fn copies(folder: &Folder, expected: &[&str]) {
    let lab = Lab::new().await;
    let request = BuildRequest {
        dockerfile: "build.docker",
        ..lab.request(folder.path())
    };
    let (built, lines) = lab.build(&request).await;
    let id = built.unwrap_or_else(|error| panic!("{error}\n{lines:?}"));
    let mut pieces = Vec::new();
    let spec = lab.spec(&id, &["tree", "/all"]);
    lab.engine
        .run_one_off(&spec, &mut |piece| pieces.push(piece))
        .await
        .unwrap();
    let found = text(&pieces, Stream::Out);
    let found: Vec<&str> = found
        .lines()
        .map(|line| line.split_once(' ').map_or(line, |(path, _)| path))
        .map(|path| path.strip_prefix("/all/").unwrap_or(path))
        .collect();
    assert_eq!(found, expected);
}

/// A folder with these files, and the program outside of what is looked at.
fn folder(ignore: &str, files: &[&str]) -> Folder {
    let mut folder = Folder::empty()
        .file(
            "build.docker",
            "FROM scratch\nCOPY app /app\nCOPY src /all\nENTRYPOINT [\"/app\"]\n",
        )
        .file(".dockerignore", ignore)
        .file("app", crate::support::program())
        .mode("app", 0o755);
    for file in files {
        folder = folder.file(&format!("src/{file}"), file);
    }
    folder
}

#[tokio::test]
async fn what_is_left_out_is_in_no_image() {
    let folder = folder(
        "# what must not be in it\n\n/src/target/\n**/*.log\nsrc/?.tmp\n  src/[ab].txt  \n**/.env\n",
        &[
            ".env",
            "a.tmp",
            "a.txt",
            "aa.tmp",
            "c.txt",
            "deep/er/.env",
            "deep/er/.env.example",
            "deep/er/x.log",
            "deep/target/kept",
            "main.py",
            "target/debug/app",
            "x.log",
            "x.logs",
        ],
    );
    let expected = [
        "aa.tmp",
        "c.txt",
        "deep/",
        "deep/er/",
        "deep/er/.env.example",
        "deep/target/",
        "deep/target/kept",
        "main.py",
        "x.logs",
    ];
    copies(&folder, &expected).await;
}

#[tokio::test]
async fn what_an_exception_brings_back_is_there() {
    let folder = folder(
        "src/*\n!src/main.py\n!src/docs/keep\nsrc/docs/keep/secret\n!src/**/*.md\n",
        &[
            "docs/drop/x",
            "docs/drop/read.md",
            "docs/keep/secret",
            "docs/keep/sub/y",
            "docs/keep/x",
            "main.py",
            "other.py",
        ],
    );
    let expected = [
        "docs/",
        "docs/drop/",
        "docs/drop/read.md",
        "docs/keep/",
        "docs/keep/sub/",
        "docs/keep/sub/y",
        "docs/keep/x",
        "main.py",
    ];
    copies(&folder, &expected).await;
}

/// The last pattern that matches decides.
#[tokio::test]
async fn an_exception_is_undone_by_a_later_pattern() {
    let folder = folder(
        "src/*.md\n!src/README*.md\nsrc/README-secret.md\n",
        &["CHANGES.md", "README-secret.md", "README.md"],
    );
    copies(&folder, &["README.md"]).await;
}

/// Everything is left out but what is named: the usual way to be sure.
#[tokio::test]
async fn all_but_what_is_named() {
    let folder = folder("*\n!app\n!src/a\n", &["a/one", "a/two/three", "b/four", "five"]);
    copies(&folder, &["a/", "a/one", "a/two/", "a/two/three"]).await;
}

/// Braces are letters to Docker, as in the folders of web frameworks.
#[tokio::test]
async fn braces_are_letters() {
    let folder = folder(
        "src/*.{js,ts}\nsrc/{id}\n",
        &["a.js", "b.ts", "c.{js,ts}", "id", "{id}"],
    );
    copies(&folder, &["a.js", "b.ts", "id"]).await;
}

/// The Dockerfile is needed, and stays where it is; `.dockerignore` is not.
#[tokio::test]
async fn the_dockerfile_is_sent_and_the_dockerignore_left_out() {
    let folder = Folder::empty()
        .file(
            "build.docker",
            "FROM scratch\nCOPY . /all\nENTRYPOINT [\"/all/app\"]\n",
        )
        .file(".dockerignore", "build.docker\n.dockerignore\n")
        .file("app", crate::support::program())
        .mode("app", 0o755);
    copies(&folder, &["app", "build.docker"]).await;
}
