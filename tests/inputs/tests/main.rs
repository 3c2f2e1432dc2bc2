//! Every input in `fuzz/corpus`, and changes of each, through the check of its subject.
//!
//! `cargo xtask fuzz` looks for new inputs; this is the bounded part of it that runs with the other tests. What is
//! changed comes from a fixed seed, so that a failure comes again.

mod branches;
mod mutate;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::{fs, io};

use gokku_inputs::SUBJECTS;
use mutate::Mutator;

/// How many changed inputs each subject gets, spread over its corpus.
const CHANGED: usize = 2000;

fn corpus(subject: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(subject);
    let read = || -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
        let paths = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path()));
        let mut paths: Vec<PathBuf> = paths.collect::<io::Result<_>>()?;
        paths.sort();
        paths
            .into_iter()
            .map(|path| Ok((path.clone(), fs::read(path)?)))
            .collect()
    };
    read().unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

fn run(subject: &str) {
    let (_, check) = SUBJECTS
        .into_iter()
        .find(|(name, _)| *name == subject)
        .expect("a subject");
    let inputs = corpus(subject);
    assert!(
        inputs.len() >= 3,
        "{subject}: a corpus has real inputs in it, this one has {}",
        inputs.len()
    );
    let try_one = |path: &Path, input: &[u8]| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(input))) {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words
                .or(panic.downcast_ref::<&str>().copied())
                .unwrap_or_default();
            panic!("from {}: {words}\n{}", path.display(), input.escape_ascii());
        }
    };
    for (path, input) in &inputs {
        try_one(path, input);
    }
    let mut mutator = Mutator::new(&inputs);
    for number in 0..CHANGED {
        let (path, input) = &inputs[number % inputs.len()];
        try_one(path, &mutator.change(input));
    }
}

macro_rules! subjects {
    ($($subject:ident)*) => {
        $(#[test]
        fn $subject() {
            run(stringify!($subject));
        })*

        #[test]
        fn every_subject_has_its_test_its_target_and_its_corpus() {
            let tested = [$(stringify!($subject)),*];
            assert_eq!(SUBJECTS.map(|(name, _)| name), tested);
            let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
            let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("the targets' manifest");
            for subject in tested {
                let target = fs::read_to_string(fuzz.join(format!("fuzz_targets/{subject}.rs"))).expect("a target");
                assert!(target.contains(&format!("gokku_inputs::{subject}::check(data)")), "{subject}");
                assert!(manifest.contains(&format!("name = \"{subject}\"")), "{subject}");
            }
            let folders = fs::read_dir(fuzz.join("corpus")).expect("the corpora");
            assert_eq!(folders.count(), tested.len(), "a corpus that nothing reads");
        }
    };
}

subjects! {
    afar
    authorized_keys
    build_progress
    certificates
    control_api
    docker_ignore
    domain_routes
    env_file
    event_log
    gokku_yml
    hook_input
    image_use
    languages
    listeners
    names
    proc_receive
    procfile
    proxy_header
    records
    route_table
    settings
}
