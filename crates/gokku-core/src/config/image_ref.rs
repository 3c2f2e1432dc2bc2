//! A reference to an image, as Docker writes it, and what an `image:` in `gokku.yml` is for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The registries whose images are taken to be ready, without `docker.registry` in `gokku.yml`; `*.` is any host below.
pub const REGISTRIES: [&str; 10] = [
    "docker.io",
    "ghcr.io",
    "quay.io",
    "gcr.io",
    "*.gcr.io",
    "*.pkg.dev",
    "registry.gitlab.com",
    "public.ecr.aws",
    "*.amazonaws.com",
    "*.azurecr.io",
];

/// Where images are that name no registry.
pub const DEFAULT_REGISTRY: &str = "docker.io";

/// `[HOST[:PORT]/]NAME[:TAG][@DIGEST]`, by the grammar of
/// <https://pkg.go.dev/github.com/distribution/reference>.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageRef {
    text: String,
    /// Where the host ends, if there is one.
    host: Option<usize>,
    /// Where the name, with the host, ends.
    name: usize,
    /// Where the digest begins.
    digest: Option<usize>,
}

/// Why a text is not a reference to an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an image: it is [HOST/]NAME[:TAG][@sha256:DIGEST], the name in lower case")]
pub struct ImageRefError(pub String);

/// What `image:` is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It is built on.
    Base,
    /// It is run as it is.
    Ready,
}

/// An image's registry is not one whose images are taken to be ready.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is no registry that gokku knows: if the image is ready to run, add it to docker.registry at the top of gokku.yml (`docker: {{registry: [{0}]}}`); to build on an image of it, write a Dockerfile"
)]
pub struct UnknownRegistry(pub String);

impl ImageRef {
    /// The whole, as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The registry's host with its port, where one is named.
    pub fn host(&self) -> Option<&str> {
        self.host.and_then(|end| self.text.get(..end))
    }

    /// The registry it is in.
    pub fn registry(&self) -> &str {
        self.host().unwrap_or(DEFAULT_REGISTRY)
    }

    /// Without tag and digest.
    pub fn name(&self) -> &str {
        self.text.get(..self.name).unwrap_or_default()
    }

    /// The tag, where one is named.
    pub fn tag(&self) -> Option<&str> {
        let end = self.digest.map_or(self.text.len(), |start| start - 1);
        self.text.get(self.name + 1..end).filter(|tag| !tag.is_empty())
    }

    /// The digest, where one is named: `sha256:…`.
    pub fn digest(&self) -> Option<&str> {
        self.digest.and_then(|start| self.text.get(start..))
    }

    /// What it is for: run as it is when it names a registry's host, built on when it does not. The host has to be one
    /// of [`REGISTRIES`] or of `more`, so that nothing is guessed.
    pub fn used_as(&self, more: &[String]) -> Result<Use, UnknownRegistry> {
        let Some(host) = self.host() else {
            return Ok(Use::Base);
        };
        let is_it = |known: &str| match known.strip_prefix('*') {
            Some(end) => host.len() > end.len() && host.ends_with(end),
            None => host == known,
        };
        if REGISTRIES.into_iter().any(is_it) || more.iter().any(|known| is_it(known)) {
            Ok(Use::Ready)
        } else {
            Err(UnknownRegistry(host.to_owned()))
        }
    }
}

