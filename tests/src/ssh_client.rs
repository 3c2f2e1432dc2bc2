//! What an ssh client of a story's own takes: keys, a configuration, and a program that reads no other.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::Output;

/// Makes a key at this path, and its public half, which carries this name, beside it.
pub(crate) fn make_key(path: &Path, name: &str) {
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]);
    Output::of(keygen.arg(path)).ok();
}

/// What is said of a host, beside where it is: this key, these known hosts, no question. By the cheapest key exchange,
/// which is what most of a short session's time goes into.
pub(crate) fn config(key: &Path, known_hosts: &Path) -> String {
    format!(
        "  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n  StrictHostKeyChecking yes\n  \
         BatchMode yes\n  KexAlgorithms curve25519-sha256\n",
        key.display(),
        known_hosts.display(),
    )
}

/// Puts an `ssh` with this configuration into a folder of programs. ssh finds its user's configuration by the user's
/// entry in the system, not by `HOME`, so it is named to it. `options` are more words in front of what it is given.
pub(crate) fn install(programs: &Path, config: &Path, options: &str) {
    let client = programs.join("ssh");
    write(
        &client,
        &format!(
            "#!/bin/sh\nexec /usr/bin/ssh -F '{}' {options} \"$@\"\n",
            config.display()
        ),
    );
    fs::set_permissions(&client, fs::Permissions::from_mode(0o755))
        .unwrap_or_else(|error| panic!("{}: {error}", client.display()));
}

pub(crate) fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
