//! Files of lines that are appended, a JSON value each: transition logs and the record of changes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Whether a file's last line has no end: a process that was killed, or a disk that was full, may have left half of
/// one. What is written next must not stand on it.
pub(crate) fn ends_torn(file: &File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        file.read_exact_at(&mut last, length - 1)?;
    }
    Ok(last != *b"\n")
}
