//! Whether the machine was started anew since something was noted: then what was not on the disk by then is lost.

use std::path::Path;

use crate::fs::Error;
use crate::fs::atomic;

/// The kernel's name for the time since it was started, random(4); empty where there is none.
fn id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.unwrap_or_default().trim().to_owned()
}

/// Notes in a file that something is begun in this time.
pub(crate) fn note(path: &Path) -> Result<(), Error> {
    atomic::replace(path, id().as_bytes(), 0o600)
}

/// Whether a file was noted before the machine was started; false where there is none.
pub(crate) fn is_before(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|noted| noted != id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_before_is_told_from_what_is_noted_now() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("noted");
        assert!(!is_before(&path));
        note(&path).expect("noted");
        assert!(!is_before(&path));
        std::fs::write(&path, "another time").expect("written");
        assert!(is_before(&path));
    }
}
