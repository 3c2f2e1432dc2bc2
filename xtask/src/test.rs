//! `cargo xtask test`: everything that must be true before a change lands.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};

use crate::engine::{self, OwnEngine};
use crate::{packages, pebble};

/// A part of the tests.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Part {
    /// What one wants between two edits: lints, and the tests that need no engine and take no longer than seconds
    Quick,
}

/// Installs, starts, checks. Its last line on stdout is one `test result:` of all tests, also when it failed.
pub(crate) fn run(part: Option<Part>) -> ExitCode {
    let mut counts = Counts::default();
    let result = match part {
        None => all(&mut counts),
        Some(Part::Quick) => quick(&mut counts),
    };
    let failed = counts.failed + u32::from(result.is_err() && counts.failed == 0);
    let word = if failed == 0 { "ok" } else { "FAILED" };
    // Once more at the end, where it is looked for: what went before is long.
    for line in &counts.failures {
        println!("{line}");
    }
    if let Err(why) = &result {
        println!("error: {why}");
    }
    println!(
        "test result: {word}. {} passed; {failed} failed; {} ignored; 0 measured; 0 filtered out",
        counts.passed, counts.ignored
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The test binaries that wait for nothing and do the same however slowly: they compute beside those that mostly wait, in the time that
/// these leave.
const COMPUTING: [&str; 6] = ["all_commands", "inputs", "languages", "model", "shells", "words"];
/// How much whoever computes stands back, nice(1).
const STANDS_BACK: &str = "10";

/// What is tried without an engine, in seconds.
const QUICK: [&str; 7] = [
    "--workspace",
    "--lib",
    "--bins",
    "--test",
    "languages",
    "--test",
    "words",
];
const FORMATTING: &[&str] = &["fmt", "--all", "--check"];
const LINTS: &[&str] = &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];

fn all(counts: &mut Counts) -> Result<(), String> {
    packages::install_missing()?;
    pebble::ensure()?;
    engine::ensure()?;
    let (compiled, when_compiled) = mpsc::channel();
    std::thread::scope(|scope| {
        // A thread of its own, because it may have to go into another network than cargo fetches crates from.
        let tests = scope.spawn(move || tests(counts, &when_compiled));
        let result = compile(&compiled);
        // Where it failed, the other side hears that nothing comes.
        drop(compiled);
        result?;
        tests
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Checks what needs no engine, compiles what does, and says so.
fn compile(compiled: &Sender<()>) -> Result<(), String> {
    check("formatting", FORMATTING, &[])?;
    check("lints", LINTS, &[])?;
    docs()?;
    check("the tests' build", &["test", "--workspace", "--no-run"], &[])?;
    compiled
        .send(())
        .map_err(|_| "the tests have ended already".to_owned())
}

/// Checks the documentation, upon what the lints have made of our crates. By itself cargo would check all of them once more, because
/// what clippy has checked is not what it would check: so it is told what clippy tells it, the compiler that lints and its arguments.
fn docs() -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_default();
    let clippy = Path::new(&cargo).with_file_name("clippy-driver");
    let mut env = vec![("RUSTDOCFLAGS", "-D warnings")];
    if let Some(clippy) = clippy.to_str().filter(|_| clippy.is_file()) {
        env.push(("RUSTC_WORKSPACE_WRAPPER", clippy));
        env.push(("CLIPPY_ARGS", "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__"));
    }
    check("docs", &["doc", "--workspace", "--no-deps"], &env)
}

fn quick(counts: &mut Counts) -> Result<(), String> {
    check("formatting", FORMATTING, &[])?;
    check("lints", LINTS, &[])?;
    cargo_test(counts, &QUICK, None)
}

/// Runs all tests, once they are compiled, on the engine that is fastest.
fn tests(counts: &mut Counts, when_compiled: &Receiver<()>) -> Result<(), String> {
    let engine = OwnEngine::start_if_faster();
    // Neither this nor compiling keeps all cores busy all the time.
    let mut images = images(engine.as_ref())?;
    let result = when_compiled
        .recv()
        .map_err(|_| "they were not compiled".to_owned())
        .and_then(|()| side_by_side(counts, engine.as_ref()));
    // It has ended long ago, unless nothing was compiled.
    let _ = images.kill();
    let _ = images.wait();
    result
}

/// Runs all tests: those that compute beside the others, and then the examples in the documentation.
fn side_by_side(counts: &mut Counts, engine: Option<&OwnEngine>) -> Result<(), String> {
    let named = |binaries: &[String]| -> Vec<String> {
        let named = binaries.iter().flat_map(|binary| ["--test", binary]);
        named.map(str::to_owned).collect()
    };
    let (computing, waiting): (Vec<String>, Vec<String>) = test_binaries()?
        .into_iter()
        .partition(|binary| COMPUTING.contains(&binary.as_str()));
    let computing = [
        vec!["--workspace".to_owned(), "--lib".to_owned()],
        named(&computing),
    ]
    .concat();
    let waiting = [
        vec!["--workspace".to_owned(), "--bins".to_owned()],
        named(&waiting),
    ]
    .concat();
    let (computed, waited) = std::thread::scope(|scope| {
        let computed = scope.spawn(|| {
            let mut counts = Counts::default();
            let mut nice = Command::new("nice");
            nice.args(["-n", STANDS_BACK]).arg(cargo().get_program());
            let result = run_tests(&mut counts, nice, &computing, None);
            (counts, result)
        });
        let waited = cargo_test(counts, &waiting, engine);
        let computed = computed.join();
        (
            computed.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            waited,
        )
    });
    counts.take(computed.0);
    let documented = cargo_test(counts, &["--workspace".to_owned(), "--doc".to_owned()], engine);
    waited.and(computed.1).and(documented)
}

/// The names of all test binaries, as cargo has them.
fn test_binaries() -> Result<Vec<String>, String> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(|error| format!("cargo metadata could not be run: {error}"))?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cargo metadata cannot be read: {error}"))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let tests = targets.filter(|target| target["kind"][0] == "test");
    Ok(tests
        .filter_map(|target| Some(target["name"].as_str()?.to_owned()))
        .collect())
}

/// Starts to make the images that tests begin with.
fn images(engine: Option<&OwnEngine>) -> Result<Child, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut images = Command::new(this);
    images.arg("images");
    engine::give(engine, &mut images);
    images
        .spawn()
        .map_err(|error| format!("the images could not be made: {error}"))
}

/// Cargo, in the repository.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn check(what: &str, args: &[&str], env: &[(&str, &str)]) -> Result<(), String> {
    println!("==> {what}: cargo {}", args.join(" "));
    let status = cargo()
        .args(args)
        .envs(env.iter().copied())
        .status()
        .map_err(|error| format!("cargo could not be run: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{what}: `cargo {}` failed", args.join(" ")))
    }
}

