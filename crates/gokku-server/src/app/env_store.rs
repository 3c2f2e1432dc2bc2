//! Apps' env files on disk.

use gokku_core::config::env_file::{EnvFile, can_be_given};
use gokku_core::text::fingerprint::Fingerprint;

use crate::app::Error;
use crate::fs::app_dir::AppDir;
use crate::fs::{atomic, lock_file};

/// Returns an app's env; empty when it has none.
pub fn read(dir: &AppDir) -> Result<EnvFile, Error> {
    let path = dir.env();
    let bytes = atomic::read(&path)?.unwrap_or_default();
    EnvFile::parse(&bytes).map_err(|source| Error::Env { path, source })
}

/// Refuses an env in which there is a variable that no process can be started with. One that was set by gokku has none.
pub fn check(dir: &AppDir, env: &EnvFile) -> Result<(), Error> {
    let wrong = env.iter().find_map(|(key, value)| can_be_given(key, value).err());
    wrong.map_or(Ok(()), |source| {
        Err(Error::EnvPair {
            path: dir.env(),
            source,
        })
    })
}

/// Changes an app's env: read, changed and replaced by one process at a time. Nothing is written when `change`
/// fails.
pub fn edit<T, E: From<Error>>(
    dir: &AppDir,
    change: impl FnOnce(&mut EnvFile) -> Result<T, E>,
) -> Result<T, E> {
    let path = dir.env();
    let _lock = lock_file::hold(&path.with_file_name(".env.lock")).map_err(Error::from)?;
    let mut env = read(dir)?;
    let before = env.to_string();
    let result = change(&mut env)?;
    let after = env.to_string();
    if after != before || !path.exists() {
        atomic::replace(&path, after.as_bytes(), 0o600).map_err(Error::from)?;
    }
    Ok(result)
}

/// Tells whether two envs are the same, without telling what is in them. It stays in files that only the owner reads.
pub fn hash(env: &EnvFile) -> String {
    let mut hash = Fingerprint::default();
    let mut pairs: Vec<_> = env.iter().collect();
    pairs.sort_by_key(|(key, _)| *key);
    for (key, value) in pairs {
        hash.add(key.as_str());
        hash.add(value.expose());
    }
    hash.to_string()
}
