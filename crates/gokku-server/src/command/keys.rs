//! The keys that others are let in with: lines of the `authorized_keys` of the user whom the server belongs to, because
//! that is whom they log in as. ssh-keygen says whether a key is one, and which.

use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gokku_core::access::authorized_keys::{AuthorizedKeys, Binding, BoundKey};
use gokku_core::access::domain_grants::DomainGrants;
use gokku_core::access::public_key::PublicKey;
use gokku_core::logs::audit::Change;
use gokku_core::{Access, AppName, KeyName};
use serde::Serialize;

use crate::command::Error;
use crate::fs::atomic;
use crate::record::audit_log;
use crate::server::Server;

/// The fewest bits that an RSA key may have.
const RSA_BITS: u32 = 2048;

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyFacts {
    /// Its name.
    pub name: KeyName,
    /// The apps it is limited to; none when it may reach all.
    pub apps: Option<Vec<AppName>>,
    /// The domains that it may give to them.
    pub domains: DomainGrants,
    /// Its type, `ssh-ed25519`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its fingerprint, `SHA256:…`.
    pub fingerprint: String,
}

impl KeyFacts {
    fn of(bound: &BoundKey, fingerprint: String) -> Self {
        Self {
            name: bound.name.clone(),
            apps: bound.access.apps().map(|apps| apps.iter().cloned().collect()),
            domains: bound.domains.clone(),
            kind: bound.key.kind().to_owned(),
            fingerprint,
        }
    }

    /// Returns the apps it may reach.
    pub fn access(&self) -> Access {
        Access::of(self.apps.iter().flatten().cloned())
    }
}

/// Lets a key in.
pub fn add(server: &Server, home: &Path, bound: &BoundKey) -> Result<KeyFacts, Error> {
    let mine = fingerprint(&bound.key)?;
    let program = text(&server.program)?;
    let root = text(server.root.path())?;
    edit(server, home, |file| {
        file.add(Binding { program, root }, bound)?;
        Ok(())
    })?;
    let facts = KeyFacts::of(bound, mine);
    let change = Change::KeyAdded {
        name: bound.name.clone(),
        apps: facts.apps.clone().unwrap_or_default(),
        domains: bound.domains.clone(),
    };
    audit_log::note(&server.root, &server.by, None, change);
    Ok(facts)
}

/// Returns the keys that are let in, in the order of their lines.
pub fn list(server: &Server, home: &Path) -> Result<Vec<KeyFacts>, Error> {
    check_owner(server, home)?;
    let bytes = atomic::read(&file(home))?.unwrap_or_default();
    let root = text(server.root.path())?;
    AuthorizedKeys::parse(&bytes)
        .bound(root)
        .map(|bound| Ok(KeyFacts::of(bound, fingerprint(&bound.key)?)))
        .collect()
}

/// Lets a key in no more.
pub fn remove(server: &Server, home: &Path, name: &KeyName) -> Result<(), Error> {
    let root = text(server.root.path())?;
    edit(server, home, |file| Ok(file.remove(root, name).map(drop)?))?;
    let change = Change::KeyRemoved { name: name.clone() };
    audit_log::note(&server.root, &server.by, None, change);
    Ok(())
}

fn file(home: &Path) -> PathBuf {
    home.join(".ssh/authorized_keys")
}

fn text(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::PathNotText(path.to_owned()))
}

/// Changes the file: read, changed and replaced by one process at a time. Nothing is written when `change` fails.
fn edit(
    server: &Server,
    home: &Path,
    change: impl FnOnce(&mut AuthorizedKeys) -> Result<(), Error>,
) -> Result<(), Error> {
    check_owner(server, home)?;
    let folder = home.join(".ssh");
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|error| Error::file(&folder, error))?;
    let lock = File::open(&folder).map_err(|error| Error::file(&folder, error))?;
    lock.lock().map_err(|error| Error::file(&folder, error))?;
    atomic::sweep(&folder);
    // Where it is a link, what it leads to is replaced.
    let path = file(home);
    let path = path.canonicalize().unwrap_or(path);
    let before = atomic::read(&path)?.unwrap_or_default();
    let mut keys = AuthorizedKeys::parse(&before);
    change(&mut keys)?;
    Ok(atomic::replace(&path, &keys.to_bytes(), 0o600)?)
}

/// Who logs in with a key acts as the user whose file it stands in, so only the server's owner has keys for it.
fn check_owner(server: &Server, home: &Path) -> Result<(), Error> {
    let owner = |path: &Path| -> Result<u32, Error> {
        let about = fs::metadata(path).map_err(|error| Error::file(path, error))?;
        Ok(about.uid())
    };
    let me = rustix::process::geteuid().as_raw();
    let root = server.root.path();
    let theirs = owner(root)?;
    if theirs != me {
        return Err(Error::ServerOfOther {
            root: root.to_owned(),
            owner: theirs,
        });
    }
    if owner(home)? != me {
        return Err(Error::HomeOfOther(home.to_owned()));
    }
    Ok(())
}

/// A key's fingerprint; an error when it is no key, or too weak a one.
fn fingerprint(key: &PublicKey) -> Result<String, Error> {
    let told = ssh_keygen(&key.to_string())?;
    // `256 SHA256:… comment (ED25519)`
    let mut words = told.split_ascii_whitespace();
    let bits: Option<u32> = words.next().and_then(|bits| bits.parse().ok());
    let (Some(bits), Some(print)) = (bits, words.next()) else {
        let why = "it says nothing of it".to_owned();
        return Err(Error::NotAKey { why });
    };
    if key.kind() == "ssh-rsa" && bits < RSA_BITS {
        return Err(Error::WeakKey { bits });
    }
    Ok(print.to_owned())
}

/// What ssh-keygen says of a key.
fn ssh_keygen(key: &str) -> Result<String, Error> {
    let mut child = Command::new("ssh-keygen")
        .args(["-l", "-E", "sha256", "-f", "-"])
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::NoKeygen)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read to the end says why by its exit code.
        let _ = writeln!(stdin, "{key}");
    }
    let output = child.wait_with_output().map_err(Error::NoKeygen)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(Error::NotAKey { why })
}
