//! What the tests need of a Debian machine, installed where it is missing.

use std::path::Path;
use std::process::Command;

/// A registry: the program, its package, and the service that this starts by itself.
const REGISTRY: &str = "docker-registry";

/// A program that proves a package is there, and the package.
const NEEDED: [(&str, &str); 14] = [
    ("git", "git"),
    ("sshd", "openssh-server"),
    ("ssh", "openssh-client"),
    ("dockerd", "docker.io"),
    ("docker", "docker.io"),
    ("ip", "iproute2"),
    ("kill", "procps"),
    ("cc", "gcc"),
    ("debootstrap", "debootstrap"),
    ("strace", "strace"),
    ("systemctl", "systemd"),
    (REGISTRY, REGISTRY),
    ("htpasswd", "apache2-utils"),
    ("faketime", "faketime"),
];

/// Where programs are, also those that only root has in its path.
const FOLDERS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// Whether a program is installed.
pub(crate) fn is_there(program: &str) -> bool {
    FOLDERS
        .iter()
        .any(|folder| Path::new(folder).join(program).exists())
}

/// A command that runs as root: through `sudo` where the user is not root.
pub(crate) fn as_root(program: &str) -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg("--non-interactive").arg(program);
    command
}

/// Installs what is missing, by apt.
pub(crate) fn install_missing() -> Result<(), String> {
    let mut missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(program, _)| !is_there(program))
        .map(|(_, package)| *package)
        .collect();
    missing.dedup();
    // The static libc, for the apps the tests build.
    if !Path::new("/usr/include/stdio.h").exists() {
        missing.push("libc6-dev");
    }
    if missing.is_empty() {
        return Ok(());
    }
    println!("==> installing {}", missing.join(" "));
    apt(&["update", "-q"])?;
    let mut install = vec!["install", "-q", "-y", "--no-install-recommends"];
    let with_registry = missing.contains(&REGISTRY);
    install.extend(missing);
    apt(&install)?;
    if with_registry && Path::new("/run/systemd/system").exists() {
        // Tests start their own; this one would only have the port 5000.
        run("systemctl", &["disable", "--now", REGISTRY])?;
    }
    Ok(())
}

/// Installs what is missing of these: a program that proves a package is there, and the package.
pub(crate) fn install(needed: &[(&str, &str)]) -> Result<(), String> {
    let missing = needed.iter().filter(|(program, _)| !is_there(program));
    let missing: Vec<&str> = missing.map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("==> installing {}", missing.join(" "));
    apt(&["update", "-q"])?;
    apt(&[
        ["install", "-q", "-y", "--no-install-recommends"].as_slice(),
        &missing,
    ]
    .concat())
}

fn apt(args: &[&str]) -> Result<(), String> {
    run("apt-get", args)
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let status = as_root(program)
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .map_err(|error| {
            format!(
                "{program} could not be run: {error}; do by hand: {program} {}",
                args.join(" ")
            )
        })?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{program} {} failed: {status}", args.join(" ")))
    }
}
