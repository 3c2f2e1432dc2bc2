//! The keys that others are let in with: lines of the `authorized_keys` of the user whom the server belongs to, because
//! that is whom they log in as. ssh-keygen says whether a key is one, and which.

use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gokku_core::access::authorized_keys::{AuthorizedKeys, AuthorizedKeysError, Binding, BoundKey};
use gokku_core::access::public_key::PublicKey;
use gokku_core::logs::audit::Change;
use gokku_core::{Access, AppName, KeyName};
use serde::Serialize;

use crate::error::{Error, Kind};
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
            kind: bound.key.kind().to_owned(),
            fingerprint,
        }
    }

    /// The apps it may reach.
    pub fn access(&self) -> Access {
        Access::of(self.apps.iter().flatten().cloned())
    }
}

impl From<AuthorizedKeysError> for Error {
    fn from(error: AuthorizedKeysError) -> Self {
        let kind = match &error {
            AuthorizedKeysError::Missing(_) => Kind::Missing,
            _ => Kind::Failed,
        };
        Self::Because {
            kind,
            source: Box::new(error),
        }
    }
}

/// Lets a key in, limited to these apps.
pub fn add(
    server: &Server,
    home: &Path,
    name: &KeyName,
    access: Access,
    key: PublicKey,
) -> Result<KeyFacts, Error> {
    let mine = fingerprint(&key)?;
    let bound = BoundKey {
        name: name.clone(),
        access,
        key,
    };
    let program = text(&server.program)?;
    let root = text(server.root.path())?;
    edit(server, home, |file| {
        file.add(Binding { program, root }, &bound)?;
        Ok(())
    })?;
    let facts = KeyFacts::of(&bound, mine);
    let change = Change::KeyAdded {
        name: name.clone(),
        apps: facts.apps.clone().unwrap_or_default(),
    };
    audit_log::note(&server.root, &server.by, None, change);
    Ok(facts)
}

/// The keys that are let in, in the order of their lines.
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
    path.to_str().ok_or_else(|| {
        Error::failed(format!(
            "{} is no text, so sshd cannot be told of it: move it to a path that is",
            path.display()
        ))
    })
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
        return Err(Error::failed(format!(
            "{} belongs to another user, as whom its keys log in: be that user, sudo -H -u '#{theirs}' gokku keys",
            root.display()
        )));
    }
    if owner(home)? != me {
        return Err(Error::failed(format!(
            "{}, the home folder that HOME names, belongs to another user: sudo -H sets it right",
            home.display()
        )));
    }
    Ok(())
}

/// A key's fingerprint; an error when it is no key, or too weak a one.
fn fingerprint(key: &PublicKey) -> Result<String, Error> {
    let refused = |why: &str| {
        Error::input(format!(
            "ssh-keygen does not take this for a key ({why}): copy the whole line of the file that ends in .pub"
        ))
    };
    let told = ssh_keygen(&key.to_string())?;
    let told = told.map_err(|why| refused(&why))?;
    // `256 SHA256:… comment (ED25519)`
    let mut words = told.split_ascii_whitespace();
    let bits: Option<u32> = words.next().and_then(|bits| bits.parse().ok());
    let (Some(bits), Some(print)) = (bits, words.next()) else {
        return Err(refused("it says nothing of it"));
    };
    if key.kind() == "ssh-rsa" && bits < RSA_BITS {
        return Err(Error::input(format!(
            "an RSA key of {bits} bits is too short: `ssh-keygen -t ed25519` makes a good one"
        )));
    }
    Ok(print.to_owned())
}

/// What ssh-keygen says of a key, or why it says nothing.
fn ssh_keygen(key: &str) -> Result<Result<String, String>, Error> {
    let missing = |error: std::io::Error| {
        Error::failed(format!(
            "ssh-keygen could not be run: {error}. Install it: apt-get install openssh-client"
        ))
    };
    let mut child = Command::new("ssh-keygen")
        .args(["-l", "-E", "sha256", "-f", "-"])
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(missing)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read to the end says why by its exit code.
        let _ = writeln!(stdin, "{key}");
    }
    let output = child.wait_with_output().map_err(missing)?;
    if output.status.success() {
        return Ok(Ok(String::from_utf8_lossy(&output.stdout).into_owned()));
    }
    let why = String::from_utf8_lossy(&output.stderr);
    Ok(Err(why.trim().replace('\n', "; ")))
}
