//! `cargo xtask fuzz`: looks for inputs that break what `tests/inputs` checks, one target after the other, and counts.
//!
//! What it looks at first is `fuzz/corpus`, which it does not change. Inputs that came to something new stay in
//! `fuzz/target/new`, those that broke something in `fuzz/artifacts`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Longer inputs come to nothing that shorter ones do not.
const LONGEST: u32 = 8192;
/// An input that takes longer is a fault: seconds.
const SLOWEST: u32 = 30;

/// How long to look, and for what.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each target runs
    #[arg(long, default_value_t = 10)]
    minutes: u32,
    /// The targets; all of them when none is named
    targets: Vec<String>,
}

struct Ran {
    target: String,
    executions: u64,
    corpus: usize,
    new: usize,
    found: Vec<PathBuf>,
    well: bool,
}

/// Runs targets, and fails when something was found.
pub(crate) fn run(options: Options) -> Result<(), String> {
    installed()?;
    let known = targets()?;
    if let Some(other) = options.targets.iter().find(|name| !known.contains(name)) {
        return Err(format!(
            "there is no target {other}: there is {}",
            known.join(", ")
        ));
    }
    let wanted = if options.targets.is_empty() {
        known
    } else {
        options.targets
    };
    let mut rows = Vec::new();
    for target in wanted {
        println!("==> {target}, for {} minutes", options.minutes);
        let ran = one(target, options.minutes)?;
        println!("{}", row(&ran));
        rows.push(ran);
    }
    // As docs/reliability.md has it.
    println!("\n| target | executions | corpus | new | found |\n|---|---:|---:|---:|---:|");
    for ran in &rows {
        println!("{}", row(ran));
    }
    let bad: Vec<&str> = rows
        .iter()
        .filter(|ran| !ran.well)
        .map(|ran| ran.target.as_str())
        .collect();
    if bad.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}: something was found; what it was stands above and in fuzz/artifacts",
        bad.join(", ")
    ))
}

fn row(ran: &Ran) -> String {
    let (target, executions, found) = (&ran.target, ran.executions, ran.found.len());
    format!(
        "| `{target}` | {executions} | {} | {} | {found} |",
        ran.corpus, ran.new
    )
}

/// A cargo of the nightly compiler: what watches which way an input takes is only there.
fn nightly() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]).current_dir(root());
    command
}

fn installed() -> Result<(), String> {
    let works = |mut command: Command| {
        let command = command
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !works(nightly()) {
        return Err("there is no nightly compiler: `rustup toolchain install nightly` gets it".to_owned());
    }
    let mut fuzz = nightly();
    fuzz.arg("fuzz");
    if !works(fuzz) {
        return Err("there is no cargo-fuzz: `cargo install cargo-fuzz --locked` gets it".to_owned());
    }
    Ok(())
}

fn targets() -> Result<Vec<String>, String> {
    let mut names: Vec<String> = files(&root().join("fuzz/fuzz_targets"))?
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn one(target: String, minutes: u32) -> Result<Ran, String> {
    let (fuzz, new) = (root().join("fuzz"), root().join("fuzz/target/new").join(&target));
    let (corpus, artifacts) = (
        fuzz.join("corpus").join(&target),
        fuzz.join("artifacts").join(&target),
    );
    for folder in [&new, &artifacts] {
        fs::create_dir_all(folder).map_err(|error| told(folder, &error))?;
    }
    let before = files(&artifacts)?;
    let log = new.with_extension("log");
    let words = File::create(&log).map_err(|error| told(&log, &error))?;
    let mut command = nightly();
    command
        .args(["fuzz", "run", &target])
        .arg(&new)
        .arg(&corpus)
        .arg("--");
    command.arg(format!("-max_total_time={}", minutes * 60));
    command.args([
        "-print_final_stats=1".to_owned(),
        format!("-max_len={LONGEST}"),
        format!("-timeout={SLOWEST}"),
    ]);
    let dictionary = fuzz.join("dictionaries").join(&target).with_extension("dict");
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    let status = command
        .stdout(Stdio::null())
        .stderr(words)
        .status()
        .map_err(|error| format!("rustup could not be run: {error}"))?;
    let said = fs::read(&log).map_err(|error| told(&log, &error))?;
    let said = String::from_utf8_lossy(&said);
    if !status.success() {
        let lines: Vec<&str> = said.lines().collect();
        println!("{}", lines[lines.len().saturating_sub(60)..].join("\n"));
    }
    let found = files(&artifacts)?
        .into_iter()
        .filter(|path| !before.contains(path))
        .collect();
    let ran = Ran {
        executions: executions(&said).unwrap_or(0),
        corpus: files(&corpus)?.len(),
        new: files(&new)?.len(),
        well: status.success(),
        found,
        target,
    };
    if ran.well && ran.executions == 0 {
        return Err(format!(
            "{} ended well and ran nothing; see {}",
            ran.target,
            log.display()
        ));
    }
    Ok(ran)
}

/// What `libFuzzer` says in the end of how many inputs it tried.
fn executions(said: &str) -> Option<u64> {
    let mut lines = said.lines();
    lines.find_map(|line| {
        line.strip_prefix("stat::number_of_executed_units:")?
            .trim()
            .parse()
            .ok()
    })
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| told(folder, &error))?;
    entries
        .map(|entry| {
            entry
                .map(|entry| entry.path())
                .map_err(|error| told(folder, &error))
        })
        .collect()
}

fn told(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read() {
        let said = "Done 12 runs\nstat::number_of_executed_units: 4711\nstat::average_exec_per_sec:     7\n";
        assert_eq!(executions(said), Some(4711));
        assert_eq!(executions("SUMMARY: libFuzzer: deadly signal"), None);
    }
}
