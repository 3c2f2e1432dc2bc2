//! The layers: which crate may use which, and which folder of a crate may use which. A crate may use those below it, never
//! those beside or above; the folders of a crate make no circle, and where its `lib.rs` says that it lists them in the order
//! in which they stand on each other, they do ([`folders`]).

mod folders;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Each crate with those it may use, from the bottom up.
const LAYERS: [(&str, &[&str]); 8] = [
    ("gokku-core", &[]),
    ("gokku-acme", &["gokku-core"]),
    ("gokku-docker", &["gokku-core"]),
    ("gokku-git", &["gokku-core"]),
    ("gokku-proxy", &["gokku-core"]),
    ("gokku-remote", &["gokku-core", "gokku-git"]),
    (
        "gokku-server",
        &[
            "gokku-acme",
            "gokku-core",
            "gokku-docker",
            "gokku-git",
            "gokku-proxy",
        ],
    ),
    ("gokku-cli", &["gokku-core", "gokku-remote", "gokku-server"]),
];

/// The crates of ours that a manifest names, in whatever table.
fn used(manifest: &str) -> BTreeSet<&str> {
    let names = manifest
        .lines()
        .filter(|line| !line.starts_with("name"))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        // What all rings of tests stand on knows none of them.
        .filter(|word| word.starts_with("gokku-") && *word != "gokku-tests");
    names.collect()
}

#[test]
fn no_crate_uses_one_beside_or_above_it() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let there: BTreeSet<_> = fs::read_dir(&crates)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let known = LAYERS.map(|(name, _)| name.to_owned());
    assert_eq!(there, BTreeSet::from(known), "every crate has its layer");
    for (name, allowed) in LAYERS {
        let manifest = fs::read_to_string(crates.join(name).join("Cargo.toml")).unwrap();
        let allowed: BTreeSet<_> = allowed.iter().copied().collect();
        assert_eq!(used(&manifest), allowed, "{name}");
    }
}

#[test]
fn the_core_has_no_runtime_in_it() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/gokku-core/Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    for heavy in ["tokio", "hyper", "bollard", "async"] {
        assert!(!manifest.contains(heavy), "{heavy}");
    }
}

/// A crate whose files all lie beside its `lib.rs` has no folders, and nothing to hold it to yet.
#[test]
fn no_folder_of_a_crate_uses_one_that_uses_it() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let (mut counted, mut problems) = (0, String::new());
    for (name, _) in LAYERS {
        let files = folders::read(&crates.join(name).join("src"));
        let uses = folders::uses(&files);
        counted += uses.len();
        if let Some(circle) = folders::circle(&uses) {
            let _ = writeln!(
                problems,
                "in {name}/src folders use each other in a circle:\n{circle}"
            );
        }
        if let Some(above) = folders::against_its_list(&files, &uses) {
            let _ = writeln!(
                problems,
                "in {name}/src a folder uses one that lib.rs lists below it:\n{above}"
            );
        }
    }
    assert!(problems.is_empty(), "{problems}");
    assert!(
        counted > 30,
        "only {counted} uses were found: are they looked for?"
    );
}
