//! The keys that sshd lets in, `authorized_keys` (sshd(8)): lines of ours are read, added and removed, everybody else's
//! stay as they are, byte for byte.
//!
//! A line of ours binds its key to gokku: sshd runs the command that stands in it whatever is asked for, and forwards
//! nothing. The line is all that is kept of a key; its name and its apps are read back from the command.

use std::fmt::Write;

use crate::access::domain_grants::{DomainGrant, DomainGrants};
use crate::access::key_name::KeyName;
use crate::access::public_key::PublicKey;
use crate::access::scope::Access;
use crate::app::name::AppName;

/// What every line of ours begins with: sshd gives this key no shell of its own, no forwarding and no rc file, but a
/// terminal for programs inside apps.
const OPTIONS: &str = "restrict,pty,command=\"";

/// A key that is bound to gokku.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundKey {
    /// Its name.
    pub name: KeyName,
    /// The apps it may reach.
    pub access: Access,
    /// The domains it may give to them.
    pub domains: DomainGrants,
    /// The key.
    pub key: PublicKey,
}

/// What a key is bound to: this program, for the server in this folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The gokku program.
    pub program: &'a str,
    /// The server's folder.
    pub root: &'a str,
}

/// Why the file was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizedKeysError {
    /// There is a key of that name.
    #[error("there is a key {0} already; `gokku keys list` shows it, `gokku keys remove {0}` removes it")]
    NameTaken(KeyName),
    /// The key is there under another name.
    #[error("this key is there already, as {0}: `gokku keys remove {0}` removes it")]
    KeyTaken(KeyName),
    /// The key is there in a line that is not ours: sshd would go by that one.
    #[error(
        "this key is let in already by line {0} of the file, which is not gokku's: remove that line first, or sshd goes by it"
    )]
    KeyFree(usize),
    /// There is no key of that name.
    #[error("there is no key {0}; `gokku keys list` shows them")]
    Missing(KeyName),
    /// A path that no line can have in it.
    #[error("{0:?} cannot stand in a line of authorized_keys: move it to a path without control characters")]
    Path(String),
}

/// The file, a line after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizedKeys {
    /// Each with its line end.
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    bytes: Vec<u8>,
    /// None when it is somebody else's.
    ours: Option<Ours>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ours {
    root: String,
    bound: BoundKey,
}

impl AuthorizedKeys {
    /// Reads a file; any bytes are one.
    pub fn parse(bytes: &[u8]) -> Self {
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| Line {
            bytes: line.to_owned(),
            ours: std::str::from_utf8(line).ok().and_then(read),
        });
        Self {
            lines: lines.collect(),
        }
    }

    /// Returns the file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| &line.bytes).copied().collect()
    }

    /// Returns the keys that are bound to the server in this folder, in the file's order.
    pub fn bound<'a>(&'a self, root: &'a str) -> impl Iterator<Item = &'a BoundKey> {
        let ours = self.lines.iter().filter_map(|line| line.ours.as_ref());
        ours.filter(move |ours| ours.root == root).map(|ours| &ours.bound)
    }

    /// Adds a key at the end. One that is let in already, by whatever line, is refused: sshd goes by the first.
    pub fn add(&mut self, binding: Binding<'_>, bound: &BoundKey) -> Result<(), AuthorizedKeysError> {
        use AuthorizedKeysError as Why;
        if self.bound(binding.root).any(|there| there.name == bound.name) {
            return Err(Why::NameTaken(bound.name.clone()));
        }
        for (index, line) in self.lines.iter().enumerate() {
            match &line.ours {
                Some(ours) if ours.bound.key == bound.key && ours.root == binding.root => {
                    return Err(Why::KeyTaken(ours.bound.name.clone()));
                }
                _ if has_key(&line.bytes, &bound.key) => return Err(Why::KeyFree(index + 1)),
                _ => {}
            }
        }
        let text = write(binding, bound)?;
        if let Some(last) = self.lines.last_mut().filter(|last| !last.bytes.ends_with(b"\n")) {
            last.bytes.push(b'\n');
        }
        self.lines.push(Line {
            bytes: text.into_bytes(),
            ours: Some(Ours {
                root: binding.root.to_owned(),
                bound: bound.clone(),
            }),
        });
        Ok(())
    }

    /// Removes the key of a name that is bound to the server in this folder, and gives it.
    pub fn remove(&mut self, root: &str, name: &KeyName) -> Result<BoundKey, AuthorizedKeysError> {
        let is_meant = |line: &Line| {
            let ours = line.ours.as_ref();
            ours.is_some_and(|ours| ours.root == root && ours.bound.name == *name)
        };
        let found = self.lines.iter().find(|line| is_meant(line));
        let found = found.and_then(|line| line.ours.clone());
        let found = found.ok_or_else(|| AuthorizedKeysError::Missing(name.clone()))?;
        // All of that name: one that a person has copied must not stay.
        self.lines.retain(|line| !is_meant(line));
        Ok(found.bound)
    }
}

