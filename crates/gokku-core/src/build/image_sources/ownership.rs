//! Whose an image is: by the name it is called by, and by what the engine knows of it.
//!
//! gokku calls the images of an app `APP:latest` and `APP:release-ID`, and labels those that it builds.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::app::name::AppName;
use crate::build::official_images;

/// The hosts that mean the registry whose images need no host.
const HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// What the tag of a release's image begins with.
const RELEASE: &str = "release-";

/// A name of one word, as the images of apps have it, in a reference to an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    name: String,
    tag: Option<String>,
    has_digest: bool,
    /// Where the name is.
    pub(super) at: Range<usize>,
}

impl Named {
    /// However it is written; none where it is another repository's.
    pub(super) fn of(reference: &str) -> Option<Self> {
        let (rest, digest) = match reference.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (reference, None),
        };
        let start = rest.rfind('/').map_or(0, |slash| slash + 1);
        let before = rest[..start].to_ascii_lowercase();
        let before = before.trim_end_matches('/');
        let is_library = match before.strip_suffix("library") {
            Some(host) => host.is_empty() || HOSTS.contains(&host.trim_end_matches('/')),
            None => before.is_empty() || HOSTS.contains(&before),
        };
        let name = rest[start..].split(':').next().unwrap_or_default();
        let tag = rest[start..].split_once(':').map(|(_, tag)| tag.to_owned());
        (is_library && !name.is_empty()).then(|| Self {
            name: name.to_ascii_lowercase(),
            tag,
            has_digest: digest.is_some(),
            at: start..start + name.len(),
        })
    }

    fn tag(&self) -> &str {
        self.tag.as_deref().unwrap_or("latest")
    }
}

/// Who else there is on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbours {
    /// The server, as images' labels call it.
    pub root: String,
    /// The app that is built.
    pub own: AppName,
    /// All others.
    pub others: BTreeSet<AppName>,
}

/// What the engine knows of an image.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its names, `api:latest`.
    pub tags: &'a [String],
    /// Its names with a digest.
    pub digests: &'a [String],
    /// The server that its labels name.
    pub root: Option<&'a str>,
    /// The app that its labels name.
    pub app: Option<&'a str>,
}

impl Neighbours {
    /// Returns whether a reference means another app's image, whatever the engine has.
    pub fn is_anothers_name(&self, reference: &str) -> bool {
        let Some(named) = Named::of(reference) else {
            return false;
        };
        if !self.others.iter().any(|app| app.as_str() == named.name) {
            return false;
        }
        // Of an app that is called as an official image is, only what gokku calls so: the others are everybody's.
        let everybodys = official_images::is_one(&named.name)
            && (named.tag.is_none() && named.has_digest
                || named.tag() != "latest" && !named.tag().starts_with(RELEASE));
        !everybodys
    }

    /// Returns whether the image that a reference means to the engine is another app's.
    pub fn is_anothers(&self, reference: &str, image: &Known<'_>) -> bool {
        if self.is_anothers_name(reference) {
            return true;
        }
        let is_anothers =
            |name: &String| self.is_anothers_name(name) || self.is_built_for_another(name, image);
        let own = |name: &&String| is_same(reference, name);
        match image.tags.iter().chain(image.digests).find(own) {
            // By its name: others may have names for it, too.
            Some(name) => is_anothers(name),
            // By its id: somebody must have a name for it to whom it does not belong alone.
            None => image.tags.iter().chain(image.digests).all(is_anothers),
        }
    }

    /// Whether it has this name because it was built for an app that is not this one: also one that is no more, or
    /// another server's.
    fn is_built_for_another(&self, name: &str, image: &Known<'_>) -> bool {
        let Some(named) = Named::of(name) else {
            return false;
        };
        let is_own = image.root == Some(&self.root) && image.app == Some(self.own.as_str());
        !is_own && image.app == Some(&named.name) && image.root.is_some()
    }
}

