//! The account at the authority, in a file that nobody else can read: the account's key stands in it.

use std::io;
use std::path::PathBuf;

use gokku_acme::AccountStore;

use crate::fs::atomic;

/// The file.
#[derive(Clone, Debug)]
pub struct AccountFile(pub PathBuf);

impl AccountStore for AccountFile {
    fn load(&self) -> io::Result<Option<Vec<u8>>> {
        atomic::read(&self.0).map_err(io::Error::other)
    }

    fn save(&self, account: &[u8]) -> io::Result<()> {
        atomic::replace(&self.0, account, 0o600).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn nobody_else_can_read_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = AccountFile(folder.path().join("account.json"));
        assert_eq!(file.load().expect("nothing"), None);
        for content in [b"one".as_slice(), b"two"] {
            file.save(content).expect("kept");
            assert_eq!(file.load().expect("read").as_deref(), Some(content));
            let mode = file.0.metadata().expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
