//! Base images, where no registry can be reached: stand-ins from Debian's own packages. `python:3.11-slim` for the Flask
//! example, and one tree with Go, Python and Caddy for builds without a Dockerfile.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Once;

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
    if is_there(IMAGE) {
        return;
    }
    bootstrap(PACKAGES, |tree| {
        import(tree, LABEL, &["CMD [\"python3\"]"], IMAGE);
    });
}

/// What generated Dockerfiles begin their stages with. They are one tree under four names: what a stage may not have in
/// it is seen in the Dockerfiles, that it builds and answers is seen here.
const LANGUAGES: [&str; 4] = [
    "golang:1.19-bookworm",
    "python:3.11-bookworm",
    "python:3.11-slim-bookworm",
    "caddy:2",
];
const LANGUAGE_PACKAGES: &str = "ca-certificates,caddy,golang-go,python3,python3-venv";
const LANGUAGES_LABEL: &str = "gokku.stand-in=languages";
/// Where Debian has the certificates that it trusts.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// Makes sure that the base images of Go, Python and static sites are there, as [`ensure_python`] does: it takes two
/// minutes once, and they stay.
///
/// # Panics
///
/// When they cannot be made.
pub fn ensure_languages() {
    // Stories run side by side, and each begins with this.
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let missing: Vec<&str> = LANGUAGES.into_iter().filter(|image| !is_there(image)).collect();
        let Some((first, rest)) = missing.split_first() else {
            return;
        };
        bootstrap(LANGUAGE_PACKAGES, |tree| {
            // What this machine trusts, which may be a proxy in front of everything.
            let ours = Path::new("/").join(CERTIFICATES);
            if ours.exists() {
                Output::of(as_root("cp").arg(ours).arg(tree.join(CERTIFICATES))).ok();
            }
            let pip = format!("ENV PIP_CERT=/{CERTIFICATES}");
            import(tree, LANGUAGES_LABEL, &[&pip], first);
        });
        for image in rest {
            docker(["tag", first, image]).ok();
        }
    });
}

fn is_there(image: &str) -> bool {
    docker(["image", "inspect", image]).code == Some(0)
}

/// Makes a Debian with these packages, and hands its tree on.
fn bootstrap(packages: &str, then: impl FnOnce(&Path)) {
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
        .args(["--variant=minbase", "--include", packages, SUITE])
        .arg(&tree)
        .arg(mirror());
    Output::of(&mut debootstrap).ok();
    then(&tree);
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

fn import(tree: &Path, label: &str, changes: &[&str], image: &str) {
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
    import.args(["import", "--change", &format!("LABEL {label}")]);
    for change in changes {
        import.args(["--change", change]);
    }
    import.args(["-", image]).stdin(archive);
    Output::of(&mut import).ok();
    let packed = tar.wait().unwrap_or_else(|error| panic!("tar: {error}"));
    assert!(packed.success(), "tar failed: {packed}");
}
