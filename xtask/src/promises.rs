//! The numbers of the promises, `P05`: each that a test mentions has its row in `docs/promises.md`, and each row there is
//! proven by tests that have its number.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The promises' numbers in a text: `P05` as a word, or `p05_` at the beginning of a test's name.
fn numbers(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let words = text.split(|c: char| !is_part(c));
    let number = |word: &str| {
        let digits = match word.split_at_checked(1)? {
            ("P", digits) => digits,
            ("p", rest) => rest.split_once('_')?.0,
            _ => return None,
        };
        let two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        two.then(|| format!("P{digits}"))
    };
    words.filter_map(number).collect()
}

/// The rows of the page, by number: the files that their last column links to.
fn rows(page: &str) -> BTreeMap<String, Vec<String>> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let number = cells.next()?.to_owned();
        let links = cells.last()?.split("](../").skip(1);
        let files = links.filter_map(|link| Some(link.split_once(')')?.0.to_owned()));
        numbers(&number)
            .contains(&number)
            .then(|| (number, files.collect()))
    };
    page.lines().filter_map(row).collect()
}

/// The files that tests are in: those of the stories and the crates' tests, and a crate's own that has some.
fn tests() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("tests"), root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let has_tests = |path: &PathBuf| {
        let in_tests = path.components().any(|part| part.as_os_str() == "tests");
        in_tests || fs::read_to_string(path).unwrap().contains("#[cfg(test)]")
    };
    found.into_iter().filter(has_tests).collect()
}

#[test]
fn every_number_can_be_looked_up_and_every_promise_has_its_proof() {
    let page = fs::read_to_string(root().join("docs/promises.md")).unwrap();
    let rows = rows(&page);
    assert!(
        rows.len() >= 40,
        "only {} promises were found: are they looked for?",
        rows.len()
    );
    let mut problems = Vec::new();
    for path in tests() {
        for number in numbers(&fs::read_to_string(&path).unwrap()) {
            if !rows.contains_key(&number) {
                problems.push(format!(
                    "{}: {number} has no row in docs/promises.md",
                    path.display()
                ));
            }
        }
    }
    for (number, proofs) in &rows {
        if proofs.is_empty() {
            problems.push(format!("docs/promises.md: {number} names no test"));
        }
        for proof in proofs {
            let text = fs::read_to_string(root().join(proof)).unwrap_or_default();
            let has_test = text.contains("#[test]") || text.contains("#[tokio::test");
            if !has_test && !proof.contains("/tests/model/") && !proof.contains("tests/faults/") {
                problems.push(format!("docs/promises.md: {proof} has no test"));
            }
            if !numbers(&text).contains(number) {
                problems.push(format!("docs/promises.md: {proof} says nothing of {number}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn numbers_are_found_where_tests_have_them() {
    let text = "/// P05, P27: it.\nfn p06_x() {}\nfn up07_x() {}\nlet p08 = P099; P1 (P49)";
    let found: Vec<_> = numbers(text).into_iter().collect();
    assert_eq!(found, ["P05", "P06", "P27", "P49"]);
    let page = "| number | promise | exactly | proof |\n|---|---|---|---|\n| P01 | A | b | [x](../tests/x.rs), [y](../y.rs) |\n";
    assert_eq!(rows(page)["P01"], ["tests/x.rs", "y.rs"]);
}