/// What became of tests.
#[derive(Default)]
struct Counts {
    passed: u32,
    failed: u32,
    ignored: u32,
    /// What failed tests printed.
    failures: Vec<String>,
    /// Whether that is being told.
    failing: bool,
}

impl Counts {
    /// Notes a line of the tests' output.
    fn hear(&mut self, line: &str) {
        self.failing = (self.failing || line == "failures:") && !line.starts_with("test result: ");
        if self.failing {
            self.failures.push(line.to_owned());
        }
        self.add(line);
    }

    /// Adds what became of others.
    fn take(&mut self, others: Self) {
        self.passed += others.passed;
        self.failed += others.failed;
        self.ignored += others.ignored;
        self.failures.extend(others.failures);
    }

    /// Adds a line like `test result: ok. 5 passed; 0 failed; 0 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some((_, numbers)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for part in numbers.split("; ") {
            let Some((number, word)) = part.split_once(' ') else {
                continue;
            };
            let number: u32 = number.parse().unwrap_or(0);
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// Runs tests: these of cargo's targets, on this engine or on the machine's own.
fn cargo_test(
    counts: &mut Counts,
    targets: &[impl AsRef<OsStr>],
    engine: Option<&OwnEngine>,
) -> Result<(), String> {
    run_tests(counts, cargo(), targets, engine)
}

/// The same by this command.
fn run_tests(
    counts: &mut Counts,
    mut command: Command,
    targets: &[impl AsRef<OsStr>],
    engine: Option<&OwnEngine>,
) -> Result<(), String> {
    // They wait for engines and clocks more than they compute.
    let threads = std::thread::available_parallelism().map_or(2, usize::from) + 1;
    let threads = threads.to_string();
    command.current_dir(root());
    command.arg("test").args(targets);
    // What tests that pass print is part of the proof: states visited, requests counted.
    command.args([
        "--no-fail-fast",
        "--",
        "--show-output",
        "--test-threads",
        &threads,
    ]);
    engine::give(engine, &mut command);
    let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
    let from = args.iter().position(|arg| arg == "test").unwrap_or_default();
    println!("==> tests: cargo {}", args[from..].join(" "));
    if show(&mut command, |line| counts.hear(line))? {
        Ok(())
    } else {
        Err("some tests failed".to_owned())
    }
}

/// Runs cargo, shows what it prints and gives each line of it to `hear`; true when all went well.
pub(crate) fn show(cargo: &mut Command, mut hear: impl FnMut(&str)) -> Result<bool, String> {
    let mut child = cargo
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cargo could not be run: {error}"))?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            println!("{line}");
            hear(&line);
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_computes_is_there() {
        let all = test_binaries().unwrap();
        for name in COMPUTING {
            assert!(
                all.iter().any(|binary| binary == name),
                "{name} is not among {all:?}"
            );
        }
        assert!(all.iter().any(|binary| binary == "stories"), "{all:?}");
    }

    #[test]
    fn what_failed_is_kept_and_counted() {
        let mut counts = Counts::default();
        for line in [
            "test a ... ok",
            "successes:",
            "failures:",
            "---- b stdout ----",
            "why",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured",
            "test result: ok. 5 passed; 0 failed; 2 ignored; 0 measured",
        ] {
            counts.hear(line);
        }
        assert_eq!(counts.failures, ["failures:", "---- b stdout ----", "why"]);
        assert_eq!((counts.passed, counts.failed, counts.ignored), (6, 1, 2));
    }
}
