//! Let's Encrypt's test server, `pebble`, which the tests order certificates from. The Debian that the tests run on may have an old
//! one, without renewal information: so it is taken out of a newer Debian's package, beside the machine's own packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Debian that has it. Its programs need nothing but a C library that older ones have, too.
const SUITE: &str = "trixie";
/// What the package has that tests run.
const PROGRAMS: [&str; 2] = ["pebble", "pebble-challtestsrv"];

/// Makes sure that the programs are where the tests look for them: below `target/pebble`.
pub(crate) fn ensure() -> Result<(), String> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pebble");
    let are_there = |place: &Path| {
        PROGRAMS
            .iter()
            .all(|program| place.join("usr/bin").join(program).exists())
    };
    if are_there(&place) {
        return Ok(());
    }
    println!("==> getting pebble from Debian {SUITE}");
    let folder =
        tempfile::tempdir().map_err(|error| format!("a temporary folder could not be made: {error}"))?;
    let package = download(folder.path()).map_err(|why| {
        format!(
            "{why}\nThe tests of certificates order them from pebble 2.6 or newer. Without Debian's package, put {} into {}",
            PROGRAMS.join(" and "),
            place.join("usr/bin").display()
        )
    })?;
    fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&place))?;
    if are_there(&place) {
        Ok(())
    } else {
        Err(format!(
            "Debian's package of pebble has no {}",
            PROGRAMS.join(" or no ")
        ))
    }
}

/// Downloads the package into a folder, which apt uses as if it were a machine's; returns its file.
fn download(folder: &Path) -> Result<PathBuf, String> {
    let at = |name: &str| folder.join(name);
    let io = |error: std::io::Error| error.to_string();
    for part in ["sources", "lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(at(part)).map_err(io)?;
    }
    let source = format!("deb [signed-by={KEYRING}] {} {SUITE} main\n", mirror());
    fs::write(at("sources/pebble.list"), source).map_err(io)?;
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command.arg("-q").current_dir(folder);
        for (setting, value) in [
            ("Dir::Etc::sourcelist", PathBuf::from("/dev/null")),
            ("Dir::Etc::sourceparts", at("sources")),
            ("Dir::State::Lists", at("lists")),
            ("Dir::Cache", at("cache")),
        ] {
            command.arg("-o").arg(format!("{setting}={}", value.display()));
        }
        // Its own user may not write here.
        command.args(["-o", "APT::Sandbox::User=root"]).args(words);
        run(&mut command)
    };
    apt(&["update"])?;
    apt(&["download", "pebble"])?;
    let files = fs::read_dir(folder).map_err(io)?;
    let mut files = files.filter_map(|entry| Some(entry.ok()?.path()));
    files
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or_else(|| "apt-get downloaded no package".to_owned())
}

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The mirror that apt uses here, for a machine that reaches no other.
fn mirror() -> String {
    let targets = Command::new("apt-get")
        .args([
            "indextargets",
            "--format",
            "$(REPO_URI) $(LABEL)",
            "Created-By: Packages",
        ])
        .output();
    let targets = targets.map(|output| output.stdout).unwrap_or_default();
    let targets = String::from_utf8_lossy(&targets);
    let mirror = targets.lines().find_map(|line| line.strip_suffix(" Debian"));
    mirror.unwrap_or("http://deb.debian.org/debian/").to_owned()
}

fn run(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    let status = command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .map_err(|error| format!("{shown} could not be run: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{shown} failed: {status}"))
    }
}