/// Whether a line lets a key in, with whatever options.
fn has_key(line: &[u8], key: &PublicKey) -> bool {
    let line = line.trim_ascii();
    !line.starts_with(b"#")
        && line
            .split(u8::is_ascii_whitespace)
            .any(|word| word == key.blob().as_bytes())
}

/// A line of ours.
fn write(binding: Binding<'_>, bound: &BoundKey) -> Result<String, AuthorizedKeysError> {
    let name = bound.name.as_str();
    let mut words = vec![binding.program, "--root", binding.root, "entry", "--key", name];
    for app in bound.access.apps().into_iter().flatten() {
        words.extend(["--app", app.as_str()]);
    }
    let domains: Vec<String> = bound.domains.iter().cloned().map(String::from).collect();
    for domain in &domains {
        words.extend(["--domain", domain]);
    }
    let mut command = String::new();
    for word in words {
        let refused = || AuthorizedKeysError::Path(word.to_owned());
        if word.contains(char::is_control) {
            return Err(refused());
        }
        let quoted = shlex::try_quote(word).map_err(|_| refused())?;
        if !command.is_empty() {
            command.push(' ');
        }
        command.push_str(&quoted);
    }
    // sshd takes \" for a quote and nothing else for what it is not.
    let command = command.replace('"', "\\\"");
    let mut line = String::from(OPTIONS);
    // Writing to a String cannot fail.
    let _ = writeln!(line, "{command}\" {} {name}", bound.key);
    Ok(line)
}

/// Reads a line of ours; none when it is somebody else's. A line counts as ours only if it is what we would write, so that
/// nothing in it can mean more to sshd than to us.
fn read(line: &str) -> Option<Ours> {
    let rest = line.strip_prefix(OPTIONS)?;
    let (command, rest) = unquoted(rest)?;
    let words = shlex::split(&command)?;
    let (binding, rest_of_command) = match &words[..] {
        [program, dash_root, root, entry, dash_key, rest @ ..]
            if dash_root == "--root" && entry == "entry" && dash_key == "--key" =>
        {
            (Binding { program, root }, rest)
        }
        _ => return None,
    };
    let [name, options @ ..] = rest_of_command else {
        return None;
    };
    let (mut apps, mut domains) = (Vec::<AppName>::new(), Vec::<DomainGrant>::new());
    for pair in options.chunks(2) {
        match pair {
            [option, app] if option == "--app" => apps.push(app.parse().ok()?),
            [option, domain] if option == "--domain" => domains.push(domain.parse().ok()?),
            _ => return None,
        }
    }
    let mut words = rest.split_ascii_whitespace();
    let key = PublicKey::of_words(words.next()?, words.next()?).ok()?;
    let bound = BoundKey {
        name: name.parse().ok()?,
        access: Access::of(apps),
        domains: domains.into_iter().collect(),
        key,
    };
    let written = write(binding, &bound).ok()?;
    (written.trim_end() == line.trim_end()).then(|| Ours {
        root: binding.root.to_owned(),
        bound,
    })
}

