//! What the names of an app's build caches begin with: the server, the app, and a word that nobody else can know, so that
//! no other build reads them or puts anything into them.
//!
//! The word is the app's for as long as it is there. Without its file there is another one, and its caches are new.

use std::path::Path;

use gokku_core::text::hex;

use crate::fs::Error;
use crate::fs::app_dir::AppDir;
use crate::fs::atomic;
use crate::os::random;

/// How long the word is, in bytes.
const LENGTH: usize = 16;

/// The beginning of the names, which is made once.
pub(crate) fn of_app(dir: &AppDir) -> Result<String, Error> {
    let (root, app) = (dir.root(), dir.app());
    let path = dir.caches();
    let kept = atomic::read(&path)?.and_then(|bytes| String::from_utf8(bytes).ok());
    let kept = kept.map(|word| word.trim().to_owned());
    let is_good =
        |word: &String| word.len() == 2 * LENGTH && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let word = if let Some(word) = kept.filter(is_good) {
        word
    } else {
        let word = random()?;
        atomic::replace(&path, format!("{word}\n").as_bytes(), 0o600)?;
        word
    };
    Ok(format!("gokku{}/{app}/{word}", root.label()))
}

fn random() -> Result<String, Error> {
    let read = random::bytes::<LENGTH>();
    let bytes = read.map_err(|error| Error::file(Path::new(random::SOURCE), error))?;
    Ok(hex::encode(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::root::Root;

    #[test]
    fn an_apps_caches_are_its_own_and_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        let app = |name: &str| -> AppDir {
            let dir = root.app_dir(&name.parse().expect("a name"));
            std::fs::create_dir_all(dir.path()).expect("its folder");
            dir
        };
        let (api, shop) = (app("api"), app("shop"));
        let first = of_app(&api).expect("a name");
        assert_eq!(of_app(&api).expect("a name"), first);
        assert_ne!(of_app(&shop).expect("a name"), first);
        // One that was destroyed and made again has new ones, and so has one whose file is damaged.
        std::fs::write(api.caches(), "x").expect("written");
        let second = of_app(&api).expect("a name");
        assert_ne!(second, first);
        assert!(
            second.starts_with(&format!("gokku{}/api/", root.label())),
            "{second}"
        );
    }
}
