//! Chance, as the kernel has it, see random(4).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Where it comes from.
pub(crate) const SOURCE: &str = "/dev/urandom";

/// Returns so many bytes that nobody can guess.
pub(crate) fn bytes<const COUNT: usize>() -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    File::open(Path::new(SOURCE))?.read_exact(&mut bytes)?;
    Ok(bytes)
}