/// What stands up to the closing quote, and what follows it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut command = String::new();
    let mut rest = text;
    loop {
        let at = rest.find('"')?;
        let Some(before) = rest[..at].strip_suffix('\\') else {
            command.push_str(&rest[..at]);
            return Some((command, &rest[at + 1..]));
        };
        command.push_str(before);
        command.push('"');
        rest = &rest[at + 1..];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ADA: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPbBZV2VO5M+Cf4rFy0jLNcFkKfUuf7X1hQR8Y0lB6wV";
    const BOB: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGhXF4Jb4Iw7pVYq3o3qg5cMVDrS1VvAWpyP4wP2cN0L";
    const HERE: Binding<'_> = Binding {
        program: "/usr/local/bin/gokku",
        root: "/opt/gokku",
    };

    fn bound(name: &str, apps: &[&str], key: &str) -> BoundKey {
        BoundKey {
            name: name.parse().expect("a name"),
            access: Access::of(apps.iter().map(|app| app.parse().expect("a name"))),
            domains: DomainGrants::default(),
            key: key.parse().expect("a key"),
        }
    }

    fn text(file: &AuthorizedKeys) -> String {
        String::from_utf8(file.to_bytes()).expect("text")
    }

    #[test]
    fn a_key_is_bound_by_its_line() {
        let mut file = AuthorizedKeys::parse(b"");
        file.add(HERE, &bound("ada", &["shop", "api"], ADA))
            .expect("added");
        let bob = BoundKey {
            domains: ["*.example.com", "bücher.example", "*"]
                .map(|domain| domain.parse().expect("a domain"))
                .into_iter()
                .collect(),
            ..bound("bob", &[], BOB)
        };
        file.add(HERE, &bob).expect("added");
        insta::assert_snapshot!(text(&file), @r#"
        restrict,pty,command="/usr/local/bin/gokku --root /opt/gokku entry --key ada --app api --app shop" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPbBZV2VO5M+Cf4rFy0jLNcFkKfUuf7X1hQR8Y0lB6wV ada
        restrict,pty,command="/usr/local/bin/gokku --root /opt/gokku entry --key bob --domain '*' --domain '*.example.com' --domain xn--bcher-kva.example" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGhXF4Jb4Iw7pVYq3o3qg5cMVDrS1VvAWpyP4wP2cN0L bob
        "#);
        let again = AuthorizedKeys::parse(&file.to_bytes());
        assert_eq!(again, file);
        assert_eq!(again.bound("/opt/gokku").count(), 2);
        assert_eq!(again.bound("/srv/gokku").count(), 0);
    }

    #[test]
    fn a_key_that_is_let_in_already_is_refused() {
        use AuthorizedKeysError as Why;
        let mut file = AuthorizedKeys::parse(format!("# {BOB}\nno-pty {BOB} x\n").as_bytes());
        file.add(HERE, &bound("ada", &[], ADA)).expect("added");
        let before = file.clone();
        let mut add = |name: &str, key: &str, binding| file.add(binding, &bound(name, &[], key));
        let name = |name: &str| name.parse().expect("a name");
        assert_eq!(add("ada", BOB, HERE), Err(Why::NameTaken(name("ada"))));
        assert_eq!(add("eve", ADA, HERE), Err(Why::KeyTaken(name("ada"))));
        assert_eq!(add("bob", BOB, HERE), Err(Why::KeyFree(2)));
        let there = Binding {
            root: "/srv/gokku",
            ..HERE
        };
        assert_eq!(add("ada", ADA, there), Err(Why::KeyFree(3)));
        assert_eq!(file, before);
        let missing = file.remove("/srv/gokku", &name("ada"));
        assert_eq!(missing, Err(Why::Missing(name("ada"))));
        let bent = Binding {
            root: "/opt/go\nkku",
            ..HERE
        };
        assert_eq!(
            file.add(bent, &bound("x", &[], &BOB.replace("AAAAC3", "AAAAC4"))),
            Err(Why::Path("/opt/go\nkku".to_owned()))
        );
    }

    #[test]
    fn a_line_that_was_changed_by_hand_is_not_ours() {
        let mut file = AuthorizedKeys::parse(b"");
        file.add(HERE, &bound("ada", &["api"], ADA)).expect("added");
        let line = text(&file);
        for (from, to) in [
            ("restrict,pty,", ""),
            ("restrict,pty,", "restrict,pty,port-forwarding,"),
            ("--app api\"", "--app api\",port-forwarding"),
            ("--app api", "--app"),
            ("--app api", "--app ../x"),
            ("--app api", "--app api --domain"),
            ("--app api", "--app api --domain *"),
            ("--app api", "--domain a.example --app api"),
            ("--app api", "--app api --domain 1"),
            ("--app api", "--app api; sh"),
            ("--app api", "--app api --docker-host x"),
            ("entry", "worker"),
            ("--key ada", "--key gokku"),
            ("ssh-ed25519 ", "ssh-dss "),
        ] {
            let changed = line.replacen(from, to, 1);
            assert_ne!(changed, line);
            let read = AuthorizedKeys::parse(changed.as_bytes());
            assert_eq!(read.bound("/opt/gokku").count(), 0, "{changed}");
            assert_eq!(read.to_bytes(), changed.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn others_lines_survive_to_the_byte(
            before in proptest::collection::vec(any::<u8>(), 0..200),
            root in "/[ -~]{0,30}[^\\p{Cc}]{0,5}",
            program in "/[ -~]{0,30}",
        ) {
            let binding = Binding { program: &program, root: &root };
            let mut file = AuthorizedKeys::parse(&before);
            prop_assert_eq!(file.to_bytes(), before.clone());
            let ada = bound("ada", &["api", "shop"], ADA);
            file.add(binding, &ada).expect("added");
            let after = file.to_bytes();
            prop_assert!(after.starts_with(&before));
            let mut again = AuthorizedKeys::parse(&after);
            prop_assert_eq!(again.bound(&root).collect::<Vec<_>>(), vec![&ada]);
            prop_assert_eq!(again.remove(&root, &ada.name), Ok(ada));
            let rest = again.to_bytes();
            let ended = [before.as_slice(), b"\n"].concat();
            prop_assert!(rest == before || rest == ended, "{:?}", rest);
        }
    }
}