/// Whether a reference says this name of an image.
fn is_same(reference: &str, name: &str) -> bool {
    match (Named::of(reference), Named::of(name)) {
        (Some(one), Some(other)) => {
            let digest = |text: &str| text.split_once('@').map(|(_, digest)| digest.to_owned());
            one.name == other.name
                && match digest(reference) {
                    Some(wanted) => digest(name) == Some(wanted),
                    None => digest(name).is_none() && one.tag() == other.tag(),
                }
        }
        (None, None) => {
            let whole = |text: &str| {
                let has_tag =
                    text.contains('@') || text.rsplit('/').next().is_some_and(|last| last.contains(':'));
                let text = text.strip_prefix("docker.io/").unwrap_or(text);
                let text = text.strip_prefix("index.docker.io/").unwrap_or(text);
                if has_tag {
                    text.to_owned()
                } else {
                    format!("{text}:latest")
                }
            };
            // With a tag before its digest, the digest counts.
            let digest = |text: &str| match text.split_once('@') {
                Some((before, digest)) => {
                    let slash = before.rfind('/').unwrap_or(0);
                    let end = before[slash..].find(':').map_or(before.len(), |at| slash + at);
                    format!("{}@{digest}", &before[..end])
                }
                None => text.to_owned(),
            };
            whole(&digest(reference)) == whole(&digest(name))
        }
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn neighbours() -> Neighbours {
        let others = ["other", "python", "docker"];
        Neighbours {
            root: "/opt/gokku".to_owned(),
            own: "api".parse().unwrap(),
            others: others.iter().map(|name| name.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn a_name_is_anothers_however_it_is_written() {
        for name in [
            "other",
            "other:latest",
            "other:release-20260101-000000",
            "other:anything",
            "library/other",
            "docker.io/other:latest",
            "docker.io/library/other:latest",
            "Docker.io/Library/Other",
            "index.docker.io/other",
            "index.docker.io/library/other:x",
            "other@sha256:aa",
            "other:latest@sha256:aa",
            "python",
            "python:latest",
            "python:release-20260101-000000",
        ] {
            assert!(neighbours().is_anothers_name(name), "{name}");
        }
        for name in [
            "api",
            "api:latest",
            "others",
            "me/other",
            "ghcr.io/other",
            "localhost:5000/other",
            "docker.io/me/other",
            "library.example.com/other",
            "python:3.12-slim",
            "python@sha256:aa",
            "docker/dockerfile:1",
            "alpine:3",
            "0123456789ab",
            "",
        ] {
            assert!(!neighbours().is_anothers_name(name), "{name}");
        }
    }

    /// References, the image's names, what its labels say, and whether it is another's.
    #[test]
    fn an_image_is_whose_it_is_to_the_engine() {
        let here = Some("/opt/gokku");
        let none: (Option<&str>, Option<&str>) = (None, None);
        let at_digest = format!("nginx@{DIGEST}");
        let private = format!("ghcr.io/me/app@{DIGEST}");
        for (reference, names, (root, app), wanted) in [
            (
                "0123456789ab",
                vec!["other:latest", "other:release-1"],
                (here, Some("other")),
                true,
            ),
            ("0123456789ab", vec!["api:release-1"], (here, Some("api")), false),
            ("0123456789ab", vec!["nginx:1.25", "other:latest"], none, false),
            // A step of somebody's build.
            ("0123456789ab", vec![], none, true),
            ("nginx:1.25", vec!["nginx:1.25", "other:release-1"], none, false),
            ("docker.io/library/nginx:1.25", vec!["nginx:1.25"], none, false),
            (&at_digest, vec![&at_digest], none, false),
            (&at_digest, vec!["other:latest"], none, true),
            (
                "ghcr.io/me/app:1",
                vec!["ghcr.io/me/app:1", "other:latest"],
                none,
                false,
            ),
            ("ghcr.io/me/app", vec!["ghcr.io/me/app:latest"], none, false),
            (&format!("ghcr.io/me/app:1@{DIGEST}"), vec![&private], none, false),
            // An app's that is no more, and another server's of the same engine.
            ("gone:latest", vec!["gone:latest"], (here, Some("gone")), true),
            ("api:latest", vec!["api:latest"], (here, Some("api")), false),
            (
                "api:latest",
                vec!["api:latest"],
                (Some("/srv"), Some("api")),
                true,
            ),
            (
                "theirs:latest",
                vec!["theirs:latest"],
                (Some("/srv"), Some("theirs")),
                true,
            ),
            // One that somebody made on top of an app's.
            ("base:1", vec!["base:1"], (here, Some("other")), false),
            ("nginx:1", vec!["nginx:1"], (None, Some("nginx")), false),
        ] {
            let (digests, tags): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.contains('@'));
            let owned = |names: Vec<&str>| names.iter().map(ToString::to_string).collect::<Vec<_>>();
            let (tags, digests) = (owned(tags), owned(digests));
            let known = Known {
                tags: &tags,
                digests: &digests,
                root,
                app,
            };
            assert_eq!(
                neighbours().is_anothers(reference, &known),
                wanted,
                "{reference} {names:?}"
            );
        }
    }
}
