//! A volume of an app: what stays when its containers go. `volumes` in `gokku.yml`.

use std::str::FromStr;

/// Something that is mounted into an app's containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// What is mounted.
    pub source: Source,
    /// Where in the container: an absolute path, without `.`, `..` and empty parts.
    pub target: String,
    /// Whether it cannot be written to.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A volume of the app's own, by its name.
    Named(String),
    /// A folder of the server, by its absolute path.
    Folder(String),
}

/// Why a text is not a volume.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VolumeError {
    /// It has not two or three parts.
    #[error(
        "{0:?} cannot be: it is NAME:/path or /folder:/path, and :ro behind it when it cannot be written to"
    )]
    Parts(String),
    /// What is mounted has no such name, and is no path.
    #[error(
        "{0:?} cannot be mounted: it is a volume's name (letters, digits, _, . and -) or an absolute path without .."
    )]
    Source(String),
    /// It cannot be mounted there.
    #[error("{0:?} is no place for a volume: it is an absolute path without .., and not / itself")]
    Target(String),
}

impl Volume {
    /// The name that a volume of an app's own has on the engine. No app's name has a `_`, so no two are one.
    pub fn engine_name(app: &crate::AppName, name: &str) -> String {
        format!("{app}_{name}")
    }
}

/// Whether one folder lies below another, by their absolute paths in their shortest form.
pub fn lies_below(inner: &str, outer: &str) -> bool {
    inner
        .strip_prefix(outer.trim_end_matches('/'))
        .is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
}

/// Of two mounted folders, whether who writes to one can replace the other by a link to somewhere else: Docker follows
/// it whenever the container of the other is started. Each is a path, and whether it can be written to.
pub fn can_replace(one: (&str, bool), other: (&str, bool)) -> bool {
    (one.1 && lies_below(other.0, one.0)) || (other.1 && lies_below(one.0, other.0))
}

/// Whether the engine takes a text for the name of a volume or network.
pub(crate) fn is_docker_name(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    (2..=64).contains(&text.len())
        && text.chars().all(good)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// An absolute path in its shortest form; none when it has a `..`, or is none.
pub fn absolute(text: &str) -> Option<String> {
    let parts = || text.split('/').filter(|part| !matches!(*part, "" | "."));
    let odd = |c: char| c.is_control() || c == '\\';
    let good = text.starts_with('/') && !text.contains(odd) && parts().all(|part| part != "..");
    good.then(|| format!("/{}", parts().collect::<Vec<_>>().join("/")))
}

impl FromStr for Volume {
    type Err = VolumeError;

    fn from_str(text: &str) -> Result<Self, VolumeError> {
        let parts: Vec<&str> = text.split(':').collect();
        let (source, target, read_only) = match parts.as_slice() {
            [source, target] | [source, target, "rw"] => (*source, *target, false),
            [source, target, "ro"] => (*source, *target, true),
            _ => return Err(VolumeError::Parts(text.to_owned())),
        };
        let named = is_docker_name(source).then(|| Source::Named(source.to_owned()));
        let folder = || absolute(source).map(Source::Folder);
        Ok(Self {
            source: named
                .or_else(folder)
                .ok_or_else(|| VolumeError::Source(source.to_owned()))?,
            target: absolute(target)
                .filter(|target| target != "/")
                .ok_or_else(|| VolumeError::Target(target.to_owned()))?,
            read_only,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn folders_in_folders() {
        for (inner, outer, below) in [
            ("/srv/files/x", "/srv/files", true),
            ("/srv/files", "/srv/files", false),
            ("/srv/files2", "/srv/files", false),
            ("/srv", "/srv/files", false),
            ("/srv", "/", true),
            ("/", "/", false),
        ] {
            assert_eq!(lies_below(inner, outer), below, "{inner} {outer}");
        }
        let (outer, inner) = ("/srv/files", "/srv/files/x");
        assert!(can_replace((outer, true), (inner, false)));
        assert!(can_replace((inner, false), (outer, true)));
        assert!(!can_replace((outer, false), (inner, true)));
        assert!(!can_replace((outer, true), (outer, true)));
    }

    #[test]
    fn names_and_folders() {
        let volume: Volume = "data:/var/lib//app/".parse().unwrap();
        assert_eq!(volume.source, Source::Named("data".to_owned()));
        assert_eq!(
            (volume.target.as_str(), volume.read_only),
            ("/var/lib/app", false)
        );
        let volume: Volume = "/srv/./files:/files:ro".parse().unwrap();
        assert_eq!(volume.source, Source::Folder("/srv/files".to_owned()));
        assert!(volume.read_only);
        for wrong in [
            "",
            "data",
            "data:",
            "data:/",
            "data:x",
            "./data:/x",
            "data:/x:z",
            "/a/../b:/x",
            "a:/x",
            "d ta:/x",
            "data:/x/../y",
            "data:/x:ro:rw",
            "~/data:/x",
        ] {
            assert!(wrong.parse::<Volume>().is_err(), "{wrong}");
        }
    }
}
