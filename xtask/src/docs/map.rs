//! Whether the source can be found its way in: each file says in its first words what it is for, and what `ARCHITECTURE.md`
//! names is there.

use std::fs;
use std::path::{Path, PathBuf};

use super::{below_root, root};

/// The crates' source files.
fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && is_source(&path) {
                files.push(path);
            }
        }
    }
    files
}

fn is_source(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "src")
}

/// What a text names between backticks that ends as a source file does.
fn named(text: &str) -> Vec<&str> {
    let between = text.split('`').skip(1).step_by(2);
    let is_source = |name: &&str| {
        Path::new(name)
            .extension()
            .is_some_and(|extension| extension == "rs")
    };
    between
        .filter(is_source)
        .filter(|name| !name.contains(' '))
        .collect()
}

/// Whether a name leads to a file: `CRATE/FILE`, where folders on the way may be left out; a path from the repository's top;
/// or the last parts of some source file's path, where its crate was named before it.
fn leads(name: &str, sources: &[PathBuf]) -> bool {
    let (folder, rest) = match name.split_once('/') {
        Some((first, rest)) if first.starts_with("gokku-") => {
            (root().join("crates").join(first).join("src"), rest)
        }
        _ if root().join(name).exists() => return true,
        _ => (root().join("crates"), name),
    };
    sources
        .iter()
        .any(|path| path.starts_with(&folder) && path.ends_with(rest))
}

#[test]
fn every_file_says_what_it_is_for() {
    let sources = sources();
    assert!(
        sources.len() > 200,
        "only {} files were found: are they looked for?",
        sources.len()
    );
    for path in sources {
        let text = fs::read_to_string(&path).unwrap();
        let first = text.lines().next().and_then(|line| line.strip_prefix("//! "));
        assert!(
            first.is_some(),
            "{} says in no `//!` line what it is for",
            below_root(&path)
        );
    }
}

#[test]
fn what_the_architecture_names_is_there() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let outside_of_blocks: String = text.split("```").step_by(2).collect();
    let (names, sources) = (named(&outside_of_blocks), sources());
    assert!(
        names.len() > 60,
        "only {} names were found: are they looked for?",
        names.len()
    );
    let gone: Vec<&str> = names.into_iter().filter(|name| !leads(name, &sources)).collect();
    assert!(
        gone.is_empty(),
        "ARCHITECTURE.md names what is not there: {gone:?}"
    );
}

#[test]
fn names_lead_to_files_by_crate_or_folder() {
    let sources = sources();
    for (name, there) in [
        ("gokku-core/transition/step.rs", true),
        ("gokku-core/step.rs", true),
        ("transition/step.rs", true),
        ("gokku-git/step.rs", false),
        ("gokku-core/push/step.rs", false),
        ("tests/src/engine.rs", true),
        ("tests/src/nothing.rs", false),
    ] {
        assert_eq!(leads(name, &sources), there, "{name}");
    }
    assert_eq!(
        named("`a.rs`, `b` and `c/d.rs`; e.rs `f g.rs`"),
        ["a.rs", "c/d.rs"]
    );
}
