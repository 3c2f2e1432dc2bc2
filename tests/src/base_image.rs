//! `python:3.11-slim` for the Flask example, where no registry can be reached: a stand-in from Debian's own packages.

use std::process::{Command, Stdio};

use crate::{Output, docker};

/// The image the example's Dockerfile begins with.
const IMAGE: &str = "python:3.11-slim";
/// The Debian release whose Python is 3.11.
const SUITE: &str = "bookworm";
/// What the example needs, so that it builds without a network.
const PACKAGES: &str = "python3,python3-flask,gunicorn";
/// Says that an image is ours and not the real one.
const LABEL: &str = "gokku.stand-in=python";

/// Makes sure that the image is there: the one the engine has, whatever it is, or else the stand-in, which takes some
/// minutes once. It stays, with a label that says what it is; `docker rmi python:3.11-slim` removes it.
///
/// # Panics
///
/// When it cannot be made; that takes root, or a `sudo` that asks for no password.
pub fn ensure_python() {
    if docker(["image", "inspect", IMAGE]).code == Some(0) {
        return;
    }
    if Output::of(Command::new("sh").args(["-c", "command -v debootstrap"])).code != Some(0) {
        let mut apt = as_root("apt-get");
        Output::of(apt.args(["install", "-q", "-y", "--no-install-recommends", "debootstrap"])).ok();
    }
    let folder = tempfile::Builder::new()
        .prefix("gokku-python-")
        .tempdir()
        .unwrap_or_else(|error| panic!("a temporary folder could not be made: {error}"));
    let tree = folder.path().join("tree");
    let mut debootstrap = as_root("debootstrap");
    debootstrap
        .args(["--variant=minbase", "--include", PACKAGES, SUITE])
        .arg(&tree)
        .arg(mirror());
    Output::of(&mut debootstrap).ok();
    import(&tree);
    // Its files are root's, whoever runs the tests.
    Output::of(as_root("rm").arg("-rf").arg(&tree)).ok();
}

/// A command that runs as root, and asks nothing.
fn as_root(program: &str) -> Command {
    let root = Output::of(Command::new("id").arg("-u")).line() == "0";
    let mut command = Command::new(if root { "env" } else { "sudo" });
    if !root {
        command.args(["--non-interactive", "env"]);
    }
    command.args(["DEBIAN_FRONTEND=noninteractive", program]);
    command
}

/// The mirror apt uses here, for a machine that reaches no other.
fn mirror() -> String {
    let format = [
        "indextargets",
        "--format",
        "$(REPO_URI) $(RELEASE)",
        "Created-By: Packages",
    ];
    let targets = Output::of(Command::new("apt-get").args(format));
    let mirror = targets
        .stdout
        .lines()
        .find_map(|line| line.strip_suffix(&format!(" {SUITE}")));
    mirror.unwrap_or("http://deb.debian.org/debian/").to_owned()
}

fn import(tree: &std::path::Path) {
    let mut tar = as_root("tar")
        .args([
            "--numeric-owner",
            "--exclude=./var/cache/apt/*",
            "--exclude=./var/lib/apt/lists/*",
            "-C",
        ])
        .arg(tree)
        .args(["-c", "."])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("tar could not be run: {error}"));
    let archive = tar.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let label = format!("LABEL {LABEL}");
    let mut import = Command::new("docker");
    import
        .args([
            "import",
            "--change",
            &label,
            "--change",
            "CMD [\"python3\"]",
            "-",
            IMAGE,
        ])
        .stdin(archive);
    Output::of(&mut import).ok();
    let packed = tar.wait().unwrap_or_else(|error| panic!("tar: {error}"));
    assert!(packed.success(), "tar failed: {packed}");
}
