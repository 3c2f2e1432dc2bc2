//! A file of a release's code, for this process to read: never one outside of it, wherever a link in it leads, and never a
//! word of whether there is anything.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use gokku_core::build::links::{Entry, Led, follow};
use gokku_core::text::read_limits::Limit;

use crate::fs::Error;
use crate::fs::bounded;

/// Where a name in a tree leads.
pub(crate) fn led(tree: &Path, name: &str) -> Result<Led, Error> {
    follow(name, |at| {
        let path = tree.join(at);
        let wrong = |error: std::io::Error| Error::file(&path, error);
        let about = match path.symlink_metadata() {
            Ok(about) => about,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Entry::Nothing);
            }
            Err(error) => return Err(wrong(error)),
        };
        Ok(if about.is_symlink() {
            let to = fs::read_link(&path).map_err(wrong)?;
            Entry::Link(to.to_string_lossy().into_owned())
        } else if about.is_dir() {
            Entry::Folder
        } else if about.is_file() {
            Entry::File
        } else {
            Entry::Else
        })
    })
}

/// Whether there is a file or a link of this name: one that leads nowhere good is there, too, and is told when it is read.
pub(crate) fn is_there(tree: &Path, name: &str) -> bool {
    match led(tree, name) {
        Ok(Led::Nothing) => false,
        Ok(Led::To(_, Entry::Folder)) => tree.join(name).is_symlink(),
        _ => true,
    }
}

/// What is in a file; none when there is none. Links are followed within the tree; one to nothing is meant to be something.
pub(crate) fn read(tree: &Path, name: &str, limit: Limit) -> Result<Option<Vec<u8>>, Error> {
    let real = match led(tree, name)? {
        Led::Nothing => return Ok(None),
        Led::Out => return Err(Error::Link(gokku_git::Error::LeadsOut(name.to_owned()))),
        Led::Nowhere => return Err(Error::Link(gokku_git::Error::LeadsNowhere(name.to_owned()))),
        Led::To(real, _) => real,
    };
    bounded::file(&tree.join(real), limit).map_err(|source| Error::Code {
        name: name.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use gokku_core::text::read_limits::CODE;

    use super::*;

    /// A file that is a link tells nothing of the server: what is there and what is not are the same, to the byte.
    #[test]
    fn a_link_out_of_the_code_tells_nothing_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let (tree, outside) = (folder.path().join("tree"), folder.path().join("outside"));
        fs::create_dir_all(tree.join("app")).expect("made");
        fs::create_dir_all(outside.join("folder")).expect("made");
        fs::write(tree.join("real"), "here").expect("written");
        fs::write(outside.join("file"), "a secret").expect("written");
        let there = outside.to_str().expect("text");
        let back = tree.to_str().expect("text");
        let mut answers = Vec::new();
        for (number, target) in [
            format!("{there}/file"),
            format!("{there}/none"),
            format!("{there}/folder"),
            format!("{there}/folder/none"),
            format!("{there}/file/none"),
            // Out and in again: only where the way is there does it lead anywhere.
            format!("{there}/folder/../../tree/real"),
            format!("{there}/none/../../tree/real"),
            format!("{back}/real"),
            "../outside/file".to_owned(),
            "../outside/none".to_owned(),
            "/etc/shadow".to_owned(),
            "/etc/no-such-file".to_owned(),
            "/proc/self/environ".to_owned(),
            "/dev/zero".to_owned(),
        ]
        .into_iter()
        .enumerate()
        {
            let name = format!("link-{number}");
            symlink(&target, tree.join(&name)).expect("linked");
            let above = if target.starts_with('/') { "" } else { "../" };
            symlink(format!("{above}{target}"), tree.join(format!("app/{name}"))).expect("linked");
            for way in [name.clone(), format!("app/{name}"), format!("{name}/Dockerfile")] {
                let said = read(&tree, &way, CODE).expect_err("refused").to_string();
                answers.push((is_there(&tree, &way), said.replace(&way, "NAME")));
            }
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
        assert!(
            answers[0].0 && answers[0].1.contains("leads out of the repository"),
            "{answers:?}"
        );
        symlink("../real", tree.join("app/near")).expect("linked");
        let near = read(&tree, "app/near", CODE).expect("read");
        assert_eq!(near.as_deref(), Some(b"here".as_slice()));
    }
}
