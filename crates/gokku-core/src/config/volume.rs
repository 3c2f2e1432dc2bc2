//! A volume of an app: what stays when its containers go. `volumes` in `gokku.yml`, and what an image declares.

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::app::name::AppName;
use crate::text::fingerprint::Fingerprint;

/// What stands behind a path where nothing is kept.
const ANONYMOUS: &str = "anonymous";
/// The longest path that is the whole of a volume's name. Names are folders' names to the engine: 255 bytes.
const LONGEST_PLAIN: usize = 100;
/// How much of any other path is in it.
const SHOWN: usize = 40;

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
    /// A volume of each container's own, which goes with it: what an image declares there is not kept.
    Anonymous,
}

/// Why a text is not a volume.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VolumeError {
    /// It has not two or three parts.
    #[error(
        "{0:?} cannot be: it is NAME:/path or /folder:/path, and :ro behind it when it cannot be written to; or \
         /path:anonymous where nothing is kept"
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
    pub fn engine_name(app: &AppName, name: &str) -> String {
        format!("{app}_{name}")
    }

    /// The name that a volume has on the engine which is an app's because its image declares it, by its path as
    /// [`declared`] gives it: `api__data` for `/data`.
    ///
    /// No volume of the app's own begins with a `_`. Of two paths no two are one: a `_` stands for a `/`; a path with a `_`
    /// of its own, with anything else that no name may have, or too long for one, has its sum behind `__`, which no
    /// other has.
    pub fn carried_name(app: &AppName, path: &str) -> String {
        let good = |c: char| c.is_ascii_alphanumeric() || ".-/".contains(c);
        if path.len() <= LONGEST_PLAIN && path.chars().all(good) {
            return Self::engine_name(app, &path.replace('/', "_"));
        }
        let mut sum = Fingerprint::default();
        sum.add(path);
        let shown = path.chars().take(SHOWN).map(|c| match c {
            '/' => '_',
            c if good(c) || c == '_' => c,
            _ => '-',
        });
        Self::engine_name(app, &format!("{}__{sum}", shown.collect::<String>()))
    }

    /// Whether a name on the engine is one that [`Volume::carried_name`] gives.
    pub fn is_carried_name(app: &AppName, name: &str) -> bool {
        name.strip_prefix(app.as_str())
            .is_some_and(|rest| rest.starts_with("__"))
    }
}

/// Where the engine mounts what an image declares as a volume, whatever is written there: it takes a path in its shortest
/// form, from `/` on, and `..` as Go's `filepath.Clean` does, without a look at links (`createContainerOSSpecificSettings`
/// of moby). None for `/` itself, which no engine starts a container with.
pub fn declared(text: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| format!("/{}", parts.join("/")))
}

/// The volumes that an image declares, as [`declared`] gives them, and that are carried from release to release: all that
/// a `gokku.yml` does not say itself what is mounted at.
pub fn carried(declared: &[String], said: &[Volume]) -> BTreeSet<String> {
    let is_said = |path: &String| said.iter().any(|volume| volume.target == *path);
    declared.iter().filter(|path| !is_said(path)).cloned().collect()
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
        let place = |target: &str| {
            absolute(target)
                .filter(|target| target != "/")
                .ok_or_else(|| VolumeError::Target(target.to_owned()))
        };
        if let [target, ANONYMOUS] = parts.as_slice()
            && target.starts_with('/')
        {
            return Ok(Self {
                source: Source::Anonymous,
                target: place(target)?,
                read_only: false,
            });
        }
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
            target: place(target)?,
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
            "/data",
            "/:anonymous",
            "/x/../y:anonymous",
            "data:anonymous",
            "/data:anonymous:ro",
            "/data:Anonymous",
        ] {
            assert!(wrong.parse::<Volume>().is_err(), "{wrong}");
        }
        let volume: Volume = "/var//cache/:anonymous".parse().unwrap();
        assert_eq!(volume.source, Source::Anonymous);
        assert_eq!(volume.target, "/var/cache");
    }

    /// The names are on people's servers: they stay what they are.
    #[test]
    fn a_declared_volume_has_one_name_for_its_place_whatever_is_written() {
        let app: AppName = "api".parse().unwrap();
        let long = format!("/{}", "x".repeat(300));
        let long_name = format!("api__{}__9068de82043e1f64", "x".repeat(39));
        for (written, place, name) in [
            ("/data", "/data", "api__data"),
            ("/data/", "/data", "api__data"),
            ("data", "/data", "api__data"),
            ("./data//.", "/data", "api__data"),
            ("/tmp/../data", "/data", "api__data"),
            ("/../data", "/data", "api__data"),
            ("/Data", "/Data", "api__Data"),
            ("/data/sub", "/data/sub", "api__data_sub"),
            ("/data-sub", "/data-sub", "api__data-sub"),
            (
                "/var/lib/postgresql/17.2",
                "/var/lib/postgresql/17.2",
                "api__var_lib_postgresql_17.2",
            ),
            ("/.cache", "/.cache", "api__.cache"),
            ("/data_sub", "/data_sub", "api__data_sub__18cdb3789eb59e80"),
            ("/a b", "/a b", "api__a-b__671818ce06d51a33"),
            ("/a:b", "/a:b", "api__a-b__670438ce06c4a789"),
            ("/a\\b", "/a\\b", "api__a-b__685140ce07df966f"),
            ("/dåta", "/dåta", "api__d-ta__a487eb8f525e5ab3"),
            ("[/x", "/[/x", "api__-_x__b1394acec21920b4"),
            (&long, &long, &long_name),
        ] {
            assert_eq!(declared(written).as_deref(), Some(place), "{written}");
            let made = Volume::carried_name(&app, place);
            assert_eq!(made, name, "{written}");
            assert!(made.len() < 255, "{made}");
            assert!(Volume::is_carried_name(&app, &made), "{made}");
            let good = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            assert!(made.chars().all(good), "{made}");
        }
        for root in ["/", "", ".", "//", "/..", "/a/.."] {
            assert_eq!(declared(root), None, "{root:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_two_declared_volumes_are_one(one in "(/[a_.-]{1,3}){1,3}", other in "(/[a_.-]{1,3}){1,3}") {
            let app: AppName = "api".parse().unwrap();
            if let (Some(one), Some(other)) = (declared(&one), declared(&other)) {
                let name = |path: &str| Volume::carried_name(&app, path);
                assert_eq!(one == other, name(&one) == name(&other), "{one} {other}");
                // What a gokku.yml can name has another name.
                assert!(!is_docker_name(name(&one).strip_prefix("api_").unwrap()));
            }
        }
    }

    #[test]
    fn what_gokku_yml_says_of_a_place_counts_before_what_the_image_declares() {
        let declared = ["/data", "/data/sub", "/cache"].map(str::to_owned);
        for (said, kept) in [
            (&[][..], &["/cache", "/data", "/data/sub"][..]),
            (&["own:/data/"], &["/cache", "/data/sub"]),
            (&["/srv/files:/data:ro"], &["/cache", "/data/sub"]),
            (&["/cache:anonymous"], &["/data", "/data/sub"]),
            (
                &["own:/data/sub/deeper", "other:/"],
                &["/cache", "/data", "/data/sub"],
            ),
            (&["own:/dat"], &["/cache", "/data", "/data/sub"]),
        ] {
            let said: Vec<Volume> = said.iter().filter_map(|text| text.parse().ok()).collect();
            let found = carried(&declared, &said);
            assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), kept);
        }
    }
}
