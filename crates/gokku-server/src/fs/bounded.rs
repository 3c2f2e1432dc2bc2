//! Reading what others write: a file that is one, and no more of it than its limit ([`gokku_core::text::read_limits`]).

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use gokku_core::text::read_limits::Limit;
use rustix::fs::OFlags;

/// Returns what is in a file; none where there is none. What is no file, a device or a pipe for example, is an error, and not
/// even opened.
pub fn file(path: &Path, limit: Limit) -> io::Result<Option<Vec<u8>>> {
    let read = || {
        let is_file = |about: &std::fs::Metadata| match about.is_file() {
            true => Ok(()),
            false if about.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            false => Err(io::Error::other("it is no file, and not read")),
        };
        is_file(&path.metadata()?)?;
        // What has come in its place meanwhile keeps nobody waiting.
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        is_file(&file.metadata()?)?;
        stream(file, limit)
    };
    match read() {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns what comes to its end within the limit.
pub fn stream(from: impl Read, limit: Limit) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    from.take(limit.enough()).read_to_end(&mut read)?;
    limit.check(read.len()).map_err(io::Error::other)?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use gokku_core::text::read_limits::SETTINGS;

    use super::*;

    #[test]
    fn what_has_no_end_or_is_no_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let limit = SETTINGS.or(1000);
        fs::write(at("fits"), [b'x'; 1000]).expect("written");
        fs::write(at("large"), [b'x'; 1001]).expect("written");
        std::os::unix::fs::symlink("/dev/zero", at("link")).expect("linked");
        let made = Command::new("mkfifo").arg(at("pipe")).status().expect("mkfifo");
        assert!(made.success());
        let read = |path: &Path| file(path, limit).map(|bytes| bytes.map(|bytes| bytes.len()));
        assert_eq!(read(&at("fits")).expect("read"), Some(1000));
        assert_eq!(read(&at("none")).expect("read"), None);
        for (path, why) in [
            (
                at("large"),
                "there are more than 1000 bytes, the most that is read of a settings file",
            ),
            (at("link"), "it is no file, and not read"),
            (at("pipe"), "it is no file, and not read"),
            (folder.path().to_owned(), "is a directory"),
            ("/dev/zero".into(), "it is no file, and not read"),
        ] {
            let error = read(&path).expect_err("refused").to_string();
            assert!(error.contains(why), "{}: {error}", path.display());
        }
        let error = stream(io::repeat(b'x'), limit).expect_err("refused").to_string();
        assert!(error.starts_with("there are more than 1000 bytes"), "{error}");
    }
}
