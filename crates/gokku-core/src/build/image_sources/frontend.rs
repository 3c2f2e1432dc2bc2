//! Which program reads a Dockerfile: `# syntax=` names an image of one, which runs, and may read any other image.
//!
//! Docker's own ones read as is known here; others are refused.

use super::Unclear;
use super::lines::directive;

/// The build's argument that names one, too.
const ARGUMENT: &str = "BUILDKIT_SYNTAX";

/// Whether the program is one that is pulled, and not the engine's own; an error where it is not Docker's.
pub fn is_asked_for(text: &str, args: &[(String, String)]) -> Result<bool, Unclear> {
    let mut asked = false;
    for (_, value) in args.iter().filter(|(name, _)| name == ARGUMENT) {
        asked = true;
        if !is_dockers(value) {
            return Err(Unclear {
                line: None,
                what: format!("build.args.{ARGUMENT}: {}", foreign(value)),
            });
        }
    }
    let mut lines = text.split('\n').enumerate();
    for (number, line) in &mut lines {
        let line = line.trim();
        if line.starts_with('{') {
            return Err(Unclear::at(number + 1, "a Dockerfile begins with no {"));
        }
        // What a builder does not take for a directive any more is looked at, too: they differ in where these end.
        let comment = line.strip_prefix('#').or_else(|| line.strip_prefix("//"));
        let comment = match comment {
            Some(comment) => comment,
            None if line.is_empty() => continue,
            None => break,
        };
        if let Some((name, value)) = directive(comment.trim_start_matches(['#', '/', '!']))
            && name == "syntax"
        {
            asked = true;
            if !is_dockers(value) {
                return Err(Unclear::at(number + 1, foreign(value)));
            }
        }
    }
    Ok(asked)
}

fn foreign(value: &str) -> String {
    format!(
        "syntax {value:?} is none that builds here: a program reads the Dockerfile that could read images of other apps. docker/dockerfile:1 is Docker's own"
    )
}

/// Whether it is one of Docker's own images, by any of their tags.
fn is_dockers(value: &str) -> bool {
    let image = value.split(' ').next().unwrap_or_default();
    let image = ["docker.io/", "index.docker.io/"]
        .iter()
        .find_map(|host| image.strip_prefix(host))
        .unwrap_or(image);
    image.strip_prefix("docker/dockerfile").is_some_and(|rest| {
        let good = |c: char| c.is_ascii_alphanumeric() || ":@._-".contains(c);
        (rest.is_empty() || rest.starts_with([':', '@'])) && rest.chars().all(good)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dockers_own_programs_read_dockerfiles() {
        for (text, wanted) in [
            ("FROM scratch\n", Ok(false)),
            ("# a comment\nFROM scratch\n", Ok(false)),
            ("# syntax=docker/dockerfile:1\nFROM scratch\n", Ok(true)),
            ("#syntax=docker/dockerfile\r\nFROM scratch\n", Ok(true)),
            ("# syntax = docker.io/docker/dockerfile:1.7-labs\n", Ok(true)),
            ("# syntax=docker/dockerfile:1@sha256:0123\n", Ok(true)),
            ("# syntax=docker/dockerfile:1 --some=thing\n", Ok(true)),
            (
                "#!/usr/bin/docker build\n# syntax=docker/dockerfile:1\n",
                Ok(true),
            ),
            ("FROM scratch\n# syntax=evil\n", Ok(false)),
            ("# syntax=evil/dockerfile:1\n", Err(1)),
            ("#syntax=other:latest\n", Err(1)),
            ("#\tSYNTAX\t=\tother\n", Err(1)),
            ("  # syntax=other\n", Err(1)),
            ("# escape=`\n# syntax=other\n", Err(2)),
            ("# other=x\n# syntax=other\n", Err(2)),
            ("# a comment\n\n# syntax=other\n", Err(3)),
            ("#!/bin/sh\n# syntax=other\n", Err(2)),
            ("// syntax=other\n", Err(1)),
            ("//syntax=docker/dockerfilex\n", Err(1)),
            ("# syntax=docker/dockerfile/x\n", Err(1)),
            ("# syntax=evil.io/docker/dockerfile:1\n", Err(1)),
            ("# syntax=docker/dockerfile-upstream:master\n", Err(1)),
            ("# syntax=docker/dockerfile:1\tx\n", Err(1)),
            ("# syntax=docker/dockerfile:1\n# syntax=other\n", Err(2)),
            ("{\"syntax\": \"other\"}", Err(1)),
            ("\n {\"syntax\": \"other\"}", Err(2)),
        ] {
            let found = is_asked_for(text, &[]).map_err(|why| why.line.unwrap_or(0));
            assert_eq!(found, wanted, "{text}");
        }
        let by = |value: &str| is_asked_for("FROM x\n", &[(ARGUMENT.to_owned(), value.to_owned())]).is_ok();
        assert_eq!((by("docker/dockerfile:1"), by("other")), (true, false));
    }
}