/// Whether a text is a registry's host, which may have a port, and may begin with `*.`.
pub fn is_host(text: &str) -> bool {
    let (bare, port) = text
        .split_once(':')
        .map_or((text, None), |(name, port)| (name, Some(port)));
    let is_label = |label: &str| {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && label.chars().all(good) && !label.starts_with('-') && !label.ends_with('-')
    };
    let name = bare.strip_prefix("*.").unwrap_or(bare);
    name.split('.').all(is_label)
        && (name == "localhost" || name.contains('.') || port.is_some())
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl TryFrom<String> for ImageRef {
    type Error = ImageRefError;

    fn try_from(text: String) -> Result<Self, ImageRefError> {
        text.parse()
    }
}

impl From<ImageRef> for String {
    fn from(image: ImageRef) -> Self {
        image.text
    }
}

impl FromStr for ImageRef {
    type Err = ImageRefError;

    fn from_str(text: &str) -> Result<Self, ImageRefError> {
        parse(text).ok_or_else(|| ImageRefError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<ImageRef> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let host = rest
        .split_once('/')
        .map(|(first, _)| first)
        .filter(|first| *first == "localhost" || first.contains(['.', ':']));
    let path_start = host.map_or(0, |host| host.len() + 1);
    let path_and_tag = rest.get(path_start..)?;
    let (path, tag) = match path_and_tag.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (path_and_tag, None),
    };
    let good = host.is_none_or(|host| is_host(host) && !host.starts_with('*'))
        && path.split('/').all(is_component)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest)
        && path_start + path.len() <= 255;
    good.then(|| ImageRef {
        text: text.to_owned(),
        host: host.map(str::len),
        name: path_start + path.len(),
        digest: digest.map(|digest| text.len() - digest.len()),
    })
}

/// Letters and digits, with `.`, `_`, `__` or dashes between.
fn is_component(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let between = |text: &str| matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-');
    part.starts_with(plain) && part.ends_with(plain) && part.split(plain).all(between)
}

fn is_tag(tag: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    (1..=128).contains(&tag.len()) && tag.chars().all(good) && !tag.starts_with(['.', '-'])
}

fn is_digest(digest: &str) -> bool {
    let hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    digest
        .strip_prefix("sha256:")
        .is_some_and(|rest| rest.len() == 64 && rest.chars().all(hex))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Option<String>, String, Option<String>, bool) {
        let image: ImageRef = text.parse().unwrap();
        assert_eq!(image.as_str(), text);
        (
            image.host().map(str::to_owned),
            image.name().to_owned(),
            image.tag().map(str::to_owned),
            image.digest().is_some(),
        )
    }

    #[test]
    fn its_parts() {
        let some = |text: &str| Some(text.to_owned());
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!(parts("python"), (None, "python".to_owned(), None, false));
        assert_eq!(
            parts("python:3.11-slim"),
            (None, "python".to_owned(), some("3.11-slim"), false)
        );
        assert_eq!(
            parts("me/my_app:v1"),
            (None, "me/my_app".to_owned(), some("v1"), false)
        );
        assert_eq!(
            parts(&format!("ghcr.io/me/app:v1@{digest}")),
            (some("ghcr.io"), "ghcr.io/me/app".to_owned(), some("v1"), true)
        );
        assert_eq!(
            parts(&format!("localhost:5000/app@{digest}")),
            (
                some("localhost:5000"),
                "localhost:5000/app".to_owned(),
                None,
                true
            )
        );
    }

    #[test]
    fn what_is_none() {
        for text in [
            "",
            "App",
            "a b",
            "app:",
            "app:-x",
            "app@sha256:12",
            "-app",
            "app-",
            "a..b",
            "a___b",
            "/app",
            "app/",
            "ghcr.io/",
            "ghcr.io:0/app",
            "*.example.com/app",
            "https://ghcr.io/app",
            "app\u{e9}",
        ] {
            assert!(text.parse::<ImageRef>().is_err(), "{text}");
        }
    }

    #[test]
    fn by_its_host_it_is_run_or_built_on() {
        let used = |text: &str, more: &[&str]| {
            let more: Vec<String> = more.iter().map(ToString::to_string).collect();
            text.parse::<ImageRef>().unwrap().used_as(&more)
        };
        assert_eq!(used("python:3.11", &[]), Ok(Use::Base));
        assert_eq!(used("me/app", &[]), Ok(Use::Base));
        assert_eq!(used("ghcr.io/me/app", &[]), Ok(Use::Ready));
        assert_eq!(used("eu.gcr.io/me/app", &[]), Ok(Use::Ready));
        assert_eq!(used("docker.io/library/nginx:1", &[]), Ok(Use::Ready));
        let own = "registry.example.com:5000/app";
        assert_eq!(
            used(own, &[]),
            Err(UnknownRegistry("registry.example.com:5000".to_owned()))
        );
        assert_eq!(used(own, &["registry.example.com:5000"]), Ok(Use::Ready));
        assert_eq!(used("a.b.example.com/app", &["*.example.com"]), Ok(Use::Ready));
        assert!(used("example.com/app", &["*.example.com"]).is_err());
    }
}
