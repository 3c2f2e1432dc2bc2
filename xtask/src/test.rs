//! `cargo xtask test`: everything that must be true before a change lands.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use crate::{engine, packages};

/// Installs, starts, checks. Its last line on stdout is one `test result:` of all tests, also when it failed.
pub(crate) fn run() -> ExitCode {
    let mut counts = Counts::default();
    let result = all(&mut counts);
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

fn all(counts: &mut Counts) -> Result<(), String> {
    packages::install_missing()?;
    engine::ensure()?;
    // Neither this nor compiling keeps all cores busy all the time.
    std::thread::spawn(gokku_tests::ensure_images);
    check("formatting", &["fmt", "--all", "--check"], &[])?;
    check(
        "lints",
        &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
        &[],
    )?;
    check(
        "docs",
        &["doc", "--workspace", "--no-deps"],
        &[("RUSTDOCFLAGS", "-D warnings")],
    )?;
    tests(counts)
}

fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    command
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

fn tests(counts: &mut Counts) -> Result<(), String> {
    // They wait for engines and clocks more than they compute.
    let threads = std::thread::available_parallelism().map_or(2, usize::from) + 1;
    let threads = threads.to_string();
    // What tests that pass print is part of the proof: states visited, requests counted.
    let args = [
        "test",
        "--workspace",
        "--no-fail-fast",
        "--",
        "--show-output",
        "--test-threads",
        &threads,
    ];
    println!("==> tests: cargo {}", args.join(" "));
    let mut child = cargo()
        .args(args)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cargo could not be run: {error}"))?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            println!("{line}");
            counts.hear(&line);
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() {
        Ok(())
    } else {
        Err("some tests failed".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
