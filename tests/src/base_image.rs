//! Images that are made of Debian's own packages, where no registry can be reached: stand-ins for what Dockerfiles begin
//! with, those of the Flask example and those that gokku writes, and a machine that can become a server.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::{Output, docker};

/// The Debian release they are of: the one whose Python is 3.11.
const SUITE: &str = "bookworm";

/// A tree of packages, and the images that are made of it.
struct Image {
    /// The same tree, under each of these names.
    names: &'static [&'static str],
    packages: &'static str,
    /// Says that it is ours and not the real one.
    label: &'static str,
    /// Further instructions, as of a Dockerfile.
    changes: &'static [&'static str],
}

/// With what the example needs, so that it builds without a network.
const PYTHON: Image = Image {
    names: &["python:3.11-slim"],
    packages: "python3,python3-flask,gunicorn",
    label: "gokku.stand-in=python",
    changes: &["CMD [\"python3\"]"],
};

/// With what a server has before it is one; without systemd, which is no container's.
const MACHINE: Image = Image {
    names: &["gokku-machine:12"],
    packages: "openssh-server,sudo,git,ca-certificates,cron",
    label: "gokku.stand-in=machine",
    changes: &["CMD [\"/usr/sbin/sshd\", \"-D\", \"-e\"]"],
};

/// What generated Dockerfiles begin their stages with. What a stage may not have in it is seen in the Dockerfiles; that
/// it builds and answers is seen here.
const LANGUAGES: Image = Image {
    names: &[
        "golang:1.19-bookworm",
        "python:3.11-bookworm",
        "python:3.11-slim-bookworm",
        "caddy:2",
    ],
    packages: "ca-certificates,caddy,golang-go,python3,python3-venv",
    label: "gokku.stand-in=languages",
    changes: &["ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt"],
};

/// Where Debian has the certificates that it trusts.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

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
#[must_use]
pub fn ensure_machine() -> &'static str {
    ensure(&MACHINE);
    MACHINE.names[0]
}

/// Makes sure that the base images of Go, Python and static sites are there, as [`ensure_python`] does: it takes two
/// minutes once, and they stay.
///
/// # Panics
///
/// As [`ensure_python`].
pub fn ensure_languages() {
    ensure(&LANGUAGES);
}

fn ensure(image: &Image) {
    // One is made at a time: the others find it made.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    let is_there = |name: &&str| docker(["image", "inspect", name]).code == Some(0);
    let missing: Vec<&str> = image
        .names
        .iter()
        .copied()
        .filter(|name| !is_there(name))
        .collect();
    let Some((first, rest)) = missing.split_first() else {
        return;
    };
    make(image, first);
    for name in rest {
        docker(["tag", first, name]).ok();
    }
}

/// Makes a Debian with the image's packages, and the image of it.
fn make(image: &Image, name: &str) {
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
    trust_as_here(&tree);
    import(&tree, image, name);
    // Its files are root's, whoever runs the tests.
    Output::of(as_root("rm").arg("-rf").arg(&tree)).ok();
}

/// Has the tree trust what this machine trusts, which may be a proxy in front of everything.
fn trust_as_here(tree: &Path) {
    let (ours, theirs) = (Path::new("/").join(CERTIFICATES), tree.join(CERTIFICATES));
    if ours.exists() && theirs.exists() {
        Output::of(as_root("cp").arg(ours).arg(theirs)).ok();
    }
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

fn import(tree: &Path, image: &Image, name: &str) {
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
    let mut import = Command::new("docker");
    import.args(["import", "--change", &format!("LABEL {}", image.label)]);
    for change in image.changes {
        import.args(["--change", change]);
    }
    import.args(["-", name]).stdin(archive);
    Output::of(&mut import).ok();
    let packed = tar.wait().unwrap_or_else(|error| panic!("tar: {error}"));
    assert!(packed.success(), "tar failed: {packed}");
}
