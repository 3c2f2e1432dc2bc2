//! Images that are made of Debian's own packages, where no registry can be reached: a stand-in for `python:3.11-slim`,
//! which the Flask example begins with, and a machine that can become a server.

use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::{Output, docker};

/// The Debian release they are of: the one whose Python is 3.11.
const SUITE: &str = "bookworm";

/// An image of packages.
struct Image {
    name: &'static str,
    packages: &'static str,
    /// Says that it is ours and not the real one.
    label: &'static str,
    command: &'static str,
}

/// With what the example needs, so that it builds without a network.
const PYTHON: Image = Image {
    name: "python:3.11-slim",
    packages: "python3,python3-flask,gunicorn",
    label: "gokku.stand-in=python",
    command: "[\"python3\"]",
};

/// With what a server has before it is one; without systemd, which is no container's.
const MACHINE: Image = Image {
    name: "gokku-machine:12",
    packages: "openssh-server,sudo,git,ca-certificates,cron",
    label: "gokku.stand-in=machine",
    command: "[\"/usr/sbin/sshd\", \"-D\", \"-e\"]",
};

/// Makes sure that the image is there: the one the engine has, whatever it is, or else the stand-in, which takes some
/// minutes once. It stays, with a label that says what it is; `docker rmi python:3.11-slim` removes it.
///
/// # Panics
///
/// When it cannot be made; that takes root, or a `sudo` that asks for no password.
pub fn ensure_python() {
    ensure(&PYTHON);
}

/// Makes sure that there is a Debian 12 to run as a machine, and gives its image's name. It takes a minute or two once,
/// and stays; `docker rmi gokku-machine:12` removes it.
///
/// # Panics
///
/// As [`ensure_python`].
pub fn ensure_machine() -> &'static str {
    ensure(&MACHINE);
    MACHINE.name
}

fn ensure(image: &Image) {
    // One is made at a time: the others find it made.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    if docker(["image", "inspect", image.name]).code == Some(0) {
        return;
    }
    if Output::of(Command::new("sh").args(["-c", "command -v debootstrap"])).code != Some(0) {
        let mut apt = as_root("apt-get");
        Output::of(apt.args(["install", "-q", "-y", "--no-install-recommends", "debootstrap"])).ok();
    }
    let folder = tempfile::Builder::new()
        .prefix("gokku-image-")
        .tempdir()
        .unwrap_or_else(|error| panic!("a temporary folder could not be made: {error}"));
    let tree = folder.path().join("tree");
    let mut debootstrap = as_root("debootstrap");
    debootstrap
        .args(["--variant=minbase", "--include", image.packages, SUITE])
        .arg(&tree)
        .arg(mirror());
    Output::of(&mut debootstrap).ok();
    import(&tree, image);
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

fn import(tree: &std::path::Path, image: &Image) {
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
    let label = format!("LABEL {}", image.label);
    let mut import = Command::new("docker");
    import
        .args([
            "import",
            "--change",
            &label,
            "--change",
            &format!("CMD {}", image.command),
            "-",
            image.name,
        ])
        .stdin(archive);
    Output::of(&mut import).ok();
    let packed = tar.wait().unwrap_or_else(|error| panic!("tar: {error}"));
    assert!(packed.success(), "tar failed: {packed}");
}
