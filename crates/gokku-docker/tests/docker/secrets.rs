//! A build's secrets: where they come to, and where they do not.

use gokku_core::config::env_file::EnvValue;
use gokku_core::containers::{BuildRequest, Secrets};
use gokku_docker::Error;

use crate::support::{Folder, Lab, docker, soon};

fn secrets(all: &[(&str, &str)]) -> Secrets {
    let all = all.iter();
    all.map(|(name, value)| ((*name).to_owned(), EnvValue::new(*value).expect("a value")))
        .collect()
}

/// Whether some bytes are in an image: its layers, its configuration.
fn is_in(image: &str, word: &str) -> bool {
    let saved = tempfile::NamedTempFile::new().expect("a file");
    docker(&["save", "--output", &saved.path().display().to_string(), image]);
    let content = std::fs::read(saved.path()).expect("the image");
    content.windows(word.len()).any(|part| part == word.as_bytes())
}

/// P29: an instruction that mounts a secret has it, and nothing else has: no other instruction, no layer, no history, no
/// line of the build.
#[tokio::test]
async fn p29_a_secret_is_for_the_instruction_that_mounts_it() {
    let lab = Lab::new().await;
    let token = lab.name("secret-token");
    let long = format!("{}\nline two of {token}\n", "grün ".repeat(8_000));
    let public = lab.name("public");
    let folder = Folder::new(&format!(
        "FROM scratch\nCOPY app /app\nENV MARK={public}\n\
         RUN --mount=type=secret,id=TOKEN [\"/app\", \"print\", \"/run/secrets/TOKEN\"]\n\
         RUN --mount=type=secret,id=LONG,target=/long [\"/app\", \"print\", \"/long\"]\n\
         RUN --mount=type=secret,id=NONE [\"/app\", \"tree\", \"/run\"]\n\
         RUN [\"/app\", \"env\", \"TOKEN\"]\n"
    ));
    let request = BuildRequest {
        secrets: secrets(&[("TOKEN", &token), ("LONG", &long)]),
        ..lab.request(folder.path())
    };
    let (built, lines) = lab.build(&request).await;
    let id = built.unwrap_or_else(|error| panic!("{error}\n{lines:?}"));
    let told = lines.join("\n");
    // Its value arrived as it is, and the build's own words have the name in its place.
    assert!(told.contains("\n  [TOKEN]\n"), "{told}");
    assert!(
        told.contains("\n  [LONG] … (cut: the line is longer than 16 kB)\n  [LONG]\n"),
        "{told}"
    );
    assert!(lines.iter().any(|line| line.trim() == "-"), "no variable: {told}");
    assert!(!told.contains(&token), "{told}");
    let history = docker(&["history", "--no-trunc", id.as_str()]);
    let inspected = docker(&["inspect", id.as_str()]);
    assert!(!history.contains(&token) && !inspected.contains(&token));
    assert!(is_in(id.as_str(), &public), "the search finds what is there");
    assert!(!is_in(id.as_str(), &token));
}

#[tokio::test]
async fn a_secret_that_is_not_given_fails_the_instruction_that_needs_it() {
    let lab = Lab::new().await;
    let token = lab.name("secret-token");
    let folder = Folder::new(
        "FROM scratch\nCOPY app /app\n\
         RUN --mount=type=secret,id=TOKEN --mount=type=secret,id=OTHER,required=true [\"/app\", \"tree\", \"/run/secrets\"]\n",
    );
    let request = BuildRequest {
        secrets: secrets(&[("TOKEN", &token)]),
        ..lab.request(folder.path())
    };
    let (built, lines) = soon("the build's end", lab.build(&request)).await;
    let error = built.expect_err("it has no OTHER");
    let Error::Build(failed) = &error else {
        panic!("{error:?}\n{lines:?}")
    };
    assert!(failed.to_string().contains("OTHER"), "{failed:?}");
    assert!(!format!("{error:?}{lines:?}").contains(&token), "{error:?}");
}

/// A program that prints a secret and fails says it neither in the lines nor in the error.
#[tokio::test]
async fn p29_a_failing_instruction_does_not_tell_its_secret() {
    let lab = Lab::new().await;
    let token = lab.name("secret-token");
    let folder = Folder::new(&format!(
        "FROM scratch\nCOPY app /app\nENV MARK={}\n\
         RUN --mount=type=secret,id=TOKEN,target=/a/token [\"/app\", \"print-and-fail\", \"/a/token\"]\n",
        lab.root
    ));
    let request = BuildRequest {
        secrets: secrets(&[("TOKEN", &token)]),
        ..lab.request(folder.path())
    };
    let (built, lines) = lab.build(&request).await;
    let error = built.expect_err("it fails");
    assert!(error.to_string().contains("[TOKEN]"), "{error}\n{lines:?}");
    assert!(!format!("{error:?}{lines:?}").contains(&token), "{error:?}");
}
