//! What is remembered of orders, in a file. `gokku domains list` shows of it what keeps a name from its certificate.

use std::path::Path;

use gokku_core::certificates::memory::Memory;
use serde::{Deserialize, Serialize};

use crate::fs::{Error, atomic, toml_file};

/// The newest version of the file's format.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    memory: Memory,
}

/// Returns what is remembered; nothing where there is no file.
pub fn load(path: &Path) -> Result<Memory, Error> {
    let Some(bytes) = atomic::read(path)? else {
        return Ok(Memory::default());
    };
    let stored: Stored = toml_file::parse_versioned(path, &bytes, VERSION)?;
    Ok(stored.memory)
}

/// Keeps it.
pub fn save(path: &Path, memory: &Memory) -> Result<(), Error> {
    let stored = Stored {
        version: VERSION,
        memory: memory.clone(),
    };
    toml_file::write(path, &stored)
}
