//! `cargo xtask projects`: pushes every project of `tests/projects`, and writes what came of it to `docs/projects.md`.

use std::fs;
use std::path::Path;

use crate::{engine, test};

/// What the story says of each project: `project NAME: WHAT CAME OF IT`.
const WORD: &str = "project ";

pub(crate) fn run() -> Result<(), String> {
    let engine = engine::for_tests()?;
    let mut tests = test::cargo();
    tests
        .args(["test", "--workspace", "--test", "stories", "projects::"])
        .args(["--", "--nocapture", "--test-threads", "1"]);
    engine::give(engine.as_ref(), &mut tests);
    let mut rows = Vec::new();
    if !test::show(&mut tests, |line| rows.extend(row(line)))? {
        return Err("some projects do not live; see above. docs/projects.md stays as it was".to_owned());
    }
    rows.sort();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/projects.md");
    let text = PAGE.replace("ROWS", &rows.join("\n"));
    fs::write(&page, text).map_err(|error| format!("{}: {error}", page.display()))
}

/// A row of the page, from a line of the tests' output: also from one that goes on after the test's name.
fn row(line: &str) -> Option<String> {
    let (_, told) = line.split_once(WORD)?;
    let (name, outcome) = told.split_once(": ")?;
    Some(format!("| [{name}](../tests/projects/{name}) | {outcome} |"))
}

const PAGE: &str = "# Projects without a Dockerfile

Written by `cargo xtask projects`, with what came of it when it ran last. Each of these projects is pushed, built by the
Dockerfile that gokku writes for it ([how](builds.md)), and pushed once more with another version while clients ask it all along.

| project | what came of it |
|---|---|
ROWS
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projects_outcome_is_found_in_the_tests_output() {
        let line = "test projects::a_go_project_lives ... project go: lives";
        assert_eq!(row(line).unwrap(), "| [go](../tests/projects/go) | lives |");
        assert_eq!(row("running 7 tests"), None);
    }
}
