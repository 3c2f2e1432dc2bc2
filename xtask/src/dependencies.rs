//! What may be depended on: licences and sources as `deny.toml` has them, no version twice without a reason, and
//! `unsafe` in named places only. What needs the advisories' database is `cargo deny check`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The files of ours that may say `unsafe`: the program that runs in tests' containers calls the C library itself, and so does
/// the traffic switch to give memory back; what a process was started with it has by numbers only.
const UNSAFE: [&str; 3] = [
    "crates/gokku-docker/tests/docker/program/system.rs",
    "crates/gokku-proxy/src/os/memory.rs",
    "crates/gokku-server/src/os/inherited.rs",
];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What cargo knows of the crates in the workspace, on the targets that releases are made for.
fn packages() -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args(["metadata", "--format-version=1", "--locked"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .args(["--filter-platform", "aarch64-unknown-linux-gnu"])
        .args(["--filter-platform", "x86_64-unknown-linux-musl"])
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

fn named(package: &Value) -> String {
    format!("{}@{}", word(&package["name"]), word(&package["version"]))
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The quoted words of a list in `deny.toml`.
fn listed(list: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let (_, rest) = text.split_once(&format!("\n{list} = [")).expect("the list");
    let (inside, _) = rest.split_once("\n]").expect("its end");
    inside.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether a licence expression (SPDX) can be met with these.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.replace('/', " OR ");
    // Parts in brackets are joined by AND in all that is met in practice; what is not is refused.
    let without: String = expression.replace(['(', ')'], " ");
    let met = |licence: &str| allowed.contains(licence.trim());
    let any = |part: &str| part.split(" OR ").any(met);
    without.split(" AND ").all(any)
}

#[test]
fn every_licence_and_source_is_on_the_list() {
    let allowed = listed("allow");
    assert!(allowed.contains("MIT"), "{allowed:?}");
    let packages = packages();
    assert!(packages.len() > 100, "there are few crates: {}", packages.len());
    for package in packages {
        let (name, licence) = (named(&package), word(&package["license"]));
        assert!(
            is_allowed(licence, &allowed),
            "{name}: {licence:?} is not on deny.toml's list"
        );
        let source = &package["source"];
        assert!(
            source.is_null() || word(source) == CRATES_IO,
            "{name} comes from {source}"
        );
    }
    // The fuzz targets are a workspace of their own, and in no program of ours.
    let lock = fs::read_to_string(root().join("fuzz/Cargo.lock")).expect("the targets' lock");
    let sources: BTreeSet<&str> = lock
        .lines()
        .filter_map(|line| line.strip_prefix("source = "))
        .collect();
    assert_eq!(sources, BTreeSet::from([format!("{CRATES_IO:?}").as_str()]));
}

#[test]
fn an_expression_is_met_or_not() {
    let allowed = BTreeSet::from(["MIT", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned));
    let met = [
        "MIT",
        "GPL-3.0 OR MIT",
        "MIT/Apache-2.0",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
    ];
    assert!(met.iter().all(|licence| is_allowed(licence, &allowed)));
    let not = [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR Apache-2.0) AND NCSA",
        "Apache-2.0",
    ];
    assert!(!not.iter().any(|licence| is_allowed(licence, &allowed)));
    assert!(is_allowed("Apache-2.0 WITH LLVM-exception OR GPL-2.0", &allowed));
}

#[test]
fn no_crate_is_there_in_two_versions_without_a_reason() {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages() {
        versions
            .entry(word(&package["name"]).to_owned())
            .or_default()
            .push(named(&package));
    }
    let twice: Vec<String> = versions
        .into_values()
        .filter(|names| names.len() > 1)
        .flatten()
        .collect();
    let reasons = listed("skip");
    let is_skipped = |name: &str| {
        reasons
            .iter()
            .any(|skipped| format!("{name}.").starts_with(&format!("{skipped}.")))
    };
    let mut unexplained: BTreeMap<&str, u32> = BTreeMap::new();
    for name in twice.iter().filter(|name| !is_skipped(name)) {
        *unexplained
            .entry(name.split('@').next().unwrap_or_default())
            .or_default() += 1;
    }
    unexplained.retain(|_, count| *count > 1);
    assert!(
        unexplained.is_empty(),
        "{twice:?}: each version but one needs a reason in deny.toml's skip"
    );
}

#[test]
fn unsafe_is_written_in_named_places_only() {
    let ours: Vec<Value> = packages()
        .into_iter()
        .filter(|package| package["source"].is_null())
        .collect();
    assert!(ours.len() > 8, "{}", ours.len());
    let mut files = Vec::new();
    for package in &ours {
        let manifest = PathBuf::from(word(&package["manifest_path"]));
        let text = fs::read_to_string(&manifest).expect("a manifest");
        assert!(
            text.contains("\n[lints]\nworkspace = true\n"),
            "{} does not take the lints",
            named(package)
        );
        sources(manifest.parent().expect("a folder"), &mut files);
    }
    let lints = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace");
    assert!(lints.contains("\nunsafe_code = \"deny\"\n"));
    sources(&root().join("fuzz/fuzz_targets"), &mut files);
    files.sort();
    files.dedup();
    assert!(files.len() > 100, "{}", files.len());
    let root = root().canonicalize().expect("the root");
    let says: Vec<String> = files
        .iter()
        .filter(|path| says_unsafe(&fs::read_to_string(path).expect("a source")))
        .map(|path| {
            path.canonicalize()
                .expect("a path")
                .strip_prefix(&root)
                .expect("ours")
                .display()
                .to_string()
        })
        .collect();
    assert_eq!(
        says,
        UNSAFE.map(str::to_owned),
        "the files that have it in their code"
    );
}

/// Whether its code does; comments and texts may speak of anything.
fn says_unsafe(source: &str) -> bool {
    let lines = source
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    let mut code = lines.flat_map(|line| line.split('"').step_by(2));
    code.any(|code| {
        let mut words = code.split(|letter: char| letter != '_' && !letter.is_alphanumeric());
        words.any(|word| matches!(word, "unsafe" | "unsafe_code"))
    })
}

#[test]
fn the_word_is_found() {
    let says = [
        "unsafe { f() }",
        "#![allow(unsafe_code)]",
        "f(\"x\"); unsafe fn f() {}",
    ];
    assert!(says.iter().all(|source| says_unsafe(source)));
    let only_speaks = ["// unsafe", "let text = \"unsafe\";", "let unsafe_one = 1;"];
    assert!(!only_speaks.iter().any(|source| says_unsafe(source)));
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
